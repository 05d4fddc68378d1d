"""One playbook makes a bare node without a way out into an appliance that answers."""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from airgate_kit import names
from tests.journeys import site
from tests.journeys.conftest import CARDS, Installed, Medium
from tests.journeys.site import Played

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

KUBECTL = ("/snap/bin/microk8s", "kubectl")
CTR = ("/snap/bin/microk8s", "ctr")


def test_nothing_tries_to_leave_the_node(installed: Installed) -> None:
    """From the end of node_base on: no connection, no DNS query, nothing else."""
    assert installed.attempts.total == 0, installed.attempts


def test_the_appliance_answers_with_a_certificate_for_the_nodes_address(installed: Installed) -> None:
    """A browser that was given the certificate trusts the address; the console asks who is there."""
    certificate = installed.node.exec("cat", "/etc/airgate/tls/tls.crt").stdout
    trusting = ssl.create_default_context(cadata=certificate)
    with urllib.request.urlopen(f"{installed.address}/gateway/readyz", context=trusting) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError) as nobody:
        urllib.request.urlopen(f"{installed.address}/api/v2/session", context=trusting)
    with nobody.value as answer:
        assert answer.code == 401


def test_the_last_words_say_where_to_sign_in(installed: Installed) -> None:
    """The address, and the command that prints the first password; the password itself is in no log."""
    said = installed.played.words
    assert f"Airgate answers at {installed.address}:443" in said
    (command,) = re.findall(r"sudo (/snap/bin/microk8s kubectl -n airgate-system get secret [^|]+\| base64 -d)", said)
    password = installed.node.exec("sh", "-euc", command).stdout
    assert len(password) == 20
    assert password not in said


def test_plain_http_is_closed_unless_asked_for(installed: Installed) -> None:
    """Only the HTTPS port is open."""
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{installed.node.address}/", timeout=5)


def test_the_node_is_of_all_classes_and_offers_its_card(installed: Installed) -> None:
    """A single node is control, compute and deploy, and the plugin has told its kubelet of the card."""
    found = json.loads(installed.node.exec(*KUBECTL, "get", "node", installed.node.name, "-o", "json").stdout)
    assert {label for label in names.NODE_CLASSES.values() if found["metadata"]["labels"].get(label) == "true"} == set(
        names.NODE_CLASSES.values()
    )
    assert found["status"]["allocatable"][names.RESOURCE_QAIC] == str(CARDS)


def test_containerd_holds_the_images_of_the_manifest_pinned(installed: Installed, medium: Medium) -> None:
    """Each image is there by tag and by digest, and the kubelet's garbage collection spares it."""
    release = json.loads((medium.bundle / "manifest.json").read_text())["release"]
    rows = {line.split()[0]: line for line in installed.node.exec(*CTR, "image", "ls").stdout.splitlines()[1:]}
    for image in release["images"]:
        by_digest = f"{image['name'].rpartition(':')[0]}@{image['digest']}"
        for name in (image["name"], by_digest):
            assert image["digest"] in rows[name]
            assert "io.cri-containerd.pinned=pinned" in rows[name]


def test_snapd_leaves_the_installed_revision_alone(installed: Installed) -> None:
    """The microk8s snap is held by what this snapd can do."""
    assert installed.node.exec("snap", "get", "system", "refresh.hold").stdout.strip() == "2099-01-01T00:00:00Z"


def test_an_older_bundle_is_refused(installed: Installed, medium: Medium, play: Callable[..., Played]) -> None:
    """Rightly signed, and still refused: it is older than what is installed."""
    older = site.link_bundle(medium.bundle, "older")
    manifest = (older / "manifest.json").read_text().replace('"version": "0.1.0"', '"version": "0.0.9"')
    site.replace_file(older / "manifest.json", manifest.encode())
    site.sign(older, medium.key)
    refused = play("phases/20_bundle.yml", "-e", f"airgate_bundle_source={site.MEDIUM}/older")
    assert refused.status != 0
    assert "is of release 0.0.9, older than the installed 0.1.0" in refused.words


def test_a_second_run_changes_nothing_and_nothing_leaves_either(
    installed: Installed, play: Callable[..., Played]
) -> None:
    """site.yml can be run every night."""
    again = play("site.yml")
    assert again.status == 0, again.output[-6000:]
    assert again.changed == 0, again.output[-6000:]
    attempts = installed.node.read_attempts()
    assert attempts.total == 0, attempts
