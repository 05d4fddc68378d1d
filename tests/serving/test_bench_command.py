"""`airgate-serve bench`: a person learns what their machine can do with their model."""

import json

import pytest

from tests.serving.server import run_command

pytestmark = pytest.mark.process


def test_bench_prints_figures_for_people_and_for_programs(model_folder, tmp_path) -> None:
    """Every request of the run was answered; a body of one's own is sent as it is."""
    arguments = ("--connections", "1", "4", "--seconds", "0.3")
    found = json.loads(run_command("bench", str(model_folder / "mlp.onnx"), *arguments, "--json").stdout)
    assert [load["connections"] for load in found["loads"]] == [1, 4]
    assert all(load["failed"] == 0 and load["rate"] > 0 for load in found["loads"]) and found["resident_mb"] > 0
    (tmp_path / "body.json").write_text('{"X": "nonsense"}')
    lines = run_command("bench", str(model_folder / "iris.pkl"), *arguments, "--body", str(tmp_path / "body.json"))
    assert "connections" in lines.stdout and lines.returncode == 0


def test_bench_says_why_a_file_cannot_be_served(not_a_model) -> None:
    """The server's own sentence, and exit code 3."""
    done = run_command("bench", str(not_a_model))
    assert done.returncode == 3 and "which is not a model" in done.stderr and "Traceback" not in done.stderr
