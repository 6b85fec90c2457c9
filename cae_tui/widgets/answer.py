"""What a model makes of a picture that is being drawn: bars of the classes, and pictures side by side."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cae_tui import formats
from cae_tui.bridge.trying import Tried, TriedModel
from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import block_lines, largest
from cae_tui.widgets.run_progress import bar
from engine.text import cell_len, class_title, padded, shortened

LONGEST_NAME = 16
LEAST_BAR = 3
GAP = 2
LEAST_WORDS = 24
"""Columns of the words below a picture, where there are as many."""


class AnswerBars(Widget):
    """The classes with their probabilities, of the likeliest where there is no room for all; the answer above them."""

    DEFAULT_CSS = """
    AnswerBars { height: auto; }
    """

    view: reactive[Tried | None] = reactive(None)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.model: TriedModel | None = None
        self.most = 10  # bars

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as Textual calls it
        classes = len(self.model.class_names) if self.model is not None else 0
        return 1 + min(classes, self.most)

    def render(self) -> Content:
        if self.model is None or self.view is None:
            return Content()
        width = self.content_size.width
        first = headline(self.model, self.view).truncate(width, ellipsis=True)
        return Content("\n").join([first, *self._bars(self.model, self.view, width)])

    def _bars(self, model: TriedModel, view: Tried, width: int) -> Iterator[Content]:
        names = model.class_names
        shares: Sequence[float] = view.probabilities or (0.0,) * len(names)
        classes: Sequence[int] = range(len(names))
        if len(names) > self.most:
            classes = sorted(classes, key=lambda label: -shares[label])[: self.most]
        top = max(classes, key=lambda label: shares[label], default=None) if view.probabilities else None
        room = min(max((cell_len(names[label]) for label in classes), default=1), LONGEST_NAME)
        for label in classes:
            percent = f"{100 * shares[label]:.1f} %".rjust(7) if view.probabilities else "".rjust(7)
            filled, empty = bar(shares[label], max(width - room - len(percent) - 4, LEAST_BAR))
            style = "bold" if label == top else ""
            yield Content.assemble(
                (f"{padded(shortened(names[label], room), room, right=True)} {'▸' if label == top else ' '} ", style),
                (filled, "$cae-training"),
                (empty, "$border-blurred"),
                (f" {percent}", style),
            )


def headline(model: TriedModel, view: Tried) -> Content:
    """The answer in words: `Class 7, 99.2 %`, `Normal`, or that there is none, and what is doubtful about it."""
    if view.blank:
        return Content.styled(view.blank, "$foreground-muted")
    if view.score is not None and model.odd_above is not None:
        odd = view.score > model.odd_above
        told = Content.styled("▲ Odd" if odd else "Normal", "bold $cae-attention" if odd else "bold")
        return told + Content(f", score {view.score:.4g}: odd is above {model.odd_above:.4g}")
    if not view.probabilities:
        return Content()
    label = max(range(len(view.probabilities)), key=lambda one: view.probabilities[one])
    name = shortened(model.class_names[label], LONGEST_NAME)
    words = f"{class_title(name)}, {formats.percent(view.probabilities[label], 1)}"
    doubts = []
    if view.unsure:
        doubts.append("unsure")
    if view.unlike:
        doubts.append("unlike training")
    told = Content.styled(words, "bold")
    return told + Content.styled(f"  ▲ {', '.join(doubts)}", "$cae-attention") if doubts else told


class PictureRow(Widget):
    """Pictures side by side, all of one size, as large as they fit, each with a line below it."""

    DEFAULT_CSS = """
    PictureRow { height: 1fr; width: 1fr; }
    """

    pictures: reactive[tuple[tuple[Picture, str], ...]] = reactive(())
    note: reactive[str] = reactive("")
    """What is said where there are no pictures."""

    def __init__(self, places: int, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.places = places  # how many there is room kept for
        self._lines: list[Strip] | None = None

    def _watch(self) -> None:
        self._lines = None
        self.refresh()

    watch_pictures = watch_note = on_resize = _watch

    def notify_style_update(self) -> None:
        self._lines = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        if self._lines is None:
            self._lines = self._drawn()
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _drawn(self) -> list[Strip]:
        """The lines: pixels as segments, for the pictures change many times a second."""
        base = self.rich_style
        return [line.apply_style(base).adjust_cell_length(self.size.width, base) for line in self._parts()]

    def _parts(self) -> list[Strip]:
        width, height = self.size
        muted = Style(dim=True)
        if not self.pictures:
            note = Text(self.note).wrap(self.app.console, max(width, 1))
            return [Strip([Segment(line.plain, muted)]) for line in note]
        first = self.pictures[0][0]
        room = max((width - GAP * (self.places - 1)) // self.places, 1)
        columns, rows = largest(first, room, max(height - 1, 1))
        across = max(columns, min(room, LEAST_WORDS))
        space, rest = Segment(" " * GAP), Segment(" " * (across - columns))
        drawn = [block_lines(picture, columns, rows) for picture, _ in self.pictures]
        lines = [Strip([part for one in drawn for part in (*one[row], rest, space)]) for row in range(rows)]
        below = [Segment(padded(shortened(words, across), across), muted) for _, words in self.pictures]
        return [*lines, Strip([part for one in below for part in (one, space)])]
