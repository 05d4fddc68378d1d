"""The plugin's kit: static files that are the chart's, a dashboard of real metrics, a build for two machines."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airgate_kit import names
from tests.charts.charts import ROOT

KIT = ROOT / "plugin_src/kit"
STATIC = ("qaic-device-plugin.yml", "deploy-qaic-single.yaml", "examples/pod-example.yml")
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
"""


def read_pod(name):
    """Return the pod of a static file."""
    content = yaml.safe_load((KIT / name).read_text())
    spec = content["spec"]
    return spec["template"]["spec"] if content["kind"] == "Job" else spec


def test_the_static_files_are_what_the_chart_makes(helm, tmp_path):
    """Nobody edits them by hand: rendering again gives the same text."""
    chart = helm.find_packed("airgate-device-plugin")
    command = [sys.executable, KIT / "render.py", helm.program, chart, tmp_path]
    subprocess.run(command, check=True)
    for name in STATIC:
        assert (tmp_path / name).read_text() == (KIT / name).read_text(), f"render {name} again"


def test_the_static_plugin_is_whole():
    """kubectl needs nothing beside it: namespace, account, list of exclusions, policy and DaemonSet."""
    objects = [each for each in yaml.safe_load_all((KIT / STATIC[0]).read_text()) if each]
    kinds = {each["kind"] for each in objects}
    rights = {"Role", "RoleBinding"}  # to write events of Nodes, which belong into the namespace default
    assert kinds == {"Namespace", "ServiceAccount", "ConfigMap", "NetworkPolicy", "DaemonSet", *rights}
    spaces = {
        each["metadata"].get("namespace", names.NAMESPACE_SYSTEM) for each in objects if each["kind"] not in rights
    }
    assert spaces == {names.NAMESPACE_SYSTEM}


@pytest.mark.parametrize(("name", "count"), [(STATIC[1], 1), (STATIC[2], 4)])
def test_examples_ask_for_cards_and_for_nothing_else(name, count):
    """The plugin's own image lists the granted cards; no privilege, no root, the vocabulary's resource."""
    pod = read_pod(name)
    (box,) = pod["containers"]
    assert box["resources"]["limits"] == {names.RESOURCE_QAIC: count}
    assert box["args"][0] == "cards"
    assert box["image"] in (KIT / STATIC[0]).read_text()
    assert pod["securityContext"]["runAsUser"] == names.UID
    assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "privileged" not in box["securityContext"]


def test_the_dashboard_names_only_metrics_that_exist():
    """Every metric of a panel is in the README's table, which a test holds to what is scraped; and none is left out."""
    readme = (ROOT / "plugin_src/README.md").read_text()
    known = set(re.findall(r"^\| `(airgate_plugin_\w+)` \|", readme, re.MULTILINE))
    panels = json.loads((KIT / "dashboard.json").read_text())["panels"]
    shown = {
        name
        for panel in panels
        for each in panel["targets"]
        for name in re.findall(r"airgate_plugin_\w+", each["expr"])
    }
    assert shown == known


@pytest.mark.parametrize(("machine", "platform"), [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64")])
def test_an_image_is_built_for_either_machine(tmp_path, machine, platform):
    """Wheels and platform are the machine's; podman and pip are played here, so no image comes out."""
    calls = run_build(tmp_path, machine, "docker.io/base:1", "out.oci.tar")[1]
    assert f"--platform=manylinux_2_17_{machine}" in calls
    assert "x86_64" not in calls or machine == "x86_64"
    assert calls.count(f"podman build -q --platform {platform}") == 2
    assert "podman save -q --format oci-archive -o out.oci.tar" in calls


@pytest.mark.parametrize("arguments", [[], ["riscv64", "base", "out"], ["x86_64"]], ids=["none", "machine", "few"])
def test_a_wrong_argument_of_the_build_is_one_line(tmp_path, arguments):
    """Exit code 2, and nothing was begun."""
    done, calls = run_build(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert calls == ""


def run_build(folder: Path, *arguments: str):
    """Run build_image.sh with podman and python3 played by a script; return its end, and the calls."""
    for name in ("podman", "python3"):
        (folder / name).write_text(FAKE)
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    calls.touch()
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(calls)}
    done = subprocess.run(
        [KIT / "build_image.sh", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done, calls.read_text()
