"""The parts of a bundle come from a registry, a local store, a file or the snap store, by one and the same code."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.airgate_layout import ImageRefused, Tools, Wanted, add_image, read_index

from tests.roles import small_registry
from tests.roles.conftest import Play, build_in, make_image
from tests.roles.small_image import write_layout

NAME = "airgate.local/small:1"
STORED = "localhost/airgate-roles-small:1"


def read_digest(layout: Path) -> str:
    """Return the digest of the layout's one image."""
    (found,) = read_index(layout)
    return found["digest"]


@pytest.mark.cluster  # for skopeo
def test_an_image_comes_from_a_registry_with_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the digest that the registry has; without the credentials the sentence says who refused."""
    digest = write_layout(tmp_path / "source", "from a registry")
    with small_registry.serve(tmp_path / "source") as host:
        plain = tmp_path / ".config/containers/registries.conf"
        plain.parent.mkdir(parents=True)
        plain.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        monkeypatch.setenv("HOME", str(tmp_path))
        wanted = Wanted(NAME, "registry", f"{host}/small:1", "linux/amd64", digest)
        with pytest.raises(ImageRefused, match=r"cannot be read from registry .*: skopeo says .*(auth|cred|401|login)"):
            add_image(tmp_path / "none", wanted, Tools(str(tmp_path)))
        authfile = small_registry.write_authfile(tmp_path / "auth.json", host)
        add_image(tmp_path / "layout", wanted, Tools(str(tmp_path), str(authfile)))
    assert read_digest(tmp_path / "layout") == digest


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[str]:
    """An image in this machine's podman store."""
    make_image(tmp_path / "small.tar", tmp_path / "image", "from a store")
    subprocess.run(
        ["skopeo", "copy", "-q", f"oci-archive:{tmp_path}/small.tar", f"containers-storage:{STORED}"], check=True
    )
    yield STORED
    subprocess.run(["podman", "rmi", "-f", STORED], check=True, capture_output=True)


@pytest.mark.cluster
def test_an_image_comes_from_the_local_store_and_is_the_same_each_time(stored: str, tmp_path: Path) -> None:
    """What was built here a minute ago can be in a bundle, and its digest does not change from build to build."""
    for layout in ("one", "two"):
        add_image(tmp_path / layout, Wanted(NAME, "store", stored, "linux/amd64"), Tools(str(tmp_path)))
    assert read_digest(tmp_path / "one") == read_digest(tmp_path / "two")


def test_a_snap_comes_from_the_store_with_its_assertion(
    tmp_path: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snap store itself cannot be had here: a stand-in named `snap` writes what `snap download` writes."""
    fake = tmp_path / "bin" / "snap"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\necho "$@" > "${0%/*}/asked"\nfor word; do case $word in\n'
        "--target-directory=*) to=${word#*=};; --basename=*) as=${word#*=};; esac; done\n"
        'echo a snap > "$to/$as.snap"; echo an assertion > "$to/$as.assert"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    snaps = [{"name": "core22", "from": {"store": "latest/stable"}}]
    built = build_in(tmp_path, play, "bundle", snaps=snaps)
    assert built.status == 0, built.output
    assert (tmp_path / "bin/asked").read_text().split()[:3] == ["download", "--channel", "latest/stable"]
    (snap,) = json.loads((tmp_path / "bundle/manifest.json").read_text())["release"]["snaps"]
    assert (snap["file"], snap["assertion"]) == ("snaps/core22.snap", "snaps/core22.assert")
