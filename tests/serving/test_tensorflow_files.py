"""What is said of files of Keras and TensorFlow where neither is installed, and what is read out of them without."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_serving.errors import BadModelFile, DangerousModelFile, MissingLibrary, ServingError
from airgate_serving.formats import archive
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.keras_file import read_zip, require_own_parts
from airgate_serving.formats.table import guess_format, load
from airgate_serving.formats.tensorflow import unpacked
from airgate_serving.formats.tensorflow_graph import choose_graph, reaches_out, read_facts, require_calm
from airgate_serving.formats.tensorflow_signatures import choose_signature, name_function, require_path
from airgate_serving.formats.versions import judge

HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)
DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": None}


def encode(number: int, content: bytes) -> bytes:
    """Return a field of a protobuf message, shorter than 16 KiB."""
    size = len(content)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content


def make_node(operation: str, calls: str = "") -> bytes:
    """Return a NodeDef, which may call a function."""
    value = encode(2, encode(10, encode(1, calls.encode()))) if calls else b""
    return encode(1, b"n") + encode(2, operation.encode()) + (encode(5, encode(1, b"f") + value) if calls else b"")


def make_program(functions: dict[str, list[bytes]], restored: tuple[str, ...] = (), objects: bool = True) -> bytes:
    """Return a SavedModel of functions by name; `restored` are those that loading opens."""
    library = b"".join(
        encode(1, encode(1, encode(1, name.encode())) + b"".join(encode(3, node) for node in nodes))
        for name, nodes in functions.items()
    )
    graph = encode(1, encode(5, b"2.18.0")) + encode(2, encode(2, library)) + encode(5, encode(1, b"serving_default"))
    kept = b"".join(encode(2, encode(1, name.encode())) for name in restored)
    return b"\x08\x01" + encode(2, graph + (encode(7, kept) if objects else b""))


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def pack_keras(path: Path, config: Any, **more: bytes) -> Path:
    """Write a zip as Keras does."""
    said = {"metadata.json": b'{"keras_version": "3.12.0"}', "config.json": json.dumps(config).encode()}
    return pack(path, {**said, "model.weights.h5": HDF5, **more})


def test_a_file_is_known_by_its_bytes_and_the_runtime_that_serves_it_is_named(tmp_path: Path) -> None:
    """Where TensorFlow is not installed, a sentence says what the file needs, and `needs` what the webapp asks for."""
    program = make_program({})
    files = {
        pack_keras(tmp_path / "a", DENSE): ("keras", {"keras": "3.12.0"}),
        pack(tmp_path / "b", {"m/saved_model.pb": program, "m/x.py": b""}): ("tensorflow", {"tensorflow": "2.18.0"}),
        tmp_path / "c": ("keras", {"keras": ""}),
        tmp_path / "d": ("tensorflow", {"tensorflow": "2.18.0"}),
    }
    (tmp_path / "c").write_bytes(HDF5)
    (tmp_path / "d").mkdir()
    (tmp_path / "d/saved_model.pb").write_bytes(program)
    for path, (form, needs) in files.items():
        assert guess_format(path) == form
        with pytest.raises(MissingLibrary, match="this runtime has no") as caught:
            load(path, form, LoadOptions(scratch=tmp_path))
        assert "'TensorFlow CPU with Python 3.11'" in caught.value.hint and caught.value.needs == needs


@pytest.mark.parametrize(("name", "maker"), [("keras", "Keras"), ("tensorflow", "TensorFlow")])
def test_versions_are_compared(name: str, maker: str) -> None:
    """A newer major version is refused, a newer minor one is worth a warning."""
    assert judge([Library(name, "4.0.0", "3.15.1")]).refusal.startswith(f"The file was saved by {maker} 4.0.0;")
    assert (
        judge([Library(name, "3.99.0", "3.15.1")]).warnings and judge([Library(name, "2.9.0", "3.15.1")]).warnings == ()
    )


FOREIGN = {
    "a Lambda layer": ({**DENSE, "class_name": "Lambda"}, DangerousModelFile, "class Lambda"),
    "a lambda deep inside": ({**DENSE, "config": [{"class_name": "__lambda__"}]}, DangerousModelFile, "__lambda__"),
    "another SavedModel": ({**DENSE, "class_name": "TFSMLayer"}, DangerousModelFile, "TFSMLayer"),
    "a class of one's own": ({**DENSE, "module": "mine", "class_name": "Mine"}, BadModelFile, "class Mine"),
    "a registered class": ({**DENSE, "registered_name": "pack>Mine"}, BadModelFile, "class pack>Mine"),
    "os.system": ({"module": "os", "class_name": "function", "config": "system"}, BadModelFile, "function system"),
    "keras' own tools": (
        {"module": "keras.utils", "class_name": "function", "config": "get_file"}, BadModelFile, "function get_file"),
    "keras' own saving": ({**DENSE, "module": "keras.src.saving.x"}, BadModelFile, "class Dense"),
    "words of a file": (
        {**DENSE, "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}, DangerousModelFile, "Lookup"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_a_part_that_is_not_keras_own_is_refused_by_name(what: str) -> None:
    """Wherever it stands in the model; how the model was trained is not opened."""
    part, kind, words = FOREIGN[what]
    with pytest.raises(kind, match=words):
        require_own_parts({"class_name": "Sequential", "module": "keras", "config": {"layers": [DENSE, part]}})
    require_own_parts({**DENSE, "compile_config": {"loss": part}})


def test_a_bomb_and_a_way_out_of_a_zip_are_refused(tmp_path: Path, monkeypatch) -> None:
    """By what the zip says of itself, before anything is unpacked."""
    with pytest.raises(BadModelFile, match="outside"):
        read_zip(pack_keras(tmp_path / "slip", DENSE, **{"../../out": b"x"}))
    monkeypatch.setattr("airgate_serving.formats.keras_file.MOST_BYTES", 1000)
    with pytest.raises(BadModelFile, match="unpack to"):
        read_zip(pack_keras(tmp_path / "bomb", DENSE, **{"assets/x": bytes(2000)}))
    with pytest.raises(BadModelFile, match="no JSON"):
        read_zip(pack(tmp_path / "m", {"metadata.json": b"{}", "config.json": b"["}))


def test_only_a_saved_models_own_files_are_unpacked(tmp_path: Path, monkeypatch) -> None:
    """Neither a second program beside it nor anything above it; and no more than there is room for."""
    own = {"m/saved_model.pb": b"1", "m/variables/variables.index": b"2", "m/assets/words.txt": b"3"}
    path = pack(tmp_path / "m.zip", {**own, "m/saved_model.cpb": b"4", "other": b"5", "m/variables": b"6"})
    with unpacked(path, tmp_path) as folder:
        found = {f"m/{one.relative_to(folder)}" for one in folder.rglob("*") if one.is_file()}
    assert found == set(own) and not folder.exists()
    monkeypatch.setattr(archive, "MOST_BYTES", 2)
    with pytest.raises(BadModelFile, match="more than 2 bytes"), unpacked(path, tmp_path):
        pass
    slip = pack(tmp_path / "slip.zip", {**own, "m/variables/../../../x": b""})
    with pytest.raises(BadModelFile, match="outside"), unpacked(slip, tmp_path):
        pass


REACHING = "ReadFile WriteFile PyFunc EagerPyFunc TextLineDataset MatchingFiles DebugIdentityV2 DecodeProtoV2"
REMOTE = "ImmutableConst LoadAndRemapMatrix WholeFileReaderV2 WriteSummary CollectiveReduceV2 RemoteCall"


@pytest.mark.parametrize("operation", f"{REACHING} {REMOTE}".split())
def test_an_operation_that_reaches_out_is_refused_wherever_it_stands(operation: str) -> None:
    """Also in a function that nobody seems to call."""
    with pytest.raises(DangerousModelFile, match=f"operation {operation} in its function f"):
        require_calm(read_facts(make_program({"g": [make_node("MatMul")], "f": [make_node(operation)]})))


@pytest.mark.parametrize("name", ["../../other/key.pem", "/etc/passwd"])
def test_a_file_of_words_outside_of_the_model_is_refused(name: str) -> None:
    """Whatever the folder of assets holds."""
    graph = encode(6, encode(2, name.encode())) + encode(7, b"")
    with pytest.raises(DangerousModelFile, match=name):
        require_calm(read_facts(b"\x08\x01" + encode(2, graph)))


def test_what_models_need_is_not_mistaken_for_it() -> None:
    """Words of a table come from the model's own folder; the functions that save it are there and never called."""
    usual = [
        "ReadVariableOp",
        "InitializeTableFromTextFileV2",
        "LookupTableImportV2",
        "StringSplitV2",
        "TensorArrayWriteV3",
    ]
    assert [name for name in usual if reaches_out(name)] == []
    functions = {"save": [make_node("SaveV2")], "answer": [make_node("MatMul")]}
    facts = read_facts(make_program(functions, ("answer",)))
    require_calm(facts)
    assert (facts.version, facts.signatures) == ("2.18.0", ("serving_default",))


@pytest.mark.parametrize("caller", ["", "PartitionedCall", "save"])
def test_an_operation_that_restores_files_is_refused_where_it_could_be_called(caller: str) -> None:
    """By the loader, by another function, or by its name as an operation."""
    node = make_node(caller or "MatMul", "save" if caller == "PartitionedCall" else "")
    program = make_program({"save": [make_node("RestoreV2")], "answer": [node]}, () if caller else ("save",))
    with pytest.raises(DangerousModelFile, match="RestoreV2"):
        require_calm(read_facts(program))


def test_an_operation_that_restores_files_is_refused_in_a_function_that_may_stand_in_for_another() -> None:
    """TensorFlow chooses among functions that say they implement the same."""
    stand_in = encode(5, encode(1, b"api_implements"))
    function = encode(1, encode(1, encode(1, b"save")) + encode(3, make_node("RestoreV2")) + stand_in)
    with pytest.raises(DangerousModelFile, match="RestoreV2 in its function save"):
        require_calm(read_facts(encode(2, encode(2, encode(2, function)) + encode(7, b""))))


def test_a_damaged_program_says_so() -> None:
    """With what to do."""
    with pytest.raises(BadModelFile, match="damaged"):
        read_facts(make_program({"f": [make_node("MatMul")]})[:-3])


def test_of_several_graphs_the_one_with_the_tag_serve_answers() -> None:
    """The one for no card goes first; a graph that is alone needs no tag."""
    assert choose_graph([("train",)]) == 0
    assert choose_graph([("train",), ("serve", "gpu"), ("serve",)]) == 2
    assert choose_graph([("train",), ("serve", "gpu")]) == 1
    assert choose_graph([("train",), ("eval",)]) is None
    tagged = [encode(2, encode(1, encode(4, tag))) for tag in (b"train", b"serve")]
    assert read_facts(b"".join(tagged)).tags == ("serve",)
    with pytest.raises(BadModelFile, match="no graph with the tag serve; it has train; one without tags"):
        read_facts(tagged[0] + encode(2, b""))


def test_objects_of_another_kind_than_tensorflow_reads_make_no_model_of_tensorflow_2() -> None:
    """TensorFlow passes over a field of the wrong kind and runs the graph as a session, so it is judged as one."""
    restore = encode(1, encode(1, b"r") + encode(2, b"RestoreV2"))
    answer = encode(2, encode(2, encode(1, b"y") + encode(2, encode(1, b"r:0"))))
    graph = encode(2, restore) + encode(5, encode(1, b"serving_default") + answer)
    require_calm(read_facts(encode(2, graph + encode(7, b""))))
    with pytest.raises(DangerousModelFile, match="RestoreV2"):
        require_calm(read_facts(encode(2, graph + bytes([7 << 3, 1]))))


def make_asset(files: bytes, tensor: bytes) -> bytes:
    """Return the description of a file of words."""
    return encode(1, encode(1, tensor)) + encode(2, files)


def test_words_are_the_models_own_wherever_the_file_says_so() -> None:
    """Older files describe them in a collection; a name above the model's folder is refused there too."""

    def make(name: bytes, given: bytes = b"words:0") -> bytes:
        fill = encode(1, b"fill") + encode(2, b"InitializeTableFromTextFileV2") + encode(3, b"t") + encode(3, b"words")
        listed = encode(1, b"saved_model_assets") + encode(2, encode(5, encode(1, encode(2, make_asset(name, given)))))
        first = encode(1, b"table_initializer") + encode(2, encode(1, encode(1, b"fill")))
        return encode(2, encode(2, encode(1, fill)) + encode(4, listed) + encode(4, first))

    require_calm(read_facts(make(b"words.txt")))
    for program, words in ((make(b"../key.pem"), "key.pem"), (make(b"words.txt", b"other:0"), "TextFileV2")):
        with pytest.raises(DangerousModelFile, match=words):
            require_calm(read_facts(program))


def test_chunks_are_known_and_refused_with_what_to_export_instead(tmp_path: Path) -> None:
    """In a folder and in an archive."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m/saved_model.cpb").write_bytes(b"x")
    for path in (tmp_path / "m", pack(tmp_path / "m.zip", {"m/saved_model.cpb": b"x"})):
        assert guess_format(path) == "tensorflow"
        with pytest.raises(BadModelFile, match="cut into chunks") as caught:
            load(path, "tensorflow", LoadOptions(scratch=tmp_path))
        assert "without experimental_image_format=True" in caught.value.hint


NUMBERS = st.sampled_from([1, 2, 3, 4, 5, 6, 7])
NESTED = st.recursive(
    st.binary(max_size=8) | st.sampled_from([b"a", b"a:0", b"^a", b"RestoreV2", b"local_variables"]),
    lambda inner: st.lists(st.tuples(NUMBERS, inner), max_size=4).map(
        lambda fields: b"".join(encode(number, content) for number, content in fields)
    ),
    max_leaves=20,
)


@given(st.binary(max_size=300) | NESTED)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """The file is a stranger's."""
    try:
        require_calm(read_facts(content))
    except ServingError as error:
        assert error.sentence


def test_the_usual_signature_answers_or_the_only_one() -> None:
    """What marks the loading of tables is none; where it cannot be told which is meant, none is."""
    assert choose_signature(["serve", "serving_default"]) == "serving_default"
    assert choose_signature(["classify", "predict"]) == "predict"
    assert choose_signature(["turn"]) == "turn"
    assert choose_signature(["a", "b"]) == ""
    with pytest.raises(BadModelFile, match="no signatures"):
        choose_signature([])
    assert (name_function("predict"), name_function("turn")) == ("predict_signature", "turn")


@pytest.mark.parametrize("name", ["total", "a b", "towers/user", "größe", "v2", "a:b?c#d%2Fe", "..."])
def test_a_function_may_have_any_name_that_a_path_can_hold(name: str) -> None:
    """A slash too: it parts the path as any other does."""
    require_path(name, ())


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", ".", "a/../b", "a\\b", "a\nb", "a\0b"])
def test_a_function_whose_name_changes_on_its_way_is_left_out_with_a_reason(name: str) -> None:
    """Gateways and clients take such parts away, or refuse the request."""
    with pytest.raises(BadModelFile, match=r"cannot stand in a path\. Export it under another name"):
        require_path(name, ())


@pytest.mark.parametrize("name", ["v2/models/iris/infer", "models/iris/predict", "predict_signature"])
def test_a_function_never_stands_before_another_path(name: str) -> None:
    """What is called by that path stays what it is."""
    with pytest.raises(BadModelFile, match="is that of something else"):
        require_path(name, ("predict_signature",))
