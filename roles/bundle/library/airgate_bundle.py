#!/usr/bin/python
"""Ansible module: verify a bundle, and where `room` is given, put a verified copy of it on the node."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ansible.module_utils.airgate_manifest import BundleRefused
from ansible.module_utils.airgate_staging import Room, Trust, is_current, stage_bundle, verify_bundle
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle
short_description: Verify a bundle, and stage a verified copy of it
description:
  - Checks the signature of the manifest by the machine's own ssh-keygen, then every file against the manifest.
options:
  source: {description: "Folder that holds the bundle.", type: path, required: true}
  room: {description: "Folder for the staged copy; without it the bundle is verified where it lies.", type: path}
  public_key: {description: "The sender's OpenSSH public key.", type: str, required: true}
  installed: {description: "Record of the installed release; a bundle older than that is refused.", type: path}
  link: {description: "Link files; the source is ours, and goes on refusal.", type: bool, default: false}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The bundle on the medium is whole
  airgate_bundle:
    source: /media/airgate
    public_key: ssh-ed25519 AAAA...
"""

RETURN = r"""
release: {description: "What the bundle holds, from its signed manifest.", type: dict, returned: success}
path: {description: "Folder of the verified copy.", type: str, returned: success}
"""

OPTIONS = {
    "source": {"type": "path", "required": True},
    "room": {"type": "path"},
    "public_key": {"type": "str", "required": True},
    "installed": {"type": "path"},
    "link": {"type": "bool", "default": False},
}


def main() -> None:
    """Answer with the release, or fail with the one sentence that says why the bundle is refused."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    trust = Trust(given["public_key"], Path(given["installed"]) if given["installed"] else None)
    try:
        module.exit_json(**apply(module, Path(given["source"]), trust))
    except BundleRefused as error:
        if given["link"] and not module.check_mode:  # the role's own folder: what came over from the controller
            forget(Path(given["source"]))
        module.fail_json(msg=str(error))


def forget(arrived: Path) -> None:
    """Remove what came over, and the folder that it lies in when nothing else does."""
    shutil.rmtree(arrived, ignore_errors=True)
    with contextlib.suppress(OSError):
        arrived.parent.rmdir()


def apply(module: AnsibleModule, source: Path, trust: Trust) -> dict[str, object]:
    """Verify or stage, and return the module's result."""
    if not module.params["room"]:
        return {"changed": False, "release": verify_bundle(source, trust), "path": str(source)}
    room = Room(Path(module.params["room"]))
    if is_current(source, room):
        return {"changed": False, "release": verify_bundle(room.current, trust), "path": str(room.current)}
    if module.check_mode:
        return {"changed": True, "release": verify_bundle(source, trust), "path": str(source)}
    copy = os.link if module.params["link"] else shutil.copyfile
    return {"changed": True, "release": stage_bundle(source, room, trust, copy), "path": str(room.current)}


if __name__ == "__main__":
    main()
