#!/usr/bin/python
"""Ansible module: the bundle brings Ansible and this repository to the machine that runs the playbooks."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_site_tools import SiteToolsRefused, apply_tools
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle_ansible
short_description: Put Ansible's wheels and this repository into the bundle
options:
  path: {description: "Folder of the bundle.", type: path, required: true}
  base: {description: "The repository.", type: path, required: true}
  wish: {description: "The release's `ansible`: lock and pythons; empty for none.", type: dict, required: true}
  platform: {description: "Such as linux/amd64.", type: str, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The bundle brings Ansible along
  airgate_bundle_ansible:
    path: /srv/bundle
    base: /srv/airgate
    wish: {lock: locks/ansible.txt, pythons: ["3.11"]}
    platform: linux/amd64
"""

RETURN = r"""
"""

OPTIONS = {
    "path": {"type": "path", "required": True},
    "base": {"type": "path", "required": True},
    "wish": {"type": "dict", "required": True},
    "platform": {"type": "str", "required": True},
}


def main() -> None:
    """Fetch and pack what differs; fail with one sentence."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    bundle, base = Path(given["path"]), Path(given["base"])
    try:
        changed = apply_tools(bundle, base, given["wish"], given["platform"], module.check_mode)
    except SiteToolsRefused as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
