"""A SIMULATED Platform SDK: laid out as the real one is, so that it is found in the same way."""

import json
import platform
import shutil
from pathlib import Path

HERE = Path(__file__).parent


def lay_out(folder: Path) -> Path:
    """Write the SDK into a folder whose name says what it is, and return it."""
    sdk = folder / "simulated-qaic-sdk"
    for name, place in (("qaicrt.py", f"dev/lib/{platform.machine()}"), ("QAicApi_pb2.py", "dev/python")):
        (sdk / place).mkdir(parents=True)
        shutil.copyfile(HERE / name, sdk / place / name)
    return sdk


def write_program(folder: Path, dims: tuple[int, ...] = (1, 4), kind: str = "FLOAT_TYPE", cards: int = 1) -> Path:
    """Write a program that doubles its input, and return its folder."""
    folder.mkdir(exist_ok=True)
    bindings = [
        {"name": "y", "type": kind, "dims": dims, "input": False},
        {"name": "x", "type": kind, "dims": dims, "input": True},
    ]
    content = {"simulated": "QPC", "cards": cards, "bindings": bindings, "outputs": {"y": ["x", 2]}}
    (folder / "programqpc.bin").write_text(json.dumps(content))
    return folder
