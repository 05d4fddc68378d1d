#!/usr/bin/python
"""Ansible module: every variable of the inventory is one that a role reads, with a value of its type."""

from __future__ import annotations

from ansible.module_utils.airgate_variables import collect_options, judge_variables
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_variables
short_description: Find misspelled and wrongly typed inventory variables
options:
  given: {description: "The variables of our prefix.", type: dict, required: true}
  specs: {description: "The argument specs of all roles.", type: list, elements: dict, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

OPTIONS = {
    "given": {"type": "dict", "required": True, "no_log": False},
    "specs": {"type": "list", "elements": "dict", "required": True},
}


def main() -> None:
    """Fail with every problem at once."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    problems = judge_variables(module.params["given"], collect_options(module.params["specs"]))
    if problems:
        module.fail_json(msg="\n".join(problems))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
