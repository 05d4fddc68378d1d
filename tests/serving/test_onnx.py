"""ONNX as its makers test it: the node tests and the networks of the `onnx` wheel; archives, and weights in files."""

import io
import json
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from airgate_serving.errors import BadModelFile, ServingError
from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.table import guess_format, load
from airgate_serving.tensors import TensorSpec
from tests.serving.models import WIDTH, make_mlp

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
DIFFERENT = {  # ONNX Runtime 1.32's own numbers are not the wheel's; what we answer is what it computes
    "test_attention_4d_with_past_and_present_qk_matmul_bias_3d_mask_causal",
    "test_attention_4d_with_past_and_present_qk_matmul_bias_4d_mask_causal",
    "test_attention_4d_causal_fp16",
    "test_maxunpool_export_with_output_shape",
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
    "test_dft_axis",
    "test_dft_axis_opset19",
    *(f"test_training_dropout{more}" for more in ("", "_default", "_mask", "_default_mask")),  # chance
}
ANSWERED, WRONG, REFUSED = "answered", "wrong", "refused"


def judge_case(path: Path, case: Any) -> str:
    """Return whether a case is answered as it expects, wrongly, or refused with a sentence."""
    path.write_bytes(case.model.SerializeToString())
    try:
        runner = load(path, "onnx", LoadOptions())
        specs = runner.info.signature.inputs
        for given, wanted in case.data_sets:
            tensors = {spec.name: make_tensor(spec, value) for spec, value in zip(specs, given, strict=False)}
            for value, array in zip(wanted, runner.run(tensors).values(), strict=False):
                compare_any(value, array, case)
    except ServingError as error:
        assert error.sentence
        return REFUSED
    except AssertionError:
        return WRONG
    return ANSWERED


def make_tensor(spec: TensorSpec, value: Any) -> Any:
    """Return an input: an array, or the JSON of what is none."""
    if spec.schema is None:
        return read_value(value)
    plain = [read_value(part).tolist() for part in value] if isinstance(value, list) else value
    plain = plain if isinstance(plain, list | None) else read_value(plain).tolist()
    return np.array([json.dumps(plain)], dtype=object)


def compare_any(wanted: Any, found: Any, case: Any) -> None:
    """Compare an output; the tensors of a sequence one by one."""
    if isinstance(wanted, list):
        for part, value in zip(wanted, json.loads(found[0]), strict=True):
            compare(read_value(part), np.array(value), case)
    else:
        compare(read_value(wanted), found, case)


def read_value(value: Any) -> Any:
    """Return an array, whatever the case keeps its values as."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "US" else array


def compare(wanted: Any, found: Any, case: Any) -> None:
    """Fail when the numbers differ by more than the case allows."""
    if wanted.dtype.kind == "O":
        assert wanted.tolist() == found.tolist()
        return
    tolerance = {"rtol": max(case.rtol, 1e-3), "atol": max(case.atol, 2e-4)}
    np.testing.assert_allclose(found.astype(wanted.dtype), wanted, **tolerance)


@pytest.mark.process
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_node_tests_of_the_onnx_wheel_are_answered_as_they_expect(tmp_path) -> None:
    """Every operator: the expected numbers, or a sentence for what ONNX Runtime or Open Inference does not have."""
    outcomes = {case.name: judge_case(tmp_path / "m.onnx", case) for case in collect_testcases(None)}
    wrong = {name for name, outcome in outcomes.items() if outcome == WRONG}
    assert wrong <= DIFFERENT
    assert Counter(outcomes.values())[ANSWERED] >= 1600
    refused = {name for name, outcome in outcomes.items() if outcome == REFUSED}
    nested = [name for name in refused if "_seq" in name or "_opt" in name]
    assert all(name.startswith("test_optional_") for name in nested)  # of an opset that ONNX Runtime 1.32 has not


@pytest.mark.process
@pytest.mark.parametrize("path", sorted(LIGHT.glob("*.onnx")), ids=lambda path: path.stem)
def test_classic_networks_answer_what_the_wheel_expects(path: Path) -> None:
    """Nine networks that nobody here made, on the input that the wheel's own runner uses, and the wheel's output."""
    runner = load(path, guess_format(path), LoadOptions(threads=1))
    spec = runner.info.signature.inputs[0]
    shape = [max(size, 1) for size in spec.shape]
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / np.float32(np.prod(shape))
    wanted = numpy_helper.to_array(onnx.load_tensor(str(path.with_name(f"{path.stem}_output_0.pb"))))
    found = next(iter(runner.run({spec.name: values}).values()))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def make_zip(files: dict[str, bytes]) -> bytes:
    """Return a zip of files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def make_tar(files: dict[str, bytes]) -> bytes:
    """Return a tar.gz of files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def split_weights(folder: Path) -> dict[str, bytes]:
    """Return the small network as a model file and a file of its weights."""
    folder.mkdir()
    onnx.save(make_mlp(), folder / "mlp.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("folder", ["", "zoo/mlp/"])
def test_an_archive_of_a_model_and_its_weights_answers_the_same(tmp_path, model_folder, make, folder) -> None:
    """As model zoos hand them out: a folder in an archive, weights beside the model, and test data nobody needs."""
    files = split_weights(tmp_path / "split")
    assert len(files) == 2
    packed = {f"{folder}{name}": content for name, content in files.items()}
    (tmp_path / "m").write_bytes(make({**packed, f"{folder}test_data_set_0/input_0.pb": b"x"}))
    assert guess_format(tmp_path / "m") == "onnx"
    rows = {"x": np.ones((2, WIDTH), dtype=np.float32)}
    found = load(tmp_path / "m", "onnx", LoadOptions()).run(rows)["y"]
    assert found.tobytes() == load(model_folder / "mlp.onnx", "onnx", LoadOptions()).run(rows)["y"].tobytes()


def test_a_model_without_its_weights_says_what_to_upload(tmp_path) -> None:
    """The file alone is not the model."""
    (tmp_path / "m.onnx").write_bytes(split_weights(tmp_path / "split")["mlp.onnx"])
    with pytest.raises(BadModelFile, match="weights") as caught:
        load(tmp_path / "m.onnx", "onnx", LoadOptions())
    assert "tar.gz" in caught.value.hint


@pytest.mark.process
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_output_that_no_door_can_carry_is_refused_at_once(tmp_path) -> None:
    """A type of eight bits that NumPy does not have is told before anything is deployed."""
    case = next(case for case in collect_testcases(None) if case.name == "test_cast_FLOAT_to_FLOAT8E4M3FN")
    (tmp_path / "m").write_bytes(case.model.SerializeToString())
    with pytest.raises(BadModelFile, match="no counterpart"):
        load(tmp_path / "m", "onnx", LoadOptions())
