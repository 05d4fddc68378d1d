"""airgate_kubernetes: existing: onto a cluster that is there already, by its own kubectl, helm and ctr."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from airgate_kit import names
from tests.journeys.conftest import CARDS, Installed
from tests.journeys.site import Played

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

NAMESPACE = names.NAMESPACE_SYSTEM
CLASSES = tuple(names.NODE_CLASSES.values())
PROGRAMS = "/snap/microk8s/current/bin"
# Where an administrator has them; the commands of MicroK8s are out of reach meanwhile.
TOOLS = f"""
install -d /root/.kube /run/containerd
/snap/bin/microk8s config > /root/.kube/config
ln -s /var/snap/microk8s/common/run/containerd.sock /run/containerd/containerd.sock
ln -s {PROGRAMS}/kubectl {PROGRAMS}/helm {PROGRAMS}/ctr /usr/local/bin/
mount -t tmpfs none /snap/bin
"""


@pytest.fixture(scope="module")
def foreign(installed: Installed) -> Iterator[Installed]:
    """The node's cluster without the appliance, its labels and its images: to the roles it is somebody else's."""
    installed.node.exec("sh", "-euc", TOOLS)
    run(installed, "helm", "uninstall", "airgate", "--namespace", NAMESPACE, "--wait")
    run(installed, "kubectl", "label", "node", installed.node.name, *(f"{label}-" for label in CLASSES))
    ours = [name for name in list_images(installed) if "airgate.local/" in name]
    run(installed, "ctr", "--namespace", "k8s.io", "image", "rm", *ours)
    yield installed
    installed.node.exec("umount", "/snap/bin")


def run(installed: Installed, *command: str) -> str:
    """Run a command on the node as an administrator and return what it printed."""
    return installed.node.exec("env", "HOME=/root", *command).stdout


def list_images(installed: Installed) -> list[str]:
    """Return the names of the images in the node's containerd."""
    return run(installed, "ctr", "--namespace", "k8s.io", "image", "ls", "-q").split()


def test_the_same_bundle_is_installed_onto_an_existing_cluster(foreign: Installed, play: Callable[..., Played]) -> None:
    """Images, labels, cards and apps are as on a node of our own."""
    played = play("site.yml", airgate_kubernetes="existing")
    assert played.status == 0, played.output[-6000:]
    assert [name for name in list_images(foreign) if "airgate.local/webapp@" in name]
    node = json.loads(run(foreign, "kubectl", "get", "node", foreign.node.name, "-o", "json"))
    assert [node["metadata"]["labels"].get(label) for label in CLASSES] == ["true"] * len(CLASSES)
    assert node["status"]["allocatable"][names.RESOURCE_QAIC] == str(CARDS)
    assert httpx.get(f"{foreign.address}/gateway/readyz", verify=False).status_code == 200
    assert httpx.get(f"{foreign.address}/api/v2/session", verify=False).status_code == 401


def test_a_second_run_onto_it_changes_nothing(foreign: Installed, play: Callable[..., Played]) -> None:
    """As on a node of our own."""
    again = play("site.yml", airgate_kubernetes="existing")
    assert again.status == 0, again.output[-6000:]
    assert again.changed == 0, again.output[-6000:]
