"""Tokens: who may call a deployment, until when."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from airgate_web.domain.amounts import read_whole
from airgate_web.domain.deployment import Token
from airgate_web.domain.errors import NotFound
from airgate_web.domain.names import read_text
from airgate_web.domain.secrets import make_predict_claims
from airgate_web.domain.user import User
from airgate_web.services.deployments import find_deployment
from airgate_web.services.desk import Desk

DAYS, DAYS_MAX = 90, 3650


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token and, this once, its text: it is not kept."""

    token: Token
    text: str = field(repr=False)


def issue_token(desk: Desk, user: User, route: str, name: str, note: str = "", days: object = DAYS) -> IssuedToken:
    """Make a token that may call one deployment for `days` (1 to 3650). note: whom it is for."""
    deployment = find_deployment(desk, route, name).deployment
    now = desk.clock.now().replace(microsecond=0)  # claims count whole seconds
    token = Token(
        id=desk.random(16).hex(),
        deployment_id=deployment.id,
        note=read_text("Note", note),
        created=now,
        created_by=user.name,
        expires=now + datetime.timedelta(days=read_whole("Days", days, 1, DAYS_MAX)),
    )
    desk.store.add_token(token)
    desk.note(user, "issue token", f"deployment {deployment.owner}", f"{token.id}, {token.note}")
    claims = make_predict_claims(token.id, deployment.owner, deployment.id, token.created, token.expires)
    return IssuedToken(token, desk.tokens.sign(claims))


def list_tokens(desk: Desk, route: str, name: str) -> Sequence[Token]:
    """Return a deployment's tokens, newest first; revoked and expired ones too."""
    return desk.store.list_tokens(find_deployment(desk, route, name).deployment.id)


def revoke_token(desk: Desk, user: User, route: str, name: str, token_id: str) -> None:
    """End a token now; NotFound when this deployment has no such token."""
    if token_id not in {token.id for token in list_tokens(desk, route, name)}:
        raise NotFound(f"The deployment '{name}' has no token '{token_id}'.", "Choose one of its list of tokens.")
    desk.store.revoke_token(token_id, desk.clock.now())
    desk.note(user, "revoke token", f"deployment {route}/{name}", token_id)
