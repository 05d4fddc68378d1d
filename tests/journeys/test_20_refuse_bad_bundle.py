"""A bare node refuses every bundle but the one that was sent, and is as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import Node
from tests.journeys import site
from tests.journeys.conftest import Medium
from tests.journeys.site import Played

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

Play = Callable[..., Played]
FOREIGN_ASSERTION = "/tmp/foreign.assert"  # on the node


def assert_untouched(node: Node) -> None:
    """No part of a bundle, no record and no Kubernetes is on the node."""
    found = node.exec("ls", "-A", "/var/lib/airgate/bundle", check=False).stdout.split()
    assert found == []
    assert node.exec("test", "-e", "/etc/airgate/release.json", check=False).returncode != 0
    assert "microk8s" not in node.exec("snap", "list", check=False).stdout


def test_one_flipped_byte_is_refused_and_the_file_is_named(medium: Medium, node: Node, play: Play) -> None:
    """site.yml ends at its second phase with one sentence."""
    harmed = site.link_bundle(medium.bundle, "harmed")
    blob = max((harmed / "images/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    site.replace_file(blob, bytes(content))
    refused = play("site.yml", "-e", f"airgate_bundle_source={site.MEDIUM}/harmed")
    assert refused.status != 0
    name = f"images/blobs/sha256/{blob.name}"
    assert f"The bundle is refused: {name} is not what was signed, its SHA-256 digest differs;" in refused.words
    assert_untouched(node)


def test_a_bundle_that_somebody_else_signed_is_refused(medium: Medium, node: Node, play: Play, tmp_path: Path) -> None:
    """The key that counts came another way; the bundle cannot bring its own."""
    foreign = site.link_bundle(medium.bundle, "foreign")
    site.sign(foreign, site.make_key(tmp_path / "stranger"))
    refused = play("phases/20_bundle.yml", "-e", f"airgate_bundle_source={site.MEDIUM}/foreign")
    assert refused.status != 0
    assert "manifest.json.sig was not made over manifest.json by the key in airgate_bundle_public_key" in refused.words
    assert_untouched(node)


def test_an_older_bundle_than_the_installed_one_is_refused(node: Node, play: Play) -> None:
    """The record of a newer release is enough: nobody puts yesterday's holes back by yesterday's medium."""
    record = """mkdir /etc/airgate; echo '{"version": "99.0.0"}' > /etc/airgate/release.json"""
    node.exec("sh", "-c", record)
    try:
        refused = play("site.yml")
    finally:
        node.exec("rm", "-r", "/etc/airgate")
    assert refused.status != 0
    assert "older than the installed 99.0.0; take a newer bundle, or set airgate_bundle_allow_older" in refused.words
    assert_untouched(node)


def test_a_key_that_was_forgotten_is_asked_for(node: Node, play: Play) -> None:
    """Without the sender's key no bundle is trusted, and the sentence names the variable."""
    refused = play("site.yml", "-e", "airgate_bundle_public_key=")
    assert refused.status != 0
    assert (
        "airgate_bundle_public_key is not set, so nothing says whose bundle it must be; put the line" in refused.words
    )
    assert_untouched(node)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("snap known account account-id=canonical", "cannot find signatures with metadata for snap"),
        ("echo Nothing that snapd knows.", "cannot decode request body into assertions"),
    ],
)
def test_a_snap_whose_assertion_is_not_its_own_is_refused(node: Node, command: str, words: str) -> None:
    """The first is a real one, of Canonical's account, which the real snapd acknowledges; the second is none."""
    node.exec("sh", "-c", f"{command} > {FOREIGN_ASSERTION}")
    snap = {"name": "core", "file": "snaps/core.snap", "sha256": "0" * 64, "classic": False}
    arguments = {"snaps": [{**snap, "assertion": FOREIGN_ASSERTION}], "bundle": f"{site.MEDIUM}/good"}
    refused = site.run_module(node, "microk8s", "airgate_snaps", **arguments)
    assert refused.status != 0, refused.output
    assert "snapd does not take the snap core: " in refused.words
    assert words in refused.words
    assert "`snap download` gives both" in refused.words
    assert_untouched(node)


def test_check_mode_on_a_bare_node_says_what_would_happen_and_does_nothing(node: Node, play: Play) -> None:
    """A person can look before anything is installed."""
    looked = play("site.yml", "--check")
    assert looked.status == 0, looked.output[-6000:]
    assert looked.changed > 0
    assert_untouched(node)
