"""What every source is, and what wakes one."""

from typing import Protocol

from airgate_plugin.model import Observation


class Source(Protocol):
    """One way to look at the host's devices."""

    name: str

    def look(self) -> Observation:
        """Look once. Never raises for a sick host: what fell short is in `trouble`. May block."""


class Bell(Protocol):
    """Something that rings when a source should look again before its period is over."""

    def wait(self) -> bool:
        """Block until it rings; False once it was ended."""

    def end(self) -> None:
        """Let `wait` return False; from another thread."""

    def close(self) -> None:
        """Give back what it held; after `wait` returned False."""
