"""One suite for every Cluster: the fake, local processes, and Kubernetes."""

import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest

from airgate_web.domain.explain import find_free
from airgate_web.domain.lost_cards import plan_replacements
from airgate_web.domain.plan import ApplyWorkload, RemoveReplica, RemoveWorkload, ReplaceReplica, plan_actions
from airgate_web.domain.runtime import find_tester
from airgate_web.domain.server import Server
from airgate_web.domain.workload import (
    Kind,
    Outcome,
    ReplicaState,
    Workload,
    find_replica_digest,
    find_spec_digest,
)
from tests.contracts.cluster_rig import (
    DEADLINE,
    RESOURCE,
    ROWS,
    SECOND,
    SECRET,
    Rig,
    find_facts,
    find_holding,
    find_states,
    losing,
    make_job,
    make_service,
    observe_until,
    wait_ended,
    wait_gone,
    wait_named,
    wait_ready,
)
from tests.contracts.rig_local import LocalRig
from tests.contracts.rig_memory import MemoryRig
from tests.fakes.samples import make_runtime


def make_kubernetes_rig(request: pytest.FixtureRequest) -> Rig:
    """Use the suites' cluster; what builds images is loaded only then."""
    from tests.contracts.rig_kubernetes import KubernetesRig

    return KubernetesRig(request.getfixturevalue("suite_cluster"))


RIGS: dict[str, Callable[[pytest.FixtureRequest], Rig]] = {
    "memory": lambda _: MemoryRig(),
    "local": lambda _: LocalRig(),
    "kubernetes": make_kubernetes_rig,
}
PARAMS = [
    "memory",
    pytest.param("local", marks=pytest.mark.process),
    pytest.param("kubernetes", marks=[pytest.mark.cluster, pytest.mark.timeout(900)]),
]


@pytest.fixture(scope="module", params=PARAMS)
def whole_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """One rig for all tests of an implementation."""
    rig = RIGS[request.param](request)
    yield rig
    rig.close()


@pytest.fixture
def rig(whole_rig: Rig) -> Iterator[Rig]:
    """The rig, and nothing on it before and after the test."""
    yield whole_rig
    names = [facts.name for facts in whole_rig.cluster.observe().workloads]
    for name in names:
        whole_rig.cluster.apply(RemoveWorkload(name))
    for name in names:
        wait_gone(whole_rig, name)


def begin(rig: Rig, wish: Workload) -> Workload:
    """Apply a wish and return it."""
    rig.cluster.apply(ApplyWorkload(wish))
    return wish


def test_a_service_becomes_ready_and_answers_who_knows_its_secret(rig: Rig) -> None:
    """A deployed model answers through the gateway alone."""
    wish = begin(rig, make_service(rig, "d-answer"))
    facts = wait_ready(rig, wish.name)
    assert facts.spec_digest == find_spec_digest(wish)
    assert facts.replicas[0].spec_digest == find_replica_digest(wish)
    assert facts.replicas[0].device == "CPU"
    assert facts.replicas[0].address in [f"{each.host}:{each.http_port}" for each in facts.addresses]
    assert rig.call(facts, SECRET) == 200
    assert rig.call(facts, "") in (401, 403)
    assert rig.call(facts, "wrong") in (401, 403)


def test_somebody_else_s_server_runs_as_its_own_words_say(rig: Rig) -> None:
    """It holds its cards, answers on a port that is told, compares no secret, and has no door for gRPC."""
    words = ("python3", "-m", "http.server", "{port}", "--bind", "{host}")
    server = Server(port=9000, health="/", command=words[:3], arguments=words[3:])
    wish = dataclasses.replace(make_service(rig, "d-server", cards=1), model=None, server=server)
    begin(rig, wish)
    facts = wait_ready(rig, wish.name)
    assert rig.call(facts, "") == 404
    assert len(rig.find_granted(facts.replicas[0].name)) == 1
    assert {address.grpc_port for address in facts.addresses} == {0}
    assert plan_actions([wish], rig.cluster.observe()) == ()


def test_several_models_of_one_service_become_ready_together(rig: Rig) -> None:
    """They share one process and its cards."""
    wish = make_service(rig, "d-several", cards=1)
    assert wish.model is not None
    other = dataclasses.replace(wish.model, name="thrice", digest=SECOND)
    begin(rig, dataclasses.replace(wish, others=(other,)))
    facts = wait_ready(rig, wish.name)
    assert rig.call(facts, SECRET) == 200
    assert sum(holder.count for holder in rig.cluster.observe().holders) == 1


def test_applying_twice_is_applying_once(rig: Rig) -> None:
    """Two reconcilers, or one that starts anew, double nothing."""
    wish = begin(rig, make_service(rig, "d-twice"))
    begin(rig, wish)
    first = wait_ready(rig, wish.name)
    begin(rig, wish)
    second = wait_ready(rig, wish.name)
    assert [each.name for each in first.replicas] == [each.name for each in second.replicas]
    assert plan_actions([wish], rig.cluster.observe()) == ()


def test_replicas_go_up_and_down_and_the_others_stay(rig: Rig) -> None:
    """Scaling restarts nothing that is to stay."""
    wish = begin(rig, make_service(rig, "d-scale"))
    one = wait_ready(rig, wish.name)
    begin(rig, dataclasses.replace(wish, replicas=3))
    three = wait_ready(rig, wish.name, 3)
    assert {each.name for each in one.replicas} < {each.name for each in three.replicas}
    begin(rig, wish)
    again = wait_ready(rig, wish.name)
    assert again.replicas[0].restarts == 0
    assert again.replicas[0].name in {each.name for each in three.replicas}


def test_no_replicas_is_a_wish_too(rig: Rig) -> None:
    """A deployment that is scaled to none keeps its place and holds nothing."""
    wish = begin(rig, make_service(rig, "d-none", cards=1))
    wait_ready(rig, wish.name)
    begin(rig, dataclasses.replace(wish, replicas=0))
    seen = observe_until(rig, lambda seen: not find_states(seen, wish.name) and not seen.holders, "no replica")
    assert find_facts(seen, wish.name) is not None


def test_a_change_rolls_without_a_failed_request(rig: Rig) -> None:
    """A new version of a model replaces the old one under load, and no caller notices."""
    wish = begin(rig, make_service(rig, "d-roll"))
    before = wait_ready(rig, wish.name)
    changed = dataclasses.replace(make_service(rig, "d-roll", digest=SECOND))
    answers: list[int] = []
    over = threading.Event()

    def call_on() -> None:
        while not over.is_set():
            facts = find_facts(rig.cluster.observe(), wish.name)
            answers.append(rig.call(facts, SECRET) if facts else 0)

    caller = threading.Thread(target=call_on)
    caller.start()
    begin(rig, changed)
    digest = find_replica_digest(changed)
    observe_until(
        rig,
        lambda seen: (
            (facts := find_facts(seen, wish.name)) is not None
            and [(each.spec_digest, each.state) for each in facts.replicas] == [(digest, ReplicaState.READY)]
        ),
        "the change alone",
    )
    over.set()
    caller.join()
    assert set(answers) == {200}
    assert before.replicas[0].name != wait_ready(rig, wish.name).replicas[0].name


def test_removing_leaves_nothing(rig: Rig) -> None:
    """What is deleted is gone: no replica, no address, no card held."""
    wish = begin(rig, make_service(rig, "d-remove", cards=1))
    replica = wait_ready(rig, wish.name).replicas[0].name
    for _ in range(2):
        rig.cluster.apply(RemoveWorkload(wish.name))
    wait_gone(rig, wish.name)
    assert rig.cluster.observe().holders == ()
    assert rig.cluster.read_logs(replica, 10) == ""


def test_forgetting_a_replica_that_is_gone_does_nothing(rig: Rig) -> None:
    """Two reconcilers may tidy up at once."""
    wish = begin(rig, make_service(rig, "d-tidy"))
    before = wait_ready(rig, wish.name)
    assert before.over == ()
    rig.cluster.apply(RemoveReplica("d-tidy-nobody"))
    assert wait_ready(rig, wish.name).replicas == before.replicas


def test_cards_are_granted_whole_and_named(rig: Rig) -> None:
    """Who asks for two cards holds two, and the appliance can say which and who."""
    wish = begin(rig, make_service(rig, "d-cards", cards=2))
    facts = wait_ready(rig, wish.name)
    seen = rig.cluster.observe()
    assert len(rig.find_granted(facts.replicas[0].name)) == 2
    named = wait_named(rig, wish.name, 2)
    assert set(named.devices) <= {device.id for device in seen.devices}
    assert [(holder.owner, holder.count, holder.resource) for holder in seen.holders] == [("qc/d-cards", 2, RESOURCE)]
    assert seen.nodes[0].capacity[RESOURCE] == seen.nodes[0].allocatable[RESOURCE] == rig.cards


def test_a_replica_whose_card_died_is_replaced_on_a_spare(rig: Rig) -> None:
    """Nobody evicts it, so it is ended; the dead card in its hands hides no healthy one; twice is once."""
    wish = begin(rig, make_service(rig, "d-lost", cards=1))
    wait_ready(rig, wish.name)
    before = wait_named(rig, wish.name, 1)
    (card,) = before.devices
    with losing(rig, card) as seen:
        assert next(each for each in seen.devices if each.id == card).reason
        assert find_free(seen.nodes[0], RESOURCE, seen) == rig.cards - 1
        actions = plan_replacements([wish], seen)
        assert actions == (ReplaceReplica(wish.name, before.name),)
        for _ in range(2):
            rig.cluster.apply(actions[0])
        observe_until(rig, lambda seen: find_holding(seen, wish.name) not in ({before.name}, set()), "its successor")
        facts = wait_ready(rig, wish.name)
        after = wait_named(rig, wish.name, 1)
        assert after.name != before.name
        assert after.devices != before.devices
        assert rig.call(facts, SECRET) == 200
        assert plan_replacements([wish], rig.cluster.observe()) == ()


def test_a_replica_whose_card_died_keeps_its_place_while_there_is_no_spare(rig: Rig) -> None:
    """What cannot be helped is not made worse: it goes on, the same, when the card is back."""
    wish = begin(rig, make_service(rig, "d-none-left", cards=rig.cards))
    wait_ready(rig, wish.name)
    before = wait_named(rig, wish.name, rig.cards)
    with losing(rig, before.devices[0]) as seen:
        assert plan_replacements([wish], seen) == ()
        assert find_free(seen.nodes[0], RESOURCE, seen) == 0
    assert wait_ready(rig, wish.name).replicas[0].name == before.name


def test_who_asks_for_more_than_is_free_waits_until_it_is(rig: Rig) -> None:
    """A deployment that finds no card waits by itself and starts by itself."""
    first = begin(rig, make_service(rig, "d-first", cards=3))
    wait_ready(rig, first.name)
    second = begin(rig, make_service(rig, "d-second", cards=2))
    seen = observe_until(rig, lambda seen: find_states(seen, second.name) == [ReplicaState.WAITING], "it waits")
    assert [(holder.owner, holder.count) for holder in seen.holders] == [("qc/d-first", 3)]
    rig.cluster.apply(RemoveWorkload(first.name))
    assert len(rig.find_granted(wait_ready(rig, second.name).replicas[0].name)) == 2


def test_a_change_of_a_service_that_holds_every_card_still_rolls(rig: Rig) -> None:
    """When cards do not suffice for old and new at once, the old one makes room."""
    wish = begin(rig, make_service(rig, "d-full", cards=2, replicas=2))
    wait_ready(rig, wish.name, 2)
    changed = begin(rig, make_service(rig, "d-full", digest=SECOND, cards=2, replicas=2))
    digest = find_replica_digest(changed)
    observe_until(
        rig,
        lambda seen: (
            (facts := find_facts(seen, wish.name)) is not None
            and [(each.spec_digest, each.state) for each in facts.replicas] == [(digest, ReplicaState.READY)] * 2
        ),
        "both changed",
    )


def test_a_crashed_replica_starts_again_with_its_cards(rig: Rig) -> None:
    """A fault in a model costs seconds, not a call at night."""
    wish = begin(rig, make_service(rig, "d-crash", cards=1))
    wait_ready(rig, wish.name)
    before = wait_named(rig, wish.name, 1)
    rig.crash(before.name)
    seen = observe_until(
        rig,
        lambda seen: (
            (facts := find_facts(seen, wish.name)) is not None
            and [(each.state, each.restarts) for each in facts.replicas] == [(ReplicaState.READY, 1)]
        ),
        "ready again",
    )
    after = find_facts(seen, wish.name)
    assert after is not None
    named = wait_named(rig, wish.name, 1)
    assert (named.name, named.devices) == (before.name, before.devices)
    assert rig.call(after, SECRET) == 200


def test_a_tester_is_a_workload_like_any_other(rig: Rig) -> None:
    """The warm process that reads signatures and runs tests is kept running, without a card and without gRPC."""
    wish = begin(rig, find_tester(make_runtime("python", image=rig.image), SECRET))
    facts = wait_ready(rig, wish.name)
    assert (facts.kind, facts.addresses[0].grpc_port) == (Kind.TESTER, 0)
    assert rig.cluster.observe().holders == ()


def test_a_job_runs_to_its_end_and_not_again(rig: Rig) -> None:
    """Predictions are sent once; until its end is taken note of nothing starts it anew, and nobody calls it."""
    before = len(rig.find_results())
    wish = begin(rig, make_job(rig, "j-once"))
    facts = wait_ended(rig, wish.name)
    assert (facts.kind, facts.outcome, facts.addresses) == (Kind.JOB, Outcome.SUCCEEDED, ())
    begin(rig, wish)
    observe_until(rig, lambda seen: not find_states(seen, wish.name), "no process of it")
    assert plan_actions([wish], rig.cluster.observe()) == ()
    (result,) = rig.find_results()[before:]
    assert len(result.splitlines()) == len(ROWS.splitlines())


def test_what_a_job_printed_can_be_read_until_it_is_cleared_away(rig: Rig) -> None:
    """Its last word too: the log is there after the process has ended, and gone with the workload."""
    wish = begin(rig, make_job(rig, "j-log"))
    replica = wait_ended(rig, wish.name).replicas[-1].name
    assert "Job 7: succeeded" in rig.cluster.read_logs(replica, 50).splitlines()
    assert rig.cluster.read_logs(replica, 1).splitlines() == ["Job 7: succeeded"]
    rig.cluster.apply(RemoveWorkload(wish.name))
    wait_gone(rig, wish.name)
    assert rig.cluster.read_logs(replica, 50) == ""


def test_a_job_that_crashed_goes_on_to_its_end(rig: Rig) -> None:
    """A fault, or a node without memory, costs what was done since the last rows."""
    before = len(rig.find_results())
    wish = begin(rig, make_job(rig, "j-crash", chunk=10))
    seen = observe_until(rig, lambda seen: find_states(seen, wish.name) == [ReplicaState.READY], "it runs")
    facts = find_facts(seen, wish.name)
    assert facts is not None
    rig.crash(facts.replicas[0].name)
    assert wait_ended(rig, wish.name).outcome is Outcome.SUCCEEDED
    (result,) = rig.find_results()[before:]
    assert len(result.splitlines()) == len(ROWS.splitlines())


def test_a_job_that_cannot_tell_its_end_fails_for_good(rig: Rig) -> None:
    """It is tried a few times and no more; the cluster says why."""
    wish = begin(rig, make_job(rig, "j-mute", secret="wrong"))
    facts = wait_ended(rig, wish.name, 3 * DEADLINE)
    assert facts.outcome is Outcome.FAILED
    assert facts.reason
    assert plan_actions([wish], rig.cluster.observe()) == ()


def test_a_job_that_is_removed_while_it_runs_leaves_nothing(rig: Rig) -> None:
    """Stopped is stopped: no process goes on, and no predictions come."""
    before = len(rig.find_results())
    wish = begin(rig, make_job(rig, "j-stop", chunk=1))
    observe_until(rig, lambda seen: find_states(seen, wish.name) == [ReplicaState.READY], "it runs")
    rig.cluster.apply(RemoveWorkload(wish.name))
    wait_gone(rig, wish.name)
    assert len(rig.find_results()) == before


def test_logs_are_the_last_lines_that_a_replica_wrote(rig: Rig) -> None:
    """Whoever looks for a fault reads what the runtime said."""
    wish = begin(rig, make_service(rig, "d-logs"))
    replica = wait_ready(rig, wish.name).replicas[0].name
    assert rig.cluster.read_logs(replica, 50)
    assert len(rig.cluster.read_logs(replica, 1).splitlines()) == 1
    assert rig.cluster.read_logs("nobody-1", 50) == ""
