"""How long the gateway waits for a deployment's answers."""

from dataclasses import dataclass

from airgate_web.domain.amounts import read_whole
from airgate_web.domain.errors import Invalid

REQUEST_S = 60  # a cold model may need longer than Envoy's own 15 s
TIMEOUT_MAX_S = 86400


@dataclass(frozen=True, slots=True)
class Timeouts:
    """request_s: from the whole request to the last byte of its answer, a stream's too. idle_s: between two bytes.

    Both in seconds; idle_s 0: silence is as good as bytes until request_s is over.
    """

    request_s: int = REQUEST_S
    idle_s: int = 0

    @property
    def silence_s(self) -> int:
        """Seconds of silence after which the gateway gives an answer up."""
        return self.idle_s or self.request_s


def read_timeouts(request: object, idle: object) -> Timeouts:
    """Return Timeouts from seconds as a person wrote them; raise Invalid with one sentence."""
    found = Timeouts(
        read_whole("Timeout in seconds", request, 1, TIMEOUT_MAX_S),
        read_whole("Idle timeout in seconds", idle, 0, TIMEOUT_MAX_S),
    )
    if found.idle_s > found.request_s:
        raise Invalid(
            f"The idle timeout of {found.idle_s} s is longer than the timeout of {found.request_s} s.",
            "Make the timeout longer, or the idle timeout shorter or 0.",
        )
    return found
