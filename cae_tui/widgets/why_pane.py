"""What an answer hangs on: a map laid over the image, the answer beside it, the nearest training images below."""

from collections.abc import Iterator, Mapping, Sequence

from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.looking import OCCLUSION, NearOf, WhyView
from cae_tui.bridge.values import Picture
from cae_tui.widgets.answer import PictureRow
from cae_tui.widgets.image_grid import PictureView, fitting, largest, scale_of
from cae_tui.widgets.prediction_view import probability_lines
from engine.text import class_name, class_title, shortened

BARS = 24
"""Columns that the bars have at least."""
GAP = 2
LOW = 20
"""Rows from which on the nearest images are shown and not only told."""
NEAR_ROWS = 8
LONGEST_NAME = 16
MATTERS = 0.01
"""A fall of probability that is worth a place."""


def why_words(view: WhyView, names: Sequence[str], *, colours: bool) -> str:
    """What the map shows, in sentences."""

    def called(label: int) -> str:
        return class_title(shortened(class_name(names, label), LONGEST_NAME)).replace("Class ", "class ")

    name, before = called(view.label), view.probabilities[view.label]
    first, last, left, right = view.hidden
    words = []
    if before - view.without < MATTERS:
        words.append(
            f"No square of {last - first + 1}×{right - left + 1} pixels decides: with any of them hidden {name} keeps "
            f"{formats.percent(view.without, 1)} at least."
        )
    else:
        then = "" if view.then == view.predicted else f", and {called(view.then)} is predicted"
        words.append(
            f"Most important: rows {first}–{last}, columns {left}–{right}. With these hidden {name} has "
            f"{formats.percent(view.without, 1)} in place of {formats.percent(before, 1)}{then}."
        )
    bright, dark = ("Orange", "blue") if colours else ("White in the second picture", "black")
    if view.way == OCCLUSION:
        against = f", {dark} against it" if view.rises >= MATTERS else ""
        words.append(
            f"{bright} speaks for {name}{against}: by up to {100 * view.falls:.1f} points a pixel, the mean of all "
            "squares that it is in."
        )
    else:
        words.append(f"{bright}: where the maps of {view.layer} speak for {name} (LayerCAM).")
    return " ".join(words)


class WhyPane(Widget):
    """See the module; `show` draws an answer, `show_near` the nearest images as they are found."""

    DEFAULT_CSS = """
    WhyPane {
        height: 1fr; width: 1fr;
        #told { height: auto; }
        #over, #map { margin-right: 2; }
        #bars { width: 1fr; max-width: 60; height: auto; }
        #near { height: 1fr; layout: horizontal; }
        .near { width: 1fr; height: 1fr; margin-right: 2; }
        &.-low #near { layout: vertical; }
        &.-low .near { height: 1; }
        .near Static { height: 1; text-wrap: nowrap; text-overflow: ellipsis; color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.view: WhyView | None = None
        self.names: Sequence[str] = ()
        self.true: int | None = None
        self.near: Mapping[int, NearOf] = {}
        self.labels: tuple[int, ...] = ()  # the classes whose nearest images are shown
        self.note = ""  # what is said in their place

    def compose(self) -> Iterator[Widget]:
        """The map and the bars; then the nearest images of two classes."""
        with Horizontal(id="told"):
            yield PictureView(id="over")
            yield PictureView(id="map")
            yield Static(id="bars", markup=False)
        with Container(id="near"):
            for place in range(2):
                with Vertical(classes="near"):
                    yield Static(id=f"near-title-{place}", markup=False)
                    yield PictureRow(3, id=f"near-{place}")

    def show(self, view: WhyView, names: Sequence[str], true: int | None) -> None:
        """Draw an answer, and what it hangs on."""
        self.view, self.names, self.true = view, names, true
        self._draw()

    def show_near(self, labels: tuple[int, ...], near: Mapping[int, NearOf], note: str) -> None:
        """Draw the nearest training images of two classes, or say why they are not there yet."""
        self.labels, self.near, self.note = labels, near, note
        self._draw_near()

    def _draw(self) -> None:
        view = self.view
        if view is None or not self.is_mounted or not self.size.width:
            return
        alone = self.app.no_color
        below = NEAR_ROWS if self.size.height >= LOW else 2
        pictures = 2 if alone else 1
        columns, rows = (self.size.width - BARS) // pictures - GAP, max(self.size.height - below, 2)
        width, height = largest(view.over, max(columns, 4), rows)
        if not scale_of(view.over, width, height):
            width, height = fitting(view.over, max(columns, 4), rows)
        for name, picture in (("#over", view.over), ("#map", view.map if alone else None)):
            self._place(name, picture, width, height)
        room = min(self.size.width - pictures * (width + GAP), 60)
        lines = probability_lines(view.probabilities, self.true, room, self.names)
        self.query_one("#bars", Static).update(Content("\n").join(lines[:rows]))
        self._draw_near()

    on_resize = _draw

    def _place(self, name: str, picture: Picture | None, width: int, height: int) -> None:
        widget = self.query_one(name, PictureView)
        widget.display = picture is not None
        widget.styles.width, widget.styles.height = width, height
        widget.picture = picture

    def _draw_near(self) -> None:
        if self.view is None or not self.is_mounted:
            return
        shown = self.size.height >= LOW
        self.set_class(not shown, "-low")
        for place in range(2):
            title, row = self.query_one(f"#near-title-{place}", Static), self.query_one(f"#near-{place}", PictureRow)
            label = self.labels[place] if place < len(self.labels) else None
            found = None if label is None else self.near.get(label)
            row.display = shown
            row.note = self.note if found is None else "There is none of it among them."
            row.pictures = () if found is None else tuple((one, f"at {far:.3g}") for one, far in found.pictures)
            told = "" if label is None else self._title(label)
            if not shown and label is not None:
                distances = ", ".join(f"{far:.3g}" for _, far in found.pictures) if found is not None else self.note
                told = f"{told}: {distances}"
            title.update(told)

    def _title(self, label: int) -> str:
        assert self.view is not None
        name = shortened(class_name(self.names, label), LONGEST_NAME)
        what = [
            "true" if label == self.true else "",
            "predicted" if label == self.view.predicted else "",
        ]
        said = ", ".join(filter(None, what)) or "next in line"
        return f"Nearest of {name} ({said})"
