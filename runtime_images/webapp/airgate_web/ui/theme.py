"""The look: one stylesheet and one script, served from beside this file and named by their content."""

import hashlib
from pathlib import Path

from nicegui import app, ui

ASSETS = Path(__file__).parent / "assets"
DIGITS = 12  # of the digest that names the assets, so that a browser may keep them for good
MARK = (
    '<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">'
    '<path fill="currentColor" d="M5 3h6v18H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"/>'
    '<path fill="none" stroke="currentColor" stroke-width="2" d="M11 4h8a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-8"/></svg>'
)
ICON = MARK.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#0e7490" ')


def find_address() -> str:
    """Return the path under which this content of the assets is served."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(ASSETS.iterdir())))
    return f"/_airgate/{digest.hexdigest()[:DIGITS]}"


ADDRESS = find_address()
# In the head and not deferred: light or dark is chosen before anything is painted.
HEAD = (
    f'<link rel="stylesheet" href="{ADDRESS}/airgate.css"><script src="{ADDRESS}/airgate.js"></script>'
    '<meta name="referrer" content="same-origin">'
)


def serve_assets() -> None:
    """Serve the assets; once a process."""
    app.add_static_files(ADDRESS, ASSETS, max_cache_age=31_536_000)


def apply_theme() -> None:
    """Dress the page that is being drawn."""
    ui.add_head_html(HEAD)
