"""A picture of the screen as an SVG file that asks nothing of the network."""

import re
from pathlib import Path
from typing import Any

from textual.app import App

from engine.storage.files import make_folder_of, write_bytes

_FONT = re.compile(r"@font-face\s*\{[^}]*\}\s*")


def without_font_links(svg: str) -> str:
    """`svg` without the fonts it links to on a server elsewhere; any monospace font will do."""
    return _FONT.sub("", svg)


def save_screenshot(app: App[Any], path: Path) -> Path:
    """Write what is on the screen to `path` as SVG; the app exports it without links to fonts.

    Raises:
        StorageError: it cannot be written.
    """
    make_folder_of(path)
    write_bytes(path, app.export_screenshot().encode())
    return path
