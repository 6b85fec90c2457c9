"""Thumbnails with a line under each, and a cursor on one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Click, Resize
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui import formats
from cae_tui.bridge.values import Picture, Prediction
from cae_tui.widgets.image_grid import fitting, half_blocks
from engine.text import cell_len, class_name, shortened

THUMB_WIDTH, THUMB_HEIGHT = 14, 7
CARD_WIDTH, CARD_HEIGHT = THUMB_WIDTH + 2, THUMB_HEIGHT + 1  # a column on each side, a line for the caption
LINE_GAP = 1
CAPTION = CARD_WIDTH - 1


def caption(prediction: Prediction, names: Sequence[str] = ()) -> str:
    """`4 → 9  ✗ 61 %`, `7  ✓ 100 %`, and for an autoencoder `err 9.5e-04`.

    Where the names of the classes (`names`, by label) leave no room for the share, it is left out.
    """
    shown = [class_name(names, label) for label in (prediction.true, prediction.predicted) if label is not None][
        : 1 if prediction.right else 2
    ]
    if prediction.predicted is None:
        ends = [f"err {formats.loss(prediction.error)}"]
    else:
        symbol = "✓" if prediction.right else "✗"
        ends = [f"{symbol} {formats.percent(prediction.confidence, 0)}", symbol]
    for end in ends:
        words = "  ".join(filter(None, (" → ".join(shown), end)))
        if cell_len(words) <= CAPTION:
            return words
    room = (CAPTION - cell_len(end) - 2 - 3 * (len(shown) - 1)) // len(shown)
    return f"{' → '.join(shortened(name, room) for name in shown)}  {end}"


class CardGrid(Widget, can_focus=True):
    """One page of predictions: `cards`, and the pictures that have been read of them by index."""

    DEFAULT_CSS = """
    CardGrid { height: 1fr; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "Left", id="cards.left", tooltip="The previous card", show=False),
        Binding("right", "move(1, 0)", "Right", id="cards.right", tooltip="The next card", show=False),
        Binding("up", "move(0, -1)", "Up", id="cards.up", tooltip="The card above", show=False),
        Binding("down", "move(0, 1)", "Down", id="cards.down", tooltip="The card below", show=False),
        Binding("enter", "open", "Large", id="cards.open", tooltip="Show it large, with every probability"),
    ]

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Stepped(Message):
        """The cursor is asked for `steps` cards on, which may be on another page."""

        steps: int

    class Opened(Message):
        """The card under the cursor is asked for, large."""

    class Resized(Message):
        """Another number of cards fits."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.cards: Sequence[Prediction] = ()
        self.pictures: Mapping[int, Picture] = {}
        self.names: Sequence[str] = ()  # of the classes, by label
        self.note = ""
        self.caption: Callable[[Prediction], tuple[str, bool | None]] = self._usual_caption
        """The line under a card, and whether what it says is right; None where that is not known."""

    def _usual_caption(self, prediction: Prediction) -> tuple[str, bool | None]:
        return caption(prediction, self.names), prediction.right

    @property
    def columns(self) -> int:
        """Cards beside one another."""
        return max(1, self.size.width // CARD_WIDTH)

    @property
    def lines(self) -> int:
        """Cards above one another."""
        return max(1, (self.size.height + LINE_GAP) // (CARD_HEIGHT + LINE_GAP))

    @property
    def capacity(self) -> int:
        """Cards of a page."""
        return self.columns * self.lines

    def show(self, cards: Sequence[Prediction], pictures: Mapping[int, Picture], cursor: int, note: str = "") -> None:
        """Draw a page; `note` stands where there are no cards."""
        self.cards, self.pictures, self.note = cards, pictures, note
        self.cursor = cursor
        self.refresh()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        self.post_message(self.Resized())

    # -- drawing ---------------------------------------------------------------------------------

    def render(self) -> Text:
        """All cards of the page."""
        if not self.cards:
            return Text(self.note)
        columns = self.columns
        lines: list[Text] = []
        for start in range(0, len(self.cards), columns):
            if start:
                lines.append(Text())
            drawn = [self._card(place) for place in range(start, min(start + columns, len(self.cards)))]
            lines += [Text().join(parts) for parts in zip(*drawn, strict=True)]
        return Text("\n", no_wrap=True, end="").join(lines[: max(self.size.height, 1)])

    def _card(self, place: int) -> list[Text]:
        prediction = self.cards[place]
        words, right = self.caption(prediction)
        colour = "" if right in (True, None) else "cae-attention"
        picture = self.pictures.get(prediction.index)
        return card_lines(self, picture, words, colour, on=place == self.cursor)

    # -- moving ----------------------------------------------------------------------------------

    def action_move(self, right: int, down: int) -> None:
        """To a neighbouring card; off the page is another page."""
        self.post_message(self.Stepped(right + down * self.columns))

    def action_open(self) -> None:
        if self.cards:
            self.post_message(self.Opened())

    def on_click(self, event: Click) -> None:
        """To the card that was clicked; a click on the cursor opens it."""
        line, row = divmod(event.y, CARD_HEIGHT + LINE_GAP)
        column = event.x // CARD_WIDTH
        place = line * self.columns + column
        if row >= CARD_HEIGHT or column >= self.columns or place >= len(self.cards):
            return
        if place == self.cursor:
            self.action_open()
        else:
            self.post_message(self.Stepped(place - self.cursor))


def card_lines(widget: Widget, picture: Picture | None, words: str, colour: str, *, on: bool) -> list[Text]:
    """A thumbnail and the line under it, `CARD_HEIGHT` lines of `CARD_WIDTH` columns.

    Args:
        widget: what draws it.
        picture: None while it is read.
        words: the line.
        colour: a variable of the theme for it; empty for the usual one.
        on: whether the cursor is on it.
    """
    variables = widget.app.theme_variables
    under = f"on {_rgb(variables['primary' if widget.has_focus else 'border-blurred'])}" if on else ""
    drawn = [Text(" " * THUMB_WIDTH) for _ in range(THUMB_HEIGHT)]
    if picture is None:
        drawn[THUMB_HEIGHT // 2] = Text("·".center(THUMB_WIDTH))
    else:
        width, height = fitting(picture, THUMB_WIDTH, THUMB_HEIGHT)
        left, above = (THUMB_WIDTH - width) // 2, (THUMB_HEIGHT - height) // 2
        parts = half_blocks(picture, width=width, height=height).split("\n")
        for row, part in enumerate(parts):
            drawn[above + row] = Text.assemble(" " * left, part, " " * (THUMB_WIDTH - width - left))
    lines = [Text.assemble((" ", under), part, (" ", under)) for part in drawn]
    shade = variables["background" if widget.has_focus else "foreground"] if on else variables[colour] if colour else ""
    style = Style.parse(f"{_rgb(shade)} {under}".strip()) if shade or under else Style()
    words = shortened(words, CAPTION)
    stand_in = "#" * cell_len(words)
    words = stand_in.center(CAPTION).replace(stand_in, words)
    lines.append(Text(f" {words}", style=style))
    return lines


def _rgb(colour: str) -> str:
    return Color.parse(colour).hex6 if colour else ""
