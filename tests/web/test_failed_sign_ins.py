"""Failed sign-ins in the audit."""

import pytest

from airgate_web.domain.errors import Unauthenticated
from airgate_web.services.failed_sign_ins import ENTRIES_MAX, HOUR_S, NAME_SHOWN, TOGETHER_S, FailedSignIns, read_sender
from airgate_web.services.passwords import make_hash
from airgate_web.services.users import sign_in
from tests.fakes.samples import make_user


def list_noted(desk):
    """Return who was tried and the words beside it, newest first."""
    return [(one.who, one.detail) for one in desk.store.list_audit(1000) if one.deed == "failed sign-in"]


def test_a_wrong_password_and_a_wrong_name_are_in_the_audit_without_the_password(desk):
    """Whoever looks after the appliance sees who was tried, when and from where; never what was typed."""
    desk.store.add_user(make_user("eve", password_hash=make_hash("correct horse")))
    for name in ("eve", "mallory"):
        with pytest.raises(Unauthenticated):
            sign_in(desk, name, "hunter2", "10.0.0.7")
    assert list_noted(desk) == [("mallory", "from 10.0.0.7"), ("eve", "from 10.0.0.7")]
    assert desk.store.list_audit()[0].at == desk.clock.now()
    assert "hunter2" not in str(desk.store.list_audit())


def test_the_same_name_within_a_minute_is_one_entry_with_a_count(desk):
    """Who mistypes thrice makes one line of the list; from elsewhere, or later, it is another."""
    noted = FailedSignIns()
    for sender in ("10.0.0.7", "10.0.0.7", "10.0.0.7", ""):
        noted.note(desk.store, desk.clock, "eve", sender)
    desk.clock.turn(TOGETHER_S)
    noted.note(desk.store, desk.clock, "eve", "10.0.0.7")
    assert list_noted(desk) == [
        ("eve", "from 10.0.0.7"),
        ("eve", "from an unknown address"),
        ("eve", "from 10.0.0.7, 3 times within a minute"),
    ]


def test_a_flood_of_names_fills_no_store(desk):
    """So many entries an hour and one more that counts the rest; the next hour begins anew."""
    noted = FailedSignIns()
    for number in range(ENTRIES_MAX + 50):
        noted.note(desk.store, desk.clock, f"name-{number}", "10.0.0.7")
    assert len(list_noted(desk)) == ENTRIES_MAX + 1
    assert list_noted(desk)[0] == ("others", "50 more this hour; after 100 entries their names are not kept")
    desk.clock.turn(HOUR_S)
    noted.note(desk.store, desk.clock, "eve", "10.0.0.7")
    assert list_noted(desk)[0] == ("eve", "from 10.0.0.7")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("eve", "eve"), ("e\x00v\ne", "e·v·e"), ("x" * 500, "x" * (NAME_SHOWN - 1) + "…"), ("\ud800", "·")],
)
def test_a_name_is_kept_as_typed_but_short_and_printable(desk, typed, shown):
    """Neither a long name nor one with a NUL in it breaks the store or the page."""
    FailedSignIns().note(desk.store, desk.clock, typed, "")
    assert desk.store.list_audit()[0].who == shown


@pytest.mark.parametrize(
    ("forwarded", "peer", "sender"),
    [
        ("6.6.6.6, 10.0.0.7", "127.0.0.1", "10.0.0.7"),
        ("", "::1", "::1"),
        ("<script>", "127.0.0.1", ""),
        ("", None, ""),
    ],
)
def test_the_sender_is_the_last_address_that_the_gateway_saw(forwarded, peer, sender):
    """What a caller writes before it is not believed, and what is no address is none."""
    assert read_sender({"x-forwarded-for": forwarded}, peer) == sender
