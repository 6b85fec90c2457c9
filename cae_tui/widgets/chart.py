"""What every chart has: plotext draws it, and its lines go to the screen as they are.

A redraw is the dearest thing a screen does, and while a run is on it competes with the training for the same cores.
So a chart is drawn again only where something changed, and what plotext writes is cut into the strips that Textual
shows. As a text of rich it would be taken apart and put together twice more, at the cost of the drawing itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rich.ansi import AnsiDecoder
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual_plotext import PlotextPlot

from cae_tui.widgets.curves import Colour, Curves

REDRAW_SECONDS = 0.5
Alignment = Literal["left", "center", "right"]

_CODES = re.compile(r"\x1b\[([0-9;]*)m")
_NO_STYLE = Style()


@lru_cache(maxsize=1024)
def _style(codes: tuple[str, ...]) -> Style:
    """The style that terminal codes, one after the other, make."""
    spans = AnsiDecoder().decode_line("".join(f"\x1b[{code}m" for code in codes) + "X").spans
    return spans[0].style if spans and isinstance(spans[0].style, Style) else _NO_STYLE


def strips_of(ansi: str) -> list[Strip]:
    """Lines with terminal colours as strips; no colour goes on past the end of its line."""
    strips = []
    for line in ansi.split("\n"):
        text, *rest = _CODES.split(line)
        segments = [Segment(text)] if text else []
        codes: tuple[str, ...] = ()
        for code, text in zip(rest[::2], rest[1::2], strict=True):
            codes = (*codes, code) if code.strip("0;") else ()
            if text:
                segments.append(Segment(text, _style(codes)))
        strips.append(Strip(segments))
    return strips


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a chart: the values at its ends, and what is written beside which."""

    low: float
    high: float
    ticks: Sequence[float] = ()
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A stage on an axis: the epochs of the run, over all stages, after which it began and ended so far.

    Where the axis counts something else, the steps or seconds by then.
    """

    stage: str
    start: float
    end: float


class Chart(PlotextPlot):
    """A plotext chart that is drawn again where `stale` says so, or where its size or the theme is another."""

    DEFAULT_CSS = """
    Chart {
        border: round $border-blurred;
        border-title-color: $foreground;
        border-subtitle-color: $text-muted;
    }
    """
    ALLOW_SELECT = False

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stale = True
        self.redraws = 0
        self._kept: tuple[object, list[Strip]] | None = None

    def on_mount(self) -> None:
        """Begin to redraw what has become stale."""
        self.set_interval(REDRAW_SECONDS, self.redraw)
        self.write_title()

    def redraw(self) -> None:
        """Draw it again, where it is seen and something changed."""
        if self.stale and self.display:
            self.redraw_now()

    def redraw_now(self) -> None:
        """Draw it again in any case."""
        self.stale = True
        if self.is_mounted:
            self.write_title()
            self.refresh()

    def on_unmount(self) -> None:
        """Hear of themes no more: Textual drops who has left only at the next change of the theme, and holds them."""
        self.app.theme_changed_signal.unsubscribe(self)

    def write_title(self) -> None:
        """What stands in its border, as much of it as there is room for."""
        raise NotImplementedError  # each chart has its own

    def draw(self) -> list[Strip]:
        """The lines of the chart, at most as many and as wide as there is room for."""
        raise NotImplementedError  # each chart has its own

    @property
    def lines(self) -> list[Strip]:
        """The lines of the chart, drawn again only where something changed."""
        key = (self.size, self.app.theme)
        if self._kept is None or self.stale or self._kept[0] != key:
            self.stale = False
            self.redraws += 1
            self._kept = (key, self.draw())
        return self._kept[1]

    @property
    def text(self) -> str:
        """The chart without its colours."""
        return "\n".join(line.text.rstrip() for line in self.lines)

    def render_line(self, y: int) -> Strip:
        width, lines = self.size.width, self.lines
        if y >= len(lines):
            return Strip.blank(width, self.rich_style)
        return lines[y].adjust_cell_length(width).apply_style(self.rich_style)

    def begin(self, width: int, height: int, across: Axis, up: Axis | None) -> Curves:
        """An empty chart of that size, with an axis beneath, and one on the left where there is `up`.

        plotext is told cells in place of values, so that ticks, lines and markers are rounded in one place alone.
        """
        names = [] if up is None else list(up.names)
        left = 0 if up is None else max(map(len, names), default=0) + 1
        curves = Curves(
            max(width - left, 1), max(height - 2, 1), (across.low, across.high), (up.low, up.high) if up else (0.0, 1.0)
        )
        plot = self.plt
        plot.clear_figure()
        plot.plotsize(width, height)
        plot._set_size(width, height)  # plotsize alone does not always take: textual-plotext#5
        plot.canvas_color("default")
        plot.axes_color("default")
        plot.ticks_color("default")
        plot.xaxes(True, False)
        plot.yaxes(up is not None, False)
        plot.xlim(0, max(curves.columns - 1, 1))
        plot.ylim(0, max(curves.rows - 1, 1))
        plot.xticks([curves.column(tick) for tick in across.ticks], list(across.names))
        plot.yticks([] if up is None else [curves.row(tick) for tick in up.ticks], names)
        return curves

    def write(self, words: str, column: int, row: int, *, alignment: Alignment, colour: Colour) -> None:
        """Words in the chart, over everything else, at a cell of its `Curves`."""
        self.plt.text(words, column, row, alignment=alignment, color=colour)

    def write_stages(self, curves: Curves, spans: Sequence[Span], shift: float) -> None:
        """A line between stages, `shift` epochs after the last of each, and their names where they hide no curve."""
        if len(spans) < 2:
            return
        taken = curves.cells()
        edge = 0
        for span in spans:
            border = curves.columns if span is spans[-1] else min(curves.column(span.end + shift), curves.columns)
            if span is not spans[-1]:
                curves.rule(span.end + shift, "gray")
            room = border - edge - 2
            name = span.stage if len(span.stage) <= room else f"{span.stage[: room - 1]}…"
            start = (edge + border - len(name)) // 2
            rows = [
                row
                for row in (curves.rows - 1, 0)
                if not any((column, row) in taken for column in range(start, start + len(name)))
            ]
            if room >= 4 and rows:
                self.write(name, start, rows[0], alignment="left", colour="gray")
            edge = border

    def built(self, curves: Curves) -> list[Strip]:
        """The lines of the chart with `curves` in it, and of what was written since `begin`."""
        # Without a single sign plotext would leave out the axes.
        cells = curves.cells() or {(0, 0): (" ", "default")}
        columns, rows = zip(*cells, strict=True)
        signs, colours = zip(*cells.values(), strict=True)
        # A list has one for each point; the annotations of plotext know only one for all.
        self.plt.scatter(list(columns), list(rows), marker=list(signs), color=list(colours))  # type: ignore[arg-type]  # see above
        return strips_of(self.plt.build().rstrip("\n"))

    def written(self, text: Text | Iterable[Text]) -> list[Strip]:
        """Words as lines of a chart: a text is wrapped to the width, lines are cut to it."""
        width = max(self.size.width, 1)
        if isinstance(text, Text):
            text = text.wrap(self.app.console, width)
        console, strips = self.app.console, []
        for line in text:
            line.truncate(width)
            parts = [part for part in line.render(console, end="") if part.text]
            strips.append(Strip(Segment.apply_style(parts, console.get_style(line.style))))
        return strips
