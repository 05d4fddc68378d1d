"""Several models in one deployment: what may stand beside each other, and what their pod looks like."""

import dataclasses

import pytest

from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.errors import Conflict, Invalid, NotFound
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.secrets import find_blob_secret
from airgate_web.domain.server import Server
from airgate_web.domain.workload import ModelFile, find_spec_digest
from airgate_web.services.deployments import DeploymentWish, change_deployment, create_deployment
from airgate_web.services.models import publish_model, remove_model
from airgate_web.services.runtimes import put_runtimes
from tests.fakes.samples import NOON, make_deployment, make_observation, make_runtime

OTHER = ModelFile("iris", 3, "sklearn", "iris.pkl", "sha256:" + "9" * 64, 10)
WORKLOAD = find_workload(make_deployment(others=(OTHER,)))
SETTINGS = KubernetesSettings("http://web:8000", "internal-token")


@pytest.fixture
def desk(desk, ada):
    """The desk with three models, one of them in two versions."""
    for name, content in (("digits", b"model 1"), ("iris", b"model 2"), ("iris", b"model 3"), ("wine", b"model 4")):
        publish_model(desk, ada, "qc", name, f"{name}.onnx", iter([content]))
    desk.store.write_observation(make_observation(), NOON)
    return desk


def test_models_are_named_with_a_version_or_in_their_newest(desk, ada):
    """One process and one set of cards for all; a change of one is a change of the deployment."""
    made = create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", others=["wine", ("iris", 1)]))
    assert [(model.name, model.version) for model in made.models] == [("digits", 1), ("wine", 1), ("iris", 1)]
    assert made.what == "digits v1, wine v1, iris v1"
    newer = change_deployment(desk, ada, "qc", "live", DeploymentWish("digits", others=["wine", "iris"]))
    assert newer.others[1].version == 2
    assert find_spec_digest(find_workload(newer)) != find_spec_digest(find_workload(made))
    assert {model.digest for model in newer.models} <= desk.store.list_digests()


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (["digits"], "The model 'digits' is named twice"),
        (["wine", "wine"], "The model 'wine' is named twice"),
        (["none"], "There is no model 'none'"),
        ([("iris", 9)], "has no version '9'"),
    ],
)
def test_what_cannot_be_called_by_a_name_of_its_own_is_refused(desk, ada, others, said):
    """One sentence, and nothing is deployed."""
    with pytest.raises((Invalid, NotFound), match=said):
        create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", others=others))
    assert desk.store.list_deployments() == []


def test_a_server_of_others_serves_what_it_was_started_with(desk, ada):
    """It knows nothing of further models."""
    server = Server(8000, "/health", command=("vllm",), arguments=("{model}",))
    put_runtimes(desk, [make_runtime("llm", kind=RuntimeKind.SERVER, formats=("onnx",), server=server)])
    with pytest.raises(Invalid, match="serves one model"):
        create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", runtime="llm", others=["wine"]))


def test_a_model_that_is_served_beside_another_is_not_removed(desk, ada):
    """The deployment that uses it is named."""
    create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", others=["wine"]))
    with pytest.raises(Conflict, match="used by the deployment 'live'"):
        remove_model(desk, ada, "qc", "wine")


def test_a_pod_fetches_each_by_a_secret_of_its_own_and_serves_them_together() -> None:
    """One container holds the cards; what opens one file opens no other."""
    secret, _, deployment = make_manifests(WORKLOAD, SETTINGS)
    pod = deployment["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["initContainers"]] == ["fetch", "fetch-1"]
    assert secret["stringData"]["fetch-1"] == find_blob_secret("internal-token", OTHER.digest)
    keys = [each["env"][0]["valueFrom"]["secretKeyRef"]["key"] for each in pod["initContainers"]]
    assert keys == ["fetch", "fetch-1"]
    (container,) = pod["containers"]
    words = container["args"]
    place = words.index("--also")
    also = ["--also", "iris", "3", OTHER.digest, "sklearn", "/models/" + "9" * 64]
    assert words[place : place + 6] == also
    assert container["resources"]["limits"]["qualcomm.com/qaic"] == "1"


def test_one_model_alone_is_what_it_was_before() -> None:
    """Its pods run on through an upgrade."""
    alone = dataclasses.replace(WORKLOAD, others=())
    assert find_spec_digest(alone) == find_spec_digest(find_workload(make_deployment()))
    *_, deployment = make_manifests(alone, SETTINGS)
    assert "--also" not in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
