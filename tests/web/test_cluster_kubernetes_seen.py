"""What Kubernetes says, in our words. Tables; the real cluster is in contracts."""

import datetime
from typing import Any

import pytest

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.observe import Listing, find_observation
from airgate_web.adapters.cluster_kubernetes.pods import judge_pod
from airgate_web.adapters.cluster_kubernetes.quantities import read_cards, read_mib, read_millis, read_quantity
from airgate_web.domain.workload import (
    Address,
    Holder,
    Outcome,
    ReplicaState,
    Workload,
    find_replica_digest,
    find_spec_digest,
)
from tests.web.objects import JOB, MADE, QAIC, SERVICE, make, read_template


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("500m", 0.5), ("1.5", 1.5), ("1e3", 1000), ("16Ki", 16384), ("1M", 1_000_000), ("0", 0), ("3E", 3e18)],
)
def test_quantities_are_read_as_kubernetes_means_them(text: str, number: float) -> None:
    """No amount is off by a factor."""
    assert float(read_quantity(text)) == number


def test_quantities_become_cores_mib_and_cards() -> None:
    """A node's amounts are shown in the units of the form."""
    assert (read_millis("1930m"), read_millis("8"), read_mib("16384Ki"), read_mib("2Gi")) == (1930, 8000, 16, 2048)
    amounts = {"cpu": "8", QAIC: "4", "hugepages-2Mi": "0", "attachable.kubernetes.io/x": "9", "nvidia.com/gpu": "1"}
    assert read_cards(amounts) == {QAIC: 4, "nvidia.com/gpu": 1}
    with pytest.raises(ValueError, match="'two' is not a quantity"):
        read_quantity("two")


def make_pod(name: str = "live-1", *, workload: Workload | None = SERVICE, **status: Any) -> dict[str, Any]:
    """Return a pod as the API lists it; of somebody else when `workload` is None."""
    template = read_template(workload)["metadata"] if workload else {"labels": {}}
    meta = {**template, "name": name, "namespace": "airgate-deploy" if workload else "other", "creationTimestamp": MADE}
    limits, ports = (
        {"cpu": "1", QAIC: "1"},
        [{"name": "grpc", "containerPort": 1}, {"name": "http", "containerPort": 8080}],
    )
    spec = {"nodeName": "n1", "containers": [{"name": "serve", "ports": ports, "resources": {"limits": limits}}]}
    return {"metadata": meta, "spec": spec, "status": {"phase": "Running", "startTime": MADE, **status}}


def ready(value: str = "True") -> dict[str, Any]:
    """Return the conditions of a pod that is, or is not, ready."""
    return {"conditions": [{"type": "Ready", "status": value}]}


def container(state: dict[str, Any], last: dict[str, Any] | None = None, restarts: int = 0) -> dict[str, Any]:
    """Return a container's status."""
    return {"name": "serve", "state": state, "lastState": last or {}, "restartCount": restarts}


CRASHED = {"terminated": {"exitCode": 3, "reason": "Error", "message": "airgate-serve: The file\nis no model.\n"}}
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory."}


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (ready(), ReplicaState.READY, ""),
        (ready("False"), ReplicaState.STARTING, ""),
        ({}, ReplicaState.STARTING, ""),
        (
            {"phase": "Pending", "conditions": [UNSCHEDULED]},
            ReplicaState.WAITING,
            "0/1 nodes: Insufficient memory.",
        ),
        (
            {"phase": "Pending", "containerStatuses": [container({"waiting": {"reason": "ContainerCreating"}})]},
            ReplicaState.STARTING,
            "",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    container({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}})
                ],
            },
            ReplicaState.FAILED,
            "ImagePullBackOff: no such image",
        ),
        (
            {"containerStatuses": [container({"waiting": {"reason": "CrashLoopBackOff", "message": "wait"}}, CRASHED)]},
            ReplicaState.FAILED,
            "CrashLoopBackOff: exit code 3: airgate-serve: The file is no model.",
        ),
        (
            {"initContainerStatuses": [container(CRASHED)]},
            ReplicaState.FAILED,
            "exit code 3: airgate-serve: The file is no model.",
        ),
        (
            {"containerStatuses": [container({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})]},
            ReplicaState.FAILED,
            "OOMKilled, exit code 137",
        ),
        ({"containerStatuses": [container({"running": {}}, CRASHED, 1)]}, ReplicaState.STARTING, ""),
        (
            {"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "Allocate failed"},
            ReplicaState.FAILED,
            "UnexpectedAdmissionError: Allocate failed",
        ),
    ],
)
def test_a_pod_is_told_in_one_of_five_words(status: dict[str, Any], state: ReplicaState, reason: str) -> None:
    """The same words as for processes, and the cluster's own reason."""
    assert judge_pod(make_pod(**status)) == (state, reason)


def test_the_gateway_is_told_each_pod_that_has_an_address_and_may_be_called() -> None:
    """It need not wait for the cluster's DNS to have heard of a pod; it asks each itself whether it is ready."""
    [facts] = see(
        make_pod(podIP="10.1.0.7"),
        make_pod(podIP="10.1.0.8", phase="Failed"),
        make_pod(),
        {
            **make_pod(podIP="10.1.0.9"),
            "metadata": make_pod()["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        },
    ).workloads
    assert [address.host for address in facts.addresses] == [f"{SERVICE.name}.airgate-deploy.svc", "10.1.0.7"]
    assert {(address.http_port, address.grpc_port) for address in facts.addresses} == {(8080, 8081)}


def make_node(**changes: Any) -> dict[str, Any]:
    """Return a node as the API lists it."""
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "capacity": {"cpu": "8", "memory": "16384Ki", QAIC: "4"},
        "allocatable": {"cpu": "7900m", "memory": "8192Ki", QAIC: "3"},
    }
    labels = {names.LABEL_DEPLOY: "true", names.LABEL_CONTROL: "false"}
    return {"metadata": {"name": "n1", "labels": labels}, "spec": {}, "status": status, **changes}


def see(*pods: dict[str, Any], deployed: bool = True, **changes: Any) -> Any:
    """Return the observation of a cluster with these pods and, if so, the service's Deployment."""
    deployment = make(SERVICE)["Deployment"] | {"status": {}} | changes
    listing = Listing([deployment] if deployed else [], [], pods, [make_node()])
    return find_observation(listing, {"live-1": "CPU"})


def test_a_workload_is_seen_with_its_digest_its_pods_and_its_name_as_address() -> None:
    """What the plan compares and the gateway needs."""
    [facts] = see(make_pod(**ready())).workloads
    assert (facts.name, facts.spec_digest) == (SERVICE.name, find_spec_digest(SERVICE))
    assert facts.addresses == (Address(f"{SERVICE.name}.airgate-deploy.svc", 8080, 8081),)
    [replica] = facts.replicas
    assert (replica.name, replica.node, replica.device) == ("live-1", "n1", "CPU")
    assert replica.spec_digest == find_replica_digest(SERVICE)
    assert replica.started == datetime.datetime(2030, 1, 2, 12, tzinfo=datetime.UTC)


def test_what_is_left_of_a_removed_workload_is_still_seen() -> None:
    """A Secret without its Deployment is removed too, whenever the removal broke off."""
    secret = make(SERVICE)["Secret"]
    [facts] = find_observation(Listing([], [secret], [], []), {}).workloads
    assert (facts.name, facts.spec_digest, facts.replicas, facts.addresses) == (SERVICE.name, "", (), ())


def test_pods_that_are_over_do_not_stand_beside_living_ones() -> None:
    """A pod that a node refused an hour ago is no replica today."""
    over = make_pod("live-0", phase="Failed", reason="UnexpectedAdmissionError")
    [facts] = see(over, make_pod(**ready())).workloads
    assert ([each.name for each in facts.replicas], facts.over) == (["live-1"], ("live-0",))
    [facts] = see(over).workloads
    assert ([each.state for each in facts.replicas], facts.over) == ([ReplicaState.FAILED], ("live-0",))
    over["metadata"]["deletionTimestamp"] = MADE
    assert see(over).workloads[0].over == ()


def test_a_pod_is_known_by_the_address_at_which_the_gateway_calls_it() -> None:
    """By it a gateway's report is matched with what the cluster runs."""
    [facts] = see(make_pod(podIP="10.1.0.7"), make_pod("live-2")).workloads
    assert [each.address for each in facts.replicas] == ["10.1.0.7:8080", ""]


def test_pods_that_the_cluster_refuses_to_make_are_not_silent() -> None:
    """A used-up quota is told, though there is no pod to tell it."""
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: airgate"}
    [facts] = see(status={"conditions": [condition]}).workloads
    assert [(each.state, each.reason) for each in facts.replicas] == [(ReplicaState.FAILED, "exceeded quota: airgate")]


def test_everybody_who_holds_cards_is_named() -> None:
    """Ours by their deployment, others by namespace and pod; who is over holds none."""
    other = make_pod("theirs", workload=None)
    over = make_pod("done", workload=None, phase="Succeeded")
    waiting = make_pod("later")
    del waiting["spec"]["nodeName"]
    since = datetime.datetime(2030, 1, 2, 12, tzinfo=datetime.UTC)
    assert see(make_pod(**ready()), other, over, waiting).holders == (
        Holder(QAIC, 1, "qc/live", "live-1", "n1", since),
        Holder(QAIC, 1, "other/theirs", "theirs", "n1", since),
    )


def test_nobody_else_can_pass_for_one_of_ours() -> None:
    """An owner's name in a stranger's annotation is not believed."""
    stranger = make_pod("theirs", workload=None)
    stranger["metadata"]["annotations"] = {names.ANNOTATION_OWNER: "qc/live"}
    assert [holder.owner for holder in see(stranger, deployed=False).holders] == ["other/theirs"]


def test_a_node_is_seen_with_its_classes_and_what_it_can_give() -> None:
    """Which nodes there are, what they can hold, and how many cards are well."""
    [node] = see().nodes
    assert (node.name, node.ready, node.classes) == ("n1", True, ("deploy",))
    assert (node.cpu_millis, node.memory_mib) == (7900, 8)
    assert (node.capacity, node.allocatable) == ({QAIC: 4}, {QAIC: 3})


def test_a_cordoned_node_takes_nothing_new() -> None:
    """Whoever waits for it is told so."""
    listing = Listing([], [], [], [make_node(spec={"unschedulable": True})])
    assert not find_observation(listing, {}).nodes[0].ready


def make_job_object(*conditions: dict[str, str]) -> dict[str, Any]:
    """Return a Job as the API lists it."""
    return {**make(JOB)["Job"], "status": {"conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("conditions", "outcome", "reason"),
    [
        ((), None, ""),
        (({"type": "Failed", "status": "False"},), None, ""),
        (
            ({"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}),
            Outcome.SUCCEEDED,
            "",
        ),
        (
            ({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"},),
            Outcome.FAILED,
            "BackoffLimitExceeded: too often",
        ),
    ],
)
def test_a_job_is_seen_with_how_it_has_ended(
    conditions: tuple[dict[str, str], ...], outcome: Outcome | None, reason: str
) -> None:
    """Its pod says whether it runs, the Job whether that is over."""
    pod = make_pod("job-x", workload=JOB, phase="Succeeded") if outcome else make_pod("job-x", workload=JOB, **ready())
    listing = Listing([], [], [pod], [make_node()], jobs=[make_job_object(*conditions)])
    [facts] = find_observation(listing, {}).workloads
    assert (facts.kind, facts.spec_digest, facts.addresses) == (JOB.kind, find_spec_digest(JOB), ())
    assert (facts.outcome, facts.reason) == (outcome, reason)
    assert [each.state for each in facts.replicas] == [ReplicaState.STOPPED if outcome else ReplicaState.READY]
