"""What survives the supervisor: the wanted workloads, and for each replica its ports and its process."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from airgate_kit import logs
from airgate_web.adapters.cluster_local.places import Places
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.workload import Workload

log = logs.get(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one replica; kept for its life, over restarts too, so that routes stay true."""

    http: int
    grpc: int
    admin: int


@dataclass(frozen=True, slots=True)
class ReplicaRecord:
    """One replica as it is kept.

    workload: the wish it was started for. order: grows with each replica ever made here. pid and start_ticks: its
    process and the time it started at (clock ticks since boot), which together name one process; 0 when none runs.
    """

    name: str
    workload: Workload
    order: int
    ports: Ports
    pid: int = 0
    start_ticks: int = 0


class Shelf:
    """Reads and writes the files; each is written beside and renamed, so that a power cut leaves the old or the new."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def write_workload(self, workload: Workload) -> None:
        """Keep a wish under its name."""
        write_file(self.places.workloads / f"{workload.name}.json", make_plain(workload))

    def remove_workload(self, name: str) -> None:
        """Forget a wish."""
        (self.places.workloads / f"{name}.json").unlink(missing_ok=True)

    def read_workloads(self) -> dict[str, Workload]:
        """Return the wishes by name."""
        return {wish.name: wish for wish in read_files(self.places.workloads, Workload)}

    def write_replica(self, record: ReplicaRecord) -> None:
        """Keep a replica's record."""
        write_file(self.places.replicas / f"{record.name}.json", make_plain(record))

    def remove_replica(self, name: str) -> None:
        """Forget a replica."""
        (self.places.replicas / f"{name}.json").unlink(missing_ok=True)

    def read_replicas(self) -> list[ReplicaRecord]:
        """Return the records, oldest first."""
        return sorted(read_files(self.places.replicas, ReplicaRecord), key=lambda record: record.order)


def write_file(path: Path, value: Any) -> None:
    """Write `value` as JSON, readable by the owner alone (it holds gate secrets), whole or not at all."""
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def read_files(folder: Path, kind: type[T]) -> Iterator[T]:
    """Yield what the folder's files hold; one that cannot be read is logged and left where it is."""
    for path in sorted(folder.glob("*.json")):
        try:
            yield read_plain(kind, json.loads(path.read_text()))
        except (ValueError, TypeError) as why:
            log.error("a kept file cannot be read", extra={"fields": {"file": str(path), "why": str(why)}})
