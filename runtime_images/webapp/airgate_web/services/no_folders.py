"""Where a site has named no place for models that are folders."""

from airgate_web.domain.errors import Invalid


class NoFolders:
    """Where no disk was named."""

    def list_roots(self) -> list[str]:
        """Return none."""
        return []

    def measure(self, path: str, digest: str) -> int:  # noqa: ARG002
        """Refuse."""
        raise Invalid("No place is named where models may lie as folders.", "Name one: --model-roots.")
