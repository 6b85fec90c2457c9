"""Losses and times as every screen, list and report writes them.

One place for both packages, without imports that cost anything: the first screen uses it.
"""

import math
import re
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

NOTHING = "–"
"""What stands where there is no number."""
_FRACTION = re.compile(r"[+-]?(\d+\.\d+(e[+-]?\d+)?|\d+e[+-]?\d+)", re.ASCII | re.IGNORECASE)
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey, what turns the direction of writing, and what no encoding has."""


def plain(text: str) -> str:
    """Text of a file or a person as it can be shown anywhere: in lines, and nothing else that a terminal obeys."""
    if text.isascii() and text.isprintable():  # as most is
        return text
    return _OBEYED.sub("�", text.replace("\t", " "))


def one_line(text: str) -> str:
    """The same without breaks between lines: a name of a file or of a class."""
    return plain(text).replace("\n", " ")


def cell_len(text: str) -> int:
    """How many columns of a terminal `text`, a line, takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(character) in ("W", "F")
        else 1
        for character in text
    )  # fmt: skip


def byte_size(number: int) -> str:
    """Bytes as `512 bytes`, `30 kB`, `30.9 MB`, `562 MB`, `1.3 GB`."""
    if number < 1000:
        return counted(number, "byte")
    if number < 999_500:
        return f"{number / 1e3:.0f} kB"
    if number < 99_950_000:
        return f"{number / 1e6:.1f} MB"
    return f"{number / 1e6:.0f} MB" if number < 999_500_000 else f"{number / 1e9:,.1f} GB"


def shortened(text: str, room: int) -> str:
    """`text` in at most `room` columns, at least 1; what does not fit is left out of its middle: `auto…ile`."""
    if cell_len(text) <= room:
        return text
    head = tail = ""
    while cell_len(head + text[len(head)]) <= room // 2:
        head += text[len(head)]
    while cell_len(text[-len(tail) - 1] + tail) < room - cell_len(head):
        tail = text[-len(tail) - 1] + tail
    return f"{head}…{tail}"


def padded(text: str, room: int, *, right: bool = False) -> str:
    """`text` in exactly `room` columns, shortened or filled up with blanks."""
    text = shortened(text, room)
    blank = " " * (room - cell_len(text))
    return blank + text if right else text + blank


def moment(seconds: float, form: str) -> str:
    """A time since 1970 in UTC as `form` writes it, or `–` for one that no calendar has."""
    try:
        return time.strftime(form, time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return NOTHING


def loss(value: float | None) -> str:
    """A loss in the report's manner: `0.0011`, below a thousandth `9.54e-04`, and `–` for none."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return str(value)
    fixed = value == 0 or 0.0009995 <= abs(value) < 1e5  # below, what would not round up to 1.00e-03
    return f"{value:.4f}" if fixed else f"{value:.2e}"


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 as `99.58 %`, but never as 100 % unless it is."""
    if share is None:
        return NOTHING
    text = f"{100 * share:.{digits}f}"
    if share < 1 <= float(text) / 100:
        text = f"{100 - 10**-digits:.{digits}f}"
    return f"{text} %"


WHOLE_RUNS = ("training", "autoencoder", "from scratch")
"""Stages that a run has no other beside: their epochs are the run's. The first is for kinds to come."""


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 epoch`, `1,568 numbers`, `2 classes`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def epoch_label(stage: str, epoch: int, of: int, digits: int = 0) -> str:
    """Where a run is, as `epoch 3/15`; with the stage where there may be several, each counts its own: `frozen 3/5`."""
    name = "epoch" if not stage or stage in WHOLE_RUNS else stage
    return f"{name} {epoch:>{max(digits, 1)}}" + (f"/{of}" if of else "")


def epoch_words(stage: str, epoch: int) -> str:
    """The same in a sentence: `epoch 3`, `fine-tuning epoch 3`."""
    return f"epoch {epoch}" if not stage or stage in WHOLE_RUNS else f"{stage} epoch {epoch}"


def number(text: str) -> str:
    """A value as it is shown: a fraction in four significant digits, `0.004322`, anything else as it is written.

    What is read again, a command or a form, has it whole: see `engine.specs.fields.write_value`.
    """
    if ".." in text:  # a range
        return "..".join(number(end) for end in text.split(".."))
    if not _FRACTION.fullmatch(text):
        return text
    value = float(text)
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def aligned(value: float, like: float) -> str:
    """A number of a column, with as many decimals as `like` has in four significant digits; at most six."""
    places = 3 - math.floor(math.log10(abs(like))) if like and math.isfinite(like) else 3
    return f"{value:.{min(max(places, 0), 6)}f}"


def numbers(texts: Sequence[str]) -> list[str]:
    """Values that stand side by side, as `number` shows them; whole, where they would not be told apart."""
    short = [number(text) for text in texts]
    return short if len(set(short)) == len(set(texts)) else list(texts)


def duration(seconds: float | None) -> str:
    """`0:07`, `1:12`, `1:02:03`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds(value: float | None) -> str:
    """A time that is compared with others, in three figures: `0.42`, `6.2`, `48`, `312`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


LONGEST_CLASS = 24
"""Columns of a class's name in a sentence."""


def class_name(names: Sequence[str], label: int) -> str:
    """What a class is called: its number where it has no name, as in runs of earlier versions."""
    return names[label] if label < len(names) else str(label)


def class_title(name: str) -> str:
    """The same where nothing beside it says that it is a class: `Class 3`, or `cat`."""
    return f"Class {name}" if name.isdecimal() else name


def class_of_title(title: str) -> str:
    """The name that `class_title` was given."""
    number = title.removeprefix("Class ")
    return number if number.isdecimal() else title


def class_words(names: Sequence[str], label: int) -> str:
    """The name of a class in a sentence."""
    return shortened(class_name(names, label), LONGEST_CLASS)


def names_of(classes: Sequence[int], names: Sequence[str] = ()) -> tuple[str, str]:
    """`Class 3`, `Classes 1 and 2` or `Classes 0, 3, 5 … (12 in all)`, and the verb for it, has or have.

    Args:
        names: of all classes, by number; none where they are called by their numbers.
    """
    told = [class_words(names, label) for label in classes]
    if len(told) == 1:
        return f"Class {told[0]}", "has"
    if len(told) > 6:
        return f"Classes {', '.join(told[:3])} … ({len(told)} in all)", "have"
    return f"Classes {', '.join(told[:-1])} and {told[-1]}", "have"


def either(names: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def excerpt(value: object, most: int = 40) -> str:
    """A value as it can be shown inside a sentence: at most so many characters, none of them control."""
    text = str(value)
    clean = "".join(character if character.isprintable() else "�" for character in text[:most])
    return clean + "…" if len(text) > most else clean


def fitting(sizes: Mapping[str, int], give_way: Iterable[str], room: int) -> dict[str, int]:
    """The columns of a table, their cells by name, without the first of `give_way` for which there is no room."""
    left = dict(sizes)
    for name in give_way:
        if sum(left.values()) <= room:
            break
        left.pop(name, None)
    return left
