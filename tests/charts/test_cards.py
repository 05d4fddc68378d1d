"""The plugin's chart on the real kubelet, with simulated cards: what a customer's first hour with cards looks like."""

import json

import pytest

from airgate_kit import names
from tests.charts import appliance
from tests.charts.charts import NAMESPACE
from tests.charts.conftest import CARDS
from tests.cluster.wait import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
LIMIT_S = 120
LOOK = """
import glob, json, os
nodes = sorted(glob.glob('/dev/accel/*'))
for node in nodes:
    os.close(os.open(node, os.O_RDWR))
print(json.dumps({'user': os.getuid(), 'groups': os.getgroups(), 'nodes': nodes, 'opened': len(nodes),
                  'qids': os.environ.get('QAIC_VISIBLE_DEVICES'), 'gid': os.environ.get('QAIC_GID')}))
"""


@pytest.fixture(scope="module")
def plugin(cluster, helm, images, tmp_path_factory):
    """The plugin and the namespaces of runtimes, installed by their charts."""
    values = appliance.make_values(images)
    values["airgate-webapp"] = {"enabled": False}
    appliance.install(cluster, helm, "airgate", "airgate", values, tmp_path_factory.mktemp("values"))
    return cluster


def test_every_card_of_the_node_is_offered_to_pods(plugin):
    """After the install the scheduler knows the cards; nobody had to say how many there are."""
    appliance.wait_allocatable(plugin, CARDS)


def test_a_pod_that_is_not_root_can_open_the_cards_it_was_granted_and_sees_no_other(plugin, images):
    """Two cards mean two device nodes, two numbers and the group that opens them."""
    appliance.wait_allocatable(plugin, CARDS)
    seen = json.loads(appliance.run_pod(plugin, appliance.make_pod("two-cards", images["serving"], LOOK, cards=2)))
    assert seen["user"] == names.UID
    assert seen["opened"] == len(seen["nodes"]) == 2
    assert len(seen["qids"].split(",")) == 2
    assert int(seen["gid"]) in seen["groups"]


def test_a_pod_without_cards_sees_none(plugin, images):
    """Cards are given, not found."""
    seen = json.loads(appliance.run_pod(plugin, appliance.make_pod("no-card", images["serving"], LOOK)))
    assert seen["nodes"] == []
    assert seen["qids"] is None


def test_a_card_that_falls_off_the_bus_is_offered_no_more_and_comes_back(plugin):
    """Nobody is sent to a dead card; nobody has to restart anything when it is well again."""
    appliance.wait_allocatable(plugin, CARDS)
    address = plugin.control.exec("ls", f"{appliance.SIMULATED}/sys/bus/pci/devices").stdout.split()[0]
    appliance.simulate_cards(plugin.control, "--lose", address)
    appliance.wait_allocatable(plugin, CARDS - 1)
    appliance.simulate_cards(plugin.control, "--restore", address)
    appliance.wait_allocatable(plugin, CARDS)


def read_events(cluster, reason):
    """Return what `kubectl describe node` shows of a reason."""
    chosen = f"--field-selector=involvedObject.kind=Node,involvedObject.name={cluster.control.name},reason={reason}"
    events = json.loads(cluster.kubectl("-n", "default", "get", "events", chosen, "-o", "json").stdout)["items"]
    return [event["message"] for event in events]


def test_a_card_that_dies_and_comes_back_is_two_events_on_the_node(plugin):
    """Who looks at the node, and not at metrics, sees which card, why, and what to do."""
    appliance.wait_allocatable(plugin, CARDS)
    address = plugin.control.exec("ls", f"{appliance.SIMULATED}/sys/bus/pci/devices").stdout.split()[-1]
    appliance.simulate_cards(plugin.control, "--lose", address)
    told = f"{address} ({names.RESOURCE_QAIC}) cannot be granted: gone: it left the PCI bus; reseat the card"
    wait_until("The event", lambda: any(told in each for each in read_events(plugin, "DeviceUnhealthy")), LIMIT_S)
    appliance.simulate_cards(plugin.control, "--restore", address)
    told_again = f"{address} ({names.RESOURCE_QAIC}) can be granted again"
    wait_until("The other", lambda: told_again in read_events(plugin, "DeviceHealthy"), LIMIT_S)
    appliance.wait_allocatable(plugin, CARDS)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("create", "events", "-n", "default"), True),
        (("patch", "events", "-n", "default"), True),
        (("create", "events", "-n", NAMESPACE), False),
        (("list", "events", "-n", "default"), False),
        (("get", "nodes"), False),
        (("list", "pods", "-A"), False),
        (("get", "secrets", "-n", NAMESPACE), False),
    ],
)
def test_the_plugin_s_token_writes_events_and_opens_nothing_else(plugin, question, answer):
    """What runs as root on every node can do nothing in the cluster but say how its cards are."""
    account = f"--as=system:serviceaccount:{NAMESPACE}:airgate-device-plugin"
    assert (plugin.kubectl("auth", "can-i", *question, account, check=False).stdout.strip() == "yes") is answer


def test_the_plugin_has_no_capability(plugin):
    """What runs as root on every node can do little there."""
    look = "print(open('/proc/self/status').read())"
    said = plugin.kubectl("-n", NAMESPACE, "exec", "ds/airgate-device-plugin", "--", "python3", "-c", look).stdout
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said


def find_plugin_pods(cluster):
    """Return the names of the plugin's pods."""
    chosen = "app.kubernetes.io/component=device-plugin"
    return cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", chosen, "-o", "name").stdout


def test_the_kubelet_may_restart_and_finds_the_cards_again(plugin):
    """A restart of the kubelet costs no card and no pod."""
    before = find_plugin_pods(plugin)
    plugin.control.exec("systemctl", "restart", "snap.microk8s.daemon-kubelite")
    plugin.wait_ready()
    appliance.wait_allocatable(plugin, CARDS)
    assert find_plugin_pods(plugin) == before
