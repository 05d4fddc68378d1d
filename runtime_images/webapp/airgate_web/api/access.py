"""Who asks, and what they may use: the dependencies that the routes name."""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from airgate_web.domain.errors import Forbidden, Unauthenticated
from airgate_web.domain.user import User
from airgate_web.services.desk import Desk
from airgate_web.services.users import find_session_user

COOKIE = "airgate_session"
HARMLESS = ("GET", "HEAD", "OPTIONS")

bearer = HTTPBearer(auto_error=False, description="The token that POST /api/v2/session answers.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def find_desk(request: Request) -> Desk:
    """Return the desk that the app was built with."""
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(find_desk)]


def find_user(request: Request, desk: AtDesk, given: Bearer) -> User:
    """Return who asks, by Bearer token or by session cookie; Unauthenticated otherwise.

    A browser sends a cookie whoever made it ask, hence with a cookie a change must come from our own pages.
    """
    if given is not None:
        return find_session_user(desk, given.credentials)
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise Unauthenticated(
            "Nobody is signed in.", "Send 'Authorization: Bearer …' with a token from POST /api/v2/session."
        )
    if request.method not in HARMLESS:
        require_same_origin(request)
    return find_session_user(desk, cookie)


Asking = Annotated[User, Depends(find_user)]


def require_same_origin(request: Request) -> None:
    """Raise Forbidden unless a browser says that the request comes from a page of this very address."""
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden(
            "A change by cookie must come from this appliance's own pages.", "Use 'Authorization: Bearer …' instead."
        )


def require_internal(request: Request, given: Bearer) -> None:
    """Raise Unauthenticated unless the request carries the appliance's internal token."""
    require_secret(given, request.app.state.internal_token)


def require_secret(given: HTTPAuthorizationCredentials | None, *secrets: str) -> None:
    """Raise Unauthenticated unless one of these secrets was sent as Bearer."""
    sent = given.credentials.encode() if given else b""
    if not any(hmac.compare_digest(sent, secret.encode()) for secret in secrets):
        raise Unauthenticated("This address is for the appliance's own processes.", "Send the internal token.")
