"""trial_microk8s.yml: the same appliance, made by somebody who sits in front of the one machine."""

import json

import pytest

from airgate_kit import names
from tests.journeys import site
from tests.journeys.conftest import Installed, Medium

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def test_the_playbook_for_this_machine_wishes_for_what_site_yml_made(installed: Installed, medium: Medium) -> None:
    """Run on the node itself, without an inventory, it finds everything as it should be; the node has all classes."""
    again = site.play_inside(installed.node, "trial_microk8s.yml", **site.find_variables(medium.public_key))
    assert again.status == 0, again.output[-6000:]
    assert again.changed == 0, again.output[-6000:]
    node = json.loads(installed.node.exec("/snap/bin/microk8s", "kubectl", "get", "nodes", "-o", "json").stdout)
    labels = node["items"][0]["metadata"]["labels"]
    assert [labels.get(label) for label in names.NODE_CLASSES.values()] == ["true", "true", "true"]
