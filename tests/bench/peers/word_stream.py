"""A server that streams words as a language model's does; `python -m … PORT`.

`GET /v1/words?first=S&pause=S&words=N&size=N` waits so many seconds, then sends one server-sent event a word, so many
bytes of each. A GET, because curl takes the begin of a sent body for the first byte.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


async def send_words(request: Request) -> Response:
    """Stream what was asked for."""
    asked = request.query_params
    event, pause = b"data: " + b"x" * int(asked["size"]) + b"\n\n", float(asked["pause"])

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(int(asked["words"])):
            yield event
            if pause:
                await asyncio.sleep(pause)

    await asyncio.sleep(float(asked["first"]))  # before the headers too: a client counts those as the first byte
    return StreamingResponse(stream(), media_type="text/event-stream")


ROUTES = [
    Route("/v2/health/ready", lambda _: PlainTextResponse("ok")),
    Route("/v1/words", send_words),
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
