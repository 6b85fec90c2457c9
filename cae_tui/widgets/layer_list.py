"""The layers of a network from top to bottom, and what else can be looked at of an image in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from cae_tui import formats
from cae_tui.bridge.looking import InsideView
from cae_tui.widgets.line_table import Head, LineTable

WIDE = 32
"""Columns from which on there is room for the numbers of parameters."""


WHY, IMAGE, KERNELS = "why", "image", "kernels"
"""What is no layer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list."""

    name: str
    output: str = ""  # the shape of what it gives
    parameters: int | None = None
    layer: int | None = None  # its place among the layers, from 0


class LayerList(LineTable):
    """A line a layer; the arrows move, pages are those of what is shown beside it."""

    MARGIN: ClassVar[int] = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "screen.turn(-1)", "Previous page", id="layers.pageup", show=False,
                tooltip="The page before of what is shown"),
        Binding("pagedown", "screen.turn(1)", "Next page", id="layers.pagedown", show=False,
                tooltip="The next page of what is shown"),
        Binding("left", "screen.step(-1)", "Image", key_display="←→", id="layers.left", tooltip="The previous image"),
        Binding("right", "screen.step(1)", "Next image", id="layers.right", tooltip="The next image", show=False),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.entries: Sequence[Entry] = ()

    @property
    def entry(self) -> Entry | None:
        """The one under the cursor."""
        return self.entries[self.cursor_row] if self.entries else None

    def show(self, entries: Sequence[Entry], cursor: int) -> None:
        """List them."""
        self.entries = entries
        self.place_rows(cursor)

    @property
    def row_count(self) -> int:
        return len(self.entries)

    def heads(self) -> Sequence[Head]:
        longest = max((len(one.output) for one in self.entries), default=0)
        heads = [Head("layer", "layer", 10), Head("output", "output", max(longest, 9), right=True)]
        return [*heads, Head("params", "params", 7, right=True)] if self.size.width >= WIDE else heads

    def cells(self, row: int) -> Sequence[str | Text]:
        one = self.entries[row]
        parameters = "" if one.parameters is None else formats.big(one.parameters)
        return [one.name, one.output, parameters][: len(self.heads())]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A line opens nothing: what it is about is shown beside it."""
        return False if action == "select" else super().check_action(action, parameters)


def entries_of(view: InsideView) -> list[Entry]:
    """The lines of the list for an image."""
    picture = view.picture
    entries = [Entry(WHY)] if view.class_names else []
    entries.append(Entry(IMAGE, f"{picture.height}×{picture.width}×{picture.channels}"))
    if view.kernels:
        entries.append(Entry(KERNELS, f"{view.kernels[0].height}×{view.kernels[0].width}"))
    for place, line in enumerate(view.layers):
        height, width, maps = line.shape
        output = f"{maps:,}" if height == width == 1 and line.kind == "dense" else f"{height}×{width}×{maps}"
        entries.append(Entry(f"{line.name:<7} {line.symbol}".rstrip(), output, line.parameters, place))
    return entries
