"""Pictures that belong together side by side, each group on a line of its own, and a cursor on one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.message import Message
from textual.widget import Widget

from cae_tui.bridge.values import CheckedPicture
from cae_tui.widgets.card_grid import CARD_HEIGHT, CARD_WIDTH, LINE_GAP, card_lines


class GroupGrid(Widget, can_focus=True):
    """A page of groups; single pictures stand beside each other."""

    DEFAULT_CSS = "GroupGrid { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "Left", id="groups.left", tooltip="The previous picture", show=False),
        Binding("right", "move(1, 0)", "Right", id="groups.right", tooltip="The next picture", show=False),
        Binding("up", "move(0, -1)", "Up", id="groups.up", tooltip="The picture above", show=False),
        Binding("down", "move(0, 1)", "Down", id="groups.down", tooltip="The picture below", show=False),
    ]

    @dataclass
    class Turned(Message):
        """The cursor was moved off the page, so many pages on."""

        pages: int

    class Moved(Message):
        """The cursor is on another picture."""

    class Resized(Message):
        """Another number of pictures fits."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.groups: Sequence[Sequence[int]] = ()
        self.pictures: Mapping[int, CheckedPicture] = {}  # by place, those that have been read
        self.out: frozenset[int] = frozenset()  # places that are left out
        self.note = ""
        self.page = 0
        self.place: int | None = None  # of the picture with the cursor

    # -- what is on which page -----------------------------------------------------------------------

    @property
    def lines(self) -> list[Sequence[int]]:
        """The places on each line: a group on lines of its own, single ones as many as fit."""
        across = max(1, self.size.width // CARD_WIDTH)
        if all(len(group) == 1 for group in self.groups):
            single = [group[0] for group in self.groups]
            return [single[start : start + across] for start in range(0, len(single), across)]
        return [group[start : start + across] for group in self.groups for start in range(0, len(group), across)]

    @property
    def of_page(self) -> int:
        """Lines of a page."""
        return max(1, (self.size.height + LINE_GAP) // (CARD_HEIGHT + LINE_GAP))

    @property
    def pages(self) -> int:
        """How many there are."""
        return -(-len(self.lines) // self.of_page)

    @property
    def shown(self) -> list[Sequence[int]]:
        """The lines of this page."""
        self.page = max(0, min(self.page, self.pages - 1))
        return self.lines[self.page * self.of_page : (self.page + 1) * self.of_page]

    def show(self, groups: Sequence[Sequence[int]], note: str) -> None:
        """Begin with other groups; `note` stands where there are none."""
        self.groups, self.note, self.page = groups, note, 0
        self.place = groups[0][0] if groups else None
        self.refresh()

    def turn(self, pages: int) -> None:
        """To another page, with the cursor on its first picture."""
        self.page = max(0, min(self.page + pages, self.pages - 1))
        self.place = self.shown[0][0] if self.shown else None
        self.refresh()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        at = next((number for number, line in enumerate(self.lines) if self.place in line), 0)
        self.page = at // self.of_page
        self.post_message(self.Resized())

    # -- drawing ---------------------------------------------------------------------------------

    def render(self) -> Text:
        """The page."""
        if not self.groups:
            return Text(self.note)
        lines: list[Text] = []
        for line in self.shown:
            if lines:
                lines.append(Text())
            drawn = [self._card(place) for place in line]
            lines += [Text().join(parts) for parts in zip(*drawn, strict=True)]
        return Text("\n", no_wrap=True, end="").join(lines[: max(self.size.height, 1)])

    def _card(self, place: int) -> list[Text]:
        known = self.pictures.get(place)
        words = "" if known is None else known.caption
        if place in self.out:
            words = f"✗ {words}"
        colour = "cae-attention" if place in self.out else ""
        return card_lines(self, None if known is None else known.picture, words, colour, on=place == self.place)

    # -- moving ----------------------------------------------------------------------------------

    def action_move(self, right: int, down: int) -> None:
        """To a neighbouring picture; off the page is another page."""
        lines = self.lines
        at = next((number for number, line in enumerate(lines) if self.place in line), None)
        if at is None or self.place is None:
            return
        column = list(lines[at]).index(self.place)
        if right:
            every = [place for line in lines for place in line]
            there = every.index(self.place) + right
            if not 0 <= there < len(every):
                return
            self.place = every[there]
            at = next(number for number, line in enumerate(lines) if self.place in line)
        else:
            at += down
            if not 0 <= at < len(lines):
                return
            self.place = lines[at][min(column, len(lines[at]) - 1)]
        pages = at // self.of_page - self.page
        self.page += pages
        self.refresh()
        self.post_message(self.Turned(pages) if pages else self.Moved())

    def on_click(self, event: Click) -> None:
        """To the picture that was clicked."""
        line, row = divmod(event.y, CARD_HEIGHT + LINE_GAP)
        column = event.x // CARD_WIDTH
        if row < CARD_HEIGHT and line < len(self.shown) and column < len(self.shown[line]):
            self.place = self.shown[line][column]
            self.refresh()
            self.post_message(self.Moved())
