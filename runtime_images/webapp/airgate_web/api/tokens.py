"""Tokens of a deployment."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.deployments import IssuedTokenAnswer, TokenAnswer, TokenBody
from airgate_web.services.tokens import issue_token, list_tokens, revoke_token

router = APIRouter(prefix="/projects/{route}/deployments/{name}/tokens")


@router.get("")
def read_tokens(route: str, name: str, desk: AtDesk, _user: Asking) -> list[TokenAnswer]:
    """A deployment's tokens, newest first, without their texts."""
    return [TokenAnswer.model_validate(token) for token in list_tokens(desk, route, name)]


@router.post("", status_code=201)
def make_token(route: str, name: str, body: TokenBody, desk: AtDesk, user: Asking) -> IssuedTokenAnswer:
    """Make a token; its text is in this answer and nowhere else."""
    issued = issue_token(desk, user, route, name, body.note, body.days)
    shown = TokenAnswer.model_validate(issued.token)
    return IssuedTokenAnswer(**shown.model_dump(), token=issued.text)


@router.delete("/{token_id}", status_code=204)
def delete_token(route: str, name: str, token_id: str, desk: AtDesk, user: Asking) -> None:
    """Revoke a token; the gateway refuses it within seconds."""
    revoke_token(desk, user, route, name, token_id)
