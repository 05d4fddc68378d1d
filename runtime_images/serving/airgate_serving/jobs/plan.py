"""What a job is told, and the commands that follow from it. Pure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BATCH, EVALUATE = "batch", "evaluate"
TASKS = (BATCH, EVALUATE)
KINDS = ("csv", "jsonl", "parquet")


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What to run and whom to tell.

    rows: the data set's file; kind: what it is. folder: to write in; what lies there from an earlier process of the
    same job is gone on from. web: address of the web process, http://HOST:PORT or unix:PATH; job: the number it knows
    this job by. environment: all that the process with the model inherits. options: further words for it.
    """

    task: str
    model: Path
    rows: Path
    kind: str
    folder: Path
    web: str
    job: int
    secret: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def rows_link(self) -> Path:
        """The rows under a name that says what they are: stored files have none."""
        return self.folder / f"rows.{self.kind}"

    @property
    def result(self) -> Path:
        """The file to fill: predictions of the same kind as the rows, or metrics."""
        return self.folder / (f"result.{self.kind}" if self.task == BATCH else "metrics.json")

    @property
    def command(self) -> tuple[str, ...]:
        """The process with the model. -u: what a model prints is there also when its process is killed."""
        program = (sys.executable, "-u", "-P", "-m", "airgate_serving", self.task, str(self.model))
        return (*program, "--rows", str(self.rows_link), "--to", str(self.result), *self.options)
