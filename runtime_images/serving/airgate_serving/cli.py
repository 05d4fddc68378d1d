"""`airgate-serve`: the only reader of arguments and environment.

Exit codes: 0 done, 2 usage, 3 refused with a sentence on stderr, 4 ended by SIGTERM with requests unanswered. Heavy
rooms are imported inside the commands, after this process is locked and the thread counts are set: libraries read
those once, at import, and start threads.
"""

import argparse
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airgate_kit import logs, names
from airgate_kit.clock import SystemClock
from airgate_serving import arguments
from airgate_serving.access import Ring
from airgate_serving.arguments import find_file, find_model, read_bounds
from airgate_serving.config import LOOPBACK, MEBIBYTE, Limits, Ports, ServeConfig, TesterConfig
from airgate_serving.engine.threads import count_threads
from airgate_serving.errors import BadConfiguration, ServingError
from airgate_serving.fetch import compute_digest, fetch, read_digest
from airgate_serving.formats.archive import may_hold_program, may_need_room
from airgate_serving.jobs import work
from airgate_serving.jobs.plan import BATCH, JobPlan
from airgate_serving.jobs.teller import Teller
from airgate_serving.manifest import check_folder, write_manifest
from airgate_serving.sandbox.lock import LockPlan, LockReport, list_card_paths, lock_files
from airgate_serving.sandbox.room import make_room
from airgate_serving.trials.job import Surroundings

if TYPE_CHECKING:
    from airgate_serving.app.watching import Tracing

EXIT_REFUSED = 3
ENV_GATE_SECRET = "AIRGATE_GATE_SECRET"  # noqa: S105 - the variable's name
ENV_FETCH_TOKEN = "AIRGATE_FETCH_TOKEN"  # noqa: S105 - the variable's name
ENV_JOB_SECRET = "AIRGATE_JOB_SECRET"  # noqa: S105 - the variable's name
ENV_QAIC_SDK = "AIRGATE_QAIC_SDK"
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
TRACE_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
LIBRARY_SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would report to its maker over the Internet
    "JOBLIB_MULTIPROCESSING": "0",  # joblib would make semaphores, which a locked process may not
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow would tell stderr what it finds on the machine
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": "/dev/null",  # Keras would read, and write, settings at home
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
    file, host = find_model(parsed.file), find_address(parsed.host)
    threads = parsed.threads or count_threads()
    granted, nvidia = read_grant(os.environ)
    qids, qaic_sdk = read_qids(os.environ), _find_sdk(os.environ)
    secret = os.environ.get(ENV_GATE_SECRET, "")
    _prepare_libraries(threads)
    ring = _open_ring(parsed)
    files = (file, *(find_model(Path(one[4])) for one in parsed.also))
    forms = (parsed.format or "", *(one[3] for one in parsed.also))
    programs = [one for one, form in zip(files, forms, strict=True) if may_hold_program(one, form)]
    roomy = any(one.is_file() and may_need_room(one, form) for one, form in zip(files, forms, strict=True))
    scratch = make_room() if roomy else None
    tracing = _start_traces(parsed.trace_url, os.environ)
    plan = LockPlan(
        tuple(_find_folder(one) if parsed.repository else one for one in files), (scratch,) if scratch else ()
    )
    report = _lock_to_models(plan, list_card_paths(nvidia, qaic_sdk, bool(qids and programs)), parsed.landlock)

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
        qids=qids,
        qaic_sdk=qaic_sdk,
        scratch=scratch,
        excused=_is_excused(parsed, host),
        access_log=parsed.access_log,
        override=read_override(parsed.override_scanner, bool(parsed.also)),
        repository=parsed.repository,
    )
    others = tuple(
        replace(config, name=name, version=version, digest=digest, format=find_format(form).name, file=place)
        for (name, version, digest, form, _), place in zip(parsed.also, files[1:], strict=True)
    )
    require_different(config.name, *(one.name for one in others))
    serve_model(replace(config, others=others), report, SystemClock(), ring, tracing)
    return 0


def run_offline(name: str, words: Sequence[str]) -> int:
    """Run a command that opens a file in the sandbox and ends by itself: see `offline.py`."""
    parsed = arguments.OFFLINE[name]().parse_args(words)
    threads = getattr(parsed, "threads", None) or (1 if name in ("inspect", "convert", "freeze") else count_threads())
    _prepare_libraries(threads)

    from airgate_serving import offline

    around = _read_surroundings(parsed, LOOPBACK[0])
    return offline.COMMANDS[name](parsed, around, threads)


def fetch_model(words: Sequence[str]) -> int:
    """`airgate-serve fetch`: have a model file at a place, by its digest."""
    parsed = arguments.build_fetch_parser().parse_args(words)
    read_digest(parsed.digest)
    token = os.environ.get(ENV_FETCH_TOKEN, "")
    fetched = fetch(parsed.url, parsed.digest, parsed.to, token, SystemClock(), parsed.patience)
    print(f"{parsed.to}: {'fetched' if fetched else 'there already'}, {parsed.digest}", flush=True)
    return 0


def run_job(words: Sequence[str]) -> int:
    """`airgate-serve job`: run a job of the webapp; its end, good or bad, is told to that."""
    parsed = arguments.build_job_parser().parse_args(words)
    plan = JobPlan(
        task=parsed.task,
        model=find_model(parsed.file),
        rows=find_file(parsed.rows),
        kind=parsed.rows_kind,
        folder=parsed.folder.absolute(),
        web=parsed.web,
        job=parsed.job,
        secret=os.environ.get(ENV_JOB_SECRET, ""),
        environment={name: value for name, value in os.environ.items() if name in ENVIRONMENT_KEPT},
        options=_read_job_options(parsed),
    )
    teller = Teller(plan.web, plan.job, plan.secret, SystemClock(), parsed.patience)
    print(f"Job {plan.job}: {work.run_job(plan, teller, SystemClock())}", flush=True)
    return 0


def _read_job_options(parsed: argparse.Namespace) -> tuple[str, ...]:
    """Return the words for the process with the model."""
    lock = ["--landlock", parsed.landlock, *(["--open-unlocked"] if parsed.open_unlocked else [])]
    given = [*lock, "--chunk", str(parsed.chunk), "--format", parsed.format]
    given += ["--threads", str(parsed.threads)] if parsed.threads else []
    if parsed.task == BATCH:
        return (*given, *(f"--keep={name}" for name in parsed.keep))
    return (*given, f"--target={parsed.target}", "--task", parsed.measure)


def describe_folder(words: Sequence[str]) -> int:
    """`airgate-serve manifest`: write or check the manifest of a model that is a folder."""
    parsed = arguments.build_manifest_parser().parse_args(words)
    folder = parsed.folder.resolve()
    if not folder.is_dir():
        raise BadConfiguration(f"There is no folder {parsed.folder}.", "Give the folder that holds the model.")
    say = partial(print, file=sys.stderr, flush=True)
    if parsed.check:
        size = check_folder(folder, parsed.check, parsed.full, say)
        print(f"{folder}: {size} bytes, as {parsed.check} says", flush=True)
    else:
        print(write_manifest(folder, say), flush=True)
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


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "fetch": fetch_model,
    "job": run_job,
    "manifest": describe_folder,
    "tester": tester,
    **{name: partial(run_offline, name) for name in arguments.OFFLINE},
}


def _read_tester_config(parsed: argparse.Namespace) -> TesterConfig:
    return TesterConfig(
        host=parsed.host,
        port=parsed.port,
        admin_port=parsed.admin_port,
        blobs=parsed.blobs.resolve() if parsed.blobs else None,
        blobs_url=parsed.blobs_url,
        scratch=parsed.scratch.resolve(),
        bounds=read_bounds(parsed, parsed.threads or count_threads()),
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


def _read_surroundings(parsed: argparse.Namespace, host: str) -> Surroundings:
    granted, nvidia = read_grant(os.environ)
    excused = _is_excused(parsed, host)
    qids, sdk = read_qids(os.environ), _find_sdk(os.environ)
    return Surroundings(granted, nvidia, parsed.landlock == "auto", excused, qids, sdk)


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


def read_qids(environment: Mapping[str, str]) -> tuple[int, ...]:
    """Return the host-global numbers of the Qualcomm cards that this process was given."""
    words = environment.get(names.ENV_QAIC_VISIBLE_DEVICES, "").split(",")
    return tuple(int(word) for word in words if word.strip().isdecimal())


def _find_sdk(environment: Mapping[str, str]) -> str:
    """Return where Qualcomm's Platform SDK lies."""
    return str(Path(environment.get(ENV_QAIC_SDK) or names.QAIC_SDK).absolute())


def _open_ring(parsed: argparse.Namespace) -> Ring | None:
    """Open the ring file while files can be opened."""
    if not parsed.sample_file:
        return None
    return Ring(parsed.sample_file, parsed.sample_keep, parsed.sample_every, SystemClock().now)


def _start_traces(url: str, environment: Mapping[str, str]) -> "Tracing | None":
    """Start the process that sends traces while there is one thread and no lock, where an address is given."""
    if not url and not any(environment.get(name) for name in TRACE_VARIABLES):
        return None
    from airgate_serving.traces.settings import read_settings
    from airgate_serving.traces.start import start_exporter

    settings = read_settings(url, environment)
    return (settings, start_exporter(settings, SystemClock())) if settings else None


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


def read_override(digest: str, has_others: bool) -> str:
    """Return the digest of the file for which the scanner is overruled, or "". Raises BadConfiguration."""
    if digest:
        read_digest(digest)
    if digest and has_others:
        raise BadConfiguration(
            "A model that was allowed past the scanner shares its process with no other.", "Leave out --also."
        )
    return digest


def require_different(*given: str) -> None:
    """Raise BadConfiguration when two models have the same name."""
    twice = next((name for name in given if given.count(name) > 1), "")
    if twice:
        raise BadConfiguration(f"Two models have the name {twice}.", "Give each its own: --name, --also NAME …")


def _lock_to_models(plan: LockPlan, cards: tuple[tuple[Path, ...], tuple[Path, ...]], landlock: str) -> LockReport:
    """Lock this process to its models before any library has started a thread, and forget all variables but a few."""
    facts, devices = cards
    plan = replace(plan, read=(*plan.read, *facts), devices=devices, may_bind=True)
    report = lock_files(plan, abi=0 if landlock == "off" else None)
    for name in set(os.environ) - ENVIRONMENT_KEPT:
        del os.environ[name]
    return report
