"""From answers to pictures and text: what becomes bars, and what JSON looks like."""

import json
from typing import Any

import pytest

from airgate_web.domain.model import Signature, TensorSpec
from airgate_web.ui.parts import write_size
from airgate_web.ui.pictures import find_shares, write_json, write_seconds, write_shape

PLAIN = Signature((), (TensorSpec("probabilities", "FP32", (-1, 2)),))
NAMED = Signature((), (TensorSpec("probabilities", "FP32", (-1, 2), values=("cat", "dog")),))


@pytest.mark.parametrize(
    ("result", "shares"),
    [
        ([{"label": 1, "probabilities": [0.25, 0.75]}], (("0", 0.25), ("1", 0.75))),
        ([{"probabilities": [[0.25, 0.75]]}], (("0", 0.25), ("1", 0.75))),
        ([{"probabilities": {"a": 0.25, "b": 0.75}}], (("a", 0.25), ("b", 0.75))),
        ([{"a": 0.25, "b": 0.75}], (("a", 0.25), ("b", 0.75))),
        ([[0.25, 0.75], [1.0, 0.0]], (("0", 0.25), ("1", 0.75))),
    ],
)
def test_probabilities_become_bars(result: Any, shares: Any) -> None:
    """The first row's probabilities are shown, however a model spells them."""
    assert find_shares(result, PLAIN) == shares


def test_bars_carry_the_names_of_the_classes_where_the_model_knows_them() -> None:
    """People read names, not places."""
    assert find_shares([{"probabilities": [0.25, 0.75]}], NAMED) == (("cat", 0.25), ("dog", 0.75))


@pytest.mark.parametrize(
    "result",
    [
        [{"price": 12.5}],
        [{"x": [0.25, 0.25]}],
        [{"x": [-1.5, 2.5]}],
        [{"x": [True, False]}],
        [{"x": ["0.25", "0.75"]}],
        [{"x": [float("nan"), 1.0]}],
        [{"x": [1 / 200] * 200}],
        [{"x": [1.0]}],
        [],
        {},
        None,
        "text",
        7,
    ],
)
def test_what_is_no_probabilities_becomes_no_bars(result: Any) -> None:
    """No picture is better than a wrong one."""
    assert find_shares(result, PLAIN) == ()


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2, 3], "b": {"c": []}, "d": "x, [1]"},
        [[0.5] * 64],
        [{"text": "a long sentence, with commas, " * 9}],
        {"words": ["one, two", 'quo"te', "line\nbreak"] * 9},
        [],
        None,
    ],
)
def test_json_for_reading_is_still_the_same_json(value: Any) -> None:
    """What is copied out of a box means what the model answered."""
    assert json.loads(write_json(value)) == value


def test_a_row_of_numbers_fills_lines_instead_of_standing_one_below_the_other() -> None:
    """An image of 64 points stays on a few lines."""
    assert write_json([0, 1]) == "[0, 1]"
    assert len(write_json([[0.0] * 64]).splitlines()) < 12


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00001, "under 0.1 ms"), (0.0004, "0.4 ms"), (0.038, "38 ms"), (2.14, "2.1 s")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    """Two digits that matter, and a unit."""
    assert write_seconds(seconds) == text


def test_shapes_read_well() -> None:
    """A free dimension is n."""
    assert (write_shape((-1, 64)), write_shape(())) == ("n × 64", "one value")


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (200 << 20, "200 MiB"), (2048 << 20, "2.0 GiB")],
)
def test_a_size_is_in_the_units_of_its_limit(size: int, shown: str) -> None:
    """A limit of 2048 MiB is 2 GiB, as memory is; nothing is in GB."""
    assert write_size(size).replace("\u2009", " ") == shown
