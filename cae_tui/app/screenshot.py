"""A picture of the screen as an SVG file that asks nothing of the network."""

import re
from pathlib import Path
from typing import Any

from textual.app import App

from engine.storage.files import storage_error, write_bytes

_FONT = re.compile(r"@font-face\s*\{[^}]*\}\s*")


def without_font_links(svg: str) -> str:
    """`svg` without the fonts it links to on a server elsewhere; any monospace font will do."""
    return _FONT.sub("", svg)


def save_screenshot(app: App[Any], path: Path, title: str = "") -> Path:
    """Write what is on the screen to `path` as SVG.

    Raises:
        StorageError: it cannot be written.
    """
    svg = without_font_links(app.export_screenshot(title=title or app.title))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
    write_bytes(path, svg.encode())
    return path
