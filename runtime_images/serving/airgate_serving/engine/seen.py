"""What a door saw of one request: for logs and samples, which are made elsewhere (`access.py`)."""

from collections.abc import Callable
from dataclasses import dataclass

from airgate_serving.engine.trace import Trace


@dataclass(frozen=True, slots=True)
class Seen:
    """One answered request. `body` gives what came in, for whoever asks; nobody else pays for it."""

    door: str
    what: str  # the path, or the gRPC method
    status: int  # HTTP's, or gRPC's number
    request_id: str
    seconds: float
    body: Callable[[], bytes]
    model: str = ""  # where `what` does not say it
    code: str = ""  # of the refusal
    trace: Trace | None = None  # where the request was followed


Watch = Callable[[Seen], None]
