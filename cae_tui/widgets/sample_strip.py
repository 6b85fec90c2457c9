"""Validation images over their reconstructions, as many as fit.

An image of 28×28 pixels is exact at 28×14 cells. Where there is no room for that above one another, pairs
are averaged down to half of it, unless exactness is asked for: then a pair lies side by side.
"""

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui.views import Picture, SampleStrip
from cae_tui.widgets.image_grid import beside, cells_of, half_blocks

GAP, PAIR_GAP = 1, 3
STACKED = "Validation images over their reconstructions"
SIDE_BY_SIDE = "Validation images, each left of its reconstruction"

Size = tuple[int, int]


def half_of(size: Size) -> Size:
    """Half as wide and half as high, for thumbnails."""
    return max(1, size[0] // 2), max(1, size[1] // 2)


def pair_size(picture: Picture, width: int, height: int, *, stacked: bool = True) -> Size | None:
    """Cells of one image of a pair: exact, or halved until the pair fits; None where nothing can be seen."""
    size = cells_of(picture)
    across, down = (0, 2) if stacked else (2 * GAP + 1, 1)
    while size[0] * (1 if stacked else 2) + across > width or size[1] * down > height:
        if min(size) <= 3:
            return None
        size = half_of(size)
    return size


def in_line(pairs: list[tuple[Picture, Picture]], size: Size) -> Text:
    """Pairs in one line, each image beside its reconstruction."""
    lines = [Text() for _ in range(size[1])]
    for place, pair in enumerate(pairs):
        for side, picture in enumerate(pair):
            drawn = half_blocks(picture, width=size[0], height=size[1]).split("\n")
            for line, part in zip(lines, drawn, strict=True):
                line.append(" " * (GAP if side else PAIR_GAP if place else 0))
                line.append_text(part)
    return Text("\n", no_wrap=True, end="").join(lines)


class SampleStripView(Widget):
    """The pairs of one epoch; `exact` asks for fewer pairs, side by side, rather than averaged ones."""

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
    exact: reactive[bool] = reactive(False)
    note: reactive[str] = reactive("They come after the first epoch.")

    def on_mount(self) -> None:
        """Name it."""
        self._write_titles()

    def on_resize(self) -> None:
        """Name what is drawn at the new size."""
        self._write_titles()

    def watch_strip(self) -> None:
        """Name it after the epoch."""
        self._write_titles()

    def watch_exact(self) -> None:
        """Name how it is drawn."""
        self._write_titles()

    def _plan(self, picture: Picture) -> tuple[bool, Size | None]:
        """Whether pairs are stacked, and the cells of an image."""
        width, height = self.size
        size = pair_size(picture, width, height)
        if self.exact and size != cells_of(picture):
            return False, pair_size(picture, width, height, stacked=False)
        return True, size

    def _write_titles(self) -> None:
        strip = self.strip
        self.border_title, self.border_subtitle = STACKED, ""
        if strip is not None and strip.originals:
            stacked, size = self._plan(strip.originals[0])
            picture = strip.originals[0]
            how = "" if size in (None, cells_of(picture)) else f" · averaged to {2 * size[1]}×{size[0]}" if size else ""
            self.border_title = STACKED if stacked else SIDE_BY_SIDE
            self.border_subtitle = f"epoch {strip.epoch}{how}"

    def render(self) -> Text:
        """As many pairs as fit, in the largest size that leaves the pair whole."""
        strip, (width, height) = self.strip, self.size
        if strip is None or not strip.originals:
            return Text(self.note, style="dim")
        stacked, size = self._plan(strip.originals[0])
        if size is None:
            return Text("Too little room to draw images.", style="dim")
        if not stacked:
            count = max(1, (width + PAIR_GAP) // (2 * size[0] + GAP + PAIR_GAP))
            return in_line(list(zip(strip.originals, strip.reconstructions, strict=True))[:count], size)
        count = max(1, (width + GAP) // (size[0] + GAP))
        text = beside(strip.originals[:count], width=size[0], height=size[1], gap=GAP)
        text.append("\n\n" if height > 2 * size[1] else "\n")
        return text.append_text(beside(strip.reconstructions[:count], width=size[0], height=size[1], gap=GAP))
