"""Password hashes: argon2id with the library's own parameters (RFC 9106, low memory)."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from airgate_web.domain.errors import Invalid

SHORTEST, LONGEST = 10, 200  # characters
AT_ONCE = 2  # hashes computed at the same time: each takes 64 MiB for a moment

HASHER = PasswordHasher()
SLOTS = threading.BoundedSemaphore(AT_ONCE)
# Compared with when there is no such user, so that the answer takes as long as for one who exists. Of 32 random bytes
# that nobody kept, written down because making it costs every start a quarter of a second.
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$/45mdRxdgGOrDPXpxzXblA$XqwDUZ0I3zFv88Ppdy5E4elrrgi95tSH2JLGHzncTIM"


def read_password(text: str) -> str:
    """Return a new password when it may be used; raise Invalid otherwise."""
    if not SHORTEST <= len(text) <= LONGEST:
        raise Invalid(
            f"The new password has {len(text)} characters.", f"Choose {SHORTEST} to {LONGEST}; several words are good."
        )
    return text


def make_hash(password: str) -> str:
    """Return the argon2id string of a password."""
    with SLOTS:
        return HASHER.hash(password)


def judge_password(password: str, password_hash: str | None) -> bool:
    """Return whether a password is the one of that hash; without a hash (no such user) it takes as long to say no."""
    with SLOTS:
        try:
            right = HASHER.verify(password_hash or NOBODY, password[:LONGEST])
        except (Argon2Error, InvalidHashError):
            return False
    return right and password_hash is not None
