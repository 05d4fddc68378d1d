"""Whether the product works, judged from what the cluster says: nodes, pods, cards. Pure."""

from __future__ import annotations

from typing import Any

CARDS = ("qualcomm.com/qaic", "nvidia.com/gpu", "nvidia.com/mig-")


def judge(nodes: list[dict[str, Any]], pods: list[dict[str, Any]], cards: int, node: str) -> list[str]:
    """Return what does not work, each in one sentence; empty when all does.

    cards: how many device nodes of accelerators the machine called `node` has.
    """
    return [*judge_nodes(nodes), *judge_pods(pods), *judge_cards(nodes, cards, node)]


def judge_nodes(nodes: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each node that is not ready."""
    if not nodes:
        return ["The cluster has no node; `microk8s inspect` says why."]
    return [
        f"Node {node['metadata']['name']} is not Ready: {read_condition(node)[1]}"
        for node in nodes
        if read_condition(node)[0] != "True"
    ]


def judge_pods(pods: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each pod that is not ready and has not done its work."""
    return [
        f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']} is not Ready: "
        f"{read_condition(pod)[1] or pod['status'].get('phase')}; look at `kubectl describe pod`."
        for pod in pods
        if pod["status"].get("phase") != "Succeeded" and read_condition(pod)[0] != "True"
    ]


def judge_cards(nodes: list[dict[str, Any]], cards: int, node: str) -> list[str]:
    """Return a sentence when a machine has cards and its kubelet offers none."""
    offered = sum(count_cards(one) for one in nodes if one["metadata"]["name"] == node)
    if cards and not offered:
        return [
            f"This machine has {cards} accelerator devices and Kubernetes offers none of them; look at the logs of the "
            "pods airgate-device-plugin in airgate-system."
        ]
    return []


def count_cards(node: dict[str, Any]) -> int:
    """Return how many accelerators a node offers."""
    offers = node["status"].get("allocatable", {}).items()
    return sum(int(amount) for name, amount in offers if name.startswith(CARDS))


def read_condition(thing: dict[str, Any]) -> tuple[str, str]:
    """Return status and message of a node's or a pod's condition Ready."""
    for condition in thing["status"].get("conditions", []):
        if condition["type"] == "Ready":
            return condition["status"], condition.get("message", "")
    return "Unknown", ""
