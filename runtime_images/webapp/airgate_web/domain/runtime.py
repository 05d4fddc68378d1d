"""Runtime definitions: in what environment a model runs."""

from dataclasses import dataclass
from enum import StrEnum

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.names import find_workload_name
from airgate_web.domain.secrets import find_tester_secret
from airgate_web.domain.server import Server
from airgate_web.domain.workload import Kind, Workload

TESTER_AMOUNTS = Amounts(cpu_millis=1000, memory_mib=2048)


class RuntimeKind(StrEnum):
    """Environment for web services and tests, Worker for jobs, Server for an image that answers by itself."""

    ENVIRONMENT = "environment"
    WORKER = "worker"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that users choose by name.

    slug: its name in addresses and objects. image: by digest in a cluster; not used by local processes.
    formats: the model formats it can run, for example ("onnx", "sklearn"); none for a server that brings its own.
    server: of the kind Server, how it is started and where it answers.
    cards: whose cards its image can compute on, for example ("nvidia.com",); None where the definition does not say.
    """

    slug: str
    name: str
    kind: RuntimeKind
    language: str
    image: str
    formats: tuple[str, ...]
    description: str = ""
    server: Server | None = None
    cards: tuple[str, ...] | None = None


def find_tester_name(slug: str) -> str:
    """Return the name of the workload that tests models in the runtime `slug`."""
    return find_workload_name("t", slug)


def find_tester(runtime: Runtime, internal_token: str) -> Workload:
    """Return the workload of the warm tester of a runtime: one replica, no card."""
    return Workload(
        name=find_tester_name(runtime.slug),
        kind=Kind.TESTER,
        owner=runtime.slug,
        image=runtime.image,
        amounts=TESTER_AMOUNTS,
        replicas=1,
        gate_secret=find_tester_secret(internal_token, runtime.slug),
    )
