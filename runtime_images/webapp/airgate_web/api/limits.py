"""Bodies of a bounded size: every one but an upload is held in memory whole before anybody looks who sent it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airgate_web.domain.errors import TooLarge

MIB = 1024 * 1024
BODY_MAX = 32 * MIB  # bytes; a test's input may be an image
BOUNDED = ("/api/", "/internal/")
UPLOADS = ("/models", "/datasets", "/result")  # how the paths that stream end


class BodyLimit:
    """ASGI middleware that refuses when a body of the API, or of a process of ours, grows past BODY_MAX."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting what is received."""
        ours = scope["type"] == "http" and scope["path"].startswith(BOUNDED) and not scope["path"].endswith(UPLOADS)
        await self._app(scope, count_received(receive) if ours else receive, send)


def count_received(receive: Receive) -> Receive:
    """Return `receive` that raises TooLarge past the limit."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_MAX:
            raise TooLarge(f"The body is over the limit of {BODY_MAX // MIB} MiB.", "Send less in one call.")
        return message

    return counted
