"""Images out of a site's own registry, which asks for a name and a password."""

import json
import socket

import pytest

from tests.charts import appliance
from tests.charts.charts import NAMESPACE
from tests.charts.conftest import CARDS
from tests.charts.site_registry import PASSWORD, USER, run_registry, trust_plain
from tests.images.built import OUT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
SECRET = "site-registry"
REPOSITORY = "airgate/device-plugin"


@pytest.fixture
def registry(cluster, images, tmp_path):
    """A registry beside the cluster that has the plugin's image."""
    host = f"{cluster.control.address.rpartition('.')[0]}.1"
    with socket.create_server((host, 0)) as free:
        port = free.getsockname()[1]
    with run_registry(tmp_path, host, port) as registry:
        registry.push(OUT / images["device-plugin"].archive, REPOSITORY)
        trust_plain(cluster.control, registry)
        yield registry


def read_plugin(cluster) -> dict:
    """Return the plugin's newest pod."""
    chosen = ("-l", "app.kubernetes.io/component=device-plugin", "--sort-by=.metadata.creationTimestamp")
    return json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pods", *chosen, "-o", "json").stdout)["items"][-1]


def test_the_plugin_is_pulled_by_digest_with_the_site_s_credentials(cluster, helm, images, registry, tmp_path):
    """A site that has a registry uses it: a name, a Secret, and the same digest as in the bundle."""
    login = (f"--docker-server=http://{registry.address}", f"--docker-username={USER}")
    cluster.kubectl("-n", NAMESPACE, "delete", "secret", SECRET, "--ignore-not-found")
    cluster.kubectl(
        *("-n", NAMESPACE, "create", "secret", "docker-registry", SECRET),
        *(*login, f"--docker-password={PASSWORD}"),
    )
    values = appliance.make_values(images)
    image = {"registry": registry.address, "repository": REPOSITORY, "digest": images["device-plugin"].digest}
    values["airgate-device-plugin"] |= {"image": image, "imagePullSecrets": [SECRET]}
    values["airgate-webapp"] = {"enabled": False}
    appliance.install(cluster, helm, "airgate", "airgate", values, tmp_path)
    rolled = ("rollout", "status", "daemonset/airgate-device-plugin", "--timeout=120s")
    cluster.kubectl("-n", NAMESPACE, *rolled)
    (status,) = read_plugin(cluster)["status"]["containerStatuses"]
    assert status["ready"]
    assert status["imageID"].endswith(image["digest"])
    events = cluster.kubectl("-n", NAMESPACE, "get", "events", "-o", "jsonpath={.items[*].message}").stdout
    assert f'Successfully pulled image "{registry.address}/{REPOSITORY}@{image["digest"]}"' in events
    appliance.wait_allocatable(cluster, CARDS)
