"""Ready means that the gateway answers: what is judged from the cluster's word and the gateways' reports."""

import dataclasses
import datetime

import pytest

from airgate_web.domain.deployment import Deployment, DeploymentStatus, find_workload
from airgate_web.domain.reach import NOT_YET, SILENT, GatewayReport, judge_reach
from airgate_web.domain.workload import Replica, ReplicaState, find_replica_digest
from airgate_web.services.deployments import find_deployment, list_deployments
from airgate_web.services.readiness import find_waiting
from tests.fakes.samples import NOON, make_deployment, make_observation, make_status

WISH = make_deployment(id=1, generation=1)
DIGEST = find_replica_digest(find_workload(WISH))
HERE, THERE = "10.0.0.1:8080", "10.0.0.2:8080"
READY, STARTING = ReplicaState.READY, ReplicaState.STARTING


def make_replica(address: str, **changes: object) -> Replica:
    """Return a replica of the wish that is ready."""
    return dataclasses.replace(Replica("live-1", READY, DIGEST, address=address), **changes)


def make_report(*addresses: str, age: float = 1.0, owner: str = WISH.owner, gateway: str = "one") -> GatewayReport:
    """Return what a gateway said `age` seconds ago: that it reaches these."""
    return GatewayReport(gateway, "digest", {owner: addresses}, NOON - datetime.timedelta(seconds=age))


def judge(*reports: GatewayReport, status: DeploymentStatus | None = None, wish: Deployment = WISH) -> DeploymentStatus:
    """Return the judged status; the cluster's word is one ready replica unless another is given."""
    known = status or make_status(replicas=(make_replica(HERE),), notice="")
    return judge_reach(wish, known, reports, NOON)


def test_what_a_gateway_reaches_is_ready() -> None:
    """One gateway of several is enough, and one replica of several."""
    told = judge(make_report(HERE))
    assert (told.state, told.sentence, told.notice) == (READY, "", "")
    assert judge(make_report(gateway="two"), make_report(THERE, HERE)).state is READY


@pytest.mark.parametrize(
    "report", [make_report(), make_report(THERE), make_report(HERE, owner="qc/other")], ids=["none", "earlier", "other"]
)
def test_what_no_gateway_reaches_is_not_ready_and_says_why(report: GatewayReport) -> None:
    """An earlier replica, or another deployment's address, does not count."""
    told = judge(report)
    assert (told.state, told.sentence) == (STARTING, NOT_YET)


def test_replicas_of_an_earlier_wish_do_not_make_it_ready() -> None:
    """After a change the new version has to be reached."""
    old, new = make_replica(HERE, spec_digest="before"), make_replica(THERE)
    status = make_status(replicas=(old, new))
    assert judge(make_report(HERE), status=status).state is STARTING
    assert judge(make_report(HERE, THERE), status=status).state is READY


@pytest.mark.parametrize(
    ("age", "said"),
    [(40, "has not reported for 40 s"), (600, "has not reported for 10 min"), (None, "has reported yet")],
)
def test_a_gateway_that_is_silent_is_named_with_where_to_look(age: float | None, said: str) -> None:
    """Nobody waits for a gateway that is away without being told so."""
    told = judge(*([] if age is None else [make_report(THERE, age=age)]))
    assert told.state is STARTING
    assert said in told.sentence
    assert "airgate-gateway" in told.sentence


def test_what_was_reached_stays_ready_while_the_gateway_is_silent_and_says_so() -> None:
    """The webapp may be cut off from a gateway that goes on answering."""
    told = judge(make_report(HERE, age=40), status=make_status(replicas=(make_replica(HERE),), notice="Idle card."))
    assert (told.state, told.sentence) == (READY, "")
    assert told.notice.startswith("Idle card. The gateway has not reported for 40 s;")


def test_the_last_words_of_a_silent_gateway_count_no_more_when_another_reports() -> None:
    """A gateway that was removed does not keep anything Ready."""
    assert judge(make_report(HERE, age=SILENT.total_seconds() + 1), make_report(gateway="two")).state is STARTING


@pytest.mark.parametrize(
    "status",
    [
        make_status(state=ReplicaState.WAITING, sentence="No card.", replicas=(make_replica(HERE),)),
        make_status(generation=2, replicas=(make_replica(HERE),)),
        make_status(replicas=(make_replica(""),)),
    ],
    ids=["waits", "of another generation", "of a cluster that tells no address"],
)
def test_where_the_gateway_is_not_the_reason_the_status_stays_as_it_is(status: DeploymentStatus) -> None:
    """What keeps a pod from being ready is said first."""
    assert judge(status=status) == status


def test_pages_and_api_show_the_judged_state(desk) -> None:
    """A report is seen at once: nothing has to be written in between."""
    kept = desk.store.add_deployment(make_deployment())
    desk.store.write_status(kept.id, make_status(replicas=(make_replica(HERE),)))
    desk.store.write_report(make_report(age=0))
    assert find_deployment(desk, "qc", "live").state is STARTING
    assert find_deployment(desk, "qc", "live").sentence == NOT_YET
    before = desk.store.find_fact_number()
    desk.store.write_report(make_report(HERE, age=0))
    assert desk.store.find_fact_number() > before
    assert [view.state for view in list_deployments(desk)] == [READY]


def test_a_start_waits_for_the_gateway(desk) -> None:
    """What an earlier run reported says nothing of this one."""
    desk.store.write_observation(make_observation(), NOON)
    for runtime in desk.store.list_runtimes():
        desk.store._runtimes.pop(runtime.slug)
    desk.store.write_report(make_report(age=1))
    assert find_waiting(desk, NOON) == ("the gateway has not reported yet",)
    desk.store.write_report(make_report(age=0))
    assert find_waiting(desk, NOON) == ()
