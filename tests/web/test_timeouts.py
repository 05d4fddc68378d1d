"""Timeouts of deployments, as typed."""

import pytest

from airgate_web.domain.errors import Invalid
from airgate_web.domain.timeouts import Timeouts, read_timeouts


def test_a_minute_is_waited_for_unless_somebody_says_otherwise() -> None:
    """More than Envoy's own 15 s, and silence counts for nothing."""
    assert (Timeouts().request_s, Timeouts().silence_s) == (60, 60)
    assert read_timeouts("600", "30") == Timeouts(600, 30)
    assert read_timeouts(600, 0).silence_s == 600


@pytest.mark.parametrize(
    ("request_s", "idle_s", "said"),
    [
        (0, 0, "Timeout in seconds 0 is out of range"),
        ("soon", 0, "'soon' is not a number"),
        (100000, 0, "out of range"),
        (60, -1, "Idle timeout in seconds -1 is out of range"),
        (60, 61, "longer than the timeout of 60 s"),
    ],
)
def test_a_timeout_that_cannot_be_is_refused(request_s: object, idle_s: object, said: str) -> None:
    """One sentence names the field."""
    with pytest.raises(Invalid, match=said):
        read_timeouts(request_s, idle_s)
