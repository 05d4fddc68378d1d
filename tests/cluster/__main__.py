"""python -m tests.cluster up|down|shell|status|bare: the test cluster for a person, and bare nodes for molecule."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from tests.cluster.cluster import NAME, Cluster, list_cluster_nodes, remove_cluster
from tests.cluster.command import CommandFailed, ToolMissing
from tests.cluster.network import remove_network_if_unused
from tests.cluster.node import Node, list_nodes, remove_left
from tests.cluster.ssh import describe_instance
from tests.cluster.wait import TooLate


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks; 1 with one sentence on standard error when it cannot be done."""
    asked = _read_arguments(argv)
    try:
        return int(asked.do(asked))
    except (CommandFailed, ToolMissing, TooLate) as error:
        print(f"tests.cluster: {error}", file=sys.stderr)
        return 1


def _read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="up|down|shell|status|bare")
    for verb, do, explanation in (
        ("up", _up, "bring the cluster up; a second call only checks"),
        ("down", _down, "remove the cluster and all that it left"),
        ("shell", _shell, "a root shell on the first node"),
        ("status", _status, "say what is there"),
        ("bare", _bare, "make one node without Kubernetes and without a way out, or remove it"),
    ):
        adding = verbs.add_parser(verb, help=explanation)
        adding.add_argument("--name", default=NAME, help=f"the cluster's name (default {NAME})")
        adding.set_defaults(do=do)
        if verb == "up":
            adding.add_argument("--nodes", type=int, default=1, help="how many nodes (default 1)")
        if verb == "down":
            adding.add_argument("--all", action="store_true", help="remove every node that any test left")
        if verb == "bare":
            adding.add_argument("--remove", action="store_true", help="remove it, if it is there")
    return parser.parse_args(argv)


def _up(asked: argparse.Namespace) -> int:
    cluster = Cluster.start(asked.name, nodes=asked.nodes)
    print(f"The cluster {cluster.name} is ready: export KUBECONFIG={cluster.kubeconfig}")
    print(f"kubectl: {cluster.artefacts.kubectl}\nhelm: {cluster.artefacts.helm}")
    return 0


def _down(asked: argparse.Namespace) -> int:
    remove_cluster(asked.name)
    for node in list_nodes() if asked.all else []:
        node.remove()
    remove_network_if_unused()
    print("Every node is gone." if asked.all else f"The cluster {asked.name} is gone.")
    return 0


def _shell(asked: argparse.Namespace) -> int:
    if Node.find(f"{asked.name}-1") is None:
        return _status(asked)
    argv = ["podman", "exec", "-it", "-e", "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin", f"{asked.name}-1", "bash"]
    return os.execvp(argv[0], argv)


def _status(asked: argparse.Namespace) -> int:
    nodes = list_cluster_nodes(asked.name)
    for node in nodes:
        print(f"{node.name} {node.address} {'running' if node.is_running() else 'stopped'}")
    if not nodes:
        print(f"There is no cluster {asked.name}: python -m tests.cluster up --name {asked.name}")
    return 0 if nodes else 1


def _bare(asked: argparse.Namespace) -> int:
    remove_left(asked.name)
    if asked.remove:
        print(f"The node {asked.name} is gone.")
        return 0
    node = Node.bare(asked.name, egress=False)
    print(json.dumps(describe_instance(node.name, node.address)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
