"""Jobs, as JSON."""

import datetime

from airgate_web.api.shapes.base import Answer, Body, Number, Words
from airgate_web.api.shapes.deployments import ModelFileAnswer


class JobBody(Body):
    """What to run. task: "batch" for predictions, "evaluate" for how good they are. runtime: slug of a worker.

    keep: columns copied beside the predictions. target: the column with the right answers. measure: classification,
    regression or clustering; as the model says when empty. chunk: rows at a time. cpu: cores, memory: GiB.
    """

    model: str
    dataset: str
    task: str = "batch"
    version: int | str = "latest"
    runtime: str = ""
    keep: Words = []
    target: str = ""
    measure: str = ""
    chunk: Number = 1000
    cpu: Number = 1
    memory: Number = 2


class MetricAnswer(Answer):
    """One figure of an evaluation. rating: bad, fair, good, or empty where nobody says what is good."""

    name: str
    value: float
    rating: str


class ResultAnswer(Answer):
    """The file of predictions. size: bytes."""

    digest: str
    size: int
    filename: str


class JobLogAnswer(Answer):
    """The last lines that a job has printed. seen: when the last was first seen. sentence: why there are none."""

    text: str
    seen: datetime.datetime | None
    sentence: str


class JobAnswer(Answer):
    """A job and what became of it.

    state: Waiting, Running, Succeeded, Failed or Stopped. sentence: why it waits or has failed. rows: answered so far.
    of: rows there are; null while nobody has counted. result: of task "batch", once it has succeeded.
    """

    number: int
    project: str
    model: ModelFileAnswer
    dataset: str
    task: str
    runtime: str
    keep: list[str]
    target: str
    measure: str
    chunk: int
    cpu: float
    memory: float
    state: str
    sentence: str
    rows: int
    of: int | None
    metrics: list[MetricAnswer]
    result: ResultAnswer | None
    created: datetime.datetime
    created_by: str
    started: datetime.datetime | None
    ended: datetime.datetime | None
