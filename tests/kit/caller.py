"""A customer who calls an address again and again, and keeps what failed."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx

PAUSE_S = 0.02
PATIENCE_S = 20.0


def find_fault(answer: httpx.Response) -> str:
    """Return what is wrong with an answer that should be 200, or nothing."""
    return "" if answer.status_code == 200 else f"{answer.status_code} {answer.text}"


class Caller:
    """POSTs `body` as JSON over one connection that is kept, from the block's begin to its end.

    judge: what is wrong with an answer, or "". `calls` counts all, `failures` has a sentence for each that failed.
    """

    def __init__(
        self,
        url: str,
        body: Any,
        headers: Mapping[str, str] | None = None,
        judge: Callable[[httpx.Response], str] = find_fault,
        pause_s: float = PAUSE_S,
    ) -> None:
        self.calls, self.failures = 0, list[str]()
        self._stop = threading.Event()
        self._judge, self._pause_s = judge, pause_s
        self._thread = threading.Thread(target=self._run, args=(url, body, headers))

    def _run(self, url: str, body: Any, headers: Mapping[str, str] | None) -> None:
        with httpx.Client(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
            while not self._stop.is_set():
                try:
                    fault = self._judge(client.post(url, json=body))
                except httpx.HTTPError as error:
                    fault = repr(error)
                self.failures += [fault] if fault else []
                self.calls += 1
                self._stop.wait(self._pause_s)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
