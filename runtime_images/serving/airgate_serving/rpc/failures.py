"""The one table from an error's code to a gRPC status."""

import asyncio
from typing import Any

import grpc

from airgate_serving.errors import ServingError

STATUS = {
    "bad-request": grpc.StatusCode.INVALID_ARGUMENT,
    "model-refused": grpc.StatusCode.INVALID_ARGUMENT,
    "gate-closed": grpc.StatusCode.PERMISSION_DENIED,
    "unknown-model": grpc.StatusCode.NOT_FOUND,
    "busy": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "not-ready": grpc.StatusCode.UNAVAILABLE,
    "deadline-passed": grpc.StatusCode.DEADLINE_EXCEEDED,
}
RETRY_AFTER = {"busy": "1", "not-ready": "2", "deadline-passed": "1"}
"""Seconds, in the answer's metadata under `retry-after`, as HTTP has them in its header."""


def find_status(error: ServingError) -> grpc.StatusCode:
    """Return the status of an error; INTERNAL for a code without one of its own."""
    return STATUS.get(error.code, grpc.StatusCode.INTERNAL)


def read_end(error: BaseException, context: Any) -> int:
    """Return the number of the status with which a call ended: refused by us, left by its caller, or broken."""
    if isinstance(error, asyncio.CancelledError):
        return int(grpc.StatusCode.CANCELLED.value[0])
    code = context.code() if isinstance(error, grpc.aio.AbortError) else grpc.StatusCode.UNKNOWN
    return int(code.value[0] if isinstance(code, grpc.StatusCode) else code)
