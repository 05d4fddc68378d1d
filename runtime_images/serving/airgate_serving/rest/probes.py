"""The other port: /livez, /readyz and /metrics, without a gate and never busy."""

from collections.abc import Callable

from airgate_serving.errors import UnknownPath
from airgate_serving.rest.door import Request
from airgate_serving.rest.failures import Answer, write_json

READY = "ready"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ProbesDoor:
    """Answers the kubelet and Prometheus."""

    def __init__(self, find_state: Callable[[], str], render_metrics: Callable[[], bytes]) -> None:
        """Tell the state that `find_state` returns, "ready" or another; metrics come from `render_metrics`."""
        self._find_state = find_state
        self._render = render_metrics

    async def __call__(self, request: Request) -> Answer:
        """Answer one of the three paths. Raises UnknownPath for others."""
        if request.path == "/livez":
            return write_json({"live": True})
        if request.path == "/readyz":
            return self._tell_ready()
        if request.path == "/metrics":
            return Answer(200, self._render(), METRICS_TYPE)
        raise UnknownPath(f"There is nothing at {request.path[:200]}.", "Use /livez, /readyz or /metrics.")

    def _tell_ready(self) -> Answer:
        state = self._find_state()
        return write_json({"ready": state == READY, "state": state}, 200 if state == READY else 503)
