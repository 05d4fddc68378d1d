"""What a customer's site is here: a medium with bundles, an inventory, and playbooks run as a person runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.charts.appliance import SIMULATED
from tests.cluster import Node, find_artefacts
from tests.cluster.ssh import describe_connection
from tests.images.built import LARGE, find_built_images

REPOSITORY = Path(__file__).resolve().parents[2]
MEDIUM = "/media/airgate"  # where the node sees the medium
CHECKOUT, LIBRARIES = "/opt/airgate", "/opt/ansible"  # where it sees this checkout, and ansible's Python packages
ANSIBLE = {REPOSITORY: CHECKOUT, Path(sysconfig.get_paths()["purelib"]): LIBRARIES}
AFTER_NODE_BASE = "PLAY [Kubernetes runs on every node]"


@dataclass(frozen=True)
class Played:
    """How a playbook ended: exit status, everything printed, and its recap."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", self.output.partition("PLAY RECAP")[2]))

    @property
    def words(self) -> str:
        """The output with every run of white space as one space, to find sentences in."""
        return " ".join(self.output.split())


def play(playbook: str, *arguments: str, watch: Callable[[str], object] = len, **variables: object) -> Played:
    """Run a playbook of the project; `watch` sees each line as it is printed."""
    command = [sys.executable, "-u", "-m", "ansible", "playbook", f"playbooks/{playbook}", "-e", json.dumps(variables)]
    lines = []
    with subprocess.Popen(
        [*command, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            watch(line)
            lines.append(line)
    return Played(process.returncode, "".join(lines))


def play_inside(node: Node, playbook: str, **variables: object) -> Played:
    """Run a playbook of the project on the node itself, as somebody who sits in front of it does."""
    place = ("env", "-C", CHECKOUT, f"PYTHONPATH={LIBRARIES}", "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8")
    command = ("python3", "-m", "ansible", "playbook", f"playbooks/{playbook}", "-e", json.dumps(variables))
    done = node.exec(*place, *command, check=False)
    return Played(done.returncode, done.stdout + done.stderr)


def run_module(node: Node, role: str, module: str, **arguments: object) -> Played:
    """Run a role's module on the node, on the machine's own snapd, with nothing of the playbooks around it."""
    where = (
        f"ANSIBLE_LIBRARY={CHECKOUT}/roles/{role}/library",
        f"ANSIBLE_MODULE_UTILS={CHECKOUT}/roles/{role}/module_utils",
    )
    place = ("env", f"PYTHONPATH={LIBRARIES}", "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8", *where)
    done = node.exec(*place, "python3", "-m", "ansible", "adhoc", "localhost", "-c", "local", "-m", module, "-a",
                     json.dumps(arguments), check=False)  # fmt: skip
    return Played(done.returncode, done.stdout + done.stderr)


def make_key(path: Path) -> Path:
    """Make a signing key; its public half lies beside it as .pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


def write_release(path: Path) -> Path:
    """Write the release that the journey builds: the project's own, with the test cluster's snaps and their images.

    Without the images that take minutes and gigabytes: `python -m tests.soak images` builds those.
    """
    find_built_images()
    parts = find_artefacts()
    release = yaml.safe_load((REPOSITORY / "inventory/release.yml").read_text())["airgate_release"]
    release["snaps"] = [
        {"name": name, "from": {"file": str(file)}, "classic": name == "microk8s"} for name, file in parts.snaps.items()
    ]
    release["images"] += [{"name": name, "from": {"file": str(file)}} for name, file in parts.images.items()]
    leave_out_large(release)
    path.write_text(yaml.safe_dump({"airgate_release": release}))
    return path


def leave_out_large(release: dict[str, Any]) -> None:
    """Take the large images out of a release, and the runtimes that stand on them."""
    large = {f"airgate.local/{name}:{release['version']}" for name in LARGE}
    release["images"] = [one for one in release["images"] if one["name"] not in large]
    app = release["apps"][0]
    left_out = {place.split(".")[-2] for place, image in app["images"].items() if image in large}
    app["images"] = {place: image for place, image in app["images"].items() if image not in large}
    runtimes = app["values"]["airgate-runtimes"]
    runtimes["runtimes"] = [one for one in runtimes["runtimes"] if one["slug"] not in left_out]


def build_bundle(folder: Path, release: Path, key: Path) -> Played:
    """Build the bundle with the project's own playbook."""
    return play(
        "bundle_build.yml",
        airgate_release_file=str(release),
        airgate_bundle_build_folder=str(folder),
        airgate_bundle_private_key=str(key),
    )


def link_bundle(bundle: Path, name: str) -> Path:
    """Return a second bundle of the same files beside the first; files are linked, so replace what is to differ."""
    other = bundle.parent / name
    shutil.copytree(bundle, other, copy_function=os.link)
    return other


def replace_file(path: Path, content: bytes) -> None:
    """Write a file of a linked bundle without touching the bundle it was linked from."""
    path.unlink()
    path.write_bytes(content)


def sign(bundle: Path, key: Path) -> None:
    """Sign the manifest as it is now."""
    (bundle / "manifest.json.sig").unlink()
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "airgate-bundle"]
    subprocess.run([*command, str(bundle / "manifest.json")], check=True, capture_output=True)


def write_inventory(path: Path, node: Node, public_key: str) -> Path:
    """Write the inventory of a site of one node, reached over SSH by a user who may call sudo."""
    variables = {**describe_connection(node.address), **find_variables(public_key)}
    path.write_text(yaml.safe_dump({"airgate_nodes": {"hosts": {node.name: variables}}}))
    return path


def find_variables(public_key: str) -> dict[str, Any]:
    """Return what the site says about its one node."""
    return {
        "airgate_bundle_source": f"{MEDIUM}/good",
        "airgate_bundle_public_key": public_key,
        # The test cluster's snaps are made here: nobody's assertion vouches for them.
        "airgate_microk8s_unasserted": True,
        "airgate_preflight_memory_mib": 4000,
        # The cards are simulated in a folder of the node.
        "airgate_verify_devices": [f"{SIMULATED}/dev/accel/accel*"],
        "airgate_apps_values": {
            "airgate": {
                "airgate-device-plugin": {"hostRoot": SIMULATED},
                "airgate-webapp": {"storage": {"size": "2Gi"}},
            }
        },
    }
