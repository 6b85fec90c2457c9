"""Where what is decoded of image sets is kept: said by whoever knows the home, before a set is read.

Of its own, for it is said on the way to the first screen, and what reads sets is heavy.
"""

from pathlib import Path

SETS, LEFT_OUT = "sets", "left_out"
_folders: list[Path] = []


def keep_in(folder: Path | None) -> None:
    """Keep it in that folder from now on, `data` of the home; nowhere where it is None."""
    _folders[:] = [] if folder is None else [folder]


def kept_in() -> Path | None:
    """That folder."""
    return _folders[0] if _folders else None


def sets_in() -> Path | None:
    """Where sets of the catalogue are put, `sets` of the same home: what can be fetched again but takes long to."""
    return _folders[0].parent / SETS if _folders else None


def left_out_in() -> Path | None:
    """Where it is kept which images a person left out of a set, `left_out` of the same home."""
    return _folders[0].parent / LEFT_OUT if _folders else None
