"""What every source is."""

from typing import Protocol

from airgate_plugin.model import Observation


class Source(Protocol):
    """One way to look at the host's devices."""

    name: str

    def look(self) -> Observation:
        """Look once. Never raises for a sick host: what fell short is in `trouble`. May block."""
