"""Titles of specs as lists show them: what tells two runs apart stays where room is little; what is cut ends in `…`.

A title is parts joined by commas, as `engine.titles` writes it; the first says which network it is.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from engine.runs import RunStatus

CUT = "…"
"""What a text ends in of which something was left out."""
_LATENT = re.compile(r"z\d+")


def parts_of(title: str) -> list[str]:
    """The parts of a title, a dense latent second: version 0.1.0 wrote it last, where lists cut it off."""
    parts = title.split(", ")
    latent = next((part for part in parts[1:] if _LATENT.fullmatch(part)), None)
    if latent is not None:
        parts.remove(latent)
        parts.insert(1, latent)
    return parts


def shared_parts(titles: Iterable[str]) -> frozenset[str]:
    """What all `titles` say; where there is only one of them, nothing tells it apart, and nothing is shared."""
    found = [frozenset(parts_of(title)) for title in titles]
    return frozenset.intersection(*found) if len(found) > 1 else frozenset()


def shorten(title: str, width: int, shared: Collection[str] = ()) -> str:
    """`title` in at most `width` characters, ending in `…` where something is left out.

    What all titles share goes first, from the last part on, and the first part only where that is not enough: of
    `10 × 32, z16, 3×3, b128` beside titles that differ only in the latent, `10 × 32, z16…` is left, or `…z16`.
    """
    parts = parts_of(title)
    whole = text = ", ".join(parts)
    while len(text) + (text != whole) > width and len(parts) > 1:
        least = next((place for place in range(len(parts) - 1, 0, -1) if parts[place] in shared), len(parts) - 1)
        del parts[least]
        text = ", ".join(parts)
    if len(parts) == 1 and parts[0] in shared and (own := [part for part in parts_of(title) if part not in shared]):
        return cut(CUT + ", ".join(own), width)
    return text if text == whole and len(text) <= width else cut(text, width, always=True)


def spec_words(run: RunStatus, prefixes: Mapping[str, str]) -> str:
    """A run's title; a classifier's with the encoder it was built on in front."""
    if run.kind != "classifier" or not run.encoder:
        return run.title
    encoder = prefixes.get(run.encoder) or run.encoder.rsplit("/", 1)[-1][:16]
    return f"on {encoder}, {run.title}"


def shared_by_kind(runs: Sequence[RunStatus]) -> dict[str, frozenset[str]]:
    """What all titles of each kind of run among `runs` say."""
    kinds = {run.kind for run in runs}
    return {kind: shared_parts(run.title for run in runs if run.kind == kind) for kind in kinds}


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
