"""`airgate-serve`: the only reader of arguments and environment.

Exit codes: 0 done, 2 usage, 3 refused with a sentence on stderr.

Heavy rooms are imported inside the commands, after the thread counts are set: libraries read those once, at import.
"""

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from airgate_kit import logs, names
from airgate_kit.clock import SystemClock
from airgate_serving.config import Limits, Ports, ServeConfig
from airgate_serving.errors import BadConfiguration, ServingError
from airgate_serving.sandbox.lock import LockPlan, LockReport, list_card_paths, lock_files

EXIT_REFUSED = 3
PORTS, LIMITS = Ports(), Limits()  # the defaults
MEBIBYTE = 1024 * 1024
ENV_GATE_SECRET = "AIRGATE_GATE_SECRET"  # noqa: S105 - the variable's name
ENV_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"  # ONNX Runtime would report to its maker over the Internet
ENV_NO_SEMAPHORES = "JOBLIB_MULTIPROCESSING"  # 0: joblib then makes no semaphores, which a locked process may not
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


ENVIRONMENT_KEPT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}) | {
    *THREAD_VARIABLES,
    ENV_NO_TELEMETRY,
    ENV_NO_SEMAPHORES,
    names.ENV_QAIC_VISIBLE_DEVICES,
    names.ENV_NVIDIA_VISIBLE_DEVICES,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    logs.setup()
    try:
        return serve(arguments)
    except ServingError as error:
        print(f"airgate-serve: {error}", file=sys.stderr)
        return EXIT_REFUSED


def serve(arguments: Sequence[str]) -> int:
    """`airgate-serve MODEL_FILE`: serve one model until SIGTERM."""
    from airgate_serving.engine.threads import count_threads

    parsed = _build_serve_parser().parse_args(arguments)
    threads = parsed.threads or count_threads()
    _prepare_libraries(threads)
    config = _read_serve_config(parsed, threads)

    report = _lock_files(config, parsed.landlock)
    _forget_environment(ENVIRONMENT_KEPT)

    from airgate_serving import app

    app.serve(config, report, SystemClock())
    return 0


def _lock_files(config: ServeConfig, landlock: str) -> LockReport:
    """Lock this process to its model before any library has started a thread."""
    facts, devices = list_card_paths(config.nvidia)
    plan = LockPlan(read=(config.file, *facts), devices=devices, may_bind=True)
    return lock_files(plan, abi=0 if landlock == "off" else None)


def _forget_environment(keep: frozenset[str]) -> None:
    """Drop every variable but these, so that a model finds no secret of ours or of the host's in them."""
    for name in set(os.environ) - keep:
        del os.environ[name]


def _build_serve_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="airgate-serve", description="Serve one model over HTTP and gRPC.")
    parser.add_argument("file", type=Path, help="the model file")
    parser.add_argument("--name", help="name in URLs; the file's own without its ending unless given")
    parser.add_argument("--version", default="1", help="version in URLs (1)")
    parser.add_argument("--digest", help="sha256:HEX of the file, sent with every answer; computed unless given")
    parser.add_argument("--format", help="onnx or sklearn; found out from the file unless given")
    parser.add_argument("--threads", type=int, help="threads of one run; from the container's CPU limit unless given")
    _add_ports(parser)
    parser.add_argument("--queue", type=int, default=LIMITS.queue, help="requests inside at a time, then 429")
    parser.add_argument(
        "--deadline", type=float, default=LIMITS.deadline_seconds, help="seconds in the queue, then 504"
    )
    parser.add_argument("--max-body-mib", type=int, default=64, help="largest body in MiB, then 413")
    parser.add_argument(
        "--linger", type=float, default=LIMITS.linger_seconds, help="seconds of answering after SIGTERM"
    )
    parser.add_argument("--drain", type=float, default=LIMITS.drain_seconds, help="seconds to wait for what is inside")
    _add_lock(parser)
    return parser


def _add_lock(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--landlock", choices=("auto", "off"), default="auto", help="off: as if the kernel had none")
    parser.add_argument(
        "--open-unlocked",
        action="store_true",
        help="open formats that carry code where the kernel cannot lock; on loopback only",
    )


def _add_ports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=PORTS.host, help="address to listen on (127.0.0.1)")
    parser.add_argument("--http-port", type=int, default=PORTS.http, help="predictions (0: any free port)")
    parser.add_argument("--grpc-port", type=int, default=PORTS.grpc, help="Open Inference over gRPC")
    parser.add_argument("--admin-port", type=int, default=PORTS.admin, help="probes and metrics")


def _read_serve_config(parsed: argparse.Namespace, threads: int) -> ServeConfig:
    file = parsed.file.resolve()
    if not file.is_file():
        raise BadConfiguration(f"There is no file {parsed.file}.", "Give the path of a model file.")
    from airgate_serving.formats.table import find_format, guess_format

    granted, nvidia = _read_grant(os.environ)
    ports = Ports(parsed.host, parsed.http_port, parsed.grpc_port, parsed.admin_port)
    return ServeConfig(
        file=file,
        name=parsed.name or _make_name(file),
        version=parsed.version,
        digest=parsed.digest or _compute_digest(file),
        format=find_format(parsed.format or guess_format(file)).name,
        ports=ports,
        limits=_read_limits(parsed),
        threads=threads,
        gate_secret=os.environ.get(ENV_GATE_SECRET, ""),
        granted=granted,
        nvidia=nvidia,
        excused=parsed.open_unlocked and ports.is_loopback(),
    )


def _read_limits(parsed: argparse.Namespace) -> Limits:
    return Limits(parsed.queue, parsed.deadline, parsed.max_body_mib * MEBIBYTE, parsed.linger, parsed.drain)


def _read_grant(environment: "os._Environ[str] | dict[str, str]") -> tuple[str, bool]:
    """Return what cards this process was given, as resource and ids, and whether NVIDIA's are among them."""
    qaic = environment.get(names.ENV_QAIC_VISIBLE_DEVICES, "").strip()
    nvidia = environment.get(names.ENV_NVIDIA_VISIBLE_DEVICES, "").strip()
    has_nvidia = nvidia not in ("", "void", "none")
    cards = [f"{names.RESOURCE_QAIC} {qaic}"] if qaic else []
    cards += [f"{names.RESOURCE_GPU} {nvidia}"] if has_nvidia else []
    return ", ".join(cards), has_nvidia


def _make_name(file: Path) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", file.name.split(".")[0].lower()).strip("-") or "model"


def _compute_digest(file: Path) -> str:
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def _prepare_libraries(threads: int) -> None:
    """Say by variables, which libraries read at import, how many threads to use and to keep to themselves."""
    os.environ[ENV_NO_TELEMETRY] = "1"
    os.environ[ENV_NO_SEMAPHORES] = "0"
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))
