#!/usr/bin/python
"""Ansible module: the bundle's manifest names every file of it, and is signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible.module_utils.airgate_layout import keep_only
from ansible.module_utils.airgate_manifest import MANIFEST, SIGNATURE, describe_files, render_manifest
from ansible.module_utils.airgate_release import IMAGES, ReleaseRefused, lock_release
from ansible.module_utils.airgate_signature import sign_manifest
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle_manifest
short_description: Lock the release, write the bundle's manifest and sign it
options:
  path: {description: "Folder of the bundle.", type: path, required: true}
  release: {description: "The release as inventory/release.yml has it.", type: dict, required: true}
  base: {description: "Folder that relative files start from.", type: path, required: true}
  private_key: {description: "OpenSSH private key that signs.", type: path, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The bundle is signed
  airgate_bundle_manifest:
    path: /srv/bundle
    release: "{{ airgate_release }}"
    base: /srv
    private_key: /root/release-key
"""

RETURN = r"""
release: {description: "The release as it is locked in the manifest.", type: dict, returned: success}
"""

OPTIONS = {
    "path": {"type": "path", "required": True},
    "release": {"type": "dict", "required": True},
    "base": {"type": "path", "required": True},
    "private_key": {"type": "path", "required": True},
}


def main() -> None:
    """Write and sign the manifest when it is not the one that is there; fail with one sentence."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        module.exit_json(**apply(module))
    except ReleaseRefused as error:
        module.fail_json(msg=str(error))
    except subprocess.CalledProcessError as error:
        key = module.params["private_key"]
        module.fail_json(msg=f"The bundle is not signed: {error.stderr.strip()}; name a key in place of {key}.")


def apply(module: AnsibleModule) -> dict[str, object]:
    """Return the module's result."""
    bundle, wish = Path(module.params["path"]), module.params["release"]
    if module.check_mode and not (bundle / MANIFEST).exists():
        return {"changed": True, "release": {}}
    if not module.check_mode:
        keep_only(bundle / IMAGES, {image["name"] for image in wish.get("images", [])})
    release = lock_release(wish, bundle, Path(module.params["base"]))
    text = render_manifest(release, describe_files(bundle))
    manifest = bundle / MANIFEST
    same = manifest.exists() and manifest.read_text(encoding="utf-8") == text and (bundle / SIGNATURE).exists()
    if not same and not module.check_mode:
        manifest.write_text(text, encoding="utf-8")
        sign_manifest(bundle, Path(module.params["private_key"]))
    return {"changed": not same, "release": release}


if __name__ == "__main__":
    main()
