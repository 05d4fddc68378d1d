"""One suite for every Store, the memory fake, SQLite and a real PostgreSQL: what is kept is found again."""

import dataclasses
import datetime

import pytest

from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.model import Permit
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.server import Server
from airgate_web.domain.timeouts import Timeouts
from airgate_web.domain.workload import ModelFile, ReplicaState
from airgate_web.ports import AuditEntry
from tests.fakes.samples import (
    DIGEST,
    NOON,
    SCRIPT,
    TOWERS,
    make_dataset,
    make_deployment,
    make_observation,
    make_project,
    make_report,
    make_runtime,
    make_status,
    make_token,
    make_user,
    make_version,
)

LATER = NOON + datetime.timedelta(hours=1)


def test_a_server_and_its_deployment_without_a_model_are_kept(store):
    """What is started, and with what words; no file is held for it."""
    server = Server(8000, "/health", "/metrics", ("vllm",), ("{port}",), ("-v",))
    store.put_runtime(make_runtime("llm", kind=RuntimeKind.SERVER, formats=(), server=server))
    assert store.find_runtime("llm").server == server
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment(model=None, server=server))
    assert store.find_deployment("qc", "live") == kept
    assert store.list_digests() == frozenset()


def test_every_model_of_a_deployment_is_kept_with_its_file(store):
    """What is served beside the first model counts as named."""
    other = ModelFile("iris", 3, "sklearn", "iris.pkl", "sha256:" + "9" * 64, 10)
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment(others=(other,)))
    assert store.find_deployment("qc", "live") == kept
    assert store.list_digests() == {model.digest for model in kept.models}


def test_a_user_is_found_as_kept_and_a_name_is_taken_once(store):
    """Nobody can take over an account by making one of the same name."""
    store.add_user(make_user("ada"))
    store.add_user(make_user("bob"))
    with pytest.raises(Conflict):
        store.add_user(make_user("ada", password_hash="other"))
    assert store.find_user("ada") == make_user("ada")
    assert store.find_user("eve") is None
    assert [user.name for user in store.list_users()] == ["ada", "bob"]


def test_a_password_changes_for_its_user_alone(store):
    """A changed password is the one that counts from then on."""
    store.add_user(make_user("ada"))
    store.add_user(make_user("bob"))
    store.change_password("ada", "new")
    assert store.find_user("ada").password_hash == "new"
    assert store.find_user("bob").password_hash != "new"
    with pytest.raises(NotFound):
        store.change_password("eve", "new")


def test_projects_are_listed_by_route_and_a_route_is_taken_once(store):
    """An address leads to one project."""
    second = store.add_project(make_project("zeta"))
    first = store.add_project(make_project("alpha", description="Ümläute and 漢字"))
    with pytest.raises(Conflict):
        store.add_project(make_project("alpha", name="Other"))
    assert list(store.list_projects()) == [first, second]
    assert store.find_project("alpha") == first
    assert first.id != second.id
    assert store.find_project("none") is None


def test_the_same_name_makes_the_next_version(store):
    """Uploading again under a name never replaces what was there."""
    store.add_project(make_project())
    first = store.add_version(make_version(digest="sha256:1"))
    second = store.add_version(make_version(digest="sha256:2", version=7))
    other = store.add_version(make_version(model="other"))
    assert (first.version, second.version, other.version) == (1, 2, 1)
    assert store.find_version("qc", "digits", 1) == first
    assert store.find_version("qc", "digits", 3) is None
    assert list(store.list_versions("qc", "digits")) == [second, first]
    assert [(model.name, model.latest, model.versions) for model in store.list_models("qc")] == [
        ("digits", second, 2),
        ("other", other, 1),
    ]
    assert store.find_model("qc", "digits").latest == second
    assert store.find_model("qc", "none") is None


def test_a_permit_is_kept_with_its_version_replaced_and_gone_with_it(store):
    """Who allowed a file, why, and since when no more; a model of the same name that comes later has none."""
    store.add_project(make_project())
    permit = Permit(DIGEST, "Made by us: ä漢", "It would use posix.system.", NOON, "ada")
    first = store.add_version(make_version(permit=permit))
    store.add_version(make_version())
    before = store.find_wish_number()
    assert store.find_version("qc", "digits", 1) == first and first.permit == permit and first.override
    ended = dataclasses.replace(permit, withdrawn=LATER, withdrawn_by="bob")
    store.put_permit("qc", "digits", 1, ended)
    assert [one.permit for one in store.list_versions("qc", "digits")] == [None, ended]
    assert not store.find_version("qc", "digits", 1).override and store.find_wish_number() > before
    store.put_permit("qc", "digits", 2, permit)
    assert store.find_model("qc", "digits").latest.permit == permit
    for model, version in (("digits", 3), ("none", 1)):
        with pytest.raises(NotFound):
            store.put_permit("qc", model, version, permit)
    store.remove_model("qc", "digits")
    assert store.add_version(make_version()).permit is None


def test_a_permit_is_for_the_file_it_names_alone(store):
    """Whatever else a version's file may be, the digest decides."""
    store.add_project(make_project())
    store.add_version(make_version(permit=Permit("sha256:" + "0" * 64, "Ours.", "Found.", NOON, "ada")))
    assert not store.find_version("qc", "digits", 1).override


@pytest.mark.parametrize("sample", [{"X": [{"a": 1, "b": "ä漢"}]}, [], 0, None])
def test_a_scripts_sample_is_found_as_it_was_kept(store, sample):
    """The Test page begins with it."""
    store.add_project(make_project())
    store.add_version(make_version(sample=sample))
    assert store.find_version("qc", "digits", 1).sample == sample


@pytest.mark.parametrize("signature", [SCRIPT, TOWERS], ids=["script", "towers"])
def test_the_functions_of_a_version_are_found_as_they_were_kept(store, signature):
    """With what goes into each, in order, and whether one is meant where none is named."""
    store.add_project(make_project())
    store.add_version(make_version(signature=signature))
    assert store.find_version("qc", "digits", 1).signature == signature


def test_a_version_needs_its_project(store):
    """A model cannot be published into a project that was removed meanwhile."""
    with pytest.raises(NotFound):
        store.add_version(make_version())


def test_equal_model_names_in_two_projects_do_not_meet(store):
    """Projects are separate rooms."""
    store.add_project(make_project("a"))
    store.add_project(make_project("b"))
    store.add_version(make_version("a"))
    store.add_version(make_version("b"))
    store.remove_model("a", "digits")
    assert store.find_model("a", "digits") is None
    assert store.find_model("b", "digits").versions == 1


def test_digests_are_named_as_long_as_a_version_or_a_deployment_needs_them(store):
    """A file that is being served is never collected as garbage, even when its model is gone."""
    store.add_project(make_project())
    store.add_version(make_version(digest="sha256:old"))
    store.add_version(make_version())
    store.add_deployment(make_deployment())
    assert store.list_digests() == {"sha256:old", DIGEST}
    store.remove_model("qc", "digits")
    assert store.list_digests() == {DIGEST}
    store.remove_deployment("qc", "live", NOON)
    assert store.list_digests() == frozenset()


def test_a_data_set_is_found_as_it_was_kept(store):
    """A name is taken once in a project; another project is another room."""
    store.add_project(make_project())
    store.add_project(make_project("other"))
    kept = make_dataset()
    store.add_dataset(kept)
    store.add_dataset(make_dataset("other"))
    store.add_dataset(make_dataset(name="a", digest="sha256:a"))
    with pytest.raises(Conflict):
        store.add_dataset(make_dataset())
    with pytest.raises(NotFound):
        store.add_dataset(make_dataset("none"))
    assert store.find_dataset("qc", "iris") == kept
    assert store.find_dataset("qc", "none") is None
    assert [one.name for one in store.list_datasets("qc")] == ["a", "iris"]
    assert store.list_digests() == {kept.digest, "sha256:a"}


def test_a_data_set_goes_alone_or_with_its_project(store):
    """Nothing of it is named afterwards, so that its file can go too."""
    store.add_project(make_project())
    store.add_dataset(make_dataset())
    store.add_dataset(make_dataset(name="other"))
    store.remove_dataset("qc", "iris")
    store.remove_dataset("qc", "iris")
    assert [one.name for one in store.list_datasets("qc")] == ["other"]
    store.remove_project("qc", NOON)
    assert list(store.list_datasets("qc")) == []
    assert store.list_digests() == frozenset()


def test_a_runtime_replaces_the_one_of_its_slug(store):
    """An upgrade renews the runtimes that come with the product."""
    store.put_runtime(make_runtime("b"))
    store.put_runtime(make_runtime("a"))
    store.put_runtime(make_runtime("b", image="new"))
    assert [(runtime.slug, runtime.image) for runtime in store.list_runtimes()] == [("a", ""), ("b", "new")]
    assert store.find_runtime("b") == make_runtime("b", image="new")
    assert store.find_runtime("c") is None


@pytest.mark.parametrize("cards", [None, (), ("nvidia.com", "qualcomm.com")])
def test_whose_cards_a_runtime_computes_on_is_kept_as_it_was_said(store, cards):
    """On none, and not said, are two things."""
    store.put_runtime(make_runtime(cards=cards))
    assert store.find_runtime("python").cards == cards


def test_a_deployment_is_found_as_it_was_wished(store):
    """What runs is what was asked for, down to the last thousandth of a core."""
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment(timeouts=Timeouts(900, 30)))
    assert kept.generation == 1
    assert store.find_deployment("qc", "live") == kept
    assert kept.model == make_deployment().model
    with pytest.raises(Conflict):
        store.add_deployment(make_deployment())
    with pytest.raises(NotFound):
        store.add_deployment(make_deployment("none"))


def test_a_change_is_the_next_generation_of_the_same_deployment(store):
    """A change rolls over; it is not a second deployment."""
    store.add_project(make_project())
    first = store.add_deployment(make_deployment())
    second = store.change_deployment(make_deployment(id=first.id, replicas=5))
    assert (second.id, second.generation, second.replicas) == (first.id, 2, 5)
    assert list(store.list_deployments()) == [second]
    store.remove_deployment("qc", "live", NOON)
    with pytest.raises(NotFound):
        store.change_deployment(second)


def test_deployments_are_listed_by_project_and_name(store):
    """A list looks the same each time."""
    store.add_project(make_project("b"))
    store.add_project(make_project("a"))
    for route, name in (("b", "x"), ("a", "z"), ("a", "y")):
        store.add_deployment(make_deployment(route, name))
    assert [kept.owner for kept in store.list_deployments()] == ["a/y", "a/z", "b/x"]
    assert [kept.owner for kept in store.list_deployments("b")] == ["b/x"]


def test_a_removed_deployment_leaves_no_status_and_revoked_tokens(store):
    """A token of a removed deployment does not open the next one of the same name."""
    store.add_project(make_project())
    first = store.add_deployment(make_deployment())
    store.write_status(first.id, make_status())
    store.add_token(make_token(first.id))
    store.remove_deployment("qc", "live", LATER)
    store.remove_deployment("qc", "live", LATER)
    second = store.add_deployment(make_deployment())
    assert second.id != first.id
    assert store.find_status(first.id) is None
    assert list(store.list_tokens(second.id)) == []
    assert list(store.list_revoked()) == [make_token(first.id, revoked=LATER)]


def test_a_removed_project_takes_everything_with_it(store):
    """Nothing of a removed project goes on running or opening doors."""
    store.add_project(make_project())
    store.add_version(make_version())
    kept = store.add_deployment(make_deployment())
    store.add_token(make_token(kept.id))
    store.remove_project("qc", LATER)
    store.remove_project("qc", LATER)
    assert store.find_project("qc") is None
    assert list(store.list_deployments()) == []
    assert list(store.list_models("qc")) == []
    assert [token.revoked for token in store.list_revoked()] == [LATER]


def test_a_status_is_read_as_written(store):
    """The page shows what the reconciler saw, with cards, addresses and times."""
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment())
    assert store.find_status(kept.id) is None
    store.write_status(kept.id, make_status())
    assert store.find_status(kept.id) == make_status()
    store.write_status(kept.id, make_status(state=ReplicaState.FAILED, replicas=()))
    assert store.find_status(kept.id) == make_status(state=ReplicaState.FAILED, replicas=())


def test_a_status_of_a_deployment_that_is_gone_is_dropped(store):
    """The reconciler may be a moment late."""
    store.write_status(99, make_status())
    assert store.find_status(99) is None
    assert store.find_fact_number() == 0


def test_an_observation_is_read_as_written(store):
    """Cards, nodes and holders are shown as the cluster named them."""
    assert store.find_observation() is None
    store.write_observation(make_observation(), NOON)
    store.write_observation(make_observation(holders=()), LATER)
    assert store.find_observation() == (make_observation(holders=()), LATER)


def test_the_last_report_of_each_gateway_is_kept(store):
    """Whoever reports, the page knows whom it reaches; a gateway that was removed is forgotten after a day."""
    assert list(store.list_reports()) == []
    first, second = make_report("a"), make_report("b", snapshot="", reached={})
    for report in (second, first):
        store.write_report(report)
    assert list(store.list_reports()) == [first, second]
    later = make_report("a", reported=LATER)
    store.write_report(later)
    assert list(store.list_reports()) == [later, second]
    next_day = make_report("a", reported=NOON + datetime.timedelta(days=1, seconds=1))
    store.write_report(next_day)
    assert list(store.list_reports()) == [next_day]


def test_only_a_report_that_says_something_else_is_noticed(store):
    """A gateway that says every few seconds that all is well wakes nobody."""
    store.write_report(make_report())
    assert store.find_fact_number() == 1
    store.write_report(make_report(reported=LATER))
    assert store.find_fact_number() == 1
    store.write_report(make_report(reached={}))
    assert store.find_fact_number() == 2
    store.write_report(make_report("other"))
    assert store.find_fact_number() == 3


def test_tokens_are_listed_newest_first_and_revoked_once(store):
    """The time of a revocation is the first one."""
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment())
    old, new = make_token(kept.id, "old"), make_token(kept.id, "new", created=LATER)
    store.add_token(old)
    store.add_token(new)
    assert list(store.list_tokens(kept.id)) == [new, old]
    store.revoke_token("old", NOON)
    store.revoke_token("old", LATER)
    store.revoke_token("none", LATER)
    assert [(token.id, token.revoked) for token in store.list_revoked()] == [("old", NOON)]
    with pytest.raises(NotFound):
        store.add_token(make_token(99, "orphan"))
    with pytest.raises(Conflict):
        store.add_token(new)


def test_the_audit_is_listed_newest_first(store):
    """The last deed stands on top."""
    entries = [AuditEntry(NOON, "ada", "create", f"project p{n}", "x") for n in range(3)]
    for entry in entries:
        store.add_audit(entry)
    assert list(store.list_audit()) == entries[::-1]
    assert list(store.list_audit(limit=1)) == entries[-1:]


def test_an_entry_of_the_audit_may_count_further(store):
    """Its detail changes, its place and time do not; an entry that is gone is none."""
    first = store.add_audit(AuditEntry(NOON, "eve", "failed sign-in", "user eve", "once"))
    store.add_audit(AuditEntry(NOON, "ada", "sign in", "user ada"))
    store.change_audit(first, "twice")
    store.change_audit(first + 100, "never")
    assert [(one.who, one.detail) for one in store.list_audit()] == [("ada", ""), ("eve", "twice")]
