"""Traces as a collector gets them: a real server, real posts, a stand-in that reads OpenTelemetry's own messages."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from tests.kit.stand_in_collector import CollectedSpan, StandInCollector, run_collector
from tests.serving.models import WIDTH
from tests.serving.server import RunningServer, run_command, start_server, wait_for

pytestmark = pytest.mark.process

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"
ROWS = {"X": [{"x": [0.123456] * WIDTH}] * 3}
SERVER_KIND, INTERNAL_KIND = 2, 1
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}  # ms a span waits for others
IMPATIENT = {**SOON, "OTEL_EXPORTER_OTLP_TIMEOUT": "300"}  # ms
MANY = 4000  # requests, more than the pipe takes


@pytest.fixture
def collector() -> Iterator[StandInCollector]:
    """Somebody who takes spans."""
    with run_collector() as collector:
        yield collector


def serve(folder: Path, collector: StandInCollector, *more: str, **variables: str) -> Any:
    """Serve the small network and send its traces to the collector."""
    return start_server(folder / "mlp.onnx", "--trace-url", collector.url, *more, name="mlp", env={**SOON, **variables})


def wait_request(collector: StandInCollector, request_id: str) -> CollectedSpan:
    """Return the server's span of a request when it has come."""
    wait_for(lambda: collector.find_request(request_id))
    found = collector.find_request(request_id)
    assert found
    return found


def predict(server: RunningServer, request_id: str, **headers: str) -> httpx.Response:
    """Ask for three rows."""
    return server.post("/predict", ROWS, {"x-request-id": request_id, **headers})


def infer(server: RunningServer, name: str, request_id: str, *metadata: tuple[str, str]) -> pb.ModelInferResponse:
    """Ask for one row over gRPC."""
    contents = pb.InferTensorContents(fp32_contents=[0.5] * WIDTH)
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, WIDTH], contents=contents)
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel:
        stub = service.GRPCInferenceServiceStub(channel)
        request = pb.ModelInferRequest(model_name=name, inputs=[tensor])
        answer: pb.ModelInferResponse = stub.ModelInfer(request, metadata=[("x-request-id", request_id), *metadata])
        return answer


def count(server: RunningServer, what: str) -> int:
    """Return the spans that were sent or dropped, as the metrics page says."""
    page = server.get("/metrics", "admin").text
    line = next(line for line in page.splitlines() if line.startswith(f"airgate_spans_{what}_total "))
    return int(float(line.split()[1]))


def find_exporters(server: RunningServer) -> list[int]:
    """Return the children of a server's process."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(child) for child in children.split()]


def is_alive(process: int) -> bool:
    """Return whether a process still runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_request_is_a_server_span_with_its_stages_below_it(model_folder, collector) -> None:
    """Decoding, waiting, computing, encoding, one after the other within it, and nothing of what was asked."""
    with serve(model_folder, collector, OTEL_SERVICE_NAME="fraud", OTEL_RESOURCE_ATTRIBUTES="site=north") as server:
        digest = predict(server, "call-1").headers["x-airgate-model-digest"]
        span = wait_request(collector, "call-1")
    assert (span.name, span.kind, span.parent_id, span.is_error) == ("POST /predict", SERVER_KIND, "", False)
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "url.path": "/predict",
        "url.scheme": "http",
        "airgate.model.name": "mlp",
        "airgate.model.version": "1",
        "airgate.model.digest": digest,
        "airgate.request.id": "call-1",
    }
    assert span.resource["service.name"] == "fraud" and span.resource["site"] == "north"
    children = collector.find_children(span)
    assert [child.name for child in children] == ["codec", "queue", "compute", "codec"]
    assert [child.attributes for child in children] == [
        {"airgate.codec.step": "decode"},
        {},
        {"airgate.batch.rows": 3},
        {"airgate.codec.step": "encode"},
    ]
    moments = [span.begin, *(moment for child in children for moment in (child.begin, child.end)), span.end]
    assert moments == sorted(moments)
    assert {child.kind for child in children} == {INTERNAL_KIND} and len({child.span_id for child in children}) == 4
    assert not any(b"0.123456" in body for body in collector.bodies)


def test_a_caller_is_the_parent_over_http_and_over_grpc(model_folder, collector) -> None:
    """Its trace id, its span and its tracestate, by W3C Trace Context; so one trace goes through the appliance."""
    with serve(model_folder, collector) as server:
        predict(server, "http", traceparent=SAMPLED, tracestate="vendor=1")
        infer(server, "mlp", "grpc", ("traceparent", SAMPLED), ("tracestate", "vendor=1"))
        spans = [wait_request(collector, name) for name in ("http", "grpc")]
    assert [(span.trace_id, span.parent_id, span.state) for span in spans] == [(TRACE, CALLER, "vendor=1")] * 2
    called = spans[1]
    assert (called.name, called.kind) == ("inference.GRPCInferenceService/ModelInfer", SERVER_KIND)
    told = {"rpc.system.name": "grpc", "rpc.method": called.name, "rpc.response.status_code": "OK"}
    assert told.items() <= called.attributes.items() and called.attributes["airgate.model.name"] == "mlp"
    assert [child.name for child in collector.find_children(called)] == ["codec", "queue", "compute", "codec"]


@pytest.mark.parametrize("header", ["nonsense", f"ff-{TRACE}-{CALLER}-01", f"00-{'0' * 32}-{CALLER}-01"])
def test_a_header_that_is_none_begins_a_trace(model_folder, collector, header) -> None:
    """The request is answered, and followed under an id of its own."""
    with serve(model_folder, collector) as server:
        assert predict(server, "odd", traceparent=header).status_code == 200
        span = wait_request(collector, "odd")
    assert span.parent_id == "" and span.trace_id not in (TRACE, "0" * 32)


def test_refusals_say_why_and_only_our_own_faults_are_errors(model_folder, collector) -> None:
    """A wrong body, a path that leads nowhere, a model that is not here: over both doors, by their codes."""
    with serve(model_folder, collector) as server:
        server.post("/predict", {"X": "?"}, {"x-request-id": "bad"})
        server.post("/nowhere/at-all", {}, {"x-request-id": "lost"})
        with pytest.raises(grpc.RpcError):
            infer(server, "other", "unknown")
        bad, lost, unknown = (wait_request(collector, name) for name in ("bad", "lost", "unknown"))
    assert (bad.attributes["error.type"], bad.attributes["http.response.status_code"]) == ("bad-request", 400)
    assert (lost.name, lost.attributes["error.type"]) == (
        "POST",
        "unknown-path",
    ) and "http.route" not in lost.attributes
    assert unknown.attributes["error.type"] == unknown.attributes["rpc.response.status_code"] == "NOT_FOUND"
    assert not any(span.is_error for span in (bad, lost, unknown))
    assert "airgate.model.name" in bad.attributes
    assert not any("airgate.model.name" in span.attributes for span in (lost, unknown))


def test_a_script_that_fails_is_an_error_in_its_run_and_in_its_request(tmp_path, collector) -> None:
    """The span that failed is marked, so that a page of traces shows it in red."""
    script = tmp_path / "fails.py"
    script.write_text("def predict(args):\n    return 1\n\n\ndef fail(args):\n    raise RuntimeError('secret-words')\n")
    with start_server(script, "--trace-url", collector.url, name="fails", env=SOON) as server:
        assert server.post("/fail", {}, {"x-request-id": "broken"}).status_code == 500
        span = wait_request(collector, "broken")
        compute = next(child for child in collector.find_children(span) if child.name == "compute")
    assert span.is_error and compute.is_error
    assert (span.attributes["error.type"], span.attributes["http.route"]) == ("model-failed", "/fail")
    assert not any(b"secret-words" in body for body in collector.bodies)


def test_requests_in_one_batch_have_its_rows(model_folder, collector) -> None:
    """Two that ran together say so: each run's span has the rows of both."""
    with serve(model_folder, collector, "--window", "0.5") as server, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: predict(server, name), ("one", "two")))
        spans = [wait_request(collector, name) for name in ("one", "two")]
        rows = [
            child.attributes["airgate.batch.rows"]
            for span in spans
            for child in collector.find_children(span)
            if child.name == "compute"
        ]
    assert rows == [6, 6]


def test_probes_are_not_followed_and_the_access_log_names_the_trace(model_folder, collector) -> None:
    """A kubelet that asks every second fills no page of traces; a line of the log leads to its trace."""
    with serve(model_folder, collector, "--access-log") as server:
        for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/mlp/ready"):
            assert server.get(path).status_code == 200
        server.get("/v2/models/mlp")
        predict(server, "last", traceparent=SAMPLED)
        wait_request(collector, "last")
        wait_for(lambda: f'"trace":"{TRACE}"' in "".join(server.output))
    roots = collector.find(lambda span: span.kind == SERVER_KIND)
    assert [span.name for span in roots] == ["GET /v2/models/{model}", "POST /predict"]


@pytest.mark.parametrize(
    ("sampler", "ratio", "followed"),
    [
        ("", "", ["yes", "none"]),
        ("always_on", "", ["yes", "no", "none"]),
        ("always_off", "", []),
        ("parentbased_always_off", "", ["yes"]),
        ("parentbased_traceidratio", "0", ["yes"]),
        ("traceidratio", "1", ["yes", "no", "none"]),
    ],
)
def test_what_is_followed_is_what_the_sampler_says(model_folder, collector, sampler, ratio, followed) -> None:
    """By the standard variables; the rule is the caller's own flag, and everything where there is no caller."""
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": ratio}
    with serve(model_folder, collector, **variables) as server:
        predict(server, "yes", traceparent=SAMPLED)
        predict(server, "no", traceparent=UNSAMPLED)
        predict(server, "none")
        server.stop()
    roots = collector.find(lambda span: span.kind == SERVER_KIND)
    assert [span.attributes["airgate.request.id"] for span in roots] == followed


def test_the_standard_variables_name_the_collector(model_folder, collector) -> None:
    """With headers and compression, as every product that speaks OpenTelemetry reads them."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{collector.port}",  # a name is looked up behind the lock too
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        **SOON,
    }
    with start_server(model_folder / "mlp.onnx", name="mlp", env=variables) as server:
        predict(server, "by-variable")
        wait_request(collector, "by-variable")
    assert collector.headers[0]["authorization"] == "Bearer abc"
    assert collector.headers[0]["content-encoding"] == "gzip"


def test_without_an_address_nothing_is_started_and_nothing_imported(model_folder) -> None:
    """Tracing that is off costs no process, and its library is not in the server's memory."""
    with start_server(model_folder / "mlp.onnx", name="mlp") as server:
        predict(server, "quiet")
        assert find_exporters(server) == []
        assert "opentelemetry" not in Path(f"/proc/{server.process.pid}/maps").read_text()
        assert (count(server, "sent"), count(server, "dropped")) == (0, 0)


def test_the_last_spans_are_sent_when_the_server_ends(model_folder, collector) -> None:
    """What was answered right before SIGTERM is in the collector when the process is gone."""
    with serve(model_folder, collector, OTEL_BSP_SCHEDULE_DELAY="60000") as server:
        predict(server, "last-words")
        assert server.stop() == 0
    assert collector.find_request("last-words")


def test_what_a_collector_cannot_take_now_is_sent_again(model_folder, collector) -> None:
    """503 is tried again within the bound, and nothing is dropped."""
    collector.answers = [503]
    with serve(model_folder, collector) as server:
        predict(server, "again")
        wait_request(collector, "again")
        wait_for(lambda: count(server, "sent") == 5)
        assert count(server, "dropped") == 0
    assert len(collector.headers) == 2


@pytest.mark.parametrize("status", [400, 302])
def test_what_a_collector_refuses_is_dropped_and_counted(model_folder, collector, status) -> None:
    """No second try, no other address, and the next batch is sent as if nothing had been."""
    collector.answers = [status]
    with serve(model_folder, collector) as server:
        assert predict(server, "refused").status_code == 200
        wait_for(lambda: count(server, "dropped") == 5)
        predict(server, "taken")
        wait_request(collector, "taken")
    assert collector.find_request("refused") is None


def test_what_a_collector_takes_in_part_is_counted_in_part(model_folder, collector) -> None:
    """OpenTelemetry's partial success: two of five were not taken."""
    collector.rejects = 2
    with serve(model_folder, collector) as server:
        predict(server, "half")
        wait_for(lambda: (count(server, "sent"), count(server, "dropped")) == (3, 2))


def test_a_collector_that_is_away_is_nobody_elses_trouble(model_folder, collector) -> None:
    """Predictions are answered, spans dropped and counted, and the exporter still lives for when it is back."""
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **IMPATIENT}  # the port "discard", where nobody is
    with start_server(model_folder / "mlp.onnx", name="mlp", env=away) as server:
        assert {predict(server, str(number)).status_code for number in range(20)} == {200}
        wait_for(lambda: count(server, "dropped") == 100)
        assert len(find_exporters(server)) == 1
        assert server.stop() == 0


def test_a_collector_that_never_answers_fills_the_pipe_and_delays_nobody(model_folder, collector) -> None:
    """It holds a post for as long as we ask: all are answered meanwhile, and what did not fit is counted."""
    collector.open.clear()
    with serve(model_folder, collector, OTEL_EXPORTER_OTLP_TIMEOUT="600000") as server:
        with httpx.Client(timeout=20) as client:
            codes = {client.post(server.url("/predict"), json=ROWS).status_code for _ in range(MANY)}
        assert codes == {200} and not collector.spans
        wait_for(lambda: count(server, "dropped") > 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_is_left_behind(model_folder, collector, number) -> None:
    """Not by a killed server, and not while the collector holds a post."""
    collector.open.clear()
    with serve(model_folder, collector) as server:
        exporters = find_exporters(server)
        predict(server, "held")
        assert len(exporters) == 1 and is_alive(exporters[0])
        server.process.send_signal(number)
        server.process.wait(timeout=30)
        wait_for(lambda: not is_alive(exporters[0]))


def test_a_server_whose_exporter_is_gone_goes_on(model_folder, collector) -> None:
    """It cannot start another, so it counts what is lost."""
    with serve(model_folder, collector) as server:
        os.kill(find_exporters(server)[0], signal.SIGKILL)
        wait_for(lambda: predict(server, "alone").status_code == 200 and count(server, "dropped") > 0)
        assert server.stop() == 0


def test_the_server_is_locked_as_without_traces(tmp_path, collector) -> None:
    """A script that looks for a way out finds none, by sockets, programs, signals, or the exporter's memory."""
    script = tmp_path / "escape.py"
    script.write_text(ESCAPE)
    with start_server(script, "--trace-url", collector.url, name="escape", env=SOON) as server:
        exporter = find_exporters(server)[0]
        found = server.post("/predict", {"args": {"port": collector.port, "exporter": exporter}}).json()["result"]
        assert is_alive(exporter)
    assert found == dict.fromkeys(("socket", "program", "fork", "kill", "memory"), "PermissionError")


ESCAPE = """
import os
import socket


def predict(args):
    tries = {
        "socket": lambda: socket.create_connection(("127.0.0.1", args["port"])),
        "program": lambda: os.execv("/bin/true", ["true"]),
        "fork": os.fork,
        "kill": lambda: os.kill(args["exporter"], 9),
        "memory": lambda: open("/proc/%d/mem" % args["exporter"], "rb"),
    }
    return {name: attempt(way) for name, way in tries.items()}


def attempt(way):
    try:
        way()
    except OSError as error:
        return type(error).__name__
    return "it worked"
"""


def test_a_collector_of_the_sites_own_authority_is_reached_over_tls(model_folder, tmp_path) -> None:
    """By the authority's file, read before the lock; without it, and by it alone, nothing is sent."""
    key, certificate = make_certificate(tmp_path)
    with run_collector((certificate, key)) as collector:
        url = f"https://127.0.0.1:{collector.port}"
        with start_server(model_folder / "mlp.onnx", "--trace-url", url, name="mlp", env=IMPATIENT) as server:
            predict(server, "stranger")
            wait_for(lambda: count(server, "dropped") == 5)
        trusting = {**SOON, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate)}
        with start_server(model_folder / "mlp.onnx", "--trace-url", url, name="mlp", env=trusting) as server:
            predict(server, "known")
            wait_request(collector, "known")
    assert collector.find_request("stranger") is None


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of a key and of its own certificate for this machine."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True)
    return key, certificate


def test_an_address_that_is_none_is_said_at_the_start(model_folder) -> None:
    """Not at the first request."""
    for url in ("collector:4318", "ftp://collector", "http://"):
        ended = run_command(str(model_folder / "mlp.onnx"), "--trace-url", url)
        assert ended.returncode == 3 and "--trace-url" in ended.stderr
    lost = {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem"}
    ended = run_command(str(model_folder / "mlp.onnx"), "--trace-url", "https://127.0.0.1:9", env=lost)
    assert ended.returncode == 3 and "/nowhere.pem cannot be read" in ended.stderr
