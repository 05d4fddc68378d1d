"""What the values of the charts promise, before helm has seen them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.charts.charts import CHARTS, NAMES, find_ci_values, read_yaml

EVERY_CHART = pytest.mark.parametrize("chart", NAMES)
EVERY_CI = pytest.mark.parametrize(
    ("chart", "path"), find_ci_values(), ids=[f"{chart}-{path.stem}" for chart, path in find_ci_values()]
)
FREE = {
    "nodeSelector",
    "qids",
    "resourceNames",
    "exclude",
    "annotations",
    "requests",
    "limits",
    "deployQuota",
    "computeQuota",
    "defaultLimits",
}
SAY_THEMSELVES = {"image", "resources", "agent", "envoy", "web", "reconciler", "files", "requests", "limits"}


def read_schema(chart: str) -> dict[str, Any]:
    """Return a chart's schema."""
    schema: dict[str, Any] = json.loads((CHARTS / chart / "values.schema.json").read_text())
    return schema


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) of every leaf; a list, an empty map and a free map are leaves."""
    if isinstance(value, dict) and value and path.rpartition(".")[2] not in FREE:
        for key, inner in value.items():
            yield from walk(inner, f"{path}.{key}".lstrip("."))
    else:
        yield path, value


def merge(defaults: Any, given: Any) -> Any:
    """Return values as helm puts them together."""
    if not isinstance(defaults, dict) or not isinstance(given, dict):
        return given
    return defaults | {key: merge(defaults.get(key), value) for key, value in given.items()}


@EVERY_CHART
def test_each_value_has_a_sentence_above_it(chart):
    """Whoever opens values.yaml need not open a template."""
    told, untold = read_sentences((CHARTS / chart / "values.yaml").read_text().splitlines())
    assert told
    assert untold == []


def read_sentences(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the keys with and without a comment above; a section whose first line is a comment has one.

    The parts of an image, what a container may use and the items of a list go without saying.
    """
    told, untold, parents = [], [], {0: ""}
    for number, line in enumerate(lines):
        match = re.match(r"^((?:  )*)([A-Za-z-]+):", line)
        if not match:
            continue
        indent, key = len(match[1]), match[2]
        parents = {depth: name for depth, name in parents.items() if depth <= indent} | {indent + 2: key}
        if parents.get(indent) in SAY_THEMSELVES | {None}:
            continue
        around = (lines[number - 1], lines[number + 1] if line.endswith(":") else "")
        (told if any(near.strip().startswith("#") for near in around) else untold).append(key)
    return told, untold


@EVERY_CHART
def test_every_map_of_a_schema_refuses_unknown_keys(chart):
    """A slip of the pen in a value is an error and not a default."""

    def find_open(schema: Any, path: str) -> Iterator[str]:
        if isinstance(schema, dict):
            if "properties" in schema and schema.get("additionalProperties") is not False:
                yield path
            for key, inner in schema.items():
                yield from find_open(inner, f"{path}.{key}")

    assert list(find_open(read_schema(chart), chart)) == []


@EVERY_CHART
def test_the_schema_knows_every_value_and_no_other(chart):
    """The schema and values.yaml are about the same things."""
    schema = read_schema(chart)
    jsonschema.validate(read_yaml(CHARTS / chart / "values.yaml"), schema)
    known = set(schema["properties"]) - {"global", "airgate-lib"}
    assert known == set(read_yaml(CHARTS / chart / "values.yaml"))


@EVERY_CI
def test_the_values_of_ci_fit_the_schema(chart, path):
    """The examples are right."""
    jsonschema.validate(merge(read_yaml(CHARTS / chart / "values.yaml"), read_yaml(path)), read_schema(chart))


@pytest.mark.parametrize("chart", [name for name in NAMES if name != "airgate"])
def test_every_value_is_set_to_something_else_by_some_file_of_ci(chart):
    """A value that nobody ever sets is a value that nobody knows to work."""
    defaults = read_yaml(CHARTS / chart / "values.yaml")
    given = [dict(walk(merge(defaults, read_yaml(path)))) for name, path in find_ci_values() if name == chart]
    unset = [path for path, value in walk(defaults) if all(each.get(path, value) == value for each in given)]
    assert unset == ["enabled"], "only the umbrella chart switches a chart off"
