"""Sample predictions: thumbnails of what a model was measured on, filtered, and each of them large.

All predictions are read once and filtered here; images are read a page at a time. The place is kept as the
position among those that pass the filter, so that another size of the terminal shows the same image.

Over 400 lines: most are keys, help and what each key does on this one page.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.prediction_filter import OF_CLASSES, OF_ERRORS, PredictionFilter
from cae_tui.bridge.values import ImageView, Picture, Prediction, PredictionsView
from cae_tui.messages import ListSorted, LookInside, OpenLatent
from cae_tui.printing import as_typed
from cae_tui.screens.base import Page
from cae_tui.widgets.card_grid import CardGrid
from cae_tui.widgets.prediction_view import PredictionView
from engine.errors import EngineError, MovedError
from engine.text import shortened

LONGEST_NAME = 20
NO_BREAK = "\N{NO-BREAK SPACE}"
KEPT_PICTURES = 2000
"""Thumbnails that are kept when others are looked at."""
SETTLE_SECONDS = 0.08
"""How long an image is looked at before the model is asked: a key that is held down passes over many."""


def _clickable(key: str, name: str, action: str, style: str = "") -> Content:
    """`a all`, the key told apart; a click acts too."""
    return Content.styled(f"{key} ", "bold $primary") + Content.styled(
        f" {name} " if style else name, Style.from_meta({"@click": f"screen.{action}"}) + Style.parse(style)
    )


class GalleryScreen(Page):
    """The predictions of one run."""

    CSS_PATH = "gallery.tcss"
    AUTO_FOCUS = "CardGrid"
    HELP = """\
What the model made of the images that it was measured on.

- A card says `4 → 9  ✗ 61 %`: a true 4, taken for a 9, with 61 % probability; `7  ✓ 100 %`: a 7, recognised.
  For an autoencoder it says the mean squared error of its reconstruction; for one that was measured on noisy images, of
  what it made of the noisy image, held against the clean one.
- `a` all, `c` correct, `i` incorrect; `0` to `9` one class, `[` and `]` the previous and the next class, `x` every
  class; `o` another order. The arrows move, `PgUp` and `PgDn` (or `p` and `n`) turn the page.
- With more than ten classes, type a number digit by digit: `Backspace` removes a digit, `Enter` or any other key
  accepts the class, Escape cancels.
- `Enter` shows one large, with every class's probability and its reconstruction; left and right show the others,
  Escape goes back.
- `l` looks inside: the image on its way through the network, layer by layer. `y`: why a classifier answers as it does.
- `z` shows the same images on a map of the latent space.
- Thumbnails are made smaller by averaging; a large image is exact, or up to four times as large where there is room.
  The line beneath it says how large.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "show('all')", "All", id="gallery.all", show=False, tooltip="Correct and incorrect ones"),
        Binding("c", "show('correct')", "Correct", id="gallery.correct", show=False, tooltip="Only correct ones"),
        Binding("i", "show('incorrect')", "Incorrect", id="gallery.incorrect", show=False, tooltip="Only wrong ones"),
        Binding("z", "latent", "Latent", id="gallery.latent", show=False,
                tooltip="A map of what its encoder makes of images"),
        Binding("o", "order", "Order", id="gallery.order", show=False, tooltip="Another order"),
        Binding("x", "every_class", "Every class", id="gallery.classes", show=False, tooltip="Every class"),
        *(
            Binding(str(name), f"of_class({name})", f"Class {name}", id=f"gallery.class-{name}", show=False,
                    tooltip=f"Only class {name}")
            for name in range(10)
        ),
        Binding("backspace", "untype", "Digit back", id="gallery.class-untype", show=False,
                tooltip="Remove the last digit of a class"),
        Binding("enter", "take_class", "Take", id="gallery.class-take", show=False, tooltip="Accept the typed class"),
        Binding("left_square_bracket", "next_class(-1)", "Previous class", id="gallery.class-before", show=False,
                tooltip="The previous class"),
        Binding("right_square_bracket", "next_class(1)", "Next class", id="gallery.class-after", show=False,
                tooltip="The next class"),
        Binding("pagedown,n", "turn(1)", "Next", id="gallery.next", tooltip="The next page", key_display="n"),
        Binding("pageup,p", "turn(-1)", "Previous", id="gallery.previous", tooltip="The previous page", show=False),
        Binding("home", "edge(0)", "First", id="gallery.first", tooltip="The first", show=False),
        Binding("end", "edge(-1)", "Last", id="gallery.last", tooltip="The last", show=False),
        Binding("left", "step(-1)", "Before", id="gallery.step-before", tooltip="The previous one", show=False),
        Binding("right", "step(1)", "After", id="gallery.step-after", tooltip="The next one", show=False),
        Binding("l", "look(False)", "Look inside", id="gallery.look", tooltip="Follow the image through the network"),
        Binding("y", "look(True)", "Why", id="gallery.why", tooltip="What the answer on the image hangs on"),
    ]  # fmt: skip

    def __init__(
        self, run: str, show: str = "all", true_class: int | None = None, predicted_class: int | None = None
    ) -> None:
        super().__init__()
        self.run_id = run
        self.filter = PredictionFilter(show, true_class, predicted_class)
        self.view: PredictionsView | None = None
        self.found: list[Prediction] = []
        self.at = 0  # among `found`
        self.large = False
        self.typed = ""  # digits of a class, so far
        self._before: int | None = None  # the class that was shown before they were typed
        self._pictures: dict[int, Picture] = {}
        self._images: dict[int, ImageView] = {}

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "Sample predictions")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    def compose_page(self) -> Iterator[Widget]:
        """The filters, then the cards or one image."""
        yield Static("Reading the predictions…", id="filters", markup=False)
        yield Static(id="page-line", markup=False)
        yield CardGrid(id="cards")
        yield PredictionView(id="large")

    def on_mount(self) -> None:
        self.query_one("#large").display = False
        self.read()

    @work(exclusive=True, group="predictions")
    async def read(self) -> None:
        """Every prediction, once."""
        try:
            self.view = await self.runner.predictions(self.run_id)
        except EngineError as error:
            why = error.what if isinstance(error, MovedError) else as_typed(str(error))
            self.query_one("#filters", Static).update(Content.styled(why, "$error"))
            if isinstance(error, MovedError) and await self.cae.ask_where_moved(error.fields, run=self.run_id):
                self.read()
            return
        self.query_one(CardGrid).names = self.query_one(PredictionView).names = self.view.class_names
        kept = self.cae.settings.orders.get(f"gallery of a {self.view.kind}")
        known = kept is not None and kept.column in self._orders
        self.refilter(order=kept.column if kept is not None and known else self.filter.order)

    @property
    def _orders(self) -> tuple[str, ...]:
        return OF_CLASSES if self.view is not None and self.view.tells_classes else OF_ERRORS

    # -- drawing ---------------------------------------------------------------------------------

    def refilter(self, typed: str = "", **changes: str | int | None) -> None:
        """Apply the filter, with `changes`, from its first image on; `typed` are the digits of a class so far."""
        self.typed = typed
        self.filter = replace(self.filter, **changes)  # type: ignore[arg-type]  # each caller names a field and its own type
        if self.view is None:
            return
        self.found = self.filter.apply(self.view.predictions)
        self.at = 0
        if self.large and not self.found:
            self.large = False
        self.draw()

    @on(CardGrid.Resized)  # another number of cards fits
    def draw(self) -> None:
        """The page or the image at the place."""
        if self.view is None:
            return
        cards, large = self.query_one(CardGrid), self.query_one(PredictionView)
        self.query_one("#filters", Static).update(self._filter_line())
        cards.display, large.display = not self.large, self.large
        if self.large:
            self._draw_large(large)
        else:
            self._draw_page(cards)
        self.refresh_keys()

    def _draw_page(self, cards: CardGrid) -> None:
        capacity = cards.capacity
        page, cursor = divmod(self.at, capacity)
        pages = max(1, -(-len(self.found) // capacity))
        shown = self.found[page * capacity : (page + 1) * capacity]
        number = "image" if len(self.found) == 1 else "images"
        of = self.view.of if self.view else "test"
        self.query_one("#page-line", Static).update(
            Content.styled(
                f"page {page + 1:,} of {pages:,} · {formats.count(len(self.found))} {of} {number}", "$foreground-muted"
            )
        )
        cards.show(shown, self._pictures, cursor, self._empty())
        missing = [one.index for one in shown if one.index not in self._pictures]
        if missing:
            self.read_page(missing)

    def _draw_large(self, large: PredictionView) -> None:
        prediction = self.found[self.at]
        self.query_one("#page-line", Static).update("")
        place = f"{formats.count(self.at + 1)} of {formats.count(len(self.found))}"
        image, picture = self._images.get(prediction.index), self._pictures.get(prediction.index)
        if image is None:
            known = None if picture is None else ImageView(picture=picture, reconstruction=None, probabilities=())
            large.show(prediction, place, known, "Reading the model… the first time takes a few seconds.")
            self.read_image(prediction.index)
        else:
            large.show(prediction, place, image)

    @work(exclusive=True, group="page")
    async def read_page(self, indices: list[int]) -> None:
        """The thumbnails of a page."""
        try:
            pictures = await self.runner.images(self.run_id, indices)
        except EngineError as error:
            self.query_one("#page-line", Static).update(Content.styled(str(error), "$error"))
            return
        if len(self._pictures) > KEPT_PICTURES:
            self._pictures.clear()
            self.call_later(self.draw)  # what else is on the page is read anew
        self._pictures.update(zip(indices, pictures, strict=True))
        self.query_one(CardGrid).refresh()

    @work(exclusive=True, group="image")
    async def read_image(self, index: int) -> None:
        """One image with its reconstruction and probabilities."""
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            image = await self.runner.image(self.run_id, index)
        except EngineError as error:
            self.query_one("#page-line", Static).update(Content.styled(str(error), "$error"))
            return
        if len(self._images) > KEPT_PICTURES:
            self._images.clear()
        self._images[index] = image
        if self.large and self.found[self.at].index == index:
            self.draw()

    def _filter_line(self) -> Content:
        """Each filter with its key; a click does what the key does."""
        chosen, parts = self.filter, []
        if self.view is not None and self.view.tells_classes:
            for name in ("all", "correct", "incorrect"):
                style = "bold reverse" if name == chosen.show else ""
                parts.append(_clickable(name[0], name, f"show('{name}')", style))
        if self.view is not None and self.view.classes:
            keys = f"0–{self.view.classes - 1:,}"
            if self.typed:
                name = self._class_name(int(self.typed))
                named = "" if name == self.typed else f" {name}"
                prompt = f" class {self.typed}▏{named} of {keys} "
                parts.append(Content.styled(prompt, "bold reverse") + Content(" Enter accepts it, Esc cancels"))
            elif chosen.true_class is None:
                parts.append(_clickable(keys, "every class", "every_class"))
            else:
                parts.append(
                    _clickable("x", f"class {self._class_name(chosen.true_class)}", "every_class", "bold reverse")
                )
        if chosen.predicted_class is not None:
            parts.append(Content.styled(f" taken for {self._class_name(chosen.predicted_class)} ", "bold reverse"))
        parts.append(_clickable("o", chosen.order, "order"))
        gap = "   " if self.size.width >= 90 else "  "
        # Without breaks inside: what does not fit stands whole in the next line.
        whole = (Content(part.plain.replace(" ", NO_BREAK), list(part.spans)) for part in parts)
        return Content(gap).join(whole)

    def _class_name(self, label: int) -> str:
        return shortened(str(label) if self.view is None else self.view.name_of(label), LONGEST_NAME)

    def _empty(self) -> str:
        """What to say, and to press, where nothing passes the filter."""
        chosen = self.filter
        what = "" if chosen.show == "all" else f"{chosen.show} "
        of = "" if chosen.true_class is None else f" of class {self._class_name(chosen.true_class)}"
        taken = "" if chosen.predicted_class is None else f" taken for {self._class_name(chosen.predicted_class)}"
        keys = [] if chosen.show == "all" else ["a for correct and incorrect ones"]
        keys += ["x for every class"] if of or taken else []
        return f"There is no {what}image{of}{taken}. Press {' or '.join(keys) or 'Escape to go back'}."

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An autoencoder's images are neither correct nor incorrect."""
        if action == "show":
            return self.view is not None and self.view.tells_classes
        if action in ("of_class", "next_class", "every_class"):
            return self.view is not None and self.view.classes > 0
        if action in ("untype", "take_class"):
            return bool(self.typed)
        if action == "step":
            return self.large
        if action == "look":
            return bool(self.found) and (not parameters[0] or (self.view is not None and self.view.tells_classes))
        return True

    def step_back(self) -> bool:
        """From a class that is being typed to the one before, or from one image to the cards."""
        if self.typed:
            self.refilter(true_class=self._before)
            return True
        if not self.large:
            return False
        self.large = False
        self.draw()
        self.query_one(CardGrid).focus()
        return True

    def action_show(self, which: str) -> None:
        """All, the correct or the incorrect ones."""
        self.refilter(show=which)

    def action_order(self) -> None:
        if self.view is None:
            return  # which orders there are depends on the kind of run
        orders = self._orders
        order = orders[(orders.index(self.filter.order) + 1) % len(orders)]
        self.refilter(order=order)
        self.post_message(ListSorted(f"gallery of a {self.view.kind}", order))

    def action_latent(self) -> None:
        self.post_message(OpenLatent(self.run_id))

    def action_of_class(self, digit: int) -> None:
        """One true class; of more than ten another digit of its number."""
        classes = self.view.classes if self.view else 0
        if classes <= 10:
            if digit < classes:
                self.refilter(true_class=digit)
            return
        number = int(self.typed + str(digit))
        if number < classes:
            self._type(str(number))
        else:
            self.cae.tell(f"There is no class {number:,}: the last is {classes - 1:,}.", "warning")

    def _type(self, digits: str) -> None:
        """Show the class of these digits, and wait for more."""
        if not self.typed:
            self._before = self.filter.true_class
        self.refilter(digits, true_class=int(digits))

    def action_untype(self) -> None:
        """Without the last digit; without any, what was shown before."""
        if len(self.typed) > 1:
            self._type(self.typed[:-1])
        else:
            self.refilter(true_class=self._before)

    def action_take_class(self) -> None:
        """The class that was typed is the one."""
        self.typed = ""
        self.draw()

    def action_next_class(self, step: int) -> None:
        """The class before or after, of those that an image is of."""
        names = self.view.occurring if self.view else []
        now = self.filter.true_class
        if not names:
            return
        if now is None:
            place = 0 if step > 0 else -1
        else:
            place = bisect_right(names, now) if step > 0 else bisect_left(names, now) - 1
        self.refilter(true_class=names[place % len(names)])

    def action_every_class(self) -> None:
        """Every true and every predicted class."""
        self.refilter(true_class=None, predicted_class=None)

    def action_turn(self, pages: int) -> None:
        """Another page; large, another image."""
        self._go(1 if self.large and pages > 0 else -1 if self.large else pages * self.query_one(CardGrid).capacity)

    def action_edge(self, place: int) -> None:
        """The first or the last."""
        self._go(-self.at if place == 0 else len(self.found))

    def action_look(self, why: bool) -> None:
        """Look inside the model at the image of the cursor; the others that pass the filter are there too."""
        images = tuple((one.index, one.true) for one in self.found)
        self.post_message(LookInside(self.run_id, images, self.at, why=why))

    def action_step(self, steps: int) -> None:
        """The one before or after, large."""
        self._go(steps)

    def _go(self, steps: int) -> None:
        self.typed = ""
        if self.found:
            self.at = min(max(self.at + steps, 0), len(self.found) - 1)
            self.draw()

    @on(CardGrid.Stepped)
    def move_cursor(self, message: CardGrid.Stepped) -> None:
        """The cursor was moved by keys or a click; steps off the end stay where they are."""
        if 0 <= self.at + message.steps < len(self.found):
            self._go(message.steps)

    @on(CardGrid.Opened)
    def open_large(self) -> None:
        """Show the image at the cursor large; where a class is being typed, Enter takes it."""
        if self.typed:
            self.action_take_class()
            return
        self.large = True
        self.draw()
        self.set_focus(None)
