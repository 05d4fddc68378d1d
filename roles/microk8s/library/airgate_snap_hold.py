#!/usr/bin/python
"""Ansible module: a snap stays at its revision, by what the snapd at hand can do."""

from __future__ import annotations

import subprocess

from ansible.module_utils.airgate_snaps import plan_hold, read_snapd_version
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_snap_hold
short_description: Keep a snap at its revision
options:
  name: {description: "The snap.", type: str, required: true}
  until: {description: "Day that a snapd before 2.58 is given, in RFC 3339.", type: str, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The microk8s snap is held
  airgate_snap_hold:
    name: microk8s
    until: "2099-01-01T00:00:00Z"
"""

RETURN = r"""
"""

OPTIONS = {"name": {"type": "str", "required": True}, "until": {"type": "str", "required": True}}


def main() -> None:
    """Hold the snap unless it is held; fail with snapd's own words."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    name = module.params["name"]
    command = plan_hold(
        read_snapd_version(ask("snap", "version")),
        ask("snap", "list", name),
        name,
        module.params["until"],
        ask("snap", "get", "system", "refresh.hold").strip(),
    )
    if command and not module.check_mode:
        status, _, words = module.run_command(command)
        if status != 0:
            module.fail_json(msg=f"snapd does not hold the snap {name}: {' '.join(words.split())}.")
    module.exit_json(changed=bool(command))


def ask(*command: str) -> str:
    """Return what a command prints; nothing when it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    main()
