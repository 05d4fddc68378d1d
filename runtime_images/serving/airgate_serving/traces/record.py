"""What goes through the pipe: one line of JSON a request. The reader takes nothing for granted.

The writer is the process in which the model runs, so a line may be anything; only its types and sizes are promised.
"""

import msgspec

LONGEST = 4096  # bytes of a line: what a pipe takes whole or not at all (PIPE_BUF)
Value = str | int | bool
Attributes = dict[str, Value]


class StageRecord(msgspec.Struct, frozen=True, array_like=True):
    """A stage as a child span. begin, end: nanoseconds since 1970."""

    name: str
    begin: int
    end: int
    attributes: Attributes
    failed: bool = False


class SpanRecord(msgspec.Struct, frozen=True, array_like=True):
    """A request as a server's span, with its children."""

    trace_id: str
    parent: str
    state: str
    name: str
    begin: int
    end: int
    attributes: Attributes
    failed: bool
    stages: list[StageRecord]

    def count(self) -> int:
        """Return how many spans this is."""
        return 1 + len(self.stages)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SpanRecord)


def write_line(record: SpanRecord) -> bytes:
    """Return the record as one line, its end included."""
    return _encoder.encode(record) + b"\n"


def read_line(line: bytes) -> SpanRecord | None:
    """Return the record of a line, or None where it is none."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
