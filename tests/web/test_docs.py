"""The README names every setting, path, code and metric, and none that is not there."""

import argparse
import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from airgate_web.api.failures import STATUS
from airgate_web.app import build_app
from airgate_web.cli import make_parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "runtime_images/webapp/README.md").read_text()


def find_commands():
    """Return the parser of each command."""
    return next(action.choices for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))


def find_settings():
    """Return {(flag, variable): commands} of all commands."""
    settings = {}
    for command, parser in find_commands().items():
        for action in parser._actions:
            if action.dest != "help":
                variable = re.search(r"AIRGATE_\w+", action.help)[0]
                settings.setdefault((action.option_strings[-1], variable), []).append(command)
    return settings


def test_every_setting_is_in_the_table():
    """No flag and no variable is secret, and none is promised that does not exist."""
    rows = re.findall(r"^\| `(--[\w-]+)` \| `(\w+)` \|[^|]*\| ([\w, ]+) \|", README, re.MULTILINE)
    commands = list(find_commands())
    documented = {(flag, name): commands if who == "all" else who.split(", ") for flag, name, who in rows}
    assert documented == find_settings()


@pytest.fixture
def described(desk):
    """The API's own description."""
    with TestClient(build_app(desk, "internal")) as client:
        return client.get("/api/v2/openapi.json").json()


def test_every_path_is_in_the_table(described):
    """The README lists what the API takes, with its verbs."""
    rows = re.findall(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", README, re.MULTILINE)
    documented = {f"/api/v2{path}": set(verbs.split(", ")) for path, verbs in rows}
    assert documented == {path: {verb.upper() for verb in verbs} for path, verbs in described["paths"].items()}


def test_every_path_is_described(described):
    """Who reads the description knows what each call does and what a failure looks like."""
    for path, verbs in described["paths"].items():
        for verb, call in verbs.items():
            assert call.get("description"), (verb, path)
            assert "4XX" in call["responses"]


def test_every_code_is_documented():
    """A script can look up what a code means."""
    codes = re.findall(r"(\d{3})\s+`(\w+)`", README)
    assert {code: int(status) for status, code in codes} == {
        code: status for code, status in STATUS.items() if code != "refused"
    }


def test_every_metric_is_documented(desk):
    """A dashboard can be built from the README."""
    with TestClient(build_app(desk, "internal")) as client:
        names = re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE)
    assert names
    for name in names:
        assert f"`{name}" in README


def test_the_first_call_of_the_top_readme_can_be_copied():
    """It names the deployment that the walk makes, and its body is JSON with as many pixels as the sample takes."""
    call = re.search(r"curl \S+/svc/(\S+)/predict .*?-d '(.*?)'", (ROOT / "README.md").read_text(), re.DOTALL)
    assert call[1] == "samples/digits"
    (row,) = json.loads(call[2])["args"]["X"]
    assert len(row["pixels"]) == 64
