"""A server that is not ours: it streams words like a language model's server, and knows nothing of the appliance.

    python streaming_server.py --host 127.0.0.1 --port 8000

It stands for vLLM, TGI and their kin in tests: `POST /v1/completions` answers with one server-sent event a word of the
prompt; the last word waits until somebody posts to `/v1/release`, so that a test needs no clock to see a stream.
`POST /v1/think?seconds=N` is silent for N seconds, then answers.
"""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

released = asyncio.Event()


async def complete(request: Request) -> Response:
    """Stream the words of the prompt."""
    words = str((await request.json())["prompt"]).split()
    released.clear()

    async def stream() -> AsyncIterator[str]:
        for number, word in enumerate(words, 1):
            if number == len(words):
                await released.wait()
            yield f"data: {json.dumps({'text': word})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def release(_: Request) -> Response:
    """Let the last word go."""
    released.set()
    return JSONResponse({})


async def think(request: Request) -> Response:
    """Be silent, then answer with the headers that came, the cards that are there and the files of the model."""
    await asyncio.sleep(float(request.query_params["seconds"]))
    return JSONResponse(
        {
            "headers": dict(request.headers),
            "cards": os.environ.get("QAIC_VISIBLE_DEVICES", ""),
            "model": sorted(path.name for path in Path(given.model).iterdir()) if given.model else [],
        }
    )


async def show_metrics(_: Request) -> Response:
    """Show one figure."""
    return PlainTextResponse("words_total 1\n")


app = Starlette(
    routes=[
        Route("/health", lambda _: PlainTextResponse("ok")),
        Route("/metrics", show_metrics),
        Route("/v1/completions", complete, methods=["POST"]),
        Route("/v1/release", release, methods=["POST"]),
        Route("/v1/think", think, methods=["POST"]),
    ]
)

parser = argparse.ArgumentParser()
parser.add_argument("--host", required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--name", default="words")
parser.add_argument("--model", default="")

if __name__ == "__main__":
    given = parser.parse_args()
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")
