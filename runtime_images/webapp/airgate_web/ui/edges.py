"""What is true of every answer of the pages: its headers, and that a browser may go away."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_RESPONSE = "No response returned."  # what Starlette's middleware says when the client hung up meanwhile
# Nothing from outside, and no other site's frame around it. The framework compiles its templates in the browser, hence
# unsafe-eval and unsafe-inline; whatever people wrote is escaped before it gets there.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


class Edges:
    """ASGI middleware around the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with our headers; a hang-up while a page is built is no mistake that has to be logged."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except RuntimeError as error:
            if str(error) != NO_RESPONSE:
                raise
