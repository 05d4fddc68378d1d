"""FastAPI at its leanest: no pydantic, orjson both ways, one ONNX session on one thread; run by uvicorn on uvloop."""

import os
from typing import Any

import numpy
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
NAMES = [output.name for output in session.get_outputs()]
LENGTH = "inference-header-content-length"


@app.post("/infer")
async def infer(request: Request) -> Response:
    """Answer Open Inference, JSON or bytes in, JSON out."""
    body = await request.body()
    head = int(request.headers.get(LENGTH, len(body)))
    feeds = {tensor["name"]: read(tensor, body[head:]) for tensor in orjson.loads(body[:head])["inputs"]}
    results = session.run(NAMES, feeds)
    outputs = [{"name": n, "shape": r.shape, "data": r.reshape(-1)} for n, r in zip(NAMES, results, strict=True)]
    return Response(
        orjson.dumps({"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )


def read(tensor: dict[str, Any], tail: bytes) -> Any:
    """Return a tensor of 32-bit floats."""
    flat = numpy.array(tensor["data"], numpy.float32) if "data" in tensor else numpy.frombuffer(tail, numpy.float32)
    return flat.reshape(tensor["shape"])
