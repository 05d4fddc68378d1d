"""Another Python for a library that is in one image of its own: it makes the models, and serves them."""

import os
import pickle
import subprocess
import venv
from pathlib import Path
from typing import Any

from tests.kit.environment import make_environment
from tests.serving.server import find_python_path

SURROUNDINGS = {"HOME": "/nowhere"}
Asked = dict[str, tuple[dict[str, Any], dict[str, Any]]]


def make_python(lock: str, folder: Path) -> str:
    """Return a Python in `folder` with the wheels of an image's lock and this checkout's packages, apart from ours."""
    wheels = make_environment(lock).parent.glob("lib/python*/site-packages")
    venv.create(folder, with_pip=False, symlinks=True)
    places = [*map(str, wheels), *find_python_path().split(os.pathsep)]
    next(folder.glob("lib/python*/site-packages")).joinpath("airgate.pth").write_text("\n".join(places))
    return str(folder / "bin/python")


def make_models(python: str, maker: str, folder: Path, limit_s: float) -> Path:
    """Have a script beside this file write its models into `folder`."""
    command = [python, "-P", str(Path(__file__).with_name(maker)), str(folder)]  # -P: a module here is called triton
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def read_asked(folder: Path) -> Asked:
    """Return what the library itself was asked, and answered."""
    found: Asked = pickle.loads((folder / "asked.pkl").read_bytes())
    return found
