"""What the commands share that ask a model about images: reading them piece by piece, and what is told of all."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from cae_tui.cli.data_console import progress
from cae_tui.cli.output_console import tell
from cae_tui.printing import put
from engine.errors import DatasetError, StorageError
from engine.storage.csv_text import csv_of, write_rows
from engine.storage.files import absolute, written_whole
from engine.storage.paths import path_of
from engine.text import counted, one_line

if TYPE_CHECKING:
    from engine.evaluation.given import Asked, Given, Readied
    from engine.evaluation.model import Model

BAD_SHOWN = 10
Found = TypeVar("Found")


def as_they_are(model: "Model") -> list[str]:
    """That images get no noise here, in a sentence, where those that the model learned from or was judged by did."""
    from engine.specs.noise import noise_words

    trained, measured = model.spec.training_noise, model.spec.measured_noise
    if trained is None and measured is None:
        return []
    how = "trained" if trained is not None else "validated"
    return [
        f"The model was {how} with {noise_words(trained or measured)} on its images; these were given to it as "
        "they are."
    ]


class Wanted(NamedTuple):
    """What a person asked for."""

    model: str
    paths: list[str]
    part: str | None
    invert: str
    centre: str


@dataclass
class Told:
    """What there is to be said of all images in the end."""

    images: int = 0
    inverted: int = 0
    centred: int = 0
    bad: dict[str, str] = field(default_factory=dict)

    def add(self, given: "Given", done: "Readied") -> None:
        """Count a piece."""
        self.images += len(given.names)
        self.inverted += int(done.inverted.sum())
        self.centred += int(done.centred.sum())
        self.bad |= given.bad

    def tell(self, model: "Model", asked: "Asked") -> None:
        """Say on stderr which images they were, what could not be read, and what was done to them."""
        if asked.what:
            tell(f"These are {asked.what} (--part takes others).")
        for name, reason in list(self.bad.items())[:BAD_SHOWN]:
            tell(f"{one_line(name)} {reason}.")
        if len(self.bad) > BAD_SHOWN:
            tell(f"{counted(len(self.bad) - BAD_SHOWN, 'more picture')} could not be read.")
        if self.inverted:
            way = "light on dark" if model.facts.light_on_dark is not False else "dark on light"
            tell(
                f"{counted(self.inverted, 'picture')} had dark and light exchanged: the model learned from images that "
                f"are {way} (--invert no leaves them)."
            )
        if self.centred:
            tell(
                f"{counted(self.centred, 'picture')} of {self.images:,} {are(self.centred)} centred and scaled as "
                "MNIST does, without paper and shadows: so are the images that the model learned from (--centre no "
                "leaves them)."
            )


def are(count: int) -> str:
    """The verb for so many."""
    return "is" if count == 1 else "are"


def asked_for(model: "Model", wanted: Wanted) -> "Asked":
    """The images that are named.

    Raises:
        EngineError: there are none.
    """
    from engine.evaluation.given import asked_about

    with progress("Reading the images") as told:
        return asked_about(model, wanted.paths, wanted.part, told)


def worked(asked: "Asked", words: str, work: "Callable[[Given], Found]") -> Iterator[Found]:
    """What `work` makes of each piece; while that takes long, there is a bar, and none while it is printed."""
    bar: Callable[[int, int], None] | None = None  # of the piece that is read; the one before is over

    def told(done: int, of: int) -> None:
        if bar is not None:
            bar(done, of)

    with closing(asked.pieces(told)) as pieces:
        while True:
            with progress(words) as shown:
                bar = shown
                piece = next(pieces, None)
                if piece is None:
                    return
                found = work(piece)
            yield found


def new_file(named: str | None) -> Path | None:
    """Where a file is to be written; None where none is, or on standard output.

    Raises:
        StorageError: there is something already.
    """
    if named in (None, "-"):
        return None
    if not (named or "").strip() or (named or "").endswith("/"):
        raise StorageError(f"--csv names no file{f': {named} is a folder' if (named or '').strip() else ''}.")
    path = absolute(path_of(named or ""))
    refuse_taken(path)
    return path


def written_as_csv(
    target: Path | None, pieces: "Iterable[list[list[Any]]]", totals: Told, tell_all: Callable[[], None]
) -> None:
    """Write rows as CSV, a piece at a time, into a new file, or on standard output where there is none.

    Args:
        target: that file.
        pieces: the head first.
        totals: counts the images meanwhile.
        tell_all: says why, where there were none.

    Raises:
        EngineError: there were no images, or it cannot be written.
    """
    if target is None:
        for rows in pieces:
            put(csv_of(rows), end="")
        return
    with written_whole(target) as sibling, sibling.open("w", encoding="utf-8", newline="") as file:
        for rows in pieces:
            write_rows(file, rows)
        if not totals.images:
            tell_all()
            raise DatasetError("None of the pictures can be read, so nothing was written.")
        refuse_taken(target)  # by somebody else, meanwhile
    put(f"The answers on {counted(totals.images, 'picture')} were written to {target}.")


def refuse_taken(path: Path) -> None:
    """Refuse a place where something is.

    Raises:
        StorageError: there is.
    """
    if path.exists() or path.is_symlink():
        raise StorageError(f"{path} already exists and is not overwritten: choose another name.")
