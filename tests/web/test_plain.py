"""Domain objects as plain values and back."""

import json

import pytest

from airgate_web.domain.deployment import DeploymentStatus
from airgate_web.domain.functions import list_functions
from airgate_web.domain.model import Signature, TensorSpec
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.workload import Observation
from tests.fakes.samples import SIGNATURE, TOWERS, make_observation, make_status


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Signature, SIGNATURE), (Signature, TOWERS), (DeploymentStatus, make_status()), (Observation, make_observation())],
)
def test_what_was_kept_comes_back_the_same(kind, value):
    """Nothing is lost on the way through JSON."""
    assert read_plain(kind, json.loads(json.dumps(make_plain(value)))) == value


def test_what_json_cannot_say_becomes_nothing():
    """A sample with an endless number in it can be kept in every database."""
    spec = TensorSpec("x", "FP32", (-1,), [float("nan"), float("inf"), 1.0])
    assert json.loads(json.dumps(make_plain(spec), allow_nan=False))["sample"] == [None, None, 1.0]


def test_older_and_newer_rows_can_be_read():
    """A field that is missing takes its default, and one that nobody knows any more is passed over."""
    body = {"state": "Ready", "generation": 1, "ready": 1, "wanted": 1, "gone": True}
    assert read_plain(DeploymentStatus, body).sentence == ""


def test_a_signature_of_before_functions_were_kept_has_predict_alone():
    """A version that was uploaded by an older release is tested and called as ever."""
    kept = make_plain(SIGNATURE)
    del kept["further"], kept["has_predict"]
    assert read_plain(Signature, kept) == SIGNATURE
    assert list_functions(SIGNATURE) == ("predict",)
