"""What a person decided of the labels of a set, as a value: labels that are changed, and images that are left out.

As `ByHand` it names images by their places in the whole set. It is read from a file of labels (`label_file`) when a set
is loaded; what a run began with stands in its `spec.json`, so that it goes on when that file is gone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.text import class_name, one_line

OUT = -1
"""In place of a label: the image is left out."""
TOLD = 5
"""Kinds of changes that are told one by one."""

Changes = tuple[tuple[int, int], ...]
"""Places in the whole set, ascending, each once; and the label that the image has from now on, or `OUT`."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Of the training images, those to validate by among them, and of the test images."""

    training: Changes = ()
    test: Changes = ()
    file: str = ""  # the name of the file that says so

    @classmethod
    def of(cls, training: Mapping[int, int], test: Mapping[int, int], file: str = "") -> "Corrections":
        """Those, by place."""
        return cls(tuple(sorted(training.items())), tuple(sorted(test.items())), file)

    @classmethod
    def written(cls, value: Any) -> "Corrections":
        """As JSON has them.

        Raises:
            ValueError: it is something else.
        """
        if not isinstance(value, dict) or not isinstance(value.get("file", ""), str):
            raise ValueError("they are no corrections")
        parts = []
        for name in ("training", "test"):
            pairs = value.get(name, [])
            if not isinstance(pairs, list) or not all(_is_change(pair) for pair in pairs):
                raise ValueError(f"{name} is no list of places and labels")
            parts.append(dict(pairs))
        return cls.of(parts[0], parts[1], value.get("file", ""))

    def as_json(self) -> dict[str, Any]:
        """For `written`; nothing where there are none."""
        if not self:
            return {}
        return {"training": [*map(list, self.training)], "test": [*map(list, self.test)], "file": self.file}

    def without(self, training: Iterable[int], test: Iterable[int]) -> "Corrections":
        """The same but for images at these places: they are not there."""
        gone, gone_tests = set(training), set(test)
        return Corrections(
            tuple(change for change in self.training if change[0] not in gone),
            tuple(change for change in self.test if change[0] not in gone_tests),
            self.file,
        )

    @property
    def left_out(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The places of the training and of the test images that are left out."""
        training, test = (tuple(place for place, label in part if label == OUT) for part in (self.training, self.test))
        return training, test

    @property
    def relabelled(self) -> tuple[Changes, Changes]:
        """The training and the test images that have another label."""
        training, test = (tuple(change for change in part if change[1] != OUT) for part in (self.training, self.test))
        return training, test

    def fits(self, training: int, test: int, classes: int) -> bool:
        """Whether a set of so many images and classes has these."""
        return all(
            place < many and label < classes
            for part, many in ((self.training, training), (self.test, test))
            for place, label in part
        )

    @property
    def sentence(self) -> str:
        """How many labels and images that are; empty where there are none."""
        if not self:
            return ""
        changed, out = (sum(map(len, pair)) for pair in (self.relabelled, self.left_out))
        of_test, out_of_test = len(self.relabelled[1]), len(self.left_out[1])
        parts = []
        if changed:
            told = f"{changed:,} label{' was' if changed == 1 else 's were'} changed"
            parts.append(told + _of_which(of_test, changed, "of a test image", "of test images"))
        if out:
            short = changed and not of_test and (out == 1) == (changed == 1)
            were = "" if short else " was" if out == 1 else " were"
            told = f"{out:,} image{'' if out == 1 else 's'}{were} left out"
            parts.append(told + _of_which(out_of_test, out, "a test image", "test images"))
        source = f" ({one_line(self.file)})" if self.file else ""
        return f"{(', and ' if of_test else ' and ').join(parts)}{source}."

    def told(self, names: Sequence[str], before: Iterable[Sequence[int] | NDArray[np.uint8]]) -> str:
        """Which labels became which, the most frequent first: `4 → 9 3×, 7 → 1 2×`; empty where none did.

        Args:
            names: of the classes.
            before: the labels of the whole set, of training and of test images.
        """
        pairs = Counter(
            (int(labels[place]), label)
            for part, labels in zip(self.relabelled, before, strict=True)
            for place, label in part
        )
        told = [
            f"{class_name(names, old)} → {class_name(names, new)} {many:,}×"
            for (old, new), many in pairs.most_common(TOLD)
        ]
        more = len(pairs) - TOLD
        return ", ".join([*told, *([f"{more:,} more kinds" if more > 1 else "another kind"] if more > 0 else [])])

    def __bool__(self) -> bool:
        return bool(self.training or self.test)

    def __len__(self) -> int:
        return len(self.training) + len(self.test)


def _of_which(tests: int, every: int, one: str, more: str) -> str:
    """How many of `every` one are of the test, to follow on them."""
    if not tests:
        return ""
    if tests == every:
        return f", {one}" if every == 1 else f", all {more}"
    return f", {tests:,} of them {one if tests == 1 else more}"


def _is_change(pair: Any) -> bool:
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    place, label = pair
    return type(place) is int and type(label) is int and place >= 0 and OUT <= label <= 255


AS_GIVEN = Corrections()
"""Every image has the label that it came with."""
