"""Data sets: files that models are fed with or judged by. Nothing here looks inside them."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataSet:
    """A file under a name. It is stored under `digest` ("sha256:" and 64 hex digits) and never changes. size: bytes."""

    project: str
    name: str
    filename: str
    digest: str
    size: int
    created: datetime.datetime
    created_by: str
    description: str = ""
