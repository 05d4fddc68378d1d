#!/usr/bin/python
"""Ansible module: systemd units are masked and stopped, or neither, all in one go."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_units import apply_masks, find_masked, find_ours, remove_masks
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_units
short_description: Mask systemd units, whether this system has them or not
options:
  units: {description: "The units.", type: list, elements: str, required: true}
  masked: {description: "Whether they are to be masked.", type: bool, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: Nothing looks for packages
  airgate_units:
    units: [apt-daily.timer]
    masked: true
"""

RETURN = r"""
units: {description: "The units that were changed.", type: list, returned: success}
"""

OPTIONS = {"units": {"type": "list", "elements": "str", "required": True}, "masked": {"type": "bool", "required": True}}
FOLDER = Path("/etc/systemd/system")


def main() -> None:
    """Mask or unmask what differs; what was masked is stopped, what was unmasked is started where it exists."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    units, masked = module.params["units"], module.params["masked"]
    present = find_masked(FOLDER, units)
    changes = [unit for unit in units if unit not in present] if masked else find_ours(FOLDER, units)
    if changes and not module.check_mode:
        (apply_masks if masked else remove_masks)(FOLDER, changes)
        module.run_command(["systemctl", "daemon-reload"], check_rc=True)
        for unit in changes:  # a unit that this system does not have is an error of systemctl, and none of ours
            module.run_command(["systemctl", "stop" if masked else "start", unit])
    module.exit_json(changed=bool(changes), units=changes)


if __name__ == "__main__":
    main()
