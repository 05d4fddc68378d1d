"""A browser that goes away while its page is being built is no failure."""

from starlette.types import ASGIApp, Receive, Scope, Send

NO_RESPONSE = "No response returned."  # what Starlette's middleware says when the client hung up meanwhile


class Hangup:
    """ASGI middleware that drops this one error, so that it is not logged as a mistake of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        try:
            await self._app(scope, receive, send)
        except RuntimeError as error:
            if str(error) != NO_RESPONSE:
                raise
