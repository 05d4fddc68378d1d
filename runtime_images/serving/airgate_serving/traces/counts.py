"""Two numbers that the exporter writes and the serving process reads: memory that both have."""

import mmap
import struct

LAYOUT = struct.Struct("qq")  # spans sent, spans dropped


class Counts:
    """Spans that were sent and dropped. Make it before the fork; one process alone adds."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._memory = mmap.mmap(-1, LAYOUT.size)

    def add(self, sent: int, dropped: int) -> None:
        """Count some more."""
        before = self.read()
        LAYOUT.pack_into(self._memory, 0, before[0] + sent, before[1] + dropped)

    def read(self) -> tuple[int, int]:
        """Return how many were sent and dropped so far."""
        sent, dropped = LAYOUT.unpack_from(self._memory, 0)
        return int(sent), int(dropped)
