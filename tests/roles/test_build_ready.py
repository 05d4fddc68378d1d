"""Before a bundle is built, all that is missing is said at once, with what to do; nothing has been fetched yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.airgate_ready import Build, find_programs, judge_build

from tests.roles.conftest import Play, build_in, make_key, make_parts

OWN = [{"name": f"airgate.local/{name}:1", "from": {"file": f"{name}.tar"}} for name in ("web", "plugin")]


def judge(folder: Path, release: dict[str, Any], key: object, present: tuple[str, ...] = ("ssh-keygen",)) -> list[str]:
    """Return what is missing where only the programs `present` are there."""
    build = Build(release, folder, str(key), True)
    return judge_build(build, lambda name: name if name in present else None)


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    """A person reads one message, and each line says what to do."""
    release = {
        "snaps": [{"name": "microk8s", "from": {"store": "1.34/stable"}}],
        "images": [*OWN, {"name": "docker.io/site/tool:1", "from": {"file": "tool.tar:tool"}}],
        "charts": [{"name": "web", "from": {"folder": "web"}}],
    }
    snap, skopeo, squashfs, own, image, chart, key = judge(tmp_path, release, "sender")
    assert snap == "snap is missing, which downloads snaps; install the package snapd."
    assert skopeo == "skopeo is missing, which copies images; install the package skopeo."
    assert squashfs.endswith("install the package squashfs-tools.")
    assert own.startswith("Of Airgate's own images web.tar, plugin.tar are not there; make them with: python3 runtime_")
    assert image.startswith("tool.tar:tool of image docker.io/site/tool:1 is not there; make it")
    assert chart.startswith(f"{tmp_path}/web/Chart.yaml is not there")
    assert "The private key sender is not there; make it with: ssh-keygen -t ed25519 -N '' -f sender" in key


@pytest.mark.parametrize(
    ("release", "programs"),
    [
        ({}, {"ssh-keygen"}),
        ({"snaps": [{"name": "microk8s", "from": {"file": "m.snap"}}]}, {"ssh-keygen", "skopeo", "unsquashfs"}),
        ({"snaps": [{"name": "core22", "from": {"store": 1}}]}, {"ssh-keygen", "snap"}),
        ({"images": [{"name": "a", "from": {"registry": "a"}}]}, {"ssh-keygen", "skopeo"}),
        ({"images": [{"name": "a", "from": {"store": "a"}}]}, {"ssh-keygen", "skopeo", "podman"}),
        ({"ansible": {"lock": "l", "pythons": []}}, {"ssh-keygen", "git"}),
    ],
)
def test_only_what_the_sources_need_is_asked_for(release: dict[str, Any], programs: set[str]) -> None:
    """Nobody installs snapd to pack a release without snaps."""
    assert set(find_programs(Build(release, Path(), "", True))) == programs


def test_nothing_is_said_where_all_is_there(tmp_path: Path) -> None:
    """An archive may be named with a reference in it."""
    make_parts(tmp_path / "parts")
    release = {
        "images": [{"name": "airgate.local/small:1", "from": {"file": "small.tar:small:1"}}],
        "charts": [{"name": "web", "from": {"folder": "web"}}],
        "wheels": ["tool-1-py3-none-any.whl"],
    }
    key = make_key(tmp_path / "sender")
    assert judge(tmp_path / "parts", release, key, ("ssh-keygen", "skopeo")) == []


def test_a_key_that_cannot_sign_is_found_now_and_not_after_the_downloads(tmp_path: Path) -> None:
    """Unset, or no key at all; a .pub file stands for a key in ssh-agent."""
    (unset,) = judge(tmp_path, {}, "")
    assert "airgate_bundle_private_key is not set; make a key with: ssh-keygen" in unset
    (tmp_path / "wrong").write_text("no key")
    (wrong,) = judge(tmp_path, {}, tmp_path / "wrong")
    assert "it is no private key, or has a passphrase" in wrong
    (tmp_path / "agent.pub").write_text("ssh-ed25519 AAAA")
    assert judge(tmp_path, {}, tmp_path / "agent.pub") == []


def test_what_travels_for_the_site_is_looked_for_too(tmp_path: Path) -> None:
    """Ansible's lock, and a repository that can be packed."""
    said = judge(tmp_path, {"ansible": {"lock": "none.txt", "pythons": ["3.11"]}}, "", ("ssh-keygen", "git"))
    assert said[0] == "none.txt is not there; correct ansible.lock in inventory/release.yml."
    assert said[1] == f"{tmp_path} is no git checkout, so it cannot be packed; build from a clone of the repository."


def test_a_build_that_cannot_begin_leaves_no_folder(tmp_path: Path, play: Play) -> None:
    """The playbook's first task says it all."""
    (tmp_path / "sender").write_text("no key")
    refused = build_in(tmp_path, play, "bundle", wheels=["none.whl"])
    said = " ".join(refused.output.split())
    assert refused.status != 0
    assert "none.whl is not there" in said
    assert "it is no private key" in said
    assert not (tmp_path / "bundle").exists()
