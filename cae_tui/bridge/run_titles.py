"""Titles of specs as lists show them: what tells a row from its neighbours stays where room is little.

A title is parts joined by commas, as `engine.specs.titles` writes it; the first says which network it is. That of a
study says how it looks, and then what it varies. What is cut ends in `…`, or begins with it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from engine.runs.status import RunStatus
from engine.storage.held import ID

CUT = "…"
"""What a text ends in of which something was left out."""
_LATENT = re.compile(r"z\d+")
_HOW = re.compile(r"(guided|grid|search) ")
NONE: Mapping[str, int] = MappingProxyType({})


def parts_of(title: str) -> list[str]:
    """The parts of a title, a dense latent second: version 0.1.0 wrote it last, where lists cut it off."""
    parts = _HOW.sub("", title).split(", ")  # of a study's title, the hyperparameters that vary
    latent = next((part for part in parts[1:] if _LATENT.fullmatch(part)), None)
    if latent is not None:
        parts.remove(latent)
        parts.insert(1, latent)
    return parts


def shared_parts(titles: Iterable[str]) -> Counter[str]:
    """How many of `titles` say each part."""
    return Counter(part for title in titles for part in set(parts_of(title)))


def shorten(title: str, width: int, shared: Mapping[str, int] = NONE) -> str:
    """`title` in at most `width` characters, with a `…` where something is left out.

    What most titles say goes first, of equals the last, and the first part only where that is not enough: of
    `10 × 32, z16, 3×3, b128` beside titles that differ only in the latent, `10 × 32, z16…` is left, or `…z16`.

    Args:
        shared: how many titles of the list say each part.
    """
    every = parts_of(title)
    parts = list(every)
    whole = text = ", ".join(parts)
    while len(text) + (text != whole) > width and len(parts) > 1:
        del parts[_most_said(parts, shared, 1)]
        text = ", ".join(parts)
    said = shared.get(parts[0], 0)
    if len(parts) == 1 and said:
        own = [part for part in every if 2 * shared.get(part, 0) <= said]
        while len(own) > 1 and len(CUT + ", ".join(own)) > width:
            del own[_most_said(own, shared, 0)]
        if own:
            return cut(CUT + ", ".join(own), width)
    return text if text == whole and len(text) <= width else cut(text, width, always=True)


def shorten_study(title: str, width: int, shared: Mapping[str, int] = NONE) -> str:
    """The title of a study in at most `width` characters: how it looks goes first, then as `shorten` has it.

    Where it names the values of one hyperparameter, the commas are between those, and it is only cut.
    """
    how = _HOW.match(title)
    if how is None or len(title) <= width:
        return cut(title, width)
    return CUT + shorten(title[how.end() :], width - 1, shared).removeprefix(CUT)


def _most_said(parts: Sequence[str], shared: Mapping[str, int], first: int) -> int:
    """The place, from `first` on, of the part that most titles say; of equals the last."""
    return max(range(first, len(parts)), key=lambda place: (shared.get(parts[place], 0), place))


def spec_words(run: RunStatus, prefixes: Mapping[str, str]) -> str:
    """A run's title; with the encoder it was built on in front, where it was built on one."""
    if not run.encoder:
        return run.title
    encoder = prefixes.get(run.encoder) or run.encoder.rsplit("/", 1)[-1]
    encoder = encoder[:4] if ID.fullmatch(encoder) else encoder[:16]  # of a run that is gone
    return f"on {encoder}, {run.title}"


def shared_by_kind(runs: Sequence[RunStatus], prefixes: Mapping[str, str] | None = None) -> dict[str, Counter[str]]:
    """How many titles of each kind of run among `runs` say each part; with `prefixes` as `spec_words` has them."""
    kinds = {run.kind for run in runs}
    return {kind: shared_parts(spec_words(run, prefixes or {}) for run in runs if run.kind == kind) for kind in kinds}


def common_data(runs: Iterable[RunStatus]) -> str:
    """What the images of all `runs` are called; nothing where they were trained on several sets, or none is named."""
    found = {(run.data, run.data_digest) for run in runs}
    return found.pop()[0] if len(found) == 1 else ""


def natural(text: str) -> tuple[tuple[str, int], ...]:
    """What sorts `text` as people do: `4 × 8` before `10 × 8`."""
    parts = re.split(r"(\d{1,15})", text.casefold())
    return tuple((word, int(number or 0)) for word, number in zip(parts[::2], [*parts[1::2], ""], strict=True))


def cut(text: str, width: int, *, always: bool = False) -> str:
    """`text` in at most `width` characters, ending in `…` where it is longer, and not in half a word or number.

    Args:
        always: end in `…` all the same: something was left out before.
    """
    if len(text) + always <= width:
        return text + CUT * always
    kept = text[: max(width - 1, 0)]
    whole = kept
    while whole and whole[-1].isalnum() and text[len(whole)].isalnum():
        whole = whole[:-1]
    whole = whole.rstrip(" ,-")
    return (whole if 2 * len(whole) >= len(kept) else kept) + CUT  # of `my-plankton` more than `my…`
