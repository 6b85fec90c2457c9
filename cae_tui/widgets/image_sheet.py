"""As many images as fit, in rows: small ones, averaged, or every pixel of fewer."""

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import beside, fitting

SMALL = (14, 7)
"""The columns and rows that a small image fits into: half of the size at which 28×28 pixels are exact."""


class ImageSheet(Widget, can_focus=True):
    """A page of images, none of them cut off."""

    DEFAULT_CSS = "ImageSheet { width: 1fr; height: 1fr; }"

    pictures: reactive[tuple[Picture, ...]] = reactive(())
    word: reactive[str] = reactive("Reading the images …")
    exact: reactive[bool] = reactive(False)

    def cell(self, height: int, width: int) -> tuple[int, int]:
        """The columns and rows of each image of that many pixels."""
        columns, rows = self.content_size
        if not self.exact:
            columns, rows = min(columns, SMALL[0]), min(rows, SMALL[1])
        return fitting(Picture(height, width, 1, b""), max(columns, 1), max(rows, 1))

    def room(self, height: int, width: int) -> tuple[int, int]:
        """How many images of that many pixels fit, across and down."""
        columns, rows = self.cell(height, width)
        return max((self.content_size.width + 1) // (columns + 1), 1), max(
            (self.content_size.height + 1) // (rows + 1), 1
        )

    def render(self) -> Text:
        """The images, or a word in their place."""
        if not self.pictures:
            return Text(self.word)
        first = self.pictures[0]
        across, down = self.room(first.height, first.width)
        shown: Sequence[Picture] = self.pictures[: across * down]
        columns, rows = self.cell(first.height, first.width)
        lines = [
            beside(shown[place : place + across], width=columns, height=rows, gap=1)
            for place in range(0, len(shown), across)
        ]
        return Text("\n\n").join(lines)
