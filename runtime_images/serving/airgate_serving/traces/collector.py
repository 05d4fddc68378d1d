"""The way to a collector: one POST a batch, tried again within a bound.

Docs: https://opentelemetry.io/docs/specs/otlp/#otlphttp: which answers may be tried again, and how.
"""

import gzip
import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any

from airgate_kit.clock import Clock
from airgate_serving.errors import BadConfiguration
from airgate_serving.traces.settings import TraceSettings

AGAIN_AT = (429, 502, 503, 504)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds between two tries, twice as long each time
CONTENT_TYPE = "application/x-protobuf"
MOST_ANSWER = 64 * 1024  # bytes that are read of an answer


class Unsent(Exception):
    """A batch that the collector did not take. The text says why."""


class Collector:
    """Somebody who takes spans."""

    def __init__(self, settings: TraceSettings, clock: Clock) -> None:
        """Reach it as `settings` say. Raises BadConfiguration for a certificate that cannot be read."""
        self._settings, self._clock = settings, clock
        handlers: list[Any] = [urllib.request.ProxyHandler({}), _NoRedirect()]
        if settings.url.startswith("https"):
            handlers.append(urllib.request.HTTPSHandler(context=_trust(settings.certificate)))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, body: bytes, seconds: float) -> bytes:
        """Return the answer to a batch. Raises Unsent when none came in so many seconds, tries included."""
        until, pause = self._clock.monotonic() + seconds, FIRST_PAUSE
        content = gzip.compress(body) if self._settings.compress else body
        while True:
            try:
                return self._post(content, until - self._clock.monotonic())
            except OSError as error:
                wait = _find_wait(error, pause)
                if wait is None or self._clock.monotonic() + wait >= until:
                    raise Unsent(_explain(error)) from error
            self._clock.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _post(self, content: bytes, seconds: float) -> bytes:
        headers = {"Content-Type": CONTENT_TYPE, "User-Agent": "airgate-serve", **self._settings.headers}
        if self._settings.compress:
            headers["Content-Encoding"] = "gzip"
        request = urllib.request.Request(self._settings.url, content, headers)  # noqa: S310 - the operator's address
        try:
            with self._opener.open(request, timeout=max(0.001, seconds)) as answer:
                return bytes(answer.read(MOST_ANSWER))
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"the answer is not one of HTTP: {error!r}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


def _trust(certificate: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificate or None)
    except OSError as error:
        raise BadConfiguration(
            f"The certificate {certificate} cannot be read: {error.strerror or error}.",
            "Write the path of a PEM file (OTEL_EXPORTER_OTLP_CERTIFICATE).",
        ) from error


def _find_wait(error: OSError, pause: float) -> float | None:
    """Return the seconds before another try, or None where none would help."""
    if not isinstance(error, urllib.error.HTTPError):
        return pause
    if error.code not in AGAIN_AT:
        return None
    asked = error.headers.get("Retry-After", "")
    return max(pause, float(asked)) if asked.isdecimal() else pause


def _explain(error: OSError) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code}"
    return str(getattr(error, "reason", "") or error or type(error).__name__)
