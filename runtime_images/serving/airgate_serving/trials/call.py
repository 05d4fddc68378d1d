"""The forked process of one call: locks itself in, opens the file, answers, and is gone."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from airgate_kit.clock import Clock
from airgate_serving.codecs.calls import Call, unwrap, write_result
from airgate_serving.codecs.csv_rows import read_csv
from airgate_serving.codecs.records import arrange, build_result, make_sample_arguments, read_arguments
from airgate_serving.errors import CallStopped, MissingLibrary, ModelFailed, ServingError, UnknownFunction
from airgate_serving.fetch import is_of_digest
from airgate_serving.formats.archive import may_hold_program
from airgate_serving.formats.interface import LoadOptions, Runner, Script, Several
from airgate_serving.formats.table import find_format, guess_format, load
from airgate_serving.formats.versions import find_here, judge, list_warnings
from airgate_serving.sandbox import lock
from airgate_serving.sandbox.limits import CallLimits, apply_limits, die_with_parent, limit_files, volunteer_for_oom
from airgate_serving.tensors import Signature
from airgate_serving.trials.job import CONVERT, CONVERTED, FIT, INSPECT, MEBIBYTE, TEST, Bounds, Job, read_job

OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory", "OutOfMemoryError", "DefaultCPUAllocator")
"""In the words of C++, ONNX Runtime, Java and PyTorch."""
SPARE_SECONDS = 5  # of processor time over what the deadline allows all threads


def run_call(job_file: int, result_file: int, clock: Clock) -> None:
    """Do the job that is written in one file and write the report into the other. Never raises."""
    os.lseek(job_file, 0, os.SEEK_SET)
    with os.fdopen(job_file, "rb") as source:
        job = read_job(source.read())
    try:
        report = _do(job, clock)
    except ServingError as error:
        report = _explain(error, job.bounds)
    except MemoryError:
        report = _write_error(_explain_memory(job.bounds))
    except Exception as error:  # noqa: BLE001 - the model's code may raise anything; the caller gets a sentence
        report = _write_error(ModelFailed(f"The model failed: {type(error).__name__}: {str(error)[:300]}"))
    with os.fdopen(result_file, "wb") as target:
        target.write(orjson.dumps(report, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS, default=str))


def _do(job: Job, clock: Clock) -> dict[str, Any]:
    report = _lock_in(job)
    if job.action == FIT:
        found = find_here(job.arguments)
        return {**asdict(judge(found)), "here": {library.name: library.installed for library in found}}
    name = job.format or guess_format(Path(job.file))
    form = find_format(name)
    scanned = not is_of_digest(Path(job.file), job.override)
    lock.judge_opening(report, form.carries_code, job.around.excused and scanned)
    if not form.unpacks:
        limit_files(job.bounds.print_bytes)
    began = clock.monotonic()
    runner = load(Path(job.file), name, _choose_options(job, scanned))
    load_seconds = clock.monotonic() - began
    if job.action == INSPECT:
        return {"format": name, "lock": report.explain(), **_describe(runner)}
    if job.action == CONVERT:
        return _convert(runner, job)
    return _test(runner, job, load_seconds, clock)


def _choose_options(job: Job, scanned: bool) -> LoadOptions:
    around = job.around
    return LoadOptions(
        job.bounds.threads,
        around.nvidia,
        tuple(around.qids),
        around.qaic_sdk,
        Path(job.scratch),
        describe=job.action == INSPECT,
        scanned=scanned,
    )


def _lock_in(job: Job) -> lock.LockReport:
    """Lock this process to its model and its scratch folder, for the rest of its short life."""
    die_with_parent()
    volunteer_for_oom()
    os.chdir(job.scratch)
    qaic = bool(job.around.qids) and job.action == TEST and may_hold_program(Path(job.file), job.format)
    facts, devices = lock.list_card_paths(job.around.nvidia, job.around.qaic_sdk, qaic)
    plan = lock.LockPlan((Path(job.file), *facts), (Path(job.scratch),), devices)
    report = lock.lock_files(plan, abi=None if job.around.landlock else 0)
    apply_limits(_find_limits(job.bounds))
    return lock.lock_calls(report, serving=False)


def _find_limits(bounds: Bounds) -> CallLimits:
    processor = int(bounds.seconds * bounds.threads) + SPARE_SECONDS
    return CallLimits(bounds.memory_bytes, processor, max(bounds.print_bytes, bounds.memory_bytes))


def _describe(runner: Runner) -> dict[str, Any]:
    info = runner.info
    return {
        "signature": _describe_signature(info.signature),
        "sample": info.sample if info.is_script else make_sample_arguments(info.signature),
        "task": info.signature.task,
        "engine": info.engine,
        "device": info.device,
        "libraries": [asdict(library) for library in info.libraries],
        "warnings": list(list_warnings(info)),
        "functions": list(info.functions),
        "further": {
            name: {"signature": _describe_signature(signature), "sample": make_sample_arguments(signature)}
            for name, signature in info.further.items()
        },
    }


def _describe_signature(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": [_describe_spec(spec) for spec in signature.inputs],
        "outputs": [_describe_spec(spec) for spec in signature.outputs],
    }


def _describe_spec(spec: Any) -> dict[str, Any]:
    described = asdict(spec)
    return {**described, "shape": list(spec.shape), "values": list(spec.values)}


def _test(runner: Runner, job: Job, load_seconds: float, clock: Clock) -> dict[str, Any]:
    _say_device(runner, job.around.granted)
    if job.function not in runner.info.functions:
        raise UnknownFunction(
            f"The model has no function {job.function[:60]!r}.", f"It has {', '.join(runner.info.functions)}."
        )
    if isinstance(runner, Script):
        return _test_script(runner, job, load_seconds, clock)
    one: Runner = runner.further.get(job.function, runner) if isinstance(runner, Several) else runner
    tensors, table = read_arguments(job.arguments, one.info.signature)
    began = clock.monotonic()
    outputs = one.run(tensors)
    seconds = clock.monotonic() - began
    times = {"seconds": seconds, "load_seconds": load_seconds}
    return {"result": build_result(outputs, table), "device": runner.info.device, **times}


def _convert(runner: Runner, job: Job) -> dict[str, Any]:
    """Leave the model as ONNX in the scratch folder, once every row has given the same by both."""
    from airgate_serving.convert.compare import compare, make_rows
    from airgate_serving.convert.converters import convert

    signature = runner.info.signature
    rows = arrange(read_csv(job.arguments.encode(), signature), signature) if job.arguments else make_rows(signature)
    target = Path(job.scratch) / CONVERTED
    target.write_bytes(convert(runner))
    found = compare(runner, load(target, "onnx", LoadOptions(job.bounds.threads)), rows)
    return {"rows": found.rows, "largest": found.largest, "bytes": target.stat().st_size}


def _test_script(script: Script, job: Job, load_seconds: float, clock: Clock) -> dict[str, Any]:
    call = Call(job.function, unwrap(job.arguments))
    began = clock.monotonic()
    value = script.call(call.function, call.args)
    seconds = clock.monotonic() - began
    result = orjson.loads(write_result(value, call.is_split()))["result"]
    return {"result": result, "device": script.info.device, "seconds": seconds, "load_seconds": load_seconds}


def _say_device(runner: Runner, granted: str) -> None:
    print(f"{runner.info.engine} device: {runner.info.device}", flush=True)
    if granted and runner.info.device == "CPU":
        print(f"Granted {granted}, but {runner.info.engine} computes on the CPU.", flush=True)
    for warning in list_warnings(runner.info):
        print(f"Warning: {warning}", flush=True)


def _explain(error: ServingError, bounds: Bounds) -> dict[str, Any]:
    """Return the report of an error; one that stems from too little memory says that instead."""
    if any(_speaks_of_memory(cause) for cause in _walk_causes(error)):
        return _write_error(_explain_memory(bounds))
    return _write_error(error)


def _speaks_of_memory(cause: BaseException) -> bool:
    return isinstance(cause, MemoryError) or any(word in str(cause) for word in OUT_OF_MEMORY)


def _walk_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _explain_memory(bounds: Bounds) -> CallStopped:
    return CallStopped(
        f"The model asked for more than {bounds.memory_bytes // MEBIBYTE} MiB of memory and was stopped.",
        "Give the test runtime more memory, or use a smaller model.",
    )


def _write_error(error: ServingError) -> dict[str, Any]:
    needs = {"needs": error.needs} if isinstance(error, MissingLibrary) and error.needs else {}
    return {"code": error.code, "error": error.sentence, "hint": error.hint, **needs}
