"""Makes SavedModels of TensorFlow 1 and of several signatures, by the Python of locks/serving-tensorflow.txt.

    python make_sessions.py FOLDER

Writes FOLDER/NAME and FOLDER/NAME.zip, asked.pkl (by NAME/SIGNATURE, the inputs and what a session, or the function
itself, says) and the programs of hostile models as HOSTILE.pb.
"""

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf

v1 = tf.compat.v1
info = v1.saved_model.build_tensor_info
ROWS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
WORDS = np.array(["blue", "grün", "red"], dtype=object)
Asked = dict[str, tuple[dict[str, Any], dict[str, Any]]]


def main(folder: Path) -> None:
    """Write every model, and what it says."""
    (folder / "words.txt").write_text("red\ngreen\nblue\n")
    asked = write_session(folder, "session", resource=True) | write_session(folder, "references", resource=False)
    asked |= write_several(folder)
    write_nothing_to_serve(folder)
    write_hostile(folder)
    for name in ("session", "references", "several", "undecided", "training", "default"):
        shutil.make_archive(str(folder / name), "zip", folder, name)
    (folder / "asked.pkl").write_bytes(pickle.dumps(asked))


def sign(inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    """Return a SignatureDef."""
    make = v1.saved_model.signature_def_utils.build_signature_def
    return make(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        "tensorflow/serving/predict",
    )


def write_session(folder: Path, name: str, resource: bool) -> Asked:
    """Write a classifier as estimators do, with a table of words, summaries and a graph for training beside it."""
    with v1.Graph().as_default(), v1.Session() as session:
        x, word = v1.placeholder(tf.float32, [None, 3], "x"), v1.placeholder(tf.string, [None], "word")
        weights = v1.get_variable("weights", [3, 2], use_resource=resource)
        v1.get_local_variable("asked", [], initializer=v1.zeros_initializer(), use_resource=resource)
        v1.summary.histogram("weights", weights)
        logits = tf.matmul(x, weights)
        outputs = {"logits": logits, "probabilities": tf.nn.softmax(logits), "class_ids": tf.argmax(logits, 1)}
        filler = v1.lookup.TextFileInitializer(
            str(folder / "words.txt"),
            *(tf.string, v1.lookup.TextFileIndex.WHOLE_LINE, tf.int64, v1.lookup.TextFileIndex.LINE_NUMBER),
        )
        place = v1.lookup.StaticHashTable(filler, -1).lookup(word)
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer(), v1.tables_initializer()])
        scores = {"scores": outputs["probabilities"]}
        signatures = {
            "serving_default": sign({"x": x}, scores),
            "predict": sign({"x": x}, outputs),
            "look": sign({"word": word}, {"place": place}),
            "sparse": sign({"x": x}, {"sparse": tf.sparse.from_dense(x)}),
        }
        words = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        save(session, folder / name, ["train"], signatures, main_op=v1.tables_initializer(), assets_collection=words)
        return {
            f"{name}/predict": ({"x": ROWS}, session.run(scores, {x: ROWS})),
            f"{name}/predict_signature": ({"x": ROWS}, session.run(outputs, {x: ROWS})),
            f"{name}/look": ({"word": WORDS}, session.run({"place": place}, {word: WORDS})),
        }


def save(session: Any, path: Path, beside: list[str], signatures: dict[str, Any], **more: Any) -> None:
    """Write a session with the tag serve, and its graph once more with the tags `beside`."""
    shutil.rmtree(path, ignore_errors=True)
    builder = v1.saved_model.Builder(str(path))
    builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures, **more)
    if beside:
        builder.add_meta_graph(beside)
    builder.save()


def write_several(folder: Path) -> Asked:
    """Write models of TensorFlow 2 with several signatures: one with the usual one, one without."""
    spec = tf.TensorSpec([None, 3], tf.float32, "x")
    module = tf.Module()
    module.double = tf.function(lambda x: {"doubled": 2 * x}, input_signature=[spec])
    module.total = tf.function(lambda x: {"sum": tf.reduce_sum(x, 1)}, input_signature=[spec])
    module.turn = tf.function(lambda x: {"turned": tf.complex(x, x)}, input_signature=[spec])
    functions = {"total": module.total, "a b": module.double, "turn": module.turn}
    more = {"serving_default": module.double, "towers/all ü": module.total, "towers//all": module.total}
    tf.saved_model.save(module, str(folder / "several"), {**more, **functions})
    tf.saved_model.save(module, str(folder / "undecided"), functions)
    tf.saved_model.save(module, str(folder / "default"), {"default": module.double})
    doubled, summed = ask(module.double), ask(module.total)
    return {
        "several/predict": ({"x": ROWS}, doubled),
        "several/a%20b": ({"x": ROWS}, doubled),
        "several/total": ({"x": ROWS}, summed),
        "several/towers/all%20%C3%BC": ({"x": ROWS}, summed),
        "undecided/total": ({"x": ROWS}, summed),
        "undecided/a%20b": ({"x": ROWS}, doubled),
        "default/predict": ({"x": ROWS}, doubled),
    }


def ask(function: Any) -> dict[str, Any]:
    """Return what TensorFlow itself answers for the rows."""
    return {name: tensor.numpy() for name, tensor in function(tf.constant(ROWS)).items()}


def write_nothing_to_serve(folder: Path) -> None:
    """Write a model of two graphs, neither of which is meant to be served."""
    with v1.Graph().as_default(), v1.Session() as session:
        v1.get_variable("weights", [3, 2])
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder / "training"))
        builder.add_meta_graph_and_variables(session, ["train"])
        builder.add_meta_graph(["eval", "gpu"])
        builder.save()


def write_hostile(folder: Path) -> None:
    """Write programs of TensorFlow 1 that would read or write files when they are opened, or asked."""
    write_program(folder, "v1-reads", lambda _: {"outputs": tf.io.read_file("/etc/passwd")})
    write_program(folder, "v1-writes-first", lambda _: {"first": tf.io.write_file("/tmp/canary", "x")})
    write_program(folder, "v1-restores", lambda _: {"outputs": find("save/RestoreV2:0")}, saver=True)
    write_program(folder, "v1-saves-sparse", lambda _: {"outputs": scatter(find("save/Identity:0"))}, saver=True)
    write_program(folder, "v1-saves", lambda _: {"outputs": find("save/Identity:0")}, saver=True)
    write_program(folder, "v1-restores-first", lambda _: {"first": find("save/restore_all")}, saver=True)
    write_program(folder, "v1-restores-other", restore_other, saver=True)
    write_program(folder, "v1-saves-at-restore", save_at_restore, saver=True)
    write_program(folder, "v1-words", lambda _: {"outputs": look_up(folder)})
    write_program(folder, "v1-words-when-asked", look_up_when_asked)


def find(name: str) -> Any:
    """Return a tensor or an operation of the graph."""
    return v1.get_default_graph().as_graph_element(name)


def scatter(text: Any) -> Any:
    """Return a sparse tensor with a text in it."""
    return tf.SparseTensor([[0]], [text], [1])


def restore_other(saver: Any) -> dict[str, Any]:
    """Have the variables restored from a neighbour's files."""
    other = tf.raw_ops.RestoreV2(
        prefix="/neighbour/variables", tensor_names=["weights"], shape_and_slices=[""], dtypes=[tf.float32]
    )
    with v1.control_dependencies([other[0], find("save/restore_all")]):
        saver.restore_op_name = tf.no_op("also").name
    return {}


def save_at_restore(saver: Any) -> dict[str, Any]:
    """Have the variables written where they should be read."""
    saver.restore_op_name = saver.save_tensor_name
    return {}


def look_up(folder: Path) -> Any:
    """Return what a table of a file of words says."""
    filler = v1.lookup.TextFileInitializer(
        str(folder / "words.txt"),
        *(tf.string, v1.lookup.TextFileIndex.WHOLE_LINE, tf.int64, v1.lookup.TextFileIndex.LINE_NUMBER),
    )
    return v1.lookup.StaticHashTable(filler, -1).lookup(tf.constant(["red"]))


def look_up_when_asked(_: Any) -> dict[str, Any]:
    """Fill a table from any file at each question."""
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    fill = tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename="/etc/passwd", key_index=-2, value_index=-1
    )
    with v1.control_dependencies([fill]):
        return {"outputs": tf.raw_ops.LookupTableExportV2(table_handle=table, Tkeys=tf.string, Tvalues=tf.int64)[0]}


def write_program(folder: Path, name: str, build: Callable[[Any], dict[str, Any]], saver: bool = False) -> None:
    """Write the program of a session. build: given the saver's description, returns `outputs` and what runs `first`."""
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        answer = tf.matmul(x, v1.get_variable("weights", [3, 2]))
        own = v1.train.Saver(sharded=True) if saver else None
        built = build(own.saver_def if own else None)
        session.run(v1.global_variables_initializer())
        signature = sign({"x": x}, {"answer": answer, **({"more": built["outputs"]} if "outputs" in built else {})})
        first = built.get("first", v1.tables_initializer())
        save(session, folder / name, [], {"serving_default": signature}, main_op=first, saver=own)
        shutil.copy(folder / name / "saved_model.pb", folder / f"{name}.pb")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
