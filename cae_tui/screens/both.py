"""The same images through two runs that are compared: where they differ, and each image large, through both."""

import asyncio
from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.both import ALL, DIFFER, FIRST, NEITHER, SECOND, BothView, Pair, counts_in_words
from cae_tui.bridge.values import ImageView, Picture, Prediction
from cae_tui.printing import as_typed
from cae_tui.screens.base import Page
from cae_tui.widgets.card_grid import CAPTION, CardGrid
from cae_tui.widgets.prediction_view import PredictionView
from engine.errors import EngineError
from engine.text import class_name, shortened

SETTLE_SECONDS = 0.08
"""How long an image is looked at before the models are asked: a key that is held down passes over many."""
KEPT = 2_000
KEYS = {ALL: "a", DIFFER: "d", FIRST: "1", SECOND: "2", NEITHER: "n"}


class BothScreen(Page):
    """Two runs on the same images.

    Args:
        runs: their ids.
    """

    CSS_PATH = "both.tcss"
    AUTO_FOCUS = "CardGrid"
    HELP = """\
The images that both runs were measured on, and what each made of them.

- **Classifiers**: a card says `4: 4 ✓  9 ✗`: a true 4, which the first run recognises and the second takes for a 9. The
  line on top counts how often both, one or neither is right. McNemar's exact test says how often a difference so uneven
  would come by chance, were both as good: below 0.05 it is hardly that.
- **Autoencoders**: a card says the mean squared error of the first and of the second run. Those of the greatest
  difference come first.
- `d` where the answers differ, `1` only the first is right (or rebuilds better), `2` only the second, `n` neither, `a`
  all.
- The arrows move, `PgUp` and `PgDn` turn the page. `Enter` shows an image large, through both; there the arrows show
  the others, and Escape goes back.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "part('differ')", "Differ", id="both.differ", tooltip="Where the answers differ"),
        Binding("1", "part('first')", "First better", id="both.first", tooltip="Where the first does better"),
        Binding("2", "part('second')", "Second better", id="both.second", tooltip="Where the second does better"),
        Binding("n", "part('neither')", "Neither", id="both.neither", tooltip="Where neither is right", show=False),
        Binding("a", "part('all')", "All", id="both.all", tooltip="All images"),
        Binding("pagedown", "turn(1)", "Next", id="both.next", tooltip="The next page", show=False),
        Binding("pageup", "turn(-1)", "Previous", id="both.previous", tooltip="The previous page", show=False),
        Binding("left", "step(-1)", "Before", id="both.before", tooltip="The previous image", show=False),
        Binding("right", "step(1)", "After", id="both.after", tooltip="The next image", show=False),
    ]

    def __init__(self, runs: tuple[str, str]) -> None:
        super().__init__()
        self.runs = runs
        self.view: BothView | None = None
        self.part = ALL
        self.found: list[Pair] = []
        self.at = 0
        self.large = False
        self._pictures: dict[int, Picture] = {}
        self._images: dict[int, tuple[ImageView, ImageView]] = {}

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Compare", " and ".join(self._names), "Same images")

    @property
    def _names(self) -> tuple[str, str]:
        first, second = self.runs
        return self.run_prefix(first), self.run_prefix(second)

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of both."""
        return self.cae.data_of_run(self.runs[0])

    def compose_page(self) -> Iterator[Widget]:
        """How they do, which part is shown, then the cards or one image through both."""
        yield Static("Reading the predictions of both…", id="told", markup=False)
        yield Static(id="page-line", markup=False)
        yield CardGrid(id="cards")
        with Horizontal(id="large"):
            for place in ("first", "second"):
                with Vertical(id=f"{place}-side", classes="card"):
                    yield PredictionView(id=place)

    def on_mount(self) -> None:
        self.query_one("#large").display = False
        self.query_one(CardGrid).caption = self._caption
        for place, name in zip(("first", "second"), self._names, strict=True):
            self.query_one(f"#{place}-side").border_title = name
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        try:
            self.view = await self.runner.side_by_side(*self.runs)
        except EngineError as error:
            self.query_one("#told", Static).update(Content.styled(as_typed(str(error)), "$error"))
            return
        for large in self.query(PredictionView):
            large.names = self.view.class_names
        self.query_one("#told", Static).update(counts_in_words(self.view, self._names))
        self._show_part(next((part for part in self.view.parts if self.view.part(part)), ALL))

    # -- drawing ---------------------------------------------------------------------------------

    def _show_part(self, part: str) -> None:
        assert self.view is not None
        self.part, self.found, self.at = part, self.view.part(part), 0
        if not self.found and self.large:
            self.large = False
            self.call_after_refresh(self.query_one(CardGrid).focus)
        self._draw()

    @on(CardGrid.Resized)  # another number of cards fits
    def _draw(self) -> None:
        if self.view is None:
            return
        cards = self.query_one(CardGrid)
        cards.display, self.query_one("#large").display = not self.large, self.large
        names = self._names
        part = {
            ALL: "all", DIFFER: "where the answers differ", NEITHER: "where neither is right",
            FIRST: f"only {names[0]} right" if self.view.tells_classes else f"{names[0]} better",
            SECOND: f"only {names[1]} right" if self.view.tells_classes else f"{names[1]} better",
        }[self.part]  # fmt: skip
        if self.large:
            line = f"{part} · {formats.count(self.at + 1)} of {formats.count(len(self.found))}"
            self._draw_large(self.found[self.at])
        else:
            capacity = cards.capacity
            page, cursor = divmod(self.at, capacity)
            pages = max(1, -(-len(self.found) // capacity))
            line = f"{part} · page {page + 1:,} of {pages:,} · {formats.count(len(self.found))}"
            shown = self.found[page * capacity : (page + 1) * capacity]
            keys = ", ".join(f"{KEYS[name]} {name}" for name in self.view.parts if name != self.part)
            cards.show([pair.first for pair in shown], self._pictures, cursor, f"There is none. Keys: {keys}.")
            if missing := [pair.index for pair in shown if pair.index not in self._pictures]:
                self._read_pictures(missing)
        self.query_one("#page-line", Static).update(Content.styled(line, "$foreground-muted"))
        self.refresh_keys()

    def _draw_large(self, pair: Pair) -> None:
        images = self._images.get(pair.index)
        for place, (name, one) in enumerate((("first", pair.first), ("second", pair.second))):
            large = self.query_one(f"#{name}", PredictionView)
            if images is not None:
                large.show(one, "", images[place])
                continue
            picture = self._pictures.get(pair.index)
            known = None if picture is None else ImageView(picture=picture, reconstruction=None, probabilities=())
            large.show(one, "", known, "Reading the model… the first time takes a few seconds.")
        if images is None:
            self._read_images(pair.index)

    def _caption(self, prediction: Prediction) -> tuple[str, bool | None]:
        """The true class and both answers, or both errors; and whether both are right."""
        pair = next((pair for pair in self.found[self._first :] if pair.index == prediction.index), None)
        if pair is None or self.view is None:
            return "", None
        if not self.view.tells_classes:
            return f"{formats.loss(pair.first.error)} {formats.loss(pair.second.error)}", None
        signs = ["✓" if one.right else "✗" for one in (pair.first, pair.second)]
        labels = [
            label for label in (pair.first.true, pair.first.predicted, pair.second.predicted) if label is not None
        ]
        room = (CAPTION - 8) // max(len(labels), 1)
        names = [shortened(class_name(self.view.class_names, label), max(room, 1)) for label in labels]
        true, *told = names if len(names) == 3 else ("?", *names)
        words = "  ".join(f"{name} {sign}" for name, sign in zip(told, signs, strict=True))
        return f"{true}: {words}", None if signs[0] != signs[1] else signs[0] == "✓"

    @property
    def _first(self) -> int:
        """The place of the first card on the page."""
        capacity = self.query_one(CardGrid).capacity
        return self.at // capacity * capacity

    @work(exclusive=True, group="pictures")
    async def _read_pictures(self, indices: list[int]) -> None:
        try:
            pictures = await self.runner.images(self.runs[0], indices)
        except EngineError as error:
            self.query_one("#page-line", Static).update(Content.styled(as_typed(str(error)), "$error"))
            return
        if len(self._pictures) > KEPT:
            self._pictures.clear()
            self.call_later(self._draw)  # what else is on the page is read anew
        self._pictures.update(zip(indices, pictures, strict=True))
        self.query_one(CardGrid).refresh()

    @work(exclusive=True, group="image")
    async def _read_images(self, index: int) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            first, second = [await self.runner.image(run, index) for run in self.runs]
        except EngineError as error:
            self.query_one("#page-line", Static).update(Content.styled(as_typed(str(error)), "$error"))
            return
        if len(self._images) > KEPT:
            self._images.clear()
        self._images[index] = first, second
        if self.large and self.found[self.at].index == index:
            self._draw()

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What there is to look at."""
        if action == "part":
            return self.view is not None and parameters[0] in self.view.parts
        if action == "step":
            return self.large
        if action == "turn":
            return self.view is not None and not self.large
        return super().check_action(action, parameters)

    def action_part(self, part: str) -> None:
        """Another part of the images."""
        self._show_part(part)

    def action_turn(self, pages: int) -> None:
        """Another page."""
        self._go_to(self._first + pages * self.query_one(CardGrid).capacity)

    def action_step(self, steps: int) -> None:
        """Large, the image before or after."""
        self._go_to(self.at + steps)

    @on(CardGrid.Stepped)
    def _step(self, message: CardGrid.Stepped) -> None:
        self._go_to(self.at + message.steps)

    def _go_to(self, place: int) -> None:
        if 0 <= place < len(self.found):
            self.at = place
            self._draw()

    @on(CardGrid.Opened)
    def _open(self) -> None:
        if self.found:
            self.large = True
            self.set_focus(None)
            self._draw()

    def step_back(self) -> bool:
        """From one image to the cards."""
        if not self.large:
            return False
        self.large = False
        self._draw()
        self.query_one(CardGrid).focus()
        return True
