"""How often answers are right, by how sure they are: a reliability diagram, on its side."""

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.geometry import Size
from textual.widget import Widget

from engine.results.calibration import Reliability
from engine.text import padded, percent

EIGHTHS = " ▏▎▍▌▋▊▉█"
SURE = "┃"
HEADS = ("sure", "images", "right")
WIDTHS = (10, 8, 9)
HIGHEST = 3
"""Lines of a bin, at most."""
LEAST_BAR = 10
"""Cells of the bars, with fewer of which there are none."""


class ReliabilityDiagram(Widget):
    """A line for each bin that has images below or above it: a bar for how often it is right, a mark for how sure."""

    DEFAULT_CSS = "ReliabilityDiagram { width: 1fr; height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self._shown: Reliability | None = None
        self._tall = 1  # lines of a bin

    def show(self, shown: Reliability) -> None:
        """Draw these bins."""
        self._shown = shown
        self.refresh(layout=True)

    @property
    def _first(self) -> int:
        """The first bin that has images: no answer is less sure than chance, so the lowest are empty."""
        assert self._shown is not None
        return next((place for place, each in enumerate(self._shown.bins) if each.images), 0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as Textual calls it
        """A head, and a line a bin; more where its card has a height of its own, so that they fill that."""
        if self._shown is None:
            return 1
        bins = len(self._shown.bins) - self._first
        self._tall = min(max((container.height - 1) // bins, 1), HIGHEST) if self.screen.has_class("-wide") else 1
        return 1 + self._tall * bins

    def render(self) -> Text:
        """The surest last, as one reads from left to right in an upright diagram."""
        if self._shown is None:
            return Text()
        muted, bar = self._style("foreground-muted"), self._style("cae-validation")
        mark = self._style("cae-attention")
        room = self.size.width - sum(WIDTHS) - 2
        heads = "".join(padded(head, width, right=True) for head, width in zip(HEADS, WIDTHS, strict=True))
        lines = [Text(heads + ("  █ right  ┃ sure" if room >= 2 * LEAST_BAR else ""), muted)]
        count = len(self._shown.bins)
        for place, each in list(enumerate(self._shown.bins))[self._first :]:
            low, high = (f"{100 * edge / count:.0f}" for edge in (place, place + 1))
            cells = (f"{low}–{high} %", f"{each.images:,}", percent(each.accuracy, 1) if each.images else "–")
            line = Text("".join(padded(cell, width, right=True) for cell, width in zip(cells, WIDTHS, strict=True)))
            drawn = Text()
            if room >= LEAST_BAR and each.images:
                drawn = Text("  ").append_text(_bar(each.accuracy, each.confidence, room, bar, mark))
            lines.append(line.append_text(drawn))
            lines += [Text(" " * sum(WIDTHS)).append_text(drawn) for _ in range(self._tall - 1)]
        return Text("\n", no_wrap=True).join(lines)

    def _style(self, name: str) -> Style:
        return Style(color=Color.parse(self.app.theme_variables[name]).hex6)


def _bar(right: float, sure: float, room: int, bar: Style, mark: Style) -> Text:
    """A bar as long as its share of `room` cells, and a mark at the other share."""
    eighths = round(8 * room * right)
    at = min(int(sure * room), room - 1)
    cells = [EIGHTHS[min(max(eighths - 8 * cell, 0), 8)] for cell in range(room)]
    text = Text("".join(cells[:at]), bar)
    text.append(SURE, mark + Style(bgcolor=bar.color) if cells[at] == "█" else mark)
    text.append("".join(cells[at + 1 :]).rstrip(), bar)
    return text
