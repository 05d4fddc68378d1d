"""The cache of artefacts and the archives in it: found again by content, never half there."""

import json
import tarfile
import threading
from pathlib import Path

import pytest

from tests.cluster.network import SUBNET, choose_address
from tests.cluster.oci import Image, write_archive
from tests.cluster.programs import PACKAGES, SOURCES, read_version
from tests.cluster.store import Store, compute_key


def test_a_key_changes_with_content_name_and_mode(tmp_path: Path) -> None:
    """Whatever goes into an artefact makes another artefact when it changes."""
    script = tmp_path / "in" / "script"
    script.parent.mkdir()
    keys = set()
    for name, text, mode in (
        ("script", "a", 0o644),
        ("script", "b", 0o644),
        ("script", "b", 0o755),
        ("other", "b", 0o755),
    ):
        script.unlink(missing_ok=True)
        script = script.with_name(name)
        script.write_text(text)
        script.chmod(mode)
        keys.add(compute_key(script.parent))
    assert len(keys) == 4
    assert compute_key("ab", "c") != compute_key("a", "bc")


def test_an_artefact_is_built_once_by_whoever_comes_first(tmp_path: Path) -> None:
    """Two that want the same at the same time build it once, and both find it whole."""
    built: list[Path] = []

    def build(draft: Path) -> None:
        built.append(draft)
        (draft / "file").write_text("whole")

    store, found = Store(tmp_path), []
    threads = [threading.Thread(target=lambda: found.append(store.publish("thing", "k", build))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert {(folder / "file").read_text() for folder in found} == {"whole"}
    assert len(found) == 4


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The next one starts afresh."""

    def fail(draft: Path) -> None:
        (draft / "half").write_text("")
        raise RuntimeError("the compiler broke")

    with pytest.raises(RuntimeError, match="the compiler broke"):
        Store(tmp_path).publish("thing", "k", fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_the_same_files_make_the_same_image(tmp_path: Path) -> None:
    """An archive's digest depends on nothing but what is in it, and every blob is named after its content."""
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n")
    image = Image("airgate.test/x:1", {"bin/program": program}, ["/bin/program"], links={"bin/p": "program"})
    first, second = (write_archive(image, tmp_path / name) for name in ("1.tar", "2.tar"))
    assert first == second
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    with tarfile.open(tmp_path / "1.tar") as archive:
        index = json.load(archive.extractfile("index.json") or pytest.fail("no index"))
        assert f"blobs/{first.replace(':', '/')}" in archive.getnames()
    assert index["manifests"][0]["digest"] == first
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "airgate.test/x:1"


def test_nodes_get_the_lowest_free_address() -> None:
    """The gateway and the addresses of other nodes are never given."""
    assert choose_address(set()) == str(SUBNET[10])
    assert choose_address({str(SUBNET[10]), str(SUBNET[12])}) == str(SUBNET[11])
    with pytest.raises(LookupError, match="down --all"):
        choose_address({str(address) for address in SUBNET})


@pytest.mark.parametrize("group", sorted(PACKAGES))
def test_every_program_is_pinned_with_its_sums(group: str) -> None:
    """A build takes the modules whose sums are in the repository, or fails."""
    assert (SOURCES / group / "go.sum").read_text().count(" h1:") > 100
    assert "latest" not in (SOURCES / group / "go.mod").read_text()


def test_kubernetes_is_the_minor_that_the_appliance_names() -> None:
    """1.34, with containerd 2.2 beside it."""
    assert read_version("k8s.io/kubernetes").startswith("v1.34.")
    assert read_version("github.com/containerd/containerd/v2", "containerd").startswith("v2.2.")
