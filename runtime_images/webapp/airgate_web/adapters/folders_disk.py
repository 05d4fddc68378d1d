"""Models that are folders on disks which the site has mounted: read where they lie, never copied."""

from collections.abc import Sequence
from pathlib import Path

from airgate_kit.manifest import BadFolder, judge_folder
from airgate_web.domain.errors import Invalid


class DiskFolders:
    """roots: the only places below which a model may lie."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(roots)

    def list_roots(self) -> Sequence[str]:
        """Return the places, as the site wrote them."""
        return [str(root) for root in self.roots]

    def measure(self, path: str, digest: str) -> int:
        """Return the bytes of a model that is as its manifest of this digest says; Invalid otherwise."""
        folder = Path(path)
        self.require_allowed(folder)
        try:
            return judge_folder(folder, digest)
        except BadFolder as why:
            raise Invalid(why.sentence, why.hint) from None

    def require_allowed(self, folder: Path) -> None:
        """Raise Invalid for a path that is not whole, leads elsewhere by links, or lies below none of the roots."""
        if not folder.is_absolute() or folder != folder.resolve():
            raise Invalid(
                f"The path '{folder}' is not the folder's own.", f"Write {folder.resolve()}, without links and dots."
            )
        if not any(folder != root and folder.is_relative_to(root) for root in map(Path.resolve, self.roots)):
            roots = ", ".join(self.list_roots())
            raise Invalid(
                f"The path '{folder}' lies outside the places where models may lie.",
                f"Move the model below one of: {roots}." if roots else "Name a place: --model-roots.",
            )
