"""A bundle is built the same twice, and nothing but a whole one from the right sender gets onto a node."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.roles.conftest import Play, Played, build_in, play_in

# These run the playbooks and need skopeo.
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def build(tmp_path: Path, play: Play) -> Play:
    """Build a bundle with bundle_build.yml into a folder of a given name."""

    def run(name: str = "bundle", *arguments: str, **changes: object) -> Played:
        return build_in(tmp_path, play, name, *arguments, **changes)

    return run


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with releases 1.2.3 and 1.9.0 as the bundles `bundle` and `newer`, and the sender's key."""
    folder = tmp_path_factory.mktemp("built")
    for name, version in (("bundle", "1.2.3"), ("newer", "1.9.0")):
        done = build_in(folder, play_in(folder), name, version=version)
        assert done.status == 0, done.output
    return folder


@pytest.fixture
def bundle(built: Path, tmp_path: Path) -> Path:
    """Copies of them for the test to harm; return that of 1.2.3."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path / "bundle"


@pytest.fixture
def stage(tmp_path: Path, play: Play) -> Play:
    """Put a bundle onto this machine with the bundle role, into folders of the test."""
    playbook = tmp_path / "stage.yml"
    playbook.write_text("- {hosts: localhost, connection: local, gather_facts: false, roles: [bundle]}\n")

    def run(name: str = "bundle", *arguments: str, signer: str = "sender", **variables: object) -> Played:
        return play(
            str(playbook),
            *arguments,
            airgate_bundle_source=str(tmp_path / name),
            airgate_bundle_public_key=(tmp_path / f"{signer}.pub").read_text(),
            airgate_bundle_folder=str(tmp_path / "node"),
            airgate_bundle_record=str(tmp_path / "etc" / "release.json"),
            **variables,
        )

    return run


def test_a_bundle_is_built_staged_and_known_on_the_node(bundle: Path, stage: Play, tmp_path: Path) -> None:
    """What inventory/release.yml names lies in the bundle by digest, and arrives on the node verified."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    release = manifest["release"]
    (image,) = release["images"]
    assert release["snaps"][0]["assertion"] == "snaps/hello.assert"
    assert release["apps"][0]["values"]["web"]["image"] == {
        "registry": "airgate.local",
        "repository": "small",
        "digest": image["digest"],
    }
    assert {entry["path"] for entry in manifest["files"]} >= {"snaps/hello.snap", "charts/web-0.1.0.tgz"}
    staged = stage()
    assert staged.status == 0, staged.output
    assert json.loads((tmp_path / "etc" / "release.json").read_text())["version"] == "1.2.3"
    assert (tmp_path / "node" / "current" / "snaps" / "hello.snap").exists()
    assert not (tmp_path / "node" / "incoming").exists()


def test_the_same_inputs_give_the_same_manifest_and_a_second_run_changes_nothing(build: Play, tmp_path: Path) -> None:
    """Two people who build a release can compare one digest."""
    build("one")
    build("two")
    assert (tmp_path / "one" / "manifest.json").read_bytes() == (tmp_path / "two" / "manifest.json").read_bytes()
    again = build("one")
    assert again.recap["changed"] == 0, again.output


def test_a_second_staging_changes_nothing_even_without_the_medium(bundle: Path, stage: Play) -> None:
    """The medium is needed once."""
    stage()
    assert stage().recap["changed"] == 0
    shutil.rmtree(bundle)
    again = stage()
    assert (again.status, again.recap["changed"]) == (0, 0), again.output


def test_check_mode_says_what_would_change_and_leaves_the_node_alone(bundle: Path, stage: Play, tmp_path: Path) -> None:
    """A person can look before anything happens."""
    looked = stage(bundle.name, "--check")
    assert looked.status == 0, looked.output
    assert looked.recap["changed"] > 0
    assert not (tmp_path / "node").exists()
    assert not (tmp_path / "etc").exists()


def test_a_bundle_of_the_controller_arrives_and_absent_takes_everything_away(
    bundle: Path, stage: Play, tmp_path: Path
) -> None:
    """The medium can be plugged into the machine that runs Ansible, and what the role brought it takes away."""
    staged = stage(airgate_bundle_source_is_on="controller")
    assert staged.status == 0, staged.output
    assert (tmp_path / "node" / "current" / "manifest.json").exists()
    shutil.rmtree(bundle)
    again = stage(airgate_bundle_source_is_on="controller")
    assert (again.status, again.recap["changed"]) == (0, 0), again.output
    assert stage("newer", airgate_bundle_source_is_on="controller").status == 0  # what is too much goes
    assert json.loads((tmp_path / "etc" / "release.json").read_text())["version"] == "1.9.0"
    assert stage(airgate_bundle_state="absent").status == 0
    assert not (tmp_path / "node").exists()
    assert not (tmp_path / "etc" / "release.json").exists()


def test_a_controller_without_the_medium_is_told_so(stage: Play, keys: Callable[[str], Path]) -> None:
    """It is the machine that runs Ansible where nothing is mounted, not the node."""
    keys("sender")
    refused = stage("bundel", airgate_bundle_source_is_on="controller")
    assert refused.status != 0
    assert "bundel is not on the machine that runs Ansible; mount the medium there" in " ".join(refused.output.split())


def test_a_refusal_ends_the_playbook_with_that_sentence(bundle: Path, stage: Play, tmp_path: Path) -> None:
    """The person at the keyboard sees the sentence and no trace of Python."""
    (bundle / "snaps" / "hello.snap").write_text("the content of hellO.snap\n")
    refused = stage()
    assert refused.status != 0
    assert "The bundle is refused: snaps/hello.snap is not what was signed" in " ".join(refused.output.split())
    assert "Traceback" not in refused.output
    assert not list((tmp_path / "node").glob("*"))
    assert not (tmp_path / "etc").exists()


def test_a_refused_bundle_of_the_controller_does_not_stay_on_the_node(
    bundle: Path, stage: Play, tmp_path: Path
) -> None:
    """What came over is taken away again, and the installed bundle stays."""
    harmed = bundle / "snaps" / "hello.snap"
    good = harmed.read_text()
    harmed.write_text("the content of hellO.snap\n")
    assert "snaps/hello.snap is not what was signed" in stage(airgate_bundle_source_is_on="controller").output
    assert not (tmp_path / "node").exists()
    harmed.write_text(good)
    assert stage(airgate_bundle_source_is_on="controller").status == 0
    (bundle / "manifest.json").write_text("{}")
    assert "manifest.json is not of format 1" in stage(airgate_bundle_source_is_on="controller").output
    assert [path.name for path in (tmp_path / "node").iterdir()] == ["current"]


def test_a_bundle_of_another_sender_is_refused(
    bundle: Path, stage: Play, keys: Callable[[str], Path], play: Play, tmp_path: Path
) -> None:
    """The key that counts came another way; the bundle's own word does not."""
    keys("stranger")
    assert "by the key in airgate_bundle_public_key" in stage(signer="stranger").output
    looked = play(
        "bundle_verify.yml",
        airgate_bundle_source=str(bundle),
        airgate_bundle_public_key=(tmp_path / "stranger.pub").read_text(),
    )
    assert looked.status != 0
    assert "The bundle is refused" in looked.output


def test_an_older_release_is_refused_unless_going_back_is_wanted(bundle: Path, stage: Play) -> None:
    """Nobody puts yesterday's holes back by yesterday's medium."""
    assert stage("newer").status == 0
    refused = stage(bundle.name)
    assert refused.status != 0
    assert "is of release 1.2.3, older than the installed 1.9.0" in " ".join(refused.output.split())
    assert stage(bundle.name, airgate_bundle_allow_older=True).status == 0


def test_an_image_of_another_digest_than_the_tested_one_does_not_get_into_a_bundle(build: Play) -> None:
    """A release is one tested combination."""
    image = {"name": "airgate.local/small:1", "from": {"file": "small.tar"}, "digest": "sha256:" + "0" * 64}
    refused = build(images=[image])
    assert refused.status != 0
    assert "where the release says sha256:000" in refused.output


def test_a_missing_source_is_named(build: Play) -> None:
    """The sentence says which file to make."""
    refused = build(wheels=["none.whl"])
    assert refused.status != 0
    assert "none.whl is not there; make it, or correct its source in inventory/release.yml." in refused.output


def test_what_a_release_no_longer_names_leaves_the_bundle(build: Play, tmp_path: Path) -> None:
    """Building into the same folder again gives the same as building into an empty one."""
    build()
    build("bundle", wheels=[], images=[], apps=[])
    files = {path.name for path in (tmp_path / "bundle").rglob("*") if path.is_file()}
    assert files == {
        "index.json", "oci-layout", "hello.snap", "hello.assert", "web-0.1.0.tgz", "manifest.json", "manifest.json.sig",
    }  # fmt: skip


def test_a_chart_brings_the_charts_it_refers_to(bundle: Path) -> None:
    """Helm finds a library chart inside the archive and asks no repository."""
    with tarfile.open(bundle / "charts" / "web-0.1.0.tgz") as archive:
        names = set(archive.getnames())
    assert names == {"web/Chart.yaml", "web/templates/one.yaml", "web/charts/lib/Chart.yaml"}
