"""What frames every screen: the line on top, and the strip that tells of the run that is on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Footer, Static

from cae_tui import formats
from cae_tui.messages import OpenTraining
from cae_tui.textual_private import FooterKey, is_being_removed

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState

NAME = "cae-tui"
LEAST_NAME = 8
"""Cells from which on a part of the data's name is worth its place."""


def state_content(state: str, words: str | None = None) -> Content:
    """A run's state as its symbol and a word, coloured: `✓ finished`; `words` in place of the word."""
    symbol, variable = formats.state_symbol(state)
    return Content.styled(f"{symbol} {state if words is None else words}", f"${variable}")


class TopBar(Widget):
    """Where one is, which images the page is about, and on which device one would train."""

    DEFAULT_CSS = """
    TopBar {
        dock: top;
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $foreground;
    }
    """

    crumbs: reactive[tuple[str, ...]] = reactive(())
    data: reactive[tuple[str, ...]] = reactive(())  # what the images are called, and their shape in words
    device: reactive[str] = reactive("")

    def render(self) -> Content:
        """One line: the place on the left; data and device on the right, as much of them as there is room for."""
        place = Content.styled(NAME, "bold $primary")
        for position, crumb in enumerate(self.crumbs, start=1):
            last = position == len(self.crumbs)
            place += Content.styled(" › ", "$foreground-muted") + Content.styled(crumb, "bold" if last else "")
        width = self.content_size.width
        if place.cell_length > width:
            return place.truncate(width, ellipsis=True)
        room = width - place.cell_length - 2
        right = next((text for text in self._choices() if cell_len(text) <= room), "")
        if not right and self.data and room >= LEAST_NAME:
            right = f"{set_cell_size(self.data[0], room - 1).rstrip()}…"
        space = room + 2 - cell_len(right)
        return place + Content(" " * space) + Content.styled(right, "$foreground-muted")

    def _choices(self) -> Iterator[str]:
        """What may stand on the right, the longest first: of the device its beginning matters most, then the shape."""
        device = self.device.split(" · ") if self.device else []
        for many in range(len(device), 0, -1):
            yield " · ".join([*self.data, *device[:many]])
        for many in range(len(self.data), 0, -1):
            yield " · ".join(self.data[:many])


class KeyLine(Footer):
    """The keys at the bottom."""

    _keys: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        """As in Textual, whose keys begin as compact ones and have their styles worked out twice again for that."""
        for widget in super().compose():
            if isinstance(widget, FooterKey) and not widget.has_class("-command-palette"):  # which stays compact
                widget.set_reactive(FooterKey.compact, self.compact)
            yield widget

    async def recompose(self) -> None:
        """With other keys; those of before are let go, which watch the line and are kept by it else.

        Textual asks for it at each key that is pressed, and nearly always the same keys are offered as before.
        """
        if not self.is_attached or is_being_removed(self):
            return
        keys = tuple((binding, enabled, tip) for _, binding, enabled, tip in self.screen.active_bindings.values())
        if keys == self._keys:
            return
        self._keys = keys
        await super().recompose()
        self.mutate_reactive(Footer.compact)  # Textual forgets watchers that have left only where it calls the others


class RunStrip(Widget):
    """One line about the run that is on; there is none while no run is. A click goes to the run."""

    DEFAULT_CSS = """
    RunStrip {
        height: 1;
        padding: 0 1;
        background: $panel;
        display: none;
        pointer: pointer;
    }
    RunStrip:hover { background: $panel-lighten-1; }
    """

    parts: reactive[tuple[Content, ...]] = reactive(())

    def __init__(self) -> None:
        super().__init__()
        self._run = ""
        self.tooltip = "Go to the run that is training"

    def show(self, run: "RunState", name: str = "") -> None:
        """Tell of `run`, called `name`, or vanish once it is over."""
        self.display = run.live
        if not run.live:
            return
        self._run = run.id
        self.parts = strip_parts(run, name or run.id[:4])

    def render(self) -> Content:
        """As many parts as there is room for, and the key."""
        width, parts = self.content_size.width, self.parts
        while len(parts) > 1 and _joined(parts).cell_length > width:
            parts = parts[:-1]
        text = _joined(parts)
        key = Content.styled("Ctrl+T", "bold $primary") + Content(" shows it")
        space = width - text.cell_length - key.cell_length
        if space < 2:
            return text.truncate(width, ellipsis=True)
        return text + Content(" " * space) + key

    def on_click(self) -> None:
        self.post_message(OpenTraining(self._run))


class TourLine(Static):
    """What the tour has to say of a page, over its keys; there is none off the tour."""

    DEFAULT_CSS = """
    TourLine {
        height: auto;
        padding: 0 1;
        border-left: thick $primary;
        background: $panel;
        display: none;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._told = ("", "")

    def show(self, place: str, words: str) -> None:
        """Tell where on the tour it is, and what one sees."""
        if (place, words) == self._told:
            return
        self._told = place, words
        self.display = bool(words)
        if words:
            head = Content.styled(f"Tour, {place}  ", "bold $primary")
            self.update(head + Content(words) + Content.styled("  Esc leaves the tour.", "$foreground-muted"))


def _joined(parts: Sequence[Content]) -> Content:
    return Content("  ").join(parts)


def strip_parts(run: "RunState", name: str) -> tuple[Content, ...]:
    """`● training a7f3`, `epoch 7/20`, `val_loss 0.0004`, `ETA 1:12`: the first matters most."""
    if run.state == "running":
        doing = "preparing" if run.started is None else "evaluating" if run.evaluating else "training"
    else:
        doing = run.state
    parts = [state_content(run.state, f"{doing} {name}".rstrip())]
    if run.stage_epochs:
        parts.append(Content(formats.epoch_label(run.stage, run.epoch, run.stage_epochs)))
    log = run.stage_log
    if log:
        parts.append(Content(f"val_loss {formats.loss(log[-1].validation['loss'])}"))
    if run.eta is not None and run.state == "running" and not run.evaluating:
        parts.append(Content(f"ETA {formats.duration(run.eta)}"))
    return tuple(parts)
