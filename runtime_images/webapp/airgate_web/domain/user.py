"""People who sign in."""

import datetime
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do: an admin everything, a user everything inside projects."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True)
class User:
    """A person. password_hash is an argon2id string and never leaves the services."""

    name: str
    role: Role
    password_hash: str
    created: datetime.datetime
