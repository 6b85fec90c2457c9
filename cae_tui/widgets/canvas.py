"""A picture to draw on, with the mouse or with keys: half blocks, each pixel a square as large as there is room for.

What is drawn is kept as bytes, one or three a pixel, and painted with a soft round brush, as a pen makes lines: an edge
that is half covered is half bright.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import block_lines, largest

BRUSH = 1.2 / 28
"""The radius of the brush, as a part of the shorter side."""
STEPS = 28
"""Arrow keys go from side to side in so many steps, or in single pixels where there are fewer."""
MOST_UNDONE = 100

Place = tuple[float, float]
"""Across and down, in pixels from the upper left corner."""


class Canvas(Widget, can_focus=True):
    """What is drawn, at the size of a model's images."""

    ALLOW_SELECT = False  # a stroke is no selection
    DEFAULT_CSS = """
    Canvas { width: 1fr; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pen", "Pen", id="canvas.pen", tooltip="Put the pen down, so that arrows draw, or lift it"),
        *(
            Binding(key, f"step({right}, {down})", name, id=f"canvas.{key}", tooltip=f"Move the pen {key}", show=False)
            for key, name, right, down in (
                ("left", "Left", -1, 0), ("right", "Right", 1, 0), ("up", "Up", 0, -1), ("down", "Down", 0, 1),
            )
        ),
    ]  # fmt: skip

    pen_down: reactive[bool] = reactive(False)
    erases: reactive[bool] = reactive(False)
    shifts: reactive[bool] = reactive(False)
    """Whether arrow keys shift the picture and not the pen."""
    shown: reactive[Picture | None] = reactive(None)
    """What is shown in place of what was drawn: the same, changed."""

    class Changed(Message):
        """Something else is drawn now."""

    @dataclass
    class Shifted(Message):
        """The arrow keys ask for the picture elsewhere, by so many steps."""

        right: int
        down: int

    class TookChanges(Message):
        """What was shown in place of what was drawn is what is drawn now."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.image = (28, 28, 1)  # height, width, channels
        self.paper, self.ink = 0, 255
        self.pixels = bytearray(28 * 28)
        self.thickness = 1.0
        self.pen: Place = (14.0, 14.0)
        self._before: list[bytes] = []  # what was drawn before each stroke
        self._last: Place | None = None  # of the stroke under way
        self._lines: list[list[Segment]] = []

    # -- what is drawn ---------------------------------------------------------------------------

    def begin(self, image: tuple[int, int, int], *, light_on_dark: bool) -> None:
        """An empty picture of that height, width and number of channels."""
        self.image = image
        self.paper, self.ink = (0, 255) if light_on_dark else (255, 0)
        self.pixels = bytearray([self.paper]) * math.prod(image)
        self.pen = (image[1] / 2, image[0] / 2)
        self._before.clear()
        self._draw()

    @property
    def picture(self) -> Picture:
        """What is drawn."""
        height, width, channels = self.image
        return Picture(height, width, channels, bytes(self.pixels))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return self.pixels.count(self.paper) == len(self.pixels)

    def put(self, picture: Picture, *, undoable: bool = True) -> None:
        """Have another picture of the same size in its place."""
        if undoable:
            self._keep()
        self.lift()
        self.pixels = bytearray(picture.pixels)
        self._draw()
        self.post_message(self.Changed())

    def clear(self) -> None:
        """Take everything away."""
        if not self.is_empty:
            self._keep()
            self.pixels = bytearray([self.paper]) * len(self.pixels)
            self._draw()
        self.post_message(self.Changed())

    @property
    def can_undo(self) -> bool:
        """Whether there was a stroke."""
        return bool(self._before)

    def undo(self) -> None:
        """As it was before the last stroke."""
        if self._before:
            self.lift()
            self.pixels = bytearray(self._before.pop())
            self._draw()
            self.post_message(self.Changed())

    def _keep(self) -> None:
        self._before = [*self._before, bytes(self.pixels)][-MOST_UNDONE:]

    def stroke(self, to: Place) -> None:
        """Draw, or erase, a line from where the stroke is to there; a dot where it begins."""
        if self._last is None:
            self._keep()
            if self.shown is not None:  # what is drawn goes onto what one sees
                self.pixels, self.shown = bytearray(self.shown.pixels), None
                self.post_message(self.TookChanges())
        start = self._last or to
        self._last = to
        radius = self.thickness * BRUSH * min(self.image[:2])
        radius += self.erases  # what was drawn is gone with its soft edges
        steps = max(1, math.ceil(math.dist(start, to) / max(radius / 3, 0.3)))
        for step in range(steps + 1):
            part = step / steps
            self._dab(start[0] + part * (to[0] - start[0]), start[1] + part * (to[1] - start[1]), radius)
        self._draw()
        self.post_message(self.Changed())

    def _dab(self, x: float, y: float, radius: float) -> None:
        height, width, channels = self.image
        colour = self.paper if self.erases else self.ink
        wins = max if colour else min
        for row in range(max(0, int(y - radius - 1)), min(height, int(y + radius + 2))):
            for column in range(max(0, int(x - radius - 1)), min(width, int(x + radius + 2))):
                covered = min(max(radius + 0.5 - math.hypot(column + 0.5 - x, row + 0.5 - y), 0.0), 1.0)
                if not covered:
                    continue
                value = round(255 * covered) if colour else 255 - round(255 * covered)
                first = (row * width + column) * channels
                for place in range(first, first + channels):
                    self.pixels[place] = wins(self.pixels[place], value)

    # -- how it is shown -------------------------------------------------------------------------

    @property
    def area(self) -> Region:
        """Where in the widget the picture is."""
        columns, rows = largest(self.picture, max(self.size.width, 1), max(self.size.height, 1))
        return Region((self.size.width - columns) // 2, (self.size.height - rows) // 2, columns, rows)

    def watch_shown(self) -> None:
        self._draw()

    watch_pen_down = watch_erases = watch_shifts = watch_shown

    def on_resize(self) -> None:
        self._draw()

    def on_focus(self) -> None:
        self._draw()

    on_blur = on_focus

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002 - as Textual calls it
        return largest(self.picture, container.width, container.height)[0]

    def _draw(self) -> None:
        """Make the lines again; those that are as before are not sent."""
        if not self.size.width or not self.size.height:
            return
        area = self.area
        lines = block_lines(self.shown or self.picture, area.width, area.height)
        if self.has_focus and not self.shifts:
            self._mark_pen(lines, area)
        changed = [row for row, line in enumerate(lines) if row >= len(self._lines) or line != self._lines[row]]
        whole = len(lines) != len(self._lines)
        self._lines = lines
        if whole:
            self.refresh()
        elif changed:
            first = area.y + changed[0]
            self.refresh(Region(0, first, self.size.width, changed[-1] - changed[0] + 1))

    def _mark_pen(self, lines: list[list[Segment]], area: Region) -> None:
        """A cross where the pen is, and a dot while it is down; told apart by its sign, not by its colour alone."""
        height, width, _ = self.image
        row = min(int(self.pen[1] * area.height / height), area.height - 1)
        column = min(int(self.pen[0] * area.width / width), area.width - 1)
        sign = "●" if self.pen_down else "+"
        line = Strip(lines[row])
        before, after = line.crop(0, column), line.crop(column + 1, line.cell_length)
        colour = self.app.theme_variables.get("cae-attention", "#ff00ff")
        mark = Segment(sign, Style(color=colour, bgcolor="#000000" if self.paper == 0 else "#ffffff", bold=True))
        lines[row] = [*before, mark, *after]

    def render_line(self, y: int) -> Strip:
        area = self.area
        row = y - area.y
        base = self.rich_style
        if not 0 <= row < len(self._lines):
            return Strip.blank(self.size.width, base)
        line = [Segment(" " * area.x, base), *self._lines[row]]
        return Strip(line).adjust_cell_length(self.size.width, base)

    # -- the mouse -------------------------------------------------------------------------------

    def place_of(self, x: float, y: float) -> Place:
        """Where in the picture that is; the middle of a cell where a terminal tells no more than the cell."""
        if x == int(x) and y == int(y):
            x, y = x + 0.5, y + 0.5
        area, (height, width, _) = self.area, self.image
        return (x - area.x) * width / area.width, (y - area.y) * height / area.height

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if not self.area.contains(event.x, event.y) or self.app.mouse_captured is self:
            return
        self.capture_mouse()
        self._last = None
        self.pen_down = False
        erased, self.erases = self.erases, self.erases or event.button == 3  # the right button erases
        self._by_button = (event.button, erased)
        self._go(self.place_of(event.pointer_x, event.pointer_y))

    _by_button: tuple[int, bool] = (0, False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._go(self.place_of(event.pointer_x, event.pointer_y))

    def on_mouse_up(self) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()
            self._last = None
            self.erases = self._by_button[1]

    def _go(self, place: Place) -> None:
        height, width, _ = self.image
        self.pen = (min(max(place[0], 0.0), width - 0.01), min(max(place[1], 0.0), height - 0.01))
        self.stroke(place)

    # -- the keys --------------------------------------------------------------------------------

    def action_pen(self) -> None:
        """Put it down, which draws a dot, or lift it."""
        self._last = None
        self.shifts = False
        self.pen_down = not self.pen_down
        if self.pen_down:
            self.stroke(self.pen)

    def lift(self) -> None:
        """Lift the pen."""
        self.pen_down = False
        self._last = None

    def action_step(self, right: int, down: int) -> None:
        if self.shifts:
            self.post_message(self.Shifted(right, down))
            return
        height, width, _ = self.image
        step = max(1.0, min(height, width) / STEPS)
        x, y = self.pen[0] + right * step, self.pen[1] + down * step
        self.pen = (min(max(x, 0.5), width - 0.5), min(max(y, 0.5), height - 0.5))
        if self.pen_down:
            self.stroke(self.pen)
        else:
            self._draw()


def words_of(canvas: Canvas) -> Iterator[str]:
    """How one draws now."""
    thickness = "" if canvas.thickness == 1 else f" {canvas.thickness:.1f}×"
    yield f"eraser{thickness} (b: brush)" if canvas.erases else f"brush{thickness}"
    yield "pen down" if canvas.pen_down else "pen up"
