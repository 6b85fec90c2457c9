"""Sliders: values that are changed by keys, a row each, the one under the cursor marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from cae_tui.bridge.latent_values import Slider
from engine.text import padded

STEP = 0.25
"""Standard deviations of a key."""
REACH = 4.0
"""Standard deviations from the mean that a slider goes to."""
LEAST_TRACK = 9


class SliderRows(Widget, can_focus=True):
    """The rows. They lie in what scrolls."""

    DEFAULT_CSS = """
    SliderRows { width: 1fr; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Less", id="sliders.less", tooltip="A quarter of a standard deviation less"),
        Binding("right", "move(1)", "More", id="sliders.more", tooltip="A quarter of a standard deviation more"),
        Binding("up", "row(-1)", "Up", id="sliders.up", tooltip="The slider above", show=False),
        Binding("down", "row(1)", "Down", id="sliders.down", tooltip="The slider below", show=False),
        Binding("0", "reset", "Reset", id="sliders.reset", tooltip="As the image is"),
    ]

    @dataclass
    class Changed(Message):
        """A slider was moved; `by` has the standard deviations that each is moved by."""

        by: tuple[float, ...]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.sliders: tuple[Slider, ...] = ()
        self.by: list[float] = []
        self.at = 0

    def put(self, sliders: Sequence[Slider]) -> None:
        """Have these, where they start."""
        self.sliders, self.by, self.at = tuple(sliders), [0.0] * len(sliders), 0
        self.refresh(layout=True)

    def render(self) -> Content:
        """A row for each: its name, a track with where it started and where it is, and its value."""
        return Content("\n").join(self._row(place) for place in range(len(self.sliders)))

    def _row(self, place: int) -> Content:
        slider = self.sliders[place]
        name = padded(slider.name, max(len(one.name) for one in self.sliders))
        value = slider.start + self.by[place]
        track = max(self.size.width - len(name) - len(" ▸  +0.00"), LEAST_TRACK)

        def column(where: float) -> int:
            return min(max(round((where + REACH) / (2 * REACH) * (track - 1)), 0), track - 1)

        cells = ["─"] * track
        cells[column(0.0)] = "┼"
        cells[column(slider.start)] = "○"
        cells[column(value)] = "●"
        mine = place == self.at
        return Content.assemble(
            ("▸ " if mine else "  ", "bold"),
            (name, "bold" if mine else ""),
            " ",
            ("".join(cells), "$cae-training" if mine else "$foreground-muted"),
            (f" {value:+.2f}", "bold" if self.by[place] else ""),
        )

    def action_move(self, way: int) -> None:
        if not self.sliders:
            return
        start = self.sliders[self.at].start
        least, most = min(-REACH, start), max(REACH, start)
        self.by[self.at] = min(max(start + self.by[self.at] + way * STEP, least), most) - start
        self._tell()

    def action_row(self, way: int) -> None:
        if self.sliders:
            self.at = min(max(self.at + way, 0), len(self.sliders) - 1)
            self.refresh()
            if isinstance(self.parent, VerticalScroll):
                self.parent.scroll_to_region(Region(0, self.at, 1, 1), animate=False)

    def action_reset(self) -> None:
        self.by = [0.0] * len(self.sliders)
        self._tell()

    def _tell(self) -> None:
        self.refresh()
        self.post_message(self.Changed(tuple(self.by)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """The row that is clicked is the one."""
        if event.y < len(self.sliders):
            self.at = event.y
            self.refresh()
