"""Many points on a plane, drawn in braille: eight to a cell, coloured by class.

All arithmetic is numpy's on whole arrays, so that sixty thousand points are drawn in a moment. A cell has the colour of
the class that most of its points have. Where colours are not seen, each cell shows its class's sign.

Over 400 lines: what is drawn, the cursor that goes over it and what is in sight depend on one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cae_tui.themes import class_colours
from engine.text import cell_len, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARGIN = 1.06
"""The whole plane, with some room around it."""
ZOOM = 1.5
MOST_ZOOM = 500.0
LONGEST_NAME = 14
FAINT = "·"
FEW = 500
"""Points up to which each cell is drawn as a whole, of a filter by its class's sign: single dots are hardly seen."""
ALONE = "•"

_FAINT, _CURSOR, _MARK, _CLASSES = 1, 2, 3, 4
"""Looks of cells; those of the classes are from the last on. 0 is plain."""

Place = tuple[float, float]


def signs_of(names: Sequence[str]) -> tuple[str, ...]:
    """A sign of one column for each class: its name where all are so short, else a digit or a letter."""
    if names and all(cell_len(name) == 1 for name in names) and len(set(names)) == len(names):
        return tuple(names)
    return tuple(SIGNS[label % len(SIGNS)] for label in range(max(len(names), 1)))


class Scatter(Widget, can_focus=True):
    """Points, one of them under the cursor."""

    ALLOW_SELECT = False  # a drag moves the map
    DEFAULT_CSS = """
    Scatter { width: 1fr; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key, f"step({right}, {down})", name, id=f"scatter.{key}", show=False,
                    tooltip=f"To the nearest point on the {key}" if right else f"To the nearest point {key}wards")
            for key, name, right, down in (
                ("left", "Left", -1, 0), ("right", "Right", 1, 0), ("up", "Up", 0, -1), ("down", "Down", 0, 1),
            )
        ),
        *(
            Binding(f"shift+{key}", f"pan({right}, {down})", f"Pan {key}", id=f"scatter.pan-{key}", show=False,
                    tooltip=f"Show what is further {key}")
            for key, right, down in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1))
        ),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="scatter.zoom-in", tooltip="Nearer, around the cursor",
                key_display="+", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", id="scatter.zoom-out", tooltip="Farther", show=False),
        Binding("home", "whole", "Whole", id="scatter.whole", tooltip="Show the whole map", show=False),
        Binding("b", "signs", "Signs", id="scatter.signs", show=False,
                tooltip="A sign for each class in place of dots"),
        Binding("l", "names", "Names", id="scatter.names", show=False, tooltip="The names of classes on the map"),
    ]  # fmt: skip

    signs: reactive[bool] = reactive(False)
    names_shown: reactive[bool] = reactive(True)

    @dataclass
    class Picked(Message):
        """Another point is under the cursor."""

        place: int

    class Moved(Message):
        """The map is drawn larger, smaller or elsewhere."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.points: NDArray[np.float32] | None = None
        self.labels: NDArray[np.int64] | None = None
        self.class_names: tuple[str, ...] = ()
        self.shown: NDArray[np.bool_] | None = None  # those that pass the filter; all where None
        self.cursor = -1
        self.marks: dict[int, str] = {}  # letters by point
        self.zoom = 1.0
        self._centre = (0.0, 0.0)
        self._middle = (0.0, 0.0)  # of the whole
        self._extent = (1.0, 1.0)
        self._lines: list[Strip] | None = None
        self._grabbed: Place | None = None
        self._dragged = False

    # -- what is shown ---------------------------------------------------------------------------

    def put(
        self, points: "NDArray[np.float32]", labels: "NDArray[np.int64] | None", names: Sequence[str], *, keep: bool
    ) -> None:
        """Show these points, shape (n, 2); `keep` leaves zoom and place as they are."""
        low, high = points.min(0), points.max(0)
        self.points, self.labels, self.class_names = points, labels, tuple(names)
        self._middle = (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2)
        self._extent = (max(float(high[0] - low[0]), 1e-6), max(float(high[1] - low[1]), 1e-6))
        if not keep or self.zoom == 1:
            self._centre, self.zoom = self._middle, 1.0
        if self.cursor >= len(points):
            self.cursor = -1
        self.draw()

    def only(self, shown: "NDArray[np.bool_] | None") -> None:
        """Show those alone, the others faintly."""
        self.shown = shown
        self.draw()

    def go_to(self, place: int) -> None:
        """Put the cursor on a point, and have it in sight."""
        self.cursor = place
        if self.points is not None:
            column, row = self._cells()[place]
            width, height = self.size
            if not (0 <= column < width and 0 <= row < height):
                self._centre = (float(self.points[place][0]), float(self.points[place][1]))
        self.draw()
        self.post_message(self.Picked(place))

    def mark(self, marks: dict[int, str]) -> None:
        """Show these letters on points."""
        self.marks = marks
        self.draw()

    def watch_signs(self) -> None:
        self.draw()

    watch_names_shown = watch_signs

    def draw(self) -> None:
        """Draw all of it again."""
        self._lines = None
        self.refresh()

    def on_resize(self) -> None:
        self.draw()

    def notify_style_update(self) -> None:
        self._lines = None
        super().notify_style_update()

    # -- drawing ---------------------------------------------------------------------------------

    @property
    def _scale(self) -> float:
        """Dots for one of the plane's units: as many across as along."""
        width, height = max(self.size.width, 1), max(self.size.height, 1)
        return min(2 * width / self._extent[0], 4 * height / self._extent[1]) / MARGIN * self.zoom

    def _dots(self) -> "NDArray[np.float32]":
        """Where points are, in dots from the upper left corner, shape (n, 2); upwards on the plane is upwards here."""
        import numpy as np

        assert self.points is not None
        scale = self._scale
        middle = np.array([self.size.width, 2 * self.size.height], np.float32)
        found: NDArray[np.float32] = (self.points - np.array(self._centre, np.float32)) * np.array(
            [scale, -scale], np.float32
        ) + middle
        return found

    def _cells(self) -> "NDArray[np.int64]":
        import numpy as np

        found: NDArray[np.int64] = np.floor(self._dots() / np.array([2, 4], np.float32)).astype(np.int64)
        return found

    def render_line(self, y: int) -> Strip:
        if self._lines is None:
            self._lines = self._drawn()
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _drawn(self) -> list[Strip]:
        import numpy as np

        width, height = self.size
        base = self.rich_style
        if self.points is None or not width or not height:
            return [Strip.blank(width, base)] * height
        dots = self._dots()
        x, y = np.floor(dots[:, 0]).astype(np.int64), np.floor(dots[:, 1]).astype(np.int64)
        inside = (x >= 0) & (x < 2 * width) & (y >= 0) & (y < 4 * height)
        passing = inside if self.shown is None else inside & self.shown
        owner, codes = self._owners(x, y, passing), self._codes(x, y, passing)
        faint = np.zeros(width * height, bool)
        if self.shown is not None:
            others = inside & ~self.shown
            faint[(y[others] // 4) * width + x[others] // 2] = True
        faint &= codes == 0
        signs = np.array(signs_of(self.class_names))
        few = int(passing.sum()) <= FEW
        as_signs = (self.signs or (few and self.shown is not None)) and bool(self.class_names)
        texts = np.full(width * height, " ")
        looks = np.zeros(width * height, np.int64)  # of `styles`
        there = codes > 0
        braille = np.array([chr(0x2800 + code) for code in range(256)])
        texts[there] = signs[owner[there]] if as_signs else ALONE if few else braille[codes[there]]
        looks[there] = _CLASSES + owner[there]
        texts[faint], looks[faint] = FAINT, _FAINT
        self._write_over(texts, looks, x, y, inside, None if few and as_signs else passing)
        styles = self._styles(base, len(signs))
        return [
            self._line(row, styles)
            for row in zip(texts.reshape(height, width), looks.reshape(height, width), strict=True)
        ]

    def _styles(self, base: Style, classes: int) -> list[Style]:
        """What `looks` number: plain, faint, the cursor, a mark, then each class, then each class's name."""
        attention = self.app.theme_variables.get("cae-attention", "#ff00ff")
        colours = [base + Style(color=Color.from_rgb(*one)) for one in class_colours(self.app, classes)]
        names = [colour + Style(bold=True, reverse=True) for colour in colours]
        return [
            base, base + Style(dim=True), base + Style(color=attention, bold=True),
            base + Style(bold=True, reverse=True), *colours, *names,
        ]  # fmt: skip

    def _line(self, row: "tuple[NDArray[np.str_], NDArray[np.int64]]", styles: list[Style]) -> Strip:
        """A row of cells; spaces have the colour of what is before them, which nobody sees: so it has fewer parts."""
        import numpy as np

        texts, looks = row
        plain = (texts == " ") & (looks == 0)
        before = np.maximum.accumulate(np.where(plain, 0, np.arange(len(looks))))
        last_class = _CLASSES + (len(styles) - _CLASSES) // 2
        looks = np.where(plain & (looks[before] < last_class) & (looks[before] > _MARK), looks[before], looks)
        cuts = [0, *(np.flatnonzero(np.diff(looks)) + 1).tolist(), len(looks)]
        text = "".join(texts.tolist())
        parts = [Segment(text[start:end], styles[looks[start]]) for start, end in pairwise(cuts)]
        return Strip(parts, len(looks))

    def _codes(self, x: Any, y: Any, passing: Any) -> Any:
        """The dots of each cell as braille counts them, shape (rows · columns,)."""
        import numpy as np

        width, height = self.size
        there = np.zeros((4 * height, 2 * width), bool)
        there[y[passing], x[passing]] = True
        cells = there.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
        weights = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])
        return (cells * weights).sum((2, 3)).reshape(-1)

    def _owners(self, x: Any, y: Any, passing: Any) -> Any:
        """The class that most points of each cell have, shape (rows · columns,)."""
        import numpy as np

        count, every = len(signs_of(self.class_names)), self.size.width * self.size.height
        if self.labels is None:
            return np.zeros(every, np.int64)
        cells = (y[passing] // 4) * self.size.width + x[passing] // 2
        votes = np.bincount(cells * count + self.labels[passing], minlength=every * count)
        return votes.reshape(-1, count).argmax(1)

    def _write_over(self, texts: Any, looks: Any, x: Any, y: Any, inside: Any, passing: Any) -> None:
        """The names of the classes where most of their points are (none where it is None), the marks, the cursor."""
        import numpy as np

        width, height = self.size
        taken = np.zeros((height, width), bool)  # by names
        if self.names_shown and self.labels is not None and passing is not None:
            for label, name in enumerate(self.class_names):
                own = passing & (self.labels == label)
                text = f" {shortened(name, LONGEST_NAME)} "
                if not own.any() or not cell_len(text) == len(text) <= width:
                    continue
                wanted, middle = int(np.median(y[own])) // 4, int(np.median(x[own])) // 2
                start = max(min(middle - len(text) // 2, width - len(text)), 0)
                free = np.flatnonzero(~taken[:, start : start + len(text)].any(1))
                if not len(free):
                    continue
                row = int(free[np.abs(free - wanted).argmin()])
                taken[row, start : start + len(text)] = True
                first = row * width + start
                texts[first : first + len(text)] = list(text)
                looks[first : first + len(text)] = _CLASSES + len(self.class_names) + label
        for point, letter in self.marks.items():
            if point < len(x) and inside[point]:
                cell = int(y[point]) // 4 * width + int(x[point]) // 2
                texts[cell], looks[cell] = letter, _MARK
        if 0 <= self.cursor < len(x) and inside[self.cursor]:
            column, row = int(x[self.cursor]) // 2, int(y[self.cursor]) // 4
            for at, sign in ((column - 1, "["), (column + 1, "]")):
                if 0 <= at < width:
                    texts[row * width + at], looks[row * width + at] = sign, _CURSOR
            if self.cursor not in self.marks:
                cell = row * width + column
                if texts[cell] in (" ", ALONE) or texts[cell] >= "\u2800":
                    texts[cell] = "●"
                looks[cell] = _CURSOR

    # -- the cursor ------------------------------------------------------------------------------

    def _choice(self) -> Any:
        """Which points the cursor may go to."""
        import numpy as np

        assert self.points is not None
        return np.ones(len(self.points), bool) if self.shown is None or not self.shown.any() else self.shown

    def nearest_to(self, column: float, row: float) -> int | None:
        """The point nearest to the middle of a cell, of those in sight; None where there is none."""
        import numpy as np

        if self.points is None:
            return None
        dots, width, height = self._dots(), self.size.width, self.size.height
        inside = (dots >= 0).all(1) & (dots < np.array([2 * width, 4 * height])).all(1) & self._choice()
        if not inside.any():
            return None
        far = np.square(dots - np.array([2 * column + 1, 4 * row + 2])).sum(1)
        return int(np.where(inside, far, np.inf).argmin())

    def action_step(self, right: int, down: int) -> None:
        """The nearest point in that direction, at least a cell away."""
        import numpy as np

        if self.points is None or not len(self.points):
            return
        if self.cursor < 0:
            if (found := self.nearest_to(self.size.width / 2, self.size.height / 2)) is not None:
                self.go_to(found)
            return
        away = self._dots() - self._dots()[self.cursor]
        along = away[:, 0] * right + away[:, 1] * down
        across = np.abs(away[:, 1] if right else away[:, 0])
        ahead = (along >= (2 if right else 4)) & self._choice()
        cone = ahead & (across <= along)
        ahead = cone if cone.any() else ahead
        if ahead.any():
            self.go_to(int(np.where(ahead, along + 2 * across, np.inf).argmin()))

    # -- zoom and place --------------------------------------------------------------------------

    def _zoom_at(self, way: int, column: float, row: float) -> None:
        """Larger or smaller; what is at that cell stays there."""
        before = self._scale
        self.zoom = min(max(self.zoom * ZOOM**way, 1.0), MOST_ZOOM)
        across, along = 2 * column + 1 - self.size.width, 4 * row + 2 - 2 * self.size.height
        shift = 1 / before - 1 / self._scale
        self._centre = (self._centre[0] + across * shift, self._centre[1] - along * shift)
        if self.zoom == 1:
            self._centre = self._middle
        self.draw()
        self.post_message(self.Moved())

    def action_zoom(self, way: int) -> None:
        if self.points is None:
            return
        column, row = self.size.width / 2, self.size.height / 2
        if self.cursor >= 0:
            column, row = (float(part) for part in self._cells()[self.cursor])
        self._zoom_at(way, column, row)

    def action_pan(self, right: int, down: int) -> None:
        self._pan(right * self.size.width / 2, down * self.size.height)

    def _pan(self, across: float, along: float) -> None:
        """By so many dots."""
        if self.points is None:
            return
        x, y = self._centre[0] + across / self._scale, self._centre[1] - along / self._scale
        least, most = self.points.min(0), self.points.max(0)
        self._centre = (min(max(x, float(least[0])), float(most[0])), min(max(y, float(least[1])), float(most[1])))
        self.draw()
        self.post_message(self.Moved())

    def action_whole(self) -> None:
        self.zoom, self._centre = 1.0, self._middle
        self.draw()
        self.post_message(self.Moved())

    def action_signs(self) -> None:
        self.signs = not self.signs

    def action_names(self) -> None:
        self.names_shown = not self.names_shown

    # -- the mouse -------------------------------------------------------------------------------

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._zoom_at(1, event.x, event.y)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._zoom_at(-1, event.x, event.y)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._grabbed, self._dragged = (event.x, event.y), False

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._grabbed is None or (event.x, event.y) == self._grabbed:
            return
        before, self._grabbed, self._dragged = self._grabbed, (event.x, event.y), True
        self._pan(2 * (before[0] - event.x), 4 * (before[1] - event.y))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._grabbed is None:
            return
        self.release_mouse()
        self._grabbed = None
        if not self._dragged and (found := self.nearest_to(event.x, event.y)) is not None:
            self.go_to(found)
