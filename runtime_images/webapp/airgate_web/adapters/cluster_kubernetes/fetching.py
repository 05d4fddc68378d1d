"""The files that a workload's pod fetches before its container starts, and what opens each of them. Pure."""

from airgate_web.adapters.cluster_kubernetes.containers import (
    ENV_FETCH_TOKEN,
    KEY_FETCH,
    LOCKED,
    Manifest,
    find_model_path,
    make_resources,
    make_secret_env,
)
from airgate_web.adapters.cluster_kubernetes.jobs import find_data_path
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.domain.workload import Kind, Workload

KEY_DATA = "fetch-data"  # in the workload's Secret: what opens a job's data set


def find_fetch_secret(workload: Workload, token: str) -> dict[str, str]:
    """Return what opens the files that a workload fetches; a server of others fetches none."""
    if workload.kind is Kind.TESTER:
        return {KEY_FETCH: find_blobs_secret(token)}
    return {key: find_blob_secret(token, digest) for key, digest, _ in list_fetched(workload)}


def list_fetched(workload: Workload) -> list[tuple[str, str, str]]:
    """Return (key in the Secret, digest, place in the pod) of each file that a workload fetches.

    A server of others fetches none.
    """
    if workload.server or not workload.model:
        return []
    models = enumerate((workload.model, *workload.others))
    found = [(find_fetch_key(number), model.digest, find_model_path(model)) for number, model in models]
    run = workload.run
    return [*found, (KEY_DATA, run.data.digest, find_data_path(run))] if run else found


def find_fetch_key(number: int) -> str:
    """Return the key in the Secret of what opens a model's file."""
    return f"{KEY_FETCH}-{number}" if number else KEY_FETCH


def make_fetcher(workload: Workload, key: str, digest: str, place: str, settings: KubernetesSettings) -> Manifest:
    """Return the init container that fetches a file by its digest; a restart of the main one needs it no more."""
    url = f"{settings.blobs_url}/internal/blobs/{digest.removeprefix('sha256:')}"
    return {
        "name": key,
        "image": workload.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["fetch", "--url", url, "--digest", digest, "--to", place],
        "env": [make_secret_env(ENV_FETCH_TOKEN, workload, key)],
        "resources": make_resources(workload.amounts, cards=False),
        "securityContext": LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "models", "mountPath": "/models"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
