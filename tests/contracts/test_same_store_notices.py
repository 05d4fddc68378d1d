"""One suite for every Store: who waits for a change is told of it, and of nothing else."""

import datetime

import pytest

from airgate_web.domain.errors import Conflict
from tests.fakes.samples import (
    NOON,
    make_dataset,
    make_deployment,
    make_project,
    make_runtime,
    make_status,
    make_token,
    make_version,
)

LATER = NOON + datetime.timedelta(hours=1)


WISHES = {
    "add_project": lambda store, kept: store.add_project(make_project("new")),
    "add_version": lambda store, kept: store.add_version(make_version()),
    "remove_model": lambda store, kept: store.remove_model("qc", "digits"),
    "put_runtime": lambda store, kept: store.put_runtime(make_runtime("new")),
    "add_deployment": lambda store, kept: store.add_deployment(make_deployment(name="new")),
    "change_deployment": lambda store, kept: store.change_deployment(kept),
    "add_token": lambda store, kept: store.add_token(make_token(kept.id, "t2")),
    "revoke_token": lambda store, kept: store.revoke_token("t1", NOON),
    "add_dataset": lambda store, kept: store.add_dataset(make_dataset(name="new")),
    "remove_dataset": lambda store, kept: store.remove_dataset("qc", "iris"),
    "remove_deployment": lambda store, kept: store.remove_deployment("qc", "live", NOON),
    "remove_project": lambda store, kept: store.remove_project("qc", NOON),
}


@pytest.mark.parametrize("wish", WISHES)
def test_every_changed_wish_is_noticed(store, wish):
    """The reconciler wakes up for every change."""
    store.add_project(make_project())
    store.add_version(make_version())
    kept = store.add_deployment(make_deployment())
    store.add_token(make_token(kept.id))
    store.add_dataset(make_dataset())
    before = store.find_wish_number()
    WISHES[wish](store, kept)
    assert store.find_wish_number() > before


def test_what_changes_nothing_is_not_noticed(store):
    """Nobody is woken up for nothing."""
    store.put_runtime(make_runtime())
    store.add_project(make_project())
    before = store.find_wish_number(), store.find_fact_number()
    store.put_runtime(make_runtime())
    store.remove_model("qc", "none")
    store.remove_dataset("qc", "none")
    store.remove_deployment("qc", "none", NOON)
    store.remove_project("none", NOON)
    store.revoke_token("none", NOON)
    with pytest.raises(Conflict):
        store.add_project(make_project())
    assert (store.find_wish_number(), store.find_fact_number()) == before


def test_only_a_changed_status_is_noticed(store):
    """Looking again and finding the same moves no route."""
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment())
    wishes = store.find_wish_number()
    store.write_status(kept.id, make_status())
    assert store.find_fact_number() == 1
    store.write_status(kept.id, make_status(updated=LATER))
    assert store.find_fact_number() == 1
    store.write_status(kept.id, make_status(ready=0))
    assert store.find_fact_number() == 2
    assert store.find_wish_number() == wishes
