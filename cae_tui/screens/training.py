"""A run while it learns, and afterwards: its curves, its numbers, what it makes of images.

The screen is drawn from the run's `RunState` alone. The app hands it news of the run of this process; a
run of another process is followed by its events; one that has ended is opened once. Leaving the screen
stops nothing but the following.

Over 400 lines: most are keys, help and what stands where at which size.
"""

import bisect
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.bridge.run_state import GONE
from cae_tui.kinds import view_of
from cae_tui.messages import RunUpdated
from cae_tui.screens.run_page import RunPage, Subject, ask_key
from cae_tui.widgets.class_errors import ClassErrorChart
from cae_tui.widgets.epoch_log import EpochLog
from cae_tui.widgets.loss_chart import ACROSS, SMOOTHING, LossChart, cursor_keys
from cae_tui.widgets.mistake_matrix import MistakeMatrix
from cae_tui.widgets.run_progress import advice, status
from cae_tui.widgets.sample_strip import SampleStripView, turn_keys
from engine.errors import EngineError
from engine.protocol.states import COMPLETE, PAUSED, QUEUED, RUNNING
from engine.specs.listed import KINDS, listed
from engine.specs.measures import LOSS, Measure

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState

WIDE, TALL = 110, 34
"""Columns from which the status stands beside the chart; rows from which images stand under both."""
ROOMY, SPACIOUS = 118, 160
"""Columns from which the log beside the chart has room for the time of a step, and from which it has room to spare."""
SIDES = {"-spacious": 64, "-roomy": 54, "": 46}
"""Columns of what is beside the chart, as `training.tcss` has them."""
STACKED = 24
"""Rows from which a classifier's charts stand one over the other, each as wide as there is room for."""
FRAME, STATUS, LEAST_LOG = 2, 11, 6
"""Rows of the lines at the top and at the bottom; those that the status may take, and the log at least."""
IMAGES_SHARE = 0.55
"""How much of the height images may take beside the curves."""
SECOND_CHART = 168
"""Columns from which an autoencoder's batches are drawn beside its epochs."""
KEYS = ("details", "scale", "by", "smooth", "across", "move", "jump", "show", "turn")
LOADING = "Loading PyTorch and the images… this takes a few seconds."
"""Shown until the first event of a run has come."""


class TrainingScreen(RunPage):
    """Curves, status, log and images of one run.

    Args:
        run: its id; empty for the run that this process is starting.
    """

    CSS_PATH = "training.tcss"
    AUTO_FOCUS = ""
    HELP = """\
The curves of a run, during training and after.

- **Loss**: training in blue (●), validation in orange (▲), ★ the epoch whose weights are kept.
  `l` switches between a logarithmic and an even scale, `b` between one point an epoch and one a batch.
  Where a run has several stages, each counts its epochs from 1: `fine-tuning 3/15`.
- `←` `→` go back in time, epoch by epoch (batch by batch where batches are drawn), `Shift` with them ten at a time,
  `Home` and `End` to the first and the latest; the mouse points at a moment too. The legend then tells the values at
  the cursor, and images and confusion turn back to that epoch, or to the last one before it that was kept.
- `u` smooths the curves (an exponential moving average; the raw ones stay behind them, faint), `x` counts epochs, steps
  or time beneath them.
- **Images** (`i`): validation images and what the autoencoder makes of them, as many as fit; `[` and `]` show the
  others.
- **Epochs** (`h`): the log, one line for each epoch, the last five hundred.
- **Confusion** (`m`): for a classifier, which classes the validation images were taken for in the latest epoch.
- **Classes** (`c`): for a classifier, the errors of each class over the epochs: the share of its validation images that
  were taken for another class, of the eight classes with the most.
- `space` pauses and continues the run; `s` asks whether to finish it now (its best weights are evaluated, and it gets
  its report) or to stop it. A stopped run continues with `R`, or is finished with `F`.
- `z` shows the latent space of a run that has ended: a map of the images, and which classes its encoder confuses.
- Leaving the screen (Escape) does not stop the run: a line at the bottom of every screen shows it, and
  `Ctrl+T` comes back.

**ETA** is estimated from the latest epochs of this run, and from its steps before there is one.
**Patience** is how many more epochs may pass without a better validation loss before the run stops early.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        ask_key("training.report", "open", key="enter,o", description="Report", tooltip="How good the model is"),
        ask_key("training.pause"),
        ask_key("training.pause", "go_on"),
        ask_key("training.stop"),
        ask_key("training.resume"),
        ask_key("training.finish"),
        ask_key("training.try"),
        ask_key("training.latent", show=False),
        ask_key("training.classify"),
        ask_key("training.gallery"),
        ask_key("training.again", show=False),
        Binding("d", "details", "Details", id="training.details", tooltip="Where in the program it went wrong"),
        Binding("l", "scale", "Scale", id="training.scale", tooltip="Logarithmic or even scale", show=False),
        Binding("b", "by", "Batches", id="training.by", tooltip="A point for each epoch, or each batch", show=False),
        Binding("u", "smooth", "Smooth", id="training.smooth", tooltip="More or less smooth curves", show=False),
        Binding("x", "across", "Axis", id="training.across", tooltip="Epochs, steps or time beneath", show=False),
        *cursor_keys("training"),
        Binding("i", "show('images')", "Images", id="training.images", tooltip="Images in place of the curves"),
        Binding("h", "show('epochs')", "Epochs", id="training.epochs", tooltip="Every epoch in place of the curves"),
        Binding("m", "show('mistakes')", "Confusion", id="training.confusion",
                tooltip="Which classes were confused, in place of the curves"),
        Binding("c", "show('classes')", "Classes", id="training.classes",
                tooltip="Errors of each class over the epochs, in place of the curves", show=False),
        *turn_keys("training", next_keys="right_square_bracket,pagedown", previous_keys="left_square_bracket,pageup"),
    ]  # fmt: skip

    def __init__(self, run: str = "") -> None:
        super().__init__()
        self.run_id = run
        self.state: RunState | None = None
        self.instead = ""  # of the curves: images, epochs, mistakes or classes
        self._images_height = ""
        self.moment: float | None = None  # the cursor's, in epochs since the run began; None: the latest
        self._samples_of: object = None
        self._arranged: tuple[object, ...] = ()
        self._keys: tuple[object, ...] = ()  # what the keys that are shown depend on
        self._words = Content()
        self._height = -1  # of those words, in lines
        self._told = ("", "")

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Its run, by the first letters of its id."""
        return ("Runs", self.run_prefix(self.run_id), "Training") if self.run_id else ("Runs", "Training")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run; while that is being prepared, those of the form that asked for it."""
        if self.run_id:
            return self.cae.data_of_run(self.run_id)
        return self.cae.asked_data

    def shows_run(self, run: "RunState") -> bool:
        """The run of this screen needs no strip."""
        return run.id == self.run_id

    def compose_page(self) -> Iterator[Widget]:
        """Charts on the left, status, log and confusion on the right, images under both."""
        yield Static(LOADING, id="waiting", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                with Horizontal(id="charts"):
                    yield LossChart(keys="(l b u x, ← →)", id="loss")
                    yield LossChart(id="measure")
                    yield LossChart(by="batch", id="batches")
                yield EpochLog(id="long-log")
                yield MistakeMatrix(still=False, id="long-mistakes")
                yield ClassErrorChart(id="classes")
            with Vertical(id="right"):
                with VerticalScroll(id="status-pane", can_focus=False):
                    yield Static(id="status", markup=False)
                yield EpochLog(id="log")
                yield LossChart(id="side-loss")
                yield MistakeMatrix(still=True, id="mistakes")
        yield SampleStripView(turned=True, id="strip")
        yield Static(id="advice", markup=False)

    def on_mount(self) -> None:
        """Show what is known of the run already, or ask for it."""
        current = self.runner.current
        if not self.run_id and current is not None:
            self.run_id = current.id
        self._arrange()
        if (mine := self.runner.mine(self.run_id)) is not None:
            self.show_run(mine)
        elif self.run_id:
            self.open_run()

    def on_unmount(self) -> None:
        """Nobody looks at it any more."""
        if self.run_id:
            self.runner.unfollow(self.run_id)

    @work(exclusive=True, group="open")
    async def open_run(self) -> None:
        """Read a run that another process trains, or that has ended."""
        try:
            view = await self.runner.open_run(self.run_id)
        except EngineError as error:
            self.query_one("#waiting", Static).update(Content.styled(str(error), "$error"))
            return
        self.run_id = view.state.id
        if self.state is None or not self.state.live:
            self.show_run(view.state)
        if (view.state.live or view.state.state == QUEUED) and not view.mine:
            self.runner.follow(self.run_id)

    @on(RunUpdated)
    def take_news(self, message: RunUpdated) -> None:
        """News of the run that is shown."""
        if not self.run_id and message.run is self.runner.current:
            self.run_id = message.run.id
        if message.run.id == self.run_id:
            self.show_run(message.run)

    # -- drawing ---------------------------------------------------------------------------------

    @property
    def _second(self) -> Measure | None:
        """What is drawn beside the loss, where its kind has another measure."""
        measure = LOSS if self.state is None else listed(self.state.kind).followed
        return None if measure is LOSS else measure

    def show_run(self, run: "RunState") -> None:
        first = self.state is None
        self.state = run
        if first:
            self.refresh_crumbs()
        if self.moment is not None:
            # A resume cuts off what came after its checkpoint, and of many batches every second one is dropped.
            later = [moment for moment in run.moments(self._moments_by) if moment >= self.moment]
            self.moment = later[0] if later else None
        for matrix in self.query(MistakeMatrix):
            matrix.show(run, run.mistakes if self.moment is None else run.mistakes_at(self.moment))
        for chart in self.query(LossChart):
            chart.cursor = self.moment
        errors = self.query_one(ClassErrorChart)
        errors.cursor = self.moment
        errors.show(run)
        self.query_one("#loss", LossChart).show(run)
        if self._arrange():
            self.call_after_refresh(self._redraw)  # some of it is drawn to the width it gets only now
        if self.query_one("#side-loss").display:
            self.query_one("#side-loss", LossChart).show(run)
        if self._second is not None:
            self.query_one("#measure", LossChart).show(run)
        elif self.query_one("#batches").display:
            self.query_one("#batches", LossChart).show(run)
        self._write(run)
        for log in self.query(EpochLog):
            log.show(run)
        saved = run.saved[-1:] if self.moment is None else run.samples_at(self.moment)
        if not saved and self.moment is not None and run.saved:
            self._samples_of = None
            note = f"None were kept so early: the first are of epoch {run.saved[0].epoch}."
            self.query_one("#strip", SampleStripView).forget(note)
        if saved and saved[0] is not self._samples_of:
            self._samples_of = saved[0]
            strip = self.query_one("#strip", SampleStripView)
            strip.read(self.runner, run.id, saved, f"The images of epoch {saved[0].epoch}")
        keys = (run.state, run.live, run.evaluating, run.mistakes is None)
        if keys != self._keys:
            self._keys = keys
            self.refresh_keys()

    def _write(self, run: "RunState") -> None:
        """Its status and the advice; the screen is laid out again only where that has become longer or shorter.

        Laying it out four times a second would slow down the training, which needs the same cores.
        """
        pane = self.query_one("#status-pane")
        name = self.run_prefix(run.id)
        if pane.border_title != name:
            pane.border_title = name
        words = status(run, max(pane.scrollable_content_region.width, 20))
        if words != self._words:
            place = self.query_one("#status", Static)
            height = words.get_height({}, max(place.size.width, 1))
            place.update(words, layout=height != self._height)
            if height != self._height:  # with a scroll bar that came or went, there is another width for them
                self.call_after_refresh(self._write_again)
            self._words, self._height = words, height
        told = advice(run)
        if told != self._told:
            self._told = told
            sentence, colour = told
            line = self.query_one("#advice", Static)
            line.display = bool(sentence)
            line.update(Content.styled(sentence, f"${colour}"))

    def _write_again(self) -> None:
        if self.state is not None and self.is_mounted:
            self._write(self.state)

    def on_resize(self, event: Resize) -> None:
        self._arrange(event.size.width, event.size.height)
        self.call_after_refresh(self._redraw)

    def _redraw(self) -> None:
        if self.state is not None and self.is_mounted:
            self.show_run(self.state)

    def _arrange(self, width: int = 0, height: int = 0) -> bool:
        """What is beside and under what, at this size and for this kind of run; gives back whether that changed."""
        width, height = width or self.size.width, height or self.size.height
        run = self.state
        waits = run is None or (run.started is None and run.live)
        self.query_one("#waiting").display = waits
        second = self._second
        if second is not None:
            self.query_one("#measure", LossChart).measure = second
        shows_images = self._can_show("images") or run is None
        wide, rows = width >= WIDE, height - FRAME
        instead = self.instead if self._can_show(self.instead) else ""
        side = next(name for name, least in (("-spacious", SPACIOUS), ("-roomy", ROOMY), ("", 0)) if width >= least)
        for name in ("-spacious", "-roomy"):
            self.set_class(name == side, name)
        self.set_class(wide, "-beside")
        needed = self.query_one("#mistakes", MistakeMatrix).needed
        counted = wide and run is not None and run.mistakes is not None and instead != "mistakes"
        fits = counted and needed.width <= SIDES[side] and needed.height <= rows - STATUS - LEAST_LOG
        left = width - SIDES[side]
        under = counted and not fits and not instead and needed.width <= left and needed.height <= rows - STACKED
        self.set_class(under, "-confusion-under")
        self.set_class(second is not None and not under and (rows if wide else rows - STATUS) >= STACKED, "-stacked")
        beside = wide and not (instead == "mistakes" and needed.width > left)
        images = shows_images and (instead == "images" or (wide and height >= TALL))
        loss = self.query_one("#loss", LossChart)
        two = second is None and width >= SECOND_CHART
        loss.epochs_of_a_curve = 1 if two else 2
        shown = {
            "#panes": not waits and instead != "images",
            "#charts": not instead,
            "#strip": images and not waits,
            "#long-log": instead == "epochs",
            "#long-mistakes": instead == "mistakes" or under,
            "#classes": instead == "classes",
            "#log": wide and instead != "epochs",
            "#mistakes": fits,
            "#right": beside or (not wide and instead != "mistakes"),  # ten classes take 14 rows
            "#measure": second is not None and width >= 60,
            "#batches": two and loss.shown_by == "epoch",  # the other chart is not drawn twice
            "#side-loss": wide and instead == "epochs",
        }
        for name, visible in shown.items():
            self.query_one(name).display = visible
        self._size_images(rows, alone=instead == "images")
        arranged = (*shown.values(), waits, wide, side)
        changed, self._arranged = arranged != self._arranged, arranged
        return changed

    def _size_images(self, rows: int, *, alone: bool) -> None:
        """Give the images all rows, or as many as exact pairs need, one over the other or side by side."""
        shape = self.state.started.image_shape if self.state and self.state.started else (28, 28, 1)
        exact = (shape[0] + 1) // 2
        wanted = (2 * exact + 2, exact + 2, exact // 2 + 2)  # with the border
        most = int(rows * IMAGES_SHARE)
        height = "1fr" if alone else str(next((each for each in wanted if each <= most), most))
        if height != self._images_height:
            self._images_height = height
            self.query_one("#strip").styles.height = height

    def _can_show(self, what: str) -> bool:
        """Whether there is something to show in place of the curves."""
        run = self.state
        if run is None:
            return what == "epochs"
        return {
            "images": view_of(run.kind).rebuilds_images if run.kind in KINDS else True,
            "mistakes": run.mistakes is not None,
            "classes": listed(run.kind).tells_classes,
            "epochs": True,
        }.get(what, False)

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that do something for this run are shown."""
        run = self.state
        if action not in KEYS:
            return super().check_action(action, parameters)
        if run is None:
            return False
        match action:
            case "details":
                return run.result is not None and bool(run.result.details)
            case "show":
                return self._can_show(str(parameters[0]))
            case "turn":
                return self.query_one("#strip").display
            case "move" | "jump":
                return bool(run.epochs)
        return True

    @property
    def subject(self) -> Subject | None:
        """Its run, once something is known of it."""
        run = self.state
        if run is None:
            return None
        return Subject(run=self.run_id, kind=run.kind, state=run.state, trained=bool(run.epochs))

    def can(self, what: str) -> bool:
        """Only what can be done with the run as it is."""
        run = self.state
        if run is None:
            return False
        match what:
            case "pause":
                return run.live and run.state == RUNNING and not run.evaluating
            case "go_on":
                return run.live and run.state == PAUSED
            case "stop":
                return run.live and not run.evaluating
            case "open" | "gallery" | "classify":
                return run.state in COMPLETE and super().can(what)
            case "again":
                return not run.live and run.state != GONE
        return super().can(what)

    def action_details(self) -> None:
        """The traceback of an error that nobody foresaw."""
        from cae_tui.screens.dialogs import HelpScreen

        assert self.state is not None
        assert self.state.result is not None
        told = f"~~~~\n{self.state.message}\n\n{self.state.result.details}\n~~~~"
        self.app.push_screen(HelpScreen("What went wrong", told))

    def action_scale(self) -> None:
        """The other scale, of every chart of a loss."""
        for chart in self.query(LossChart):
            chart.log_scale = not chart.log_scale

    def action_by(self) -> None:
        """Batches in place of epochs, or back."""
        chart = self.query_one("#loss", LossChart)
        chart.by = self.query_one("#side-loss", LossChart).by = "epoch" if chart.shown_by == "batch" else "batch"
        self.moment = None
        self._arrange()
        self.call_after_refresh(self._redraw)

    def action_smooth(self) -> None:
        """The next degree of smoothing, of every chart."""
        now = self.query_one("#loss", LossChart).smoothing
        for chart in self.query(LossChart):
            chart.smoothing = SMOOTHING[(SMOOTHING.index(now) + 1) % len(SMOOTHING)]

    def action_across(self) -> None:
        """Epochs, steps or time beneath every chart."""
        now = self.query_one("#loss", LossChart).across
        for chart in self.query(LossChart):
            chart.across = ACROSS[(ACROSS.index(now) + 1) % len(ACROSS)]

    # -- back in time ----------------------------------------------------------------------------

    @property
    def _moments_by(self) -> str:
        """Whether the cursor goes by epochs or by batches: by what the chart of the loss shows."""
        return self.query_one("#loss", LossChart).shown_by

    def action_move(self, steps: int) -> None:
        """The cursor so many epochs, or batches, on; behind the last is the latest, whatever comes."""
        moments = self.state.moments(self._moments_by) if self.state is not None else []
        if not moments:
            return
        place = len(moments) - 1 if self.moment is None else bisect.bisect_right(moments, self.moment) - 1
        if self.moment is None and steps > 0:
            return
        place = max(place + steps, 0)
        self._go_to(moments[place] if place < len(moments) else None)

    def action_jump(self, end: int) -> None:
        """The cursor to the first epoch, or batch, or back to the latest."""
        moments = self.state.moments(self._moments_by) if self.state is not None else []
        self._go_to(moments[0] if moments and end == 0 else None)

    @on(LossChart.Pointed)
    def _point(self, message: LossChart.Pointed) -> None:
        self._go_to(message.moment)

    def _go_to(self, moment: float | None) -> None:
        self.moment = moment
        self._redraw()

    def action_show(self, what: str) -> None:
        """Images, the log or the confusion in place of the curves, or the curves again."""
        self.instead = "" if self.instead == what else what
        self._arrange()
        matrix = self.query_one("#long-mistakes")
        if self.instead == "mistakes":
            matrix.focus()
        elif matrix.has_focus:
            self.set_focus(None)
        self.call_after_refresh(self._redraw)

    def action_turn(self, pages: int) -> None:
        self.query_one("#strip", SampleStripView).turn(pages)
