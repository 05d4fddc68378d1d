"""What the operator took out of service, in a file that may change while the plugin runs."""

from pathlib import Path

from airgate_plugin.model import Observation
from airgate_plugin.policy.exclusion import read_exclusions


class Exclusions:
    """Reads a list from the settings and another one from a file, anew at each look."""

    name = "exclusions"

    def __init__(self, listed: str, path: Path | None, node: str) -> None:
        """`listed` always counts; the file at `path` need not be there; `node` is this node's name."""
        self._listed = listed
        self._path = path
        self._node = node
        self._last = ""

    def look(self) -> Observation:
        """Return the names; a file that cannot be read puts nothing back into service."""
        trouble = None
        try:
            self._last = self._path.read_text() if self._path else ""
        except FileNotFoundError:
            self._last = ""
        except (OSError, UnicodeDecodeError) as why:
            trouble = f"{self._path} cannot be read, so what it said last still counts: {why}"
        words = read_exclusions(f"{self._listed}\n{self._last}", self._node)
        return Observation(self.name, trouble=trouble, excluded=words)
