"""The page that a check of a set comes to, for a colleague: counts, classes, findings and their pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.by_hand import ByHand
from engine.data.checking import Check, Finding
from engine.documents.document import Block, Facts, Figure, Heading, Paragraph, Table, as_html
from engine.documents.run_pictures import MOST_CLASSES, SHOWN
from engine.documents.style import images, svg
from engine.errors import StorageError
from engine.storage.files import absolute, refuse_taken, written_whole
from engine.text import NOTHING as NOTHING_THERE
from engine.text import class_name, counted, one_line, shortened

MOST_ROWS = 10
"""Rows of pictures of a finding."""


def write_check(check: Check, by_hand: ByHand, target: Path) -> Path:
    """Write the page to `target`, a new file, and give it back.

    Raises:
        StorageError: it is there already, or cannot be written.
    """
    from engine.documents.read_page import ReadPage

    path = absolute(target)
    refuse_taken(path)
    page = CheckPage(check, by_hand).as_html()
    if not ReadPage(page).whole:
        raise StorageError("The page of the check did not become whole: please report this.")
    with written_whole(path) as sibling:
        sibling.write_bytes(page.encode())
        refuse_taken(path)
    return path


class CheckPage:
    """A check as a page that needs nothing else."""

    def __init__(self, check: Check, by_hand: ByHand) -> None:
        self._check, self._data, self._by_hand = check, check.data, by_hand
        self._figures: dict[str, str] = {}

    def as_html(self) -> str:
        """The page."""
        title = f"Check of {one_line(self._data.name)}"
        return as_html([Heading(1, title), *self._summary(), *self._classes(), *self._found()], self._figures, title)

    def _summary(self) -> Iterator[Block]:
        data, found = self._data, self._check.findings
        words = ", ".join(f"{one.title.lower()} ({one.number:,})" for one in found)
        yield Paragraph(f"Look at: {words}." if found else "Nothing was found that is out of the ordinary.", lead=True)
        height, width, channels = data.shape
        test = 0 if data.test is None else len(data.test)
        sizes = ", ".join(f"{rows}×{columns} ({many:,})" for (rows, columns), many in
                          sorted(data.sizes.items(), key=lambda item: -item[1])[:6])  # fmt: skip
        rows = [
            ("Set", f"{one_line(data.name)}: {data.words or 'IDX files'}"),
            ("Images", f"{len(data.train) - data.validation:,} to train on, "
                       f"{f'{data.validation:,} of a validation part, ' if data.validation else ''}"
                       f"{test:,} to test by; {height}×{width}, {'grey' if channels == 1 else 'colour'}"),
            ("Sizes before they were made to fit", f"{sizes}{', …' if len(data.sizes) > 6 else ''}"),
            ("Left out", f"{len(data.left_out):,} that could not be used, {len(self._by_hand):,} by hand"),
            ("SHA-256 of all images", data.digest),
        ]  # fmt: skip
        yield Facts([(name, words) for name, words in rows if words])
        for note in data.notes:
            yield Paragraph(note)

    def _classes(self) -> Iterator[Block]:
        looks = self._check.classes
        yield Heading(2, "Classes" if looks and looks[0].label is not None else "Images")
        parts = ["training", *(["validation"] if self._data.validation else []), *(["test"] if self._data.test else [])]
        yield Table(
            ["class", *parts, "darkest", "brightest"],
            [
                [self._name(look.label), *(f"{getattr(look, part):,}" for part in parts), _value(look.darkest),
                 _value(look.brightest)]
                for look in looks
            ],
            words=frozenset({0}),
        )  # fmt: skip
        shown = sorted(looks, key=lambda look: -look.training)[:MOST_CLASSES]
        rows, labels = [], []
        for look in looks:
            if look in shown:
                some = self._some(look.label)
                rows.append(np.concatenate([look.mean[None], some]) if len(some) else look.mean[None])
                labels.append(self._name(look.label))
        which = "each class" if len(shown) == len(looks) else f"the {len(shown)} largest classes"
        words = f"The mean training image of {which}, then its first images."
        yield self._figure("classes", words, rows, labels)

    def _some(self, label: int | None) -> NDArray[np.uint8]:
        labels = self._data.train.labels
        places = (
            np.arange(len(self._data.train)) if label is None or labels is None else np.flatnonzero(labels == label)
        )
        return self._data.train.take(places[: SHOWN - 1])

    def _found(self) -> Iterator[Block]:
        for finding in self._check.findings:
            yield Heading(2, f"{finding.title}: {finding.number:,}")
            out = sum(self._is_out(place) for group in finding.groups for place in group)
            yield Paragraph(finding.sentence + (f" Left out by hand: {counted(out, 'picture')}." if out else ""))
            if finding.groups:
                yield self._pictures(finding)

    def _pictures(self, finding: Finding) -> Block:
        groups: Sequence[Sequence[int]] = finding.groups
        if all(len(group) == 1 for group in groups):  # they stand for themselves: as many in a row as fit
            single = [place for group in groups for place in group]
            groups = [single[start : start + SHOWN] for start in range(0, len(single), SHOWN)]
        rows = [group[:SHOWN] for group in groups[:MOST_ROWS]]
        pictures = [np.stack([self._check.picture(place) for place in row]) for row in rows]
        titles = [[self._title(place) for place in row] for row in rows]
        shown = sum(map(len, rows))
        total = sum(map(len, finding.groups))
        more = f" The first {shown:,} of {total:,}." if shown < total else ""
        out = " ✗ is left out." if any(self._is_out(place) for row in rows for place in row) else ""
        words = f"{finding.title}; above each its place, of the test images with a T, and its class.{out}{more}"
        return self._figure(finding.kind, words, pictures, [""] * len(rows), titles)

    def _title(self, place: int) -> str:
        part, at = self._check.part_of(place)
        label = self._check.label(place)
        number = f"{'T ' if part == 'test' else ''}{at}{' ✗' if self._is_out(place) else ''}"
        return number if label is None else f"{number}\n{shortened(self._name(label), 9)}"

    def _is_out(self, place: int) -> bool:
        part, at = self._check.part_of(place)
        return at in (self._by_hand.training if part == "training" else self._by_hand.test)

    def _name(self, label: int | None) -> str:
        return "all" if label is None else one_line(class_name(self._data.class_names, label))

    def _figure(
        self, name: str, caption: str, rows: Sequence[NDArray[np.uint8]], labels: Sequence[str],
        titles: Sequence[Sequence[str]] | None = None,
    ) -> Figure:  # fmt: skip
        self._figures[name] = svg(images(rows, labels, titles), f"check-{name}")
        return Figure(name, caption)


def _value(pixel: int | None) -> str:
    return NOTHING_THERE if pixel is None else str(pixel)
