"""The warm process: has the libraries imported, has one thread and no secret, and forks for each call.

Speaks over one socket, a packet a message, JSON: in come `{"id"}` with three open files (job, result, stdout, stderr)
and `{"kill": id}`; out go `{"ready"}` once and `{"id", "status"}` for each call that has ended, as `waitpid` has it.
"""

import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from airgate_kit.clock import SystemClock
from airgate_serving.sandbox import seccomp
from airgate_serving.sandbox.limits import die_with_parent

WARM_LIBRARIES = ("numpy", "onnxruntime", "orjson", "pandas", "joblib", "fickling.fickle")
WARM_ESTIMATORS = ("sklearn.pipeline", "sklearn.ensemble", "sklearn.linear_model", "sklearn.compose")
WARM_OURS = ("airgate_serving.trials.call", "airgate_serving.formats.onnx", "airgate_serving.formats.sklearn")
WARM_IF_THERE = ("tensorflow", "keras", "torch")
PACKET = 65536  # bytes
FILES = 4  # that come with a call


def main(socket_number: int) -> None:
    """Fork calls until the other side of the socket is gone."""
    die_with_parent()
    for name in (*WARM_LIBRARIES, *WARM_ESTIMATORS, *WARM_OURS):
        importlib.import_module(name)
    _warm_large_ones()
    seccomp.find_library()
    gc.freeze()  # the pages of what is imported stay shared with every call
    with socket.socket(fileno=socket_number) as control:
        _Zygote(control).run()


def _warm_large_ones() -> None:
    """Import TensorFlow or PyTorch, which takes seconds, in the runtime that has it: no thread before they compute."""
    from airgate_serving.formats.quiet import hushed

    with hushed():
        for name in filter(importlib.util.find_spec, WARM_IF_THERE):
            importlib.import_module(name)


class _Zygote:
    """The loop: messages on one side, ended children on the other."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}  # process id -> call id
        self._wake, wake_end = os.pipe()
        os.set_blocking(wake_end, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(wake_end)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        """Work until the other side is gone; what still runs then dies with this process."""
        self._tell({"ready": True})
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, PACKET)
                self._reap()
            if self._control.fileno() in ready and not self._take():
                return

    def _take(self) -> bool:
        """Do what one message says; return False at the end of all messages."""
        content, files, _, _ = socket.recv_fds(self._control, PACKET, FILES)
        if not content:
            return False
        message = json.loads(content)
        if "kill" in message:
            self._kill(message["kill"])
        else:
            self._fork(message["id"], files)
        for file in files:
            os.close(file)
        return True

    def _fork(self, call: int, files: list[int]) -> None:
        child = os.fork()
        if child:
            self._children[child] = call
            return
        try:
            self._become_call(files)
        finally:
            os._exit(0)

    def _become_call(self, files: list[int]) -> None:
        """Turn this fork into a call: its own output, no way back to the zygote."""
        from airgate_serving.trials.call import run_call

        job, result, out, err = files
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        os.close(self._wake)
        os.dup2(out, 1)
        os.dup2(err, 2)
        run_call(job, result, SystemClock())
        sys.stdout.flush()
        sys.stderr.flush()

    def _kill(self, call: int) -> None:
        for child, owner in self._children.items():
            if owner == call:
                os.kill(child, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            self._tell({"id": self._children.pop(child), "status": status})

    def _tell(self, message: dict[str, Any]) -> None:
        self._control.send(json.dumps(message).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
