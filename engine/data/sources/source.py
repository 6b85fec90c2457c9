"""What a source is to the rest of the engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.specs.data_files import DataFiles


class Sniffed(NamedTuple):
    """What a first look at a file or a folder told a source."""

    sure: float  # 0: it is none of this format; 1: it is
    why: str  # in words: `its first bytes are those of an IDX file`


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a source read; what was not asked for, or is not there, is None."""

    images: NDArray[np.uint8] | None = None  # to train on: (n, height, width, channels), grey (1) or colour (3)
    labels: NDArray[np.uint8] | None = None  # (n,), counted from 0
    test_images: NDArray[np.uint8] | None = None
    test_labels: NDArray[np.uint8] | None = None
    class_names: tuple[str, ...] = ()  # by label, as they are; empty where the format has none: numbers then


class Source(Protocol):
    """One way in for images: a format of files, or a way to lay them out in a folder.

    Its module has one as `SOURCE`. It only reads: that parts belong together, that images are neither too small nor too
    large, digests and names are the same for all (`engine.data.datasets`, `engine.data.sources.checks`).
    """

    def sniff(self, path: Path) -> Sniffed:
        """Whether `path` is of this format, by a look that takes no time and never waits or raises."""

    def read(self, files: DataFiles) -> Parts:
        """What is in `files`: the part that each names, and from the first of them whatever else of the set is there.

        Memory is taken for what is there, never on the word of a header.

        Raises:
            DatasetError: in a sentence with the path, what was found, what was expected and what to do; for the field
                of `files` that is to be mended.
        """
