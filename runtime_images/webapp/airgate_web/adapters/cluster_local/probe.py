"""Asks a replica how it is, over its own ports."""

import httpx

from airgate_kit.names import HEADER_GATE
from airgate_web.adapters.cluster_local.command import HOST
from airgate_web.adapters.cluster_local.shelf import ReplicaRecord

TIMEOUT_SECONDS = 5.0


def make_client() -> httpx.AsyncClient:
    """Return the client for all probes; it heeds no proxy variable."""
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)


async def find_ready(client: httpx.AsyncClient, record: ReplicaRecord) -> bool:
    """Say whether a replica's readiness probe answers 200; a server of others has its own path, on its only port."""
    server, ports = record.workload.server, record.ports
    where = f"{ports.http}{server.health}" if server else f"{ports.admin}/readyz"
    try:
        answer = await client.get(f"http://{HOST}:{where}")
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


async def find_device(client: httpx.AsyncClient, record: ReplicaRecord) -> str:
    """Return where the model computes, as its runtime says ("CPU", …); "" for a tester, or when it does not say."""
    model = record.workload.model
    if model is None or record.workload.server:
        return ""
    url = f"http://{HOST}:{record.ports.http}/v2/models/{model.name}"
    try:
        answer = await client.get(url, headers={HEADER_GATE: record.workload.gate_secret})
        facts = answer.json()
    except (httpx.HTTPError, ValueError):
        return ""
    parameters = facts.get("parameters") if isinstance(facts, dict) else None
    return str(parameters.get("device", "")) if isinstance(parameters, dict) else ""
