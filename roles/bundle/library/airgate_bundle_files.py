#!/usr/bin/python
"""Ansible module: the bundle holds exactly the release's snaps, charts, debs and wheels."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from ansible.module_utils.airgate_chart import pack_chart
from ansible.module_utils.airgate_release import FOLDERS, plan_charts, plan_files
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle_files
short_description: Put a release's plain files and charts into the bundle, and nothing else
options:
  path: {description: "Folder of the bundle.", type: path, required: true}
  release: {description: "The release as inventory/release.yml has it.", type: dict, required: true}
  base: {description: "Folder that relative files start from.", type: path, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The bundle holds the release's files
  airgate_bundle_files:
    path: /srv/bundle
    release: "{{ airgate_release }}"
    base: /srv
"""

RETURN = r"""
"""

OPTIONS = {
    "path": {"type": "path", "required": True},
    "release": {"type": "dict", "required": True},
    "base": {"type": "path", "required": True},
}


def main() -> None:
    """Bring the folders to what the release says; fail with one sentence when a source is missing."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    bundle, base = Path(module.params["path"]), Path(module.params["base"])
    files = plan_files(module.params["release"], base)
    missing = [str(source) for source in files.values() if not source.is_file()]
    if missing:
        module.fail_json(msg=f"{missing[0]} is not there; make it, or correct its source in inventory/release.yml.")
    charts = {path: pack_chart(folder) for path, folder in plan_charts(module.params["release"], base).items()}
    stale = find_stale(bundle, {*files, *charts, *(f"snaps/{name}" for name in downloaded(module.params["release"]))})
    changed = [path for path, source in files.items() if is_other(bundle / path, source)]
    repacked = [path for path, content in charts.items() if read_bytes(bundle / path) != content]
    if not module.check_mode:
        apply(bundle, {path: files[path] for path in changed}, {path: charts[path] for path in repacked}, stale)
    module.exit_json(changed=bool(changed or repacked or stale), files=sorted([*changed, *repacked]))


def downloaded(release: dict[str, object]) -> list[str]:
    """Return the names of the files that the snap store step keeps."""
    names = [snap["name"] for snap in release.get("snaps", []) if "store" in snap["from"]]
    return [f"{name}.{kind}" for name in names for kind in ("snap", "assert")]


def find_stale(bundle: Path, wanted: set[str]) -> list[Path]:
    """Return the files in the folders of plain files that the release does not have."""
    present = [path for folder in FOLDERS.values() for path in (bundle / folder).rglob("*") if path.is_file()]
    return [path for path in present if path.relative_to(bundle).as_posix() not in wanted]


def is_other(target: Path, source: Path) -> bool:
    """Say whether the bundle's file is missing or of another content."""
    return not target.exists() or not filecmp.cmp(source, target, shallow=False)


def read_bytes(path: Path) -> bytes | None:
    """Return a file's content, or None when there is none."""
    return path.read_bytes() if path.exists() else None


def apply(bundle: Path, files: dict[str, Path], charts: dict[str, bytes], stale: list[Path]) -> None:
    """Copy, write and remove what differs."""
    for path in stale:
        path.unlink()
    for path in (*files, *charts):
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
    for path, source in files.items():
        shutil.copyfile(source, bundle / path)
    for path, content in charts.items():
        (bundle / path).write_bytes(content)


if __name__ == "__main__":
    main()
