"""What the trial prints: for a person who has just typed `make trial`."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from airgate_trial.home import Home, Settings

LOG_LINES = 15


def render_welcome(settings: Settings) -> str:
    """Return where the appliance answers and how to sign in."""
    cards = f"\n  cards     {settings.cards} simulated Qualcomm SoCs" if settings.cards else ""
    return (
        "\nAirgate is ready.\n"
        f"  address   http://127.0.0.1:{settings.port}\n"
        "  user      admin\n"
        f"  password  {find_password_place(settings.home)}{cards}\n"
        "\n  make trial-status   make trial-logs   make trial-stop"
    )


def find_password_place(home: Home) -> str:
    """Return where the first password lies, or that it was changed."""
    return f"in {home.first_password}" if home.first_password.exists() else "as you set it"


def render_status(settings: Settings, processes: Sequence[Mapping[str, Any]] | None) -> str:
    """Return one line a process, and the address."""
    if processes is None:
        return "Airgate does not run. Start it with: make trial"
    lines = [f"http://127.0.0.1:{settings.port}"]
    for process in sorted(processes, key=lambda entry: str(entry["name"])):
        state = "Ready" if process["statename"] == "RUNNING" else str(process["statename"]).capitalize()
        lines.append(f"  {process['name']:<10} {state:<9} pid {process['pid']:<8} {process['description']}")
    return "\n".join(lines)


def render_logs(home: Home) -> str:
    """Return the last lines of every log, each under its path."""
    parts = []
    for file in sorted(home.logs.rglob("*.log")):
        with file.open(errors="replace") as lines:
            parts.append(f"== {file}\n" + "".join(deque(lines, LOG_LINES)))
    return "\n".join(parts) or f"No logs in {home.logs} yet. Start the trial with: make trial"
