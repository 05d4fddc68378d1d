"""The lock of a runtime with a model's own versions, resolved against a folder of wheels made on the spot."""

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from airgate_serving import freeze
from airgate_serving.errors import BadConfiguration, MissingLibrary
from tests.serving.server import run_command

NEEDS = ["httptools>=2.5; extra == 'serving'", "scikit-learn>=1.6; extra == 'serving'", "nicegui>=3; extra == 'web'"]


def make_wheel(folder: Path, name: str, version: str, needs: Iterable[str] = ()) -> Path:
    """Write an empty wheel that says what it is and needs."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    files = {
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for member, text in files.items():
            archive.writestr(member, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{member},sha256={digest},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def test_a_models_versions_take_the_place_of_the_runtimes_own() -> None:
    """What the runtime needs besides stays as it is; other extras and strangers' pins do not come in."""
    assert freeze.list_needs({"scikit-learn": "1.4.2", "torch": "2.0"}, NEEDS) == [
        "httptools>=2.5",
        "scikit-learn==1.4.2",
    ]


def test_versions_are_read_from_a_model_and_from_a_list() -> None:
    """A model says some, a training environment all; what is no version is none."""
    libraries = [
        {"name": "scikit-learn", "in_file": "1.4.2"},
        {"name": "xgboost", "in_file": "2.0.3"},
        {"name": "lightgbm", "in_file": "format v4"},
        {"name": "numpy", "in_file": ""},
        {"name": "mlflow", "in_file": "2.14.1"},
    ]
    assert freeze.read_model_versions(libraries) == {"scikit-learn": "1.4.2", "xgboost-cpu": "2.0.3"}
    assert freeze.read_pins("# made by hand\nScikit_Learn==1.4.2\nnumpy==1.26.4 ; python_version > '3'\n-e .\n") == {
        "scikit-learn": "1.4.2",
        "numpy": "1.26.4",
    }
    with pytest.raises(BadConfiguration, match="no NAME==VERSION"):
        freeze.read_pins("numpy>=1\n")


@pytest.mark.process
def test_pip_resolves_what_is_in_the_folder_and_the_lock_has_its_hashes(tmp_path) -> None:
    """Exactly the model's version is taken, with what it needs; a wheel that is not there is named."""
    make_wheel(tmp_path, "scikit-learn", "1.6.1")
    old = make_wheel(tmp_path, "scikit-learn", "1.4.2", ["numpy<2"])
    numpy = make_wheel(tmp_path, "numpy", "1.26.4")
    make_wheel(tmp_path, "numpy", "2.4.6")
    constraints = tmp_path / "c.txt"
    constraints.write_text("scikit-learn==1.4.2\n")
    lock = freeze.write_lock(freeze.resolve(["scikit-learn==1.4.2"], constraints, tmp_path))
    wanted = [(file, hashlib.sha256(file.read_bytes()).hexdigest()) for file in (numpy, old)]
    assert re.findall(r"sha256:(\w+)", lock) == [digest for _, digest in wanted]
    assert lock.startswith("numpy==1.26.4 \\\n    --hash=sha256:")
    with pytest.raises(MissingLibrary, match=r"no wheel of httptools"):
        freeze.resolve(["httptools>=2.5"], constraints, tmp_path)


@pytest.mark.process
def test_the_command_freezes_a_model_of_another_version(tmp_path, model_folder) -> None:
    """A pickle says which scikit-learn made it; with all wheels there, the lock has that one."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    inspected = run_command("inspect", str(model_folder / "iris.pkl")).stdout
    version = re.search(r"scikit-learn: (\S+) in the file", inspected)
    assert version
    for need in freeze.list_needs({}):
        name = freeze.normalize(re.split(r"[<>=\[ ]", need)[0])
        make_wheel(wheels, name, version.group(1) if name == "scikit-learn" else "9999.0")
    make_wheel(wheels, "scikit-learn", "9999.0")
    done = run_command(
        "freeze", str(model_folder / "iris.pkl"), "--wheels", str(wheels), "--to", str(tmp_path / "lock")
    )
    assert done.returncode == 0, done.stderr
    lock = (tmp_path / "lock").read_text()
    assert f"scikit-learn=={version.group(1)} \\" in lock and "httptools==9999.0 \\" in lock and "nicegui" not in lock
    nothing = run_command(
        "freeze", str(model_folder / "mlp.onnx"), "--wheels", str(wheels), "--to", str(tmp_path / "x")
    )
    assert nothing.returncode == 3 and "does not say which versions" in nothing.stderr
