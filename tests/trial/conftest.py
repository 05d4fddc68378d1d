"""The trial that several files share: a start of the whole appliance takes longer than what most of them do with it.

They are named in tests/conftest.py, because they have to run in one process.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.trial import Trial, run_trial

PROGRAM = Path(__file__).parents[1] / "kit" / "streaming_server.py"
WORDS = {
    "slug": "words",
    "name": "Words",
    "kind": "server",
    "description": "Streams words like a language model's server.",
    "server": {
        "port": 8000,
        "health": "/health",
        "metrics": "/metrics",
        "command": [sys.executable, str(PROGRAM)],
        "arguments": ["--host", "{host}", "--port", "{port}"],
    },
}
FOLDERS = {
    **WORDS,
    "slug": "folders",
    "name": "Folders",
    "formats": ["directory"],
    "server": {**WORDS["server"], "arguments": [*WORDS["server"]["arguments"], "--model", "{model}"]},
}


@pytest.fixture(scope="package")
def shared_trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A trial with two simulated cards that offers two servers beside the usual runtime, and a disk with models.

    Each file works in a project of its own and gives its cards back.
    """
    folder = tmp_path_factory.mktemp("t")
    offered = folder / "runtimes.json"
    offered.write_text(json.dumps([WORDS, FOLDERS]))
    (folder / "disk").mkdir()
    more = {"AIRGATE_RUNTIMES_FILE": str(offered), "AIRGATE_MODEL_ROOTS": str(folder / "disk")}
    with run_trial(folder / "home", cards=2, **more) as running:
        yield running
