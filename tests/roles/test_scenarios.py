"""Every scenario of molecule/, as a person runs it: a node is made, the role runs, what must be so is looked at."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(path.parent.name for path in (REPOSITORY / "molecule").glob("*/molecule.yml"))
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_holds(scenario: str, tmp_path: Path) -> None:
    """`molecule test` is content, and its node is gone afterwards."""
    command = [str(Path(sys.executable).with_name("molecule")), "test", "-s", scenario]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1", "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-12000:]
    node = f"airgate-molecule-{scenario}"
    assert subprocess.run(["podman", "container", "exists", node], check=False).returncode != 0
