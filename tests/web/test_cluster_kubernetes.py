"""A workload as Kubernetes objects. Tables; the real cluster is in contracts."""

from dataclasses import replace
from typing import Any

import pytest

from airgate_kit import names
from airgate_serving import arguments
from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.domain.workload import (
    Workload,
    find_replica_digest,
    find_spec_digest,
)
from tests.fakes.samples import DIGEST
from tests.web.objects import IMAGE, JOB, QAIC, SERVICE, SETTINGS, TESTER, make, read_template


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


def test_the_object_with_the_digest_is_applied_last() -> None:
    """Whatever breaks off in between is done again."""
    assert [each["kind"] for each in make_manifests(SERVICE, SETTINGS)] == ["Secret", "Service", "Deployment"]


def test_the_service_is_headless_and_a_tester_has_no_grpc_door() -> None:
    """The gateway spreads requests itself, over the pods that are ready."""
    service = make(SERVICE)["Service"]["spec"]
    assert service["clusterIP"] == "None"
    assert [port["port"] for port in service["ports"]] == [8080, 8081]
    assert [port["port"] for port in make(TESTER)["Service"]["spec"]["ports"]] == [8080]
