#!/usr/bin/python
"""Ansible module: objects are in the cluster as given; changed says whether the cluster had to be changed."""

from __future__ import annotations

import json
import shlex

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_objects
short_description: Apply objects to the cluster
options:
  objects: {description: "Manifests.", type: list, elements: dict, required: true}
  kubectl: {description: "The command that speaks to the cluster.", type: str, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

OPTIONS = {
    "objects": {"type": "list", "elements": "dict", "required": True},
    "kubectl": {"type": "str", "required": True},
}
SAME, DIFFERENT = 0, 1  # exit statuses of `kubectl diff`


def main() -> None:
    """Compare, then apply what differs; fail with the cluster's own words."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": module.params["objects"]})
    status = run(module, text, "diff")[0]
    if status != SAME and not module.check_mode:
        status, words = run(module, text, "apply")
        if status != 0:
            module.fail_json(msg=f"The cluster does not take an object: {' '.join(words.split())}.")
        module.exit_json(changed=True)
    module.exit_json(changed=status != SAME)


def run(module: AnsibleModule, text: str, verb: str) -> tuple[int, str]:
    """Return how `kubectl VERB -f -` ended and its complaint; a missing kubectl counts as a difference."""
    try:
        status, _, words = module.run_command(
            [*shlex.split(module.params["kubectl"]), verb, "-f", "-"], data=text, handle_exceptions=False
        )
    except OSError as error:
        return DIFFERENT, str(error)
    return status, words


if __name__ == "__main__":
    main()
