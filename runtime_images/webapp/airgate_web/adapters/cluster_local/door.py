"""The supervisor's door: one line of JSON in, one line of JSON out, over a unix socket of the owner's alone.

{"verb": "observe"} · {"verb": "apply", "workload": {…}} · {"verb": "remove", "name": …} ·
{"verb": "replace", "replica": …} · {"verb": "wait", "number": n, "seconds": s} ·
{"verb": "logs", "replica": …, "lines": n}
"""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from airgate_kit import logs
from airgate_web.adapters.cluster_local.supervisor import Supervisor
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.workload import Workload

log = logs.get(__name__)
LINE_MOST = 16 * 1024 * 1024  # bytes of a request


async def answer(supervisor: Supervisor, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request and return the answer; raise KeyError, TypeError or ValueError for a malformed one."""
    match request["verb"]:
        case "observe":
            return {"number": supervisor.number, "observation": make_plain(supervisor.observe())}
        case "apply":
            supervisor.apply(read_plain(Workload, request["workload"]))
            return {}
        case "remove":
            supervisor.remove(str(request["name"]))
            return {}
        case "replace":
            supervisor.replace(str(request["replica"]))
            return {}
        case "wait":
            return {"number": await supervisor.wait(int(request["number"]), float(request["seconds"]))}
        case "logs":
            return {"text": supervisor.read_logs(str(request["replica"]), int(request["lines"]))}
        case verb:
            raise ValueError(f"the verb {verb!r} is unknown")


async def start_door(supervisor: Supervisor, path: Path) -> asyncio.Server:
    """Listen at `path` (0600), in place of a socket that an earlier supervisor left."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            line = await reader.readline()
            writer.write(json.dumps(await respond(supervisor, line)).encode() + b"\n")
            await writer.drain()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, path, limit=LINE_MOST)
    path.chmod(0o600)
    return server


async def respond(supervisor: Supervisor, line: bytes) -> dict[str, Any]:
    """Return the answer to one line, or what is wrong with it under "error"."""
    try:
        return await answer(supervisor, json.loads(line))
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as why:
        log.warning("a request was refused", extra={"fields": {"why": str(why)}})
        return {"error": str(why)}
