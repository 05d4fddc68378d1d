"""Models that are folders: registered where they lie, and mounted there."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from airgate_kit import names
from airgate_kit.manifest import NAME, Entry, read_manifest, render_manifest
from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.adapters.folders_disk import DiskFolders
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.errors import Invalid
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.server import Server
from airgate_web.domain.workload import ModelFile
from airgate_web.services.deployments import DeploymentWish, create_deployment
from airgate_web.services.folders import register_model
from airgate_web.services.models import remove_model
from airgate_web.services.no_folders import NoFolders
from airgate_web.services.runtimes import put_runtimes
from tests.fakes.samples import NOON, make_deployment, make_observation, make_runtime

SERVER = Server(8000, "/health", command=("vllm",), arguments=("{model}",))
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of one file with its manifest, on a disk."""
    folder = tmp_path / "disk" / "llama"
    folder.mkdir(parents=True)
    (folder / "a.safetensors").write_bytes(b"12345")
    (folder / NAME).write_bytes(render_manifest({"a.safetensors": Entry(5, DIGEST)}))
    return folder


@pytest.fixture
def desk(desk, folder):
    """The desk with that disk, and a server on offer that takes folders."""
    offered = make_runtime("llm", kind=RuntimeKind.SERVER, formats=("directory",), server=SERVER)
    put_runtimes(desk, [offered])
    desk.store.write_observation(make_observation(), NOON)
    return dataclasses.replace(desk, folders=DiskFolders([folder.parent]))


def test_a_folder_becomes_a_version_and_is_deployed_on_a_server(desk, ada, folder):
    """Nothing is copied; the server that takes folders is found by itself; removing the model leaves the folder."""
    digest, _ = read_manifest(folder)
    made = register_model(desk, ada, "qc", "llama", f"{folder}/", f" {digest} ")
    assert (made.version, made.format, made.size, made.path) == (1, "directory", 5, str(folder))
    kept = create_deployment(desk, ada, "qc", "live", DeploymentWish("llama"))
    assert kept.model == ModelFile("llama", 1, "directory", "llama", digest, 5, str(folder))
    assert (kept.runtime, kept.server) == ("llm", SERVER)
    desk.store.remove_deployment("qc", "live", NOON)
    remove_model(desk, ada, "qc", "llama")
    assert (folder / "a.safetensors").exists()


def test_what_is_not_what_its_manifest_says_is_refused(desk, ada, folder):
    """Another digest, a missing file, no manifest, a digest that is none."""
    digest, _ = read_manifest(folder)
    for wrong, said in ((DIGEST, "has another digest"), ("sha256:0", "is not sha256: and 64")):
        with pytest.raises(Invalid, match=said):
            register_model(desk, ada, "qc", "llama", str(folder), wrong)
    (folder / "a.safetensors").unlink()
    with pytest.raises(Invalid, match=r"a\.safetensors is missing"):
        register_model(desk, ada, "qc", "llama", str(folder), digest)
    (folder / NAME).unlink()
    with pytest.raises(Invalid, match="has no airgate-manifest"):
        register_model(desk, ada, "qc", "llama", str(folder), digest)
    assert desk.store.list_models("qc") == []


def test_only_what_lies_below_a_named_place_is_looked_at(desk, ada, folder, tmp_path):
    """Neither dots nor links nor the place itself lead elsewhere."""
    (folder.parent / "link").symlink_to("/etc")
    for path in (
        "/etc",
        str(folder.parent),
        str(folder.parent / "link"),
        f"{folder}/../../x",
        "llama",
        f"{tmp_path}/x",
    ):
        with pytest.raises(Invalid, match=r"outside the places|is not the folder's own"):
            register_model(desk, ada, "qc", "llama", path, DIGEST)


def test_without_a_named_place_nothing_is_registered(desk, ada, folder):
    """It is the site that names places, not a user."""
    with pytest.raises(Invalid, match="No place is named"):
        register_model(dataclasses.replace(desk, folders=NoFolders()), ada, "qc", "llama", str(folder), DIGEST)


def test_a_server_that_would_not_be_told_is_refused(desk, ada, folder):
    """A model that nobody opens would look as if it were served."""
    deaf = dataclasses.replace(SERVER, arguments=())
    put_runtimes(desk, [make_runtime("llm", kind=RuntimeKind.SERVER, formats=("directory",), server=deaf)])
    register_model(desk, ada, "qc", "llama", str(folder), read_manifest(folder)[0])
    with pytest.raises(Invalid, match="not told of its model"):
        create_deployment(desk, ada, "qc", "live", DeploymentWish("llama"))
    assert create_deployment(desk, ada, "qc", "live", DeploymentWish("llama", arguments="{model}")).server


def make_pod(path: str) -> dict[str, Any]:
    """Return the pod of a server whose model lies at `path`."""
    model = ModelFile("llama", 1, "directory", "llama", DIGEST, 5, path)
    workload = find_workload(make_deployment(model=model, server=SERVER))
    *_, deployment = make_manifests(workload, KubernetesSettings("http://web:8000", "internal"))
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def test_a_pod_sees_its_own_model_and_cannot_write_to_it() -> None:
    """Of a disk, which is a claim, the one folder is mounted, where web saw it."""
    path = f"{names.MODEL_DISKS}/nas/meta/llama"
    pod = make_pod(path)
    (container,) = pod["containers"]
    assert container["args"] == [path]
    mount = {"name": "models", "mountPath": path, "subPath": "meta/llama", "readOnly": True}
    assert mount in container["volumeMounts"]
    claim = {"claimName": "airgate-models-nas", "readOnly": True}
    assert {"name": "models", "persistentVolumeClaim": claim} in pod["volumes"]


@pytest.mark.parametrize("path", ["/srv/llama", f"{names.MODEL_DISKS}/nas", f"{names.MODEL_DISKS}x/nas/a"])
def test_a_path_on_no_disk_of_the_cluster_is_refused(path: str) -> None:
    """The deployment says so, and nothing is mounted."""
    with pytest.raises(ValueError, match="lies on no disk of the cluster"):
        make_pod(path)
