"""A latent in numbers, as a page and the command show it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.text import NOTHING, counted, one_line, percent, plain

if TYPE_CHECKING:
    from engine.evaluation.probing import Probe


@dataclass(frozen=True, slots=True)
class NumbersView:
    """A latent in numbers, as a table and sentences beneath it."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # a space in each column but the first
    sentences: tuple[str, ...]


def numbers_view(found: "Probe") -> NumbersView:
    """What `probe` found."""

    def share(value: float | None) -> str:
        return NOTHING if value is None else percent(value, 1)

    def number(value: Any, digits: int) -> str:
        return NOTHING if value is None else f"{value:,.{digits}f}"

    spaces = found.spaces
    rows = [
        ("numbers an image", [f"{one.numbers:,}" for one in spaces]),
        ("accuracy, 5 nearest", [share(one.neighbours) for one in spaces]),
        ("accuracy, linear", [share(one.linear) for one in spaces]),
        ("silhouette", [number(one.silhouette, 3) for one in spaces]),
        ("effective dimensions", [number(one.participation, 1) for one in spaces]),
        ("dimensions for 95 %", [number(one.explaining, 0) for one in spaces]),
    ]
    sentences = [
        f"Measured on {counted(found.measured, f'{found.of} image')}, with classifiers that were fitted on "
        f"{counted(found.fitted, 'training image')}."
    ]
    sentences += [f"{one.space}: {one.note}." for one in spaces if one.note]
    if found.confused:
        names = [(plain(one_line(one)), plain(one_line(other)), many) for one, other, many in found.confused]
        pairs = [f"{one} and {other} ({many:,})" for one, other, many in names]
        sentences.append(f"Confused most often by the nearest: {', '.join(pairs)}.")
    heads = ("", *(one.space for one in spaces))
    return NumbersView(heads, tuple((name, *cells) for name, cells in rows), (*sentences, *found.remarks))
