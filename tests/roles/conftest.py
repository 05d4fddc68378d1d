"""For the tests of roles: module_utils importable as on a node, small real bundles, playbooks run for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ansible.module_utils
import pytest
import yaml

from tests.roles.small_image import write_layout

REPOSITORY = Path(__file__).resolve().parents[2]
ROLES = REPOSITORY / "roles"
ansible.module_utils.__path__.extend(str(folder) for folder in sorted(ROLES.glob("*/module_utils")))


@dataclass(frozen=True)
class Played:
    """How a playbook ended: exit status, everything printed, and the totals of its recap."""

    status: int
    output: str
    recap: dict[str, int]


Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run a playbook of the project on this machine as a person would, with extra variables."""
    return play_in(tmp_path)


def play_in(scratch: Path) -> Play:
    """Return what runs a playbook, with its temporary files in a folder."""

    def run(playbook: str, *arguments: str, **variables: object) -> Played:
        path = Path(playbook) if playbook.startswith("/") else REPOSITORY / "playbooks" / playbook
        command = [sys.executable, "-m", "ansible", "playbook", str(path), "-e", json.dumps(variables), *arguments]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(scratch / "ansible")}
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=environment, check=False)
        return Played(done.returncode, done.stdout + done.stderr, read_recap(done.stdout))

    return run


def read_recap(output: str) -> dict[str, int]:
    """Return the totals over all hosts of an ansible-playbook run."""
    totals: dict[str, int] = {}
    for line in output.partition("PLAY RECAP")[2].splitlines():
        for pair in (word.split("=") for word in line.split() if "=" in word):
            totals[pair[0]] = totals.get(pair[0], 0) + int(pair[1])
    return totals


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], Path]:
    """Make a signing key; its public half lies beside it as .pub."""

    def make(name: str) -> Path:
        return make_key(tmp_path / name)

    return make


def make_key(path: Path) -> Path:
    """Make a key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


def build_in(folder: Path, play: Play, name: str, *arguments: str, **changes: object) -> Played:
    """Build a bundle FOLDER/NAME with bundle_build.yml out of FOLDER/parts, signed by FOLDER/sender."""
    key = folder / "sender"
    return play(
        "bundle_build.yml",
        *arguments,
        airgate_release_file=str(write_release(folder, **changes)),
        airgate_bundle_build_base=str(folder / "parts"),
        airgate_bundle_build_folder=str(folder / name),
        airgate_bundle_private_key=str(key if key.exists() else make_key(key)),
    )


def write_release(folder: Path, **changes: object) -> Path:
    """Write a release of one small image, one snap, one chart, one wheel and one app; changes are merged in."""
    parts = folder / "parts"
    if not parts.exists():
        make_parts(parts)
    release = {
        "name": "airgate",
        "version": "1.2.3",
        "built": "2026-01-02",
        "platform": "linux/amd64",
        "snaps": [{"name": "hello", "from": {"file": "hello.snap", "assertion": "hello.assert"}}],
        "images": [{"name": "airgate.local/small:1", "from": {"file": "small.tar"}}],
        "charts": [{"name": "web", "from": {"folder": "web"}}],
        "wheels": ["tool-1-py3-none-any.whl"],
        "apps": [
            {
                "name": "web",
                "chart": "web",
                "namespace": "airgate-system",
                "images": {"web.image": "airgate.local/small:1"},
            }
        ],
    }
    path = folder / "release.yml"
    path.write_text(yaml.safe_dump({"airgate_release": {**release, **changes}}))
    return path


def make_parts(parts: Path) -> None:
    """Make the sources of a small release: a real OCI archive, a chart with a neighbour, files for the rest."""
    (parts / "web" / "templates").mkdir(parents=True)
    (parts / "lib").mkdir()
    (parts / "lib" / "Chart.yaml").write_text("apiVersion: v2\nname: lib\nversion: 0.1.0\ntype: library\n")
    (parts / "web" / "Chart.yaml").write_text(
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies:\n"
        '  - name: lib\n    version: 0.1.0\n    repository: "file://../lib"\n'
    )
    (parts / "web" / "templates" / "one.yaml").write_text("kind: ConfigMap\n")
    for name in ("hello.snap", "hello.assert", "tool-1-py3-none-any.whl"):
        (parts / name).write_text(f"the content of {name}\n")
    make_image(parts / "small.tar", parts / "image", "hello from a small image\n")


def make_image(archive: Path, scratch: Path, words: str) -> None:
    """Make a real OCI archive of one layer with one file, by skopeo out of a layout written here."""
    write_layout(scratch, words)
    with tarfile.open(archive, "w") as tar:
        for path in sorted(scratch.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(scratch).as_posix())
