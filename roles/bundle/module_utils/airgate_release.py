"""From the release as it is wished (inventory/release.yml) to the release as it is locked in the bundle.

The wish says where each part comes from; the lock says which file of the bundle it is and what its digest is.
Roles on the node read the lock alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.airgate_chart import read_identity
from ansible.module_utils.airgate_layout import NAME, read_index
from ansible.module_utils.airgate_manifest import VERSION, read_digest

IMAGES = "images"  # the OCI layout's folder in a bundle
FOLDERS = {"snaps": "snaps", "charts": "charts", "debs": "debs", "wheels": "wheels"}


class ReleaseRefused(Exception):
    """One sentence: what in inventory/release.yml cannot be built."""


def plan_files(release: dict[str, Any], base: Path) -> dict[str, Path]:
    """Return the plain files that the bundle takes over: path in the bundle to source. Charts in folders come apart.

    base: the folder that relative sources start from.
    """
    plan = {}
    for snap in release.get("snaps", []):
        source = snap.get("from", {}).get("file")
        plan.update({f"snaps/{snap['name']}.snap": base / source} if source else {})
        assertion = snap.get("from", {}).get("assertion")
        plan.update({f"snaps/{snap['name']}.assert": base / assertion} if assertion else {})
    for kind in ("debs", "wheels"):
        plan.update({f"{kind}/{Path(one).name}": base / one for one in release.get(kind, [])})
    for chart in release.get("charts", []):
        source = base / chart["from"]["file"] if "file" in chart["from"] else None
        plan.update({f"charts/{source.name}": source} if source else {})
    return plan


def plan_charts(release: dict[str, Any], base: Path) -> dict[str, Path]:
    """Return the charts that are packed from folders: path in the bundle to folder."""
    folders = [base / chart["from"]["folder"] for chart in release.get("charts", []) if "folder" in chart["from"]]
    return {f"charts/{'-'.join(read_identity(folder))}.tgz": folder for folder in folders}


def lock_release(release: dict[str, Any], bundle: Path, base: Path) -> dict[str, Any]:
    """Return the release that the bundle's manifest promises, made from what lies in the bundle."""
    if not VERSION.match(str(release.get("version", ""))):
        raise ReleaseRefused(f"version {release.get('version')!r} is not three numbers such as 1.12.0; correct it.")
    same = {key: release[key] for key in ("name", "version", "built", "platform")}
    return {
        **same,
        "snaps": [lock_snap(snap, bundle) for snap in release.get("snaps", [])],
        "images": lock_images(release, bundle),
        "charts": lock_charts(release, bundle, base),
        "apps": [lock_app(app, release, bundle) for app in release.get("apps", [])],
        "debs": [f"debs/{Path(one).name}" for one in release.get("debs", [])],
        "wheels": [f"wheels/{Path(one).name}" for one in release.get("wheels", [])],
    }


def lock_snap(snap: dict[str, Any], bundle: Path) -> dict[str, Any]:
    """Return one snap's name, file, digest, confinement and, where there is one, assertion."""
    file, assertion = f"snaps/{snap['name']}.snap", f"snaps/{snap['name']}.assert"
    return {
        "name": snap["name"],
        "file": file,
        "assertion": assertion if (bundle / assertion).exists() else "",
        "sha256": read_digest(bundle / file),
        "classic": bool(snap.get("classic", False)),
    }


def lock_images(release: dict[str, Any], bundle: Path) -> list[dict[str, Any]]:
    """Return name and digest of each image that the layout holds, in the order of their names."""
    wanted = {image["name"] for image in release.get("images", [])}
    found = {one["annotations"][NAME]: one["digest"] for one in read_index(bundle / IMAGES)}
    return [{"name": name, "digest": found[name]} for name in sorted(wanted)]


def lock_charts(release: dict[str, Any], bundle: Path, base: Path) -> list[dict[str, Any]]:
    """Return name, file and digest of each chart."""
    folders = {chart["name"]: base / chart["from"].get("folder", "") for chart in release.get("charts", [])}
    locked = []
    for chart in release.get("charts", []):
        if "file" in chart["from"]:
            file = f"charts/{Path(chart['from']['file']).name}"
        else:
            file = f"charts/{'-'.join(read_identity(folders[chart['name']]))}.tgz"
        locked.append({"name": chart["name"], "file": file, "sha256": read_digest(bundle / file)})
    return locked


def lock_app(app: dict[str, Any], release: dict[str, Any], bundle: Path) -> dict[str, Any]:
    """Return one app with its images written into its values by digest."""
    digests = {image["name"]: image["digest"] for image in lock_images(release, bundle)}
    values = app.get("values", {})
    for at, name in sorted(app.get("images", {}).items()):
        if name not in digests:
            raise ReleaseRefused(f"app {app['name']} wants image {name}, which is not among the images; add it there.")
        values = put(values, at.split("."), {**split_name(name), "digest": digests[name]})
    return {"name": app["name"], "chart": app["chart"], "namespace": app["namespace"], "values": values}


def put(values: Any, path: list[str], what: dict[str, Any]) -> Any:
    """Return the values with `what` merged in at a path; in a list a word finds its place by number or by slug."""
    if not path:
        return {**(values or {}), **what}
    head, *rest = path
    if isinstance(values, list):
        return [
            put(one, rest, what) if head in (str(place), one.get("slug")) else one for place, one in enumerate(values)
        ]
    return {**(values or {}), head: put((values or {}).get(head), rest, what)}


def split_name(name: str) -> dict[str, str]:
    """Return an image's registry and repository: registry:5000/airgate/web:1 gives registry:5000 and airgate/web."""
    registry, _, rest = name.partition("/")
    return {"registry": registry, "repository": rest.rpartition(":")[0] or rest}
