#!/usr/bin/python
"""Ansible module: a node of the cluster is of the wished classes."""

from __future__ import annotations

import json
import shlex

from ansible.module_utils.airgate_labels import plan_labels
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_node_labels
short_description: Give a node its class labels
options:
  node: {description: "The node's name in the cluster.", type: str, required: true}
  classes: {description: "Of control, compute, deploy.", type: list, elements: str, required: true}
  kubectl: {description: "The command that speaks to the cluster.", type: str, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

OPTIONS = {
    "node": {"type": "str", "required": True},
    "classes": {"type": "list", "elements": "str", "required": True},
    "kubectl": {"type": "str", "required": True},
}


def main() -> None:
    """Label the node; fail with one sentence when the cluster has no such node."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    kubectl, node = shlex.split(module.params["kubectl"]), module.params["node"]
    try:
        status, found, words = module.run_command(
            [*kubectl, "get", "node", node, "-o", "json"], handle_exceptions=False
        )
    except OSError as error:
        status, found, words = 1, "", str(error)
    if status != 0 and not module.check_mode:
        module.fail_json(msg=f"The cluster does not show a node {node}: {words.strip()}; set airgate_node_labels_node.")
    present = json.loads(found)["metadata"]["labels"] if status == 0 else {}
    changes = plan_labels(present, module.params["classes"])
    if changes and not module.check_mode:
        module.run_command([*kubectl, "label", "node", node, "--overwrite", *changes], check_rc=True)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
