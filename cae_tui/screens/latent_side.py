"""What stands around the map of a latent space: the image under the cursor, decodings, sliders, numbers.

What is decoded and measured is asked of the model by each of them, in a thread, the latest only.
"""

from collections.abc import Iterator

from textual import on, work
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.latent import Latent
from cae_tui.bridge.latent_numbers import NumbersView
from cae_tui.bridge.latent_values import Looked, MapView, Marked
from cae_tui.bridge.map_filter import LONGEST_NAME
from cae_tui.widgets.answer import PictureRow
from cae_tui.widgets.sliders import SliderRows
from engine.errors import EngineError
from engine.text import cell_len, class_name, class_title, padded, percent, shortened

A_DECODING = 16
"""Columns that a decoding in a row takes."""
FEWEST, MOST = 5, 11
"""Decodings in a row."""
IN_A_ROW = 3
LEAST_ROWS = 5
"""Of a row of neighbours, with the line beneath."""
BORROWED = "by the autoencoder it was built on"
"""Said of decodings where a classifier has no decoder of its own."""


class ImagePane(Vertical):
    """The image under the cursor, what is known of it, and its nearest neighbours."""

    def __init__(self) -> None:
        super().__init__(id="side-image")

    def compose(self) -> Iterator[Widget]:
        """The image beside its words, above the neighbours."""
        with Horizontal(id="image", classes="card"):
            yield PictureRow(1, id="picture")
            yield Static(id="words", markup=False)
        with Vertical(id="near", classes="card") as near:
            near.border_title, near.border_subtitle = "Nearest", "class, distance"
            yield PictureRow(IN_A_ROW, id="near-first")
            yield PictureRow(IN_A_ROW, id="near-last")

    def show(self, view: MapView, looked: Looked | None, *, decodes: bool, rebuilt: bool, marked: int) -> None:
        """Show an image of a map, or that there is none.

        Args:
            decodes: whether there is a decoder.
            rebuilt: whether its reconstruction is shown in place of the image.
            marked: how many images are marked.
        """
        card, row, words = (
            self.query_one("#image"),
            self.query_one("#picture", PictureRow),
            self.query_one("#words", Static),
        )
        first, last = self.query_one("#near-first", PictureRow), self.query_one("#near-last", PictureRow)
        if looked is None:
            card.border_title = "Image"
            row.pictures, first.pictures, last.pictures, first.note = (), (), (), ""
            words.update("")
            return
        card.border_title = looked.name
        card.border_subtitle = "m mark · r rebuilt · s sliders" if decodes else ""
        reconstruction = looked.reconstruction if rebuilt else None
        row.pictures = ((reconstruction, "reconstruction") if reconstruction is not None else (looked.picture, ""),)
        words.update(Content("\n").join(_about(view, looked.place, marked)))
        shown = tuple((one, f"{_called(view, label)} {far:.3g}".strip()) for one, label, far in looked.nearest)
        near = self.query_one("#near")
        rows = min(near.size.height // LEAST_ROWS, 2)  # of pictures that one can make out something on
        last.display = rows > 1
        first.pictures = shown[:IN_A_ROW] if rows else ()
        last.pictures = shown[IN_A_ROW:] if rows > 1 else ()
        rest = shown[IN_A_ROW * rows :]
        first.note = ", ".join(words for _, words in rest) or "There is no other image."
        near.border_subtitle = f"then {', '.join(words for _, words in rest)}" if rows and rest else "class, distance"


def _called(view: MapView, label: int | None) -> str:
    return "" if label is None else shortened(class_name(view.class_names, label), LONGEST_NAME)


def _about(view: MapView, place: int, marked: int) -> Iterator[Content]:
    """What is known of an image, a line each."""
    if view.labels is not None:
        true = int(view.labels[place])
        yield Content.styled(class_title(_called(view, true)), "bold")
        if view.predicted is not None:
            taken = int(view.predicted[place])
            if taken == true:
                yield Content(f"✓ taken for it {view.by}")
            else:
                yield Content.styled(f"✗ taken for {_called(view, taken)} {view.by}", "$cae-attention")
    elif view.predicted is not None:
        yield Content(f"taken for {_called(view, int(view.predicted[place]))}")
    if view.errors is not None:
        error = float(view.errors[place])
        worse = float((view.errors > error).mean())
        yield Content(f"error {formats.loss(error)}")
        yield Content.styled(f"{percent(worse, 0)} are worse", "$foreground-muted")
    if marked == 1:
        yield Content("A is marked: m marks B")


class BetweenPane(Vertical):
    """A row of decodings between two marks, beneath the map."""

    def __init__(self) -> None:
        super().__init__(id="between", classes="card")

    def compose(self) -> Iterator[Widget]:
        """As many as have room."""
        yield PictureRow(FEWEST, id="row")

    @work(exclusive=True, group="between")
    async def open(self, latent: Latent, view: MapView, first: Marked, last: Marked, *, borrowed: bool) -> None:
        """Decode from the first mark to the last."""
        row = self.query_one("#row", PictureRow)
        count = min(max(self.size.width // A_DECODING, FEWEST), MOST)
        try:
            pictures = await latent.between(view.of, first, last, count)
        except EngineError as error:
            row.pictures, row.note = (), str(error)
            return
        row.places, row.note = count, ""
        captions = ["A", *(f"{round(100 * place / (count - 1))} %" for place in range(1, count - 1)), "B"]
        row.pictures = tuple(zip(pictures, captions, strict=True))
        self.border_title = f"From {_marked(view, first)} (A) to {_marked(view, last)} (B): decodings in between"
        self.border_subtitle = BORROWED if borrowed else "u takes it away"


def _marked(view: MapView, mark: Marked) -> str:
    what, at = mark
    if what == "mean":
        return f"the mean of class {_called(view, at)}"
    return f"image {at:,}" if view.labels is None else f"a {_called(view, int(view.labels[at]))}"


class SlidersPane(Vertical):
    """What can be changed of one latent, and what is decoded of it."""

    def __init__(self) -> None:
        super().__init__(id="side-sliders", classes="card")
        self.border_title = "Sliders"
        self._latent: Latent | None = None
        self._wanted: tuple[float, ...] | None = None  # what sliders ask for, until it is decoded
        self._decoding = False

    def compose(self) -> Iterator[Widget]:
        """The picture above the sliders."""
        yield PictureRow(1, id="decoded")
        with VerticalScroll(id="slider-scroll", can_focus=False):
            yield SliderRows()

    @work(exclusive=True, group="sliders")
    async def open(self, latent: Latent, of: str, place: int, *, borrowed: bool) -> None:
        """Find what can be changed of the latent of the image at a place of the map."""
        self._latent = latent
        rows, shown = self.query_one(SliderRows), self.query_one("#decoded", PictureRow)
        rows.put(())
        shown.pictures, shown.note = (), "Looking for the directions…"
        try:
            sliders, picture = await latent.sliders(of, place)
        except EngineError as error:
            shown.note = str(error)
            return
        if not self.display:
            return
        rows.put(sliders)
        shown.pictures = ((picture, "decoded"),)
        self.border_subtitle = BORROWED if borrowed else "standard deviations"
        rows.focus()

    @on(SliderRows.Changed)
    def _moved(self, message: SliderRows.Changed) -> None:
        message.stop()
        self._wanted = message.by
        if not self._decoding:
            self._decoding = True
            self._decode_latest()

    @work(group="decoding")
    async def _decode_latest(self) -> None:
        """Decode what the sliders ask for, until they ask for nothing else."""
        assert self._latent is not None
        shown = self.query_one("#decoded", PictureRow)
        try:
            while (by := self._wanted) is not None:
                self._wanted = None
                picture = await self._latent.moved(by)
                shown.pictures = ((picture, "decoded"),)
        except EngineError as error:
            shown.pictures, shown.note = (), str(error)
        finally:
            self._decoding = False


class NumbersPane(VerticalScroll):
    """The latent in numbers, once they were asked for."""

    def __init__(self) -> None:
        super().__init__(id="side-numbers", classes="card")
        self.border_title = "Numbers"
        self._found: NumbersView | None = None
        self._measuring = False
        self._latent: Latent | None = None

    def compose(self) -> Iterator[Widget]:
        """A table, and sentences."""
        yield Static(id="numbers", markup=False)

    def open(self, latent: Latent) -> None:
        """Measure it, where that was not done yet."""
        self._latent = latent
        if self._found is None and not self._measuring:
            self._measure()

    def give_up(self) -> None:
        """What is being measured is left."""
        self.workers.cancel_group(self, "numbers")

    @work(exclusive=True, group="numbers")
    async def _measure(self) -> None:
        """Measure the latent on validation images: nothing is chosen by test images."""
        assert self._latent is not None
        timer = self.set_interval(0.1, self._tell)
        self._tell()
        self._measuring = True
        try:
            self._found = await self._latent.numbers("validation")
            self.query_one("#numbers", Static).update(numbers_table(self._found))
        except EngineError as error:
            self.query_one("#numbers", Static).update(Content.styled(str(error), "$error"))
        finally:
            timer.stop()
            self._measuring = False

    def _tell(self) -> None:
        words = f"Measuring the latent… {self._latent.how_far('numbers') if self._latent else ''} (Esc gives up)"
        self.query_one("#numbers", Static).update(words)


def numbers_table(found: NumbersView) -> str:
    """The rows under their heads, and the sentences beneath."""
    widths = [max(map(cell_len, column)) for column in zip(found.heads, *found.rows, strict=True)]
    lines = [
        "  ".join(
            padded(cell, width, right=place > 0) for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (found.heads, *found.rows)
    ]
    return "\n".join([*lines, *(f"\n{one}" for one in found.sentences)])
