"""What the agent reports of Envoy, and how often it asks."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airgate_gateway.admin import CDS, WARMING, Sight, look, open_admin, read_sight
from airgate_gateway.report import (
    CALM,
    FAST_S,
    HEARTBEAT_S,
    IDLE_S,
    TAKE_S,
    Expected,
    Reporter,
    find_awaited,
    find_reached,
    has_taken,
)
from airgate_web.gateway.snapshot import find_snapshot
from tests.fakes.clock_hand import HandClock
from tests.gateway.rig import Gateway, Web, find_free_port, is_ready, serve_echo, serve_web, wait_until
from tests.gateway.test_gateway import Keys, call, make_route

VERSION = "http.https.rds.console.version_text"
WELL, ILL = frozenset({"10.0.0.1:8080"}), frozenset({"10.0.0.2:8080"})
NONE: frozenset[str] = frozenset()
CLUSTERS = frozenset({"http/qc/one", "grpc/qc/one"})
TWO = CLUSTERS | {"http/qc/two", "grpc/qc/two"}
EXPECTED = Expected("digest", {CDS: "c1", VERSION: "r1"}, CLUSTERS)


def make_sight(well: frozenset[str] = WELL, ill: frozenset[str] = NONE, name: str = "one", **changes: Any) -> Sight:
    """Return an Envoy that has taken the expected files and has one deployment; both its doors are alike."""
    doors = [f"{door}/qc/{name}" for door in ("http", "grpc")]
    versions = changes.get("versions", dict(EXPECTED.versions))
    return Sight(versions, changes.get("warming", 0), dict.fromkeys(doors, well), dict.fromkeys(doors, ill))


def test_envoy_s_answers_are_read_as_it_writes_them() -> None:
    """A host is well when nothing is said against it; the admin socket itself is no host."""
    address = {"socket_address": {"address": "10.0.0.1", "port_value": 8080}}
    late = {"socket_address": {"address": "10.0.0.2", "port_value": 8080}}
    hosts = [
        {"address": address, "health_status": {"eds_health_status": "HEALTHY"}},
        {"address": late, "health_status": {"failed_active_health_check": True, "eds_health_status": "HEALTHY"}},
        {"address": {"pipe": {"path": "/a"}}, "health_status": {"eds_health_status": "HEALTHY"}},
    ]
    stats = [{"name": CDS, "value": "c1"}, {"name": WARMING, "value": 1}, {"histograms": {}}]
    clusters = [{"name": "http/qc/one", "host_statuses": hosts}, {"name": "grpc/qc/one"}]
    sight = read_sight({"stats": stats}, {"cluster_statuses": clusters})
    assert (sight.versions, sight.warming) == ({CDS: "c1"}, 1)
    assert (sight.well["http/qc/one"], sight.ill["http/qc/one"]) == (WELL, ILL)
    assert sight.well["grpc/qc/one"] == NONE


@pytest.mark.parametrize(
    ("sight", "taken"),
    [
        (make_sight(), True),
        (make_sight(versions={CDS: "c1", VERSION: "r0"}), False),
        (make_sight(versions={CDS: "c1"}), False),
        (make_sight(warming=1), False),
    ],
)
def test_files_are_taken_when_envoy_names_the_version_of_each(sight: Sight, taken: bool) -> None:
    """New clusters with the routes from before are no answer yet."""
    assert has_taken(sight, EXPECTED) is taken


def test_a_deployment_is_reached_when_both_its_doors_are() -> None:
    """Who is told Ready may call by HTTP and by gRPC."""
    assert find_reached(make_sight(), EXPECTED) == {"qc/one": ["10.0.0.1:8080"]}
    for well in ({"http/qc/one": WELL, "grpc/qc/one": NONE}, {"http/qc/one": WELL}, {"grpc/qc/one": WELL}):
        assert find_reached(dataclasses.replace(make_sight(), well=well), EXPECTED) == {}
    assert find_reached(make_sight(well=NONE, ill=ILL), EXPECTED) == {}


def test_a_server_of_others_is_reached_by_its_only_door() -> None:
    """It has no gRPC, and is not waited for by it."""
    only = dataclasses.replace(EXPECTED, clusters=frozenset({"http/qc/one"}))
    sight = dataclasses.replace(make_sight(), well={"http/qc/one": WELL})
    assert find_reached(sight, only) == {"qc/one": ["10.0.0.1:8080"]}
    assert find_awaited(sight, only) == NONE


def write_clusters(sight: Sight) -> Iterator[dict[str, Any]]:
    """Yield the clusters of a sight as Envoy writes them."""
    for name in sight.well:
        hosts = [(each, {}) for each in sight.well[name]]
        hosts += [(each, {"failed_active_health_check": True}) for each in sight.ill[name]]
        yield {"name": name, "host_statuses": [write_host(*each) for each in hosts]}


def write_host(host: str, wrong: dict[str, bool]) -> dict[str, Any]:
    """Return a host as Envoy writes it."""
    address, _, port = host.rpartition(":")
    where = {"socket_address": {"address": address, "port_value": int(port)}}
    return {"address": where, "health_status": {**wrong, "eds_health_status": "HEALTHY"}}


class Scene:
    """A reporter, an Envoy that says what `sight` is, a webapp that takes reports or does not."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.status = HandClock(), 204
        self.sight: Sight | None = make_sight()
        self.reports: list[object] = []
        (folder / "token").write_text("internal")
        self.reporter = Reporter("host", folder, folder / "token", self.clock)
        self.web = httpx.Client(base_url="http://web", transport=httpx.MockTransport(self.take))
        self.admin = httpx.Client(base_url="http://admin", transport=httpx.MockTransport(self.answer))
        self.took = 0.0

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Be asked by the reporter, and answer as Envoy does."""
        if self.sight is None:
            raise httpx.ConnectError("nobody listens")
        if request.url.path == "/clusters":
            return httpx.Response(200, json={"cluster_statuses": list(write_clusters(self.sight))})
        self.clock.turn(self.took)
        values = {**self.sight.versions, WARMING: self.sight.warming}
        return httpx.Response(200, json={"stats": [{"name": name, "value": value} for name, value in values.items()]})

    def take(self, request: httpx.Request) -> httpx.Response:
        """Be told by the reporter."""
        if self.status == 204:
            self.reports.append(request.read())
        return httpx.Response(self.status)

    def turn(self, seconds: float = 0.0) -> float:
        """Let time pass, then look and report once; return the pause until the next look."""
        self.clock.turn(seconds)
        pause = self.reporter.follow(self.admin)
        if self.reporter.is_due():
            self.reporter.send(self.web)
        return pause


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene whose agent has written its first files."""
    scene = Scene(tmp_path)
    scene.reporter.expect(EXPECTED)
    return scene


def test_it_reports_what_changes_and_otherwise_now_and_then(scene: Scene) -> None:
    """Low traffic: one report a change, and one each HEARTBEAT_S that all is as it was."""
    for _ in range(4):
        assert scene.turn(1.0) == IDLE_S
    assert len(scene.reports) == 1
    scene.turn(HEARTBEAT_S)
    assert len(scene.reports) == 2
    scene.sight = make_sight(well=NONE, ill=ILL)
    scene.turn()
    assert len(scene.reports) == 3
    assert scene.reports[-1] == b'{"gateway":"host","snapshot":"digest","reached":{}}'


def test_it_looks_often_while_somebody_waits_and_seldom_when_that_takes_long(scene: Scene) -> None:
    """A quick model is seen at once; one that loads for minutes costs little meanwhile."""
    scene.sight = make_sight(well=NONE, ill=ILL)
    assert scene.turn() == FAST_S
    assert scene.turn(10.0) == pytest.approx(10.0 / 20)
    assert scene.turn(600.0) == IDLE_S
    scene.sight = make_sight(ill=ILL)
    assert scene.turn() == IDLE_S
    scene.reporter.expect(Expected("next", EXPECTED.versions, EXPECTED.clusters))
    assert scene.turn() == FAST_S


def test_many_deployments_keep_no_core_busy(scene: Scene) -> None:
    """Where a look is long, the pause after it is longer."""
    scene.sight, scene.took = make_sight(well=NONE, ill=ILL), 0.05
    assert scene.turn() == pytest.approx(0.05 * CALM)


def test_what_envoy_has_not_taken_is_not_reported(scene: Scene) -> None:
    """The last true report stands until the files are in force."""
    scene.turn()
    scene.reporter.expect(Expected("next", {CDS: "c2", VERSION: "r1"}, TWO))
    scene.sight = make_sight(versions={CDS: "c1", VERSION: "r1"}, name="two")
    assert scene.turn() == FAST_S
    assert len(scene.reports) == 1
    scene.sight = make_sight(versions={CDS: "c2", VERSION: "r1"}, name="two")
    scene.turn()
    assert scene.reports[1] == b'{"gateway":"host","snapshot":"next","reached":{"qc/two":["10.0.0.1:8080"]}}'


@pytest.mark.parametrize("sight", [None, make_sight(versions={CDS: "c1", VERSION: "r0"})])
def test_an_envoy_that_is_away_or_takes_nothing_is_not_reported_for_well(scene: Scene, sight: Sight | None) -> None:
    """The webapp hears nothing at all then, and says since when; it hears again when all is well."""
    scene.turn()
    scene.sight = sight
    for _ in range(20):
        scene.turn(HEARTBEAT_S / 4)
    assert len(scene.reports) == 1
    scene.sight = make_sight()
    scene.turn(IDLE_S)
    assert len(scene.reports) == 2


def test_a_real_envoy_that_missed_its_files_is_told_again(tmp_path: Path) -> None:
    """A file written in place is news that Envoy never hears of: it looks at renames alone."""
    folder, clock = tmp_path / "routes", HandClock()
    gateway = Gateway(folder, "http://127.0.0.1:1", "--http", f"127.0.0.1:{find_free_port()}")
    gateway.start("agent", "envoy")
    try:
        with open_admin(folder) as admin:
            wait_until("Envoy works", lambda: look(admin) is not None)
            gateway.stop("agent")
            clusters = folder / "cds.json"
            clusters.write_text(json.dumps({**json.loads(clusters.read_text()), "version_info": "missed"}))
            reporter = Reporter("host", folder, tmp_path / "token", clock)
            reporter.expect(Expected("missed", {CDS: "missed"}, NONE))
            reporter.follow(admin)
            clock.turn(TAKE_S)
            reporter.follow(admin)
            wait_until("Envoy has it", lambda: (seen := look(admin)) is not None and seen.versions[CDS] == "missed")
            reporter.follow(admin)
            assert reporter.is_due()
    finally:
        gateway.stop("envoy")


def test_a_report_that_did_not_arrive_is_sent_again(scene: Scene) -> None:
    """A webapp that was away hears within a moment."""
    scene.status = 503
    scene.turn()
    scene.status = 204
    scene.turn(0.1)
    assert scene.reports == []
    scene.turn(1.0)
    assert len(scene.reports) == 1


def test_a_real_envoy_is_reported_when_it_would_answer_and_not_before(tmp_path: Path) -> None:
    """The very first request after the report is answered, whichever deployment it is about."""
    keys, door, loaded = Keys(), find_free_port(), threading.Event()
    with serve_echo("one") as one, serve_echo("late", loaded) as late, serve_web(Web()) as web:
        gateway = Gateway(tmp_path / "routes", f"http://127.0.0.1:{web.port}", "--http", f"127.0.0.1:{door}")
        url = f"http://127.0.0.1:{door}"
        gateway.start("agent", "envoy")
        try:
            wait_until("the door is open", lambda: is_ready(url))
            web.snapshot = find_snapshot([make_route(1, "one", one), make_route(4, "three", late)], keys.jwks)
            wait_until("the first is reached", lambda: web.find_reached("qc/one") == [f"127.0.0.1:{one}"])
            assert call(url, "one", keys.sign("qc/one")).status_code == 200
            assert web.reports[-1]["snapshot"] == web.snapshot["digest"]
            assert web.find_reached("qc/three") == []
            assert call(url, "three", keys.sign("qc/three")).status_code == 503
            loaded.set()
            wait_until("the late one is reached", lambda: web.find_reached("qc/three") != [])
            assert call(url, "three", keys.sign("qc/three")).status_code == 200
            web.snapshot = find_snapshot([make_route(1, "one", one)], keys.jwks)
            wait_until("it is gone", lambda: web.find_reached("qc/three") == [])
        finally:
            gateway.stop("envoy", "agent")
