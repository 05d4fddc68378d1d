"""What nodes do beyond running: they join, they keep to themselves, and both can be seen."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cluster import Cluster, Node, remove_left
from tests.cluster.network import GATEWAY
from tests.cluster.wait import wait_until
from tests.cluster.workloads import describe_namespace, describe_pod_template, describe_web

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(2400)]

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()"
ASK_TO_JOIN = """
import json, ssl, sys, urllib.request
body = json.dumps({"token": sys.argv[2], "node": "nobody", "address": "192.0.2.1"}).encode()
urllib.request.urlopen(urllib.request.Request(sys.argv[1], body), context=ssl._create_unverified_context())
"""
# Addresses that are nobody's (RFC 5737).
NOBODY = "192.0.2.1"
NO_SERVICE = "10.152.7.7"
CLOSED = "airgate-closed"
LOST = "airgate-lost"


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    """A control plane and a worker with no way out, with RBAC and DNS."""
    started = Cluster.start_anew("airgate-pair", nodes=2, egress=False, addons=("rbac", "dns:/etc/resolv.conf"))
    yield started
    started.remove()


@pytest.fixture(scope="module")
def closed() -> Iterator[Node]:
    """A bare node with no way out but to one port of the host."""
    remove_left(CLOSED)
    node = Node.bare(CLOSED, egress=False, allowed=[f"ip daddr {GATEWAY} tcp dport 7"])
    yield node
    node.remove()


def connect(node: Node, address: str, port: int) -> str:
    """Try to open a TCP connection from a node; return the name of the error, or an empty string."""
    done = node.exec("python3", "-c", CONNECT, address, str(port), check=False)
    return done.stderr.strip().rpartition("\n")[2].partition(":")[0]


def test_a_worker_joins_and_pods_on_both_nodes_answer_each_other(pair: Cluster) -> None:
    """`add-node` and `join --worker` make one cluster; Services and names work across nodes."""
    pair.apply(describe_namespace("pair"))
    for number, node in enumerate(pair.nodes):
        pair.apply(*describe_web(f"web{number}", "pair", replicas=1, nodeName=node.name))
    pair.kubectl("-n", "pair", "rollout", "status", "--timeout=120s", "deployment")
    for here, there in ((0, 1), (1, 0)):
        wait_until("An answer", partial(reaches, pair, f"web{here}", f"http://web{there}.pair"), 30)


def reaches(cluster: Cluster, deployment: str, url: str) -> bool:
    """Return whether a pod of a deployment gets its greeting from a URL."""
    ask = ("-n", "pair", "exec", f"deployment/{deployment}", "--", "wget", "-q", "-O", "-", url)
    return cluster.kubectl(*ask, check=False).stdout == "hello\n"


def test_a_node_is_labelled_from_outside(pair: Cluster) -> None:
    """A label places a pod on the node that has it."""
    pair.label(pair.nodes[1], {"airgate.io/deploy": "true"})
    found = pair.kubectl("get", "nodes", "-l", "airgate.io/deploy=true", "-o", "name").stdout
    assert found == f"node/{pair.nodes[1].name}\n"


def test_a_token_serves_one_node_only(pair: Cluster) -> None:
    """A second use of a token is refused with a sentence, and a wrong hash is found out before anything is sent."""
    connection = pair.control.exec("/snap/bin/microk8s.add-node", "--token", "a" * 32).stdout.split()[-2]
    joining = ("/snap/bin/microk8s.join", "--worker")
    wrong = pair.nodes[1].exec(*joining, connection[:-12] + "0" * 12, check=False)
    assert "nothing was changed" in wrong.stderr
    token, address = "a" * 32, f"https://{pair.control.address}:25000/join"
    assert [pair.control.exec("python3", "-c", ASK_TO_JOIN, address, token, check=False).returncode for _ in "12"] == [
        0,
        1,
    ]


def test_pods_of_a_closed_node_are_counted_too(pair: Cluster) -> None:
    """A pod that calls out is seen by the same counters as its node."""
    worker = pair.nodes[1]
    worker.zero_attempts()
    command = ("sh", "-c", f"echo x | nc -w 1 {NOBODY} 9; sleep 3600")
    caller = describe_pod_template("caller", command, nodeName=worker.name)
    pair.apply({"apiVersion": "v1", "kind": "Pod", **caller, "metadata": {"name": "caller", "namespace": "pair"}})
    wait_until("A counted packet", lambda: worker.read_attempts().connections > 0, 60)


def test_what_tries_to_leave_a_closed_node_is_dropped_and_counted(closed: Node) -> None:
    """Connections and DNS queries are counted apart, and the count starts at 0 when it is told to."""
    closed.exec("systemctl", "mask", "--runtime", "snapd.service", "snapd.socket")
    closed.exec("systemctl", "kill", "--signal", "KILL", "snapd.service")
    closed.zero_attempts()
    assert closed.read_attempts().total == 0
    assert connect(closed, NOBODY, 443) != ""
    seen = closed.read_attempts()
    assert seen.connections > 0
    assert seen.dns == 0
    assert any(f"{closed.address} -> {NOBODY} tcp 443 syn: " in caller for caller in seen.callers), seen.callers
    assert connect(closed, NO_SERVICE, 443) != ""
    strayed = closed.read_attempts()
    assert strayed.strayed > 0
    assert strayed.total == seen.total
    query = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.53', 53))"
    closed.exec("python3", "-c", query, check=False)
    assert closed.read_attempts().dns > 0
    closed.zero_attempts()
    assert closed.read_attempts().total == 0


def test_a_closed_node_reaches_its_peers_and_what_was_allowed(closed: Node, pair: Cluster) -> None:
    """An open port of a peer answers; an allowed port of the host is refused by the host, not dropped on the way."""
    closed.zero_attempts()
    assert connect(closed, pair.control.address, 16443) == ""
    assert connect(closed, GATEWAY, 7) == "ConnectionRefusedError"
    before = closed.read_attempts().connections
    assert connect(closed, GATEWAY, 9) != "ConnectionRefusedError"
    assert closed.read_attempts().connections > before


def test_a_closed_node_is_closed_again_after_its_power_came_back(closed: Node) -> None:
    """The rules stand before the first process runs."""
    closed.kill()
    closed.start()
    closed.zero_attempts()
    connect(closed, NOBODY, 443)
    assert closed.read_attempts().connections > 0


def test_a_node_whose_processes_all_ended_is_lost_and_its_name_is_free_again() -> None:
    """As after a test run that was ended from outside, podman's watcher first: podman takes it for running for ever."""
    remove_left(LOST)
    node = Node.bare(LOST, egress=False)
    try:
        assert not node.is_lost()
        first = node.read_pid()
        os.kill(int(node.find_watcher().name), signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        wait_until("The end of the first process", lambda: not Path(f"/proc/{first}/root/etc").exists(), 30)
        assert node.is_running()
        assert node.is_lost()
    finally:
        remove_left(LOST)
    assert Node.find(LOST) is None
