#!/usr/bin/python
"""Ansible module: this machine has all that the release's bundle is built with."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_ready import Build, judge_build
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle_ready
short_description: Say at once everything that a bundle's build lacks
options:
  release: {description: "The release as inventory/release.yml has it.", type: dict, required: true}
  base: {description: "Folder that relative files start from.", type: path, required: true}
  private_key: {description: "OpenSSH private key that signs.", type: path, default: ""}
  reads_snap: {description: "Whether MicroK8s' images are read from its snap.", type: bool, default: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The build can begin
  airgate_bundle_ready:
    release: "{{ airgate_release }}"
    base: /srv
    private_key: /root/release-key
"""

RETURN = r"""
"""

OPTIONS = {
    "release": {"type": "dict", "required": True},
    "base": {"type": "path", "required": True},
    "private_key": {"type": "path", "default": "", "no_log": False},
    "reads_snap": {"type": "bool", "default": True},
}


def main() -> None:
    """Fail with every missing thing in one message, before anything is fetched."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    build = Build(given["release"], Path(given["base"]), given["private_key"] or "", given["reads_snap"])
    missing = judge_build(build)
    if missing:
        module.fail_json(msg="\n".join(missing))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
