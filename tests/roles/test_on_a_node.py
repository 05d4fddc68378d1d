"""Roles on a real systemd node that is not yet one of a cluster: what they do, and that they undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster import Node
from tests.roles.conftest import Played

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NAME = "airgate-roles"
# Everything that node_base may touch, as text.
LOOK = (
    "cat /etc/hosts; find /etc/systemd /etc/sysctl.d ! -type d -printf '%p %l\\n' | sort;"
    "systemctl list-units --type=timer --state=active --plain --no-legend | cut -d' ' -f1 | sort"
)

Play = Callable[..., Played]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A bare node without a way out."""
    left = Node.find(NAME)
    if left is not None:
        left.remove()
    node = Node.bare(NAME, egress=False)
    yield node
    node.remove()


@pytest.fixture
def on_node(play: Play, node: Node, tmp_path: Path) -> Play:
    """Run one role on the node."""
    inventory = tmp_path / "hosts.yml"
    host = {node.name: {"ansible_connection": "containers.podman.podman"}}
    inventory.write_text(yaml.safe_dump({"airgate_nodes": {"hosts": host}}))

    def run(role: str, *arguments: str, **variables: object) -> Played:
        playbook = tmp_path / f"{role}.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "airgate_nodes", "become": True, "roles": [role]}]))
        return play(str(playbook), "-i", str(inventory), *arguments, **variables)

    return run


def test_a_node_is_silenced_once_and_undone_without_a_trace(on_node: Play, node: Node) -> None:
    """node_base: nothing calls out; a second run changes nothing; absent leaves the node as it was."""
    before = node.exec("sh", "-c", LOOK, check=False).stdout
    first = on_node("node_base")
    assert first.status == 0, first.output
    node.zero_attempts()
    led_to = {line.split()[0] for line in node.exec("getent", "ahosts", "api.snapcraft.io").stdout.splitlines()}
    assert led_to == {"127.0.0.1", "::1"}
    assert node.exec("systemctl", "is-active", "apt-daily.timer", check=False).stdout.strip() == "inactive"
    again = on_node("node_base")
    assert again.recap["changed"] == 0, again.output
    assert node.read_attempts().total == 0
    undone = on_node("node_base", airgate_node_base_state="absent")
    assert undone.status == 0, undone.output
    assert node.exec("sh", "-c", LOOK, check=False).stdout.splitlines() == before.splitlines()
    assert "2099" not in node.exec("snap", "get", "system", "refresh.hold", check=False).stdout


def test_a_node_without_snapd_is_refused_by_the_first_phase(on_node: Play, node: Node) -> None:
    """One sentence, with the package's name and the other way."""
    node.exec("systemctl", "stop", "snapd.socket", "snapd.service")
    try:
        refused = on_node("preflight", airgate_preflight_memory_mib=1000)
    finally:
        node.exec("systemctl", "start", "snapd.socket")
    assert refused.status != 0
    assert "snapd is not running on this node; install the package snapd" in " ".join(refused.output.split())
    assert refused.recap["changed"] == 0


def test_a_port_in_use_is_refused_and_its_holder_is_named(on_node: Play, node: Node) -> None:
    """The sentence says which program to stop."""
    listen = "import socket; s = socket.create_server(('', 16443)); s.accept()"
    node.exec("systemd-run", "--unit", "squatter", "python3", "-c", listen)
    try:
        refused = on_node("preflight", airgate_preflight_memory_mib=1000)
    finally:
        node.exec("systemctl", "stop", "squatter")
    assert refused.status != 0
    assert "Port 16443 is held by python3 (process " in refused.output
