"""What is done to images when they are read: one size, one number of colours, some classes of them.

It decides what a model learns from, and new images that it is given are treated the same. Nothing here imports numpy or
pydantic.
"""

import csv
import io
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

PREPROCESSING = ("size", "fit", "colour", "background", "table_shape", "classes", "limit_per_class")
"""The fields of a spec that say it."""
FITS = ("pad", "crop", "stretch")
COLOURS = ("auto", "grey", "rgb")
BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255)}
LARGEST_SIDE = 256
SMALLEST_SIDE = 8
"""Pixels that the height and the width of an image may have."""
_SIZE = re.compile(r"(\d{1,4})(?:\s*[x×*]\s*(\d{1,4}))?", re.IGNORECASE | re.ASCII)
_COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE | re.ASCII)


class Preprocessing(NamedTuple):
    """As a spec has it."""

    size: str = ""  # `32x48`, height and width; empty: as they are
    fit: str = "pad"
    colour: str = "auto"
    background: str = "black"  # or white, or `#rrggbb`
    table_shape: str = ""  # height and width of the images in a table, where they are not square
    classes: str = ""  # names, separated by commas; empty: all
    limit_per_class: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Preprocessing":
        """What `values` say by field, as JSON has them or as they were typed; what is missing or wrong is as usual."""
        usual = cls()
        texts = {name: str(text).strip() for name in PREPROCESSING if (text := values.get(name)) not in (None, "")}
        limit = texts.pop("limit_per_class", "")
        for name in ("size", "table_shape"):
            with suppress(ValueError):  # `32` and `32x32` are one size
                texts[name] = "x".join(map(str, sides(texts.get(name, ""))))
        return usual._replace(limit_per_class=int(limit) if limit.isdecimal() else None, **texts)

    @property
    def text(self) -> dict[str, str]:
        """Every field as a form has it."""
        return {name: "" if value is None else str(value) for name, value in self._asdict().items()}

    @property
    def problems(self) -> dict[str, str]:
        """What cannot be, by field: a form may hold anything."""
        found = {}
        for name, read in (("size", sides), ("table_shape", sides), ("background", colour_of)):
            try:
                if getattr(self, name) or name == "background":
                    read(getattr(self, name))
            except ValueError as error:
                found[name] = str(error)
        for name, known in (("fit", FITS), ("colour", COLOURS)):
            if getattr(self, name) not in known:
                found[name] = f"“{getattr(self, name)[:40]}” is not known: choose {', '.join(known)}."
        if self.limit_per_class is not None and self.limit_per_class < 1:
            found["limit_per_class"] = "At least 1 image of each class is needed."
        return found

    @property
    def height_and_width(self) -> tuple[int, int] | None:
        """Of every image; None where they stay as they are."""
        return sides(self.size) if self.size else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that are taken; none where all are."""
        return names_in(self.classes)


def sides(text: str) -> tuple[int, int]:
    """Height and width of `32` or `32x48`.

    Raises:
        ValueError: it is neither, or they are too small or too large.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"“{text[:40]}” is no size: write 32, or height and width as 32x48.")
    height, width = int(found[1]), int(found[2] or found[1])
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (height, width)):
        raise ValueError(f"{height}x{width} is out of bounds: height and width from {SMALLEST_SIDE} to {LARGEST_SIDE}.")
    return height, width


def colour_of(text: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of `black`, `white` or `#rrggbb`.

    Raises:
        ValueError: it is none of these.
    """
    known = BACKGROUNDS.get(text.strip().lower())
    if known is not None:
        return known
    if not _COLOUR.fullmatch(text.strip()):
        raise ValueError(f"“{text[:40]}” is no colour: write black, white, or one as #ff8000.")
    digits = text.strip()[1:]
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def names_in(text: str) -> tuple[str, ...]:
    """The names that are separated by commas in `text`, each once; one with a comma in it stands in quotes."""
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    return tuple(dict.fromkeys(name.strip() for row in rows for name in row if name.strip()))


def as_names(names: tuple[str, ...]) -> str:
    """The text that `names_in` reads so."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue() if names else ""
