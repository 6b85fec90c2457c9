"""A look at every picture of a set before training: copies, leaks, pictures that show nothing, and classes mixed up.

Nothing is changed here, and nothing is refused: each finding is a number, a sentence, and the pictures themselves.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.alike import alike_groups, smaller, vectors_of
from engine.data.class_looks import ClassLook, class_looks, mixed_up
from engine.data.datasets import ImageData, ImageSet
from engine.text import class_words, counted, names_of

Told = Callable[[int, int], None]

DARK, BRIGHT = 0.2, 0.2
"""An image is very dark where 99 % of its pixels stay below this part of what those of the middle image reach; very
bright where all but 5 % are as near to white as this part of what is usual."""
BLURRED = 0.33
"""The part of the usual sharpness of its class below which an image is blurred."""
FEW = 10
"""A class with fewer training images is hardly learned."""
RARE = 0.1
"""A class with less than this part of an even share is rare."""
ODD = 0.35
"""The ratio of a picture's sides below which it is odd."""
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should look at."""

    kind: str  # a word: `leak`
    title: str
    sentence: str
    number: int  # what the title counts
    groups: tuple[tuple[int, ...], ...] = ()  # pictures that belong together, by their places among all
    spare: tuple[int, ...] = ()  # those of them that may be left out


_CROWDED = Finding(
    "crowded", "Nearly all alike",
    "So many pictures are like many others that only those that are all but the same were taken for copies: others "
    "among them were not looked for.",
    0,
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Check:
    """What was found in a set: its pictures are numbered through, the training images first, then the test images."""

    data: ImageData
    findings: tuple[Finding, ...]
    classes: tuple[ClassLook, ...]

    def part_of(self, place: int) -> tuple[str, int]:
        """`training` or `test`, and the place there."""
        first = len(self.data.train)
        return ("training", place) if place < first else ("test", place - first)

    def label(self, place: int) -> int | None:
        """The class of a picture; None where it has none."""
        images, at = _at(self.data, place)
        return None if images.labels is None else int(images.labels[at])

    def picture(self, place: int) -> NDArray[np.uint8]:
        """One of its pictures, shape (height, width, channels)."""
        images, at = _at(self.data, place)
        found: NDArray[np.uint8] = images.images[at]
        return found


def check(data: ImageData, told: Told | None = None) -> Check:
    """Look at every picture of a set, without those that were left out of it.

    Args:
        told: called often with how far it is; what it raises ends it.
    """
    tell = told or _nothing
    many = len(data.train) + (0 if data.test is None else len(data.test))
    seen = _look(data, lambda done: tell(done, 2 * many))
    groups, crowded = _copies(seen, lambda done, of: tell(many + done * many // max(of, 1), 2 * many))
    findings = [
        *_of_copies(data, seen, groups),
        *([_CROWDED] if crowded else []),
        *mixed_up_findings(data),
        *_of_looks(data, seen),
        *_of_counts(data),
    ]
    tell(2 * many, 2 * many)
    return Check(data=data, findings=tuple(findings), classes=class_looks(data, seen.least, seen.most))


# -- every picture ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was measured of every picture, in arrays of shape (n,)."""

    hashes: list[bytes]
    vectors: NDArray[np.float32]
    least: NDArray[np.uint8]  # of its pixels
    most: NDArray[np.uint8]
    uniform: NDArray[np.bool_]
    high: NDArray[np.uint8]  # what 99 % of the pixels stay below
    low: NDArray[np.uint8]  # what 5 % of the pixels stay below
    sharpness: NDArray[np.float32]  # 0 where it is uniform


def _look(data: ImageData, told: Callable[[int], None]) -> _Seen:
    hashes: list[bytes] = []
    pieces: list[tuple[NDArray[Any], ...]] = []
    for images in _pieces(data):
        told(len(hashes))
        hashes += [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]
        flat = images.reshape(len(images), -1)
        places = [int(0.05 * (flat.shape[1] - 1)), int(0.99 * (flat.shape[1] - 1))]
        sorted_there = np.partition(flat, places, axis=1)
        grey = smaller(images)
        each = images.reshape(len(images), -1, images.shape[3])
        uniform = (each.min(1) == each.max(1)).all(1)  # of one colour, whichever
        pieces.append(
            (vectors_of(images), flat.min(1), flat.max(1), uniform, sorted_there[:, places[1]],
             sorted_there[:, places[0]], _sharpness(grey))
        )  # fmt: skip
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return _Seen(hashes, *columns)


def _sharpness(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much neighbouring pixels differ from their middle, of how much all pixels differ."""
    inner = grey[:, 1:-1, 1:-1]
    edges = 4 * inner - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    spread = grey.std((1, 2))
    found: NDArray[np.float32] = np.where(spread > 1e-3, edges.std((1, 2)) / np.maximum(spread, 1e-3), 0)
    return found.astype(np.float32)


def _copies(seen: _Seen, told: Told) -> tuple[list[list[int]], bool]:
    """Groups of pictures that are the same or nearly so, two or more each; and see `alike_groups`."""
    same: dict[bytes, list[int]] = defaultdict(list)
    for place, key in enumerate(seen.hashes):
        if not seen.uniform[place]:
            same[key].append(place)
    different = list(same.values())
    groups = dict(enumerate(different))
    found, crowded = alike_groups(seen.vectors[[members[0] for members in different]], told)
    for alike in found:
        first, *others = alike.tolist()
        for other in others:
            groups[first] = groups[first] + groups.pop(other)
    return sorted(sorted(members) for members in groups.values() if len(members) > 1), crowded


# -- copies ---------------------------------------------------------------------------------------


def _of_copies(data: ImageData, seen: _Seen, groups: Sequence[Sequence[int]]) -> Iterator[Finding]:
    training, whole = len(data.train) - data.validation, len(data.train)
    leaks = [group for group in groups if group[0] < whole <= group[-1]]
    if leaks:
        tests = [place for group in leaks for place in group if place >= whole]
        exact = sum(any(seen.hashes[place] == seen.hashes[other] for other in group if other < whole)
                    for group in leaks for place in group if place >= whole)  # fmt: skip
        how = "pixel by pixel" if exact == len(tests) else f"{exact:,} pixel by pixel, the others nearly"
        how = how if exact else "nearly pixel by pixel"
        yield Finding(
            "leak", "Training images in the test",
            f"{counted(len(tests), 'test image')} {_is(tests)} among the training images too, {how}: the test "
            "figures will be better than for new images.",
            len(tests), _tuples(leaks), tuple(tests),
        )  # fmt: skip
    held = [group for group in groups if data.validation and group[0] < training <= _last(group, whole)]
    if held:
        spare = [place for group in held for place in group if training <= place < whole]
        yield Finding(
            "held-back", "Validation images that are training images too",
            f"{counted(len(spare), 'image')} of the validation part {_is(spare)} among the training images too: the "
            "best epoch will be chosen by what is remembered.",
            len(spare), _tuples(held), tuple(spare),
        )  # fmt: skip
    two = [group for group in groups if len({_label(data, place) for place in group} - {None}) > 1]
    if two:
        yield Finding(
            "two-classes", "Pictures under two classes",
            f"{counted(len(two), 'picture')} {'stands' if len(two) == 1 else 'stand'} under more than one class: at "
            "most one of them is right, and a model is told both.",
            len(two), _tuples(two), tuple(place for group in two for place in group),
        )  # fmt: skip
    exact_groups: list[list[int]] = []
    near_groups: list[list[int]] = []
    for group in groups:
        for start, stop in ((0, whole), (whole, len(seen.hashes))):
            part = [place for place in group if start <= place < stop]
            if len(part) > 1:
                hashes = {seen.hashes[place] for place in part}
                (exact_groups if len(hashes) == 1 else near_groups).append(part)
    for kind, title, some, words in (
        ("copies", "Copies, pixel by pixel", exact_groups, "the same as another one of its part, pixel by pixel"),
        ("near-copies", "Nearly the same", near_groups, "nearly the same as another one of its part: saved anew, made "
         "larger or smaller, or a little brighter"),
    ):  # fmt: skip
        if some:
            spare = [place for group in some for place in group[1:]]
            yield Finding(
                kind, title,
                f"{counted(len(spare), 'picture')} {_is(spare)} {words}. Each counts again in training, and where one "
                "is held back and its copy is not, validation flatters.",
                len(spare), _tuples(some), tuple(spare),
            )  # fmt: skip


def _last(group: Sequence[int], whole: int) -> int:
    return max((place for place in group if place < whole), default=-1)


# -- classes that are mixed up -------------------------------------------------------------------------


def mixed_up_findings(data: ImageData) -> Iterator[Finding]:
    """Classes that were exchanged between the parts, and images that lie on their side."""
    found = mixed_up(data)
    if found.exchanged:
        named = [[class_words(data.class_names, label) for label in pair] for pair in found.exchanged]
        pairs = "; ".join(f"{one} like {other}" for one, other in named)
        yield Finding(
            "exchanged", "Classes exchanged between training and test",
            f"Test images of a class look like training images of another one: {pairs}. Were labels numbered in "
            "another order?",
            len(found.exchanged), tuple((place,) for place in found.places),
        )  # fmt: skip
    if found.test_on_side:
        yield Finding(
            "transposed", "Test images on their side",
            "With rows and columns exchanged the test images look like the training images, and as they are they do "
            "not: one of the two was stored transposed.",
            0 if data.test is None else len(data.test), tuple((place,) for place in found.places),
        )  # fmt: skip
    if found.digits_on_side:
        yield Finding(
            "transposed", "Digits on their side",
            "With rows and columns exchanged these look like MNIST's digits, and as they are they do not: as EMNIST's "
            "files do, they have them stored transposed.",
            len(data.train), tuple((place,) for place in found.places),
        )  # fmt: skip


# -- pictures that show little ---------------------------------------------------------------------------


def _of_looks(data: ImageData, seen: _Seen) -> Iterator[Finding]:
    shows = ~seen.uniform
    usual_high = float(np.median(seen.high[shows])) if shows.any() else 255.0
    usual_low = float(np.median(seen.low[shows])) if shows.any() else 0.0
    dark = shows & (seen.high < min(DARK * usual_high, DARK * 255))
    bright = shows & (seen.low > 255 - BRIGHT * (255 - usual_low)) & (seen.low > 255 * (1 - BRIGHT))
    blurred = shows & ~dark & ~bright & (seen.sharpness < BLURRED * _usual_sharpness(data, seen, shows))
    for kind, title, which, words in (
        ("constant", "One colour", seen.uniform, "of one colour all over: there is nothing to learn from {them}"),
        ("dark", "Very dark", dark, "far darker than the others"),
        ("bright", "Very bright", bright, "far brighter than the others"),
        ("blurred", "Blurred", blurred, "far less sharp than the others of {their} class"),
    ):
        places = np.flatnonzero(which).tolist()
        if places:
            one = len(places) == 1
            words = words.replace("{them}", "it" if one else "them").replace("{their}", "its" if one else "their")
            yield Finding(
                kind, title, f"{counted(len(places), 'picture')} {_is(places)} {words}.", len(places),
                tuple((place,) for place in places), tuple(places),
            )  # fmt: skip


def _usual_sharpness(data: ImageData, seen: _Seen, shows: NDArray[np.bool_]) -> NDArray[np.float32]:
    """For each picture the middle sharpness of its class."""
    found = np.full(len(seen.sharpness), np.median(seen.sharpness[shows]) if shows.any() else 0, np.float32)
    labels = [part.labels for part in (data.train, data.test) if part is not None]
    if all(part is not None for part in labels):
        every = np.concatenate([part for part in labels if part is not None])
        for label in np.unique(every):
            members = every == label
            if (members & shows).sum() >= FEW:
                found[members] = np.median(seen.sharpness[members & shows])
    return found


# -- counts ---------------------------------------------------------------------------------------


def _of_counts(data: ImageData) -> Iterator[Finding]:
    labels = data.train.labels
    if labels is not None:
        counts = np.bincount(labels[: len(labels) - data.validation], minlength=data.classes)
        every = [part.labels for part in (data.train, data.test) if part is not None and part.labels is not None]
        there = np.unique(np.concatenate(every)).tolist()
        even = counts.sum() / max(len(there), 1)
        few = [label for label in there if counts[label] < FEW]
        rare = [label for label in there if label not in few and counts[label] < RARE * even]
        for kind, title, some, words in (
            ("few", "Classes with too few images", few, f"fewer than {FEW} training images: too few to be learned"),
            ("rare", "Rare classes", rare, f"less than {100 * RARE:.0f} % of an even share of the training images"),
        ):
            if some:
                names, have = names_of(some, data.class_names)
                places = [np.flatnonzero(labels == label)[:FEW].tolist() for label in some]
                shown = _tuples([part for part in places if part])
                yield Finding(kind, title, f"{names} {have} {words}.", len(some), shown)
    if len(data.sizes) > 1:
        yield from _of_sizes(data)


def _of_sizes(data: ImageData) -> Iterator[Finding]:
    odd = sum(many for size, many in data.sizes.items() if _is_odd(size))
    sized = _sizes_of_files(data)
    first = {size: place for place, size in reversed(sized)}
    low, high = min(data.sizes, key=_area), max(data.sizes, key=_area)
    yield Finding(
        "sizes", "Sizes before they were made to fit",
        f"The pictures had {len(data.sizes):,} sizes, from {low[0]:,}×{low[1]:,} to {high[0]:,}×{high[1]:,}.",
        len(data.sizes), _tuples([[first[size]] for size in sorted(first, key=_area)]),
    )  # fmt: skip
    if odd:
        places = [place for place, size in sized if _is_odd(size)]
        yield Finding(
            "aspects", "Long and narrow pictures",
            f"{counted(odd, 'picture')} {'was' if odd == 1 else 'were'} more than {1 / ODD:.1f} times as long as wide "
            "before they were made to fit: most of such an image is padding, or was cut off.",
            odd, tuple((place,) for place in places), tuple(places),
        )  # fmt: skip


def _sizes_of_files(data: ImageData) -> list[tuple[int, tuple[int, int]]]:
    """Each picture of a folder with its height and width there; none of what is no folder."""
    from engine.data.file_names import file_names

    found = []
    training, tests = file_names(data)
    for first, names in ((0, training), (len(data.train), tests)):
        for at, name in enumerate(names):
            with suppress(OSError, ValueError), Image.open(os.path.join(str(data.files.data), name)) as picture:
                found.append((first + at, (picture.height, picture.width)))
    return found


def _is_odd(size: tuple[int, int]) -> bool:
    return min(size) < ODD * max(size)


# -- helpers --------------------------------------------------------------------------------------


def _pieces(data: ImageData) -> Iterator[NDArray[np.uint8]]:
    for part in (data.train, data.test):
        for start in range(0, 0 if part is None else len(part), _PIECE):
            assert part is not None
            yield part.images[start : start + _PIECE]


def _at(data: ImageData, place: int) -> tuple[ImageSet, int]:
    first = len(data.train)
    if place < first:
        return data.train, place
    assert data.test is not None
    return data.test, place - first


def _label(data: ImageData, place: int) -> int | None:
    images, at = _at(data, place)
    return None if images.labels is None else int(images.labels[at])


def _tuples(groups: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, groups))


def _is(places: Sequence[int]) -> str:
    return "is" if len(places) == 1 else "are"


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _nothing(_done: int, _of: int) -> None:
    pass
