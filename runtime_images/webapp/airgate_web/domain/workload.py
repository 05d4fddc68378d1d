"""Workloads: what a cluster is asked to run (wanted) and what it says about that (observed).

Kubernetes and local processes are two ways to run the same workload, so nothing here knows either.
"""

import dataclasses
import datetime
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

from airgate_kit.names import ENV_TRACED_AS, ENV_TRACES
from airgate_web.domain.amounts import Amounts
from airgate_web.domain.server import Server
from airgate_web.domain.task import Run


class Kind(StrEnum):
    """service: a deployed model. tester: the warm process that reads signatures and runs tests. job: it ends."""

    SERVICE = "service"
    TESTER = "tester"
    JOB = "job"


LATER_FIELDS = (
    "server",
    "path",
    "others",
    "override",
    "run",
)  # who does not use one keeps its digest, and runs on through an upgrade
NODE_CLASS = {Kind.SERVICE: "deploy", Kind.TESTER: "compute", Kind.JOB: "compute"}


class ReplicaState(StrEnum):
    """One word for a replica; the same five words everywhere."""

    READY = "Ready"
    STARTING = "Starting"
    WAITING = "Waiting"
    FAILED = "Failed"
    STOPPED = "Stopped"


class Outcome(StrEnum):
    """How a job's workload has ended, for good."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The file a service serves, or with `path` the folder. digest: "sha256:…", a folder's manifest's; size: bytes.

    override: an administrator had allowed it past the scanner when it was deployed.
    """

    name: str
    version: int
    format: str
    filename: str
    digest: str
    size: int
    path: str = ""
    override: bool = False


def find_words(model: ModelFile) -> list[str]:
    """Return the words that tell the serving runtime what its first model is."""
    override = ["--override-scanner", model.digest] if model.override else []
    what = ["--name", model.name, "--version", str(model.version), "--digest", model.digest, "--format", model.format]
    return [*what, *override]


def find_also(model: ModelFile, path: str) -> list[str]:
    """Return the words that bring a further model, whose file lies at `path`, to the serving runtime."""
    return ["--also", model.name, str(model.version), model.digest, model.format, path]


@dataclass(frozen=True, slots=True)
class Workload:
    """A wish to the cluster.

    name: a DNS label, unique in the cluster. owner: whom people know it by ("route/deployment" or a runtime's slug).
    gate_secret: what the gateway sends and the runtime compares, or by which a job reports; never shown or logged.
    server: somebody else's image in place of our runtime; it compares nothing. run: of a job, what it does.
    """

    name: str
    kind: Kind
    owner: str
    image: str
    amounts: Amounts
    replicas: int
    gate_secret: str = field(repr=False)
    model: ModelFile | None = None
    server: Server | None = None
    others: tuple[ModelFile, ...] = ()  # further models of the same process, on the same cards
    run: Run | None = None

    @property
    def node_class(self) -> str:
        """The class of nodes it may run on: a key of airgate_kit.names.NODE_CLASSES."""
        return NODE_CLASS[self.kind]


def find_trace_environ(url: str, workload: Workload) -> dict[str, str]:
    """Return the variables by which a service of our runtime sends traces to a collector; none without an address."""
    if not url or workload.kind is not Kind.SERVICE or workload.server:
        return {}
    return {ENV_TRACES: url, ENV_TRACED_AS: workload.owner}


def find_spec_digest(workload: Workload) -> str:
    """Return the SHA-256 (hex) of the wish; two wishes are the same when their digests are."""
    said = dataclasses.asdict(workload, dict_factory=drop_unused)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def drop_unused(fields: list[tuple[str, object]]) -> dict[str, object]:
    """Return fields by name, without those of later releases that are not used."""
    return {name: value for name, value in fields if value or name not in LATER_FIELDS}


def find_replica_digest(workload: Workload) -> str:
    """Return the SHA-256 (hex) of what one replica is: the wish without its count, so that scaling replaces none."""
    return find_spec_digest(dataclasses.replace(workload, replicas=0))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a replica, or in a cluster the headless Service, can be reached. host: a name or an IP address."""

    host: str
    http_port: int
    grpc_port: int


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod or process.

    spec_digest: find_replica_digest of the wish it was started for. devices: the device ids it was granted, as the
    plugin names them. reason: what the cluster says when it is not ready, raw (explain.py makes a sentence of it).
    device: where the runtime computes ("CPU", "QAIC", …; empty when not known yet). address: "host:port" of its HTTP
    door, as the gateway names it; empty while it has none.
    """

    name: str
    state: ReplicaState
    spec_digest: str
    node: str = ""
    devices: tuple[str, ...] = ()
    reason: str = ""
    restarts: int = 0
    started: datetime.datetime | None = None
    device: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """What a cluster runs under one workload's name.

    spec_digest: the digest of the wish it runs. addresses: where requests may go; the gateway asks each whether it is
    ready. In a cluster the Service's name, and for a service its pods; with local processes one for each replica of a
    service that starts or is ready, and for each ready tester. over: names of replicas that will never run again and
    that the cluster still lists (pods that a node refused or that were evicted). outcome: of a job, once it
    has ended for good; reason: why it failed, as the cluster says it.
    """

    name: str
    kind: Kind
    spec_digest: str
    replicas: tuple[Replica, ...]
    addresses: tuple[Address, ...]
    over: tuple[str, ...] = ()
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds cards. owner: as in Workload.owner, or "namespace/pod" for somebody else's pod.

    devices: their ids, as far as the cluster can name them.
    """

    resource: str
    count: int
    owner: str
    replica: str
    node: str
    since: datetime.datetime | None = None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One card (SoC or GPU) as far as the cluster can name it. healthy: on offer or in use; reason: why not.

    lost: what runs on it cannot go on; one that is only taken out of service is not. simulated: it is no hardware, as
    whoever started the plugin has said.
    """

    id: str
    resource: str
    node: str
    healthy: bool
    reason: str = ""
    lost: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node. classes: of control, compute, deploy. capacity and allocatable: cards by resource name.

    cpu_millis and memory_mib: allocatable to pods.
    """

    name: str
    ready: bool
    classes: tuple[str, ...]
    cpu_millis: int
    memory_mib: int
    capacity: dict[str, int]
    allocatable: dict[str, int]


@dataclass(frozen=True, slots=True)
class Observation:
    """The whole truth at one moment, as far as the appliance looks: its own workloads, all nodes, all card holders."""

    workloads: tuple[WorkloadFacts, ...] = ()
    nodes: tuple[NodeFacts, ...] = ()
    holders: tuple[Holder, ...] = ()
    devices: tuple[DeviceFacts, ...] = ()
