"""What one replica's process is called with: arguments and environment. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from airgate_kit.names import ENV_NVIDIA_VISIBLE_DEVICES
from airgate_web.adapters.cluster_local.kubelet.ledger import Grant
from airgate_web.adapters.cluster_local.shelf import ReplicaRecord
from airgate_web.domain.amounts import MILLIS_A_CORE
from airgate_web.domain.server import fill_words
from airgate_web.domain.task import find_run_words
from airgate_web.domain.workload import Kind, Workload, find_also, find_trace_environ, find_words

HOST = "127.0.0.1"
ENV_GATE_SECRET = "AIRGATE_GATE_SECRET"  # noqa: S105 -- the variable's name
ENV_JOB_SECRET = "AIRGATE_JOB_SECRET"  # noqa: S105 -- the variable's name
ENV_CUDA = "CUDA_VISIBLE_DEVICES"  # outside a container this, not NVIDIA's variable, says which GPUs a process sees


def find_command(
    serve: tuple[str, ...], record: ReplicaRecord, files: Sequence[Path], folders: "Folders", web: str = ""
) -> list[str]:
    """Return the command line. web: address of the web process, to which jobs report.

    files: of its models, and of a job's data set; none of a tester, or of a server that brings its own.
    """
    ports, server = record.ports, record.workload.server
    if server:
        return fill_words(
            (*server.command, *server.arguments, *server.extra), HOST, ports.http, str(files[0] if files else "")
        )
    if record.workload.run:
        return [*serve, *find_job_words(record.workload, files, folders[1], web)]
    listen = ["--host", HOST, "--admin-port", str(ports.admin)]
    if record.workload.kind is Kind.TESTER:
        blobs, scratch = folders
        return [*serve, "tester", *listen, "--port", str(ports.http), "--blobs", str(blobs), "--scratch", str(scratch)]
    listen += ["--http-port", str(ports.http), "--grpc-port", str(ports.grpc)]
    model = record.workload.model
    if model is None or not files:
        raise ValueError(f"{record.name} is a service without a model")
    threads = count_threads(record.workload)
    others = zip(record.workload.others, files[1:], strict=True)
    also = [word for other, file in others for word in find_also(other, str(file))]
    return [*serve, str(files[0]), *find_words(model), *also, *listen, "--threads", str(threads)]


Folders = tuple[Path, Path]  # blobs, scratch


def find_job_words(wish: Workload, files: Sequence[Path], scratch: Path, web: str) -> list[str]:
    """Return the words for a job. ValueError where nobody knows to whom it reports: its end would be lost."""
    if not web:
        raise ValueError("no address of the web process is known here, to which jobs report: --web-url")
    if wish.model is None or wish.run is None:
        raise ValueError(f"{wish.name} is a job without a model")
    model, rows = files
    words = find_run_words(wish.run, str(rows), str(scratch), web)
    return ["job", str(model), "--format", wish.model.format, *words, "--threads", str(count_threads(wish))]


def count_threads(wish: Workload) -> int:
    """Return how many threads a model computes with: as many as it has whole cores."""
    return max(1, wish.amounts.cpu_millis // MILLIS_A_CORE)


def find_environ(
    inherited: Mapping[str, str], record: ReplicaRecord, grant: Grant | None, scratch: Path, trace_url: str = ""
) -> dict[str, str]:
    """Return the process's environment: what all inherit, its secret, what the plugin granted; no other GPU.

    A service of our runtime is told the collector of traces, if there is one. A server of others gets no secret, but a
    home of its own.
    """
    granted = grant.environ if grant else {}
    secret = ENV_JOB_SECRET if record.workload.kind is Kind.JOB else ENV_GATE_SECRET
    own = {"HOME": str(scratch)} if record.workload.server else {secret: record.workload.gate_secret}
    return {
        **inherited,
        **own,
        **find_trace_environ(trace_url, record.workload),
        ENV_CUDA: granted.get(ENV_NVIDIA_VISIBLE_DEVICES, ""),
        **granted,
    }
