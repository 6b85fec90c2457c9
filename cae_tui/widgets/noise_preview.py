"""What noise does to images of the set: each as it is and with the noise that the form names, beneath its fields."""

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import cells_of, fitting, scale_words
from cae_tui.widgets.sample_strip import in_line
from engine.text import counted

Pair = tuple[Picture, Picture]
GAP = 4
"""Columns of a pair that are no image: between its two, and before the next."""
FEW = 7
"""Rows of an image where a page has few, so that the fields above stay in sight."""


class NoisePreview(Widget):
    """Pairs of images, without and with noise, as many as fit; nothing while the form names no noise."""

    DEFAULT_CSS = """
    NoisePreview { height: auto; width: 1fr; padding: 0 0 0 2; margin: 1 0 0 0; display: none; }
    """

    pairs: reactive[tuple[Pair, ...]] = reactive((), layout=True)
    words: reactive[str] = reactive("", layout=True)
    """What noise it is, and how much."""

    def watch_pairs(self) -> None:
        """It takes room only where there is something to see."""
        self.display = bool(self.pairs)

    def _cells(self, width: int) -> tuple[int, int]:
        """Columns and rows of an image: exact, or less where two of them do not fit side by side."""
        first = self.pairs[0][0]
        exact = cells_of(first)
        rows = exact[1] if not self.screen.has_class("-short") else min(exact[1], FEW)
        return fitting(first, max((width - GAP + 3) // 2, 1), rows)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002 - as Textual asks
        """Its images, and a line over them."""
        return 1 + self._cells(width)[1] if self.pairs else 0

    def render(self) -> Text:
        """A line that says what is seen, and the pairs."""
        if not self.pairs:
            return Text()
        size = self._cells(self.size.width)
        count = max((self.size.width + GAP - 1) // (2 * size[0] + GAP), 1)
        shown = self.pairs[:count]
        what = counted(len(shown), "image") if len(shown) > 1 else "An image"
        line = f"{what}, without and with {self.words} · {scale_words(shown[0][0], *size)}"
        return Text("\n", no_wrap=True, end="").join([Text(line, style="dim"), in_line(shown, size)])
