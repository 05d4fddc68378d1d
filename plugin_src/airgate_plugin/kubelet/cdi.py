"""Keeps the CDI specifications on disk, where the container runtime looks for them."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from airgate_plugin.model import Snapshot, Vendor
from airgate_plugin.policy.cdi import KINDS, write_specs

log = logging.getLogger("airgate_plugin.cdi")


class CdiFiles:
    """One file a vendor in `folder`; None: no CDI. They stay when the plugin ends: containers restart without it."""

    def __init__(self, folder: Path | None, find_libraries: Callable[[], Sequence[str]] = tuple) -> None:
        """Write nothing yet; `find_libraries` returns the files of NVIDIA's driver for containers."""
        self._folder = folder
        self._find_libraries = find_libraries
        self._lock = threading.Lock()
        self._complaint = ""

    def apply(self, snapshot: Snapshot) -> frozenset[Vendor]:
        """Bring the files up to date; return the vendors whose devices a grant may name. Can be repeated."""
        if self._folder is None:
            return frozenset()
        has_gpus = any(device.vendor is Vendor.NVIDIA for device in snapshot.devices)
        specs = write_specs(snapshot, self._find_libraries() if has_gpus else ())
        with self._lock:
            try:
                for vendor, text in specs.items():
                    _write(self._folder / name_file(vendor), text)
            except OSError as why:
                self._complain(f"{self._folder} cannot be written: {why.strerror}")
                return frozenset()
            self._complain("")
            return frozenset(specs)

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every change."""
        if why and why != self._complaint:
            log.warning("containers get nothing from CDI", extra={"fields": {"why": why}})
        self._complaint = why


def name_file(vendor: Vendor) -> str:
    """Return the name of a vendor's file."""
    return f"{KINDS[vendor].replace('/', '-')}.json"


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, and only where it says something else."""
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_suffix(".new")  # no .json: the runtime passes over it
    beside.write_text(text)
    beside.chmod(0o644)
    beside.replace(path)
