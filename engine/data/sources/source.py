"""What a source is to the rest of the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.data.reading import Reading
from engine.specs.preprocessing import Preprocessing


class Sniffed(NamedTuple):
    """What a first look at a file or a folder told a source."""

    sure: float  # 0: it is none of this format; 1: it is
    why: str  # in words: `its first bytes are those of an IDX file`


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a source read; what is not there is None."""

    images: NDArray[np.uint8] | None = None  # to train on: (n, height, width, channels), grey (1) or colour (3)
    labels: NDArray[np.uint8] | None = None  # (n,), counted from 0
    test_images: NDArray[np.uint8] | None = None
    test_labels: NDArray[np.uint8] | None = None
    validation: int = 0  # how many of the last `images` are a validation part of their own
    class_names: tuple[str, ...] = ()  # by label, as they are; empty where the format has none: numbers then
    words: str = ""  # what was found, and which rule applied: `folder of pictures, 12 classes from folder names`
    notes: tuple[str, ...] = ()  # sentences: what was done to the images that a person should know of
    left_out: Mapping[str, str] = field(default_factory=dict)  # what of it is not among the images, and why
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)  # before they were made to fit
    fitted: bool = False  # whether they are of the size and the colours that were asked for


class Source(Protocol):
    """One way in for images: a format of files, or a way to lay them out in a folder.

    Its module has one as `SOURCE`. It only reads: that parts belong together, that images are neither too small nor too
    large, classes to take, digests and names are the same for all (`engine.data.datasets`,
    `engine.data.sources.checks`).
    """

    endings: Sequence[str]
    """Of the names of its files, in small letters, for lists to choose from; what a file is, `sniff` finds out."""

    def sniff(self, path: Path) -> Sniffed:
        """Whether `path` is of this format, by a look that takes no time and never waits or raises."""

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """The set at `path`, with whatever parts are there.

        Memory is taken for what is there, never on the word of a header. Of `preprocessing`, only what decides how
        bytes become images is for a source: images of other sizes and colours than asked for are made to fit later.

        Raises:
            DatasetError: in a sentence with the path, what was found, what was expected and what to do.
        """


@runtime_checkable
class WithOthers(Protocol):
    """A source that, of a file that is named, reads others too."""

    def beside(self, path: Path) -> Sequence[Path]:
        """Those files, also where they are not there: a set is read again when one of them comes, goes or changes."""
