"""One site for all steps of the journey: its medium, its bare node without a way out, and that node installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.charts.appliance import simulate_cards
from tests.cluster import Node, remove_left
from tests.cluster.egress import Attempts
from tests.journeys import site
from tests.journeys.site import Played

CARDS = 2
NODE = "airgate-journey"


@dataclass(frozen=True)
class Medium:
    """The folder that the sender fills and the node sees, and the key that came another way."""

    folder: Path
    key: Path
    built: Played

    @property
    def bundle(self) -> Path:
        """The good bundle."""
        return self.folder / "good"

    @property
    def public_key(self) -> str:
        """The sender's public key, as it is read out over the telephone."""
        return self.key.with_suffix(".pub").read_text().strip()


@dataclass(frozen=True)
class Installed:
    """A node after site.yml: how that went, and what tried to leave the node after it had been silenced."""

    node: Node
    played: Played
    attempts: Attempts

    @property
    def address(self) -> str:
        """Where the appliance answers."""
        return f"https://{self.node.address}"


@pytest.fixture(scope="session")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Medium:
    """A medium with a good bundle on it, built by bundle_build.yml."""
    folder = tmp_path_factory.mktemp("medium")
    papers = tmp_path_factory.mktemp("papers")
    key = site.make_key(papers / "sender")
    built = site.build_bundle(folder / "good", site.write_release(papers / "release.yml"), key)
    return Medium(folder, key, built)


@pytest.fixture(scope="session")
def node(medium: Medium) -> Iterator[Node]:
    """A bare server with one simulated card and the medium plugged in, and no way out from its first process on."""
    remove_left(NODE)
    node = Node.bare(NODE, egress=False, mounts={medium.folder: site.MEDIUM, **site.ANSIBLE})
    simulate_cards(node, "--cards", str(CARDS), "--device-files", "mknod")
    yield node
    node.remove()


@pytest.fixture(scope="session")
def play(medium: Medium, node: Node, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Played]:
    """Run a playbook on the node."""
    inventory = site.write_inventory(tmp_path_factory.mktemp("inventory") / "hosts.yml", node, medium.public_key)

    def run(playbook: str, *arguments: str, **options: object) -> Played:
        return site.play(playbook, "-i", str(inventory), *arguments, **options)

    return run


@pytest.fixture(scope="session")
def installed(node: Node, play: Callable[..., Played]) -> Installed:
    """The node with the appliance on it; calls out are counted from the end of node_base on."""

    def count_from_here(line: str) -> None:
        if line.startswith(site.AFTER_NODE_BASE):
            node.zero_attempts()

    played = play("site.yml", watch=count_from_here)
    assert played.status == 0, played.output[-6000:]
    return Installed(node, played, node.read_attempts())
