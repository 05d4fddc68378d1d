"""A workload as Kubernetes objects, and what Kubernetes says in our words. Tables; the real cluster is in contracts."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from airgate_kit import names
from airgate_serving import arguments
from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.observe import Listing, find_observation
from airgate_web.adapters.cluster_kubernetes.pods import judge_pod
from airgate_web.adapters.cluster_kubernetes.quantities import read_cards, read_mib, read_millis, read_quantity
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.job import find_job_workload
from airgate_web.domain.runtime import find_tester
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.domain.workload import (
    Address,
    Holder,
    Outcome,
    ReplicaState,
    Workload,
    find_replica_digest,
    find_spec_digest,
)
from tests.fakes.samples import DIGEST, make_deployment, make_job, make_runtime

SETTINGS = KubernetesSettings("http://web:8000", "internal-token", web_url="http://web:8000")
QAIC = "qualcomm.com/qaic"
IMAGE = "registry/serving@sha256:" + "1" * 64
SERVICE = find_workload(make_deployment(image=IMAGE))
JOB = find_job_workload(make_job(id=17, image=IMAGE), "job-secret")
TESTER = find_tester(make_runtime(image=IMAGE), "internal-token")
MADE = "2030-01-02T12:00:00Z"


def make(workload: Workload) -> dict[str, dict[str, Any]]:
    """Return a workload's objects by kind."""
    return {each["kind"]: each for each in make_manifests(workload, SETTINGS)}


def read_template(workload: Workload) -> dict[str, Any]:
    """Return what a workload's pods are made after."""
    template: dict[str, Any] = make_manifests(workload, SETTINGS)[-1]["spec"]["template"]
    return template


def read_pod_spec(workload: Workload) -> dict[str, Any]:
    """Return the spec of a workload's pods."""
    spec: dict[str, Any] = read_template(workload)["spec"]
    return spec


def list_containers(workload: Workload) -> list[dict[str, Any]]:
    """Return every container of a workload's pods."""
    spec = read_pod_spec(workload)
    return [*spec["initContainers"], *spec["containers"]]


@pytest.mark.parametrize("workload", [SERVICE, TESTER, JOB])
def test_every_container_keeps_to_restricted_pod_security(workload: Workload) -> None:
    """No pod with a user's model may do more than compute."""
    pod = read_pod_spec(workload)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in list_containers(workload):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert container["image"] == IMAGE


@pytest.mark.parametrize(
    ("workload", "label"),
    [(SERVICE, "airgate.io/deploy"), (TESTER, "airgate.io/compute"), (JOB, "airgate.io/compute")],
)
def test_each_kind_of_work_goes_to_its_own_nodes(workload: Workload, label: str) -> None:
    """Services run on deploy nodes, tests and jobs on compute nodes."""
    assert read_pod_spec(workload)["nodeSelector"] == {label: "true"}


def test_secrets_are_in_the_secret_and_nowhere_else() -> None:
    """Who may list deployments and pods learns no secret; a service can fetch its own model and no other."""
    objects = make(SERVICE)
    assert objects["Secret"]["stringData"] == {
        "gate": SERVICE.gate_secret,
        "fetch": find_blob_secret("internal-token", DIGEST),
    }
    assert make(TESTER)["Secret"]["stringData"]["fetch"] == find_blobs_secret("internal-token")
    for kind in ("Deployment", "Service"):
        assert SERVICE.gate_secret not in str(objects[kind])
        assert "internal-token" not in str(objects[kind])
    assert "internal-token" not in repr(SETTINGS)


def test_cards_are_asked_for_by_the_server_and_held_by_one_pod_at_a_time() -> None:
    """A card cannot be held by an old and a new pod at once, so the old one goes first."""
    fetch, serve = list_containers(SERVICE)
    assert serve["resources"]["limits"] == {"cpu": "500m", "memory": "512Mi", QAIC: "1"}
    assert QAIC not in fetch["resources"]["limits"]
    strategy = make(SERVICE)["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}
    without = make(replace(SERVICE, amounts=replace(SERVICE.amounts, accelerators=0, resource="")))
    assert without["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_an_old_tester_goes_before_the_new_one_comes() -> None:
    """On a small node two testers do not fit beside each other."""
    strategy = make(TESTER)["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_model_is_fetched_by_digest_and_read_only_to_its_server() -> None:
    """What runs is what was uploaded, and a restart of the server needs no webapp."""
    fetch, serve = list_containers(SERVICE)
    digits = DIGEST.removeprefix("sha256:")
    assert fetch["args"] == [
        *("fetch", "--url", f"http://web:8000/internal/blobs/{digits}"),
        *("--digest", DIGEST, "--to", f"/models/{digits}"),
    ]
    assert serve["args"][0] == f"/models/{digits}"
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in serve["volumeMounts"]


def test_what_runs_can_be_told_from_what_is_wished() -> None:
    """The Deployment bears the wish's digest, its pods the replica's, so that scaling replaces no pod."""
    deployment = make(SERVICE)["Deployment"]
    assert deployment["metadata"]["annotations"][names.ANNOTATION_SPEC_DIGEST] == find_spec_digest(SERVICE)
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations[names.ANNOTATION_REPLICA_DIGEST] == find_replica_digest(SERVICE)
    assert find_spec_digest(SERVICE) not in str(deployment["spec"])


def test_a_job_is_a_job_that_ends_once_and_goes_on_after_a_crash() -> None:
    """One pod at a time, a few new starts in it, what was done kept over them; nobody can call it."""
    objects = make_manifests(JOB, SETTINGS)
    assert [each["kind"] for each in objects] == ["Secret", "Job"]
    job = objects[-1]
    assert job["apiVersion"] == "batch/v1"
    assert job["metadata"]["namespace"] == names.NAMESPACE_COMPUTE
    assert job["metadata"]["annotations"][names.ANNOTATION_SPEC_DIGEST] == find_spec_digest(JOB)
    spec, pod = job["spec"], read_pod_spec(JOB)
    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (3, "Failed")
    assert set(spec) == {"backoffLimit", "podReplacementPolicy", "template"}
    assert pod["restartPolicy"] == "OnFailure"
    assert {"name": "work", "emptyDir": {}} in pod["volumes"]
    (worker,) = pod["containers"]
    assert not {"ports", "startupProbe", "readinessProbe", "livenessProbe"} & set(worker)
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in worker["volumeMounts"]
    assert job["spec"]["template"]["metadata"]["labels"][names.LABEL_KIND] == "job"


def test_a_job_fetches_model_and_data_by_digest_and_is_told_what_to_do() -> None:
    """Each file has a secret of its own; the one by which it reports opens no file, and the worker has that alone."""
    model, data, worker = list_containers(JOB)
    assert JOB.run is not None
    digest = JOB.run.data.digest
    assert data["args"][-3:] == [digest, "--to", f"/models/data-{digest.removeprefix('sha256:')}"]
    assert model["args"][-3:] == [DIGEST, "--to", f"/models/{DIGEST.removeprefix('sha256:')}"]
    assert make(JOB)["Secret"]["stringData"] == {
        "gate": "job-secret",
        "fetch": find_blob_secret("internal-token", DIGEST),
        "fetch-data": find_blob_secret("internal-token", digest),
    }
    keys = [each["env"][0]["valueFrom"]["secretKeyRef"]["key"] for each in (model, data, worker)]
    assert keys == ["fetch", "fetch-data", "gate"]
    assert [each["name"] for each in worker["env"]] == ["AIRGATE_JOB_SECRET"]
    assert worker["args"] == [
        *("job", f"/models/{DIGEST.removeprefix('sha256:')}", "--format", "onnx", "--task", "batch"),
        *("--rows", data["args"][-1], "--rows-kind", "csv", "--folder", "/work"),
        *("--web", "http://web:8000", "--job", "17", "--chunk", "500", "--keep=id", "--keep=Zähler"),
    ]
    arguments.build_job_parser().parse_args(worker["args"][1:])
    assert "job-secret" not in str(make(JOB)["Job"])


def test_a_job_is_refused_where_nobody_knows_to_whom_it_reports() -> None:
    """Its end would be lost."""
    with pytest.raises(ValueError, match="--web-url"):
        make_manifests(JOB, replace(SETTINGS, web_url=""))


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


def test_the_object_with_the_digest_is_applied_last() -> None:
    """Whatever breaks off in between is done again."""
    assert [each["kind"] for each in make_manifests(SERVICE, SETTINGS)] == ["Secret", "Service", "Deployment"]


def test_the_service_is_headless_and_a_tester_has_no_grpc_door() -> None:
    """The gateway spreads requests itself, over the pods that are ready."""
    service = make(SERVICE)["Service"]["spec"]
    assert service["clusterIP"] == "None"
    assert [port["port"] for port in service["ports"]] == [8080, 8081]
    assert [port["port"] for port in make(TESTER)["Service"]["spec"]["ports"]] == [8080]


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
