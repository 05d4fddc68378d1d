"""The ceiling: granian (RSGI) that reads a body and answers with a fixed one of the size of a prediction."""

from typing import Any

ANSWER = b'{"model_name":"digits","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[0]}]}'
HEADERS = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:
    """Answer every request alike."""
    await protocol()
    protocol.response_bytes(200, HEADERS, ANSWER)
