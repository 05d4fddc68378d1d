"""What the supervisor promises beyond the contract: it outlives the webapp, and nothing outlives it."""

import dataclasses
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgate_kit.clock import SystemClock
from airgate_web.adapters.cluster_local.leftovers import remove_leftovers
from airgate_web.adapters.cluster_local.logfile import find_last_words, read_tail, rotate
from airgate_web.adapters.cluster_local.places import make_places
from airgate_web.adapters.cluster_local.ports import find_ports
from airgate_web.adapters.cluster_local.process import find_start_ticks
from airgate_web.adapters.cluster_local.shelf import Ports, ReplicaRecord
from airgate_web.domain.plan import ApplyWorkload, RemoveWorkload
from airgate_web.domain.runtime import find_tester
from airgate_web.domain.workload import ReplicaState, Workload
from tests.contracts.cluster_rig import (
    RESOURCE,
    SECRET,
    find_facts,
    find_states,
    make_job,
    make_service,
    observe_until,
    wait_gone,
    wait_ready,
)
from tests.contracts.rig_local import PROGRAMS, LocalRig, find_processes
from tests.fakes.samples import make_runtime

pytestmark = pytest.mark.process

ADDRESS = "0000:01:00.0"  # of the first simulated card


@pytest.fixture(scope="module")
def whole_rig() -> Iterator[LocalRig]:
    """One supervisor with two simulated cards for all tests."""
    rig = LocalRig(cards=2)
    yield rig
    rig.close()


@pytest.fixture
def rig(whole_rig: LocalRig) -> Iterator[LocalRig]:
    """The supervisor, with nothing on it after the test."""
    yield whole_rig
    names = [facts.name for facts in whole_rig.cluster.observe().workloads]
    for name in names:
        whole_rig.cluster.apply(RemoveWorkload(name))
    for name in names:
        wait_gone(whole_rig, name)


def begin(rig: LocalRig, wish: Workload) -> Workload:
    """Apply a wish and return it."""
    rig.cluster.apply(ApplyWorkload(wish))
    return wish


def read_environ(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if pair)


def test_a_killed_supervisor_leaves_no_orphan_and_its_successor_runs_everything_again(rig: LocalRig) -> None:
    """After a crash the same models answer on the same ports, and none runs twice."""
    wish = begin(rig, make_service(rig, "d-kill", cards=1, replicas=2))
    before = wait_ready(rig, wish.name, 2)
    children = [rig.find_pid(each.name) for each in before.replicas]
    rig.supervisor.kill()
    rig.supervisor.wait()
    for child in children:
        wait_dead(child)
    rig.supervisor = rig.start_supervisor()
    after = wait_ready(rig, wish.name, 2)
    assert [each.name for each in after.replicas] == [each.name for each in before.replicas]
    assert after.addresses == before.addresses
    assert rig.call(after, SECRET) == 200
    assert sum(holder.count for holder in rig.cluster.observe().holders) == 2


def wait_dead(pid: int) -> None:
    """Wait until a process is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], 30)[0]
    os.close(handle)


def test_a_supervisor_that_is_told_to_end_leaves_no_process(rig: LocalRig) -> None:
    """Stop means stopped."""
    wish = begin(rig, make_service(rig, "d-end"))
    wait_ready(rig, wish.name)
    rig.supervisor.terminate()
    assert rig.supervisor.wait(60) == 0
    assert [line for line in find_processes(rig.home) if "airgate-plugin" not in line] == []
    assert not (rig.home / "run" / "supervisor.sock").exists()
    rig.supervisor = rig.start_supervisor()
    wait_ready(rig, wish.name)


def test_a_second_supervisor_of_the_same_home_refuses_to_start(rig: LocalRig) -> None:
    """Two of them would run every model twice."""
    second = subprocess.run(
        [PROGRAMS / "airgate-web", "supervise", "--home", rig.home], capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert f"Another supervisor runs in {rig.home}." in second.stderr


def test_wishes_and_secrets_are_for_the_owners_eyes(rig: LocalRig) -> None:
    """No other account of the machine reads a gate's secret or steers the supervisor."""
    wish = begin(rig, make_service(rig, "d-owner"))
    replica = wait_ready(rig, wish.name).replicas[0].name
    files = ["run/supervisor.sock", "supervisor/workloads/d-owner.json", f"logs/replicas/{replica}.log"]
    for name in [*files, f"supervisor/replicas/{replica}.json"]:
        assert stat.S_IMODE((rig.home / name).stat().st_mode) == 0o600, name
    arguments = Path(f"/proc/{rig.find_pid(replica)}/cmdline").read_text()
    assert SECRET not in arguments
    assert SECRET not in rig.read_log()


def test_a_granted_card_is_in_the_process_environment_and_a_card_not_asked_for_is_not(rig: LocalRig) -> None:
    """A model sees the cards that it was given, by the variable that Qualcomm's runtime reads."""
    with_card, without = begin(rig, make_service(rig, "d-with", cards=1)), begin(rig, make_service(rig, "d-without"))
    granted = wait_ready(rig, with_card.name).replicas[0]
    plain = wait_ready(rig, without.name).replicas[0]
    assert read_environ(rig.find_pid(granted.name))["QAIC_VISIBLE_DEVICES"] in ("0", "1")
    environ = read_environ(rig.find_pid(plain.name))
    assert "QAIC_VISIBLE_DEVICES" not in environ
    assert environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_lost_card_is_not_offered_and_touches_no_running_model(rig: LocalRig) -> None:
    """A card that falls off the bus lowers what is free, and says so; its model runs on."""
    wish = begin(rig, make_service(rig, "d-lose", cards=2))
    before = wait_ready(rig, wish.name)
    rig.simulate("--lose", ADDRESS)
    try:
        seen = observe_until(rig, lambda seen: seen.nodes[0].allocatable[RESOURCE] == 1, "one card less")
        assert seen.nodes[0].capacity[RESOURCE] == 2
        assert [device.healthy for device in seen.devices].count(False) == 1
        after = find_facts(seen, wish.name)
        assert after is not None
        assert after.replicas == before.replicas
        assert rig.call(after, SECRET) == 200
    finally:
        rig.simulate("--restore", ADDRESS)
    rig.wait_cards(2)


def test_a_plugin_that_goes_and_comes_again_takes_no_model_down(rig: LocalRig) -> None:
    """While the plugin is away nothing is granted and nothing is lost."""
    wish = begin(rig, make_service(rig, "d-plugin", cards=1))
    wait_ready(rig, wish.name)
    assert rig.plugin is not None
    rig.plugin.terminate()
    rig.plugin.wait()
    rig.wait_cards(0)
    waiting = begin(rig, make_service(rig, "d-plugin-2", cards=1))
    observe_until(rig, lambda seen: find_states(seen, waiting.name) == [ReplicaState.WAITING], "it waits")
    assert find_states(rig.cluster.observe(), wish.name) == [ReplicaState.READY]
    rig.plugin = rig.start_plugin()
    wait_ready(rig, waiting.name)
    assert wait_ready(rig, wish.name).replicas[0].restarts == 0


def test_a_model_that_cannot_start_says_why_and_is_tried_again(rig: LocalRig) -> None:
    """A file that is not there is named, not guessed at."""
    wish = make_service(rig, "d-nofile")
    assert wish.model is not None
    digest = "sha256:" + "0" * 64
    begin(rig, dataclasses.replace(wish, model=dataclasses.replace(wish.model, digest=digest)))
    seen = observe_until(
        rig,
        lambda seen: (
            (facts := find_facts(seen, wish.name)) is not None
            and any(each.state is ReplicaState.FAILED and each.restarts >= 1 for each in facts.replicas)
        ),
        "failed twice",
    )
    facts = find_facts(seen, wish.name)
    assert facts is not None
    assert facts.replicas[0].reason == f"the file {digest} is not stored here"


def test_a_replica_that_is_larger_than_the_machine_waits(rig: LocalRig) -> None:
    """What can never fit is not started."""
    wish = make_service(rig, "d-huge")
    begin(rig, dataclasses.replace(wish, amounts=dataclasses.replace(wish.amounts, cpu_millis=100_000_000)))
    seen = observe_until(rig, lambda seen: find_states(seen, wish.name) == [ReplicaState.WAITING], "it waits")
    facts = find_facts(seen, wish.name)
    assert facts is not None
    assert facts.replicas[0].reason.startswith("asks 100000 cores of ")


def test_a_malformed_request_is_answered_and_harms_nothing(rig: LocalRig) -> None:
    """A wrong caller is told so."""
    for line in (b"{}\n", b"nonsense\n", b'{"verb": "dance"}\n', b'{"verb": "apply", "workload": 7}\n', b"\n"):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(rig.home / "run" / "supervisor.sock"))
            door.sendall(line)
            with door.makefile("rb") as answer:
                assert "error" in json.loads(answer.readline())
    rig.cluster.observe()


def test_only_the_recorded_process_is_ended_never_one_that_has_its_pid(tmp_path: Path) -> None:
    """A pid that belongs to somebody else by now is left alone."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        ticks = find_start_ticks(process.pid)
        wish = find_tester(make_runtime(), "token")
        stranger = ReplicaRecord("a", wish, 1, Ports(1, 2, 3), process.pid, ticks - 1)
        assert remove_leftovers([stranger], SystemClock()) == ()
        assert process.poll() is None
        left = ReplicaRecord("b", wish, 2, Ports(1, 2, 3), process.pid, ticks)
        assert remove_leftovers([left], SystemClock()) == ("b",)
        assert process.wait(30) == -signal.SIGKILL


def test_a_large_log_is_set_aside_and_the_process_writes_on(tmp_path: Path) -> None:
    """No replica fills the disk with words."""
    log = tmp_path / "a-1.log"
    log.write_text("line\n" * 100)
    assert not rotate(log, 500)
    assert rotate(log, 499)
    assert log.read_text() == ""
    assert log.with_suffix(".log.1").read_text() == "line\n" * 100
    assert read_tail(log.with_suffix(".log.1"), 2) == "line\nline\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("one\n\ntwo\n\n", "two"),
        ('{"level": "error", "message": "cannot load", "hint": "Upload it again."}\n', "cannot load Upload it again."),
        ('{"a": 1}\n', '{"a": 1}'),
        ("[1]\n", "[1]"),
    ],
)
def test_a_failure_ends_with_its_last_words(text: str, words: str) -> None:
    """The reason of a crash is what the process said last."""
    assert find_last_words(text) == words


def test_what_a_job_printed_is_not_in_the_supervisor_s_own_log(rig: LocalRig) -> None:
    """The page of the job shows why it crashed; a model's last line may be a row of somebody's data."""
    wish = make_job(rig, "j-quiet", chunk=1)
    rig.cluster.apply(ApplyWorkload(wish))
    seen = observe_until(rig, lambda seen: find_states(seen, wish.name) == [ReplicaState.READY], "it runs")
    facts = find_facts(seen, wish.name)
    assert facts is not None
    replica = facts.replicas[0].name
    observe_until(rig, lambda _: bool(rig.cluster.read_logs(replica, 1)), "it has printed")
    rig.crash(replica)
    failed = find_facts(
        observe_until(rig, lambda seen: find_states(seen, wish.name) == [ReplicaState.FAILED], "it failed"), wish.name
    )
    assert failed is not None and failed.replicas[0].reason.startswith("ended by SIGKILL, perhaps for want of memory: ")
    entries = [json.loads(line) for line in rig.read_log().splitlines() if wish.name in line]
    assert "Failed" in [entry.get("state") for entry in entries]
    assert {entry["reason"] for entry in entries if "reason" in entry} == {""}


def test_ports_that_are_taken_are_passed_over() -> None:
    """A replica never gets a port that another program listens on."""
    first = find_ports("seed", set())
    with socket.create_server(("127.0.0.1", first.http)):
        second = find_ports("seed", {first.grpc})
    assert {first.http, first.grpc} & {second.http, second.grpc, second.admin} == set()


def test_a_home_whose_path_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    """The sentence names the path and what to do."""
    with pytest.raises(ValueError, match="choose a home with a shorter one"):
        make_places(tmp_path / ("x" * 100))
