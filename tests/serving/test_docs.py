"""The README names everything that a person can set, ask for, or be told."""

import argparse
import re
from pathlib import Path

import pytest

from airgate_serving import arguments, variables
from airgate_serving.rest.failures import STATUS
from airgate_serving.traces import settings
from tests.serving.server import RunningServer

README = (Path(__file__).parents[2] / "runtime_images/serving/README.md").read_text()
PARSERS = [
    arguments.build_serve_parser,
    arguments.build_inspect_parser,
    arguments.build_convert_parser,
    arguments.build_bench_parser,
    arguments.build_batch_parser,
    arguments.build_evaluate_parser,
    arguments.build_freeze_parser,
    arguments.build_fetch_parser,
    arguments.build_job_parser,
    arguments.build_manifest_parser,
    arguments.build_tester_parser,
]


def find_flags(parser: argparse.ArgumentParser) -> set[str]:
    """Return the flags of a parser but for --help."""
    return {flag for flag in parser._option_string_actions if flag.startswith("--")} - {"--help"}


@pytest.mark.parametrize("build", PARSERS)
def test_every_flag_is_documented(build) -> None:
    """A flag that nobody can find does not exist."""
    assert {flag for flag in find_flags(build()) if flag not in README} == set()


def test_every_refusal_is_documented() -> None:
    """A code in an answer can be looked up."""
    assert {code for code in STATUS if f"`{code}`" not in README} == set()


def test_every_variable_is_documented() -> None:
    """So can a variable."""
    for variable in (
        variables.ENV_GATE_SECRET,
        variables.ENV_FETCH_TOKEN,
        variables.ENV_JOB_SECRET,
        variables.ENV_QAIC_SDK,
        variables.THREAD_VARIABLES[0],
        *variables.LIBRARY_SETTINGS,
        *variables.TRACE_VARIABLES,
        *(value for name, value in vars(settings).items() if name.startswith("ENV_")),
    ):
        assert f"`{variable}" in README


def test_every_metric_is_documented_and_every_documented_one_is_there(mlp_server: RunningServer) -> None:
    """The table of metrics is the truth, both ways."""
    mlp_server.post("/predict", {"X": []})
    page = mlp_server.get("/metrics", "admin").text
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"^(airgate_\w+)", page, re.MULTILINE)}
    assert shown == set(re.findall(r"`(airgate_[a-z_]+)`", README))
