"""Starts, asks and ends supervisord, and with it the appliance's processes."""

import datetime
import json
import subprocess
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from airgate_kit.clock import Clock
from airgate_trial.errors import TrialError
from airgate_trial.home import Home, Settings

STOP_S = 90
LOOK_EVERY_S = 0.1


def is_running(home: Home) -> bool:
    """Return whether this home's supervisord answers."""
    return find_processes(home) is not None


def find_started(home: Home) -> dict[str, int]:
    """Return the port and the count of cards of what runs now, or ran last; nothing when nothing ever ran."""
    return dict(json.loads(home.started.read_text())) if home.started.exists() else {}


def find_start(home: Home) -> datetime.datetime:
    """Return when what runs now was started."""
    return datetime.datetime.fromtimestamp(home.started.stat().st_mtime, datetime.UTC)


def find_processes(home: Home) -> list[Mapping[str, Any]] | None:
    """Return what supervisord says of each process (name, statename, pid, start, now), or None when it is not there."""
    try:
        answer: Any = connect(home).supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error):
        return None
    return list(answer)


def find_failing(home: Home) -> str:
    """Return the name and the last words of a process that ends whenever it is started, or ""."""
    for process in find_processes(home) or ():
        starts_again = process["statename"] == "STARTING" and process["stop"]
        if process["statename"] == "BACKOFF" or starts_again:
            words = Path(process["stdout_logfile"]).read_text(errors="replace").split("\n")
            last = next(filter(None, reversed(words)), "it says nothing").rstrip(".")
            return f"{process['name']} ends whenever it is started: {last}."
    return ""


def connect(home: Home) -> xmlrpc.client.ServerProxy:
    """Return a proxy for supervisord's own XML-RPC over its unix socket."""
    socket = f"unix://{home.run / 'supervisord.sock'}"
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, socket))


def start_programs(settings: Settings, binaries: Path, configuration: str) -> None:
    """Write the configuration and start supervisord in the background."""
    file = settings.home.run / "supervisord.conf"
    file.write_text(configuration)
    settings.home.started.write_text(json.dumps({"port": settings.port, "cards": settings.cards}))
    command = [str(binaries / "supervisord"), "--configuration", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise TrialError("not_started", f"The processes could not be started: {done.stderr.strip()}")


def stop_programs(home: Home, clock: Clock) -> bool:
    """End every process and wait until they are gone; return False when none ran. TrialError when one will not end."""
    if not is_running(home):
        return False
    process = int((home.run / "supervisord.pid").read_text())
    connect(home).supervisor.shutdown()
    deadline = clock.monotonic() + STOP_S
    while Path(f"/proc/{process}").exists():
        if clock.monotonic() > deadline:
            raise TrialError(
                "not_stopped", f"Process {process} is still ending after {STOP_S} s.", "Look: make trial-logs"
            )
        clock.sleep(LOOK_EVERY_S)
    return True
