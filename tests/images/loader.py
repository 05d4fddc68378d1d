"""What the loader of an image finds of the libraries that another one needs: without a card, and without a driver."""

import json
import subprocess

from tests.images.test_built_images import LOCKED_IN

DRIVER = {"libcuda.so.1", "libnvidia-ml.so.1"}  # come with a card, from NVIDIA's driver on the node
LIBRARIES = {  # what computes on the card, by image, below the folder of the wheels
    "serving-onnx-gpu": ("onnxruntime/capi/libonnxruntime_providers_cuda.so", "nvidia/*/lib/*.so.*"),
    "serving-pytorch": ("torch/lib/libtorch_cuda*.so", "torch/lib/libtorch_python.so", "nvidia/cudnn/lib/*.so.*"),
    "serving-tensorflow-gpu": ("tensorflow/libtensorflow_cc.so.2", "nvidia/*/lib/*.so.*"),
}
PROGRAM = """
import glob, json, subprocess, sys
found = {}
for name in sorted(path for pattern in PATTERNS for path in glob.glob(f'/opt/airgate/wheels/{pattern}')):
    traced = {'LD_TRACE_LOADED_OBJECTS': '1'}  # the loader lists what it would load, and what it does not find
    done = subprocess.run([LOADER, name], env=traced, capture_output=True, text=True)
    assert '=>' in done.stdout, done.stderr
    found[name] = [line.split()[0] for line in done.stdout.splitlines() if line.endswith('not found')]
print(json.dumps(found))
"""


def find_missing(image: str, patterns: tuple[str, ...]) -> dict[str, set[str]]:
    """Return what is not found, the driver's own apart, of the libraries that these need, by their paths.

    Raises CalledProcessError where one cannot be looked at, AssertionError where there is none.
    """
    program = f"PATTERNS, LOADER = {patterns!r}, '/lib64/ld-linux-x86-64.so.2'\n{PROGRAM}"
    command = ["podman", "run", *LOCKED_IN, "--entrypoint", "python3", image, "-I", "-c", program]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found, f"{image} has none of {patterns}"
    return {name: set(missing) - DRIVER for name, missing in found.items() if set(missing) - DRIVER}
