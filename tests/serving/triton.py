"""An independent client of Open Inference, tritonclient: HTTP here, gRPC in a process of its own.

Its protobuf messages have the names of ours, and one process can hold them only once.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

DATATYPES = {"f": "FP32", "d": "FP64", "i": "INT32", "l": "INT64", "O": "BYTES"}


class Refused(Exception):
    """What the client raised, in words."""


@dataclass(frozen=True, slots=True)
class Question:
    """One inference. Over HTTP, tensors travel as bytes or as JSON each way; None leaves it to the client."""

    model: str
    arrays: dict[str, Any]
    wanted: tuple[str, ...]
    as_bytes_in: bool | None = None
    as_bytes_out: bool | None = None


def ask_http(address: str, question: Question) -> dict[str, Any]:
    """Return the outputs. Raises Refused."""
    import tritonclient.http as kind

    return _ask(kind, address, question)


def ask_grpc(address: str, question: Question) -> dict[str, Any]:
    """Return the outputs. Raises Refused. Call it through `run_grpc_process`."""
    import tritonclient.grpc as kind

    return _ask(kind, address, question)


def describe_http(address: str, model: str) -> dict[str, Any]:
    """Return what the client finds out about a model."""
    import tritonclient.http as kind

    return _describe(kind.InferenceServerClient(address), model)


def describe_grpc(address: str, model: str) -> dict[str, Any]:
    """Return what the client finds out about a model. Call it through `run_grpc_process`."""
    import tritonclient.grpc as kind

    return _describe(kind.InferenceServerClient(address), model, as_json=True)


class GrpcProcess:
    """The process that speaks gRPC: takes pickled questions on its stdin and gives pickled answers on its stdout."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def call(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Run a function of this file over there. Raises Refused."""
        assert self._process.stdin and self._process.stdout
        pickle.dump((name, arguments), self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, str):
            raise Refused(answer)
        found: dict[str, Any] = answer
        return found


@contextmanager
def run_grpc_process() -> Iterator[GrpcProcess]:
    """Keep the process until the block ends."""
    command = [sys.executable, "-m", "tests.serving.triton"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield GrpcProcess(process)


def main() -> None:
    """Answer questions until there are no more."""
    while True:
        try:
            name, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = {"ask_grpc": ask_grpc, "describe_grpc": describe_grpc}[name](*arguments)
        except Refused as error:
            answer = str(error)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _ask(kind: Any, address: str, question: Question) -> dict[str, Any]:
    client = kind.InferenceServerClient(address)
    try:
        inputs = [_make_input(kind, name, array, question) for name, array in question.arrays.items()]
        asked = {} if question.as_bytes_out is None else {"binary_data": question.as_bytes_out}
        outputs = [kind.InferRequestedOutput(name, **asked) for name in question.wanted]
        answer = client.infer(question.model, inputs, outputs=outputs, request_id="7")
        return {name: answer.as_numpy(name) for name in question.wanted}
    except kind.InferenceServerException as error:
        raise Refused(str(error)) from None
    finally:
        client.close()


def _make_input(kind: Any, name: str, array: Any, question: Question) -> Any:
    tensor = kind.InferInput(name, list(array.shape), DATATYPES[array.dtype.char])
    asked = {} if question.as_bytes_in is None else {"binary_data": question.as_bytes_in}
    tensor.set_data_from_numpy(array, **asked)
    return tensor


def _describe(client: Any, model: str, **asked: bool) -> dict[str, Any]:
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model, "1"),
        "server": client.get_server_metadata(**asked),
        "model": client.get_model_metadata(model, **asked),
    }
    client.close()
    return found


if __name__ == "__main__":
    main()
