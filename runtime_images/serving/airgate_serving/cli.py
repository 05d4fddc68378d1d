"""`airgate-serve`: the only reader of arguments and environment.

Exit codes: 0 done, 2 usage, 3 refused with a sentence on stderr, 4 ended by SIGTERM with requests unanswered. Heavy
rooms are imported inside the commands, after this process is locked and the thread counts are set: libraries read
those once, at import, and start threads.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airgate_kit import logs
from airgate_kit.clock import SystemClock
from airgate_serving import arguments
from airgate_serving.access import Ring
from airgate_serving.arguments import find_file, find_model, read_bounds
from airgate_serving.config import LOOPBACK, MEBIBYTE, TesterConfig
from airgate_serving.engine.threads import count_threads
from airgate_serving.errors import BadConfiguration, ServingError
from airgate_serving.fetch import fetch, read_digest
from airgate_serving.formats.archive import may_hold_program, may_need_room
from airgate_serving.jobs import work
from airgate_serving.jobs.plan import JobPlan
from airgate_serving.jobs.teller import Teller
from airgate_serving.manifest import check_folder, write_manifest
from airgate_serving.sandbox.lock import LockPlan, LockReport, list_card_paths, lock_files
from airgate_serving.sandbox.room import make_room
from airgate_serving.settings import (
    add_others,
    find_address,
    find_folder,
    is_excused,
    read_config,
    read_job_options,
)
from airgate_serving.trials.job import Surroundings
from airgate_serving.variables import (
    ENV_FETCH_TOKEN,
    ENV_GATE_SECRET,
    ENV_JOB_SECRET,
    ENVIRONMENT_KEPT,
    LIBRARY_SETTINGS,
    THREAD_VARIABLES,
    asks_for_traces,
    find_kept,
    find_sdk,
    make_call_environment,
    read_grant,
    read_qids,
)

if TYPE_CHECKING:
    from airgate_serving.app.watching import Tracing

EXIT_REFUSED = 3


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
    around, secret = _read_surroundings(parsed, host), os.environ.get(ENV_GATE_SECRET, "")
    _prepare_libraries(threads)
    ring = _open_ring(parsed)
    files = (file, *(find_model(Path(one[4])) for one in parsed.also))
    forms = (parsed.format or "", *(one[3] for one in parsed.also))
    has_programs = any(may_hold_program(one, form) for one, form in zip(files, forms, strict=True))
    roomy = any(one.is_file() and may_need_room(one, form) for one, form in zip(files, forms, strict=True))
    scratch = make_room() if roomy else None
    tracing = _start_traces(parsed.trace_url, os.environ)
    plan = LockPlan(
        tuple(find_folder(one) if parsed.repository else one for one in files), (scratch,) if scratch else ()
    )
    cards = list_card_paths(around.nvidia, around.qaic_sdk, bool(around.qids) and has_programs)
    report = _lock_to_models(plan, cards, parsed.landlock)

    from airgate_serving.app.serving import serve as serve_model

    own = replace(read_config(parsed, file, host, around, threads), gate_secret=secret, scratch=scratch)
    serve_model(add_others(own, parsed.also, files[1:]), report, SystemClock(), ring, tracing)
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
        environment=find_kept(os.environ),
        options=read_job_options(parsed),
    )
    teller = Teller(plan.web, plan.job, plan.secret, SystemClock(), parsed.patience)
    print(f"Job {plan.job}: {work.run_job(plan, teller, SystemClock())}", flush=True)
    return 0


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
        environment=make_call_environment(os.environ),
    )


def _read_surroundings(parsed: argparse.Namespace, host: str) -> Surroundings:
    granted, nvidia = read_grant(os.environ)
    excused = is_excused(parsed, host)
    qids, sdk = read_qids(os.environ), find_sdk(os.environ)
    return Surroundings(granted, nvidia, parsed.landlock == "auto", excused, qids, sdk)


def _open_ring(parsed: argparse.Namespace) -> Ring | None:
    """Open the ring file while files can be opened."""
    if not parsed.sample_file:
        return None
    return Ring(parsed.sample_file, parsed.sample_keep, parsed.sample_every, SystemClock().now)


def _start_traces(url: str, environment: Mapping[str, str]) -> "Tracing | None":
    """Start the process that sends traces while there is one thread and no lock, where an address is given."""
    if not url and not asks_for_traces(environment):
        return None
    from airgate_serving.traces.settings import read_settings
    from airgate_serving.traces.start import start_exporter

    settings = read_settings(url, environment)
    return (settings, start_exporter(settings, SystemClock())) if settings else None


def _prepare_libraries(threads: int) -> None:
    """Say by variables, which libraries read at import, how many threads to use and what to leave undone."""
    os.environ.update(LIBRARY_SETTINGS)
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))


def _lock_to_models(plan: LockPlan, cards: tuple[tuple[Path, ...], tuple[Path, ...]], landlock: str) -> LockReport:
    """Lock this process to its models before any library has started a thread, and forget all variables but a few."""
    facts, devices = cards
    plan = replace(plan, read=(*plan.read, *facts), devices=devices, may_bind=True)
    report = lock_files(plan, abi=0 if landlock == "off" else None)
    for name in set(os.environ) - ENVIRONMENT_KEPT:
        del os.environ[name]
    return report
