"""Wishing for deployments, and for tokens that may call them."""

import dataclasses

import pytest

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.errors import Conflict, Invalid, NotFound, Unauthenticated
from airgate_web.domain.timeouts import Timeouts
from airgate_web.domain.workload import ReplicaState
from airgate_web.services.deployments import (
    DeploymentWish,
    change_deployment,
    create_deployment,
    find_deployment,
    list_deployments,
    remove_deployment,
)
from airgate_web.services.models import publish_model
from airgate_web.services.overview import Gauge, find_overview
from airgate_web.services.tokens import issue_token, list_tokens, revoke_token
from airgate_web.services.users import find_session_user
from tests.fakes.samples import NOON, make_node, make_observation, make_status

QAIC = "qualcomm.com/qaic"
WISH = DeploymentWish("digits", cpu="0.5", memory="2", accelerators="2", resource=QAIC, replicas="3")


@pytest.fixture
def desk(desk, ada):
    """The desk with one model and one node of four cards."""
    publish_model(desk, ada, "qc", "digits", "digits.onnx", iter([b"model"]))
    desk.store.write_observation(make_observation(), NOON)
    return desk


def test_a_deployment_is_what_was_typed(desk, ada):
    """The numbers of the form become whole cards, thousandths of cores and MiB."""
    kept = create_deployment(desk, ada, "qc", "live", WISH)
    assert kept.amounts == Amounts(500, 2048, 2, QAIC)
    assert (kept.replicas, kept.generation, kept.model.version) == (3, 1, 1)
    assert kept.image == "registry/serving@sha256:0"
    view = find_deployment(desk, "qc", "live")
    assert (view.deployment, view.state, view.path) == (kept, ReplicaState.WAITING, "/api/v1/svc/qc/live/predict")
    assert "reconciler" in view.sentence


def test_a_change_of_timeouts_is_the_gateway_s_business_alone(desk, ada):
    """It is a new generation, and no replica is replaced for it."""
    first = create_deployment(desk, ada, "qc", "live", WISH)
    second = change_deployment(desk, ada, "qc", "live", dataclasses.replace(WISH, timeout="600", idle_timeout="30"))
    assert (second.timeouts, second.generation) == (Timeouts(600, 30), 2)
    assert find_workload(second) == find_workload(first)


def test_every_deployment_has_a_gate_secret_of_its_own(desk, ada):
    """Knowing one runtime's secret opens no other, and no log shows it."""
    one, other = (create_deployment(desk, ada, "qc", name, WISH) for name in ("one", "other"))
    assert len(one.gate_secret) == 64
    assert one.gate_secret != other.gate_secret
    assert one.gate_secret not in repr(one)


def test_more_than_is_free_may_be_asked_for(desk, ada):
    """Cards that somebody holds are waited for."""
    kept = create_deployment(desk, ada, "qc", "live", dataclasses.replace(WISH, accelerators=4))
    assert kept.amounts.accelerators == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"accelerators": 1.5}, "a card cannot be shared"),
        ({"accelerators": 5}, "Asks 5 qualcomm.com/qaic, the node with the most has 4"),
        ({"accelerators": -1}, "Accelerators -1 is out of range"),
        ({"accelerators": "two"}, "'two' is not a number"),
        ({"resource": "nvidia.com/gpu"}, "there is: qualcomm.com/qaic"),
        ({"resource": ""}, "without saying of which kind"),
        ({"cpu": 9}, "the largest node has 8"),
        ({"cpu": 0}, "out of range"),
        ({"cpu": "nan"}, "out of range"),
        ({"memory": 17}, "the largest node has 16"),
        ({"replicas": 0}, "Replicas 0 is out of range"),
        ({"replicas": 1.5}, "Replicas must be a whole number"),
        ({"timeout": 0}, "Timeout in seconds 0 is out of range"),
        ({"runtime": "none"}, "There is no runtime 'none'"),
    ],
)
def test_an_impossible_wish_gets_one_sentence_and_leaves_nothing(desk, ada, change, said):
    """What can never run is refused at once, with what there is."""
    with pytest.raises(Invalid, match=said):
        create_deployment(desk, ada, "qc", "live", dataclasses.replace(WISH, **change))
    assert list_deployments(desk) == []


def test_cards_cannot_be_asked_for_before_any_was_seen(desk, ada):
    """Without a look at the cluster nobody knows the resource."""
    desk.store.write_observation(make_observation(nodes=()), NOON)
    with pytest.raises(Invalid, match="no node has any card"):
        create_deployment(desk, ada, "qc", "live", WISH)
    assert create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", cpu=100)).replicas == 1


@pytest.mark.parametrize("name", ["Live", "a/b", ""])
def test_a_deployment_name_stands_in_an_address(desk, ada, name):
    """Capitals and slashes are refused."""
    with pytest.raises(Invalid, match="Deployment name"):
        create_deployment(desk, ada, "qc", name, WISH)


def test_a_name_is_deployed_once(desk, ada):
    """A second deployment of a name is refused and changes nothing."""
    kept = create_deployment(desk, ada, "qc", "live", WISH)
    with pytest.raises(Conflict, match="qc/live"):
        create_deployment(desk, ada, "qc", "live", DeploymentWish("digits"))
    assert find_deployment(desk, "qc", "live").deployment == kept


@pytest.mark.parametrize(("model", "version"), [("none", "latest"), ("digits", 7)])
def test_only_what_exists_is_deployed(desk, ada, model, version):
    """A model or version that is not there is named."""
    with pytest.raises(NotFound, match=str(version) if model == "digits" else model):
        create_deployment(desk, ada, "qc", "live", DeploymentWish(model, version))


def test_a_change_is_a_new_generation_with_the_same_secret(desk, ada):
    """A change rolls over behind the same address and the same tokens."""
    first = create_deployment(desk, ada, "qc", "live", WISH)
    second = change_deployment(desk, ada, "qc", "live", dataclasses.replace(WISH, replicas=1))
    assert (second.id, second.generation, second.replicas) == (first.id, 2, 1)
    assert second.gate_secret == first.gate_secret
    assert change_deployment(desk, ada, "qc", "live", dataclasses.replace(WISH, replicas=1)) == second


def test_latest_is_settled_when_it_is_asked_for(desk, ada):
    """A new version does not slip into a running deployment."""
    create_deployment(desk, ada, "qc", "live", WISH)
    publish_model(desk, ada, "qc", "digits", "digits.onnx", iter([b"model 2"]))
    assert find_deployment(desk, "qc", "live").deployment.model.version == 1
    assert change_deployment(desk, ada, "qc", "live", WISH).model.version == 2


def test_a_removed_deployment_is_gone_with_its_tokens(desk, ada):
    """Removing a deployment ends what could call it."""
    create_deployment(desk, ada, "qc", "live", WISH)
    issued = issue_token(desk, ada, "qc", "live")
    remove_deployment(desk, ada, "qc", "live")
    assert list_deployments(desk, "qc") == []
    assert [token.id for token in desk.store.list_revoked()] == [issued.token.id]
    for deed in (find_deployment, list_tokens):
        with pytest.raises(NotFound, match="live"):
            deed(desk, "qc", "live")


def test_a_token_names_one_deployment_and_an_end(desk, ada):
    """A token opens one deployment until its day."""
    kept = create_deployment(desk, ada, "qc", "live", WISH)
    issued = issue_token(desk, ada, "qc", "live", "line 3", 30)
    claims = desk.tokens.read(issued.text)
    assert {key: claims[key] for key in ("iss", "aud", "dep", "did", "jti")} == {
        "iss": "airgate",
        "aud": "airgate-predict",
        "dep": "qc/live",
        "did": str(kept.id),
        "jti": issued.token.id,
    }
    assert claims["exp"] == int(issued.token.expires.timestamp())
    assert (issued.token.expires - issued.token.created).days == 30
    assert list_tokens(desk, "qc", "live") == [issued.token]
    assert issued.text not in repr(issued)


def test_a_deployment_token_does_not_open_the_console(desk, ada):
    """Who may call a model may not change anything."""
    create_deployment(desk, ada, "qc", "live", WISH)
    with pytest.raises(Unauthenticated, match="console"):
        find_session_user(desk, issue_token(desk, ada, "qc", "live").text)


@pytest.mark.parametrize("days", [0, 1.5, 4000, "soon"])
def test_a_token_ends_within_ten_years(desk, ada, days):
    """A token for ever cannot be had."""
    create_deployment(desk, ada, "qc", "live", WISH)
    with pytest.raises(Invalid, match="Days"):
        issue_token(desk, ada, "qc", "live", days=days)


def test_a_token_is_revoked_by_its_own_deployment(desk, ada):
    """Revoking ends one token and no other."""
    for name in ("one", "other"):
        create_deployment(desk, ada, "qc", name, WISH)
    first, second = (issue_token(desk, ada, "qc", "one").token for _ in range(2))
    with pytest.raises(NotFound, match="no token"):
        revoke_token(desk, ada, "qc", "other", first.id)
    revoke_token(desk, ada, "qc", "one", first.id)
    assert [token.id for token in desk.store.list_revoked()] == [first.id]
    assert {token.id: token.revoked is not None for token in list_tokens(desk, "qc", "one")} == {
        first.id: True,
        second.id: False,
    }


def test_every_wish_is_noted(desk, ada):
    """The audit says who did what."""
    create_deployment(desk, ada, "qc", "live", WISH)
    token = issue_token(desk, ada, "qc", "live").token
    change_deployment(desk, ada, "qc", "live", DeploymentWish("digits"))
    revoke_token(desk, ada, "qc", "live", token.id)
    remove_deployment(desk, ada, "qc", "live")
    deeds = [(entry.who, entry.deed, entry.subject) for entry in desk.store.list_audit(5)][::-1]
    assert deeds == [
        ("ada", deed, "deployment qc/live") for deed in ("create", "issue token", "change", "revoke token", "remove")
    ]


def test_the_overview_counts_what_there_is(desk, ada):
    """The home page says how much there is and how much is free."""
    kept = create_deployment(desk, ada, "qc", "live", WISH)
    desk.store.write_status(kept.id, make_status())
    sick = make_node("n2", ready=False, allocatable={QAIC: 0})
    desk.store.write_observation(make_observation(nodes=(make_node(), sick)), NOON)
    seen = find_overview(desk)
    assert (seen.projects, seen.models, seen.deployments) == (1, 1, {"Ready": 1})
    assert seen.gauges == (Gauge(QAIC, free=3, healthy=4, total=8),)
    assert (seen.cpu, seen.memory, seen.seen) == ((1500, 8000), (6144, 16384), NOON)


def test_the_overview_of_nothing_is_empty(desk):
    """Before the first look at the cluster there is nothing to show, and no error."""
    desk.store._observation = None
    assert find_overview(desk).gauges == ()
    assert find_overview(desk).seen is None
