"""Signing in and out, and one's own password."""

from fastapi import APIRouter, Request, Response

from airgate_web.api.access import COOKIE, Asking, AtDesk, require_same_origin
from airgate_web.api.shapes.people import PasswordBody, SessionAnswer, SignInBody, UserAnswer
from airgate_web.domain.user import User
from airgate_web.services.failed_sign_ins import read_sender
from airgate_web.services.users import SESSION, change_password, sign_in, start_session

router = APIRouter()


@router.post("/session")
def begin_session(body: SignInBody, desk: AtDesk, request: Request, response: Response) -> SessionAnswer:
    """Sign in; the answer's token goes into `Authorization: Bearer`. A browser gets it as a cookie too."""
    if "origin" in request.headers:
        require_same_origin(request)
    sender = read_sender(request.headers, request.client.host if request.client else None)
    user = sign_in(desk, body.name, body.password, sender)
    token = start_session(desk, user)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.headers.get("x-forwarded-proto", request.url.scheme) == "https",
    )
    return SessionAnswer(token=token, user=user.name, role=user.role)


@router.get("/session")
def read_session(user: Asking) -> UserAnswer:
    """Who is signed in."""
    return show_user(user)


@router.delete("/session", status_code=204)
def end_session(response: Response) -> None:
    """Sign out a browser. A token that a script holds ends by itself, or with the next change of the password."""
    response.delete_cookie(COOKIE)


@router.post("/password")
def replace_password(body: PasswordBody, desk: AtDesk, user: Asking) -> UserAnswer:
    """Change one's own password; all its sessions end."""
    return show_user(change_password(desk, user, body.old, body.new))


def show_user(user: User) -> UserAnswer:
    """Return a user without the password's hash."""
    return UserAnswer(name=user.name, role=user.role)
