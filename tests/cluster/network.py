"""The podman network of the nodes, and which address on it is free.

A node keeps one address for its life: its certificates and its data store name it.
"""

import ipaddress
import json
from collections.abc import Collection

from tests.cluster.command import run

NAME = "airgate-test"
SUBNET = ipaddress.ip_network("10.89.200.0/24")
GATEWAY = str(SUBNET[1])
FIRST_HOST = 10
POD_RANGE = "10.1.0.0/16"
SERVICE_RANGE = "10.152.0.0/16"
LABEL = "airgate.test.address"


def ensure_network() -> None:
    """Create the network unless it exists. Its nodes use the host's resolver: podman's own is off."""
    if run("podman", "network", "exists", NAME, check=False).returncode:
        run("podman", "network", "create", "--disable-dns", "--subnet", str(SUBNET), "--gateway", GATEWAY, NAME)


def remove_network_if_unused() -> None:
    """Remove the network when no container, running or not, is on it."""
    if not find_addresses():
        run("podman", "network", "rm", NAME, check=False)


def find_addresses() -> set[str]:
    """Return the addresses that node containers hold, running or not."""
    listed = json.loads(run("podman", "ps", "--all", "--filter", f"label={LABEL}", "--format", "json").stdout or "[]")
    return {container["Labels"][LABEL] for container in listed}


def choose_address(taken: Collection[str]) -> str:
    """Return the lowest free address of the network."""
    for address in list(SUBNET.hosts())[FIRST_HOST - 1 :]:
        if str(address) not in taken:
            return str(address)
    raise LookupError(f"Every address of {SUBNET} is taken: remove nodes with `python -m tests.cluster down --all`")
