"""The images that are too large for every run of the tests: built, and a model served by each as a pod would."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from runtime_images import build_images
from tests.images.built import LARGE, OUT, WHEELS, find_base
from tests.images.test_built_images import LOCKED_IN
from tests.kit.environment import make_environment

MAKER = Path(__file__).parents[1] / "serving/make_keras.py"
MODELS = ("iris.keras", "digits.keras", "iris.h5", "words.tar.gz")


def run() -> dict[str, Any]:
    """Return how long the build took in seconds, how many MB it made, and what each model was known as."""
    began = time.monotonic()
    images = build_images.build_images(find_base(), OUT, WHEELS, LARGE)[1:]
    seconds = round(time.monotonic() - began)
    with tempfile.TemporaryDirectory(prefix="airgate-images-") as folder:
        make_models(Path(folder))
        known = {image.name: inspect_all(image.reference, Path(folder)) for image in images}
    return {"seconds": seconds, "mb": {image.name: image.size // 10**6 for image in images}, "known": known}


def make_models(folder: Path) -> None:
    """Have Keras make its models in a folder that everybody may read. Raises CalledProcessError."""
    python = make_environment("serving-tensorflow") / "python"
    subprocess.run([str(python), str(MAKER), str(folder)], check=True, capture_output=True)
    folder.chmod(0o755)


def inspect_all(image: str, folder: Path) -> dict[str, str]:
    """Return the format of each model and the device it computes on. Raises CalledProcessError for one refused."""
    found = {}
    for name in MODELS:
        command = ["podman", "run", *LOCKED_IN, "-v", f"{folder}:/models:ro", image, "inspect", f"/models/{name}"]
        done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
        said = json.loads(done.stdout)
        found[name] = f"{said['format']} on {said['device']}, {said['lock']}"
    return found
