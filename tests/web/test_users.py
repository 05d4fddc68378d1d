"""Signing in and staying signed in."""

import pytest

from airgate_web.domain.errors import Forbidden, Invalid, TooMany, Unauthenticated
from airgate_web.domain.user import Role
from airgate_web.services.attempts import NAMES_MAX, Attempts, choose_wait
from airgate_web.services.audit import list_audit
from airgate_web.services.passwords import HASHER, NOBODY, make_hash
from airgate_web.services.users import (
    add_first_user,
    change_password,
    find_session_user,
    sign_in,
    start_session,
)
from tests.fakes.samples import make_user

PASSWORD = "correct horse"
HASH = make_hash(PASSWORD)


@pytest.fixture
def eve(desk):
    """A user with a password."""
    desk.store.add_user(make_user("eve", password_hash=HASH, role=Role.USER))
    return desk.store.find_user("eve")


def test_the_right_password_opens(desk, eve):
    """Who knows the password is let in, and it is noted."""
    assert sign_in(desk, "eve", PASSWORD) == eve
    assert desk.store.list_audit()[0].deed == "sign in"


def test_a_name_that_is_none_takes_as_long_as_one_that_is() -> None:
    """What is compared for nobody costs as much memory and as many passes as a user's own hash."""
    assert not HASHER.check_needs_rehash(NOBODY)


def test_a_wrong_name_and_a_wrong_password_read_the_same(desk, eve):
    """Nobody can find out who has an account."""
    said = []
    for name in ("eve", "nobody"):
        with pytest.raises(Unauthenticated) as refusal:
            sign_in(desk, name, "wrong")
        said.append(str(refusal.value))
    assert said[0] == said[1]


def test_after_several_failures_even_the_right_password_waits(desk, eve):
    """Guessing is slow, and the wait ends by itself."""
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            sign_in(desk, "eve", "wrong")
    with pytest.raises(TooMany, match="Too many"):
        sign_in(desk, "eve", PASSWORD)
    desk.clock.turn(1.0)
    assert sign_in(desk, "eve", PASSWORD) == eve
    with pytest.raises(Unauthenticated):
        sign_in(desk, "eve", "wrong")


def test_the_wait_doubles_up_to_a_minute():
    """An admin who is attacked can still get in within a minute."""
    assert [choose_wait(count) for count in (0, 4, 5, 6, 7, 20, 10_000)] == [0, 0, 1, 2, 4, 60, 60]


def test_guessing_many_names_fills_no_memory():
    """Only so many names are remembered."""
    attempts = Attempts()
    for number in range(NAMES_MAX + 10):
        attempts.add_failure(str(number), 0.0)
    assert len(attempts._failures) == NAMES_MAX


def test_a_session_stands_for_its_user_for_twelve_hours(desk, eve):
    """A forgotten browser is signed out by itself."""
    token = start_session(desk, eve)
    assert find_session_user(desk, token) == eve
    desk.clock.turn(12 * 3600 + 1)
    with pytest.raises(Unauthenticated, match="expired"):
        find_session_user(desk, token)


def test_a_new_password_ends_the_sessions_of_the_old_one(desk, eve):
    """Changing a password throws out whoever had stolen the session."""
    token = start_session(desk, eve)
    changed = change_password(desk, eve, PASSWORD, "another horse")
    with pytest.raises(Unauthenticated, match="over"):
        find_session_user(desk, token)
    assert find_session_user(desk, start_session(desk, changed)).name == "eve"
    assert sign_in(desk, "eve", "another horse").name == "eve"


@pytest.mark.parametrize("new", ["short", PASSWORD, "x" * 201])
def test_a_poor_password_is_refused(desk, eve, new):
    """A password that is too short, too long or the old one changes nothing."""
    with pytest.raises(Invalid):
        change_password(desk, eve, PASSWORD, new)
    assert desk.store.find_user("eve") == eve


def test_a_password_changes_only_with_the_old_one(desk, eve):
    """Somebody at an open screen cannot take the account."""
    with pytest.raises(Unauthenticated):
        change_password(desk, eve, "wrong", "another horse")


def test_the_first_user_is_made_once(desk):
    """The first start makes an admin; no later start asks for a password again."""
    asked = []
    add_first_user(desk, lambda: asked.append(1) or "never")
    assert asked == []
    desk.store._users.clear()
    add_first_user(desk, lambda: "first password")
    assert sign_in(desk, "admin", "first password").role is Role.ADMIN


def test_only_an_admin_reads_the_audit(desk, ada, eve):
    """Who did what is not everybody's business."""
    with pytest.raises(Forbidden):
        list_audit(desk, eve)
    sign_in(desk, "eve", PASSWORD)
    assert [entry.who for entry in list_audit(desk, ada)] == ["eve"]
