"""What a pod says about itself, in the domain's words. Pure; takes the API's JSON."""

import datetime
from typing import Any

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.quantities import read_cards
from airgate_web.domain.workload import Replica, ReplicaState

Json = dict[str, Any]
STATELESS_WAITS = frozenset({"ContainerCreating", "PodInitializing", ""})
FINAL_PHASES = frozenset({"Failed", "Succeeded"})


def find_replica(pod: Json, device: str = "", cards: tuple[str, ...] = ()) -> Replica:
    """Return a pod as a Replica. device: where its model computes, as far as its log has said; cards: what it holds."""
    state, reason = judge_pod(pod)
    meta = pod["metadata"]
    return Replica(
        name=meta["name"],
        state=state,
        spec_digest=meta.get("annotations", {}).get(names.ANNOTATION_REPLICA_DIGEST, ""),
        node=pod["spec"].get("nodeName", ""),
        devices=cards,
        reason=reason,
        restarts=sum(each.get("restartCount", 0) for each in read_containers(pod, "containerStatuses")),
        started=read_time(pod["status"].get("startTime")),
        device=device if state is ReplicaState.READY else "",
        address=find_address(pod),
    )


def find_address(pod: Json) -> str:
    """Return where a pod of ours answers HTTP; "" before it has an address."""
    host = pod["status"].get("podIP", "")
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    door = next((port["containerPort"] for port in ports if port.get("name") == "http"), 0)
    return f"{host}:{door}" if host and door else ""


def judge_pod(pod: Json) -> tuple[ReplicaState, str]:
    """Return a pod's state and, when it is not Ready, the cluster's own reason."""
    status = pod["status"]
    if pod["metadata"].get("deletionTimestamp"):
        return ReplicaState.STOPPED, "is ending"
    if status.get("phase") == "Succeeded":
        return ReplicaState.STOPPED, "has come to its end"
    if status.get("phase") in FINAL_PHASES:
        return ReplicaState.FAILED, join(status.get("reason"), status.get("message"))
    if is_true(pod, "Ready"):
        return ReplicaState.READY, ""
    failure = explain_failure(pod)
    if failure:
        return ReplicaState.FAILED, failure
    scheduled = find_condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return ReplicaState.WAITING, scheduled.get("message", "") or scheduled.get("reason", "")
    return ReplicaState.STARTING, ""


def explain_failure(pod: Json) -> str:
    """Return why a container cannot run (no image, a crash, …), or "" when all are on their way."""
    for container in read_containers(pod, "initContainerStatuses") + read_containers(pod, "containerStatuses"):
        waiting = container.get("state", {}).get("waiting", {})
        ended = container.get("state", {}).get("terminated") or {}
        last = container.get("lastState", {}).get("terminated") or {}
        if waiting.get("reason", "") not in STATELESS_WAITS:
            why = explain_end(last) if last else waiting.get("message", "")
            return join(waiting["reason"], why)
        if ended and ended.get("exitCode"):
            return explain_end(ended)
    return ""


def explain_end(ended: Json) -> str:
    """Return how a container ended: its exit code or reason, and the last lines of its log."""
    how = ended.get("reason", "")
    code = f"exit code {ended.get('exitCode')}"
    words = " ".join(ended.get("message", "").split())
    return join(code if how in ("", "Error") else f"{how}, {code}", words[-500:])


def holds_cards(pod: Json) -> bool:
    """Say whether a pod occupies its cards: it is placed and not over. One that is ending still does."""
    return bool(pod["spec"].get("nodeName")) and pod["status"].get("phase") not in FINAL_PHASES


def count_cards(pod: Json) -> dict[str, int]:
    """Return the cards that a pod's containers ask for, by resource."""
    total: dict[str, int] = {}
    for container in pod["spec"]["containers"]:
        limits = container.get("resources", {}).get("limits") or {}
        for resource, count in read_cards(limits).items():
            total[resource] = total.get(resource, 0) + count
    return total


def find_owner(pod: Json) -> str:
    """Return whom people know a pod by: our own by their owner, somebody else's by namespace and name."""
    meta = pod["metadata"]
    fallback = f"{meta['namespace']}/{meta['name']}"
    return str(meta.get("annotations", {}).get(names.ANNOTATION_OWNER, fallback)) if is_ours(pod) else fallback


def is_ours(thing: Json) -> bool:
    """Say whether an object was made by the reconciler."""
    labels = thing["metadata"].get("labels") or {}
    return labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and names.LABEL_WORKLOAD in labels


def is_true(thing: Json, kind: str) -> bool:
    """Say whether a condition is True."""
    return find_condition(thing, kind).get("status") == "True"


def find_condition(thing: Json, kind: str) -> Json:
    """Return a condition of an object, or {}."""
    return next((each for each in thing["status"].get("conditions") or [] if each["type"] == kind), {})


def read_containers(pod: Json, key: str) -> list[Json]:
    """Return a list of container statuses; empty while there is none."""
    return pod["status"].get(key) or []


def read_time(text: str | None) -> datetime.datetime | None:
    """Return a time of the API (RFC 3339), or None."""
    return datetime.datetime.fromisoformat(text) if text else None


def join(*words: str | None) -> str:
    """Return the words that there are, with colons between."""
    return ": ".join(word for word in words if word)
