"""What every product writes to stderr: JSON lines and nothing else."""

import subprocess
import sys

import pytest

PROBE = """
import importlib, os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print("grpc", os.environ.get("GRPC_VERBOSITY"))
sys.meta_path.insert(0, Watch())
os.environ.pop("GRPC_VERBOSITY", None)
importlib.import_module(sys.argv[1])
import grpc
"""


@pytest.mark.parametrize("entry", ["airgate_plugin.cli", "airgate_serving.cli", "airgate_web.cli"])
def test_grpc_is_told_to_be_quiet_before_it_is_loaded(entry: str) -> None:
    """gRPC's C core never mixes a line of its own, "Got goaway" say, among the JSON lines of a product."""
    done = subprocess.run([sys.executable, "-c", PROBE, entry], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["grpc ERROR"]
