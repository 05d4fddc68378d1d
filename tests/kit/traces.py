"""What a trial keeps, runs and listens at: two looks that are the same say that nothing was left behind."""

import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.kit.trial import Trial

KEPT = ("blobs", "scratch", "supervisor", "run", "temporary")  # folders of the home
PASSING = ("audit", "counters", "observations")  # tables that move although nothing was kept
PASSING_PROGRAM = "qaic-util"  # is asked every few seconds
LISTENS = "0A"  # in /proc/net/tcp


def look_around(trial: Trial) -> dict[str, Any]:
    """Return files and folders, rows by table, command lines of processes, and how many TCP sockets they listen at."""
    lines = [line for line in trial.find_all_processes() if PASSING_PROGRAM not in line]
    files = {str(path) for folder in KEPT for path in (trial.home / folder).rglob("*")}
    sockets = len(find_listening() & find_sockets(trial.home))
    return {"files": files, "rows": count_rows(trial.home / "store.db"), "runs": sorted(lines), "sockets": sockets}


def explain_difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return what differs between two looks."""
    return "\n".join(f"{what}: was {before[what]}, is {after[what]}" for what in before if before[what] != after[what])


def count_rows(store: Path) -> dict[str, int]:
    """Return how many rows each table has."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as base:
        names = {name for (name,) in base.execute("select name from sqlite_master where type = 'table'")}
        counted = sorted(names.difference(PASSING))
        return {name: base.execute(f'select count(*) from "{name}"').fetchone()[0] for name in counted}


def find_listening() -> set[str]:
    """Return the inodes of this machine's listening TCP sockets."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {line.split()[9] for line in lines if line.split()[3] == LISTENS}


def find_sockets(home: Path) -> set[str]:
    """Return the inodes of all sockets of the processes that name a home folder."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if str(home).encode() in (process / "cmdline").read_bytes():
                links = [str(link.readlink()) for link in (process / "fd").iterdir()]
                found.update(re.findall(r"socket:\[(\d+)\]", " ".join(links)))
    return found
