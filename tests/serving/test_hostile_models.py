"""A collection of model files that attack: known tricks that scanners of pickles miss, scripts that reach out, weights
that point elsewhere. What each reaches of a key, of another's model, of the network and of the host is counted: none.
"""

import bz2
import io
import pickle
import pickletools
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression

from tests.serving.models import make_mlp
from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

pytestmark = pytest.mark.process


LINEAR = b"csklearn.linear_model._base\nLinearRegression\n)\x81"  # an empty estimator, as a pickle has it


class Call:
    """Pickles as a call of any function by name, without importing it here."""

    def __init__(self, module: str, name: str, *arguments: Any) -> None:
        self.module, self.name, self.arguments = module, name, arguments


def write_call(call_: Call, protocol: int = 4) -> bytes:
    """Return a pickle that calls a function while it is opened."""
    tail = pickle.dumps(call_.arguments, protocol=2)[2:-1]
    if protocol >= 4:
        head = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (call_.module, call_.name))
        return b"\x80\x04" + head + b"\x93" + tail + b"R."
    return b"\x80\x02c" + f"{call_.module}\n{call_.name}\n".encode() + tail + b"R."


def hide_name(module: str, name: str, *arguments: Any) -> bytes:
    """Return a pickle whose names come out of the memo, where a scanner that only reads strings does not look."""
    body = io.BytesIO()
    body.write(b"\x80\x04")
    for text in (module, name):
        body.write(b"\x8c" + bytes([len(text)]) + text.encode() + b"\x94" + b"0")
    body.write(b"h\x00h\x01\x93" + pickle.dumps(arguments, protocol=2)[2:-1] + b"R.")
    return body.getvalue()


def list_tricks(canary: Path, port: int) -> dict[str, bytes]:
    """Return attacks by name: each would write the canary, or call the listener."""
    shell = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    dial = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
    calls = {
        "os.system": Call("os", "system", shell),
        "posix.system": Call("posix", "system", shell),
        "nt name for posix": Call("nt", "system", shell),
        "subprocess": Call("subprocess", "call", ["touch", str(canary)]),
        "eval": Call("builtins", "eval", code),
        "exec": Call("builtins", "exec", dial),
        "__builtin__ of Python 2": Call("__builtin__", "eval", code),
        "getattr": Call("builtins", "getattr", "", "join"),
        "open": Call("builtins", "open", str(canary), "w"),
        "io.open": Call("io", "open", str(canary), "w"),
        "_io.FileIO": Call("_io", "FileIO", str(canary), "w"),
        "importlib": Call("importlib", "import_module", "antigravity"),
        "runpy": Call("runpy", "run_path", "/etc/passwd"),
        "timeit": Call("timeit", "timeit", code),
        "cProfile": Call("cProfile", "run", code),
        "bdb": Call("bdb", "Bdb.run", None, code),
        "code": Call("code", "InteractiveInterpreter.runcode", None, code),
        "pdb": Call("pdb", "run", code),
        "trace": Call("trace", "Trace.run", None, code),
        "pty": Call("pty", "spawn", ["touch", str(canary)]),
        "platform": Call("platform", "popen", shell),
        "ctypes": Call("ctypes", "CDLL", "libc.so.6"),
        "webbrowser": Call("webbrowser", "open", f"http://127.0.0.1:{port}"),
        "urllib": Call("urllib.request", "urlopen", f"http://127.0.0.1:{port}"),
        "socket": Call("socket", "create_connection", ("127.0.0.1", port)),
        "smtplib": Call("smtplib", "SMTP", "127.0.0.1", port),
        "ftplib": Call("ftplib", "FTP", "127.0.0.1"),
        "xmlrpc": Call("xmlrpc.client", "ServerProxy", f"http://127.0.0.1:{port}"),
        "pip": Call("pip._internal", "main", ["download", "x"]),
        "pydoc": Call("pydoc", "pipepager", "x", shell),
        "idlelib": Call("idlelib.run", "Executive.runcode", None, code),
        "doctest": Call("doctest", "debug_script", code),
        "asyncio": Call("asyncio.unix_events", "_UnixSubprocessTransport._start", None, [shell]),
        "operator": Call("operator", "methodcaller", "system", shell),
        "types": Call("types", "CodeType"),
        "pickle in pickle": Call("pickle", "loads", b"cos\nsystem\n(S'touch x'\ntR."),
        "_pickle in pickle": Call("_pickle", "loads", b"cos\nsystem\n(S'touch x'\ntR."),
        "joblib in pickle": Call("joblib", "load", str(canary)),
        "numpy.load": Call("numpy", "load", str(canary), None, True),
        "numpy.fromfile": Call("numpy", "fromfile", "/etc/passwd"),
        "numpy runstring": Call("numpy.testing._private.utils", "runstring", code, {}),
        "numpy f2py": Call("numpy.f2py.crackfortran", "myeval", code),
        "numpy memmap": Call("numpy", "memmap", str(canary), "uint8", "w+"),
        "numpy ctypeslib": Call("numpy.ctypeslib", "load_library", "libc", "/"),
        "pandas eval": Call("pandas", "eval", "@__import__('os').system('x')"),
        "pandas read_pickle": Call("pandas", "read_pickle", str(canary)),
        "pandas read_csv": Call("pandas.io.parsers.readers", "read_csv", "/etc/passwd"),
        "scipy loadmat": Call("scipy.io.matlab._mio", "loadmat", "/etc/passwd"),
        "sklearn openml": Call("sklearn.datasets._openml", "fetch_openml", "iris"),
        "sklearn's own os": Call("sklearn.utils._testing", "os.system", shell),
        "sklearn externals": Call("sklearn.externals._packaging.version", "parse", "1"),
        "joblib memory": Call("joblib.memory", "Memory", str(canary)),
        "joblib shell": Call("joblib.externals.loky.backend.utils", "_kill_process_tree_without_psutil", None),
        "lightgbm's own json": Call("lightgbm.basic", "json.loads", "1"),
        "xgboost's own os": Call("xgboost.core", "os.system", shell),
        "logging config": Call("logging.config", "_resolve", "os.system"),
        "site": Call("site", "execsitecustomize"),
        "uuid": Call("uuid", "_get_command_stdout", "touch", str(canary)),
    }
    found = {name: write_call(attack) for name, attack in calls.items()}
    found |= {f"{name}, protocol 2": write_call(calls[name], 2) for name in ("os.system", "eval", "numpy f2py")}
    return {**found, **list_disguises(write_call(calls["eval"], 2), shell, code)}


def list_disguises(attack: bytes, shell: str, code: str) -> dict[str, bytes]:
    """Return attacks in forms that scanners stumble over."""
    arrays = io.BytesIO()
    joblib.dump({"x": np.array([Nested(shell)], dtype=object)}, arrays)
    good = pickle.dumps(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    return {
        "names from the memo": hide_name("builtins", "eval", code),
        "breaks after the call": attack[:-1] + b"0\x85\x85\x85garbage",
        "a second pickle behind a good one": good + attack,
        "an unknown opcode behind the call": attack[:-1] + b"\xff.",
        "deflated": zlib.compress(attack),
        "squeezed": bz2.compress(attack),
        "in an array of joblib": arrays.getvalue(),
        "optimized": pickletools.optimize(attack),
        "persistent id": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "extension registry": b"\x80\x02\x82\x01.",
        "build with a state that calls": b"\x80\x02" + LINEAR + attack[2:-1] + b"b.",
    }


class Nested:
    """Becomes a shell command when it is opened."""

    def __init__(self, shell: str) -> None:
        self.shell = shell

    def __reduce__(self) -> Any:
        import os

        return os.system, (self.shell,)


@contextmanager
def listen(host: str = "127.0.0.1") -> Iterator[tuple[int, list[Any]]]:
    """Give a port of one of this machine's addresses on which every caller is counted."""
    callers: list[Any] = []
    with socket.create_server((host, 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def count() -> None:
            while not over.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                connection.close()
                callers.append(address)

        thread = threading.Thread(target=count)
        thread.start()
        try:
            yield server.getsockname()[1], callers
        finally:
            over.set()
            thread.join()


def test_no_trick_of_a_pickle_reaches_anything(tester, shelf, tmp_path) -> None:  # noqa: F811
    """Every one is refused with a sentence; no file is made, nobody is called."""
    canary = tmp_path / "canary"
    with listen() as (port, callers):
        tricks = list_tricks(canary, port)
        answers = {
            name: call(tester, "/inspect", {"digest": shelf.put(content), "filename": "model.pkl"})
            for name, content in tricks.items()
        }
    reached = [*callers, *tmp_path.iterdir()]
    opened = {name: answer.text[:200] for name, answer in answers.items() if answer.status_code != 422}
    harmless = {"a second pickle behind a good one"}  # the first one is the model; nobody reads on
    assert reached == [] and set(opened) <= harmless and len(tricks) > 60
    assert all(answer.json()["error"] for answer in answers.values() if answer.status_code == 422)


SCRIPT = """
import os, socket, subprocess, sys
from pathlib import Path


def attempt(act):
    try:
        return str(act())[:200]
    except Exception as error:
        return "refused: " + type(error).__name__


def predict(args):
    return {
        "key": attempt(lambda: Path(args["key"]).read_text()),
        "neighbour": attempt(lambda: Path(args["neighbour"]).read_bytes()[:4]),
        "folder": attempt(lambda: os.listdir(args["folder"])),
        "passwords": attempt(lambda: Path("/etc/passwd").read_text()),
        "write": attempt(lambda: Path(args["folder"], "x").write_text("x")),
        "network": attempt(lambda: socket.create_connection((args.get("host", "127.0.0.1"), args["port"]))),
        "datagram": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        "program": attempt(lambda: subprocess.run(["true"])),
        "parent": attempt(lambda: Path(f"/proc/{os.getppid()}/environ").read_text()),
        "memory": attempt(lambda: open(f"/proc/{os.getppid()}/mem", "rb")),
        "signal": attempt(lambda: os.kill(os.getppid(), 9)),
        "environment": attempt(lambda: [name for name in os.environ if "SECRET" in name or "TOKEN" in name] or 1 / 0),
    }
"""


def test_a_script_reaches_no_key_no_neighbour_no_network_no_host(tester, shelf, tmp_path, model_folder) -> None:  # noqa: F811
    """A person's own code does what it likes, and reaches nothing of anybody else."""
    (tmp_path / "key.pem").write_text("PRIVATE KEY")
    neighbour = shelf.put((model_folder / "iris.pkl").read_bytes())[7:]
    with listen() as (port, callers):
        places = {"key": str(tmp_path / "key.pem"), "folder": str(shelf.folder), "port": port}
        args = {**places, "neighbour": str(shelf.folder / "sha256" / neighbour[:2] / neighbour)}
        body = {"digest": shelf.put(SCRIPT.encode()), "args": args}
        answer = call(tester, "/test", body)
    result = answer.json()["result"]
    assert {name: found for name, found in result.items() if not found.startswith("refused: ")} == {}
    assert callers == [] and len(result) == 12


def point_elsewhere(place: str) -> bytes:
    """Return an ONNX model whose weights are said to lie in another file."""
    model = make_mlp()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", str(64 * 64 * 4))):
        weight.external_data.add(key=key, value=value)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("place", ["../../../etc/passwd", "/etc/passwd", "/proc/self/environ", "neighbour", "."])
def test_weights_that_point_elsewhere_are_not_read(tester, shelf, place) -> None:  # noqa: F811
    """A model file cannot make the runtime read a file that is not its own."""
    answer = call(tester, "/inspect", {"digest": shelf.put(point_elsewhere(place)), "filename": "m.onnx"})
    assert answer.status_code == 422 and "root:" not in answer.text


def test_a_model_that_recurses_or_swells_hurts_only_itself(tester, shelf) -> None:  # noqa: F811
    """Absurd sizes and depths of every format end in a sentence."""
    fill = helper.make_node("ConstantOfShape", ["shape"], ["y"])
    shape = helper.make_tensor("shape", TensorProto.INT64, [4], [10**5] * 4)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    huge = helper.make_model(helper.make_graph([fill], "g", [], [output], [shape]), ir_version=9)
    files = {
        "onnx": bytes(onnx.ModelProto.SerializeToString(huge)),
        "xgboost": b'{"learner":' * 20_000,
        "xgboost numbers": b'{"learner":{"learner_model_param":{"num_feature":"99999999999"}},"version":[3,2,0]}',
        "lightgbm": b"tree\nversion=v4\nnum_class=99999999\nnum_tree_per_iteration=99999999\nfeature_names=a\n"
        b"feature_infos=[0:1]\nobjective=binary\nmax_feature_idx=999999999\ntree_sizes=9\n\nTree=0\nnum_leaves=2\n",
        "script": b"def predict(args): return " + b"(" * 5000 + b")" * 5000,
        "deep pickle": b"\x80\x02" + b"(" * 100_000 + b".",
        "long pickle": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x0f",
    }
    for name, content in files.items():
        answer = call(tester, "/inspect", {"digest": shelf.put(content), "filename": "m"})
        assert answer.status_code in (200, 422), (name, answer.text)
        assert answer.status_code == 200 or answer.json()["error"], name


def test_skops_files_reach_nothing_either(tester, shelf, tmp_path) -> None:  # noqa: F811
    """A zip of JSON may name classes as a pickle does; it is judged alike."""
    file = tmp_path / "m.skops"
    skops.io.dump({"model": Stranger()}, file)
    answer = call(tester, "/inspect", {"digest": shelf.put(file.read_bytes()), "filename": "m.skops"})
    assert answer.status_code == 422 and "needs the library tests" in answer.json()["error"]


class Stranger:
    """A class that no model needs."""
