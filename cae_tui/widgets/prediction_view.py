"""One image, large: beside it what an autoencoder makes of it, and every class's probability.

Of a run that was measured on noisy images: noisy, rebuilt, clean.
"""

from collections.abc import Iterator, Sequence

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.values import ImageView, Picture, Prediction
from cae_tui.widgets.image_grid import PictureView, fitting, largest, scale_of
from cae_tui.widgets.run_progress import bar
from engine.text import cell_len, class_name, padded, shortened

MOST_BARS = 10
LONGEST_NAME = 16
LEAST_BAR = 3
RECONSTRUCTION = "reconstruction"
BARS_WIDTH, EASY_WIDTH = 18, 36
"""Columns that the bars have at least, and those that an image is not drawn larger than exact for."""


def probability_lines(
    probabilities: Sequence[float], true: int | None, width: int, names: Sequence[str] = ()
) -> list[Content]:
    """A bar a class, of the ten likeliest where there are more; ✓ marks the true class, ✗ another one told."""
    classes: Sequence[int] = range(len(probabilities))
    if len(probabilities) > MOST_BARS:
        classes = sorted(classes, key=lambda label: -probabilities[label])[:MOST_BARS]
    top = max(classes, key=lambda label: probabilities[label], default=None)
    longest = max((cell_len(class_name(names, label)) for label in classes), default=1)
    room = min(longest, LONGEST_NAME, max(width - len("100.0 %") - 4 - LEAST_BAR, 1))
    lines = []
    for label in classes:
        percent = f"{100 * probabilities[label]:.1f} %".rjust(7)
        filled, empty = bar(probabilities[label], max(width - room - len(percent) - 4, LEAST_BAR))
        symbol = "✓" if label == true else "✗" if label == top else " "
        colour = "$cae-attention" if label == top and label != true else "$cae-training"
        style = "bold" if label in (top, true) else ""
        lines.append(
            Content.assemble(
                (f"{padded(class_name(names, label), room, right=True)} {symbol} ", style),
                (filled, colour),
                (empty, "$border-blurred"),
                (f" {percent}", style),
            )
        )
    legend = ["✓ true class, predicted"] if top == true else ["✓ true class", "✗ predicted"]
    if len(probabilities) > MOST_BARS:
        legend.insert(0, f"of {len(probabilities):,} classes")
    return [*lines, Content(), *(Content.styled(words, "$foreground-muted") for words in legend if width > 12)]


def scale_note(picture: Picture, width: int, height: int) -> str:
    """`28×28 pixels`, and how much larger or smaller it is drawn."""
    size, scale = f"{picture.height}×{picture.width}", scale_of(picture, width, height)
    if not scale:
        return f"{size}, drawn {2 * height}×{width}"
    return f"{size} pixels" if scale == 1 else f"{size} pixels, drawn {scale}× as large"


class PredictionView(Widget):
    """What is known of one image; `image` is None while it is read."""

    DEFAULT_CSS = """
    PredictionView {
        height: 1fr; width: 1fr; padding: 0 1;
        #line { height: 1; text-style: bold; margin-bottom: 1; }
        #body { height: auto; }
        .side { width: auto; height: auto; margin-right: 2; }
        .note { height: auto; width: auto; color: $text-muted; }
        #bars-side { width: 1fr; max-width: 60; height: auto; }
        #bars { height: auto; }
    }
    """

    image: reactive[ImageView | None] = reactive(None)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.prediction: Prediction | None = None
        self.names: Sequence[str] = ()  # of the classes, by label
        self._place = ""
        self._waits = ""

    def compose(self) -> Iterator[Widget]:
        """The image, its reconstruction, the bars."""
        yield Static(id="line", markup=False)
        with Horizontal(id="body"):
            with Vertical(classes="side", id="third"):
                yield PictureView(id="noisy")
                yield Static("noisy", classes="note", markup=False)
            with Vertical(classes="side", id="first"):
                yield PictureView(id="original")
                yield Static(id="original-note", classes="note", markup=False)
            with Vertical(classes="side", id="second"):
                yield PictureView(id="reconstruction")
                yield Static(RECONSTRUCTION, id="second-note", classes="note", markup=False)
            with Vertical(id="bars-side"):
                yield Static(id="bars", markup=False)

    def show(self, prediction: Prediction, place: str, image: ImageView | None, waits: str = "") -> None:
        """Draw one; `place` says where among the others it is, `waits` what is still read."""
        self.prediction, self._place, self._waits = prediction, place, waits
        self.set_reactive(PredictionView.image, image)
        self._draw()

    def _draw(self) -> None:
        prediction, image = self.prediction, self.image
        if prediction is None or not self.is_mounted:
            return
        self.query_one("#line", Static).update(self._line(prediction))
        second = self.query_one("#second")
        second.display = image is not None and image.reconstruction is not None
        noisy = None if image is None else image.noisy
        self.query_one("#third").display = noisy is not None
        bars = self.query_one("#bars", Static)
        if image is None:
            bars.update(Content.styled(self._waits, "$foreground-muted"))
            return
        # Where a reconstruction may still come the image is as large as it will be beside it.
        sides = 3 if noisy is not None else 2 if image.reconstruction is not None or self._waits else 1
        easy = EASY_WIDTH if prediction.predicted is not None else 0
        if noisy is not None:
            self._picture("#noisy", noisy, sides, easy)
            self.query_one("#second-note", Static).update("rebuilt")
            if self.query_one("#body").children.index(second) > 1:  # between the other two
                self.query_one("#body").move_child(second, before=self.query_one("#first"))
        width, height = self._picture("#original", image.picture, sides, easy)
        if image.reconstruction is not None:
            self._picture("#reconstruction", image.reconstruction, sides, easy)
        note = f"{'clean, ' if noisy is not None else ''}{scale_note(image.picture, width, height)}"
        if image.reconstruction is None and not self._waits:
            note += "\nno autoencoder at hand"
        self.query_one("#original-note", Static).update(note)
        beside = max(width, len(RECONSTRUCTION)) + 2 if second.display else 0
        room = min(self.size.width - max(width, *map(len, note.splitlines())) - 2 - beside, 60)
        if image.probabilities:
            bars.update(Content("\n").join(probability_lines(image.probabilities, prediction.true, room, self.names)))
        else:
            bars.update(Content.styled(self._waits, "$foreground-muted") if self._waits else Content())

    on_resize = _draw

    def _picture(self, name: str, picture: Picture, sides: int, easy: int) -> tuple[int, int]:
        """Show it as large as there is room for; gives back in how many columns and rows that is."""
        view = self.query_one(name, PictureView)
        rows = max(self.size.height - 3, 2)
        width, height = largest(picture, (self.size.width - easy) // sides - 2, rows)
        if scale_of(picture, width, height) < 2:
            bars = BARS_WIDTH if sides < 3 else 0  # three pictures are of what tells no classes
            width, height = fitting(picture, max((self.size.width - bars) // sides - 2, 4), rows)
        view.styles.width, view.styles.height = width, height
        view.picture = picture
        return width, height

    def _line(self, prediction: Prediction) -> Content:
        parts = [Content(f"image {formats.count(prediction.index)}  ")]
        if prediction.predicted is not None:
            symbol, colour = ("✓", "$success") if prediction.right else ("✗", "$cae-attention")
            words = (
                f"true {self._class_name(prediction.true)} → predicted {self._class_name(prediction.predicted)}"
                if not prediction.right
                else (f"class {self._class_name(prediction.true)}")
            )
            parts.append(Content.styled(f"{words}  {symbol} {formats.percent(prediction.confidence, 1)}", colour))
        else:
            name = "" if prediction.true is None else f"class {self._class_name(prediction.true)}  "
            parts.append(Content(f"{name}mean squared error {formats.loss(prediction.error)}"))
        parts.append(Content.styled(f"  {self._place}", "$foreground-muted"))
        return Content("").join(parts)

    def _class_name(self, label: int | None) -> str:
        return "None" if label is None else shortened(class_name(self.names, label), LONGEST_NAME)
