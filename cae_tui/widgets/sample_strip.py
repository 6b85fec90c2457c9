"""Validation images over their reconstructions, as many as fit.

An image of 28×28 pixels is exact at 28×14 cells. Where there is no room for that above one another, pairs
are averaged down to half of it, unless exactness is asked for: then a pair lies side by side.
"""

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui.views import Picture, SampleStrip
from cae_tui.widgets.image_grid import beside, cells_of, half_blocks

GAP = 1
Size = tuple[int, int]


def half_of(size: Size) -> Size:
    """Half as wide and half as high, for thumbnails."""
    return max(1, size[0] // 2), max(1, size[1] // 2)


def pair_size(picture: Picture, width: int, height: int) -> Size | None:
    """Cells of one image where two stand above one another: exact, halved until they fit, or None."""
    size = cells_of(picture)
    while size[0] > width or 2 * size[1] + GAP > height:
        if min(size) <= 3:
            return None
        size = half_of(size)
    return size


class SampleStripView(Widget):
    """The pairs of one epoch.

    Args:
        exact: show fewer pairs, side by side, rather than averaged ones.
    """

    DEFAULT_CSS = """
    SampleStripView {
        border: round $panel-lighten-2;
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
        self._name()

    def watch_strip(self) -> None:
        """Name it after the epoch."""
        self._name()

    def _name(self) -> None:
        self.border_title = "Validation images over their reconstructions"
        self.border_subtitle = f"epoch {self.strip.epoch}" if self.strip else ""

    def render(self) -> Text:
        """As many pairs as fit, in the largest size that leaves the pair whole."""
        strip, (width, height) = self.strip, self.size
        if strip is None or not strip.originals:
            return Text(self.note, style="dim")
        if self.exact:
            return self._side_by_side(strip, width, height)
        size = pair_size(strip.originals[0], width, height)
        if size is None:
            return Text("Too few rows to draw images here.", style="dim")
        self.border_title = "Validation images over their reconstructions"
        count = max(1, (width + GAP) // (size[0] + GAP))
        exact = size == cells_of(strip.originals[0])
        self.border_subtitle = f"epoch {strip.epoch}{'' if exact else ' · averaged'}"
        text = beside(strip.originals[:count], width=size[0], height=size[1], gap=GAP)
        text.append("\n" * (1 + (height > 2 * size[1])))
        return text.append_text(beside(strip.reconstructions[:count], width=size[0], height=size[1], gap=GAP))

    def _side_by_side(self, strip: SampleStrip, width: int, height: int) -> Text:
        size = cells_of(strip.originals[0])
        stacked = 2 * size[1] + GAP <= height
        if stacked:
            count = (width + GAP) // (size[0] + GAP)
            if count:
                text = beside(strip.originals[:count], width=size[0], height=size[1], gap=GAP)
                text.append("\n\n" if height > 2 * size[1] else "\n")
                return text.append_text(
                    beside(strip.reconstructions[:count], width=size[0], height=size[1], gap=GAP)
                )
        while 2 * size[0] + GAP > width or size[1] > height:
            if min(size) <= 3:
                return Text("Too little room to draw images here.", style="dim")
            size = half_of(size)
        count = max(1, (width + 3) // (2 * size[0] + GAP + 3))
        self.border_title = "Validation images, each left of its reconstruction"
        lines = [Text() for _ in range(size[1])]
        for place, pair in enumerate(zip(strip.originals[:count], strip.reconstructions[:count], strict=True)):
            for side, picture in enumerate(pair):
                drawn = half_blocks(picture, width=size[0], height=size[1]).split("\n")
                for line, part in zip(lines, drawn, strict=True):
                    line.append(" " * (GAP if side else 3 if place else 0))
                    line.append_text(part)
        return Text("\n", no_wrap=True, end="").join(lines)
