"""People: signing in, staying signed in, changing a password."""

import datetime
from collections.abc import Callable
from contextlib import suppress

from airgate_web.domain.errors import Conflict, Forbidden, Invalid, TooMany, Unauthenticated
from airgate_web.domain.secrets import AUDIENCE_CONSOLE, find_password_mark, make_session_claims
from airgate_web.domain.user import Role, User
from airgate_web.services.desk import Desk
from airgate_web.services.passwords import judge_password, make_hash, read_password

SESSION = datetime.timedelta(hours=12)
FIRST_USER = "admin"


def sign_in(desk: Desk, name: str, password: str, sender: str = "") -> User:
    """Return the user of that name and password. sender: from which address it is tried, for the audit.

    Raises Unauthenticated (the same sentence for a wrong name and a wrong password), or TooMany after several failures
    in a row.
    """
    wait = desk.attempts.find_wait(name, desk.clock.monotonic())
    if wait > 0:
        raise TooMany("Too many wrong passwords for this name.", f"Try again in {wait:.0f} s.")
    user = desk.store.find_user(name)
    if not judge_password(password, user.password_hash if user else None) or user is None:
        desk.attempts.add_failure(name, desk.clock.monotonic())
        desk.failed_sign_ins.note(desk.store, desk.clock, name, sender)
        raise Unauthenticated("The name or the password is wrong.", "Check both; capitals count.")
    desk.attempts.forget(name)
    desk.note(user, "sign in", f"user {name}")
    return user


def start_session(desk: Desk, user: User) -> str:
    """Return a token that stands for `user` for 12 hours, or until the password changes."""
    now = desk.clock.now()
    mark = find_password_mark(user.password_hash)
    return desk.tokens.sign(make_session_claims(desk.random(12).hex(), user.name, mark, now, now + SESSION))


def find_session_user(desk: Desk, token: str) -> User:
    """Return who a session token stands for; Unauthenticated when it is none, or over."""
    claims = desk.tokens.read(token)
    if claims.get("aud") != AUDIENCE_CONSOLE:
        raise Unauthenticated("This token calls a deployment; it does not open the console.", "Sign in.")
    user = desk.store.find_user(str(claims.get("sub")))
    if user is None or claims.get("mark") != find_password_mark(user.password_hash):
        raise Unauthenticated("This session is over.", "Sign in again.")
    return user


def change_password(desk: Desk, user: User, old: str, new: str) -> User:
    """Replace the user's own password and return the user; every session of the old one ends."""
    sign_in(desk, user.name, old)
    if old == new:
        raise Invalid("The new password is the old one.", "Choose another.")
    desk.store.change_password(user.name, make_hash(read_password(new)))
    desk.note(user, "change password", f"user {user.name}")
    changed = desk.store.find_user(user.name)
    if changed is None:
        raise Unauthenticated("This user is gone.", "Sign in as another.")
    return changed


def require_admin(user: User) -> None:
    """Raise Forbidden unless `user` is an admin."""
    if user.role is not Role.ADMIN:
        raise Forbidden("Only an admin may do this.", "Ask one.")


def add_first_user(desk: Desk, read_first: Callable[[], str]) -> None:
    """Make the user "admin" when there is nobody yet. read_first: returns the password, asked only then."""
    if desk.store.list_users():
        return
    user = User(FIRST_USER, Role.ADMIN, make_hash(read_first()), desk.clock.now())
    with suppress(Conflict):  # another replica was a moment faster, with the same password
        desk.store.add_user(user)
