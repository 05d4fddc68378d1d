"""An app of the release: its chart out of the bundle with all its values, and whether the cluster runs just that.

What Helm installed is known again by a digest over chart and values in the revision's description.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
WAITING = {"ContainerCreating", "PodInitializing"}  # reasons that say nothing by themselves


@dataclass(frozen=True)
class App:
    """One Helm release as it is wished."""

    name: str
    namespace: str
    chart: str  # path on the node
    chart_sha256: str
    values: dict[str, Any]

    @property
    def mark(self) -> str:
        """The digest by which this very chart with these very values is known again."""
        text = json.dumps([self.chart_sha256, self.values], sort_keys=True)
        return "airgate " + hashlib.sha256(text.encode()).hexdigest()


def read_values(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return what the files of a folder of values say about an app, in the order of their names."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    return [json.loads(file.read_text(encoding="utf-8")).get(name, {}) for file in files]


def merge(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return mappings merged to their depth; a later one wins, a list replaces a list."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def plan(status: dict[str, Any] | None, app: App) -> str:
    """Return what has to be done: nothing, upgrade, or unlock (an earlier run was cut off in the middle).

    status: what `helm status -o json` says, None when there is no such release.
    """
    info = (status or {}).get("info", {})
    if info.get("status") in PENDING:
        return "unlock"
    return "nothing" if (info.get("status"), info.get("description")) == ("deployed", app.mark) else "upgrade"


def explain_pods(pods: list[dict[str, Any]]) -> list[str]:
    """Return one sentence for each pod that is not ready: what it waits for, in Kubernetes' words."""
    return [f"{pod['metadata']['name']}: {explain_pod(pod['status'])}" for pod in pods if not is_ready(pod["status"])]


def is_ready(status: dict[str, Any]) -> bool:
    """Say whether a pod is ready, or has done its work."""
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    return status.get("phase") == "Succeeded" or conditions.get("Ready") == "True"


def explain_pod(status: dict[str, Any]) -> str:
    """Return why a pod is not ready."""
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting", {})
        if waiting and waiting.get("reason") not in WAITING:
            return f"container {container['name']} waits, {waiting.get('reason')}: {waiting.get('message', '')}".strip()
    for condition in status.get("conditions", []):
        if condition["status"] != "True" and condition.get("message"):
            return condition["message"]
    return f"it is {status.get('phase', 'unknown')}"
