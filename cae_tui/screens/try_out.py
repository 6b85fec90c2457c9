"""Trying a model: a picture is drawn, and what the model makes of it is shown as it is drawn.

What is drawn is asked about in a thread, the latest only: a stroke never waits for an answer.

Over 400 lines: what is drawn, what is asked of the model and what is shown of its answers depend on one another.
"""

from collections.abc import Iterator
from typing import ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.trying import Asked, Nearest, Tried, TriedModel, Trying
from cae_tui.messages import LookInside
from cae_tui.screens.base import Page
from cae_tui.widgets.answer import GAP, AnswerBars, PictureRow
from cae_tui.widgets.canvas import Canvas, words_of
from cae_tui.widgets.image_grid import largest
from engine.errors import EngineError
from engine.text import shortened

TURN = 15
"""Degrees of a key."""
NOISE, MOST_NOISE = 10, 60
"""Per cent of a key, and after which there is none again."""
THICKER = 1.25
THICKNESS = (0.4, 4.0)
PICTURE_SECONDS = 0.1
"""At least so long apart are two drawings of the pictures: the bars come first."""
REST_SECONDS = 0.12
"""How long the hand rests before the nearest training images are looked for."""
LONGEST_NAME = 14
FEWEST_BARS, FEW_BARS, MOST_BARS = 3, 5, 10
LOW = 21
"""Rows below which the fewest are shown: the pictures need the room."""
FRAME = (4, 2)
"""Columns and rows of the frame around what is drawn."""
LINES = 3
"""Lines below it, which say how one draws."""
LEAST_LEFT = 28


class TryScreen(Page):
    """A model that is tried out."""

    CSS_PATH = "try_out.tcss"
    AUTO_FOCUS = "Canvas"
    HELP = """\
Draw something, and see at once what the model makes of it.

- **With the mouse**: the left button draws, the right one erases. **With keys**: the arrows move the pen (`+`), `space`
  puts it down (`●`) and lifts it again.
- `b` brush, `e` eraser, `+` and `-` make it thicker and thinner; `u` undoes a stroke, `c` clears.
- `o` opens a picture; its path can be pasted too. It is brought to the model's size and, where it is grey and the
  other way round, light and dark are exchanged.
- **Does it break?** `m` lets the arrows shift the picture, `r` and `R` turn it, `n` adds noise; `x` takes that back.
- `N`, for a model that learned to remove noise: it is given what you draw with the noise of its training, or without.
  With noise you see noisy, rebuilt and clean, and the error is that to the clean picture.
- `z`: digits of MNIST were scaled into 20×20 pixels and put with their centre of mass in the middle. The same is done
  to what you draw, for a model that learned from such digits; off, the model sees it where you drew it.
- **Answer**: a bar for each class, or for the likeliest where rows are few, told with the model's temperature, as
  `cae-tui predict` tells it. *Unsure*: less probable than the model's
  own threshold, which is the lowest at which 99 % of its answers on validation images were right. *Unlike training*: it
  is rebuilt worse than 99 % of those.
- `l` **looks inside**: the picture on its way through the network; `y` **why** it is answered so.
- **Nearest**: the training images whose latents are closest to that of your drawing.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "clear", "Clear", id="try.clear", tooltip="Take everything away"),
        Binding("u", "undo", "Undo", id="try.undo", tooltip="As it was before the last stroke"),
        Binding("b", "brush(False)", "Brush", id="try.brush", tooltip="Draw", show=False),
        Binding("e", "brush(True)", "Erase", id="try.erase", tooltip="Erase, until b"),
        Binding("plus", "thicker(1)", "Thicker", id="try.thicker", tooltip="A thicker brush", show=False),
        Binding("minus", "thicker(-1)", "Thinner", id="try.thinner", tooltip="A thinner brush", show=False),
        Binding("o", "open", "Open", id="try.open", tooltip="A picture from a file"),
        Binding("m", "move", "Move", id="try.move", show=False,
                tooltip="Let the arrows shift the picture, or the pen again"),
        Binding("r", f"turn({TURN})", "Turn", id="try.turn", tooltip="Turn it anticlockwise", show=False),
        Binding("R,shift+r", f"turn(-{TURN})", "Turn back", id="try.turn-back", show=False,
                tooltip="Turn it clockwise"),
        Binding("n", "noise", "Noise", id="try.noise", show=False,
                tooltip="Add noise; after the most there is none again"),
        Binding("N,shift+n", "as_trained", "Noise of training", id="try.as-trained", show=False,
                tooltip="Give it to the model with the noise of its training, or without"),
        Binding("x", "as_drawn", "As drawn", id="try.as-drawn", show=False,
                tooltip="Neither shifted nor turned, no noise"),
        Binding("l", "look(False)", "Look inside", id="try.look", tooltip="Follow the picture through the network"),
        Binding("y", "look(True)", "Why", id="try.why", tooltip="What the answer on the picture hangs on", show=False),
        Binding("z", "centre", "Centre", id="try.centre", tooltip="Centre and scale as MNIST's digits are, or not"),
    ]  # fmt: skip

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self.model: TriedModel | None = None
        self.view: Tried | None = None
        self.nearest = Nearest()
        self.near = 0  # how often something was drawn when they were found
        self._pictures: Timer | None = None  # until those of the latest answer are shown
        self._rest: Timer | None = None  # until the nearest are looked for
        self.centred = self.as_trained = False
        self.right = self.down = self.angle = self.noise = 0
        self._trying: Trying | None = None
        self.ready = False  # whether all is there that an answer may hold
        self.drawn = self.answered = 0  # how often something was drawn, and at which of these the model was asked last
        self.asking = False
        self._words = ""  # about the picture that was opened
        self._seen_how = ""  # what was done to what the model was given last
        self._about_nearest = ""
        self._how: list[str] = []

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "Try")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    def compose_page(self) -> Iterator[Widget]:
        """What is drawn on the left, what the model makes of it on the right."""
        yield Static("Reading the model…", id="waiting", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                with Vertical(id="drawn", classes="card"):
                    yield Canvas()
                yield Static(id="how", markup=False)
            with Vertical(id="right"):
                with Vertical(id="answer", classes="card"):
                    yield AnswerBars()
                with Vertical(id="rebuilt", classes="card"):
                    yield PictureRow(2, id="pair")
                with Vertical(id="nearest", classes="card"):
                    yield PictureRow(3, id="neighbours")

    def on_mount(self) -> None:
        self.query_one("#panes").display = False
        self.query_one("#drawn").border_title = "Draw"
        self.query_one("#answer").border_title = "Answer"
        self.query_one("#nearest").border_title = "Nearest training images"
        self._trying = self.runner.trying(self.run_id)
        self.open_model()

    def on_unmount(self) -> None:
        """Nobody looks at it any more."""
        if self._trying is not None:
            self._trying.close()

    @property
    def canvas(self) -> Canvas:
        """What is drawn on."""
        return self.query_one(Canvas)

    # -- the model -------------------------------------------------------------------------------

    @work(exclusive=True, group="model")
    async def open_model(self) -> None:
        """Read the model; then, while one draws already, the images that it learned from."""
        assert self._trying is not None
        try:
            model = self.model = await self._trying.open()
        except EngineError as error:
            self.query_one("#waiting", Static).update(Content.styled(str(error), "$error"))
            return
        self.centred, self.as_trained = model.centres, bool(model.noise)
        self.query_one("#waiting").display = False
        self.query_one("#panes").display = True
        self.canvas.begin(model.shape, light_on_dark=model.light_on_dark)
        self.query_one("#answer").display = bool(model.class_names) or model.odd_above is not None
        self._tell_noise()
        bars = self.query_one(AnswerBars)
        bars.model = model
        self.call_after_refresh(self._arrange)
        self.canvas.focus()
        self.ask()
        self.refresh_keys()
        progress = self.set_interval(0.2, self._tell_progress)
        try:
            await self._trying.read_neighbours()
            self._about_nearest = ""
        except EngineError as error:
            self._about_nearest = str(error)
        finally:
            progress.stop()
        self.ready = True
        self.ask()

    def _tell_noise(self) -> None:
        """Over the pictures what they are, and whether there is noise on them."""
        model, card = self.model, self.query_one("#rebuilt")
        assert model is not None
        self.query_one("#pair", PictureRow).places = 3 if self.as_trained else 2
        if self.as_trained:
            card.border_title = f"Noisy, rebuilt, clean: {model.noise}"
        else:
            card.border_title = "What the model sees, and rebuilds" if model.rebuilds else "What the model sees"
        if model.noise:
            card.border_subtitle = "N without noise" if self.as_trained else f"N with {model.noise}"

    def _tell_progress(self) -> None:
        if self._trying is not None:
            done, of = self._trying.progress
            self._about_nearest = (
                f"Looking through the training images: {100 * done // of} %" if of else "Reading the training images…"
            )
            self._show_nearest()

    # -- what is asked ---------------------------------------------------------------------------

    @on(Canvas.Changed)
    def ask(self) -> None:
        """Have the model look at what is drawn now; while it looks at something else, as soon as it is free."""
        self.drawn += 1
        if self._rest is not None:
            self._rest.stop()
        if not self.asking and self.model is not None:
            self.asking = True
            self._follow()
        self._tell_how()

    @work(group="answers")
    async def _follow(self) -> None:
        assert self._trying is not None
        try:
            while self.answered < self.drawn:
                asked_at = self.drawn
                how = " and ".join(["changed"] * self.is_changed + ["centred"] * self.centred) or "as drawn"
                view = await self._trying.answer(
                    Asked(
                        picture=self.canvas.picture, centred=self.centred,
                        right=self.right, down=self.down, turn=self.angle, noise=self.noise,
                        as_trained=self.as_trained,
                    )
                )  # fmt: skip
                self.answered, self._seen_how = asked_at, how
                self._show(view)
        finally:
            self.asking = False

    # -- drawing ---------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Another number of bars has room."""
        super().on_resize(event)
        self.call_after_refresh(self._arrange)

    def _arrange(self) -> None:
        """The canvas as large as there is room for; fewer bars, and no pictures of neighbours, where rows are few."""
        if self.model is None or not self.is_mounted:
            return
        width, height = self.query_one("#page").size
        columns, rows = largest(self.canvas.picture, width // 2 - FRAME[0], height - FRAME[1] - LINES)
        self.query_one("#left").styles.width = max(columns, LEAST_LEFT) + FRAME[0]
        self.query_one("#drawn").styles.height = rows + FRAME[1]
        bars = self.query_one(AnswerBars)
        bars.most = FEWEST_BARS if height < LOW else FEW_BARS if self.has_class("-short") else MOST_BARS
        bars.refresh(layout=True)
        answers = self.query_one("#answer").display
        rest = height - FRAME[1] - 1 - min(len(self.model.class_names), bars.most) if answers else height
        places = self.query_one("#pair", PictureRow).places
        each = (width - max(columns, LEAST_LEFT) - 2 * FRAME[0] - GAP * (places - 1)) // places
        if not self.has_class("-short"):
            rows = largest(self.canvas.picture, each, 2 * rest // 3 - FRAME[1] - 1)[1]
            self.query_one("#rebuilt").styles.height = rows + FRAME[1] + 1
        else:
            self.query_one("#rebuilt").styles.height = "1fr"
        self._show_nearest()

    def _show(self, view: Tried) -> None:
        model = self.model
        if model is None or not self.is_mounted:
            return
        self.view = view
        self.canvas.shown = view.changed if self.is_changed else None
        self.query_one(AnswerBars).view = view
        if self._pictures is None:
            self._pictures = self.set_timer(PICTURE_SECONDS, self._show_pictures)

    def _show_pictures(self) -> None:
        """What the model sees and rebuilds, of the latest answer."""
        self._pictures = None
        if (view := self.view) is None:
            return
        pair = self.query_one("#pair", PictureRow)
        seen = [(view.seen, "noisy" if view.clean is not None else self._seen_how)]
        if view.reconstruction is not None:
            seen.append((view.reconstruction, f"error {formats.loss(view.error)}"))
        if view.clean is not None:
            seen.append((view.clean, self._seen_how))
        pair.note = view.blank
        pair.pictures = () if view.blank else tuple(seen)
        if view.blank:
            self.nearest = Nearest()
            self._show_nearest()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_SECONDS, self.look_near)
        self._tell_how()

    @work(exclusive=True, group="nearest")
    async def look_near(self) -> None:
        """Find the training images nearest to what was answered on last: it takes as long as an answer."""
        if self._trying is not None and self.ready and self.answered == self.drawn:
            self.nearest = await self._trying.nearest()
            self.near = self.answered
            self._show_nearest()

    def _show_nearest(self) -> None:
        if self.view is None:
            return
        row, card = self.query_one("#neighbours", PictureRow), self.query_one("#nearest")
        near = self.nearest
        share = near.nearer_than
        words = (
            f"{formats.percent(share, 0)} of the validation images are farther from theirs" if share is not None else ""
        )
        note = self._about_nearest or self.view.blank
        few = self.has_class("-short")  # rows: names alone
        if few and near.pictures:
            names = ", ".join(shortened(name, LONGEST_NAME) for _, name in near.pictures if name)
            how_usual = words.replace("the ", "")
            note = f"{names}: {how_usual}" if names else how_usual
        row.note = note
        row.pictures = () if few else tuple((one, shortened(name, LONGEST_NAME)) for one, name in near.pictures)
        card.border_subtitle = "" if few else words

    def _tell_how(self) -> None:
        """How one draws now, and what is done to it."""
        if self.model is None or not self.is_mounted:
            return
        canvas = self.canvas
        if canvas.is_empty and not (canvas.pen_down or canvas.shifts or canvas.erases or self.changes or self._words):
            lines = ["Draw with the mouse. With keys: the arrows move the pen, space puts it down."]
        else:
            lines = [", ".join(["the arrows shift the picture"] if canvas.shifts else words_of(canvas))]
            lines.append(f"{changes} (x as drawn)" if (changes := self.changes) else "m shift, r turn, n noise")
        if self._words:
            lines.insert(0, self._words)  # where rows are few the last lines have no room
        if self.model.centres:
            lines.append("z: centred as in MNIST" if self.centred else "z: not centred")
        if lines != self._how:
            self._how = lines
            self.query_one("#how", Static).update("\n".join(lines), layout=False)  # which its words do not change

    @property
    def is_changed(self) -> bool:
        """Whether what is shown is not as it was drawn."""
        return bool(self.right or self.down or self.angle or self.noise)

    @property
    def changes(self) -> str:
        """As in `3 right, 1 up, turned 15°, noise 20 %`; nothing where nothing is changed."""
        across = f"{abs(self.right)} {'right' if self.right > 0 else 'left'}" if self.right else ""
        along = f"{abs(self.down)} {'down' if self.down > 0 else 'up'}" if self.down else ""
        turned = f"turned {self.angle}°" if self.angle else ""
        return ", ".join(filter(None, [across, along, turned, f"noise {self.noise} %" if self.noise else ""]))

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What there is a model, and something drawn, for."""
        if action in ("clear", "undo", "brush", "thicker", "open", "move", "turn", "noise", "as_drawn", "centre"):
            if self.model is None:
                return False
            if action == "centre":
                return self.model.centres
        if action == "as_trained":
            return self.model is not None and bool(self.model.noise)
        if action == "look":
            seen = self.view is not None and not self.view.blank and self.model is not None
            return seen and (not parameters[0] or bool(self.model and self.model.class_names))
        return super().check_action(action, parameters)

    @on(Canvas.TookChanges)
    def _no_changes(self) -> None:
        """What is drawn is asked about as it is."""
        self.right = self.down = self.angle = self.noise = 0
        self.canvas.shown = None

    def action_clear(self) -> None:
        self._words = ""
        self._no_changes()
        self.canvas.lift()
        self.canvas.shifts = self.canvas.erases = False
        self.canvas.clear()

    def action_undo(self) -> None:
        self.canvas.undo()

    def action_brush(self, erases: bool) -> None:
        self.canvas.erases = erases
        self._tell_how()

    def action_thicker(self, way: int) -> None:
        least, most = THICKNESS
        self.canvas.thickness = min(max(self.canvas.thickness * THICKER**way, least), most)
        self._tell_how()

    def action_move(self) -> None:
        self.canvas.lift()
        self.canvas.shifts = not self.canvas.shifts
        self._tell_how()

    @on(Canvas.Shifted)
    def shift(self, message: Canvas.Shifted) -> None:
        """Another place."""
        self.right += message.right
        self.down += message.down
        self.ask()

    def action_turn(self, degrees: int) -> None:
        self.canvas.lift()
        turned = (self.angle + degrees) % 360
        self.angle = turned - 360 if turned > 180 else turned
        self.ask()

    def action_noise(self) -> None:
        self.canvas.lift()
        self.noise = (self.noise + NOISE) % (MOST_NOISE + NOISE)
        self.ask()

    def action_as_trained(self) -> None:
        self.canvas.lift()
        self.as_trained = not self.as_trained
        self._tell_noise()
        self.call_after_refresh(self._arrange)
        self.ask()

    def action_as_drawn(self) -> None:
        self._no_changes()
        self.canvas.lift()
        self.canvas.shifts = False
        self.ask()

    def action_open(self) -> None:
        self._choose()

    @work(group="open")
    async def _choose(self) -> None:
        from cae_tui.screens.open_dialog import OpenScreen

        if path := await self.app.push_screen_wait(OpenScreen("", picture=True)):
            await self._open(path)

    @on(events.Paste)
    def paste(self, event: events.Paste) -> None:
        """The path of a picture."""
        event.stop()
        if self.model is not None and event.text.strip():
            first = next(line for line in event.text.splitlines() if line.strip())
            self.run_worker(self._open(first.strip()), group="open", exclusive=True)

    async def _open(self, path: str) -> None:
        assert self._trying is not None
        before, self._words = self._words, "Reading the picture…"
        self._tell_how()
        try:
            picture, words = await self._trying.read(path, centred=self.centred)
        except EngineError as error:
            self._words = before
            self._tell_how()
            self.cae.tell(str(error), "error")
            return
        self._no_changes()
        self._words = words
        self.canvas.put(picture)

    def action_look(self, why: bool) -> None:
        """Look inside the model at what it was given."""
        if self.view is not None:
            self.post_message(LookInside(self.run_id, picture=self.view.seen, why=why))

    def action_centre(self) -> None:
        self.centred = not self.centred
        self.ask()
