"""What an earlier supervisor left running: ended at start, and never anything else."""

from collections.abc import Iterable

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.adapters.cluster_local.process import find_start_ticks, kill_group
from airgate_web.adapters.cluster_local.shelf import ReplicaRecord

log = logs.get(__name__)
WAIT_SECONDS = 10.0
STEP_SECONDS = 0.02


def remove_leftovers(records: Iterable[ReplicaRecord], clock: Clock) -> tuple[str, ...]:
    """Kill the recorded processes that still run, wait until they are gone, and return their replicas' names.

    The tether has normally ended them with the supervisor. A pid that now belongs to another process, which started
    at another time, is left alone.
    """
    left = [record for record in records if is_running(record)]
    for record in left:
        log.warning("ended what an earlier supervisor left", extra={"fields": {"replica": record.name}})
        kill_group(record.pid)
    wait_gone(left, clock)
    return tuple(record.name for record in left)


def is_running(record: ReplicaRecord) -> bool:
    """Say whether the very process of the record still runs."""
    return record.pid > 0 and record.start_ticks > 0 and find_start_ticks(record.pid) == record.start_ticks


def wait_gone(records: list[ReplicaRecord], clock: Clock) -> None:
    """Wait until none of them runs, or WAIT_SECONDS have passed (a process that hangs in the kernel)."""
    end = clock.monotonic() + WAIT_SECONDS
    while any(is_running(record) for record in records) and clock.monotonic() < end:
        clock.sleep(STEP_SECONDS)
