"""Pictures made fit for a model, a piece of them after the other."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data import pictures
from engine.data.decoder import Wish
from engine.data.pictures import Content, Decoding, decode_all
from engine.data.reading import Reading
from engine.data.sources.encoded import wish_of
from engine.evaluation.model import Images, Model, Told
from engine.runs.model_facts import shows_light_on_dark
from engine.specs.preprocessing import LARGEST_SIDE

LARGER = 6
"""A picture that is to be centred is read at so many times the height and width of the model's images."""

Larger = Callable[[NDArray[np.int64]], Images]
"""Gives some of the images, by their rows, larger than the model takes them, with what lies around continued."""


def decoded(
    model: Model, names: Sequence[str], where: str, each: int, told: Told | None
) -> Iterator[tuple[Sequence[str], Decoding]]:
    """The pictures in files of these names at the model's size, `each` at a time, with the names of that piece.

    The processes that decode the next ones start while somebody works on these.
    """
    at = 0

    def tell(*_: int) -> None:
        if told is not None:
            told(at, len(names))

    def ready() -> Reading:
        reading = Reading(tell)
        pictures.get_ready(reading, min(each, len(names) - at))
        return reading

    ahead: Reading | None = ready()
    try:
        while at < len(names):
            part = names[at : at + each]
            reading, ahead = ahead or ready(), None
            with reading:
                found = _made_fit(model, part, reading, where)
            at += len(part)
            if at < len(names):
                ahead = ready()
            yield part, found
    finally:
        if ahead is not None:
            ahead.__exit__(None, None, None)


def _made_fit(model: Model, names: Sequence[str], reading: Reading, where: str) -> Decoding:
    """The pictures at the model's size.

    What is the other way round would be padded with the wrong one of dark and light, which would also hide that it is.
    So grey pictures are padded with their own edge first, and those that are the right way round are then read again.
    """
    wish = wish_of(model.preprocessing)
    learned = model.facts.light_on_dark
    height, width, channels = model.image
    if channels != 1 or learned is None:
        return _decode(names, wish, reading, where)
    found = _decode(names, wish._replace(edge=True), reading, where)
    odd = wish.fit == "pad" and any(tall * width != wide * height for tall, wide in found.sizes)
    blank = np.ptp(found.images.reshape(len(found.images), height * width), axis=1) == 0
    again = [] if not odd else [row for row, image in enumerate(found.images) if shows_light_on_dark(image) == learned]
    images = np.array(found.images)
    for rows, wished in (
        (np.array(again, np.int64), wish),
        # Ink of the colour that is put behind what is transparent: the other one shows it.
        (np.flatnonzero(blank), wish._replace(edge=True, background=_other(wish.background))),
    ):
        if len(rows):
            fixed = _decode([names[row] for row in found.kept[rows]], wished, reading, where)
            images[rows[fixed.kept]] = fixed.images
    return Decoding(images, found.kept, found.bad, found.sizes)


def _other(background: str) -> str:
    return "white" if background == "black" else "black"


def _decode(names: Sequence[str], wish: Wish, reading: Reading, where: str) -> Decoding:
    def contents() -> Iterator[tuple[int, Content]]:
        yield from enumerate(names)

    return decode_all(len(names), contents, names, wish, reading, where, most_bad=1.0)


def larger_of(model: Model, names: Sequence[str], where: str) -> Larger:
    """What reads pictures again, larger."""
    height, width, _ = model.image
    times = min(LARGER, max(LARGEST_SIDE // max(height, width), 1))
    wish = wish_of(model.preprocessing)._replace(size=(height * times, width * times), fit="pad", edge=True)

    def larger(rows: NDArray[np.int64]) -> Images:
        with Reading() as reading:
            found = _decode([names[row] for row in rows], wish, reading, where)
        images = np.zeros((len(rows), height * times, width * times, 1), np.uint8)
        images[found.kept] = found.images  # what has gone meanwhile is blank
        return images

    return larger
