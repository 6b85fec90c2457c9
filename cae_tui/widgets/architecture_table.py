"""The layers of a network as a table, and what they come to.

It draws a `Plan`, which is worked out on paper and at once, so that it can follow a form as one types.
While the form is wrong the last plan stays, dimmed, and says so.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from cae_tui import formats

if TYPE_CHECKING:
    from engine.network.architecture import Layer, Plan

COLUMNS = ("layer", "output", "params", "MACs")
WIDTHS = (12, 12, 11, 9)


class ArchitectureTable(Vertical):
    """Layers, their outputs, parameters and multiply-adds; beneath them the sums."""

    DEFAULT_CSS = """
    ArchitectureTable {
        .head { height: 1; color: $text-muted; }
        #layers { height: auto; scrollbar-size-vertical: 1; }
        #layers Static { width: auto; min-width: 100%; }
        #sums { height: auto; display: none; border-top: solid $border-blurred; }
        #word { height: auto; display: none; color: $text-warning; }
        &.-shown #sums { display: block; }
        &.-stale #layer-lines, &.-stale #sums { text-opacity: 50%; }
        &.-stale #word { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__(classes="card")
        self.border_title = "Architecture"

    def compose(self) -> ComposeResult:
        """Head, layers, sums, and a word where these are not up to date."""
        yield Static(_line(*COLUMNS), classes="head")
        with VerticalScroll(id="layers"):
            yield Static("Reading the images …", id="layer-lines", markup=False)
        yield Static("", id="sums", markup=False)
        yield Static("", id="word", markup=False)

    def show(
        self, plan: "Plan", *, batch_size: int, epochs: int = 1, seconds: float | None = None, head: bool = False
    ) -> None:
        """Draw a plan.

        Args:
            plan: the layers.
            batch_size: images a step, for the estimate of memory.
            epochs: of the whole run.
            seconds: an epoch's, here, where it can be told.
            head: whether what follows the encoder is a classifier's head, and no decoder.
        """
        self.add_class("-shown")
        self.remove_class("-stale")
        self.query_one("#layer-lines", Static).update(Content("\n").join(layer_lines(plan)))
        sums = sum_lines(plan, batch_size=batch_size, epochs=epochs, seconds=seconds, head=head)
        self.query_one("#sums", Static).update(Content("\n").join(sums))
        self._fit()

    def _fit(self) -> None:
        """The layers scroll, so that the sums beneath them are always seen."""

        def fit() -> None:
            others = sum(part.outer_size.height for part in self.children if part.id != "layers" and part.display)
            self.query_one("#layers").styles.max_height = max(self.content_size.height - others, 1)

        self.screen.call_after_refresh(fit)

    on_resize = _fit

    def tell(self, word: str) -> None:
        """Say beneath the last plan, dimmed, why it is not up to date; what to do where there is none yet."""
        if self.has_class("-shown"):
            self.add_class("-stale")
            self.query_one("#word", Static).update(word)
            self._fit()
        else:
            self.query_one("#layer-lines", Static).update("Layers appear once every field is valid.")


def layer_lines(plan: "Plan") -> Iterable[Content]:
    """A line for each layer, and one for the latent between encoder and what follows it; a dense latent is a layer."""
    for layer in plan.encoder:
        line = _layer(layer)
        yield line.stylize("bold $primary") if layer.kind == "dense" else line
    if plan.encoder[-1].kind != "dense":
        yield latent_line(plan)
    for layer in plan.decoder:
        yield _layer(layer)


def latent_line(plan: "Plan") -> Content:
    """`latent       7×7×32 = 1,568 numbers`."""
    height, width, channels = plan.latent_shape
    shape = f"{height}×{width}×{channels}"
    return Content.styled(f"{'latent':<{WIDTHS[0]}}{shape:>{WIDTHS[1]}} = {plan.latent:,} numbers", "bold $primary")


def sum_lines(
    plan: "Plan", *, batch_size: int, epochs: int = 1, seconds: float | None = None, head: bool = False
) -> Iterable[Content]:
    """Everything that the layers come to."""
    yield Content.styled(_line("total", "", parameters(plan.parameters), millions(plan.macs)).plain, "bold")
    if head:
        encoder = sum(layer.parameters for layer in plan.encoder)
        yield Content(f"encoder {encoder:,} params · head {plan.parameters - encoder:,}")
    else:
        dense = f"{plan.latent:,} numbers, " if plan.encoder[-1].kind == "dense" else ""
        yield Content(f"latent is {dense}{compression(plan.compression)}")
    if plan.padded != plan.image:
        height, width, _ = plan.image
        yield Content(f"images are padded from {height}×{width} to {plan.padded[0]}×{plan.padded[1]}")
    yield Content(f"about {formats.size(plan.memory(batch_size))} of memory a step")
    if not head:
        yield Content("speed: unknown until a run of similar size here" if seconds is None else _speed(seconds, epochs))


def _speed(seconds: float, epochs: int) -> str:
    all_of_them = f" · {about(seconds * epochs)} in all" if epochs > 1 else ""
    return f"about {about(seconds)} an epoch here{all_of_them}"


def compression(ratio: float) -> str:
    """The latent's size over the image's, in words."""
    if ratio > 1:
        return f"{ratio:,.1f} × the image: overcomplete"
    if ratio == 1:
        return "as large as the image"
    return f"{ratio:.2g} × the image: compresses {1 / ratio:,.{0 if ratio < 0.1 else 1}f}:1"


def about(seconds: float) -> str:
    """A time as one says it: `0.4 s`, `21 s`, `3:20`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 119.5 else formats.duration(seconds)


def millions(number: int) -> str:
    """Multiply-adds in one unit, so that they line up; in thousands of it where there are very many."""
    if number < 5_000:
        return "<0.01 M" if number else "0.00 M"
    if number < 999_995_000:
        return f"{number / 1e6:.2f} M"
    return f"{number / 1e9:.1f} G" if number < 999_950_000_000 else f"{number / 1e9:,.0f} G"


def parameters(number: int) -> str:
    """Every digit, as far as the column is wide."""
    return f"{number:,}" if number < 10_000_000 else formats.big(number)


def _layer(layer: "Layer") -> Content:
    height, width, channels = layer.shape
    output = f"{channels:,}" if height == width == 1 else f"{height}×{width}×{channels}"
    return _line(f"{layer.name:<8} {layer.symbol}", output, parameters(layer.parameters), millions(layer.macs))


def _line(name: str, *cells: str) -> Content:
    rest = "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS[1:], strict=True))
    return Content(f"{name:<{WIDTHS[0]}}{rest}")
