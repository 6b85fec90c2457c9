"""What a look at an image set and its split finds, as sentences for people.

A loss is praised or a class averaged away where nobody looked at the data. So the images and labels are looked at once,
when they are read, and what is found is told wherever they are: with the data, before a run, and in its report. A
sentence says what was found, what it means and what to do. Nothing is refused here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageData, ImageSet
from engine.data.leaving_out import elsewhere
from engine.specs.base import Spec
from engine.specs.listed import listed
from engine.text import class_words, names_of

DARK = 128
"""Where no pixel is as bright as this, half of the range or more is not used."""
NARROW = 64
"""Where pixels differ by less than this, images have little contrast."""
APART = 64
"""Mean brightnesses that differ by more than this are not of the same kind of image."""
FEW = 10
"""Fewer images than this say nothing of the mean brightness of a set."""
FEW_OF_CLASS = 10
"""A class with fewer training images is hardly learned; of small sets, with fewer than its square, that is said only
where others have many more."""
FEWER = 10
"""So many times as many, then."""
LARGEST_CLASS = 0.9
"""A class with this part of the images makes the accuracy of one answer look good."""

PIXELS, COPIES, CLASSES, UNSEEN, SPLIT = "pixels", "copies", "classes", "unseen classes", "split"
BY_HAND, LEFT_OUT = "by hand", "left out"


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence on an image set or its split."""

    about: str  # PIXELS, COPIES, CLASSES (which matter to a classifier alone), UNSEEN, SPLIT, BY_HAND or LEFT_OUT
    sentence: str


_FOUND: WeakKeyDictionary[ImageData, tuple[Remark, ...]] = WeakKeyDictionary()
"""What was found in sets that are still in memory."""


def of_data(data: ImageData) -> tuple[Remark, ...]:
    """What a look at all images and labels finds: of 70,000 digits it takes half a second, once."""
    if data not in _FOUND:
        _FOUND[data] = _look(data)
    return _FOUND[data]


def _look(data: ImageData) -> tuple[Remark, ...]:
    train = _hashes(data.train)
    test = [] if data.test is None else _hashes(data.test)
    found = [*_pixels(data, copies=set(test) <= set(train)), *_copies(train, test, data.validation)]
    if data.train.labels is not None:
        found += _classes(data, data.train.labels)
    return (*found, *_left_out(data))


def _left_out(data: ImageData) -> list[Remark]:
    """How many images of the set are not among these."""
    found = []
    if number := len(data.by_hand):
        parts = {"training": len(data.by_hand.training), "test": len(data.by_hand.test)}
        which = " and ".join(f"{count:,} {part}" for part, count in parts.items() if count)
        images = "image" if number == 1 else "images"
        found.append(Remark(BY_HAND, f"{which} {images} {'was' if number == 1 else 'were'} left out by hand."))
    if told := data.corrections.sentence:
        found.append(Remark(BY_HAND, told))
    if others := len(data.left_out) - len(data.by_hand) - sum(map(len, data.corrections.left_out)):
        words = "file was left out, for it" if others == 1 else "files were left out, for they"
        found.append(Remark(LEFT_OUT, f"{others:,} {words} could not be used."))
    if forgotten := elsewhere(data):
        were = "image was" if forgotten == 1 else "images were"
        found.append(
            Remark(
                BY_HAND,
                f"{forgotten:,} {were} left out by hand when this place held other images, or they were treated "
                "otherwise: of these none is left out. Check them again (k on the page Data, `cae-tui data check`).",
            )
        )
    return found


def on_pixels(data: ImageData) -> bool:
    """Whether the pixels are among what is remarked on."""
    return any(remark.about == PIXELS for remark in of_data(data))


def of_split(
    data: ImageData, training: NDArray[np.int64], validation: NDArray[np.int64], learned: Sequence[str] = ()
) -> tuple[Remark, ...]:
    """Which classes a split leaves without images to learn from, or to choose by; of `learned` alone, if any are."""
    labels = data.train.labels
    if labels is None:
        return ()
    every = {label for label in _occurring(labels) if not learned or data.class_names[label] in learned}
    found = []
    for indices, part, why in (
        (training, "training", "they cannot be learned"),
        (validation, "validation", "the best epoch is chosen without them"),
    ):
        if missing := sorted(every - _occurring(labels[indices])):
            words, have = names_of(missing, data.class_names)
            without = why if len(missing) > 1 else why.replace("they", "it").replace("them", "it")
            sentence = f"{words} {have} no {part} image with this split: {without}."
            found.append(Remark(SPLIT, f"{sentence} {_advice(data, missing, part)}"))
    return tuple(found)


def _advice(data: ImageData, missing: Sequence[int], part: str) -> str:
    """What to do about classes without an image in a part of the split."""
    if data.validation:
        return f"Add such images to the {part} part."
    assert data.train.labels is not None
    if np.bincount(data.train.labels, minlength=data.classes)[missing].max() < 2:  # one is learned from, or chosen by
        return "Add images of it." if len(missing) == 1 else "Add images of them."
    return f"Hold back {'a smaller' if part == 'training' else 'a larger'} part."


def for_run(data: ImageData, training: NDArray[np.int64], validation: NDArray[np.int64], spec: Spec) -> tuple[str, ...]:
    """The sentences that concern a run of `spec` on such a split."""
    passed_over = () if spec.needs_labels else (CLASSES,)
    if listed(spec.kind).tells_odd:  # test images of classes that it has not seen are what it looks for
        passed_over = (*passed_over, UNSEEN)
    remarks = (*of_data(data), *of_split(data, training, validation, spec.learned_classes))
    return tuple(one.sentence for one in remarks if one.about not in passed_over)


# -- pixels ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Range:
    """The pixels of a set."""

    darkest: int
    brightest: int
    mean: float
    blank: int  # images whose pixels are all the same
    faint: int  # images that are not blank, and whose brightest pixel is 1


def _range_of(images: NDArray[np.uint8]) -> _Range:
    rows = images.reshape(len(images), -1)
    low, high = rows.min(axis=1), rows.max(axis=1)
    return _Range(
        darkest=int(low.min()),
        brightest=int(high.max()),
        mean=float(rows.sum(axis=1, dtype=np.uint64).sum() / rows.size),
        blank=int((low == high).sum()),
        faint=int(((high == 1) & (low == 0)).sum()),
    )


def _pixels(data: ImageData, *, copies: bool) -> list[Remark]:
    """On the pixels; test images that are copies of training images are not held against those."""
    train = _range_of(data.train.images)
    found = [_of_range(train, data.train.images)]
    if data.test is not None and not copies:
        found.append(_of_two(train, _range_of(data.test.images), len(data.test)))
    return [Remark(PIXELS, sentence) for sentence in found if sentence]


def _of_range(found: _Range, images: NDArray[np.uint8]) -> str:
    """On the pixels of the training images; nothing where they are as usual."""
    many = len(images)
    if found.darkest == found.brightest:
        return f"Every pixel of the training images is {found.brightest}: there is nothing to learn. Check the file."
    if found.brightest == 1:
        return (
            "The brightest pixel is 1 of 255: were the images divided by 255 before they were saved? Save them with "
            "pixels of 0 to 255: the error of images this dark is small whatever a model learns."
        )
    if found.brightest < DARK:
        return (
            f"The brightest pixel is {found.brightest} of 255: do the pixels count from 0 to {found.brightest}? Scale "
            "them to 0 to 255: the error of dark images is small whatever a model learns."
        )
    if found.brightest - found.darkest < NARROW:
        return (
            f"All pixels are between {found.darkest} and {found.brightest} of 255: the images have little contrast. "
            "Scale them to 0 to 255, or a small error will say little."
        )
    if found.faint:
        have = "has" if found.faint == 1 else "have"
        return (
            f"{found.faint:,} of the {many:,} training images {have} no pixel above 1 of 255, and others reach "
            f"{found.brightest}: were some divided by 255 before they were saved? Scale all of them alike."
        )
    if _has_only_0_1_255(images):
        return (
            "The only pixel values are 0, 1 and 255: were the images scaled to −1 to 1 before they were saved? Save "
            "them with pixels of 0 to 255."
        )
    if found.blank * 100 >= many:
        return (
            f"{found.blank:,} of the {many:,} training images {'is' if found.blank == 1 else 'are'} blank: all "
            "pixels of such an image are the same. Check the file."
        )
    return ""


def _has_only_0_1_255(images: NDArray[np.uint8]) -> bool:
    """What −1 to 1 becomes as bytes; pure black and white has no 1."""
    one = False
    for start in range(0, len(images), 1000):
        part = images[start : start + 1000]
        if ((part > 1) & (part < 255)).any():
            return False
        one = one or bool((part == 1).any())
    return one


def _of_two(train: _Range, test: _Range, many: int) -> str:
    """On the test images beside the training images."""
    if (train.brightest < DARK) != (test.brightest < DARK):
        which = "training" if train.brightest < test.brightest else "test"
        return (
            f"The brightest pixel of the training images is {train.brightest} of 255, that of the test images "
            f"{test.brightest}: were only the {which} images scaled down? Scale both alike."
        )
    if abs(train.mean - test.mean) <= APART or many < FEW:
        return ""
    inverted = abs(train.mean + test.mean - 255) < abs(train.mean - test.mean) / 3
    ask = "is one of the two inverted" if inverted else "do both come from the same source, scaled alike"
    return (
        f"The mean pixel of the training images is {train.mean:.0f} of 255, that of the test images {test.mean:.0f}: "
        f"{ask}?"
    )


# -- copies ---------------------------------------------------------------------------------------


def _copies(train: list[bytes], test: list[bytes], validation: int) -> list[Remark]:
    """Images that are there more than once, pixel by pixel, by their hashes; the last of `train` validate."""
    many, different = len(train), len(set(train))
    found = []
    if different == 1:
        found.append(f"All {many:,} training images are the same image. Check the file.")
    elif 2 * different < many:
        found.append(
            f"The {many:,} training images are copies of {different:,}: validation images are seen in training too, "
            "so the validation figures say little of new images."
        )
    elif validation:
        found.append(_validation_copies(train[:-validation], train[-validation:]))
    if test:
        found.append(_test_copies(train, test))
    return [Remark(COPIES, sentence) for sentence in found if sentence]


def _validation_copies(train: list[bytes], validation: list[bytes]) -> str:
    known = set(train)
    copies = sum(image in known for image in validation)
    if not copies:
        return ""
    which = (
        f"All {copies:,} images of the validation part are training images too"
        if copies == len(validation)
        else f"{copies:,} of the {len(validation):,} images of the validation part {'is a' if copies == 1 else 'are'} "
        f"training {'image' if copies == 1 else 'images'} too"
    )
    return f"{which}: the validation figures will be better than for new images. Remove them from one of the two."


def _test_copies(train: list[bytes], test: list[bytes]) -> str:
    if sorted(test) == sorted(train):
        return (
            "The test set is the training set: its figures will say how well images are remembered, not how well new "
            "ones are understood. Name other test images."
        )
    known = set(train)
    copies = sum(image in known for image in test)
    if not copies:
        return ""
    if copies == len(test):
        return (
            f"All {copies:,} test images are training images too: the test figures will not say how well new images "
            "are understood. Name other test images."
        )
    return (
        f"{copies:,} of the {len(test):,} test images {'is' if copies == 1 else 'are'} among the training images too: "
        "the test figures will be better than for new images. Remove them from one of the two."
    )


def _hashes(images: ImageSet) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images.images]


# -- classes --------------------------------------------------------------------------------------


def _occurring(labels: NDArray[np.uint8]) -> set[int]:
    return set(np.unique(labels).tolist())


def _classes(data: ImageData, labels: NDArray[np.uint8]) -> list[Remark]:
    counts = np.bincount(labels, minlength=data.classes)
    trained = _occurring(labels)
    said = partial(class_words, data.class_names)
    tested = None if data.test is None or data.test.labels is None else _occurring(data.test.labels)
    found = []
    if len(trained) == 1:
        found.append(
            Remark(CLASSES, f"All training labels are {said(min(trained))}: a classifier needs two or more classes.")
        )
    elif (share := counts.max() / len(labels)) >= LARGEST_CLASS:
        largest = said(int(counts.argmax()))
        found.append(
            Remark(
                CLASSES,
                f"{100 * share:.1f} % of the training images are of class {largest}: a model that always answers "
                f"{largest} is right that often. Judge it by the recall of each class.",
            )
        )
    enough = FEW_OF_CLASS * FEW_OF_CLASS
    few = [
        label
        for label in sorted(trained)
        if counts[label] < FEW_OF_CLASS and (len(labels) >= enough or FEWER * counts[label] <= counts.max())
    ]
    if few and not found:
        words, have = names_of(few, data.class_names)
        least = int(counts[few].min())
        number = (
            f"{least:,} training {'image' if least == 1 else 'images'}"
            if len(few) == 1
            else (f"fewer than {FEW_OF_CLASS} training images each")
        )
        found.append(
            Remark(
                CLASSES,
                f"{words} {have} {number}: too few to tell {'it' if len(few) == 1 else 'them'} by. Add some, leave "
                f"{'it' if len(few) == 1 else 'them'} out, or have every class count alike (--class-weights).",
            )
        )
    if nowhere := sorted(set(range(data.classes)) - trained - (tested or set())):
        words, have = names_of(nowhere, data.class_names)
        counted = "it is" if len(nowhere) == 1 else "they are"
        found.append(Remark(CLASSES, f"{words} {have} no image: {counted} left out of every average."))
    if tested is not None and data.test is not None and data.test.labels is not None:
        if unseen := sorted(tested - trained):
            words, have = names_of(unseen, data.class_names)
            images = int(np.isin(data.test.labels, unseen).sum())
            them = "it" if len(unseen) == 1 else "them"
            found.append(
                Remark(
                    UNSEEN,
                    f"{words} {have} {images:,} test {'image' if images == 1 else 'images'} and no training image: a "
                    f"model cannot learn {them}. Add training images, or leave {them} out of the test set.",
                )
            )
        if untested := sorted(trained - tested):
            words, have = names_of(untested, data.class_names)
            found.append(
                Remark(CLASSES, f"{words} {have} no test image: test figures and averages are of the other classes.")
            )
    return found
