"""Makes models of Keras and TensorFlow, with their own answers, by the Python of locks/serving-tensorflow.txt.

    python make_keras.py FOLDER

Writes FOLDER/NAME.keras, .h5 and .tar.gz (a SavedModel), and asked.pkl: by name, the inputs and what the library says.
"""

import os
import pickle
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits, load_iris

FLOWERS, SPECIES = load_iris(return_X_y=True)
DIGITS, FIGURES = load_digits(return_X_y=True)
COLOURS = np.array([["red"], ["blue"], ["grün"]], dtype=object)


def main(folder: Path) -> None:
    """Write every model, and what it says."""
    keras.utils.set_random_seed(7)
    iris, digits, two, words = make_iris(), make_digits(), make_two(), make_words()
    asked = {
        "iris": ({"flower": FLOWERS[::30].astype(np.float32)}, iris),
        "digits": ({"picture": DIGITS[:3].reshape(-1, 8, 8, 1).astype(np.float32)}, digits),
        "two": ({"amount": np.array([[1.5], [2]], np.float32), "place": np.array([[1], [4]], np.int32)}, two),
        "words": ({"colour": COLOURS}, words),
    }
    for name, (_, model) in asked.items():
        model.save(folder / f"{name}.keras")
        pack(model, folder / f"{name}.tar.gz")
    iris.save(folder / "iris.h5")
    answers = {name: (inputs, ask(model, inputs)) for name, (inputs, model) in asked.items()}
    (folder / "asked.pkl").write_bytes(pickle.dumps({**answers, "turned": write_turned(folder)}))
    write_hostile(folder, iris)


def ask(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return what Keras itself answers, by the name of the output."""
    tensors = {name: tf.convert_to_tensor(array) for name, array in inputs.items()}
    answer = model(tensors if len(tensors) > 1 else next(iter(tensors.values())))
    found = answer if isinstance(answer, dict) else {model.layers[-1].name: answer}
    return {name: tensor.numpy() for name, tensor in found.items()}


def pack(model: Any, path: Path) -> None:
    """Write a model as a packed SavedModel."""
    folder = path.parent / f"{path.name}.folder"
    model.export(folder, verbose=False)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "model")


def make_iris() -> Any:
    """Return a dense network, trained on flowers."""
    model = keras.Sequential(
        [keras.Input((4,), name="flower"), layers.Dense(8, "relu"), layers.Dense(3, "softmax", name="species")]
    )
    return train(model, FLOWERS, SPECIES)


def make_digits() -> Any:
    """Return a small network of convolutions, trained on pictures of figures."""
    picture = keras.Input((8, 8, 1), name="picture")
    seen = layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 16)(picture)))
    model = keras.Model(picture, layers.Dense(10, "softmax", name="figure")(layers.Flatten()(seen)))
    return train(model, DIGITS.reshape(-1, 8, 8, 1)[:600], FIGURES[:600])


def train(model: Any, rows: Any, right: Any) -> Any:
    """Return the model, a little wiser."""
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(rows.astype(np.float32), right, epochs=2, verbose=0)
    return model


def make_two() -> Any:
    """Return a model of two inputs by name and two outputs by key."""
    amount, place = keras.Input((1,), name="amount"), keras.Input((1,), name="place", dtype="int32")
    both = layers.Concatenate()([amount, layers.Flatten()(layers.Embedding(5, 2)(place))])
    return keras.Model({"amount": amount, "place": place}, {"sum": layers.Dense(1)(both), "all": both})


def make_words() -> Any:
    """Return a model that looks words up."""
    colour = keras.Input((1,), name="colour", dtype="string")
    known = layers.StringLookup(vocabulary=["red", "green", "blue"], output_mode="one_hot")(colour)
    return keras.Model(colour, layers.Dense(2, name="mood")(known))


def write_turned(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write a SavedModel that no Keras made: texts in, texts and their lengths out; return what it says."""

    class Turned(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])  # type: ignore[untyped-decorator]
        def turn(self, text: Any) -> dict[str, Any]:
            return {"upper": tf.strings.upper(text, "utf-8"), "length": tf.strings.length(text)}

    model = Turned()
    tf.saved_model.save(model, str(folder / "turned"), signatures={"turn": model.turn})
    with zipfile.ZipFile(folder / "turned.zip", "w") as archive:
        for path in sorted((folder / "turned").rglob("*")):
            archive.write(path, path.relative_to(folder / "turned"))
    texts = np.array(["ab", "ä", ""], dtype=object)
    found = {name: tensor.numpy() for name, tensor in model.turn(tf.constant(texts)).items()}
    return {"text": texts}, {**found, "upper": np.array([text.decode() for text in found["upper"]], dtype=object)}


def write_hostile(folder: Path, iris: Any) -> None:
    """Write models that would run code, or reach for files."""
    x = keras.Input((4,), name="x")
    secret = keras.Model(x, layers.Lambda(lambda tensor: tensor * 2, output_shape=(4,))(x))
    secret.save(folder / "lambda.keras")
    secret.save(folder / "lambda.h5")
    iris.save(folder / "elsewhere.h5")
    with h5py.File(folder / "elsewhere.h5", "r+") as file:
        file["model_weights/stolen"] = h5py.ExternalLink("/etc/passwd", "/")
    iris.save_weights(folder / "alone.weights.h5")
    write_reaching(folder, "reads", lambda text: tf.map_fn(tf.io.read_file, text))
    write_reaching(folder, "writes", lambda text: follow(tf.io.write_file("/tmp/canary", text[0]), text))
    write_reaching(folder, "python", lambda text: tf.numpy_function(lambda texts: texts, [text], tf.string))
    write_reaching(folder, "restores", restore)
    write_reaching(folder, "prints", lambda text: follow(tf.print(text, output_stream="file:///tmp/canary"), text))


def follow(operation: Any, text: Any) -> Any:
    """Return the text, after an operation."""
    with tf.control_dependencies([operation]):
        return tf.identity(text)


def restore(text: Any) -> Any:
    """Return what stands in any file that is asked for, by the operation that restores variables."""
    return tf.raw_ops.RestoreV2(prefix=text[0], tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string])[0]


def write_reaching(folder: Path, name: str, function: Any) -> None:
    """Write the program of a SavedModel whose function is given."""
    module = tf.Module()
    module.f = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string, "text")])
    tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.f})
    (folder / f"{name}.pb").write_bytes((folder / name / "saved_model.pb").read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
