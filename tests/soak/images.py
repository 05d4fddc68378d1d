"""The images that are too large for every run of the tests: built, and a model opened by each as a pod would.

Those with CUDA are told that they were granted a card, where there is none: they say that they compute on the CPU.
"""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import onnxruntime

from runtime_images import build_images
from runtime_images.build_images import Built
from tests.images.built import LARGE, OUT, WHEELS, find_base
from tests.images.loader import LIBRARIES, find_missing
from tests.images.test_built_images import LOCKED_IN
from tests.kit.environment import make_environment
from tests.serving.simulated_qaic import lay_out, write_program

TESTS = Path(__file__).parents[1]
MAKERS = {"serving-tensorflow": "make_keras.py", "serving-pytorch": "make_pytorch.py"}  # by the lock that they need
KERAS = ("iris.keras", "digits.keras", "iris.h5", "words.tar.gz")
ONNX = Path(onnxruntime.__file__).parent / "datasets/logreg_iris.onnx"
MODELS = {
    "serving-tensorflow": KERAS,
    "serving-tensorflow-gpu": KERAS,
    "serving-onnx-gpu": (ONNX.name,),
    "serving-pytorch": ("iris.pt", "iris.pt2", "source.zip"),
}
GRANTED = ("-e", "NVIDIA_VISIBLE_DEVICES=all")


def run() -> dict[str, Any]:
    """Return what each image took to build in seconds, its MB, and what each model was known as."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="airgate-images-") as name:
        folder = Path(name)
        make_models(folder)
        for image in LARGE:
            began = time.monotonic()
            built = build(image)
            seconds = round(time.monotonic() - began)
            known = {model: inspect(built.reference, folder / model) for model in MODELS.get(image, ())}
            figures[image] = {"seconds": seconds, "mb": built.size // 10**6, "known": known}
        figures["serving-qaic"] = {"known": {"program": open_program(folder)}}
    return {"images": figures, "held": "the loader finds all that the CUDA part of each needs, but the driver's own"}


def make_models(folder: Path) -> None:
    """Put the models into a folder that everybody may read. Raises CalledProcessError."""
    for lock, maker in MAKERS.items():
        command = [str(make_environment(lock) / "python"), "-P", str(TESTS / "serving" / maker), str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    shutil.copy(ONNX, folder)
    folder.chmod(0o755)


def build(name: str) -> Built:
    """Return an image, built now unless nothing changed. Raises AssertionError when its loader misses something."""
    built = build_images.build_images(find_base(), OUT, WHEELS, (name,))[-1]
    missing = find_missing(built.reference, LIBRARIES[name]) if name in LIBRARIES else {}
    assert not missing, f"{name} lacks {missing}"
    return built


def inspect(image: str, model: Path, *more: str) -> str:
    """Return a model's format and the device that it computes on. Raises CalledProcessError for one refused."""
    command = ["podman", "run", *LOCKED_IN, *GRANTED, *more, "-v", f"{model}:/models/{model.name}:ro", image]
    done = subprocess.run(
        [*command, "inspect", f"/models/{model.name}", "--json"], check=True, capture_output=True, text=True
    )
    said = json.loads(done.stdout)
    return f"{said['format']} on {said['device']}, {said['lock']}"


def open_program(folder: Path) -> str:
    """Return what a program for Qualcomm's cards is known as in an image with a SIMULATED Platform SDK."""
    base = build_images.build_images(find_base(), OUT, WHEELS, ("serving",))[-1].reference
    image = "airgate.local/serving-qaic:simulated"  # no version: nobody takes it for one with Qualcomm's own
    command = ["podman", "build", "-q", "--isolation", "chroot", "--build-context", f"sdk={lay_out(folder)}"]
    file = ["--build-arg", f"BASE={base}", "-f", "runtime_images/serving/qaic.Dockerfile", "-t", image, "."]
    subprocess.run([*command, *file], cwd=build_images.ROOT, check=True, capture_output=True)
    return inspect(image, write_program(folder / "program"))
