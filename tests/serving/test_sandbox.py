"""The lock, tried from inside: each attempt runs in a process of its own that has locked itself in."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from airgate_serving.errors import LockMissing
from airgate_serving.sandbox.lock import LockReport, judge_opening

pytestmark = pytest.mark.process

PREPARE = """
import os, sys
from pathlib import Path
from airgate_serving.sandbox.lock import LockPlan, lock_calls, lock_files
from airgate_serving.sandbox.limits import CallLimits, apply_limits
model, scratch, serving = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "serving"
import ctypes, socket, subprocess, threading
report = lock_files(LockPlan((model,), (scratch,), may_bind=serving))
report = lock_calls(report, serving)
assert report.landlock_abi and report.seccomp, report
"""


def attempt(tmp_path: Path, code: str, serving: bool = False) -> str:
    """Run code in a locked process; return what it prints, or the name of the error it met."""
    model, scratch = tmp_path / "model.bin", tmp_path / "scratch"
    model.write_bytes(b"the model")
    scratch.mkdir(exist_ok=True)
    (tmp_path / "neighbour.bin").write_bytes(b"somebody else's model")
    wrapped = f"try:\n{textwrap.indent(code, '    ')}\nexcept Exception as error:\n    print(type(error).__name__)\n"
    command = [sys.executable, "-c", PREPARE + wrapped, str(model), str(scratch), "serving" if serving else "call"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_model_can_be_read_and_the_scratch_folder_written(tmp_path) -> None:
    """The lock leaves what a model needs."""
    code = "(scratch / 'a').write_bytes(model.read_bytes()); print((scratch / 'a').read_text())"
    assert attempt(tmp_path, code) == "the model"


ESCAPES = [
    "print(open('/etc/passwd').read())",
    "print(os.listdir('/'))",
    "print(os.listdir('/root'))",
    "print((model.parent / 'neighbour.bin').read_text())",
    "print(open(f'/proc/{os.getppid()}/environ').read())",
    "print(open('/proc/self/environ').read())",
    "print(open('/proc/self/mem', 'rb'))",
    "model.write_bytes(b'other'); print('written')",
    "(model.parent / 'new').write_bytes(b'x'); print('written')",
    "open('/tmp/airgate-escape', 'w'); print('written')",
    "os.symlink('/etc/passwd', scratch / 'link'); print((scratch / 'link').read_text())",
    "os.link('/etc/passwd', scratch / 'hard'); print((scratch / 'hard').read_text())",
    "print(socket.socket())",
    "print(socket.socket(socket.AF_UNIX))",
    "print(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))",
    "print(socket.create_connection(('127.0.0.1', 1)))",
    "print(subprocess.run(['true']))",
    "print(os.fork())",
    "os.execv('/bin/true', ['true'])",
    "os.kill(os.getppid(), 0); print('reached')",
    "os.mkfifo('/tmp/airgate-fifo'); print('made')",
    "os.setuid(1); print('changed')",
    "os.chroot('/'); print('changed')",
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[tuple[str, bool], str]:
    """What came of every attempt, in one locked process of each kind."""
    found = {}
    for serving in (False, True):
        tries = "\n".join(
            f"try:\n{textwrap.indent(code, '    ')}\nexcept Exception as error:\n    print(type(error).__name__)"
            for code in ESCAPES
        )
        lines = attempt(tmp_path_factory.mktemp("escapes"), tries, serving).splitlines()
        found |= {(code, serving): line for code, line in zip(ESCAPES, lines, strict=True)}
    return found


@pytest.mark.parametrize("serving", [False, True])
@pytest.mark.parametrize("code", ESCAPES)
def test_everything_else_is_out_of_reach(outcomes, code, serving) -> None:
    """Keys, neighbours, the network, other processes: a model reaches none of them."""
    assert outcomes[code, serving] == ("OSError" if code.startswith("os.link") else "PermissionError")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [(425, "8, 0"), (310, "1, 0, 0, 0, 0, 0"), (101, "16, 1, 0, 0"), (434, "1, 0"), (304, "0, 0, 0")],
)
def test_system_calls_that_reach_around_the_lock_are_forbidden(tmp_path, call, arguments) -> None:
    """io_uring, reading another's memory, ptrace, handles of processes and of files: x86-64 numbers."""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86-64")
    code = f"libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall({call}, {arguments}), ctypes.get_errno())"
    assert attempt(tmp_path, code) in ("-1 1", "-1 38")


@pytest.mark.parametrize("serving", [False, True])
def test_threads_are_allowed_and_locked_as_well(tmp_path, serving) -> None:
    """Libraries may compute in threads; a thread is no way out."""
    code = (
        "found = []\n"
        "def work():\n"
        "    try: found.append(open('/etc/passwd').read())\n"
        "    except PermissionError: found.append('locked')\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join(); print(found[0])"
    )
    assert attempt(tmp_path, code, serving) == "locked"


def test_a_serving_process_keeps_the_sockets_it_has(tmp_path) -> None:
    """A server locked in after it was bound still answers; it just cannot call anyone, or listen once more."""
    prepare = PREPARE.replace(
        "report = lock_calls", "server = socket.create_server(('127.0.0.1', 0))\nreport = lock_calls"
    )
    code = "print(server.getsockname()[1], flush=True)\nconnection, _ = server.accept()\nconnection.sendall(b'served')"
    code += "\ntry: server.listen()\nexcept PermissionError: connection.sendall(b', and no more')\nconnection.close()"
    command = [sys.executable, "-c", prepare + code, str(tmp_path), str(tmp_path), "serving"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        with socket.create_connection(("127.0.0.1", int(process.stdout.readline()))) as client:
            assert client.makefile("rb").read() == b"served, and no more"


def test_memory_is_bounded(tmp_path) -> None:
    """Allocating without end meets an error in the process, not the end of the machine."""
    code = (
        "apply_limits(CallLimits(memory_bytes=200 * 1024 * 1024))\n"
        "try: bytearray(10**9)\n"
        "except MemoryError: print('bounded')"
    )
    assert attempt(tmp_path, code) == "bounded"


@pytest.mark.parametrize(
    ("report", "carries_code", "excused", "opens"),
    [
        (LockReport(7, True), True, False, True),
        (LockReport(0, True), True, False, False),
        (LockReport(7, False, "no libseccomp"), True, False, False),
        (LockReport(0, True), True, True, True),
        (LockReport(0, False), False, False, True),
    ],
)
def test_formats_that_carry_code_need_the_whole_lock(report, carries_code, excused, opens) -> None:
    """Half a lock is none for a pickle, unless somebody says so on loopback."""
    if opens:
        judge_opening(report, carries_code, excused)
    else:
        with pytest.raises(LockMissing, match="cannot lock it in"):
            judge_opening(report, carries_code, excused)


def test_no_library_is_imported_before_a_process_has_locked_itself_in() -> None:
    """NumPy and its kin start threads at import, and Landlock holds the threads that start after it."""
    code = "import sys, airgate_serving.cli; print([m for m in ('numpy', 'onnxruntime', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "[]", done.stderr
