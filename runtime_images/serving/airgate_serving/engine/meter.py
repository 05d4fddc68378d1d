"""What requests cost, counted with plain integers on the request path and rendered elsewhere (`telemetry.py`)."""

from bisect import bisect_left
from collections import defaultdict

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histograms' buckets, in seconds."""

STAGES = ("queue", "compute", "codec")
PREDICT = "predict"  # the function that every model has


class Histogram:
    """Counts of durations by bucket, and their sum in seconds. The last bucket is for all that is longer."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


class Meter:
    """All counts of one served model, durations by function and stage. Only the event loop's thread writes."""

    __slots__ = ("batched_rows", "batches", "requests", "stages")

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.stages: dict[str, dict[str, Histogram]] = {}
        self.find_stages(PREDICT)
        self.requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self.batches = 0
        self.batched_rows = 0

    def find_stages(self, function: str) -> dict[str, Histogram]:
        """Return the histograms of a function, by stage."""
        if function not in self.stages:
            self.stages[function] = {stage: Histogram() for stage in STAGES}
        return self.stages[function]

    def count_request(self, door: str, function: str, status: int) -> None:
        """Count one answered request of a door (v2, records, grpc), with its status."""
        self.requests[door, function, status] += 1

    def count_batch(self, rows: int, seconds: float, function: str = PREDICT) -> None:
        """Count one run of the model."""
        self.batches += 1
        self.batched_rows += rows
        self.stages[function]["compute"].observe(seconds)
