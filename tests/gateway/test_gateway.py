"""The gateway as a customer's request meets it: real agent, real Envoy, real tokens."""

import datetime
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from airgate_kit.names import METADATA_DEPLOYMENT
from airgate_protocols import open_inference_pb2 as messages
from airgate_protocols import open_inference_pb2_grpc as services
from airgate_web.domain.amounts import Amounts
from airgate_web.domain.deployment import Deployment, DeploymentStatus
from airgate_web.domain.timeouts import Timeouts
from airgate_web.domain.workload import Address, ModelFile, ReplicaState
from airgate_web.gateway.snapshot import Route, find_snapshot
from tests.gateway.rig import (
    Gateway,
    KeepAlive,
    Web,
    find_free_port,
    is_ready,
    serve_echo,
    serve_stream,
    serve_web,
    wait_until,
)

CLOCK_SKEW_S = 60
NOW = datetime.datetime.now(datetime.UTC)
MODEL = ModelFile("digits", 1, "onnx", "digits.onnx", "sha256:" + "0" * 64, 1)

IDS = {"qc/one": "1", "qc/two": "2", "qc/idle": "3", "qc/three": "4", "qc/four": "5", "qc/long": "6", "qc/short": "7"}


def make_deployment(number: int, name: str) -> Deployment:
    """Return a deployment of project `qc`."""
    secret = f"gate-of-{name}"
    return Deployment(number, "qc", name, MODEL, "py", "", Amounts(), 1, 1, NOW, "admin", secret)


def make_route(
    number: int, name: str, *ports: int, revoked: tuple[str, ...] = (), timeouts: Timeouts | None = None
) -> Route:
    """Return the route of a deployment whose replicas answer on these ports."""
    addresses = tuple(Address("127.0.0.1", port, port) for port in ports)
    status = DeploymentStatus(ReplicaState.READY, 1, len(ports), 1, addresses=addresses)
    deployment = replace(make_deployment(number, name), timeouts=timeouts or Timeouts())
    return Route(deployment, status, revoked)


class Keys:
    """A signing key and what it signs."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        self.jwks: dict[str, object] = {"keys": [{**public, "kid": "k1", "alg": "RS256", "use": "sig"}]}

    def sign(self, dep: str, **more: Any) -> str:
        """Return a token for the deployment `dep`."""
        claims = {"iss": "airgate", "aud": "airgate-predict", "dep": dep, "jti": "t1", "exp": NOW.timestamp() + 600}
        claims["did"] = IDS.get(dep, "9")
        return jwt.encode({**claims, **more}, self.private, algorithm="RS256", headers={"kid": "k1"})


@pytest.fixture(scope="module")
def keys() -> Keys:
    """One key for the module: making one takes a while."""
    return Keys()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[SimpleNamespace]:
    """A gateway with an HTTPS door, an HTTP door for predictions alone, and two deployments, `one` and `two`."""
    folder = tmp_path_factory.mktemp("gateway")
    make_certificate(folder)
    https, http = find_free_port(), find_free_port()
    doors = ["--https", f"127.0.0.1:{https}", "--tls-cert", f"{folder}/tls.crt", "--tls-key", f"{folder}/tls.key"]
    doors += ["--http", f"127.0.0.1:{http}"]
    with serve_echo("one") as one, serve_echo("two") as two, serve_web(Web()) as web:
        gateway = Gateway(folder / "routes", f"http://127.0.0.1:{web.port}", *doors)
        web.snapshot = find_snapshot([make_route(1, "one", one), make_route(2, "two", two)], keys.jwks)
        gateway.start("agent", "envoy")
        urls = {"https": f"https://127.0.0.1:{https}", "http": f"http://127.0.0.1:{http}"}
        made = SimpleNamespace(**urls, web=web, gateway=gateway, one=one, two=two)
        try:
            wait_until("doors are open", lambda: is_ready(made.https) and is_ready(made.http))
            wait_until("both deployments answer", lambda: both_answer(made, keys))
            yield made
        finally:
            gateway.stop("envoy", "agent")


def make_certificate(folder: Path) -> None:
    """Write a self-signed certificate for loopback."""
    subject = ["-nodes", "-days", "2", "-subj", "/CN=airgate"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-x509", *key, *subject, *files], check=True, capture_output=True)


def call(url: str, deployment: str, token: str = "", path: str = "predict", **headers: str) -> httpx.Response:
    """POST to a deployment of project `qc`."""
    if token:
        headers["authorization"] = f"Bearer {token}"
    address = f"{url}/api/v1/svc/qc/{deployment}/{path}"
    return httpx.post(address, content=b"{}", headers=headers, verify=False, trust_env=False)


def both_answer(site: SimpleNamespace, keys: Keys) -> bool:
    """Return whether `one` and `two` answer at both doors: a route is there before its replica was asked for health."""
    doors, names = (site.https, site.http), ("one", "two")
    return all(call(door, name, keys.sign(f"qc/{name}")).status_code == 200 for door in doors for name in names)


def test_a_replica_is_sent_requests_once_it_says_itself_that_it_is_ready(site: SimpleNamespace, keys: Keys) -> None:
    """One that still loads its model gets none, be it the only one; nobody has to tell the gateway when it is done."""
    before, loaded = site.web.snapshot, threading.Event()
    token = keys.sign("qc/three")
    with serve_echo("early") as early, serve_echo("late", loaded) as late, serve_echo("lone", loaded) as lone:
        routes = [make_route(4, "three", early, late), make_route(5, "four", lone)]
        site.web.snapshot = find_snapshot(routes, keys.jwks)
        try:
            wait_until("the route is there", lambda: call(site.http, "three", token).status_code == 200)
            assert {call(site.http, "three", token).json()["name"] for _ in range(40)} == {"early"}
            assert call(site.http, "four", keys.sign("qc/four")).status_code == 503
            loaded.set()
            wait_until("the late one is called", lambda: call(site.http, "three", token).json()["name"] == "late")
            wait_until("the lone one", lambda: call(site.http, "four", keys.sign("qc/four")).status_code == 200)
        finally:
            site.web.snapshot = before
            wait_until("both answer again", lambda: both_answer(site, keys))


@pytest.mark.parametrize("door", ["https", "http"])
def test_own_token_passes_and_is_stripped(site: SimpleNamespace, keys: Keys, door: str) -> None:
    """A prediction with the deployment's token arrives; neither token nor cookie reaches the model's code."""
    answer = call(getattr(site, door), "one", keys.sign("qc/one"), cookie="session=secret")
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["name"], seen["path"]) == ("one", "/predict")
    assert seen["headers"]["x-airgate-gate"] == "gate-of-one"
    assert not {"authorization", "cookie"} & seen["headers"].keys()


def test_every_answer_carries_a_request_id_and_cannot_touch_a_session(site: SimpleNamespace, keys: Keys) -> None:
    """What user code answers is sandboxed and sets no cookie; the request id comes back."""
    answer = call(site.https, "one", keys.sign("qc/one"), **{"x-request-id": "abc-123"})
    assert answer.headers["x-request-id"] == "abc-123"
    assert answer.json()["headers"]["x-request-id"] == "abc-123"
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "function", ["predict", "explain", "encode/user%20one", "v2/models/digits/infer", "v2/health/ready"]
)
def test_every_function_and_open_inference_are_reached(site: SimpleNamespace, keys: Keys, function: str) -> None:
    """Whatever follows the deployment's name is the path at the runtime."""
    assert call(site.http, "two", keys.sign("qc/two"), function).json()["path"] == f"/{function}"


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        (lambda keys: "", 401, "unauthenticated"),
        (lambda keys: "not.a.token", 401, "unauthenticated"),
        (lambda keys: keys.sign("qc/one", exp=NOW.timestamp() - 3600), 401, "unauthenticated"),
        (lambda keys: keys.sign("qc/one", iss="somebody"), 401, "unauthenticated"),
        (lambda keys: Keys().sign("qc/one"), 401, "unauthenticated"),
        (lambda keys: keys.sign("qc/two"), 403, "forbidden"),
        (lambda keys: keys.sign("qc/one", did="7"), 403, "forbidden"),
        (lambda keys: keys.sign("qc/one", aud="airgate-console"), 403, "forbidden"),
    ],
    ids=[
        "none",
        "garbage",
        "expired",
        "other issuer",
        "other key",
        "other deployment",
        "earlier one of that name",
        "console session",
    ],
)
def test_wrong_tokens_are_refused_with_a_sentence(
    site: SimpleNamespace, keys: Keys, token: Callable[[Keys], str], status: int, code: str
) -> None:
    """No token, a bad one or another deployment's: refused before anything reaches a model."""
    answer = call(site.https, "one", token(keys))
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["error"]


def test_a_revoked_token_is_refused(site: SimpleNamespace, keys: Keys) -> None:
    """Revoking takes effect without a restart; the deployment's other tokens go on."""
    good, bad = keys.sign("qc/one", jti="good"), keys.sign("qc/one", jti="bad")
    assert call(site.http, "one", bad).status_code == 200
    routes = [make_route(1, "one", site.one, revoked=("bad",)), make_route(2, "two", site.two)]
    site.web.snapshot = find_snapshot(routes, keys.jwks)
    wait_until("the revoked token is refused", lambda: call(site.http, "one", bad).status_code == 403)
    assert call(site.http, "one", good).status_code == 200


def test_a_token_that_expires_while_it_is_in_use_is_refused(site: SimpleNamespace, keys: Keys) -> None:
    """Its signature is not checked again; its time is. Clocks may differ by a minute: that is Envoy's own allowance."""
    token = keys.sign("qc/one", exp=time.time() - CLOCK_SKEW_S + 3)
    assert call(site.http, "one", token).status_code == 200
    wait_until("the expired token is refused", lambda: call(site.http, "one", token).status_code == 401)


@pytest.mark.parametrize("path", ["encode%2Fuser", "encode%5Cuser"])
def test_a_path_that_could_be_read_in_two_ways_gets_a_sentence(site: SimpleNamespace, keys: Keys, path: str) -> None:
    """An escaped slash or backslash is not passed on, and the refusal says how a slash is sent."""
    answer = call(site.http, "one", keys.sign("qc/one"), path)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
    assert answer.json()["error"] == "The gateway does not pass such a request on: path_normalization_failed."
    assert answer.json()["hint"] == "A slash in a path is sent as it is, not as %2F; a backslash cannot be sent."


def test_an_unknown_deployment_gets_a_sentence(site: SimpleNamespace, keys: Keys) -> None:
    """404 in JSON, with the form of a right address."""
    answer = call(site.https, "nobody", keys.sign("qc/nobody"))
    assert answer.status_code == 404
    assert "/api/v1/svc/PROJECT/DEPLOYMENT/predict" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("deployment", "status", "words"),
    [
        ("", grpc.StatusCode.UNIMPLEMENTED, "No deployment has this address. Name it in the call's metadata: airgate-"),
        ("qc/nobody", grpc.StatusCode.UNIMPLEMENTED, "No deployment has this address. Name it"),
        ("qc/one", grpc.StatusCode.UNAUTHENTICATED, "This deployment wants a token, and none came or it has expired"),
    ],
)
def test_a_call_by_grpc_is_refused_with_a_sentence(
    site: SimpleNamespace, deployment: str, status: grpc.StatusCode, words: str
) -> None:
    """As its status's message, which is all that gRPC has room for."""
    metadata = [(METADATA_DEPLOYMENT, deployment)] if deployment else []
    with grpc.insecure_channel(site.http.removeprefix("http://")) as channel:
        stub = services.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(messages.ModelInferRequest(), metadata=metadata, timeout=20)
    assert refused.value.code() is status
    assert refused.value.details().startswith(words)


@contextmanager
def routed(site: SimpleNamespace, keys: Keys, *routes: Route) -> Iterator[None]:
    """Have the gateway know these deployments too, ready to be called, and the ones from before again afterwards."""
    before = site.web.snapshot
    site.web.snapshot = find_snapshot([make_route(1, "one", site.one), *routes], keys.jwks)
    try:
        for route in routes:
            name = route.deployment.name
            wait_until(f"{name} answers", lambda name=name: is_streaming(site, keys, name))  # type: ignore[misc]
        yield
    finally:
        site.web.snapshot = before
        wait_until("both answer again", lambda: both_answer(site, keys))


def open_stream(site: SimpleNamespace, keys: Keys, name: str, path: str = "v1/stream") -> Any:
    """Begin to read what a deployment streams."""
    headers = {"authorization": f"Bearer {keys.sign(f'qc/{name}')}"}
    return httpx.stream(
        "POST", f"{site.http}/api/v1/svc/qc/{name}/{path}", headers=headers, trust_env=False, timeout=30
    )


def is_streaming(site: SimpleNamespace, keys: Keys, name: str) -> bool:
    """Return whether a deployment begins to answer."""
    with open_stream(site, keys, name) as answer:
        return bool(answer.status_code == 200)


def test_a_stream_arrives_piece_by_piece(site: SimpleNamespace, keys: Keys) -> None:
    """The first event is read while the model has not made the last one yet."""
    go_on = threading.Event()
    route = partial(make_route, 6, "long")
    with serve_stream(go_on) as port, routed(site, keys, route(port)), open_stream(site, keys, "long") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: first"
        go_on.set()
        assert [line for line in lines if line] == ["data: last"]


def test_a_deployment_s_own_timeouts_end_what_takes_longer(site: SimpleNamespace, keys: Keys) -> None:
    """Past its timeout or its silence a call gets 504 and what to do; a stream that has begun breaks off."""
    go_on = threading.Event()
    with serve_stream(go_on) as port:
        brief, silent = Timeouts(request_s=1), Timeouts(request_s=600, idle_s=1)
        routes = make_route(6, "long", port, timeouts=silent), make_route(7, "short", port, timeouts=brief)
        with routed(site, keys, *routes):
            for name in ("short", "long"):
                late = call(site.http, name, keys.sign(f"qc/{name}"), "late")
                assert (late.status_code, late.json()["code"]) == (504, "timeout")
                assert "longer timeout" in late.json()["hint"]
                with open_stream(site, keys, name) as answer, pytest.raises(httpx.RemoteProtocolError):
                    answer.read()


def test_a_deployment_without_replicas_says_so(site: SimpleNamespace, keys: Keys) -> None:
    """503 in JSON while nothing is ready."""
    routes = [make_route(1, "one", site.one), make_route(2, "two", site.two), make_route(3, "idle")]
    site.web.snapshot = find_snapshot(routes, keys.jwks)
    wait_until("its route is there", lambda: call(site.http, "idle", keys.sign("qc/idle")).status_code == 503)
    assert "ready" in call(site.http, "idle", keys.sign("qc/idle")).json()["error"]


def test_the_console_passes_on_https_alone(site: SimpleNamespace) -> None:
    """Plain HTTP is for predictions unless the console is asked for too."""
    get = {"verify": False, "trust_env": False, "headers": {"x-airgate-gate": "forged"}}
    assert httpx.get(f"{site.https}/projects", **get).json() == {"console": "/projects", "gate": None}
    assert httpx.get(f"{site.http}/projects", **get).status_code == 404
    assert httpx.get(f"{site.https}/internal/ready", **get).status_code == 404
    assert httpx.get(f"{site.https}/metrics", **get).status_code == 404


def test_the_gateway_lets_go_of_an_idle_connection_before_a_server_does(site: SimpleNamespace, keys: Keys) -> None:
    """A server that closes at the moment of the next request would have it answered with 503."""
    before = KeepAlive.left
    assert call(site.http, "one", keys.sign("qc/one"), "kept").status_code == 200
    assert httpx.get(f"{site.https}/kept", verify=False, trust_env=False).status_code == 200
    wait_until("both are closed", lambda: KeepAlive.left == before + 2)


def test_routes_outlive_the_webapp_and_a_power_cut(site: SimpleNamespace, keys: Keys) -> None:
    """With nobody to ask, agent and Envoy killed and started again serve the same deployments."""
    token = keys.sign("qc/two")
    site.web.snapshot = {}  # the webapp's end now knows nothing
    site.gateway.stop("envoy", "agent", number=9)
    site.gateway.start("agent", "envoy")
    wait_until("the door is open again", lambda: is_ready(site.http))
    wait_until("a prediction comes back", lambda: call(site.http, "two", token).status_code == 200)


def test_a_renewed_certificate_is_taken_up(site: SimpleNamespace) -> None:
    """Replacing the files is enough."""
    port = int(site.https.rsplit(":", 1)[1])
    before = ssl.get_server_certificate(("127.0.0.1", port))
    make_certificate(site.gateway.folder.parent)
    wait_until("the new one is shown", lambda: ssl.get_server_certificate(("127.0.0.1", port)) != before)
