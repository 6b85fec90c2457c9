"""Validation images and their reconstructions, as many pairs as fit, a page at a time.

Every pixel of fewer pairs rather than averages of more; where all pairs fit, as large as they do. A pair stands one
over the other or side by side, whichever leaves room for more of them. Of a run that gets noisy images a pair is of
three: noisy, rebuilt, clean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual import work
from textual.binding import Binding
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui.bridge.values import Picture, SampleStrip
from cae_tui.widgets.image_grid import LARGEST, beside, cells_of, fitting, half_blocks, scale_words
from engine.errors import EngineError

if TYPE_CHECKING:
    from cae_tui.bridge.runner import Runner
    from engine.protocol.events import SamplesSaved

GAP, PAIR_GAP = 1, 3
STACKED = "Validation images over their reconstructions"
SIDE_BY_SIDE = "Validation images, each left of its reconstruction"
STACKED_NOISY = "Validation images: noisy over rebuilt over clean"
SIDE_BY_SIDE_NOISY = "Validation images: noisy, rebuilt, clean"
TITLES = {2: (STACKED, SIDE_BY_SIDE), 3: (STACKED_NOISY, SIDE_BY_SIDE_NOISY)}
"""By the images of a pair: where they stand one over the other, and side by side."""
NEARLY = 0.75
"""The part of its columns that an image keeps which is nearly exact."""
LEAST = 3
"""Columns and rows below which nothing can be seen in an image."""

Size = tuple[int, int]


def turn_keys(page: str, *, next_keys: str, previous_keys: str) -> tuple[Binding, Binding]:
    """The keys of a page that show other pairs; it acts on `turn(pages)`."""
    return (
        Binding(next_keys, "turn(1)", "Next images", id=f"{page}.images-next", show=False,
                tooltip="The next validation images"),
        Binding(previous_keys, "turn(-1)", "Previous images", id=f"{page}.images-before", show=False,
                tooltip="The previous validation images"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How pairs are laid out: the cells of one image, and pairs across and down."""

    size: Size
    stacked: bool
    across: int
    down: int

    @property
    def count(self) -> int:
        """Pairs of a page."""
        return self.across * self.down


def arrangement(picture: Picture, width: int, height: int, pairs: int, each: int = 2) -> Arrangement | None:
    """How that many pairs of images like `picture` are drawn in so many cells; None where none can be seen.

    Args:
        each: images of a pair.
    """
    for scale in range(LARGEST, 1, -1):
        found = _most(cells_of(picture, scale), width, height, each)
        if found is not None and found.count >= pairs:
            return found
    size = cells_of(picture)
    if each > 2 and _most(size, width, height, each) is None:
        # Three need much room: nearly exact ones side by side show more of the noise than half as large ones do.
        nearly = fitting(picture, (width - (each - 1) * GAP) // each, height)
        if NEARLY * size[0] <= nearly[0] and (found := _most(nearly, width, height, each)):
            return found
    while min(size) >= LEAST or size == cells_of(picture):
        if found := _most(size, width, height, each):
            return found
        size = max(1, size[0] // 2), max(1, size[1] // 2)
        if max(size) == 1:
            break
    return None


def _most(size: Size, width: int, height: int, each: int) -> Arrangement | None:
    """The arrangement with the most pairs of images of that size."""
    columns, rows = size
    stacked = Arrangement(size, True, (width + GAP) // (columns + GAP), (height + GAP) // (each * rows + GAP))
    pair = each * (columns + GAP) - GAP
    side = Arrangement(size, False, (width + PAIR_GAP) // (pair + PAIR_GAP), (height + GAP) // (rows + GAP))
    best = max(stacked, side, key=lambda one: one.count)  # the first, where both have as many
    return best if best.count else None


def in_line(pairs: Sequence[tuple[Picture, ...]], size: Size) -> Text:
    """Pairs in one line, the images of each side by side."""
    lines = [Text() for _ in range(size[1])]
    for place, pair in enumerate(pairs):
        for side, picture in enumerate(pair):
            drawn = half_blocks(picture, width=size[0], height=size[1]).split("\n")
            for line, part in zip(lines, drawn, strict=True):
                line.append(" " * (GAP if side else PAIR_GAP if place else 0))
                line.append_text(part)
    return Text("\n", no_wrap=True, end="").join(lines)


def over(pairs: Sequence[tuple[Picture, ...]], size: Size, gap: str) -> Text:
    """Pairs in one line, the images of each one over the other, with `gap` in between."""
    rows = [beside(row, width=size[0], height=size[1], gap=GAP) for row in zip(*pairs, strict=True)]
    return Text(gap, no_wrap=True, end="").join(rows)


class SampleStripView(Widget):
    """The pairs of one epoch; `first` is the one that the page in sight begins with."""

    DEFAULT_CSS = """
    SampleStripView {
        border: round $border-blurred;
        border-title-color: $foreground;
        border-subtitle-color: $text-muted;
        height: 1fr;
        width: 1fr;
    }
    """

    strip: reactive[SampleStrip | None] = reactive(None)
    first: reactive[int] = reactive(0)
    note: reactive[str] = reactive("They come after the first epoch.")
    told: reactive[str] = reactive("")
    """What is in sight: epoch, which of how many, and how large."""

    def __init__(self, *, turned: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self._turned = ", \\[ ] for more" if turned else ""
        self.whose = ""  # the run, where there are images of several

    def forget(self, note: str) -> None:
        """There are no images to show, for the reason that the note gives."""
        self.workers.cancel_node(self)
        self.strip, self.note = None, note

    @work(exclusive=True)
    async def read(self, runner: "Runner", run: str, saved: "Sequence[SamplesSaved]", unread: str) -> None:
        """Draw the images of the first epoch in `saved` of `run` that are there.

        `unread` begins the sentence that tells why that cannot be done.
        """
        try:
            self.strip = await runner.samples(run, saved)
        except EngineError as error:
            self.note = f"{unread} cannot be read: {error}"

    def turn(self, pages: int) -> None:
        """To other pairs; after the last come the first."""
        plan = self._plan()
        if plan is not None and self.strip is not None:
            every = -(-len(self.strip.originals) // plan.count)
            self.first = (self.first // plan.count + pages) % every * plan.count

    def _plan(self) -> Arrangement | None:
        originals = self.strip.originals if self.strip is not None else ()
        return arrangement(originals[0], *self.size, len(originals), self._each) if originals else None

    @property
    def _each(self) -> int:
        """Images of a pair."""
        return 3 if self.strip is not None and self.strip.noisy else 2

    def _page(self, plan: Arrangement) -> tuple[int, int]:
        """The pairs in sight: from which on, and up to which; a page always begins where it would by turning."""
        assert self.strip is not None
        start = min(self.first, len(self.strip.originals) - 1) // plan.count * plan.count
        return start, min(start + plan.count, len(self.strip.originals))

    def _write_titles(self) -> None:
        strip, plan = self.strip, self._plan()
        whose = f"{self.whose} · " if self.whose else ""
        stacked, side_by_side = TITLES[self._each]
        self.border_title, self.told = f"{whose}{stacked}", ""
        if strip is not None and plan is not None:
            self.border_title = f"{whose}{stacked if plan.stacked else side_by_side}"
            start, end = self._page(plan)
            every = len(strip.originals)
            pages = "" if end - start == every else f" · {_numbers(start + 1, end)} of {every}{self._turned}"
            self.told = f"epoch {strip.epoch}{pages} · {scale_words(strip.originals[0], *plan.size)}"
        self.border_subtitle = self.told

    on_mount = on_resize = watch_strip = watch_first = _write_titles

    def render(self) -> Text:
        strip = self.strip
        if strip is None or not strip.originals:
            return Text(self.note, style="dim")
        plan = self._plan()
        if plan is None:
            return Text("Too little room to draw images.", style="dim")
        start, end = self._page(plan)
        pairs = list(zip(*strip.rows, strict=True))[start:end]
        rows = [pairs[place : place + plan.across] for place in range(0, len(pairs), plan.across)]
        gap = "\n\n" if len(rows) == 1 and self.size.height >= self._each * (plan.size[1] + 1) - 1 else "\n"
        drawn = [over(row, plan.size, gap) if plan.stacked else in_line(row, plan.size) for row in rows]
        return Text("\n\n", no_wrap=True, end="").join(drawn)


def _numbers(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
