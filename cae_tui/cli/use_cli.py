"""What `predict` is asked, and the asking of it."""

import argparse
from collections.abc import Callable

from engine.errors import DatasetError
from engine.runs.directory import Home

USES = {"predict": "tell what pictures show, with a classifier; labelled folders give its report"}
"""The commands that put a model to work."""
INVERTS = ("auto", "yes", "no")


def add_positionals(add: Callable[..., object]) -> None:
    """A model, and what it is asked about."""
    add("model", metavar="MODEL", help="a run's id, or enough of its beginning, or a model file")
    words = "pictures, folders of them, or one image set of any other format, which may be mnist or digits"
    add("paths", nargs="+", metavar="PATH", help=words)


def add_flags(add: Callable[..., object]) -> None:
    """What else may be said."""
    words = (
        "mark answers of less probability than this (default: the model's own, so that 99 %% of the others were right "
        "on its validation images)"
    )
    add("--unsure", default=None, metavar="P", help=words)
    words = (
        "exchange dark and light in grey pictures that are the other way round than those the model learned from: "
        "auto, yes or no (default: auto)"
    )
    add("--invert", default="auto", metavar="WHEN", help=words)
    add("--csv", default=None, metavar="FILE", help="write the answers as CSV; - is standard output")


def work(options: argparse.Namespace, home: Home) -> int:
    """Do what is asked, and give back the exit code.

    Raises:
        EngineError: it is refused.
    """
    from engine.text import either, excerpt

    unsure = None
    if options.unsure is not None:
        try:
            unsure = float(options.unsure)
        except ValueError:
            unsure = -1.0
        if not 0 <= unsure <= 1:
            raise DatasetError(
                f"--unsure: “{excerpt(options.unsure)}” is no probability: write one from 0 to 1, as 0.9."
            )
    if options.invert not in INVERTS:
        raise DatasetError(f"--invert: “{excerpt(options.invert)}” is not known: choose {either(INVERTS)}.")
    if options.csv is not None and options.json:
        raise DatasetError("--csv and --json cannot be used together.")
    from cae_tui.cli import use_console

    return use_console.predict(
        home, options.model, options.paths, unsure=unsure, invert=options.invert, csv=options.csv, as_json=options.json
    )
