"""Files that the scanner refuses: an administrator may allow one, with a reason, and withdraw it."""

import dataclasses

import pytest
from fastapi.testclient import TestClient

from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.app import build_app
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.errors import BadModel, Conflict, DangerousModel, Forbidden, Invalid
from airgate_web.domain.user import Role
from airgate_web.domain.workload import find_spec_digest
from airgate_web.services.deployments import DeploymentWish, change_deployment, create_deployment
from airgate_web.services.models import find_version, publish_model, remove_model
from airgate_web.services.permits import allow_version, withdraw_permit
from airgate_web.services.trials import run_trial
from airgate_web.services.users import start_session
from tests.fakes.samples import NOON, make_deployment, make_observation, make_user

REASON = "Made by our own line 3."
FOUND = "Opening this file would use posix.system."
MODELS = "/api/v2/projects/qc/models"


@pytest.fixture
def desk(desk):
    """The desk, with a node."""
    desk.store.write_observation(make_observation(), NOON)
    return desk


@pytest.fixture
def bob(desk):
    """A member who is no administrator."""
    desk.store.add_user(make_user("bob", role=Role.USER))
    return desk.store.find_user("bob")


def publish(desk, user, content=b"danger", name="trees", **more):
    """Upload a file."""
    return publish_model(desk, user, "qc", name, f"{name}.pkl", iter([content]), **more)


def list_deeds(desk):
    """Return what the audit says, newest first."""
    return [(one.who, one.deed, one.subject, one.detail) for one in desk.store.list_audit()]


def test_an_administrator_allows_a_file_with_a_reason_and_all_of_it_is_kept(desk, ada):
    """Who, when, why, of which file, and what the scanner found: with the version and in the audit."""
    version = publish(desk, ada, override_reason=f" {REASON} ")
    permit = version.permit
    assert (permit.digest, permit.reason, permit.found) == (version.digest, REASON, FOUND)
    assert (permit.allowed, permit.allowed_by, permit.withdrawn) == (desk.clock.now(), "ada", None)
    assert version.override and find_version(desk, "qc", "trees") == version
    detail = f"version 1, {version.digest}, because: {REASON} The scanner: {FOUND}"
    assert list_deeds(desk)[0] == ("ada", "allow past the scanner", "model qc/trees", detail)
    assert run_trial(desk, ada, "qc", "trees").ok


@pytest.mark.parametrize("reason", [" ", "\n\t"])
def test_without_a_reason_nothing_is_allowed_and_nothing_is_left(desk, ada, reason):
    """One sentence, for an upload as for a version."""
    with pytest.raises(DangerousModel, match=FOUND):
        publish(desk, ada)
    with pytest.raises(Invalid, match="The reason is empty"):
        publish(desk, ada, override_reason=reason)
    assert desk.store.find_model("qc", "trees") is None and desk.blobs.list() == frozenset()


def test_a_member_who_is_no_administrator_gets_one_clear_sentence(desk, ada, bob):
    """For an upload, for a version, and for a withdrawal; nothing changes."""
    with pytest.raises(DangerousModel) as scanned:
        publish(desk, bob)
    assert "ask an administrator" in scanned.value.hint
    version = publish(desk, ada, override_reason=REASON)
    for wish in (
        lambda: publish(desk, bob, override_reason=REASON),
        lambda: allow_version(desk, bob, "qc", "trees", 1, version.digest, REASON),
        lambda: withdraw_permit(desk, bob, "qc", "trees", 1),
    ):
        with pytest.raises(Forbidden) as refused:
            wish()
        assert refused.value.sentence == "Only an administrator may allow a file that the scanner refuses."
    assert list(desk.store.list_versions("qc", "trees")) == [version]
    assert run_trial(desk, bob, "qc", "trees").ok  # what is allowed, members may use


def test_a_reason_for_a_file_that_the_scanner_takes_makes_no_permit(desk, ada):
    """There is nothing to allow; what is no model stays refused."""
    assert publish(desk, ada, b"model", override_reason=REASON).permit is None
    with pytest.raises(BadModel, match="is not a model"):
        publish(desk, ada, b"nonsense", override_reason=REASON)
    assert [deed for _, deed, _, _ in list_deeds(desk)] == ["publish"]


def test_what_is_withdrawn_is_refused_in_new_tests_and_deployments_until_it_is_allowed_again(desk, ada):
    """What is deployed already runs on as it is, and its change is refused too."""
    version = publish(desk, ada, override_reason=REASON)
    kept = create_deployment(desk, ada, "qc", "live", DeploymentWish("trees"))
    withdraw_permit(desk, ada, "qc", "trees", "latest")
    for wish in (
        lambda: run_trial(desk, ada, "qc", "trees"),
        lambda: create_deployment(desk, ada, "qc", "more", DeploymentWish("trees")),
        lambda: change_deployment(desk, ada, "qc", "live", DeploymentWish("trees", replicas=2)),
    ):
        with pytest.raises(Invalid, match="ada has withdrawn the permission to open it"):
            wish()
    assert list(desk.store.list_deployments()) == [kept]
    assert list_deeds(desk)[0][1:] == ("withdraw a permit", "model qc/trees", f"version 1, {version.digest}")
    with pytest.raises(Conflict, match="no permit to withdraw"):
        withdraw_permit(desk, ada, "qc", "trees", 1)
    assert allow_version(desk, ada, "qc", "trees", 1, version.digest, "Looked at it.").permit.reason == "Looked at it."
    assert run_trial(desk, ada, "qc", "trees").ok


def test_a_permit_is_for_the_file_that_was_looked_at_alone(desk, ada):
    """Another digest, another version, or a new model of the same name has none."""
    version = publish(desk, ada, override_reason=REASON)
    with pytest.raises(Conflict, match="allowed past the scanner already"):
        allow_version(desk, ada, "qc", "trees", 1, version.digest, REASON)
    withdraw_permit(desk, ada, "qc", "trees", 1)
    with pytest.raises(Conflict, match="has the digest"):
        allow_version(desk, ada, "qc", "trees", 1, "sha256:" + "0" * 64, REASON)
    with pytest.raises(DangerousModel):
        publish(desk, ada, b"danger 2")
    fine = publish(desk, ada, b"model", "plain")
    with pytest.raises(Invalid, match="nothing against this file"):
        allow_version(desk, ada, "qc", "plain", 1, fine.digest, REASON)
    remove_model(desk, ada, "qc", "trees")
    with pytest.raises(DangerousModel):
        publish(desk, ada)


def test_an_allowed_model_is_served_alone(desk, ada):
    """It could change its neighbours in the same process, for which nobody gave a word."""
    publish(desk, ada, override_reason=REASON)
    publish(desk, ada, b"model", "plain")
    for first, other in (("trees", "plain"), ("plain", "trees")):
        with pytest.raises(Invalid, match="'trees' was allowed past the scanner, so it is served alone"):
            create_deployment(desk, ada, "qc", "live", DeploymentWish(first, others=[other]))


def test_the_word_travels_to_the_process_with_the_digest_and_is_part_of_the_wish(desk, ada):
    """A deployment of before it runs on; one with it says so in its arguments, and in no environment."""
    digest = publish(desk, ada, override_reason=REASON).digest
    kept = create_deployment(desk, ada, "qc", "live", DeploymentWish("trees"))
    *_, deployment = make_manifests(find_workload(kept), KubernetesSettings("http://web:8000", "token"))
    pod = deployment["spec"]["template"]["spec"]
    words = pod["containers"][0]["args"]
    assert words[words.index("--override-scanner") + 1] == digest
    assert "override" not in str(pod["containers"][0]["env"]).lower()
    plain = make_deployment(model=dataclasses.replace(kept.model, override=False))
    marked = make_deployment(model=kept.model)
    assert find_spec_digest(find_workload(plain)) != find_spec_digest(find_workload(marked))


def test_a_script_allows_reads_and_withdraws(desk, ada, bob):
    """The API says what the pages say; a member reads the permit and may not change it."""
    with TestClient(build_app(desk, "internal")) as client:
        admin, member = ({"Authorization": f"Bearer {start_session(desk, user)}"} for user in (ada, bob))
        query = {"name": "trees", "filename": "trees.pkl"}
        refused = client.post(MODELS, params=query, content=b"danger", headers=admin)
        assert (refused.status_code, refused.json()["code"]) == (422, "dangerous_model")
        sent = {"params": query | {"override_reason": REASON}, "content": b"danger"}
        assert client.post(MODELS, **sent, headers=member).status_code == 403
        made = client.post(MODELS, **sent, headers=admin).json()
        assert (made["permit"]["reason"], made["permit"]["found"]) == (REASON, FOUND)
        path = f"{MODELS}/trees/versions/1/permit"
        body = {"name": "live", "model": "trees"}
        live = client.post("/api/v2/projects/qc/deployments", json=body, headers=member).json()
        assert live["model"]["override"] is True
        assert client.delete(path, headers=member).status_code == 403
        assert client.delete(path, headers=admin).status_code == 204
        shown = client.get(f"{MODELS}/trees/versions/1", headers=member).json()["permit"]
        assert shown["withdrawn"] and shown["withdrawn_by"] == "ada"
        again = {"digest": made["digest"], "reason": "Looked at it."}
        assert client.post(path, json=again, headers=admin).json()["permit"]["withdrawn"] is None


def test_a_form_carries_the_reason_too(desk, ada):
    """As a field before the file."""
    with TestClient(build_app(desk, "internal")) as client:
        client.headers["Authorization"] = f"Bearer {start_session(desk, ada)}"
        fields = {"name": "trees", "override_reason": REASON}
        made = client.post(MODELS, data=fields, files={"file": ("trees.pkl", b"danger")})
    assert made.json()["permit"]["reason"] == REASON
