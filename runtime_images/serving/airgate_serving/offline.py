"""The commands that open one file and end by themselves: inspect, convert, bench, batch, evaluate, freeze.

Each is given its arguments, what is around it, and a number of threads that the libraries know already.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from airgate_kit.clock import SystemClock
from airgate_serving import bench as figures
from airgate_serving import freeze as locks
from airgate_serving.app.batching import run_batch, run_evaluation
from airgate_serving.arguments import find_file, find_model, read_bounds
from airgate_serving.batch.rows import find_kind
from airgate_serving.config import MEBIBYTE, BatchConfig
from airgate_serving.errors import BadConfiguration, ServingError
from airgate_serving.report import explain_inspection
from airgate_serving.trials.job import CONVERT, CONVERTED, INSPECT, Job, Surroundings
from airgate_serving.trials.keeper import CallReport
from airgate_serving.trials.once import run_once

Parsed = argparse.Namespace


def inspect(parsed: Parsed, around: Surroundings, threads: int) -> int:
    """Say what a model takes and gives, having opened it in the sandbox."""
    file = find_model(parsed.file)
    with tempfile.TemporaryDirectory(prefix="airgate-inspect-") as scratch:
        report = run_once(Job(INSPECT, str(file), scratch, read_bounds(parsed, threads), around, parsed.format))
    answer = _read_report(report)
    print(json.dumps(answer, indent=2) if parsed.json else explain_inspection(answer))
    return 0


def convert(parsed: Parsed, around: Surroundings, threads: int) -> int:
    """Make ONNX of a model in the sandbox, compared row by row."""
    file, rows = find_file(parsed.file), find_file(parsed.rows).read_text() if parsed.rows else ""
    bounds = replace(read_bounds(parsed, threads), print_bytes=parsed.memory_mib * MEBIBYTE)
    with tempfile.TemporaryDirectory(prefix="airgate-convert-") as scratch:
        report = run_once(Job(CONVERT, str(file), scratch, bounds, around, parsed.format, arguments=rows))
        answer = _read_report(report)
        shutil.copyfile(Path(scratch) / CONVERTED, parsed.to)
    print(f"{parsed.to}: {answer['bytes']} bytes; the same in {answer['rows']} rows, ", end="")
    print(f"numbers differ by {answer['largest']:.1e} at most")
    return 0


def bench(parsed: Parsed, around: Surroundings, threads: int) -> int:
    """Serve a model in another process and measure it from this one."""
    del around  # the server looks around itself
    file, clock = find_model(parsed.file), SystemClock()
    with figures.run_server(file, clock, "--threads", str(threads), *_repeat_lock(parsed)) as (host, port, pid):
        body = parsed.body.read_bytes() if parsed.body else figures.read_sample(host, port)
        loads = figures.measure(host, port, body, parsed.connections, parsed.seconds, clock)
        resident = figures.find_resident_mb(pid)
    shown = {"loads": [asdict(load) for load in loads], "resident_mb": resident}
    print(json.dumps(shown, indent=2) if parsed.json else figures.render(loads, resident))
    return 0


def _repeat_lock(parsed: Parsed) -> list[str]:
    return ["--landlock", parsed.landlock, *(["--open-unlocked"] if parsed.open_unlocked else [])]


def batch(parsed: Parsed, around: Surroundings, threads: int) -> int:
    """Answer a whole file of rows."""
    config = _read_batch_config(parsed, around, threads)
    config = replace(config, to=parsed.to, kind=find_kind(parsed.to), keep=tuple(parsed.keep))
    print(f"{parsed.to}: {run_batch(config)['rows']} rows")
    return 0


def evaluate(parsed: Parsed, around: Surroundings, threads: int) -> int:
    """Print metrics and ratings as JSON, or have them in a file."""
    config = _read_batch_config(parsed, around, threads)
    config = replace(config, target=parsed.target, task=parsed.task, thresholds=dict(parsed.threshold))
    found = json.dumps(run_evaluation(config), indent=2)
    if not parsed.to:
        print(found)
        return 0
    beside = parsed.to.with_name(f"{parsed.to.name}.part")
    beside.write_text(f"{found}\n")
    beside.replace(parsed.to)
    return 0


def _read_batch_config(parsed: Parsed, around: Surroundings, threads: int) -> BatchConfig:
    find_file(parsed.rows)
    file, rows = find_model(parsed.file), parsed.rows.absolute()  # of a link the own name says what it leads to
    return BatchConfig(file, parsed.format, rows, around, threads, chunk=parsed.chunk)


def freeze(parsed: Parsed, around: Surroundings, threads: int) -> int:
    """Write the lock of a runtime with a model's own library versions."""
    pins = _read_versions(parsed, around, threads)
    if not pins:
        raise BadConfiguration(f"{parsed.file} does not say which versions made it.", "Give a list by pip freeze.")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("".join(f"{name}=={version}\n" for name, version in pins.items()))
        constraints.flush()
        found = locks.resolve(locks.list_needs(pins), Path(constraints.name), parsed.wheels)
    parsed.to.write_text(locks.write_lock(found))
    print(f"{parsed.to}: {len(found)} libraries, of which {len(pins)} versions are the model's")
    return 0


def _read_versions(parsed: Parsed, around: Surroundings, threads: int) -> dict[str, str]:
    file = find_file(parsed.file)
    if file.suffix == ".txt" and "==" in file.read_text(errors="replace"):
        return locks.read_pins(file.read_text())
    with tempfile.TemporaryDirectory(prefix="airgate-freeze-") as scratch:
        report = run_once(Job(INSPECT, str(file), scratch, read_bounds(parsed, threads), around, parsed.format))
    return locks.read_model_versions(_read_report(report)["libraries"])


def _read_report(report: CallReport) -> dict[str, Any]:
    """Return what a call answered. Raises ServingError for one that was refused or stopped."""
    if report.error:
        raise report.error
    if "error" in report.answer:
        raise ServingError(str(report.answer["error"]), str(report.answer.get("hint", "")))
    return report.answer


COMMANDS: dict[str, Callable[[Parsed, Surroundings, int], int]] = {
    "inspect": inspect,
    "convert": convert,
    "bench": bench,
    "batch": batch,
    "evaluate": evaluate,
    "freeze": freeze,
}
