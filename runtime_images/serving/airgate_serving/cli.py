"""`airgate-serve`: the only reader of arguments and environment.

Exit codes: 0 done, 2 usage, 3 refused with a sentence on stderr. Heavy rooms are imported inside the commands, after
this process is locked and the thread counts are set: libraries read those once, at import, and start threads.
"""

import argparse
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgate_kit import logs, names
from airgate_kit.clock import SystemClock
from airgate_serving import arguments
from airgate_serving.access import Ring
from airgate_serving.config import LOOPBACK, MEBIBYTE, Limits, Ports, ServeConfig, TesterConfig
from airgate_serving.engine.threads import count_threads
from airgate_serving.errors import BadConfiguration, ServingError
from airgate_serving.fetch import compute_digest, fetch, read_digest
from airgate_serving.sandbox.lock import LockPlan, LockReport, list_card_paths, lock_files
from airgate_serving.trials.job import CONVERT, CONVERTED, INSPECT, Bounds, Job, Surroundings

if TYPE_CHECKING:
    from airgate_serving.trials.keeper import CallReport

EXIT_REFUSED = 3
ENV_GATE_SECRET = "AIRGATE_GATE_SECRET"  # noqa: S105 - the variable's name
ENV_FETCH_TOKEN = "AIRGATE_FETCH_TOKEN"  # noqa: S105 - the variable's name
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
LIBRARY_SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would report to its maker over the Internet
    "JOBLIB_MULTIPROCESSING": "0",  # joblib would make semaphores, which a locked process may not
}
ENVIRONMENT_KEPT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}) | {
    *THREAD_VARIABLES,
    *LIBRARY_SETTINGS,
    names.ENV_QAIC_VISIBLE_DEVICES,
    names.ENV_NVIDIA_VISIBLE_DEVICES,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = _COMMANDS.get(words[0]) if words else None
    logs.setup()
    try:
        return command(words[1:]) if command else serve(words)
    except ServingError as error:
        print(f"airgate-serve: {error}", file=sys.stderr)
        return EXIT_REFUSED


def serve(words: Sequence[str]) -> int:
    """`airgate-serve MODEL_FILE`: serve one model until SIGTERM."""
    parsed = arguments.build_serve_parser().parse_args(words)
    file, host = _find_file(parsed.file), find_address(parsed.host)
    threads = parsed.threads or count_threads()
    granted, nvidia = read_grant(os.environ)
    secret = os.environ.get(ENV_GATE_SECRET, "")
    _prepare_libraries(threads)
    ring = _open_ring(parsed)
    report = _lock_to_model(_find_folder(file) if parsed.repository else file, nvidia, parsed.landlock)

    from airgate_serving.app.serving import serve as serve_model
    from airgate_serving.formats.table import find_format, guess_format

    config = ServeConfig(
        file=file,
        name=parsed.name or _make_name(file),
        version=parsed.version,
        digest=parsed.digest or compute_digest(file),
        format=find_format(parsed.format or guess_format(file)).name,
        ports=Ports(host, parsed.http_port, parsed.grpc_port, parsed.admin_port),
        limits=_read_limits(parsed),
        threads=threads,
        gate_secret=secret,
        granted=granted,
        nvidia=nvidia,
        excused=_is_excused(parsed, host),
        access_log=parsed.access_log,
        repository=parsed.repository,
    )
    serve_model(config, report, SystemClock(), ring)
    return 0


def inspect(words: Sequence[str]) -> int:
    """`airgate-serve inspect FILE`: say what a model takes and gives, having opened it in the sandbox."""
    parsed = arguments.build_inspect_parser().parse_args(words)
    file = _find_file(parsed.file)
    _prepare_libraries(1)

    from airgate_serving.report import explain_inspection
    from airgate_serving.trials.once import run_once

    with tempfile.TemporaryDirectory(prefix="airgate-inspect-") as scratch:
        around = _read_surroundings(parsed, "127.0.0.1")
        report = run_once(Job(INSPECT, str(file), scratch, _read_bounds(parsed, 1), around, parsed.format))
    answer = _read_report(report)
    print(json.dumps(answer, indent=2) if parsed.json else explain_inspection(answer))
    return 0


def convert(words: Sequence[str]) -> int:
    """`airgate-serve convert FILE --to OUT`: make ONNX of a model in the sandbox, compared row by row."""
    parsed = arguments.build_convert_parser().parse_args(words)
    file, rows = _find_file(parsed.file), _find_file(parsed.rows).read_text() if parsed.rows else ""
    _prepare_libraries(1)

    from airgate_serving.trials.once import run_once

    with tempfile.TemporaryDirectory(prefix="airgate-convert-") as scratch:
        bounds = replace(_read_bounds(parsed, 1), print_bytes=parsed.memory_mib * MEBIBYTE)
        around = _read_surroundings(parsed, "127.0.0.1")
        report = run_once(Job(CONVERT, str(file), scratch, bounds, around, parsed.format, arguments=rows))
        answer = _read_report(report)
        shutil.copyfile(Path(scratch) / CONVERTED, parsed.to)
    print(f"{parsed.to}: {answer['bytes']} bytes; the same in {answer['rows']} rows, ", end="")
    print(f"numbers differ by {answer['largest']:.1e} at most")
    return 0


def bench(words: Sequence[str]) -> int:
    """`airgate-serve bench FILE`: serve a model in another process and measure it from this one."""
    from airgate_serving import bench as figures

    parsed = arguments.build_bench_parser().parse_args(words)
    file, clock = _find_file(parsed.file), SystemClock()
    with figures.run_server(file, clock, "--threads", str(parsed.threads)) as (host, port, pid):
        body = parsed.body.read_bytes() if parsed.body else figures.read_sample(host, port)
        loads = figures.measure(host, port, body, parsed.connections, parsed.seconds, clock)
        resident = figures.find_resident_mb(pid)
    shown = {"loads": [asdict(load) for load in loads], "resident_mb": resident}
    print(json.dumps(shown, indent=2) if parsed.json else figures.render(loads, resident))
    return 0


def fetch_model(words: Sequence[str]) -> int:
    """`airgate-serve fetch`: have a model file at a place, by its digest."""
    parsed = arguments.build_fetch_parser().parse_args(words)
    read_digest(parsed.digest)
    token = os.environ.get(ENV_FETCH_TOKEN, "")
    fetched = fetch(parsed.url, parsed.digest, parsed.to, token, SystemClock(), parsed.patience)
    print(f"{parsed.to}: {'fetched' if fetched else 'there already'}, {parsed.digest}", flush=True)
    return 0


def tester(words: Sequence[str]) -> int:
    """`airgate-serve tester`: open models for one call each, until SIGTERM."""
    parsed = arguments.build_tester_parser().parse_args(words)
    if parsed.blobs and not parsed.blobs.is_dir():
        raise BadConfiguration(f"There is no folder {parsed.blobs}.", "Give the folder that holds sha256/.")
    parsed.scratch.mkdir(parents=True, exist_ok=True)

    from airgate_serving.app.testing import serve_tests

    serve_tests(_read_tester_config(parsed), SystemClock())
    return 0


_COMMANDS = {"inspect": inspect, "convert": convert, "bench": bench, "fetch": fetch_model, "tester": tester}


def _read_report(report: "CallReport") -> dict[str, Any]:
    """Return what a call answered. Raises ServingError for one that was refused or stopped."""
    if report.error:
        raise report.error
    if "error" in report.answer:
        raise ServingError(str(report.answer["error"]), str(report.answer.get("hint", "")))
    return report.answer


def _read_tester_config(parsed: argparse.Namespace) -> TesterConfig:
    return TesterConfig(
        host=parsed.host,
        port=parsed.port,
        admin_port=parsed.admin_port,
        blobs=parsed.blobs.resolve() if parsed.blobs else None,
        blobs_url=parsed.blobs_url,
        scratch=parsed.scratch.resolve(),
        bounds=_read_bounds(parsed, parsed.threads or count_threads()),
        around=_read_surroundings(parsed, parsed.host),
        gate_secret=os.environ.get(ENV_GATE_SECRET, ""),
        fetch_token=os.environ.get(ENV_FETCH_TOKEN, ""),
        cache_bytes=parsed.cache_mib * MEBIBYTE,
        environment=_make_call_environment(os.environ),
    )


def _make_call_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return all that a test call inherits: no secret, no token, one thread for what is imported before the fork."""
    kept = {name: value for name, value in environment.items() if name in ENVIRONMENT_KEPT}
    return {**kept, **dict.fromkeys(THREAD_VARIABLES, "1"), **LIBRARY_SETTINGS}


def _read_bounds(parsed: argparse.Namespace, threads: int) -> Bounds:
    return Bounds(parsed.deadline, parsed.memory_mib * MEBIBYTE, threads=threads)


def _read_surroundings(parsed: argparse.Namespace, host: str) -> Surroundings:
    granted, nvidia = read_grant(os.environ)
    return Surroundings(granted, nvidia, parsed.landlock == "auto", _is_excused(parsed, host))


def _is_excused(parsed: argparse.Namespace, host: str) -> bool:
    return bool(parsed.open_unlocked) and host in LOOPBACK


def _read_limits(parsed: argparse.Namespace) -> Limits:
    return Limits(
        queue=parsed.queue,
        deadline_seconds=parsed.deadline,
        window_seconds=parsed.window,
        body_bytes=parsed.max_body_mib * MEBIBYTE,
        linger_seconds=parsed.linger,
        drain_seconds=parsed.drain,
    )


def read_grant(environment: Mapping[str, str]) -> tuple[str, bool]:
    """Return what cards this process was given, as resource and ids, and whether NVIDIA's are among them."""
    qaic = environment.get(names.ENV_QAIC_VISIBLE_DEVICES, "").strip()
    nvidia = environment.get(names.ENV_NVIDIA_VISIBLE_DEVICES, "").strip()
    has_nvidia = nvidia not in ("", "void", "none")
    cards = [f"{names.RESOURCE_QAIC} {qaic}"] if qaic else []
    cards += [f"{names.RESOURCE_GPU} {nvidia}"] if has_nvidia else []
    return ", ".join(cards), has_nvidia


def _open_ring(parsed: argparse.Namespace) -> Ring | None:
    """Open the ring file while files can be opened."""
    if not parsed.sample_file:
        return None
    return Ring(parsed.sample_file, parsed.sample_keep, parsed.sample_every, SystemClock().now)


def _find_file(path: Path) -> Path:
    if not path.is_file():
        raise BadConfiguration(f"There is no file {path}.", "Give the path of a model file.")
    return path.resolve()


def _find_folder(file: Path) -> Path:
    """Return the folder in which a file may be replaced. Raises BadConfiguration for the root of all files."""
    if file.parent == file.parent.parent:
        raise BadConfiguration(f"{file} lies in the root folder, which no model may read.", "Put it into a folder.")
    return file.parent


def find_address(host: str) -> str:
    """Return a host name as an address: the locked process cannot look names up. Raises BadConfiguration."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise BadConfiguration(f"The address {host!r} is unknown here.", "Use 127.0.0.1 or 0.0.0.0.") from error


def _make_name(file: Path) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", file.name.split(".")[0].lower()).strip("-") or "model"


def _prepare_libraries(threads: int) -> None:
    """Say by variables, which libraries read at import, how many threads to use and what to leave undone."""
    os.environ.update(LIBRARY_SETTINGS)
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))


def _lock_to_model(file: Path, nvidia: bool, landlock: str) -> LockReport:
    """Lock this process to its model before any library has started a thread, and forget all variables but a few."""
    facts, devices = list_card_paths(nvidia)
    plan = LockPlan(read=(file, *facts), devices=devices, may_bind=True)
    report = lock_files(plan, abi=0 if landlock == "off" else None)
    for name in set(os.environ) - ENVIRONMENT_KEPT:
        del os.environ[name]
    return report
