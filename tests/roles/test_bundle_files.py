"""Every harm that can come to a bundle on its way is refused in one sentence, and leaves nothing on the node."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.airgate_manifest import BundleRefused, describe_files, render_manifest
from ansible.module_utils.airgate_signature import sign_manifest
from ansible.module_utils.airgate_staging import Room, Trust, stage_bundle

from tests.roles.conftest import make_key
from tests.roles.small_image import write_layout


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good bundle of one image and two files, signed; sender.pub lies beside it."""
    folder = tmp_path_factory.mktemp("good")
    make_key(folder / "sender")
    bundle = folder / "bundle"
    write_layout(bundle / "images", "hello from a small image\n")
    (bundle / "snaps").mkdir()
    for name in ("hello.snap", "hello.assert"):
        (bundle / "snaps" / name).write_text(f"the content of {name}\n")
    release = {"name": "airgate", "version": "1.2.3", "built": "2026-01-02"}
    (bundle / "manifest.json").write_text(render_manifest(release, describe_files(bundle)))
    sign_manifest(bundle, folder / "sender")
    return bundle


def blob_of(bundle: Path) -> Path:
    """Return the biggest blob of a bundle's images."""
    return max((bundle / "images" / "blobs").rglob("*"), key=lambda path: path.is_file() and path.stat().st_size)


def flip_a_byte(bundle: Path) -> str:
    """Alter one bit of a layer."""
    blob = blob_of(bundle)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(bytes(content))
    return f"{blob.relative_to(bundle)} is not what was signed"


def lose_a_file(bundle: Path) -> str:
    """Remove a signed file."""
    (bundle / "snaps" / "hello.assert").unlink()
    return "snaps/hello.assert is missing"


def add_a_file(bundle: Path) -> str:
    """Add a file that nobody signed."""
    (bundle / "snaps" / "extra.snap").write_text("more")
    return "snaps/extra.snap is in the folder but not in the signed manifest"


def cut_a_file(bundle: Path) -> str:
    """Cut the last byte off a layer."""
    blob = blob_of(bundle)
    blob.write_bytes(blob.read_bytes()[:-1])
    return f"{blob.relative_to(bundle)} has "


def link_a_file(bundle: Path) -> str:
    """Put a link where a file was."""
    (bundle / "snaps" / "hello.snap").unlink()
    (bundle / "snaps" / "hello.snap").symlink_to("/etc/hostname")
    return "hello.snap is not a plain file"


def change_the_manifest(bundle: Path) -> str:
    """Alter what was signed."""
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text.replace('"1.2.3"', '"1.2.4"'))
    return "manifest.json.sig was not made over manifest.json by the key in airgate_bundle_public_key"


def lose_the_signature(bundle: Path) -> str:
    """Remove the signature."""
    (bundle / "manifest.json.sig").unlink()
    return "manifest.json.sig is missing"


def lose_the_manifest(bundle: Path) -> str:
    """Remove the manifest."""
    (bundle / "manifest.json").unlink()
    return "manifest.json is not in"


def refuse(bundle: Path, node: Path, trust: Trust) -> str:
    """Return the sentence that a bundle is refused with."""
    with pytest.raises(BundleRefused) as refused:
        stage_bundle(bundle, Room(node), trust, shutil.copyfile)
    assert str(refused.value).count("\n") == 0
    assert not node.exists()
    return str(refused.value)


def test_an_older_bundle_than_the_installed_one_is_refused(good: Path, tmp_path: Path) -> None:
    """Both releases are named, and the variable for who wants to go back; a cut record is no excuse."""
    record = tmp_path / "release.json"
    trust = Trust((good.parent / "sender.pub").read_text(), record)
    record.write_text('{"version": "1.10.0"}')
    sentence = refuse(good, tmp_path / "node", trust)
    assert "is of release 1.2.3, older than the installed 1.10.0; take a newer bundle" in sentence
    assert "airgate_bundle_allow_older: true" in sentence
    record.write_text('{"vers')
    assert f"{record} cannot be read" in refuse(good, tmp_path / "node", trust)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("", "airgate_bundle_public_key is not set"),
        ("ssh-ed25519", "airgate_bundle_public_key is 'ssh-ed25519', no line of a .pub file"),
        ("/root/sender.pub", "airgate_bundle_public_key is '/root/sender.pub', no line of a .pub file"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
            "'-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl', no line of a .pub file",
        ),
    ],
)
def test_a_key_that_is_none_is_not_taken_for_a_wrong_signature(
    key: str, sentence: str, good: Path, tmp_path: Path
) -> None:
    """Unset, cut at a blank by the command line, a file's name: the bundle is not to blame."""
    assert sentence in refuse(good, tmp_path / "node", Trust(key, None))


@pytest.mark.parametrize(
    "harm",
    [
        flip_a_byte,
        lose_a_file,
        add_a_file,
        cut_a_file,
        link_a_file,
        change_the_manifest,
        lose_the_signature,
        lose_the_manifest,
    ],
)
def test_a_harmed_bundle_is_refused_in_one_sentence_and_leaves_nothing(
    harm: Callable[[Path], str], good: Path, tmp_path: Path
) -> None:
    """One flipped byte anywhere, and the node is as it was; the sentence names the file."""
    bundle = tmp_path / "harmed"
    shutil.copytree(good, bundle)
    sentence = harm(bundle)
    trust = Trust((good.parent / "sender.pub").read_text(), tmp_path / "release.json")
    assert refuse(bundle, tmp_path / "node", trust).startswith(f"The bundle is refused: {sentence}")


def test_an_interrupted_copy_goes_on_where_it_stopped(good: Path, tmp_path: Path) -> None:
    """What was copied before a power cut is not copied again, and half a file does not count."""
    room = Room(tmp_path / "node")
    room.incoming.mkdir(parents=True)
    (room.incoming / "half.part").write_text("half")
    shutil.copytree(good / "snaps", room.incoming / "snaps")
    copied: list[str] = []

    def copy(source: Path, target: Path) -> None:
        copied.append(source.name)
        shutil.copyfile(source, target)

    stage_bundle(good, room, Trust((good.parent / "sender.pub").read_text(), None), copy)
    assert "hello.snap" not in copied
    assert "manifest.json" in copied
    assert not (room.current / "half.part").exists()
