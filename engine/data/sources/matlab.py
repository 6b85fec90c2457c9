"""MATLAB's files as SVHN has them: images in `X`, labels in `y`, where 10 is the digit 0."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.reading import Reading
from engine.data.sources.arrays import as_labels, scaling_of
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown
from engine.text import excerpt

_MAGIC = b"MATLAB 5.0 MAT-file"
_MOST_PACKED = 1100
"""How many times smaller than its content a file can be: what zlib can do, and a little."""


class MatlabSource:
    """See `Source`."""

    endings: Sequence[str] = (".mat",)

    def sniff(self, path: Path) -> Sniffed:
        """By the first bytes."""
        try:
            if path.is_file():
                with path.open("rb") as file:
                    if file.read(len(_MAGIC)) == _MAGIC:
                        return Sniffed(1, "its first bytes are those of a MATLAB file")
        except (OSError, ValueError):
            pass
        return Sniffed(0, "its first bytes are not those of a MATLAB file")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:  # noqa: ARG002 - see `Source`
        """`X` and `y`, and those of the file of test images beside it, where it is named as SVHN's are."""
        images, labels = _read(path)
        known, names = as_labels(path, {"y": labels})
        test_images = test_labels = None
        for beside in self.beside(path):
            if beside.is_file():
                test_images, found = _read(beside)
                test_labels = as_labels(beside, {"y": found})[0]["y"]
        more = "" if test_images is None else ", test images beside it"
        return Parts(
            images=images, labels=known["y"], test_images=test_images, test_labels=test_labels, class_names=names,
            words=f"MATLAB file, images in X and labels in y{more}",
        )  # fmt: skip

    def beside(self, path: Path) -> Sequence[Path]:
        """The file of test images."""
        tests = path.with_name(re.sub("^(train|extra)", "test", path.name))
        return [tests] if tests != path else []


SOURCE = MatlabSource()


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    from scipy.io import loadmat, whosmat

    try:
        there = {name: shape for name, shape, _ in whosmat(path)}
        if not {"X", "y"} <= there.keys():
            raise DatasetError(
                f"{shown(path)} holds {excerpt(', '.join(there)) or 'nothing'}; X with images and y with labels, as "
                "SVHN has them, were expected: save them under these names.",
                "data",
            )
        shape = there["X"]
        if len(shape) != 4 or shape[2] not in (1, 3):
            raise DatasetError(
                f"X in {shown(path)} is {'×'.join(map(str, shape))}; height×width×colours×images was expected: "
                "arrange it so.",
                "data",
            )
        if int(np.prod(shape, dtype=object)) > _MOST_PACKED * path.stat().st_size:
            raise ValueError(f"X of {'×'.join(map(str, shape))} is more than such a file can hold")
        found = loadmat(path, variable_names=["X", "y"])
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(f"{shown(path)} does not fit into memory: name a smaller file.", "data") from None
    except Exception as error:  # scipy's reader has a dozen kinds for a damaged file
        raise DatasetError(
            f"{shown(path)} cannot be read ({excerpt(str(error))}): copy or download it again.", "data"
        ) from None
    pixels = np.moveaxis(found["X"], 3, 0)
    labels = np.asarray(found["y"]).ravel()
    if labels.dtype.kind in "uif" and labels.min(initial=1) >= 1 and labels.max(initial=0) == 10:
        labels = labels % 10
    return np.ascontiguousarray(scaling_of(path, [pixels])(pixels)), labels
