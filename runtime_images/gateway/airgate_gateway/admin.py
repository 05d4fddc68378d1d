"""What Envoy says of itself on its admin socket: which of the agent's files it has taken, which hosts are well.

GET /stats?format=json&filter=…    {"stats": [{"name", "value"}]}; "….version_text" is a file's `version_info`
GET /clusters?format=json          envoy.admin.v3.Clusters; `health_status` names what is wrong with a host
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from airgate_gateway.bootstrap import ADMIN_SOCKET

ANSWER_S = 5.0
CDS, LDS = "cluster_manager.cds.version_text", "listener_manager.lds.version_text"
WARMING = "listener_manager.total_listeners_warming"
FILTER = r"(cds|lds|\.rds\..+)\.version_text$|total_listeners_warming$"
WELL = {"eds_health_status": "HEALTHY"}


@dataclass(frozen=True, slots=True)
class Sight:
    """Envoy at one moment. versions: by the name of the statistic, of each file. warming: listeners not in use yet.

    well and ill: by cluster, the hosts ("host:port") that requests go to, and those that none go to.
    """

    versions: Mapping[str, str]
    warming: int
    well: Mapping[str, frozenset[str]]
    ill: Mapping[str, frozenset[str]]


def open_admin(folder: Path) -> httpx.Client:
    """Return a client for the Envoy whose files lie in `folder`."""
    transport = httpx.HTTPTransport(uds=str(folder / ADMIN_SOCKET))
    return httpx.Client(base_url="http://admin", transport=transport, timeout=ANSWER_S, trust_env=False)


def look(admin: httpx.Client) -> Sight | None:
    """Return what Envoy says, or None when it does not answer."""
    try:
        stats = ask(admin, "/stats", filter=FILTER)
        return read_sight(stats, ask(admin, "/clusters"))
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return None


def ask(admin: httpx.Client, path: str, **query: str) -> Any:
    """Return the JSON at a path; httpx.HTTPError or ValueError when there is none."""
    answer = admin.get(path, params={"format": "json", **query})
    answer.raise_for_status()
    return answer.json()


def read_sight(stats: Any, clusters: Any) -> Sight:
    """Return both answers as one; KeyError or TypeError when they are not of that form. Pure."""
    values = {each["name"]: each["value"] for each in stats["stats"] if "name" in each}
    hosts = {each["name"]: each.get("host_statuses", []) for each in clusters["cluster_statuses"]}
    return Sight(
        versions={name: str(value) for name, value in values.items() if name.endswith(".version_text")},
        warming=int(values.get(WARMING, 0)),
        well={name: find_hosts(found, well=True) for name, found in hosts.items()},
        ill={name: find_hosts(found, well=False) for name, found in hosts.items()},
    )


def find_hosts(hosts: list[dict[str, Any]], *, well: bool) -> frozenset[str]:
    """Return those of a cluster's hosts with an IP address that are well, or those that are not."""
    chosen = [host["address"] for host in hosts if (host["health_status"] == WELL) is well]
    found = [address["socket_address"] for address in chosen if "socket_address" in address]
    return frozenset(f"{each['address']}:{each['port_value']}" for each in found)
