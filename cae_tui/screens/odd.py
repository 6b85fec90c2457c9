"""Scores of an anomaly detector: how many images have which, a threshold that keys move, and what lies beside it."""

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
from cae_tui.bridge.oddity import STEPS, Oddity, ScoredImage, ScoresView
from cae_tui.bridge.values import Picture, Prediction
from cae_tui.printing import as_typed
from cae_tui.screens.run_page import RunPage, Subject
from cae_tui.widgets.card_grid import CardGrid
from cae_tui.widgets.image_grid import PictureView, fitting, largest, scale_of
from cae_tui.widgets.score_histogram import ScoreHistogram
from engine.errors import EngineError, MovedError
from engine.text import class_name, counted, percent, shortened

SETTLE_SECONDS = 0.15
"""Nothing is read of an image that is passed by faster."""
NO_BREAK = "\N{NO-BREAK SPACE}"
KEPT_PICTURES = 2_000
PARTS = ("image", "rebuilt", "difference")


class OddScreen(RunPage):
    """The scores of a run, and the images beside its threshold."""

    CSS_PATH = "odd.tcss"
    AUTO_FOCUS = "ScoreHistogram"
    HELP = """\
Each image has a score: the higher, the odder. The bars say how many have which: **normal** images stand above the
middle line, **odd** ones hang below it, each side drawn to its own height. What is right of the threshold is told as
odd.

| key | what it does |
|---|---|
| `←` `→` | move the threshold; with `Shift` ten steps; a click puts it there |
| `t` | the run's own threshold, which was found without test images |
| `Tab` | to the images told as normal, to those told as odd, and back; arrows move there, `Enter` shows one large |
| `n` `p` | farther from the threshold, nearer to it |
| `w` | only images on the wrong side, or all |

**Recall** is the share of the odd images that are found, **precision** the share of those told as odd that are, **false
alarms** the share of the normal ones that are told as odd. **AUROC** and **average precision** sum up all thresholds:
how often an odd image has a higher score than a normal one, and the precision, averaged over recall.

A threshold that you choose here by test images makes the figures of these very images look better than they will be on
others; the run keeps its own. `cae-tui predict RUN PATH --above SCORE` uses another.

Large, an image stands beside what the autoencoder rebuilds of it, and where the two differ: what is brightest differs
most, however little that is. The error says how much.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "own", "Its own", id="odd.own", tooltip="The threshold that the run found"),
        Binding("w", "wrong", "Wrong", id="odd.wrong", tooltip="Only images on the wrong side, or all"),
        Binding("n,pagedown", "turn(1)", "Farther", id="odd.next", tooltip="Images farther from it", key_display="n"),
        Binding("p,pageup", "turn(-1)", "Nearer", id="odd.previous", tooltip="Images nearer to it", show=False),
        Binding("left", "step(-1)", "Before", id="odd.before", tooltip="The image before", key_display="← →"),
        Binding("right", "step(1)", "After", id="odd.after", tooltip="The image after", show=False),
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self.view: ScoresView | None = None
        self.threshold = 0.0
        self.only_wrong = False
        self.large: ScoredImage | None = None
        self._oddity: Oddity | None = None
        self._rooms = {False: 1, True: 1}
        self._starts = {False: 0, True: 0}  # of what is shown of each side; True: told as odd
        self._many = {False: 0, True: 0}  # images that there are on each side
        self.shown: dict[bool, list[ScoredImage]] = {False: [], True: []}
        self._pictures: dict[int, Picture] = {}
        self._back: Widget | None = None  # what had the keyboard before an image was shown large

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "Odd ones")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    @property
    def subject(self) -> Subject:
        return Subject(run=self.run_id)

    def compose_page(self) -> Iterator[Widget]:
        """The bars, the figures, both sides; or one image large."""
        with Vertical(id="scores", classes="card"):
            yield ScoreHistogram()
        yield Static("Reading the scores…", id="figures", markup=False)
        with Horizontal(id="sides"):
            for side in ("normal", "odd"):
                with Vertical(id=f"{side}-side", classes="card"):
                    yield CardGrid(id=f"{side}-cards")
        with Vertical(id="large"):
            yield Static(id="large-line", markup=False)
            with Horizontal(id="large-body"):
                for part in PARTS:
                    with Vertical(classes="side"):
                        yield PictureView(id=part)
                        yield Static(part, classes="note", markup=False)

    def on_mount(self) -> None:
        self._oddity = self.runner.oddity(self.run_id, colours=not self.app.no_color)
        self.query_one("#large").display = False
        for cards in self.query(CardGrid):
            cards.caption = self._caption
        self._read()

    @work(exclusive=True, group="scores")
    async def _read(self) -> None:
        assert self._oddity is not None
        figures = self.query_one("#figures", Static)
        try:
            view = await self._oddity.read()
        except EngineError as error:
            why = error.what if isinstance(error, MovedError) else as_typed(str(error))
            figures.update(Content.styled(why, "$error"))
            if isinstance(error, MovedError) and await self.cae.ask_where_moved(error.fields, run=self.run_id):
                self._read()
            return
        self.view, self.threshold = view, view.threshold
        self.query_one("#scores").border_title = f"Scores of {counted(view.images, f'{view.of} image')}"
        self.query_one(ScoreHistogram).show(self._oddity.bins, view.low, view.high, view.threshold, both=view.knows)
        self._draw()

    # -- drawing ---------------------------------------------------------------------------------

    def _cards(self, above: bool) -> CardGrid:
        return self.query_one("#odd-cards" if above else "#normal-cards", CardGrid)

    def _room(self, above: bool) -> int:
        """How many cards fit on a side; while an image is large, as before."""
        if self.large is None:
            self._rooms[above] = self._cards(above).capacity
        return self._rooms[above]

    def _draw(self) -> None:
        """All that depends on the threshold."""
        if self.view is None or self._oddity is None:
            return
        bars = self.query_one(ScoreHistogram)
        bars.move_to(self.threshold)
        self.query_one("#scores").border_subtitle = bars.legend
        self.query_one("#figures", Static).update(self._figures(self.view))
        for above in (False, True):
            self._draw_side(above)
        missing = [one.index for side in self.shown.values() for one in side if one.index not in self._pictures]
        if missing:
            self._read_pictures(missing)
        self.refresh_keys()

    def _draw_side(self, above: bool) -> None:
        assert self._oddity is not None
        assert self.view is not None
        cards = self._cards(above)
        at = self._oddity.at(self.threshold)
        told, wrong = (at.found + at.wrongly, at.wrongly) if above else (at.missed + at.passed, at.missed)
        many = self._many[above] = wrong if self.only_wrong else told
        room = self._room(above)
        start = self._starts[above] = max(min(self._starts[above], (many - 1) // room * room), 0)
        found = self._oddity.beside(self.threshold, room, start, above=above, wrong=self.only_wrong)
        self.shown[above] = found
        rows = [
            Prediction(index=one.index, true=one.label, predicted=None, confidence=None, error=one.error)
            for one in found
        ]
        word = "odd" if above else "normal"
        note = f"No image is told as {word}." if not told else "None is on the wrong side." if not many else ""
        cards.show(rows, self._pictures, min(cards.cursor, max(len(rows) - 1, 0)), note)
        card = self.query_one(f"#{word}-side")
        few = f", {formats.count(wrong)} wrongly" if self.view.knows else ""
        card.border_title = f"Told as {word}: {formats.count(told)}{few}"
        ends = dict.fromkeys((formats.count(start + 1), formats.count(start + len(rows))))
        span = f"{'–'.join(ends)} from the threshold on" if rows else ""
        card.border_subtitle = f"wrong: {span.removesuffix(' on')}" if self.only_wrong and span else span

    def _caption(self, prediction: Prediction) -> tuple[str, bool | None]:
        """The class and the score, and whether it is on its side."""
        one = next((one for side in self.shown.values() for one in side if one.index == prediction.index), None)
        if one is None or self.view is None:
            return "", None
        name = "" if one.label is None else shortened(class_name(self.view.class_names, one.label), 7)
        sign = "" if one.right is None else "✓ " if one.right else "✗ "
        return f"{name} {sign}{one.score:.3g}".strip(), one.right

    def _figures(self, view: ScoresView) -> Content:
        assert self._oddity is not None
        at = self._oddity.at(self.threshold)
        own = self.threshold == view.threshold
        head = [("threshold", f"{self.threshold:.4g}{' (its own)' if own else ''}")]
        if view.auroc is not None:
            both = [("recall", percent(at.recall)), ("precision", percent(at.precision)), ("F1", percent(at.f1))]
            head += [*both, ("false alarms", percent(at.false_alarms))]
            tail = [("AUROC", percent(view.auroc)), ("average precision", percent(view.average_precision))]
        else:
            tail = [("told as odd", f"{formats.count(at.found + at.wrongly)} of {formats.count(view.images)}")]
        parts = [f"{name} {value}".replace(" ", NO_BREAK) for name, value in (*head, *tail)]
        lines, room = [parts[0]], self.size.width - 2
        for part in parts[1:]:
            longer = f"{lines[-1]}   {part}"
            lines = [*lines[:-1], longer] if len(longer) <= room else [*lines, part]
        return Content("\n".join(lines))

    @work(exclusive=True, group="pictures")
    async def _read_pictures(self, indices: list[int]) -> None:
        assert self._oddity is not None
        found = await self._oddity.pictures(indices)
        if len(self._pictures) > KEPT_PICTURES:
            self._pictures.clear()
            self.call_later(self._draw)  # what else is in sight is read anew
        self._pictures.update(zip(indices, found, strict=True))
        for cards in self.query(CardGrid):
            cards.refresh()

    # -- the threshold ---------------------------------------------------------------------------

    @on(ScoreHistogram.Moved)
    def _move(self, message: ScoreHistogram.Moved) -> None:
        if self.view is None:
            return
        step = (self.view.high - self.view.low) / STEPS
        wanted = self.threshold + message.steps * step if message.score is None else message.score
        self._put(min(max(wanted, self.view.low), self.view.high))

    def _put(self, threshold: float) -> None:
        self.threshold = threshold
        self._starts = {False: 0, True: 0}
        for cards in self.query(CardGrid):
            cards.cursor = 0
        self._draw()

    def action_own(self) -> None:
        """Back to what the run found."""
        if self.view is not None:
            self._put(self.view.threshold)

    def action_wrong(self) -> None:
        """Only those on the wrong side, or all again."""
        self.only_wrong = not self.only_wrong
        self._put(self.threshold)

    # -- images ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What there is to do."""
        if action == "wrong":
            return self.view is not None and self.view.knows and self.large is None
        if action == "step":
            return self.large is not None
        if action in ("own", "turn"):
            return self.view is not None and self.large is None
        return super().check_action(action, parameters)

    def action_step(self, steps: int) -> None:
        """Large, the image before or after, as the cards have them."""
        if self.large is None:
            return
        above = self.large.told_odd
        self._side_steps(above, steps)
        self._show_large(self.shown[above][self._cards(above).cursor])

    @property
    def _focused_side(self) -> bool | None:
        return next((above for above in (False, True) if self._cards(above).has_focus), None)

    def action_turn(self, pages: int) -> None:
        """Farther from the line, or nearer: of the side that has the keyboard, else of both."""
        sides = (False, True) if self._focused_side is None else (self._focused_side,)
        for above in sides:
            self._turn_side(above, pages)

    def _turn_side(self, above: bool, pages: int, *, last: bool = False) -> None:
        """To another page of a side, where there is one; the cursor to its first image, or to its `last`."""
        start = self._starts[above] + pages * self._room(above)
        if 0 <= start < self._many[above]:
            self._starts[above] = start
            self._cards(above).cursor = self._room(above) - 1 if last else 0
        self._draw()

    @on(ScoreHistogram.Drawn)
    @on(CardGrid.Resized)
    def _other_room(self) -> None:
        self._draw()

    @on(CardGrid.Stepped)
    def _step(self, message: CardGrid.Stepped) -> None:
        if (above := self._focused_side) is not None:
            self._side_steps(above, message.steps)

    def _side_steps(self, above: bool, steps: int) -> None:
        """Move the cursor of a side; off its page is another page."""
        cards = self._cards(above)
        there = cards.cursor + steps
        if 0 <= there < len(self.shown[above]):
            cards.cursor = there
            cards.refresh()
        elif there >= len(self.shown[above]) == self._room(above) or there < 0 < self._starts[above]:
            self._turn_side(above, 1 if there > 0 else -1, last=there < 0)

    @on(CardGrid.Opened)
    def _open(self) -> None:
        above = self._focused_side
        if above is None or not self.shown[above]:
            return
        self._back = self.focused
        self._show_large(self.shown[above][self._cards(above).cursor])

    def _show_large(self, one: ScoredImage) -> None:
        self.large = one
        self._show_only("#large")
        self.set_focus(None)
        for part in PARTS[1:]:
            self.query_one(f"#{part}", PictureView).picture = None
        assert self.view is not None
        name = "" if one.label is None else f"class {class_name(self.view.class_names, one.label)}   "
        side = "odd" if one.told_odd else "normal"
        right = "" if one.right is None else " ✓" if one.right else " ✗"
        told = f"told as {side}{right}   score {one.score:.4g}   error {formats.loss(one.error)}"
        line = f"image {formats.count(one.index)}   {name}{told}"
        self.query_one("#large-line", Static).update(Content(line))
        self._read_large(one)
        self.refresh_keys()

    def _show_only(self, *shown: str) -> None:
        for part in ("#scores", "#figures", "#sides", "#large"):
            self.query_one(part).display = part in shown

    @work(exclusive=True, group="large")
    async def _read_large(self, one: ScoredImage) -> None:
        assert self._oddity is not None
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            found = await self._oddity.rebuilt(one.index)
        except EngineError as error:
            self.query_one("#large-line", Static).update(Content.styled(as_typed(str(error)), "$error"))
            return
        if self.large is not one:
            return
        room = self.query_one("#large").size
        for part, picture in zip(PARTS, (found.picture, found.reconstruction, found.residual), strict=True):
            view = self.query_one(f"#{part}", PictureView)
            columns, rows = room.width // 3 - 2, max(room.height - 4, 2)
            width, height = largest(picture, columns, rows)
            if scale_of(picture, width, height) < 2:
                width, height = fitting(picture, columns, rows)
            view.styles.width, view.styles.height = width, height
            view.picture = picture

    def step_back(self) -> bool:
        """From one image to both sides."""
        if self.large is None:
            return False
        self.large = None
        self._show_only("#scores", "#figures", "#sides")
        self.set_focus(self._back)
        self._draw()
        return True
