"""Versions in a file against those of the runtime, before anything of it is opened."""

import json
import pickle
from pathlib import Path
from typing import Any

import joblib
import onnx
import pytest
import sklearn
import sklearn.base
import skops.io
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from airgate_serving import freeze
from airgate_serving.errors import MissingLibrary
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.mlflow import read_requirements
from airgate_serving.formats.onnx_limits import find_limits
from airgate_serving.formats.pickles import find_sklearn_version
from airgate_serving.formats.table import guess_format, load
from airgate_serving.formats.versions import find_here, judge, read_numbers
from tests.serving.models import make_mlp, make_text_model
from tests.serving.server import run_command
from tests.serving.test_mlflow import pack
from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

NEXT_MAJOR, NEXT_MINOR = "9.0.0", f"{sklearn.__version__.split('.')[0]}.99.1"


@pytest.fixture
def fitted() -> Any:
    """A small estimator."""
    return LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])


def open_file(path: Path) -> Any:
    """Open a file as what it is."""
    return load(path, guess_format(path), LoadOptions())


@pytest.mark.parametrize("suffix", [".pkl", ".joblib", ".joblib.gz", ".joblib.xz", ".skops"])
def test_an_estimator_of_the_next_major_version_is_refused_unopened(tmp_path, monkeypatch, fitted, suffix) -> None:
    """In every way of saving, compressed too, one sentence has both versions, and the hint a way out."""
    path = tmp_path / f"m{suffix}"
    monkeypatch.setattr(sklearn.base, "__version__", NEXT_MAJOR)
    monkeypatch.setattr(sklearn, "__version__", NEXT_MAJOR)
    if suffix == ".skops":
        skops.io.dump(fitted, path)
    else:
        _save(fitted, path)
    monkeypatch.undo()
    with pytest.raises(MissingLibrary) as caught:
        open_file(path)
    assert caught.value.sentence == (
        f"The file was saved by scikit-learn {NEXT_MAJOR}; this runtime has {sklearn.__version__}, "
        "a major version older."
    )
    assert "airgate-serve freeze" in caught.value.hint and caught.value.needs == {"scikit-learn": NEXT_MAJOR}


def _save(model: Any, path: Path) -> None:
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(model))
    else:
        joblib.dump(model, path)  # the ending says how it is compressed


def test_an_estimator_of_the_next_minor_version_is_opened_with_a_warning(tmp_path, monkeypatch, fitted) -> None:
    """It most often works; whoever deploys it is told to compare."""
    monkeypatch.setattr(sklearn.base, "__version__", NEXT_MINOR)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(fitted))
    monkeypatch.undo()
    (warning,) = judge(open_file(tmp_path / "m.pkl").info.libraries).warnings
    assert f"scikit-learn {NEXT_MINOR}; this runtime has {sklearn.__version__}, which is older" in warning


def test_the_version_is_found_however_the_bytes_are_cut(tmp_path) -> None:
    """Blocks of a large file may end in the middle of a version."""
    for room in range(1024 * 1024 - 40, 1024 * 1024 + 3):
        (tmp_path / "m").write_bytes(b"\x80\x04" + b"x" * room + b"_sklearn_version\x94\x8c\x061.10.2\x94.")
        assert find_sklearn_version(tmp_path / "m") == "1.10.2", room


@pytest.mark.parametrize(
    ("field", "says"), [("ir", "IR version 60"), ("", "opset 99"), ("ai.onnx.ml", "of ai.onnx.ml 99")]
)
def test_an_onnx_file_newer_than_onnx_runtime_reads_is_refused_with_the_limit(tmp_path, field, says) -> None:
    """The limit is asked of the library itself."""
    model = make_mlp()
    if field == "ir":
        model.ir_version = 60
    else:
        model.opset_import.append(onnx.helper.make_opsetid(field, 99))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    limits = find_limits()
    limit = {"ir": limits.ir, "": limits.opset, "ai.onnx.ml": limits.ml_opset}[field]
    with pytest.raises(MissingLibrary, match=f"{says}; .* up to {limit}\\.") as caught:
        open_file(tmp_path / "m.onnx")
    assert f" {limit}." in caught.value.hint


def test_the_newest_onnx_that_is_said_to_be_read_is_read(tmp_path) -> None:
    """The limits are the library's, not a table's."""
    limits = find_limits()
    model = make_text_model()
    model.ir_version = limits.ir
    model.opset_import[0].version = limits.opset
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    found = {library.name: library.in_file for library in open_file(tmp_path / "m.onnx").info.libraries}
    assert (found["onnx-ir"], found["onnx-opset"]) == (str(limits.ir), str(limits.opset))


@pytest.mark.parametrize(("version", "refused"), [([9, 0, 0], True), ([3, 99, 0], False)])
def test_trees_of_a_newer_xgboost_are_refused_or_warned_of(tmp_path, model_folder, version, refused) -> None:
    """By the version that the file says."""
    content = json.loads((model_folder / "iris.json").read_text())
    (tmp_path / "m.json").write_text(json.dumps({**content, "version": version}))
    if refused:
        with pytest.raises(MissingLibrary, match=rf"XGBoost 9.0.0; this runtime has {xgboost.__version__}"):
            open_file(tmp_path / "m.json")
    else:
        assert "XGBoost 3.99.0" in judge(open_file(tmp_path / "m.json").info.libraries).warnings[0]


def test_what_a_packed_folder_requires_is_judged_before_its_pickle_is_opened(tmp_path) -> None:
    """MLflow's requirements.txt, and the version of the flavor."""
    files = {"requirements.txt": b"mlflow==3.0\nscikit_learn==7.1.0 # trained so\nnumpy==1.26.4\n", "model.pkl": b"?"}
    packed = pack(tmp_path / "m", {"sklearn": {"pickled_model": "model.pkl"}}, files)  # whose version nobody knows
    with pytest.raises(MissingLibrary, match=r"scikit-learn 7\.1\.0"):
        load(packed, "mlflow", LoadOptions())


def test_a_packed_folder_says_what_it_requires_and_freeze_takes_it(tmp_path, model_folder) -> None:
    """Also of LightGBM, whose own file says no version of the library."""
    said = {"lightgbm": {"data": "m.txt", "lgb_version": "4.3.0"}}
    files = {"m.txt": (model_folder / "iris.txt").read_bytes(), "requirements.txt": b"numpy==1.26.4\npsutil==7.0\n"}
    info = load(pack(tmp_path / "m", said, files), "mlflow", LoadOptions()).info
    found = [{"name": library.name, "in_file": library.in_file} for library in info.libraries]
    assert freeze.read_model_versions(found) == {"lightgbm": "4.3.0", "numpy": "1.26.4"}
    assert judge(info.libraries).warnings == ()


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_requirements_are_read(content: bytes) -> None:
    """The file is a stranger's."""
    assert all(read_numbers(version) for version in read_requirements(content).values())


@pytest.mark.parametrize(
    ("name", "in_file", "installed", "refused", "warned"),
    [
        ("scikit-learn", "2.0", "1.9.1", True, False),
        ("scikit-learn", "1.10", "1.9.1", False, True),
        ("scikit-learn", "1.9.4", "1.9.1", False, False),
        ("scikit-learn", "1.4.2", "1.9.1", False, True),
        ("xgboost", "2.1.0", "3.2.0", False, False),
        ("numpy", "3.0.0", "2.4.6", False, True),
        ("numpy", "1.26", "2.4.6", False, False),
        ("onnx-opset", "29", "28", True, False),
        ("onnx-opset", "29", "", False, False),
        ("pytorch", "99.0", "", False, False),
        ("lightgbm", "format v4", "4.7.0", False, False),
        ("scikit-learn", "9" * 5000, "1.9.1", True, False),
    ],
)
def test_what_is_newer_is_refused_by_the_major_version_and_warned_of_by_the_minor(
    name, in_file, installed, refused, warned
) -> None:
    """Unknown versions are never held against a file."""
    verdict = judge([Library(name, in_file, installed)])
    assert (bool(verdict.refusal), bool(verdict.warnings)) == (refused, warned)


@pytest.mark.process
def test_the_tester_judges_versions_for_those_who_know_several_runtimes(tester) -> None:  # noqa: F811
    """The webapp asks before it deploys: the answer has the runtime's own versions."""
    good = call(tester, "/fit", {"libraries": {"scikit-learn": sklearn.__version__, "onnx-opset": "13"}}).json()
    assert good["refusal"] == "" and good["here"]["scikit-learn"] == sklearn.__version__
    assert int(good["here"]["onnx-opset"]) >= 13
    bad = call(tester, "/fit", {"libraries": {"scikit-learn": NEXT_MAJOR, "unheard-of": "1"}}).json()
    assert f"scikit-learn {NEXT_MAJOR}" in bad["refusal"] and bad["here"]["unheard-of"] == ""
    assert call(tester, "/fit", {"libraries": [1]}).status_code == 400


@pytest.mark.process
def test_a_refused_upload_says_what_it_would_need(tester, shelf, monkeypatch, fitted) -> None:  # noqa: F811
    """And a test of one that opens says the warning on stdout, beside the device."""
    monkeypatch.setattr(sklearn.base, "__version__", NEXT_MAJOR)
    major = shelf.put(pickle.dumps(fitted))
    monkeypatch.setattr(sklearn.base, "__version__", NEXT_MINOR)
    minor = shelf.put(pickle.dumps(fitted))
    monkeypatch.undo()
    refused = call(tester, "/inspect", {"digest": major, "filename": "m.pkl"})
    assert refused.status_code == 422 and refused.json()["needs"] == {"scikit-learn": NEXT_MAJOR}
    warned = call(tester, "/test", {"digest": minor, "args": {"X": [[1.0]]}}).json()
    assert f"Warning: The file was made with scikit-learn {NEXT_MINOR}" in warned["stdout"]


@pytest.mark.process
def test_inspect_and_serve_say_it_before_a_port_is_answered_on(tmp_path, monkeypatch, fitted) -> None:
    """One sentence on stderr and exit code 3, not a traceback in a loop."""
    monkeypatch.setattr(sklearn.base, "__version__", NEXT_MAJOR)
    (tmp_path / "major.pkl").write_bytes(pickle.dumps(fitted))
    monkeypatch.setattr(sklearn.base, "__version__", NEXT_MINOR)
    (tmp_path / "minor.pkl").write_bytes(pickle.dumps(fitted))
    monkeypatch.undo()
    ports = ("--http-port", "0", "--grpc-port", "0", "--admin-port", "0")
    served = run_command(str(tmp_path / "major.pkl"), *ports)
    assert served.returncode == 3 and f"saved by scikit-learn {NEXT_MAJOR}" in served.stderr
    inspected = run_command("inspect", str(tmp_path / "minor.pkl"))
    assert inspected.returncode == 0 and "warning    The file was made with scikit-learn" in inspected.stdout


def test_versions_of_this_runtime_are_found_by_name() -> None:
    """XGBoost is here under the name of its build for CPUs."""
    here = {library.name: library.installed for library in find_here({"xgboost": "1.0", "scikit-learn": "1.0"})}
    assert here == {"xgboost": xgboost.__version__, "scikit-learn": sklearn.__version__}
