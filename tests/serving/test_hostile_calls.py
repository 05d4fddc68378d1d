"""Calls that misbehave, each in the fork of a real warm process: every one gets a sentence, and the next call works.

A format of the test's own stands in for a hostile library: no model file of the suite's can do all this.
"""

import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from airgate_serving.trials.job import INSPECT, Bounds, Job, Surroundings
from airgate_serving.trials.keeper import CallReport, Keeper
from tests.serving.server import find_python_path

pytestmark = pytest.mark.process

MEBIBYTE = 1024 * 1024
SCRIBBLE = """
import os
for number in range(3, 64):
    try: os.write(number, b'{"format":')
    except OSError: pass
os._exit(0)
"""
THREADS = """
import threading, time
for _ in range(50): threading.Thread(target=time.sleep, args=(99,)).start()
for thread in threading.enumerate()[1:]: thread.join()
"""
DEEDS = {
    "crash": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "sleep": "import time; time.sleep(1000)",
    "spin": "while True: pass",
    "print": "while True: print('x' * 1000000)",
    "print natively": "import os\nwhile True: os.write(1, b'x' * 1000000)",
    "allocate": "hoard = []\nwhile True: hoard.append(bytearray(10_000_000))",
    "recurse": "def f(): return f() + 1\nf()",
    "leave": "import os; os._exit(0)",
    "scribble": SCRIBBLE,
    "fill the disk": "f = open('big', 'wb')\nwhile True: f.write(b'x' * 1000000)",
    "multiply": "import os\nwhile True: os.fork()",
    "start threads": THREADS,
}
SAYS = {
    "crash": "crashed its process (SIGSEGV)",
    "abort": "crashed its process (SIGABRT)",
    "sleep": "longer than 3 s",
    "spin": "longer than 3 s",
    "print": "printed more than 2 MiB",
    "print natively": "printed more than 2 MiB",
    "allocate": "more than 256 MiB of memory",
    "recurse": "RecursionError",
    "leave": "ended without an answer",
    "scribble": "ended without an answer",
    "fill the disk": "File too large",
    "multiply": "PermissionError",
    "start threads": "can't start new thread",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keeper(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keeper]:
    """A keeper whose warm process knows one format more: a file is run as Python when it is loaded."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile_format.py").write_text("def load(path, options):\n    exec(path.read_text(), {})\n")
    (folder / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import hostile_format
        from airgate_serving.formats import table
        table.FORMATS["hostile"] = table.Format("hostile", "hostile_format", carries_code=True)
        """)
    )
    environment = {"PYTHONPATH": f"{folder}:{find_python_path()}", "ORT_DISABLE_TELEMETRY": "1"}
    keeper = Keeper({**environment, "OPENBLAS_NUM_THREADS": "1", "JOBLIB_MULTIPROCESSING": "0"}, folder)
    keeper.start()
    await keeper.ready.wait()
    yield keeper
    await keeper.stop()


def make_job(folder: Path, deed: str) -> Job:
    """Return a job whose model does the deed."""
    (folder / "model").write_text(deed)
    (folder / "scratch").mkdir()
    bounds = Bounds(seconds=3, memory_bytes=256 * MEBIBYTE, print_bytes=2 * MEBIBYTE)
    return Job(INSPECT, str(folder / "model"), str(folder / "scratch"), bounds, Surroundings(), "hostile")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", DEEDS)
async def test_a_hostile_call_gets_a_sentence_and_hurts_nobody(keeper: Keeper, tmp_path: Path, name: str) -> None:
    """A crash, a sleeper, a hoarder, a chatterbox: one person's problem, told in one sentence."""
    job = make_job(tmp_path, DEEDS[name])
    report = await keeper.run(job)
    assert SAYS[name] in explain(report)
    well = replace(job, file=str(Path(__file__)), format="", action=INSPECT)
    assert "no function predict" in explain(await keeper.run(well))


def explain(report: CallReport) -> str:
    """Return the sentence of a refused call."""
    return str(report.error or report.answer.get("error"))
