"""What `export` is asked, and the asking of it."""

import argparse
from collections.abc import Callable
from pathlib import Path

from engine.errors import ExportError
from engine.exporters import EXPORTERS
from engine.runs.directory import Home
from engine.storage.paths import place_of


def add_flags(add: Callable[..., object]) -> None:
    """Where to, and as what."""
    words = "a new name, or a folder to write into (default: the current folder)"
    add("--to", default=None, metavar="PLACE", help=words)
    words = (
        f"{', '.join(EXPORTERS)}; one is written to PLACE itself, several into a new folder "
        "(default: all that can be written)"
    )
    add("--as", dest="forms", nargs="+", default=None, metavar="FORMAT", help=words)


def work(options: argparse.Namespace, home: Home) -> int:
    """Do what is asked, and give back the exit code.

    Raises:
        EngineError: it is refused.
    """
    from cae_tui.cli import export_console
    from engine.text import either, excerpt

    for form in options.forms or ():
        if form not in EXPORTERS:
            raise ExportError(f"--as: “{excerpt(form)}” is not known: choose {either(EXPORTERS)}.")
    names = list(dict.fromkeys(options.forms or ()))
    target = Path() if options.to is None else place_of(options.to)
    return export_console.export(home, home.find(options.run), target, names, as_json=options.json)
