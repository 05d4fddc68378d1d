"""How a server lives: the gate, grants, bounds, the drain, and bad starts."""

import asyncio
import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.errors import ServingError
from airgate_serving.rest.failures import STATUS
from tests.kit.caller import Caller
from tests.kit.process import measure
from tests.serving.file_store import Store, run_store
from tests.serving.models import WIDTH
from tests.serving.server import RunningServer, run_command, start_server, wait_for
from tests.serving.test_tester import make_loop

pytestmark = pytest.mark.process

REQUEST = {"inputs": [{"name": "x", "shape": [1, WIDTH], "datatype": "FP32", "data": [0.5] * WIDTH}]}
SECRET = {"AIRGATE_GATE_SECRET": "only-the-gateway"}


def test_with_a_secret_only_the_gateway_is_answered(model_folder) -> None:
    """Where a cluster's network enforces nothing, the header does; probes stay open for the kubelet."""
    with start_server(model_folder / "mlp.onnx", env=SECRET) as server:
        path = "/v2/models/m/infer"
        assert server.post(path, REQUEST).status_code == 403
        assert server.post(path, REQUEST, {"x-airgate-gate": "wrong"}).json()["code"] == "gate-closed"
        assert server.post(path, REQUEST, {"x-airgate-gate": "only-the-gateway"}).status_code == 200
        assert server.get("/v2").status_code == 403 and server.get("/readyz", "admin").status_code == 200
        with grpc.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel:
            live = service.GRPCInferenceServiceStub(channel).ServerLive
            with pytest.raises(grpc.RpcError) as caught:
                live(pb.ServerLiveRequest())
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined]
            assert live(pb.ServerLiveRequest(), metadata=[("x-airgate-gate", "only-the-gateway")]).live


def test_a_card_that_is_held_but_not_used_is_said_everywhere(model_folder) -> None:
    """A person who pays for a card learns that the runtime computes on the CPU: log, metadata, metric."""
    with start_server(model_folder / "mlp.onnx", env={"QAIC_VISIBLE_DEVICES": "0,1"}) as server:
        parameters = server.get("/v2/models/m").json()["parameters"]
        assert parameters["device"] == "CPU" and parameters["granted"] == "qualcomm.com/qaic 0,1"
        assert (
            'airgate_device{device="CPU",granted="qualcomm.com/qaic 0,1"} 1.0' in server.get("/metrics", "admin").text
        )
        assert "Granted qualcomm.com/qaic 0,1, but ONNX Runtime computes on the CPU.\n" in server.output


def test_a_body_over_the_limit_is_refused_with_and_without_a_length(model_folder) -> None:
    """The limit holds for a body that does not announce its size as well."""
    with start_server(model_folder / "mlp.onnx", "--max-body-mib", "1") as server:
        big = b" " * (2 * 1024 * 1024)
        assert server.post("/predict", big).status_code == 413
        chunks = (big[place : place + 65536] for place in range(0, len(big), 65536))
        assert httpx.post(server.url("/predict"), content=chunks, timeout=20).status_code == 413
        assert server.post("/v2/models/m/infer", REQUEST).status_code == 200


def test_over_the_queue_the_rest_is_refused_at_once_and_the_server_recovers(model_folder) -> None:
    """Overload costs the ones who come too late a 429 with Retry-After, and nobody else anything."""
    with start_server(model_folder / "mlp.onnx", "--queue", "0") as server:
        answer = server.post("/v2/models/m/infer", REQUEST)
        assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "busy"
        assert server.get("/v2/health/ready").status_code == 200
        with grpc.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel:
            tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, WIDTH])
            tensor.contents.fp32_contents.extend([0.5] * WIDTH)
            with pytest.raises(grpc.RpcError) as caught:
                service.GRPCInferenceServiceStub(channel).ModelInfer(
                    pb.ModelInferRequest(model_name="m", inputs=[tensor])
                )
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
            assert ("retry-after", "1") in caught.value.trailing_metadata()  # type: ignore[attr-defined]


async def ask_often(server: RunningServer, body: Any, statuses: list[int], stop: asyncio.Event) -> None:
    """Ask over a connection of one's own until told to stop; note every status."""
    async with httpx.AsyncClient(timeout=20) as client:
        while not stop.is_set():
            statuses.append((await client.post(server.url("/predict"), json=body)).status_code)


def test_at_many_times_its_capacity_a_server_answers_what_it_can_and_refuses_the_rest(tmp_path) -> None:
    """Forty callers for a queue of four: everyone hears 200, 429 or 504, memory stays, the next caller is answered."""
    (tmp_path / "loop.onnx").write_bytes(make_loop(10))

    async def overload(server: RunningServer, seconds: float) -> list[int]:
        statuses: list[int] = []
        stop = asyncio.Event()
        callers = [asyncio.create_task(ask_often(server, {"X": [{"x": 1}]}, statuses, stop)) for _ in range(40)]
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.gather(*callers)
        return statuses

    with start_server(tmp_path / "loop.onnx", "--queue", "4", "--deadline", "0.5") as server:
        asyncio.run(overload(server, 1))
        before = measure(server.process.pid)["resident_mb"]
        statuses = asyncio.run(overload(server, 3))
        assert set(statuses) <= {200, 429, 504} and {200, 429} <= set(statuses)
        assert statuses.count(429) > statuses.count(200)
        assert measure(server.process.pid)["resident_mb"] - before < 20
        assert server.post("/predict", {"X": [{"x": 1}]}).status_code == 200


async def ask_until_gone(server: RunningServer, statuses: list[int], stop: asyncio.Event) -> None:
    """Ask again and again, on connections that are kept; note every status, and stop when told."""
    async with httpx.AsyncClient(timeout=20) as client:
        while not stop.is_set():
            answer = await client.post(server.url("/v2/models/m/infer"), json=REQUEST)
            statuses.append(answer.status_code)


def test_sigterm_under_load_loses_no_request(model_folder) -> None:
    """Readiness fails at once; whoever still asks while the gateway learns of it is answered."""

    async def drain_under_load(server: RunningServer) -> list[int]:
        statuses: list[int] = []
        stop = asyncio.Event()
        callers = [asyncio.create_task(ask_until_gone(server, statuses, stop)) for _ in range(8)]
        await asyncio.to_thread(wait_for, lambda: len(statuses) > 100)
        server.process.terminate()
        probe = server.url("/readyz", "admin")
        await asyncio.to_thread(wait_for, lambda: httpx.get(probe).status_code == 503)
        before = len(statuses)
        await asyncio.to_thread(wait_for, lambda: len(statuses) > before + 20)
        stop.set()
        await asyncio.gather(*callers)
        return statuses

    with start_server(model_folder / "mlp.onnx", "--linger", "5") as server:
        statuses = asyncio.run(drain_under_load(server))
        assert set(statuses) == {200}
        assert server.process.wait(timeout=30) == 0


def test_a_model_that_never_returns_does_not_hold_the_server(tmp_path) -> None:
    """After the drain's time the process ends, whatever the model is at; the exit code says that it was not clean."""
    (tmp_path / "hang.py").write_text("import time\ndef predict(args): time.sleep(1000)")
    with (
        start_server(tmp_path / "hang.py", "--linger", "0", "--drain", "0.5", name="hang") as server,
        socket.create_connection(("127.0.0.1", server.ports["http"])) as caller,
    ):
        caller.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        wait_for(lambda: "airgate_requests_in_flight 1.0" in server.get("/metrics", "admin").text)
        assert server.stop() == 4


def test_callers_who_do_not_go_elsewhere_do_not_keep_a_server(tmp_path) -> None:
    """There is always somebody inside, and still the server ends cleanly, long before the drain's time is up."""
    (tmp_path / "slow.py").write_text("import time\ndef predict(args): time.sleep(0.1)")
    with start_server(tmp_path / "slow.py", "--linger", "0.2", "--drain", "20") as server, ExitStack() as stack:
        callers = [stack.enter_context(Caller(server.url("/predict"), {}, pause_s=0.0)) for _ in range(3)]
        wait_for(lambda: all(caller.calls for caller in callers))
        assert server.stop() == 0


def test_while_draining_clients_are_asked_to_leave(model_folder) -> None:
    """A kept connection ends with its answer, so that the last request does not race with the close."""
    with start_server(model_folder / "mlp.onnx", "--linger", "3") as server:
        server.process.terminate()
        wait_for(lambda: server.get("/readyz", "admin").json()["state"] == "draining")
        answer = server.post("/v2/models/m/infer", REQUEST)
        assert answer.status_code == 200 and answer.headers["connection"] == "close"
        assert server.get("/v2/health/ready").status_code == 503


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such-file.onnx"], "There is no file no-such-file.onnx"),
        (["FOLDER/mlp.onnx", "--format", "weka"], "The format 'weka' is unknown here"),
        (["FOLDER/mlp.onnx", "--host", "no.such.host.invalid"], "is unknown here"),
        (["FOLDER/iris.pkl", "--landlock", "off"], "cannot lock it in"),
        (["tester", "--blobs", "/no/such/folder", "--scratch", "FOLDER/scratch"], "There is no folder"),
        (["fetch", "--url", "http://127.0.0.1:1/x", "--digest", "abc", "--to", "FOLDER/x"], "64 hex digits"),
        (["inspect", "FOLDER/nothing"], "There is no file"),
    ],
)
def test_a_bad_start_ends_with_one_sentence(tmp_path, model_folder, arguments, says) -> None:
    """Exit code 3 and a line a person can act on; no traceback."""
    for file in model_folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    words = [word.replace("FOLDER", str(tmp_path)) for word in arguments]
    ports = ["--http-port", "0", "--grpc-port", "0", "--admin-port", "0"]
    done = run_command(*words, *([] if words[0] in ("tester", "fetch", "inspect") else ports))
    assert done.returncode == 3 and says in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("door", ["--http-port", "--grpc-port", "--admin-port"])
def test_a_port_in_use_is_named(model_folder, door) -> None:
    """Two servers never share a port in silence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        ports = {"--http-port": "0", "--grpc-port": "0", "--admin-port": "0", door: number}
        done = run_command(str(model_folder / "mlp.onnx"), *(word for pair in ports.items() for word in pair))
    assert done.returncode == 3 and f"127.0.0.1:{number}" in done.stderr and "Traceback" not in done.stderr


def test_a_bad_model_file_ends_the_server_with_the_reason(tmp_path, model_folder) -> None:
    """The pod's last line says what is wrong with the file."""
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((model_folder / "mlp.onnx").read_bytes()[:-50])
    done = run_command(str(cut), "--http-port", "0", "--grpc-port", "0", "--admin-port", "0")
    assert done.returncode == 3 and "cut short" in done.stderr and "Traceback" not in done.stderr


def test_inspect_prints_the_signature_for_people_and_for_programs(model_folder) -> None:
    """What the page shows can be had on a terminal."""
    lines = run_command("inspect", str(model_folder / "fruit.pkl"))
    assert "input      colour  BYTES [-1], one of green, red, yellow" in lines.stdout
    assert re.search(r"library    scikit-learn: \S+ in the file", lines.stdout)
    assert '"task": "classification"' in run_command("inspect", str(model_folder / "fruit.pkl"), "--json").stdout


def test_nothing_is_reported_to_the_makers_of_libraries(model_folder, tmp_path) -> None:
    """No library writes an id into the home folder, or starts to report: there is no outside."""
    with start_server(model_folder / "mlp.onnx", env={"HOME": str(tmp_path)}):
        pass
    run_command("inspect", str(model_folder / "mlp.onnx"), env={"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def fetch_command(url: str, digest: str, to: Path, token: str = "let-me-in") -> Any:
    """Run the init container's command."""
    arguments = ("fetch", "--url", url, "--digest", digest, "--to", str(to), "--patience", "5")
    return run_command(*arguments, env={"AIRGATE_FETCH_TOKEN": token})


def test_fetch_brings_the_file_once_checked_and_read_only(tmp_path) -> None:
    """A restarted container needs no webapp: the file is there and right, so nothing is asked."""
    digest, target = f"sha256:{hashlib.sha256(Store.content).hexdigest()}", tmp_path / "models" / "m"
    with run_store() as url:
        Store.break_off = True
        assert fetch_command(url, digest, target).returncode == 0
        asked = len(Store.asked)
    assert asked == 2 and target.read_bytes() == Store.content and target.stat().st_mode & 0o777 == 0o444
    assert "there already" in fetch_command(url, digest, target).stdout


def test_fetch_refuses_a_file_that_is_another_and_a_wrong_token(tmp_path) -> None:
    """A file is what its digest says, or it is not there at all."""
    with run_store() as url:
        wrong = fetch_command(url, f"sha256:{'0' * 64}", tmp_path / "m")
        unknown = fetch_command(url, f"sha256:{'0' * 64}", tmp_path / "m", token="guess")
    assert wrong.returncode == 3 and "not the one that was asked for" in wrong.stderr
    assert unknown.returncode == 3 and "answers 401" in unknown.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_error_has_a_status_of_its_own() -> None:
    """A new refusal cannot be forgotten in the door's table."""
    never_over_http = {"bad-configuration", "tell-failed"}  # a command or a job ends with them
    assert {kind.code for kind in find_kinds(ServingError)} - never_over_http == set(STATUS)


def find_kinds(kind: type[ServingError]) -> Iterator[type[ServingError]]:
    """Yield an error class and all below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from find_kinds(below)
