"""One call without a warm process: what `airgate-serve inspect` does."""

import contextlib
import os
import signal
import tempfile

from airgate_kit.clock import SystemClock
from airgate_serving.errors import CallStopped, ServingError
from airgate_serving.trials.call import run_call
from airgate_serving.trials.job import Job, write_job
from airgate_serving.trials.keeper import CallReport, explain_status, read_report


def run_once(job: Job) -> CallReport:
    """Fork, do the job in the fork, and return its report. Call it while the process has one thread."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(4)]
        files[0].write(write_job(job))
        files[0].flush()
        child = os.fork()
        if not child:
            _become_call([file.fileno() for file in files], job.bounds.seconds)
        _, status = os.waitpid(child, 0)
        return read_report(job, _explain(status, job.bounds.seconds), files)


def _become_call(files: list[int], seconds: float) -> None:
    """Do the job and end this fork. An alarm ends it when it takes too long."""
    job, result, out, err = files
    try:
        signal.alarm(max(1, round(seconds)))
        os.dup2(out, 1)
        os.dup2(err, 2)
        run_call(job, result, SystemClock())
    finally:
        os._exit(0)


def _explain(status: int, seconds: float) -> ServingError | None:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return CallStopped(f"The call ran longer than {seconds:g} s and was stopped.", "Raise --deadline.")
    return explain_status(status)
