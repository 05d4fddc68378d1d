"""Calls the warm test runtime over HTTP. It opens files that nobody trusts; here only its JSON is read.

    POST /inspect {"digest", "filename"}                    -> {"format", "signature", "task", "libraries"}
    POST /test    {"digest", "filename", "format", "function", "args"} -> the fields of a TrialRun

Where it runs is read from the last observation, so that it is found again wherever the cluster moved it.
"""

from typing import Any

import httpx

from airgate_kit.clock import Clock
from airgate_kit.names import HEADER_GATE
from airgate_web.domain.errors import BadModel, Unavailable
from airgate_web.domain.model import ModelVersion, Signature
from airgate_web.domain.plain import read_plain
from airgate_web.domain.runtime import find_tester_name
from airgate_web.domain.secrets import find_tester_secret
from airgate_web.domain.workload import Address, Observation, ReplicaState
from airgate_web.ports import Inspection, Store, TrialRun

PATIENCE = 30.0  # seconds to wait for a tester that is starting or moving
LOOK_AGAIN = 0.25  # seconds between two looks at the observation
CONNECT = 2.0  # seconds for one try to connect
ANSWER = 600.0  # seconds for a large model to load and run; the tester has limits of its own, below this
BAD_FILE = (400, 413, 415, 422)  # the tester read the file, and it is none


class HttpTester:
    """Keeps the Tester protocol; safe in several threads."""

    def __init__(self, store: Store, internal_token: str, clock: Clock, patience: float = PATIENCE) -> None:
        self._store = store
        self._internal_token = internal_token
        self._clock = clock
        self._patience = patience

    def inspect(self, runtime: str, digest: str, filename: str) -> Inspection:
        """Read a signature; see `Tester.inspect`."""
        answer = self._call(runtime, "/inspect", {"digest": digest, "filename": filename})
        body = read_json(answer)
        if answer.status_code in BAD_FILE:
            raise BadModel(str(body.get("error", "The file is not a model.")), str(body.get("hint", "")))
        require_ok(answer, body)
        signature = read_plain(Signature, body["signature"])
        return Inspection(body["format"], signature, body.get("task", ""), dict(body.get("libraries", {})))

    def test(self, runtime: str, version: ModelVersion, function: str, args: object) -> TrialRun:
        """Load, call once, forget; see `Tester.test`."""
        file = {"digest": version.digest, "filename": version.filename, "format": version.format}
        answer = self._call(runtime, "/test", {**file, "function": function, "args": args})
        body = read_json(answer)
        if answer.status_code in BAD_FILE:
            return make_failed_run(body)
        require_ok(answer, body)
        return read_plain(TrialRun, body)  # type: ignore[no-any-return]

    def _call(self, runtime: str, path: str, body: dict[str, object]) -> httpx.Response:
        """Return the tester's answer; one that does not take the connection is asked again until patience ends."""
        deadline = self._clock.monotonic() + self._patience
        headers = {HEADER_GATE: find_tester_secret(self._internal_token, runtime)}
        while True:
            address = find_address(self._store, runtime)
            try:
                if address is not None:
                    return post(address, path, body, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                pass
            if self._clock.monotonic() >= deadline:
                raise explain_away(self._store, runtime)
            self._clock.sleep(LOOK_AGAIN)


def post(address: Address, path: str, body: dict[str, object], headers: dict[str, str]) -> httpx.Response:
    """Send one request, past any proxy of the surroundings; Unavailable when the answer breaks off."""
    try:
        with httpx.Client(timeout=httpx.Timeout(ANSWER, connect=CONNECT), trust_env=False) as client:
            return client.post(f"http://{address.host}:{address.http_port}{path}", json=body, headers=headers)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except httpx.HTTPError as error:
        raise Unavailable("The test runtime broke off in the middle.", "Try again.") from error


def find_address(store: Store, runtime: str) -> Address | None:
    """Return where the tester of a runtime answers, or None as long as nobody has seen one."""
    for facts in find_observed(store).workloads:
        if facts.name == find_tester_name(runtime) and facts.addresses:
            return facts.addresses[0]
    return None


def find_observed(store: Store) -> Observation:
    """Return the last observation, an empty one before the first."""
    seen = store.find_observation()
    return seen[0] if seen else Observation()


def explain_away(store: Store, runtime: str) -> Unavailable:
    """Return a refusal that says what is known of the tester that does not answer."""
    replicas = [
        replica
        for facts in find_observed(store).workloads
        if facts.name == find_tester_name(runtime)
        for replica in facts.replicas
        if replica.state is not ReplicaState.READY
    ]
    why = f": it is {replicas[0].state}" + (f", {replicas[0].reason}" if replicas[0].reason else "") if replicas else ""
    return Unavailable(f"The test runtime '{runtime}' does not answer{why}.", "Try again in a minute.")


def read_json(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; Unavailable when it is none."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unavailable(f"The test runtime answered {answer.status_code} without sense.", "Try again.")
    return body


def require_ok(answer: httpx.Response, body: dict[str, Any]) -> None:
    """Raise Unavailable unless the tester did what it was asked."""
    if answer.status_code != httpx.codes.OK:
        said = body.get("error") or f"it answered {answer.status_code}"
        raise Unavailable(f"The test runtime cannot do this now: {said}", str(body.get("hint") or "Try again."))


def make_failed_run(body: dict[str, Any]) -> TrialRun:
    """Return the run of a model that could not even be opened."""
    error, hint = str(body.get("error", "")), str(body.get("hint", ""))
    return TrialRun(False, None, "", "", "", 0.0, 0.0, error or "The model cannot be opened.", hint)
