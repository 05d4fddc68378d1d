"""Other people's servers with the same ONNX file, each in an environment of its own, by its own documentation.

MLServer 1.7.1 runs with uvloop<0.22, because it crash-loops with a newer one; with parallel workers off, and with its
default worker. mosec runs as it comes, and with requests that wait joined into one run. KServe's SDK has one setting.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.bench.load import run_server
from tests.bench.serving_tiers import wait_for_ok
from tests.gateway.rig import find_free_port
from tests.kit.environment import make_environment

FOLDER = Path("build/bench/serving")
HERE = Path(__file__).parent / "peers"
JOINED = 32  # requests that mosec may join
Running = AbstractContextManager[tuple[str, int]]


def find_peers(model: Path) -> list[tuple[str, Running]]:
    """Return every peer by its name; each yields the address to POST Open Inference to, and a process id."""
    return [
        *((f"MLServer, {workers} workers", run_mlserver(model, workers)) for workers in (0, 1)),
        ("KServe SDK", run_kserve(model)),
        *((f"mosec, batches of {most}", run_mosec(model, most)) for most in (1, JOINED)),
    ]


@contextmanager
def run_mlserver(model: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Run MLServer."""
    folder = FOLDER / f"mlserver-{workers}"
    folder.mkdir(exist_ok=True, parents=True)
    port = find_free_port()
    others = {"grpc_port": find_free_port(), "metrics_port": find_free_port()}
    settings = {"host": "127.0.0.1", "http_port": port, "parallel_workers": workers, "debug": False, **others}
    (folder / "settings.json").write_text(json.dumps(settings))
    implementation = "tests.bench.peers.mlserver_onnx.OnnxModel"
    parameters = {"uri": str(model), "version": "1"}
    wish = {"name": "digits", "implementation": implementation, "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps(wish))
    command = [str(make_environment("mlserver") / "mlserver"), "start", str(folder)]
    ready = f"http://127.0.0.1:{port}/v2/models/digits/ready"
    with run_server(f"mlserver-{workers}", command, ready, PYTHONPATH=str(Path.cwd())) as pid:
        wait_for_ok(ready)
        yield f"http://127.0.0.1:{port}/v2/models/digits/infer", pid


@contextmanager
def run_kserve(model: Path) -> Iterator[tuple[str, int]]:
    """Run a model on KServe's SDK."""
    port = find_free_port()
    command = [str(make_environment("kserve") / "python"), str(HERE / "kserve_onnx.py"), "--http_port", str(port)]
    ready = f"http://127.0.0.1:{port}/v2/models/digits/ready"
    quiet = ["--enable_grpc", "false", "--disable_log_requests"]
    with run_server("kserve", [*command, *quiet], ready, MODEL=str(model)) as pid:
        wait_for_ok(ready)
        yield f"http://127.0.0.1:{port}/v2/models/digits/infer", pid


@contextmanager
def run_mosec(model: Path, most: int) -> Iterator[tuple[str, int]]:
    """Run mosec with one worker; `most` requests are joined."""
    port = find_free_port()
    command = [str(make_environment("mosec") / "python"), str(HERE / "mosec_onnx.py")]
    where = ["--address", "127.0.0.1", "--port", str(port), "--timeout", "10000"]
    ready = f"http://127.0.0.1:{port}/metrics"
    with run_server(f"mosec-{most}", [*command, *where], ready, MODEL=str(model), MOST=str(most)) as pid:
        wait_for_ok(ready)
        yield f"http://127.0.0.1:{port}/inference", pid
