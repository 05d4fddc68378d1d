"""A node's classes as labels: what has to change so that it has those that are wanted and no others of ours."""

from __future__ import annotations

VALUE = "true"
LABELS = {"control": "airgate.io/control", "compute": "airgate.io/compute", "deploy": "airgate.io/deploy"}


def plan_labels(present: dict[str, str], classes: list[str]) -> list[str]:
    """Return the arguments of `kubectl label` that make the node be of these classes; none when it is."""
    wanted = {label for name, label in LABELS.items() if name in classes}
    set_them = [f"{label}={VALUE}" for label in sorted(wanted) if present.get(label) != VALUE]
    drop_them = [f"{label}-" for label in sorted(LABELS.values()) if label in present and label not in wanted]
    return set_them + drop_them
