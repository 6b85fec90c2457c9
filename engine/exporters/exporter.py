"""What a way out is to the rest of the program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from engine.runs.directory import Home, RunDirectory


class Exporter(Protocol):
    """A format that runs are written in, for a person or another program.

    An exporter has no state, and `engine.exporters.export` sees to it that a file is there whole or not at all.
    """

    takes_many: bool  # whether several runs go into one file
    suffix: str  # of the file: `.csv`
    title: str  # of its command: `Save the model`
    asks: str  # where to: `Write {runs} as CSV to`
    tells: str  # that it is done: `The CSV of {runs} was written to {path}.`

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path) -> None:
        """Write `runs`, one unless it takes many, to `path`, where there is nothing yet.

        Its name has no ending yet: what goes by that is given the open file.

        Raises:
            EngineError: a run has nothing to write.
            OSError: the file cannot be written.
        """

    def check(self, path: Path) -> bool:
        """Read back what was written: whether it is what was to be written."""
