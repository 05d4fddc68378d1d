"""ONNX models whose inputs are maps, sequences or optional values: natural in records, JSON in texts elsewhere."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from airgate_serving.codecs.records import make_sample_arguments, read_arguments
from airgate_serving.engine.warmup import warm_up
from airgate_serving.errors import BadModelFile, BadRequest, ModelRefused, ServingError
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.onnx_graph import read_graph
from airgate_serving.formats.onnx_inputs import NestedSpec
from airgate_serving.formats.onnx_rows import read_row
from airgate_serving.formats.onnx_types import TEXT_KEYS, Nested
from airgate_serving.formats.table import load
from tests.serving.models import IR_VERSION, ML

MAPS = [{"a": 1.5, "c": 2}, {"b": -1}]
VECTORS, TOTALS = [[1.5, 0, 2], [0, -1, 0]], [3.5, -1]
PARTS = [[[1, 2]], [[3, 4], [5, 6]], [[7, 8]]]
SCALED = [[2, 4], [6, 8], [10, 12], [14, 16]]


def open_model(path: Path, *nodes: Any, inputs: Any = (), outputs: Any = ()) -> Runner:
    """Return a model, written first where its nodes are given."""
    if nodes:
        graph = helper.make_graph(nodes, "test", inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(ML, 3)])
        model.ir_version = IR_VERSION
        path.write_bytes(model.SerializeToString())
    return load(path, "onnx", LoadOptions())


def make_map(keys: int, values: int) -> onnx.TypeProto:
    """Return the type of a map."""
    return helper.make_map_type_proto(keys, helper.make_tensor_type_proto(values, []))


def ask(runner: Runner, rows: Any) -> Any:
    """Return what a runner answers to records."""
    return runner.run(read_arguments({"X": rows}, runner.info.signature)[0])


def write_texts(*rows: Any) -> Any:
    """Return rows as the texts that Open Inference carries."""
    return np.array([json.dumps(row) for row in rows], dtype=object)


@pytest.mark.parametrize(
    "rows",
    [
        [{"x": row} for row in MAPS],
        [{"x": json.dumps(row)} for row in MAPS],
        {"columns": ["x"], "data": [[row] for row in MAPS]},
        [{"a": 1.5, "b": 0, "c": 2}, {"a": 0, "b": -1, "c": 0}],
        {"columns": ["a", "b", "c"], "data": VECTORS},
    ],
)
def test_a_map_is_an_object_or_the_record_itself(model_folder, rows) -> None:
    """Each row is a map; where the columns are not the model's input they are its keys."""
    answer = ask(open_model(model_folder / "map.onnx"), rows)
    assert answer["vector"].tolist() == VECTORS and answer["total"].tolist() == TOTALS


def test_a_signature_says_what_a_map_holds(model_folder) -> None:
    """Known keys are its values and its sample; the answer has as many rows as were sent."""
    signature = open_model(model_folder / "map.onnx").info.signature
    spec = signature.inputs[0]
    assert (spec.datatype, spec.shape, spec.values) == ("BYTES", (-1,), ("a", "b", "c"))
    assert spec.schema and spec.schema["title"] == "a map of text to number"
    assert make_sample_arguments(signature) == {"X": [{"x": {"a": 0.0, "b": 0.0, "c": 0.0}}]}
    assert [output.shape for output in signature.outputs] == [(-1, 3), (-1,)]


def test_rows_of_maps_run_one_by_one_and_are_not_batched(model_folder) -> None:
    """Requests of maps are not joined, for the model takes one at a time."""
    for name in ("map", "sequence"):
        found = warm_up(open_model(model_folder / f"{name}.onnx"), iter(range(100)).__next__)
        assert found.seconds is not None and not found.batchable


def test_whole_numbers_may_be_keys(tmp_path) -> None:
    """JSON has texts alone for keys; the model gets numbers, negative ones too."""
    node = helper.make_node("DictVectorizer", ["x"], ["y"], domain=ML, int64_vocabulary=[-1, 7])
    inputs = [helper.make_value_info("x", make_map(TensorProto.INT64, TensorProto.FLOAT))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])]
    runner = open_model(tmp_path / "m", node, inputs=inputs, outputs=outputs)
    assert runner.info.signature.inputs[0].values == (-1, 7)
    assert ask(runner, [{"x": {"7": 3, "-1": 2}}])["y"].tolist() == [[2, 3]]
    with pytest.raises(ServingError, match="no whole number"):
        ask(runner, [{"x": {"seven": 3}}])


def test_a_sequence_is_a_list_of_tensors_of_any_size(model_folder) -> None:
    """Tensors of different shapes go in, and come out."""
    runner = open_model(model_folder / "sequence.onnx")
    answer = ask(runner, [{"parts": PARTS, "factor": 2}])
    assert answer["scaled"].tolist() == SCALED
    assert json.loads(answer["others"][0]) == PARTS[:2]
    assert make_sample_arguments(runner.info.signature) == {"X": [{"parts": [[[0.0, 0.0]]], "factor": 0.0}]}


def test_rows_that_cannot_be_joined_are_refused(tmp_path) -> None:
    """Two sequences that give tables of several rows are two requests."""
    node = helper.make_node("ConcatFromSequence", ["x"], ["y"], axis=0)
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])]
    inputs = [helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)]
    runner = open_model(tmp_path / "m", node, inputs=inputs, outputs=outputs)
    assert ask(runner, [{"x": [[1]]}, {"x": [[2]]}])["y"].tolist() == [1, 2]
    with pytest.raises(ModelRefused, match="one row for each row"):
        ask(runner, [{"x": [[1, 2]]}, {"x": [[3]]}])


@pytest.mark.parametrize("datatype", [TensorProto.STRING, TensorProto.BOOL, TensorProto.UINT64, TensorProto.FLOAT16])
def test_a_sequence_of_any_datatype_comes_back_as_it_went(tmp_path, datatype) -> None:
    """Texts, truth values and the largest of whole numbers."""
    value = {TensorProto.STRING: "ä", TensorProto.BOOL: True, TensorProto.UINT64: 2**64 - 1}.get(datatype, 0.5)
    node = helper.make_node("SequenceAt", ["x", "i"], ["y"])
    inputs = [
        helper.make_tensor_sequence_value_info("x", datatype, None),
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
    ]
    outputs = [helper.make_tensor_value_info("y", datatype, None)]
    runner = open_model(tmp_path / "m", node, inputs=inputs, outputs=outputs)
    assert ask(runner, [{"x": [[value, value], [value]], "i": 0}])["y"].tolist() == [value, value]


def test_an_optional_value_may_be_null(tmp_path) -> None:
    """What is not there is null, in records and as text."""
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2]))
    node = helper.make_node("OptionalHasElement", ["x"], ["y"])
    outputs = [helper.make_tensor_value_info("y", TensorProto.BOOL, [])]
    runner = open_model(tmp_path / "m", node, inputs=[helper.make_value_info("x", kind)], outputs=outputs)
    assert [bool(ask(runner, [{"x": value}])["y"]) for value in ([1, 2], None, "null")] == [True, False, False]
    with pytest.raises(ServingError, match=r"the model takes \[2\]"):
        ask(runner, [{"x": [1]}])


def test_a_sequence_of_maps_is_refused_while_onnx_runtime_loses_the_second(tmp_path) -> None:
    """Better a sentence than another map's numbers. Where a later release keeps them this test says so."""
    kind = helper.make_sequence_type_proto(make_map(TensorProto.STRING, TensorProto.FLOAT))
    value = helper.make_value_info("x", kind)
    model = helper.make_model(helper.make_graph([], "test", [value], [value]), ir_version=IR_VERSION)
    model.opset_import[0].version = 18
    (tmp_path / "m").write_bytes(model.SerializeToString())
    with pytest.raises(BadModelFile, match="loses all but the first map"):
        open_model(tmp_path / "m")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": iter([{"a": 1.0}, {"a": 2.0}])})[0] == [{"a": 1.0}, {"a": 1.0}]


KINDS = [Nested("FP32", TEXT_KEYS), Nested("INT8", is_sequence=True), Nested("FP32", "int64", is_optional=True)]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


@given(value=values, text=st.text(max_size=20), shape=st.none() | st.just((-1, 2)), kind=st.sampled_from(KINDS))
def test_any_text_is_a_value_or_a_sentence(value, text, shape, kind) -> None:
    """Whatever JSON comes, and what is none."""
    for row in (json.dumps(value), text):
        try:
            read_row(NestedSpec("x", kind, shape), row)
        except BadRequest as error:
            assert error.sentence.endswith(".")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), end=st.integers(0, 10_000))
def test_a_damaged_graph_is_read_as_far_as_it_goes_or_refused(model_folder, place, byte, end) -> None:
    """A file that ONNX Runtime took is read once more, and may have been made for that."""
    content = bytearray((model_folder / "map.onnx").read_bytes())
    content[place % len(content)] = byte
    part = bytes(content[: max(end, place) % len(content) + 1])
    try:
        read_graph(io.BytesIO(part), len(part))
    except BadModelFile as error:
        assert error.hint


REFUSALS: list[tuple[str, Any, str]] = [
    ("map", {"x": [1]}, "a map of text to number; here is a list"),
    ("map", {"x": {}}, "here is nothing in it"),
    ("map", {"x": None}, "here is null"),
    ("map", {"x": 3}, "here is a number"),
    ("map", {"x": "{a"}, "not JSON"),
    ("map", {"x": {"a": "much"}}, "holds texts"),
    ("map", {"x": {"a": [1]}}, "has lists in its map"),
    ("map", {"x": {"a": [1, 2], "b": 3}}, "ragged"),
    ("map", {"x": {"a": 1e300}}, "too large for FP32"),
    ("sequence", {"parts": {"a": 1}, "factor": 1}, "a sequence of tensors of FP32; here is an object"),
    ("sequence", {"parts": [[[1, 2]], [[1, 2, 3]]], "factor": 1}, r"'parts\[1\]' has the shape \[1, 3\]"),
    ("sequence", {"parts": [{"a": 1}], "factor": 1}, "here is an object"),
    ("sequence", {"parts": [[["x", "y"]]], "factor": 1}, "holds texts"),
    ("sequence", {"parts": [[[1, 2], [3]]], "factor": 1}, "ragged"),
]


@pytest.mark.parametrize(("name", "row", "words"), REFUSALS)
def test_a_wrong_shape_is_refused_with_what_to_send(model_folder, name, row, words) -> None:
    """One sentence, and an example that would be taken."""
    with pytest.raises(ServingError, match=words):
        ask(open_model(model_folder / f"{name}.onnx"), [row])


def test_a_sequence_beside_a_number_is_one_row(model_folder) -> None:
    """What is not by row cannot come with several rows."""
    runner = open_model(model_folder / "sequence.onnx")
    with pytest.raises(ServingError, match="one row a request"):
        runner.run({"parts": write_texts(PARTS, PARTS), "factor": np.array(2, dtype=np.float32)})
    with pytest.raises(ServingError, match="no row"):
        runner.run({"parts": write_texts(), "factor": np.array(2, dtype=np.float32)})


def test_a_map_that_onnx_runtime_cannot_be_given_is_refused_at_once(tmp_path) -> None:
    """Its Python library makes maps to floats alone."""
    node = helper.make_node("DictVectorizer", ["x"], ["y"], domain=ML, string_vocabulary=["a"])
    inputs = [helper.make_value_info("x", make_map(TensorProto.STRING, TensorProto.INT64))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, [1, 1])]
    with pytest.raises(BadModelFile, match="to float alone"):
        open_model(tmp_path / "m", node, inputs=inputs, outputs=outputs)
