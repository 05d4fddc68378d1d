"""Qualcomm SoCs as the Platform SDK's `qaic-util -q` lists them: the only source of QID, SKU and board serial.

Tolerant on purpose: key case, units and order vary between SDK releases, unknown keys and words appear, and a SoC
that is not Ready prints neither serial nor SKU.

A container without privilege cannot open the cards, so the program cannot answer there. Then a timer on the host
writes its output to a file, and this source reads the file.
"""

import os
import re
import subprocess

from airgate_kit.clock import Clock
from airgate_plugin.model import Observation, PciAddress, Qid, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles

HEAD = re.compile(r"^\s*QID\s+(\d{1,4})\s*$", re.IGNORECASE)
ADDRESS = re.compile(r"^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")
OUTPUT_MAX = 1_000_000  # characters; a hundred SoCs print 60,000
FACTS = {  # key in lower case without blanks -> the name of the fact
    "fwversion": "firmware",
    "dramtotal": "dram_total",
    "dramfree": "dram_free",
    "nsptotal": "nsp_total",
    "nspfree": "nsp_free",
    "networksloaded": "networks_loaded",
    "soctemperature(degreec)": "temperature_celsius",
    "boardpower(watts)": "board_power_watts",
}


STALE_SECONDS = 60.0  # saved output that is older says nothing about now


class QaicUtil:
    """Runs the host's own qaic-util, or reads what a timer saved of it."""

    name = "qaic-util"

    def __init__(self, host: HostFiles, program: str, timeout: float, clock: Clock) -> None:
        """Ask `program` (a path as the host names it) of `host`; a run longer than `timeout` seconds is ended.

        A file that is not executable is taken for saved output.
        """
        self._path = host.find_path(program)
        self._program = program
        self._timeout = timeout
        self._clock = clock
        self._read: tuple[str, Observation] = "", Observation(self.name)  # the last text, and what it says

    def look(self) -> Observation:
        """Ask once and return the rows."""
        if not self._path.exists():
            sentence = f"{self._program} is not there: SKU, board serial and firmware status stay unknown"
            return Observation(self.name, (), sentence)
        try:
            text = self._run() if os.access(self._path, os.X_OK) else self._read_saved()
        except subprocess.TimeoutExpired:
            return Observation(self.name, (), f"{self._program} gave no answer in {self._timeout:g} s and was ended")
        except (OSError, subprocess.CalledProcessError) as why:
            return Observation(self.name, (), f"{self._program} failed: {_explain(why)}")
        if text != self._read[0]:
            self._read = text, read_rows(text, self.name)
        return self._read[1]

    def _read_saved(self) -> str:
        age = self._clock.now().timestamp() - self._path.stat().st_mtime
        if age > STALE_SECONDS:
            raise OSError(f"it was last written {age:.0f} s ago; is the host's timer running?")
        return self._path.read_text(errors="replace")[:OUTPUT_MAX]

    def _run(self) -> str:
        done = subprocess.run(
            [str(self._path), "-q"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=self._timeout,
            check=True,
        )
        return done.stdout[:OUTPUT_MAX].decode(errors="replace")


def read_rows(text: str, source: str) -> Observation:
    """Return what the text of `qaic-util -q` says; rows without a usable PCI address are left out and named."""
    blocks: list[tuple[int, dict[str, str]]] = []
    for line in text.splitlines():
        head = HEAD.match(line)
        if head:
            blocks.append((int(head[1]), {}))
        elif blocks and ":" in line:
            key, _, value = line.partition(":")
            blocks[-1][1].setdefault(_simplify(key), value.strip())
    rows = [_read_row(qid, fields) for qid, fields in blocks]
    good = tuple(row for row in rows if row)
    if len(good) < len(rows) or (text.strip() and not rows):
        return Observation(source, good, "qaic-util printed rows that make no sense: SDK and plugin may not match")
    return Observation(source, good)


def _read_row(qid: int, fields: dict[str, str]) -> Sighting | None:
    address = fields.get("pciaddress", "").lower()
    if not ADDRESS.match(address):
        return None
    facts = {name: fields[key] for key, name in FACTS.items() if fields.get(key)}
    return Sighting(
        vendor=Vendor.QUALCOMM,
        address=PciAddress(address),
        qid=Qid(qid),
        status=fields.get("status") or None,
        sku=_read_sku(fields.get("skutype", "")),
        serial=fields.get("boardserial") or None,
        facts=facts,
    )


def _read_sku(text: str) -> str | None:
    return None if not text or text.lower() == "invalid" else text


def _simplify(key: str) -> str:
    return "".join(key.lower().split())


def _explain(why: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(why, OSError):
        return why.strerror or str(why)
    said = (why.stderr or b"").decode(errors="replace").strip().splitlines()
    return f"exit code {why.returncode}" + (f", it says: {said[-1][:200]}" if said else "")
