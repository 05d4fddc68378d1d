"""From what the API lists to an Observation. Pure; takes the API's JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.cards import Cards
from airgate_web.adapters.cluster_kubernetes.jobs import find_outcome
from airgate_web.adapters.cluster_kubernetes.pods import (
    FINAL_PHASES,
    Json,
    count_cards,
    find_condition,
    find_owner,
    find_replica,
    holds_cards,
    is_ours,
    is_true,
    read_time,
)
from airgate_web.adapters.cluster_kubernetes.quantities import read_cards, read_mib, read_millis
from airgate_web.domain.workload import (
    Address,
    Holder,
    Kind,
    NodeFacts,
    Observation,
    Replica,
    ReplicaState,
    WorkloadFacts,
)


@dataclass(frozen=True, slots=True)
class Listing:
    """What the API lists: our own deployments, jobs, services and secrets (metadata is enough), all pods and nodes."""

    deployments: Sequence[Json]
    others: Sequence[Json]
    pods: Sequence[Json]
    nodes: Sequence[Json]
    cards: Cards = field(default_factory=Cards)
    jobs: Sequence[Json] = ()


def find_observation(listing: Listing, devices: Mapping[str, str]) -> Observation:
    """Return the whole truth. devices: by pod name, where its model computes."""
    ours = [pod for pod in listing.pods if is_ours(pod)]
    things = [*listing.deployments, *listing.jobs, *listing.others, *ours]
    every = sorted({thing["metadata"]["labels"][names.LABEL_WORKLOAD] for thing in things})
    return Observation(
        workloads=tuple(find_workload(name, things, listing, ours, devices) for name in every),
        nodes=tuple(find_node(node) for node in listing.nodes),
        holders=tuple(
            holder for pod in listing.pods if holds_cards(pod) for holder in find_holders(pod, listing.cards)
        ),
        devices=listing.cards.devices,
    )


def find_workload(
    name: str, things: Sequence[Json], listing: Listing, pods: Sequence[Json], devices: Mapping[str, str]
) -> WorkloadFacts:
    """Return the facts of one workload; with an empty digest when its Deployment or Job is not, or no more, there."""
    labels = next(labels for labels in map(read_labels, things) if labels[names.LABEL_WORKLOAD] == name)
    kind = Kind(labels[names.LABEL_KIND])
    deployment, job = find_named(name, listing.deployments), find_named(name, listing.jobs)
    maker = deployment or job
    outcome, reason = find_outcome(job) if job else (None, "")
    return WorkloadFacts(
        name=name,
        kind=kind,
        spec_digest=find_digest(maker) if maker else "",
        replicas=(
            *find_replicas(name, pods, devices, listing.cards),
            *(find_missing(deployment) if deployment else ()),
        ),
        addresses=find_addresses(name, deployment, kind, pods) if deployment else (),
        over=find_over(name, pods),
        outcome=outcome,
        reason=reason,
    )


def find_named(name: str, things: Sequence[Json]) -> Json | None:
    """Return the object of a workload among objects of one kind, or None."""
    return next((each for each in things if read_labels(each)[names.LABEL_WORKLOAD] == name), None)


def find_digest(deployment: Json) -> str:
    """Return the digest of the wish that a Deployment or Job carries out; "" when it is being deleted."""
    meta = deployment["metadata"]
    return (
        "" if meta.get("deletionTimestamp") else str(meta.get("annotations", {}).get(names.ANNOTATION_SPEC_DIGEST, ""))
    )


def find_replicas(name: str, pods: Sequence[Json], devices: Mapping[str, str], cards: Cards) -> list[Replica]:
    """Return a workload's pods, oldest first. Pods that are over stay listed until deleted: they are left out."""
    mine = [pod for pod in pods if read_labels(pod)[names.LABEL_WORKLOAD] == name]
    alive = [pod for pod in mine if pod["status"].get("phase") not in FINAL_PHASES]
    alive.sort(key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]))
    return [
        find_replica(pod, devices.get(pod["metadata"]["name"], ""), cards.find_held(pod)) for pod in alive or mine[-1:]
    ]


def find_over(name: str, pods: Sequence[Json]) -> tuple[str, ...]:
    """Return a workload's pods that are over and not being deleted, by name."""
    mine = [pod["metadata"] for pod in pods if pod["status"].get("phase") in FINAL_PHASES]
    return tuple(
        sorted(
            meta["name"]
            for meta in mine
            if meta["labels"][names.LABEL_WORKLOAD] == name and "deletionTimestamp" not in meta
        )
    )


def find_missing(deployment: Json) -> tuple[Replica, ...]:
    """Return a replica that stands for pods which the cluster refuses to make (a quota, a policy)."""
    if not is_true(deployment, "ReplicaFailure"):
        return ()
    template = deployment["spec"]["template"]["metadata"].get("annotations", {})
    digest = template.get(names.ANNOTATION_REPLICA_DIGEST, "")
    message = find_condition(deployment, "ReplicaFailure").get("message", "")
    return (Replica(deployment["metadata"]["name"], ReplicaState.FAILED, digest, reason=message),)


def find_addresses(name: str, deployment: Json, kind: Kind, pods: Sequence[Json]) -> tuple[Address, ...]:
    """Return the headless Service's name, by which pods are found while nobody looks, and for the gateway each pod.

    A pod's own address is known seconds before the cluster's DNS has it. One that is out of date does no harm: the
    gateway asks every address by the deployment's own secret before it sends anything there.
    """
    host, ports = f"{name}.{deployment['metadata']['namespace']}.svc", find_ports(deployment)
    if kind is not Kind.SERVICE:
        return (Address(host, *ports),)
    mine = [pod for pod in pods if read_labels(pod)[names.LABEL_WORKLOAD] == name]
    hosts = [host, *sorted(pod["status"]["podIP"] for pod in mine if is_called(pod))]
    return tuple(Address(each, *ports) for each in hosts)


def find_ports(deployment: Json) -> tuple[int, int]:
    """Return the ports for HTTP and gRPC that a Deployment's container has, 0 for one that it has not."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: int(port["containerPort"]) for port in container["ports"]}
    return ports.get("http", 0), ports.get("grpc", 0)


def is_called(pod: Json) -> bool:
    """Say whether a pod has an address and is neither over nor ending."""
    status = pod["status"]
    over = status.get("phase") in FINAL_PHASES or "deletionTimestamp" in pod["metadata"]
    return bool(status.get("podIP")) and not over


def find_holders(pod: Json, known: Cards) -> tuple[Holder, ...]:
    """Return one Holder for each kind of card that a pod holds, with the cards that their plugin names."""
    meta, node = pod["metadata"], pod["spec"]["nodeName"]
    since = read_time(pod["status"].get("startTime"))
    return tuple(
        Holder(each, count, find_owner(pod), meta["name"], node, since, known.find_held(pod, each))
        for each, count in count_cards(pod).items()
        if count
    )


def find_node(node: Json) -> NodeFacts:
    """Return a node. One that is cordoned is not ready: nothing new is placed there."""
    labels = node["metadata"].get("labels") or {}
    allocatable = node["status"].get("allocatable", {})
    return NodeFacts(
        name=node["metadata"]["name"],
        ready=is_true(node, "Ready") and not node["spec"].get("unschedulable", False),
        classes=tuple(each for each, label in names.NODE_CLASSES.items() if labels.get(label) == "true"),
        cpu_millis=read_millis(allocatable.get("cpu", "0")),
        memory_mib=read_mib(allocatable.get("memory", "0")),
        capacity=read_cards(node["status"].get("capacity", {})),
        allocatable=read_cards(allocatable),
    )


def read_labels(thing: Json) -> dict[str, str]:
    """Return an object's labels."""
    labels: dict[str, str] = thing["metadata"]["labels"]
    return labels
