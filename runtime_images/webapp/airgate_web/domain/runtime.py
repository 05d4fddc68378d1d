"""Runtime definitions: in what environment a model runs."""

from dataclasses import dataclass
from enum import StrEnum


class RuntimeKind(StrEnum):
    """Environment for web services and tests, Worker for jobs."""

    ENVIRONMENT = "environment"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that users choose by name.

    slug: its name in addresses and objects. image: by digest in a cluster; not used by local processes.
    formats: the model formats it can run, for example ("onnx", "sklearn").
    """

    slug: str
    name: str
    kind: RuntimeKind
    language: str
    image: str
    formats: tuple[str, ...]
    description: str = ""
