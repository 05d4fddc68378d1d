"""The manifest of a model that is a folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airgate_kit.manifest import NAME, PROGRESS, BadFolder, judge_folder, read_manifest
from airgate_serving.errors import BadConfiguration
from airgate_serving.fetch import compute_digest
from airgate_serving.manifest import check_folder, write_manifest
from tests.gateway.rig import wait_until
from tests.serving.server import run_command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model of three files."""
    folder = tmp_path / "llama"
    (folder / "tokenizer").mkdir(parents=True)
    for name in ("a.safetensors", "b.safetensors", "tokenizer/vocab.json"):
        (folder / name).write_bytes(name.encode() * 1000)
    return folder


def test_it_names_every_file_and_is_the_same_for_the_same_files(folder: Path) -> None:
    """Its digest stands for the whole model, wherever and whenever it was written."""
    done = run_command("manifest", str(folder))
    assert done.returncode == 0, done.stderr
    digest, entries = read_manifest(folder)
    assert done.stdout.strip() == digest == compute_digest(folder / NAME)
    assert entries["tokenizer/vocab.json"].digest == compute_digest(folder / "tokenizer/vocab.json")
    (folder / "a.safetensors").touch()
    assert write_manifest(folder, print) == digest
    assert sorted(entries) == ["a.safetensors", "b.safetensors", "tokenizer/vocab.json"]
    assert not (folder / PROGRESS).exists()
    assert run_command("manifest", str(folder), "--check", digest, "--full").returncode == 0


def test_a_command_that_was_killed_goes_on_where_it_was(folder: Path) -> None:
    """What was read is not read again; the last file cannot be read until the test lets it."""
    whole = write_manifest(folder, print)
    (folder / NAME).unlink()
    os.mkfifo(folder.parent / "fifo")
    program = (
        "import sys, pathlib; from airgate_serving import manifest; read = manifest.compute_digest\n"
        f"manifest.compute_digest = lambda path: read(path if path.name != 'vocab.json' else {str(folder.parent)!r} / "
        "pathlib.Path('fifo'))\n"
        f"manifest.write_manifest(pathlib.Path({str(folder)!r}), print)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    progress = folder / PROGRESS
    wait_until("two files are read", lambda: progress.exists() and len(progress.read_text().splitlines()) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    progress.write_text(progress.read_text() + '{"path": "broken o')
    said: list[str] = []
    assert write_manifest(folder, said.append) == whole
    assert said == ["tokenizer/vocab.json"]


def test_a_file_that_changed_meanwhile_is_read_again(folder: Path) -> None:
    """Progress counts only for the file as it is now."""
    facts = (folder / "a.safetensors").stat()
    line = {"path": "a.safetensors", "size": facts.st_size, "mtime_ns": facts.st_mtime_ns + 1, "digest": "sha256:old"}
    (folder / PROGRESS).write_text(json.dumps(line) + "\n")
    write_manifest(folder, print)
    assert read_manifest(folder)[1]["a.safetensors"].digest == compute_digest(folder / "a.safetensors")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "a.safetensors").unlink(), "a.safetensors is missing"),
        (lambda folder: (folder / "a.safetensors").write_bytes(b"less"), "has 4 bytes, its manifest says 13000"),
        (lambda folder: (folder / "extra.py").write_text("code"), "extra.py in .* is not in its manifest"),
        (lambda folder: (folder / "link").symlink_to("/etc/passwd"), "link in .* is a link or a device"),
        (lambda folder: (folder / NAME).write_text("{}"), "is not a manifest"),
        (lambda folder: (folder / NAME).unlink(), "has no airgate-manifest.json"),
        (lambda folder: (folder / NAME).write_bytes((folder / NAME).read_bytes() + b" "), "has another digest"),
        (lambda folder: (folder / NAME).write_text('{"files":[{"path":"../x","size":1}]}'), "is not a manifest"),
    ],
)
def test_a_folder_that_is_not_what_it_was_is_refused(folder: Path, spoil: Callable[[Path], object], said: str) -> None:
    """One sentence names the file; nothing outside the folder is looked at."""
    digest = write_manifest(folder, print)
    assert judge_folder(folder, digest) > 0
    spoil(folder)
    with pytest.raises(BadFolder, match=said):
        judge_folder(folder, digest)


def test_a_changed_byte_is_found_by_reading_every_byte(folder: Path) -> None:
    """Sizes alone would not tell."""
    digest = write_manifest(folder, print)
    content = (folder / "a.safetensors").read_bytes()
    (folder / "a.safetensors").write_bytes(b"X" + content[1:])
    assert check_folder(folder, digest, False, print) > 0
    with pytest.raises(BadConfiguration, match=r"a\.safetensors in .* is sha256:"):
        check_folder(folder, digest, True, print)


def test_a_folder_that_is_none_or_empty_is_refused(tmp_path: Path) -> None:
    """Exit code 3 and a sentence."""
    for name, said in (("none", "There is no folder"), ("", "has no file")):
        done = run_command("manifest", str(tmp_path / name))
        assert done.returncode == 3
        assert said in done.stderr
