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
        self._specs: dict[Vendor, str] = {}
        self._of: tuple[int, bool, tuple[str, ...]] = -1, False, ()  # the snapshot, its GPUs, the libraries they name
        self._kept: dict[Path, tuple[str, tuple[int, int] | None]] = {}
        self._complaint = ""

    def apply(self, snapshot: Snapshot) -> frozenset[Vendor]:
        """Bring the files up to date; return the vendors whose devices a grant may name. Can be repeated."""
        if self._folder is None:
            return frozenset()
        with self._lock:
            specs = self._find_specs(snapshot)
            try:
                for vendor, text in specs.items():
                    self._keep(self._folder / name_file(vendor), text)
            except OSError as why:
                self._complain(f"{self._folder} cannot be written: {why.strerror}")
                return frozenset()
            self._complain("")
            return frozenset(specs)

    def _find_specs(self, snapshot: Snapshot) -> dict[Vendor, str]:
        """Return what the files should say; made anew for another snapshot, or for other libraries of NVIDIA's."""
        number, has_gpus, before = self._of
        if number != snapshot.number:
            has_gpus = any(device.vendor is Vendor.NVIDIA for device in snapshot.devices)
        libraries = tuple(self._find_libraries()) if has_gpus else ()
        if (number, before) != (snapshot.number, libraries):
            self._specs = write_specs(snapshot, libraries)
            self._of = snapshot.number, has_gpus, libraries
        return self._specs

    def _keep(self, path: Path, text: str) -> None:
        """Write a file unless it is the very one that was written or read here last: this is done for every grant."""
        if self._kept.get(path) != (text, _find_state(path)):
            _write(path, text)
            self._kept[path] = text, _find_state(path)

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every change."""
        if why and why != self._complaint:
            log.warning("containers get nothing from CDI", extra={"fields": {"why": why}})
        self._complaint = why


def name_file(vendor: Vendor) -> str:
    """Return the name of a vendor's file."""
    return f"{KINDS[vendor].replace('/', '-')}.json"


def _find_state(path: Path) -> tuple[int, int] | None:
    """Return which file lies at `path` and when it was last written to; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, and only where it says something else."""
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_suffix(".new")  # no .json: the runtime passes over it
    beside.write_text(text)
    beside.chmod(0o644)
    beside.replace(path)
