"""Who is signed in, projects and the audit, as JSON."""

import datetime

from airgate_web.api.shapes.base import Answer, Body


class SignInBody(Body):
    """A name and its password."""

    name: str
    password: str


class SessionAnswer(Answer):
    """token: send it as `Authorization: Bearer`; good for 12 hours."""

    token: str
    user: str
    role: str


class UserAnswer(Answer):
    """Who is signed in."""

    name: str
    role: str


class PasswordBody(Body):
    """The password now and the one from now on."""

    old: str
    new: str


class ProjectBody(Body):
    """name: for people. route: for addresses, of a-z, 0-9 and -; it never changes."""

    name: str
    route: str
    description: str = ""


class ProjectAnswer(Answer):
    """A project."""

    name: str
    route: str
    description: str
    created: datetime.datetime
    created_by: str


class AuditAnswer(Answer):
    """Who did what."""

    at: datetime.datetime
    who: str
    deed: str
    subject: str
    detail: str
