"""Failed sign-ins in the audit: who was tried, when and from where; never the password.

The same name from the same place is one entry a minute, with a count; past so many entries an hour one more counts the
rest. So a flood fills no store. Kept in memory, a process for itself.
"""

import ipaddress
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from airgate_kit.clock import Clock
from airgate_web.ports import AuditEntry, Store

DEED = "failed sign-in"
OTHERS = "others"  # stands for the names that have no entry of their own
ENTRIES_MAX = 100  # an hour, of which each may count many
TOGETHER_S, HOUR_S = 60.0, 3600.0
NAME_SHOWN = 60  # characters of a name as it was typed


@dataclass(slots=True)
class Noted:
    """An entry of the audit that still counts. began: seconds of a monotonic clock."""

    id: int
    began: float
    count: int = 1


class FailedSignIns:
    """Writes them into the audit; safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hour = 0.0
        self._noted: dict[tuple[str, str], Noted] = {}
        self._made = 0

    def note(self, store: Store, clock: Clock, name: str, sender: str) -> None:
        """Keep that somebody failed to sign in as `name`. sender: their address, "" where it is not known."""
        with self._lock:
            now = clock.monotonic()
            key = self._choose_key(shorten(name), sender, now)
            noted = self._noted.get(key)
            if noted:
                noted.count += 1
                store.change_audit(noted.id, write_detail(key, noted.count))
            else:
                entry = AuditEntry(clock.now(), key[0], DEED, f"user {key[0]}", write_detail(key, 1))
                self._noted[key] = Noted(store.add_audit(entry), now)
                self._made += 1

    def _choose_key(self, name: str, sender: str, now: float) -> tuple[str, str]:
        """Return under which name and sender a failure counts; what is too old to count further is forgotten."""
        if now - self._hour >= HOUR_S:
            self._hour, self._made = now, 0
            self._noted.clear()
        noted = self._noted.get((name, sender))
        if noted and now - noted.began >= TOGETHER_S:
            del self._noted[name, sender]
            noted = None
        return (name, sender) if noted or self._made < ENTRIES_MAX else (OTHERS, "")


def write_detail(key: tuple[str, str], count: int) -> str:
    """Return what an entry says besides the name: "from 10.0.0.7, 3 times within a minute"."""
    if key == (OTHERS, ""):
        return f"{count} more this hour; after {ENTRIES_MAX} entries their names are not kept"
    place = f"from {key[1]}" if key[1] else "from an unknown address"
    return f"{place}, {count} times within a minute" if count > 1 else place


def shorten(name: str) -> str:
    """Return a name as it was typed, fit for a store and a page."""
    plain = "".join(one if one.isprintable() else "·" for one in name[: NAME_SHOWN + 1])
    return plain if len(plain) <= NAME_SHOWN else plain[: NAME_SHOWN - 1] + "…"


def read_sender(headers: Mapping[str, str], peer: str | None) -> str:
    """Return from where a request came: the last address that the gateway saw, else the peer's, else ""."""
    said = headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or peer or ""
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:
        return ""
