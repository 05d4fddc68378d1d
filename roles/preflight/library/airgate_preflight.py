#!/usr/bin/python
"""Ansible module: the machine can become a node."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_preflight import Need, find_machine, judge
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_preflight
short_description: Hold the machine against what a node must have
options:
  memory_mib: {description: "Memory in MiB.", type: int, required: true}
  cores: {description: "CPU cores.", type: int, required: true}
  disk: {description: "Folder that images will fill.", type: path, required: true}
  disk_mib: {description: "Free space there in MiB.", type: int, required: true}
  systems: {description: "Systems that were tried, such as ubuntu 24.04.", type: list, elements: str, required: true}
  kernel: {description: "Oldest kernel.", type: str, required: true}
  ports: {description: "Ports that must be free.", type: list, elements: int, required: true}
  snapd: {description: "Whether snapd must be running.", type: bool, required: true}
  now: {description: "The node's clock in seconds since 1970.", type: int, required: true}
  not_before: {description: "Day before which a clock is certainly wrong.", type: str, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

NEEDS = {
    "memory_mib": {"type": "int", "required": True},
    "cores": {"type": "int", "required": True},
    "disk_mib": {"type": "int", "required": True},
    "systems": {"type": "list", "elements": "str", "required": True},
    "kernel": {"type": "str", "required": True},
    "ports": {"type": "list", "elements": "int", "required": True},
    "snapd": {"type": "bool", "required": True},
    "not_before": {"type": "str", "required": True},
}
OPTIONS = {**NEEDS, "disk": {"type": "path", "required": True}, "now": {"type": "int", "required": True}}


def main() -> None:
    """Fail with every problem at once, so that a person walks to the machine once."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = {name: module.params[name] for name in NEEDS}
    need = Need(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
    problems = judge(find_machine(Path("/"), Path(module.params["disk"]), module.params["now"]), need)
    if problems:
        module.fail_json(msg="\n".join(problems))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
