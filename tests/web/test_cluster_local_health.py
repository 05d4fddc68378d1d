"""When a process of this machine is taken for ill, and how long its replica pauses then."""

import pytest

from airgate_web.adapters.cluster_local.health import (
    BACKOFF_FIRST,
    BACKOFF_MOST,
    HEALTHY_SECONDS,
    MISSES_MOST,
    START_SECONDS,
    Health,
    Pauses,
)


def test_a_process_that_does_not_become_ready_is_ended() -> None:
    """After ten minutes, and with the reason."""
    health = Health(100.0)
    health.take_answer(False, 101.0)
    assert health.find_end(100.0 + START_SECONDS) == ""
    assert health.find_end(101.0 + START_SECONDS) == "was not ready after 600 s"


def test_a_ready_process_may_miss_a_few_probes() -> None:
    """One answer between them, and the count begins anew."""
    health = Health(0.0)
    for now in (1.0, 2.0):
        health.take_answer(True, now)
        for _ in range(MISSES_MOST):
            health.take_answer(False, now)
        assert health.find_end(START_SECONDS * 2) == ""
    health.take_answer(False, 3.0)
    assert health.find_end(3.0) == "did not answer 16 readiness probes"
    assert health.ready_since == 1.0


@pytest.mark.parametrize(("ready", "now", "well"), [(False, 99.0, False), (True, 29.0, False), (True, 30.0, True)])
def test_a_process_was_well_that_was_ready_for_a_while(ready: bool, now: float, well: bool) -> None:
    """Half a minute."""
    health = Health(0.0)
    health.take_answer(ready, 0.0)
    assert health.was_well(now) is well and HEALTHY_SECONDS == 30


def test_pauses_double_up_to_a_minute_and_begin_anew_after_health() -> None:
    """Who fails at once is tried less and less often."""
    pauses = Pauses()
    assert [pauses.take_next(False) for _ in range(8)] == [BACKOFF_FIRST, 2, 4, 8, 16, 32, BACKOFF_MOST, BACKOFF_MOST]
    assert [pauses.take_next(well) for well in (True, False)] == [BACKOFF_FIRST, 2]
