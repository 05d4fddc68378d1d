#!/usr/bin/env python3
"""Renders the kit's static files from the chart: python3 plugin_src/kit/render.py HELM CHART.tgz [FOLDER].

HELM is the program, CHART.tgz the packed chart (charts/package.sh makes it), FOLDER where the files go (this folder).
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMESPACE = "airgate-system"
IMAGE = "airgate.local/device-plugin@sha256:" + "0" * 64
RESOURCE = "qualcomm.com/qaic"

HEADER = """# Made from charts/airgate-device-plugin by plugin_src/kit/render.py; edit the chart, not this file.
# Put your image's digest in the place of the zeros (images.json or the bundle's manifest names it), then:
#   kubectl apply -f qaic-device-plugin.yml
# With helm, use the chart itself: it knows a site's registry, credentials and every other value.
---
apiVersion: v1
kind: Namespace
metadata:
  name: airgate-system
"""
POD = """# Made by plugin_src/kit/render.py. {title}
apiVersion: {api}
kind: {kind}
metadata:
  name: {name}
{body}"""
CONTAINER = """restartPolicy: Never
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  seccompProfile: {{type: RuntimeDefault}}
containers:
  - name: cards
    image: {image}
    imagePullPolicy: IfNotPresent
    args: [cards{json}]
    resources:
      limits: {{{resource}: {count}}}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {{drop: [ALL]}}
"""


def main(arguments: list[str]) -> int:
    """Write the three files; 2 where the arguments are not understood."""
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[2]) if len(arguments) == 3 else HERE
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    (folder / "qaic-device-plugin.yml").write_text(HEADER + render_chart(arguments[0], arguments[1]))
    (folder / "deploy-qaic-single.yaml").write_text(write_job())
    (folder / "examples/pod-example.yml").write_text(write_pod())
    return 0


def render_chart(helm: str, chart: str) -> str:
    """Return what helm makes of the chart and the kit's values."""
    command = [helm, "template", "airgate", chart, "--namespace", NAMESPACE, "--values", str(HERE / "kit-values.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def write_job() -> str:
    """Return a Job that is granted one SoC, lists it and asks its firmware."""
    title = "One SoC is granted, listed and asked for its state: `kubectl logs job/qaic-single` says what came of it."
    container = CONTAINER.format(image=IMAGE, json="", resource=RESOURCE, count=1)
    body = "spec:\n  backoffLimit: 0\n  template:\n    spec:\n" + indent(container, 6)
    return POD.format(title=title, api="batch/v1", kind="Job", name="qaic-single", body=body)


def write_pod() -> str:
    """Return a pod that is granted a whole Ultra card."""
    title = "Four SoCs: on a node with Ultra cards the plugin prefers those of one card."
    container = CONTAINER.format(image=IMAGE, json=", --json", resource=RESOURCE, count=4)
    return POD.format(title=title, api="v1", kind="Pod", name="qaic-example", body="spec:\n" + indent(container, 2))


def indent(text: str, blanks: int) -> str:
    """Return a text with every line moved to the right."""
    return "".join(" " * blanks + line for line in text.splitlines(keepends=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
