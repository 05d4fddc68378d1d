"""A workload that ends, as a Job and its container; and what the cluster says of its end. Pure."""

from typing import Any

from airgate_web.domain.task import Run, find_run_words
from airgate_web.domain.workload import ModelFile, Outcome, Workload

Manifest = dict[str, Any]
TRIES = 3  # new starts after a crash; what its process itself could tell is never tried again
FOLDER = "/work"  # outlives its container, so that a new start goes on where the last one ended
SERVED = ("ports", "startupProbe", "readinessProbe", "livenessProbe")  # what a container that answers has


def make_job_spec(template: Manifest) -> Manifest:
    """Return the spec of a Job that is run to its end once; another pod comes when the first one is gone for sure."""
    template["spec"] |= {"restartPolicy": "OnFailure"}
    return {"backoffLimit": TRIES, "podReplacementPolicy": "Failed", "template": template}


def make_job_container(container: Manifest, workload: Workload, path: str, web: str) -> Manifest:
    """Return `container` as one that runs a job and ends. path: of the model's file. web: where the web process is."""
    model, run = require_parts(workload)
    if not web:
        raise ValueError("No address of the web process is known, to which jobs report: --web-url.")
    words = find_run_words(run, find_data_path(run), FOLDER, web)
    return {
        **{name: value for name, value in container.items() if name not in SERVED},
        "args": ["job", path, "--format", model.format, *words],
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "work", "mountPath": FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }


def require_parts(workload: Workload) -> tuple[ModelFile, Run]:
    """Return a job's model and what it does with it."""
    assert workload.model and workload.run, workload.name
    return workload.model, workload.run


def find_data_path(run: Run) -> str:
    """Return where the data set's file lies in the pod."""
    return f"/models/data-{run.data.digest.removeprefix('sha256:')}"


def find_outcome(job: Manifest) -> tuple[Outcome | None, str]:
    """Return how a Job has ended, None while it has not; and of one that failed the cluster's reason."""
    for condition in job["status"].get("conditions") or []:
        if condition["status"] == "True" and condition["type"] == "Complete":
            return Outcome.SUCCEEDED, ""
        if condition["status"] == "True" and condition["type"] == "Failed":
            return Outcome.FAILED, ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    return None, ""
