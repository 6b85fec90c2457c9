"""What a way out is to the rest of the program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.runs.directory import Home, RunDirectory

Told = Callable[[int, int], None]
"""Is told how much is done, and of how much; what it raises ends the export."""
NOT_READ_BACK = "What was written cannot be read back as it was written: check the disk, then try again."


def told_nobody(done: int, total: int) -> None:
    """Where nobody waits for an export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export left."""

    path: Path
    size: int  # bytes, of all files of a folder together
    checked: str  # how, as a clause


class Exporter(Protocol):
    """A format that runs are written in, for a person or another program.

    An exporter has no state, and `engine.exporters.export` sees to it that a file or a folder is there whole or not at
    all, and only where it was found equal to the run.
    """

    takes_many: bool  # whether several runs go into one file
    folder: bool  # whether it writes a folder with files, and not one file
    suffix: str  # what the name of the file ends in: `.csv`; empty for a folder
    title: str  # of its command: `Save the model`
    asks: str  # where to: `Write {runs} as CSV to`
    tells: str  # that it is done: `The CSV of {runs} was written to {path}.`

    def missing(self) -> str:
        """What has to be installed before it can write, as a sentence; empty where nothing has to be."""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """Write `runs`, one unless it takes many, to `path`, where there is nothing yet; a folder is made by it.

        The name has no ending yet: what goes by that is given the open file. `told` is called at least every second
        or so by one that takes longer.

        Raises:
            EngineError: a run has nothing to write.
            OSError: it cannot be written.
        """

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """Compare what was written with the runs, and say how that was done, as a clause without a full stop.

        `read back, 12 rows of 40 columns`, `compared with the run's answers on 200 test images: largest difference
        2.4e-07`.

        Raises:
            EngineError: it is not equal. The sentence does not name `path`, which is a hidden one.
        """
