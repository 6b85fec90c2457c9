"""An image in doubt, as large as there is room for, over some of the class it was given and of the one suggested."""

from rich.text import Text
from textual.widget import Widget

from cae_tui.bridge.doubts import DoubtPictures
from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import beside, fitting, half_blocks, largest
from engine.text import shortened

SMALL = (14, 7)


class DoubtImages(Widget):
    """What `show` was given; the examples where there is room beneath."""

    DEFAULT_CSS = "DoubtImages { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.found: DoubtPictures | None = None
        self._given = self._suggested = ""

    def show(self, found: DoubtPictures | None, given: str = "", suggested: str = "") -> None:
        """Draw these; `given` and `suggested` are what the classes are called, nothing where there is no such class."""
        self.found, self._given, self._suggested = found, given, suggested
        self.refresh()

    def render(self) -> Text:
        """The image, then a line of examples for each class."""
        width, height = self.size
        if self.found is None or not width or not height:
            return Text()
        image = self.found.image
        columns, rows = fitting(image, SMALL[0], SMALL[1])
        each = rows + 1  # a line of words above
        rest = [
            (name, pictures)
            for name, pictures in ((self._suggested, self.found.suggested), (self._given, self.found.given))
            if name
        ]
        enough = min(largest(image, width, height)[1], 14)  # beneath an image of so many rows there may be others
        lines = min(max((height - enough) // each, 0), len(rest))
        room = height - lines * each
        text = half_blocks(image, **dict(zip(("width", "height"), largest(image, width, max(room, 1)), strict=True)))
        across = max((width + 1) // (columns + 1), 1)
        for name, pictures in rest[:lines]:
            text = Text("\n", end="").join([text, *self._examples(name, pictures[:across], columns, rows)])
        return text

    def _examples(self, name: str, pictures: tuple[Picture, ...], columns: int, rows: int) -> list[Text]:
        if not pictures:
            return [Text(shortened(f"no other {name}", max(self.size.width, 1)))]
        head = Text(shortened(f"some of {name}", max(self.size.width, 1)))
        return [head, beside(pictures, width=columns, height=rows, gap=1)]
