"""Keeps the CDI specification on disk, where the container runtime looks for it."""

import logging
import threading
from pathlib import Path

from airgate_plugin.model import Snapshot, Vendor
from airgate_plugin.policy.cdi import write_spec

log = logging.getLogger("airgate_plugin.cdi")

FILE = "airgate.io-qaic.json"


class CdiFile:
    """One file in `folder`; None: no CDI. It stays when the plugin ends, because containers restart without it."""

    def __init__(self, folder: Path | None) -> None:
        """Write nothing yet."""
        self._path = folder / FILE if folder else None
        self._lock = threading.Lock()
        self._complaint = ""

    def apply(self, snapshot: Snapshot) -> bool:
        """Bring the file up to date; return whether a grant may name its devices. Can be repeated."""
        has_socs = any(device.vendor is Vendor.QUALCOMM for device in snapshot.devices)
        if self._path is None or snapshot.qaic_gid is None or not has_socs:
            return False
        with self._lock:
            try:
                _write(self._path, write_spec(snapshot.devices, snapshot.qaic_gid))
            except OSError as why:
                self._complain(f"{self._path} cannot be written: {why.strerror}")
                return False
            self._complain("")
            return True

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every change."""
        if why and why != self._complaint:
            log.warning("containers get no group from CDI", extra={"fields": {"why": why}})
        self._complaint = why


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, and only where it says something else."""
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_suffix(".new")  # no .json: the runtime passes over it
    beside.write_text(text)
    beside.chmod(0o644)
    beside.replace(path)
