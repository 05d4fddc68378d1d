"""Node labels through Node Feature Discovery: a file of NAME=VALUE lines in NFD's folder of local features.

The names stand under this appliance's own prefix; the vendor's NFD rule (qualcomm.com/qaic=true) stays the vendor's.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from airgate_plugin.model import Device, Snapshot, Vendor

log = logging.getLogger("airgate_plugin.features")

PREFIX = "airgate.io"
NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9_.-]+")


def write_features(devices: Sequence[Device]) -> str:
    """Return the file's text; the counts are of what is there, healthy or not, so that labels do not flap."""
    lines = []
    for vendor in Vendor:
        ours = [device for device in devices if device.vendor is vendor and not device.is_split]
        if ours:
            skus = sorted({device.sku for device in ours if device.sku})
            lines += [f"{PREFIX}/{vendor}.devices={len(ours)}"]
            lines += [f"{PREFIX}/{vendor}.cards={len({device.card for device in ours})}"]
            lines += [f"{PREFIX}/{vendor}.sku={write_value(skus[0])}"] if len(skus) == 1 else []
    return "".join(f"{line}\n" for line in lines)


def write_value(text: str) -> str:
    """Return a text as a label's value: letters, digits, dots and dashes, 63 at most."""
    return NOT_IN_LABELS.sub("-", text)[:63].strip("-._")


class FeatureFile:
    """One file at `path`; None: no features."""

    def __init__(self, path: Path | None) -> None:
        """Write nothing yet."""
        self._path = path
        self._written: str | None = None
        self._of = -1  # the number of the snapshot that it speaks of
        self._complaint = ""

    def apply(self, snapshot: Snapshot) -> None:
        """Bring the file up to date, in one step. Can be repeated."""
        if self._path is None or not snapshot.looked or snapshot.number == self._of:
            return
        text = write_features(snapshot.devices)
        if text == self._written:
            self._of = snapshot.number
            return
        beside = self._path.with_name(f".{self._path.name}")  # NFD passes over hidden files
        try:
            beside.write_text(text)
            beside.replace(self._path)
            self._written, self._of, self._complaint = text, snapshot.number, ""
        except OSError as why:
            self._complain(f"{self._path} cannot be written: {why.strerror}")

    def _complain(self, why: str) -> None:
        if why != self._complaint:
            log.warning("Node Feature Discovery is told nothing", extra={"fields": {"why": why}})
        self._complaint = why
