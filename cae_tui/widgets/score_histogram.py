"""How many images have which score: normal ones above a line, odd ones below it, and a threshold across both."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Click, Resize
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from engine.text import padded

Bins = Callable[[float, float, int], tuple[list[int], list[int]]]
EIGHTHS = " ▁▂▃▄▅▆▇█"
NORMAL, ODD = "cae-training", "cae-validation"
LINE = "│"


class ScoreHistogram(Widget, can_focus=True):
    """Each side is drawn to its own height: there may be ten times as many of the one."""

    DEFAULT_CSS = "ScoreHistogram { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left", "move(-1)", "Threshold", id="scores.lower", tooltip="Move the threshold down", key_display="← →"
        ),
        Binding("right", "move(1)", "Higher", id="scores.higher", tooltip="Move the threshold up", show=False),
        Binding("shift+left", "move(-10)", "Far lower", id="scores.far-lower", tooltip="Ten steps down", show=False),
        Binding("shift+right", "move(10)", "Far higher", id="scores.far-higher", tooltip="Ten steps up", show=False),
    ]

    class Drawn(Message):
        """It has another size, and so other columns."""

    class Moved(Message):
        """The threshold is asked for `steps` steps on, or at `score`."""

        def __init__(self, steps: int = 0, score: float | None = None) -> None:
            super().__init__()
            self.steps, self.score = steps, score

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self._bins: Bins | None = None
        self._low, self._high, self._threshold = 0.0, 1.0, 0.0
        self._both = False
        self._counted: tuple[int, tuple[list[int], list[int]]] | None = None

    def show(self, bins: Bins, low: float, high: float, threshold: float, *, both: bool) -> None:
        """Draw scores from `low` to `high`, which `bins` counts; `both`: it is known which images are odd."""
        self._bins, self._low, self._high, self._both = bins, low, high, both
        self._counted = None
        self.move_to(threshold)

    def move_to(self, threshold: float) -> None:
        """Draw the line there."""
        self._threshold = threshold
        self.refresh()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        self._counted = None
        self.post_message(self.Drawn())

    @property
    def text(self) -> str:
        """What is drawn, without its colours."""
        return "\n".join(self.render_line(row).text.rstrip() for row in range(self.size.height))

    # -- drawing ---------------------------------------------------------------------------------

    @property
    def _column(self) -> int:
        """Of the threshold."""
        share = (self._threshold - self._low) / (self._high - self._low)
        return min(max(int(share * self.size.width), 0), self.size.width - 1)

    def _counts(self) -> tuple[list[int], list[int]]:
        width = max(self.size.width, 1)
        if self._counted is None or self._counted[0] != width:
            assert self._bins is not None
            self._counted = width, self._bins(self._low, self._high, width)
        return self._counted[1]

    def render_line(self, y: int) -> Strip:
        width, height = self.size.width, self.size.height
        if self._bins is None or height < 2:
            return Strip.blank(width, self.rich_style)
        if y == height - 1:
            return self._axis(width)
        rows = height - 1
        upper = (rows + 1) // 2 if self._both else rows
        normal, odd = self._counts()
        if y < upper:
            return self._bars(normal, upper - 1 - y, upper, NORMAL)
        return self._bars(odd, y - upper, rows - upper, ODD, down=True)

    @property
    def legend(self) -> str:
        """What is above and below the middle, and how high the highest bars are."""
        if self._bins is None:
            return ""
        normal, odd = (max(counts, default=0) for counts in self._counts())
        if not self._both:
            return f"at most {normal:,} a column"
        return f"▲ normal, at most {normal:,} a column · ▼ odd, at most {odd:,}"

    def _bars(self, counts: Sequence[int], row: int, rows: int, colour: str, *, down: bool = False) -> Strip:
        """A row of bars, `row` from the middle line."""
        most = max(counts, default=0) or 1
        cells = []
        for count in counts:
            eighths = round(8 * rows * count / most) if count else 0
            if count and not eighths:
                eighths = 1
            left = min(max(eighths - 8 * row, 0), 8)
            cells.append((EIGHTHS[left] if not down else EIGHTHS[8 - left] if 0 < left < 8 else EIGHTHS[left], left))
        style, turned = self._style(colour), self._style(colour, reverse=True)
        line = self._column
        segments: list[Segment] = []
        for place, (sign, left) in enumerate(cells):
            if place == line and not left:
                segments.append(Segment(LINE, self._style("cae-attention")))
            elif place == line:  # a bar is not hidden by it
                segments.append(Segment(sign, self._style("cae-attention", reverse=down and left < 8)))
            elif down and 0 < left < 8:
                segments.append(Segment(sign, turned))
            else:
                segments.append(Segment(sign, style))
        return Strip(segments).apply_style(self.rich_style)

    def _axis(self, width: int) -> Strip:
        low, high = f"{self._low:.3g}", f"{self._high:.3g} and more"
        at = f"▲ {self._threshold:.4g}"
        room = max(width - len(low) - len(high), 0)
        start = min(max(self._column - len(low), 1), max(room - len(at) - 1, 0))
        middle = padded(" " * start + at if room > len(at) + 1 else "", room)
        muted = self._style("foreground-muted")
        return Strip(
            [
                Segment(low, muted),
                Segment(middle[:room], self._style("cae-attention")),
                Segment(high, muted),
            ]
        ).apply_style(self.rich_style)

    def _style(self, name: str, *, reverse: bool = False) -> Style:
        colour = Color.parse(self.app.theme_variables[name]).hex6
        return Style(color=colour, reverse=reverse)

    # -- moving ----------------------------------------------------------------------------------

    def action_move(self, steps: int) -> None:
        """Ask for another threshold."""
        self.post_message(self.Moved(steps))

    def on_click(self, event: Click) -> None:
        """To where it was clicked."""
        if self._bins is not None and self.size.width:
            self.focus()
            share = (event.x + 0.5) / self.size.width
            self.post_message(self.Moved(score=self._low + share * (self._high - self._low)))
