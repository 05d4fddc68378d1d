#!/usr/bin/python
"""Ansible module: nodes, pods and cards are what a working product has."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from ansible.module_utils.airgate_proof import judge
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_proof
short_description: Say what of the product does not work
options:
  node: {description: "This machine's name in the cluster.", type: str, required: true}
  namespaces: {description: "Namespaces whose pods must be ready.", type: list, elements: str, required: true}
  devices: {description: "Patterns of accelerators' device nodes.", type: list, elements: str, required: true}
  kubectl: {description: "The command that speaks to the cluster.", type: str, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
problems: {description: "One sentence each; empty when all works.", type: list, returned: always}
"""

OPTIONS = {
    "node": {"type": "str", "required": True},
    "namespaces": {"type": "list", "elements": "str", "required": True},
    "devices": {"type": "list", "elements": "str", "required": True},
    "kubectl": {"type": "str", "required": True},
}


def main() -> None:
    """Answer with the problems; whoever asks decides how long to wait for none."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    nodes = find(module, "nodes")
    pods = [pod for namespace in given["namespaces"] for pod in find(module, "pods", "--namespace", namespace)]
    cards = sum(1 for pattern in given["devices"] for _ in Path("/").glob(pattern.lstrip("/")))
    module.exit_json(changed=False, problems=judge(nodes, pods, cards, given["node"]))


def find(module: AnsibleModule, *words: str) -> list[dict[str, object]]:
    """Return the objects that kubectl finds."""
    command = [*shlex.split(module.params["kubectl"]), "get", *words, "-o", "json"]
    _, text, _ = module.run_command(command, check_rc=True)
    return json.loads(text)["items"]


if __name__ == "__main__":
    main()
