#!/usr/bin/python
"""Ansible module: the release's snaps are installed, by digest and in order."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_snaps import (
    SnapRefused,
    apply_commands,
    find_installed,
    plan_commands,
    plan_installs,
    read_snaps,
)
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_snaps
short_description: Install a release's snaps by digest and in order
options:
  snaps: {description: "The release's snaps.", type: list, elements: dict, required: true}
  bundle: {description: "Folder of the verified bundle.", type: path, required: true}
  unasserted: {description: "Install snaps that no assertion vouches for.", type: bool, default: false}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
installed: {description: "Names of the snaps that were installed.", type: list, returned: success}
"""

OPTIONS = {
    "snaps": {"type": "list", "elements": "dict", "required": True},
    "bundle": {"type": "path", "required": True},
    "unasserted": {"type": "bool", "default": False},
}


def main() -> None:
    """Install what differs; fail with one sentence."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    snaps = read_snaps(module.params["snaps"], Path(module.params["bundle"]))
    wanted = plan_installs(snaps, {snap.name: find_installed(Path("/"), snap.name) for snap in snaps})
    try:
        plans = [(snap, plan_commands(snap, module.params["unasserted"])) for snap in wanted]
        for snap, commands in [] if module.check_mode else plans:
            apply_commands(snap, commands)
    except SnapRefused as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(wanted), installed=[snap.name for snap in wanted])


if __name__ == "__main__":
    main()
