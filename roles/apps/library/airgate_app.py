#!/usr/bin/python
"""Ansible module: the cluster runs an app of the release, ready."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from ansible.module_utils.airgate_app import App, explain_pods, merge, plan, read_values
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_app
short_description: Install or upgrade one app of a release by Helm
options:
  app: {description: "The app as the release has it.", type: dict, required: true}
  charts: {description: "The release's charts.", type: list, elements: dict, required: true}
  bundle: {description: "Folder of the verified bundle.", type: path, required: true}
  values_folder: {description: "Folder of files with further values.", type: path, required: true}
  values: {description: "The site's own values.", type: dict, default: {}}
  helm: {description: "The command that runs Helm.", type: str, required: true}
  kubectl: {description: "The command that speaks to the cluster.", type: str, required: true}
  ready_within: {description: "Seconds that its pods may take to be ready.", type: int, required: true}
  state: {description: "Present or absent.", type: str, choices: [present, absent], default: present}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
"""

OPTIONS = {
    "app": {"type": "dict", "required": True},
    "charts": {"type": "list", "elements": "dict", "required": True},
    "bundle": {"type": "path", "required": True},
    "values_folder": {"type": "path", "required": True},
    "values": {"type": "dict", "default": {}},
    "helm": {"type": "str", "required": True},
    "kubectl": {"type": "str", "required": True},
    "ready_within": {"type": "int", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Bring the app to what is wished; fail with what its pods wait for."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    app = read_app(module)
    status = find_status(module, app)
    if module.params["state"] == "absent":
        remove(module, app, status)
    todo = plan(status, app)
    if todo == "unlock" and not module.check_mode:
        unlock(module, app)
    if todo != "nothing" and not module.check_mode:
        upgrade(module, app)
    module.exit_json(changed=todo != "nothing", mark=app.mark)


def read_app(module: AnsibleModule) -> App:
    """Return the app with its values from the bundle, from the node and from the site, the later ones winning."""
    given, bundle = module.params["app"], Path(module.params["bundle"])
    chart = next((one for one in module.params["charts"] if one["name"] == given["chart"]), None)
    if chart is None:
        module.fail_json(msg=f"The bundle has no chart {given['chart']} for app {given['name']}; build it again.")
    found = read_values(Path(module.params["values_folder"]), given["name"])
    values = merge(given["values"], *found, module.params["values"])
    return App(given["name"], given["namespace"], str(bundle / chart["file"]), chart["sha256"], values)


def find_status(module: AnsibleModule, app: App) -> dict[str, object] | None:
    """Return what Helm says about the release, None when there is none."""
    status, words, _ = helm(module, app, "status", app.name, "--output", "json")
    return json.loads(words) if status == 0 else None


def unlock(module: AnsibleModule, app: App) -> None:
    """Drop the record of a revision that was cut off in the middle: Helm would wait for its end for ever."""
    command = [*shlex.split(module.params["kubectl"]), "delete", "secret", "--namespace", app.namespace]
    chosen = f"owner=helm,name={app.name},status in (pending-install,pending-upgrade,pending-rollback)"
    module.run_command([*command, "--selector", chosen], check_rc=True)


def upgrade(module: AnsibleModule, app: App) -> None:
    """Install or upgrade and wait until everything is ready; fail with what its pods wait for."""
    within = f"{module.params['ready_within']}s"
    options = ["--values", "-", "--wait", "--timeout", within, "--description", app.mark, "--history-max", "5"]
    status, _, words = helm(
        module, app, "upgrade", "--install", app.name, app.chart, *options, text=json.dumps(app.values)
    )
    if status != 0:
        waiting = " ".join(f"{sentence};" for sentence in explain_pods(find_pods(module, app)))
        module.fail_json(
            msg=f"App {app.name} is not ready within {within}: {' '.join(words.split())} {waiting}".strip()
        )


def remove(module: AnsibleModule, app: App, status: dict[str, object] | None) -> None:
    """Uninstall the app and end the module."""
    if status is not None and not module.check_mode:
        helm(module, app, "uninstall", app.name, "--wait")
    module.exit_json(changed=status is not None)


def find_pods(module: AnsibleModule, app: App) -> list[dict[str, object]]:
    """Return the pods of the app's namespace."""
    command = [*shlex.split(module.params["kubectl"]), "get", "pods", "--namespace", app.namespace, "-o", "json"]
    status, words, _ = module.run_command(command)
    return json.loads(words)["items"] if status == 0 else []


def helm(module: AnsibleModule, app: App, *words: str, text: str | None = None) -> tuple[int, str, str]:
    """Run Helm in the app's namespace; a missing Helm is an exit status too."""
    command = [*shlex.split(module.params["helm"]), *words, "--namespace", app.namespace]
    try:
        return module.run_command(command, data=text, handle_exceptions=False)
    except OSError as error:
        return 1, "", str(error)


if __name__ == "__main__":
    main()
