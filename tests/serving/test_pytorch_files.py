"""What is said of files of PyTorch where it is not installed, and what is read out of them without."""

import io
import json
import pickle
import re
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_serving.errors import BadModelFile, DangerousModelFile, MissingLibrary, ServingError
from airgate_serving.formats import pytorch_file
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.pytorch_export import is_arithmetic, read_program
from airgate_serving.formats.pytorch_export import require_calm as require_calm_program
from airgate_serving.formats.pytorch_file import find_foreign, list_names
from airgate_serving.formats.pytorch_library import Torch
from airgate_serving.formats.pytorch_script import read_traced, require_calm, require_known
from airgate_serving.formats.pytorch_source import find_weights, read_sample, read_weights
from airgate_serving.formats.pytorch_trial import list_candidates, list_groups
from airgate_serving.formats.safety import forbidden_unpickling
from airgate_serving.formats.table import guess_format, load
from airgate_serving.formats.versions import find_installed, judge

CODE = b"class M(Module):\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return %s\n"
SCRIPT = {"m/data.pkl": b"\x80\x02}.", "m/constants.pkl": b"\x80\x02).", "m/version": b"3\n"}
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    b"X\x03\x00\x00\x00cpuK\x08tQK\x00K\x02K\x04\x86K\x04K\x01\x86\x89tR"
)  # two rows of four, as torch.save has them
STATE = b"\x80\x02ccollections\nOrderedDict\n)RX\x06\x00\x00\x00weight" + TENSOR + b"s."
WHOLE = b"\x80\x02cmynet\nNet\n)\x81}X\x01\x00\x00\x00w" + TENSOR + b"sb."
NODE = {"target": "torch.ops.aten.linear.default", "name": "linear", "inputs": [], "metadata": {"torch_fn": "a;b"}}
PROGRAM = {
    "graph_module": {
        "graph": {"nodes": [NODE], "tensor_values": {"x": {"sizes": [{"as_expr": {"expr_str": "Symbol('s77')"}}]}}},
        "module_call_graph": [{"signature": {"forward_arg_names": ["x"]}}],
    },
    "torch_version": "2.15.0+cu132",
}
SOURCE = b"from torch import nn\ndef make_model():\n    return nn.Linear(4, 3)\n"


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def pack_script(path: Path, expression: bytes = b"torch.relu(x)", **more: bytes) -> Path:
    """Write a zip as TorchScript is laid out."""
    return pack(path, {**SCRIPT, "m/code/__torch__.py": CODE % expression, **more})


def pack_program(path: Path, program: Any = PROGRAM, **more: bytes) -> Path:
    """Write a zip as torch.export lays it out."""
    return pack(path, {"m/archive_format": b"pt2", "m/models/model.json": json.dumps(program).encode(), **more})


def open_file(path: Path) -> str:
    """Return the sentence by which a file is refused here."""
    with pytest.raises(BadModelFile) as caught:
        load(path, guess_format(path), LoadOptions(scratch=path.parent))
    return str(caught.value)


def test_a_file_is_known_by_its_bytes_and_the_runtime_that_serves_it_is_named(tmp_path: Path) -> None:
    """Where PyTorch is not installed, a sentence says what the file needs, and `needs` what the webapp asks for."""
    said = b'{"flavors": {"pytorch": {"pytorch_version": "2.4.0"}}}'
    files = {
        pack_script(tmp_path / "a"): ("a TorchScript model;", ""),
        pack_program(tmp_path / "b"): ("a program of torch.export, saved by PyTorch 2.15.0+cu132;", "2.15.0+cu132"),
        pack(tmp_path / "c", {"n/model.py": SOURCE, "n/w.pt": b"PK"}): ("a state_dict with its source;", ""),
        pack(tmp_path / "d", {"MLmodel": said, "data/model.pth": b"PK"}): ("an MLflow model of PyTorch", "2.4.0"),
    }
    assert find_installed("torch") == ""
    for path, (what, version) in files.items():
        assert guess_format(path) == "pytorch"
        with pytest.raises(MissingLibrary, match=re.escape(f"The file is {what}")) as caught:
            load(path, "pytorch", LoadOptions(scratch=tmp_path))
        assert "'PyTorch with Python 3.11'" in caught.value.hint and caught.value.needs == {"torch": version}


def test_a_script_that_keeps_weights_is_a_script(tmp_path: Path) -> None:
    """It answers for itself: what makes the difference is a function predict."""
    files = {"model.py": b"def predict(args):\n    return 1\n", "w.pt": b"PK"}
    assert guess_format(pack(tmp_path / "a", files)) == "script"
    assert guess_format(pack(tmp_path / "b", {"run.py": SOURCE, "w.pt": b"PK"})) == "script"
    assert guess_format(pack(tmp_path / "c", {"model.py": b"not Python", "w.pt": b"PK"})) == "pytorch"


def test_weights_without_their_network_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """However they were written."""
    legacy, safe = tmp_path / "legacy", tmp_path / "safe"
    legacy.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.")
    safe.write_bytes(b"\x10" + bytes(7) + b'{"w":{"dtype":"F32"')
    packed = tmp_path / "tar"
    with tarfile.open(packed, "w:gz") as archive:
        member = tarfile.TarInfo("w.safetensors")
        archive.addfile(member, io.BytesIO(b""))
    files = {
        pack(tmp_path / "state", {"s/data.pkl": STATE, "s/version": b"3"}): "a state_dict: weights alone",
        legacy: "a pickle, as torch.save wrote them before PyTorch 1.6",
        safe: "weights alone (safetensors)",
        packed: "weights alone, without a model.py",
    }
    for path, words in files.items():
        sentence = open_file(path)
        assert guess_format(path) == "pytorch" and words in sentence
        assert "torch.export.save(" in sentence and "make_model()" in sentence


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (WHOLE, "mynet.Net"),
        (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.", "posix.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "posix.system"),
        (b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", "builtins.eval"),
    ],
)
def test_a_whole_model_as_a_pickle_is_refused_with_what_it_names(tmp_path: Path, content: bytes, name: str) -> None:
    """Nothing of it is imported."""
    sentence = open_file(pack(tmp_path / "m", {"m/data.pkl": content, "m/version": b"3"}))
    assert "a whole model as a pickle" in sentence and f"(first {name})" in sentence


def test_a_network_that_pickle_or_joblib_saved_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """It is no estimator, and no library that is missing would help."""
    (tmp_path / "m").write_bytes(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81}b.")
    with pytest.raises(BadModelFile, match="none of PyTorch's"):
        load(tmp_path / "m", "pytorch", LoadOptions())  # as the caller says
    sentence = open_file(tmp_path / "m")
    assert "a pickle of PyTorch, which names torch.nn.modules.linear.Linear" in sentence and "make_model()" in sentence


def test_a_bomb_a_way_out_and_a_damaged_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the zip says of itself."""
    assert "outside" in open_file(pack_script(tmp_path / "slip", **{"../../out": b"x"}))
    assert "damaged" in open_file(pack(tmp_path / "cut", {"s/data.pkl": b"\x80\x02c", "s/version": b"3"}))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(pack_script(tmp_path / "two"), "a") as archive:
        archive.writestr("m/data.pkl", b"")
    assert "two files of the same name" in open_file(tmp_path / "two")
    monkeypatch.setattr(pytorch_file, "MOST_GROWTH", 1000)
    with zipfile.ZipFile(pack_script(tmp_path / "bomb"), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data/0", bytes(100_000))
    assert "would unpack to" in open_file(tmp_path / "bomb")


REACHING = {
    b'torch.from_file("/etc/passwd", False, 10)': "from_file",
    b'torch.save(x, "/tmp/x")': "save",
    b'torch .\n save(x, "/tmp/x")': "save",
    b'ops.aten.from_file("/etc/passwd")': "from_file",
    b'rpc_sync("other", f)': "rpc_sync",
    b"ops.c10d.send(x)": "of c10d",
    b"torch.ops.symm_mem._barrier(x)": "of symm_mem",
    b"__torch__.torch.classes.dist_rpc.WorkerInfo(x)": "of dist_rpc",
}


@pytest.mark.parametrize("expression", REACHING)
def test_an_operation_that_reaches_out_is_refused_wherever_it_stands(tmp_path: Path, expression: bytes) -> None:
    """Also in a part that nobody seems to call."""
    with pytest.raises(DangerousModelFile, match=f"operation {REACHING[expression]}"):
        require_calm(pack_script(tmp_path / "m", b"x", **{"m/code/__torch__/deep/in.py": CODE % expression}))


def test_what_models_need_is_not_mistaken_for_it(tmp_path: Path) -> None:
    """Quantized layers, attributes with such names, and the operations that PyTorch itself lists."""
    for expression in (b"ops.quantized.linear(x, w)", b"(self.ops).forward(x)", b"self.save", b"torch.saved(x)"):
        require_calm(pack_script(tmp_path / "m", expression))
    require_calm(pack_script(tmp_path / "m", b"__torch__.torch.classes.quantized.Conv2dPackedParamsBase"))
    require_known(["aten::linear", "aten::softmax.int", "prim::Print", "quantized::linear"])
    for operation in ("aten::save", "aten::from_file.out", "prim::rpc_async", "debugprims::load_tensor"):
        with pytest.raises(DangerousModelFile, match=operation):
            require_known(["aten::linear", operation])


PROGRAMS: dict[str, dict[str, Any]] = {
    "torch.hub.load": {"target": "torch.hub.load"},
    "torch.ops.aten.from_file.default": {"target": "torch.ops.aten.from_file.default"},
    "_operator.methodcaller": {"target": "_operator.methodcaller"},
    "torch.ops.mine.own.default": {"target": "torch.ops.mine.own.default"},
    "#other:thing": {"target": "#other:thing"},
    "__import__": {"as_expr": {"expr_str": "__import__('os').system('id')"}},
    "Symbol.__class__": {"as_expr": {"expr_str": "Symbol.__class__"}},
    "x=1": {"name": "a, x=1"},
    "x: 1": {"forward_arg_names": ["x: 1"]},
    "exec": {"as_operator": "torch.exec"},
    "builtins.dict": {"in_spec": '[1, {"type": "builtins.dict", "context": "[\\"x=f()\\"]"}]'},
    "torch.ops.higher_order.inline": {"target": "torch.ops.higher_order.inline_asm_elementwise"},
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_that_is_more_than_arithmetic_is_refused_by_name(tmp_path: Path, what: str) -> None:
    """PyTorch looks names up and evaluates expressions as Python."""
    changed = {**PROGRAM, "more": [{"deep": PROGRAMS[what]}]}
    with pytest.raises(DangerousModelFile, match="which reaches out of a model") as caught:
        require_calm_program(read_program(pack_program(tmp_path / "m", changed)))
    assert what in str(caught.value)


def test_a_program_of_sizes_and_arithmetic_is_read(tmp_path: Path) -> None:
    """As torch.export writes it; compiled code and what is no program are not."""
    require_calm_program(read_program(pack_program(tmp_path / "m")))
    spec = '[1, {"type": "builtins.dict", "context": "[\\"sum\\", \\"all\\"]", "children_spec": []}]'
    require_calm_program({**PROGRAM, "signature": {"in_spec": spec, "out_spec": spec}})
    for expression in ("s77", "Symbol('s77', positive=True, integer=True)", "2*s0 + 1", "Max(1, FloorDiv(s3, 2))"):
        assert is_arithmetic(expression), expression
    for expression in ("open('x')", "s0.func", "().__class__", "Symbol('a\\x28')", "exec", "[s0]", "lambda: 1"):
        assert not is_arithmetic(expression), expression
    with pytest.raises(BadModelFile, match="compiled code"):
        read_program(pack_program(tmp_path / "c", **{"m/data/aotinductor/model/x.so": b""}))
    with pytest.raises(BadModelFile, match="no JSON"):
        read_program(pack(tmp_path / "j", {"m/archive_format": b"pt2", "m/models/model.json": b"{"}))
    with pytest.raises(BadModelFile, match="holds 2 programs"):
        read_program(pack_program(tmp_path / "2", **{"m/models/other.json": b"{}"}))


def test_while_a_program_is_opened_no_pickle_names_anything() -> None:
    """PyTorch falls back to an unrestricted one by itself."""
    with forbidden_unpickling(), pytest.raises(DangerousModelFile, match=r"collections\.OrderedDict"):
        pickle.loads(pickle.dumps(OrderedDict()))
    with forbidden_unpickling(scanned=False):
        assert pickle.loads(pickle.dumps(OrderedDict())) == OrderedDict()
    assert pickle.loads(pickle.dumps(OrderedDict())) == OrderedDict()


def test_a_traced_model_says_what_it_was_traced_with(tmp_path: Path) -> None:
    """Read without importing what the pickle names; one that names more is not believed."""
    kept = b"\x80\x02}X\x07\x00\x00\x00forward](" + TENSOR + b"es."
    assert read_traced(pack_script(tmp_path / "m", **{"m/traced_inputs.pkl": kept})) == [("float32", (2, 4))]
    assert read_traced(pack_script(tmp_path / "n")) == []
    evil = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R."
    assert read_traced(pack_script(tmp_path / "e", **{"m/traced_inputs.pkl": evil})) == []


def test_an_archive_has_one_file_of_weights() -> None:
    """Two would leave it to chance."""
    assert find_weights(["model.py", "a/w.pt", "notes.txt"]) == "a/w.pt"
    with pytest.raises(BadModelFile, match="should have one file of weights"):
        find_weights(["model.py", "a.pt", "b.safetensors"])
    with pytest.raises(BadModelFile, match=r"without a model\.py"):
        find_weights(["my_model.py", "a.pt"])


def test_weights_that_are_a_bomb_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip within the archive is judged as one that comes alone."""
    monkeypatch.setattr(pytorch_file, "MOST_GROWTH", 1000)
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data/0", bytes(100_000))
    with pytest.raises(BadModelFile, match="would unpack to 100000 bytes"):
        read_weights(Torch(None, "cpu"), "w.pt", (tmp_path / "w.pt").read_bytes())


def test_a_sample_becomes_arrays_as_pytorch_would_have_them() -> None:
    """Floats of 32 bits, whole numbers of 64."""
    found = read_sample({"x": [[1.5]], "n": [[2]]})
    assert {name: str(array.dtype) for name, array in found.items()} == {"x": "float32", "n": "int64"}
    assert read_sample(None) == {}
    with pytest.raises(BadModelFile, match="SAMPLE cannot be read"):
        read_sample([1])


def test_what_is_tried_follows_from_the_weights() -> None:
    """Pictures for convolutions, rows for dense layers, places for embeddings; axes of one size grow together."""

    class Weight:
        def __init__(self, *shape: int) -> None:
            self.shape = shape

    tried = [array.shape for array in list_candidates({"b": Weight(3), "w": Weight(4, 3, 5, 5)})]
    assert tried[0] == (1, 3, 32, 32) and (1, 3, 224, 224) in tried
    kinds = {(array.shape, str(array.dtype)) for array in list_candidates({"w": Weight(8, 4)})}
    assert {((1, 4), "float32"), ((1, 2), "int64")} <= kinds
    pair = {"ids": np.zeros((1, 7)), "mask": np.zeros((1, 7)), "extra": np.zeros((1, 3))}
    assert list(list_groups(pair)) == [
        [("ids", 0), ("mask", 0), ("extra", 0)],
        [("extra", 1)],
        [("ids", 1), ("mask", 1)],
    ]


def test_versions_are_compared() -> None:
    """A newer major version is refused, a newer minor one is worth a warning."""
    assert judge([Library("torch", "3.0.0", "2.15.0")]).refusal.startswith("The file was saved by PyTorch 3.0.0;")
    assert judge([Library("torch", "2.16.0+cu130", "2.15.0")]).warnings
    assert judge([Library("torch", "2.9.0", "2.15.0")]).warnings == ()


@given(st.binary(max_size=200))
def test_any_bytes_in_a_pickle_are_read_or_refused(content: bytes) -> None:
    """The file is a stranger's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02" + content)
    try:
        assert find_foreign(buffer) is None or list(list_names(b"\x80\x02" + content))
    except ServingError as error:
        assert error.sentence
