"""A server that streams words as a language model's does; `python -m … PORT`.

`POST /v1/completions` with {"first", "pause": seconds, "words", "size": count and bytes of each} waits, then sends one
server-sent event a word.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


async def complete(request: Request) -> Response:
    """Stream what was asked for."""
    asked = await request.json()
    event = b"data: " + b"x" * asked["size"] + b"\n\n"

    async def stream() -> AsyncIterator[bytes]:
        await asyncio.sleep(asked["first"])
        for _ in range(asked["words"]):
            yield event
            if asked["pause"]:
                await asyncio.sleep(asked["pause"])

    return StreamingResponse(stream(), media_type="text/event-stream")


ROUTES = [
    Route("/v2/health/ready", lambda _: PlainTextResponse("ok")),
    Route("/v1/completions", complete, methods=["POST"]),
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
