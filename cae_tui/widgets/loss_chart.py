"""The curves of a run: its loss or another of its measures, by epoch or by batch, over epochs, steps or time.

News of something that it shows mark the chart as stale, a timer redraws it twice a second at most, and a series is
thinned to what the width can show.

Over 400 lines: one chart, with its axes, its cursor and what is worked out for them.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual.binding import Binding
from textual.color import Color
from textual.events import Click, MouseMove
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cae_tui import formats
from cae_tui.themes import Rgb, data_colours
from cae_tui.widgets.chart import Axis, Chart, Span
from cae_tui.widgets.curves import Curve, Curves, Point
from engine.protocol.states import QUEUED
from engine.specs.measures import LOSS, Measure

if TYPE_CHECKING:
    from textual.app import App

    from cae_tui.bridge.run_state import RunState

TRAINING_MARKER, VALIDATION_MARKER, BEST_MARKER = "●", "▲", "★"
PARTS = {0.1: "1/10 epoch", 0.25: "1/4 epoch", 0.5: "1/2 epoch"}
"""Ends of the axis during the first epoch, with their names."""
LEAST_WIDTH, LEAST_HEIGHT = 24, 5
"""Cells below which a chart says its newest numbers instead of drawing them."""

SMOOTHING = (0.0, 0.6, 0.9, 0.97)
"""How much of the mean so far each new value leaves, in the order in which a key goes through them; 0 is none."""
ACROSS = ("epoch", "step", "time")
"""What the axis beneath counts."""
CURSOR_MARKER = "◉"

COMING = "Nothing is measured yet: the first steps are being taken."
QUEUED_YET = "It has not begun yet."
NOTHING = "It ended before anything was measured."

Points = list[Point]


def thin(points: Sequence[Point], most: int, kept: Collection[float] = ()) -> Points:
    """At most `most` of `points`, evenly spaced, the last always among them; besides, those whose x is in `kept`."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    chosen = {round(place * step) for place in range(most)}
    if kept:
        chosen |= {place for place, (x, _) in enumerate(points) if x in kept}
    return [points[place] for place in sorted(chosen)]


def pieces(points: Sequence[Point], log: bool) -> list[Points]:
    """`points` in the pieces that a line can go through: it does not lead over what cannot be drawn."""
    found: list[Points] = [[]]
    for point in points:
        if math.isfinite(point[1]) and (point[1] > 0 or not log):
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [piece for piece in found if piece]


def drawable(points: Sequence[Point], log: bool) -> Points:
    """The points that a chart can show: numbers, and above zero where the scale is logarithmic."""
    return [(x, y) for x, y in points if math.isfinite(y) and (y > 0 or not log)]


def epoch_ticks(first: int, last: int, most: int) -> list[int]:
    """Whole epochs to write under the chart: at most about `most`, at a step of 1, 2 or 5 times a power of ten."""
    step = 1
    for power in range(9):
        step = next((size * 10**power for size in (1, 2, 5) if (last - first) / (size * 10**power) < most), 0)
        if step:
            break
    ticks = [tick for tick in range(0, last + 1, max(step, 1)) if tick >= first]
    return ticks or [last]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Values to write beside a logarithmic axis from `low` to `high`, both above zero."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if 2 <= len(ticks) <= most:
            return ticks
    if len(ticks) > most:
        return ticks[:: math.ceil(len(ticks) / most)]
    # Within one decade: as many of its nine as there is room for.
    ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in range(1, 10)]
    ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
    return ticks[:: math.ceil(len(ticks) / most)] if len(ticks) > 1 else [low, high]


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values to write beside an even axis."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / max(most, 1)))
    ticks: list[float] = []
    for size in (1, 2, 2.5, 5, 10, 20):
        step = size * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        ticks = [place * step for place in range(first, last + 1)]
        if len(ticks) <= most:
            break
    return ticks


def tick_label(value: float) -> str:
    """A loss beside an axis, as short as it can be: `0.002`, `5e-04`."""
    if value and abs(value) < 0.999e-3:
        digits = next(digits for digits in (0, 1, 2) if math.isclose(float(f"{value:.{digits}e}"), value, rel_tol=0.02))
        return f"{value:.{digits}e}"
    return f"{value:.4f}".rstrip("0").rstrip(".") if value else "0"


def stage_spans(run: "RunState | None", *, by_batch: bool = False) -> list[Span]:
    """The stages that are drawn, at least one; `by_batch` with the epoch under way."""
    spans: list[Span] = []
    for stage, end in run.stage_ends() if run else ():
        spans.append(Span(stage, spans[-1].end if spans else 0, end))
    stage, done = run.stage if run else "", spans[-1].end if spans else 0
    reached = math.ceil(run.batches[-1][0]) if by_batch and run and run.batches else done
    if reached > done and spans and spans[-1].stage == stage:
        spans[-1] = replace(spans[-1], end=reached)
    elif reached > done or not spans:
        spans.append(Span(stage, done, reached))
    return spans


def epoch_axis(spans: Sequence[Span], first: float, last: float, width: int) -> Axis:
    """Whole epochs under a chart of so many columns, each stage's own from 1; `first` is 0 or 1."""
    most = max(width // 7, 2)
    ticks, names = [], []
    for place, span in enumerate(spans):
        count = int((last if place == len(spans) - 1 else span.end) - span.start)
        own = epoch_ticks(0 if first == 0 and not place else 1, count, max(round(most * count / last), 1))
        ticks += [float(span.start + tick) for tick in own]
        names += [str(tick) for tick in own]
    return Axis(first, last, ticks, names)


def stage_best(run: "RunState") -> list[int]:
    """The places, from 1 and over all stages, of each stage's best epoch."""
    best = {epoch.stage: epoch.best_epoch for epoch in run.epochs}
    return [place for place, epoch in enumerate(run.epochs, start=1) if epoch.epoch == best[epoch.stage]]


def cursor_keys(page: str) -> tuple[Binding, ...]:
    """The keys of a page that move a cursor through time; it acts on `move(steps)` and `jump(end)`, 0 the first."""
    return (
        Binding("left,comma", "move(-1)", "Earlier", id=f"{page}.earlier", tooltip="Back in time"),
        Binding("right,full_stop", "move(1)", "Later", id=f"{page}.later", tooltip="On in time", show=False),
        Binding("shift+left", "move(-10)", "Ten earlier", id=f"{page}.earlier-ten", tooltip="Ten back", show=False),
        Binding("shift+right", "move(10)", "Ten later", id=f"{page}.later-ten", tooltip="Ten on", show=False),
        Binding("home", "jump(0)", "First", id=f"{page}.first", tooltip="The first epoch, or batch", show=False),
        Binding("end", "jump(1)", "Latest", id=f"{page}.latest", tooltip="The latest, whatever comes", show=False),
    )


def smooth(points: Sequence[Point], weight: float) -> Points:
    """The exponential moving average of `points`, as TensorBoard has it: each value counts 1 - `weight`.

    The mean of the first few is not pulled to zero: it is divided by what they count together. What is no number is
    passed over.
    """
    found: Points = []
    mean, counted = 0.0, 1.0
    for x, y in points:
        if math.isfinite(y):
            mean, counted = weight * mean + (1 - weight) * y, counted * weight
            found.append((x, mean / (1 - counted)))
        else:
            found.append((x, y))
    return found


def faint(colour: Rgb, app: "App[object]") -> Rgb:
    """A colour that is nearly that of the background."""
    background = Color.parse(app.theme_variables["background"]).rgb
    red, green, blue = (round(0.35 * own + 0.65 * other) for own, other in zip(colour, background, strict=True))
    return red, green, blue


class LossChart(Chart):
    """One measure of a run, training and validation.

    Args:
        measure: which; only a loss is drawn by batch, and on a logarithmic scale.
        by: "epoch" or "batch"; where it is neither, batches until two epochs are complete, then epochs.
        keys: what changes the chart, for its title.
    """

    DEFAULT_CSS = "LossChart { padding: 0 1 0 0; }"
    log_scale: reactive[bool] = reactive(True)
    by: reactive[str] = reactive("")
    across: reactive[str] = reactive("epoch")
    smoothing: reactive[float] = reactive(0.0)
    cursor: reactive[float | None] = reactive(None)
    """A moment of the run, in epochs since it began, whose values are told; None for none."""

    class Pointed(Message):
        """A person points at a moment of the run with the mouse."""

        def __init__(self, moment: float) -> None:
            super().__init__()
            self.moment = moment

    def __init__(
        self,
        measure: Measure = LOSS,
        *,
        by: str = "",
        keys: str = "",
        id: str | None = None,  # noqa: A002 - Textual calls it so
    ) -> None:
        super().__init__(id=id)
        self.measure = measure
        self.set_reactive(LossChart.by, by)
        self.keys = keys
        self.epochs_of_a_curve = 2  # one is a point; enough where batches are drawn beside it
        self._shown: tuple[object, ...] | None = None  # see `_content`
        self._place: tuple[int, int, Axis] | None = None  # columns before the curves, theirs, and their axis
        self._passed: list[float] = []  # see `RunState.passed`
        self._run: RunState | None = None

    def show(self, run: "RunState") -> None:
        """Draw `run`, at the next tick of the timer or at once where it is another one."""
        another = run is not self._run
        self._run = run
        if another or self._content() != self._shown:
            self.stale = True
        if another:
            self.redraw()

    def _content(self) -> tuple[object, ...]:
        """What is drawn of the run, in short: while its steps go on, a chart by epoch stays as it is."""
        run, by = self._run, self.shown_by
        if run is None:
            return ()
        steps = (len(run.batches), run.batches[-1:]) if by == "batch" else ()
        if self.across == "time":
            steps = (*steps, self._passed[-1:])
        return by, run.live, len(run.epochs), run.epochs[-1:], steps

    watch_log_scale = watch_by = watch_across = watch_smoothing = watch_cursor = Chart.redraw_now

    # -- moments ---------------------------------------------------------------------------------

    def _at(self, moment: float) -> float:
        """Where a moment, in epochs, stands on the axis."""
        if self.across == "epoch" or len(self._passed) < 2:
            return moment
        place = min(max(int(moment), 0), len(self._passed) - 2)
        before, after = self._passed[place], self._passed[place + 1]
        return before + (moment - place) * (after - before)

    def on_click(self, event: Click) -> None:
        """Point at a moment."""
        self._point(event)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Point at one after the other, while a button is held."""
        if event.button:
            self._point(event)

    def _point(self, event: Click | MouseMove) -> None:
        place = event.get_content_offset(self)
        if place is None or self._place is None or self._run is None:
            return
        left, columns, axis = self._place
        if not 0 <= place.x - left < columns:
            return
        at = axis.low + (place.x - left + 0.5) / columns * (axis.high - axis.low)
        moments = self._run.moments(self.shown_by)
        if moments:
            self.post_message(self.Pointed(min(moments, key=lambda moment: abs(self._at(moment) - at))))

    @property
    def shown_by(self) -> str:
        """What is drawn: while there are too few epochs for a curve, batches stand in."""
        run = self._run
        if self.measure is not LOSS or run is None or not run.batches:
            return "epoch"
        return self.by or ("batch" if len(run.epochs) < self.epochs_of_a_curve else "epoch")

    @property
    def logarithmic(self) -> bool:
        """Whether the axis is: that of another measure than the loss never is."""
        return self.log_scale and self.measure is LOSS

    def write_title(self) -> None:
        """The measure and the axis, what is drawn, and the keys."""
        self._passed = self._run.passed(self.across) if self._run is not None and self.across != "epoch" else []
        batches = self.shown_by == "batch"
        by = "batch" if batches and self.across == "epoch" else self.across
        scale = ", log scale" if self.logarithmic else ""
        scale += f", smoothed {self.smoothing:g}" if self.smoothing else ""
        marker = "⠒" if batches else TRAINING_MARKER
        training, validation, where = self._told()
        legend = (
            f"{where}[$cae-training]{marker} training{training}[/]  "
            f"[$cae-validation]{VALIDATION_MARKER} validation{validation}[/]"
        )
        title = self.measure.name.capitalize()
        room = self.size.width or 80
        best = f"  {BEST_MARKER} best" if self._run and self._run.epochs and room >= 40 and not where else ""
        keys = f" [$foreground-muted]{self.keys}[/]" if self.keys and room > 46 else ""
        self.border_title = f"{title} by {by}{scale}{keys}" if room > 32 else title
        self.border_subtitle = legend + best if room >= 32 else ""

    def _told(self) -> tuple[str, str, str]:
        """What is told at the cursor of training and validation, and where it stands; nothing where there is none."""
        run, moment = self._run, self.cursor
        if run is None or moment is None:
            return "", "", ""
        name = self.measure.name
        epoch = run.epoch_at(moment)
        validation = epoch.validation.get(name) if epoch is not None else None
        training = epoch.train.get(name) if epoch is not None else None
        where = formats.epoch_label(epoch.stage, epoch.epoch, run.epochs_of(epoch.stage)) if epoch is not None else ""
        if self.shown_by == "batch":
            training = next((loss for x, loss in run.batches if x == moment), None)
            where = f"epoch {moment:.2f}"
        if self.across == "step":
            where = f"step {self._at(moment):,.0f}"
        elif self.across == "time":
            where = formats.duration(self._at(moment))
        words = [f" {self.measure.write(value)}" if value is not None else "" for value in (training, validation)]
        return words[0], words[1], f"{where}  "

    on_resize = write_title

    # -- drawing ---------------------------------------------------------------------------------

    def draw(self) -> list[Strip]:
        """The chart, or, where there is too little room or nothing yet, words."""
        run, (width, height) = self._run, self.size
        self._shown, self._place = self._content(), None
        training, validation = self._points("train"), self._points("validation")
        values = [y for _, y in drawable(training, self.logarithmic) + drawable(validation, self.logarithmic)]
        if run is None or not values:
            words = COMING if run is None or run.live else QUEUED_YET if run.state == QUEUED else NOTHING
            return self.written(Text(words, style="dim"))
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return self.written(Text(self._newest(training, validation)))
        by_epoch = self.shown_by == "epoch"
        spans = stage_spans(run, by_batch=not by_epoch)
        across = self._across(spans, width)
        curves = self.begin(width, height, across, self._up(min(values), max(values), height))
        self._place = (width - curves.columns, curves.columns, across)
        stars = [place for place in stage_best(run) if place <= len(validation)]  # an epoch may have ended since
        best = drawable([validation[place - 1] for place in stars], self.logarithmic)
        colours = data_colours(self.app)
        if self.cursor is not None:
            curves.rule(self._at(self.cursor), "default")
        at_best = {x for x, _ in best}
        if self.smoothing:  # what was measured stays to be seen, faint, behind the means
            for points, colour in ((training, colours.training), (validation, colours.validation)):
                curves.curve(faint(colour, self.app), self._lines(points, spans, curves))
            training, validation = (self._smooth(points, spans) for points in (training, validation))
        lines = self._lines(training, spans, curves)
        self._curve(curves, lines, colours.training, TRAINING_MARKER, at_points=by_epoch, line=True)
        lines = self._lines(validation, spans, curves, at_best)
        straight = by_epoch or bool(self.smoothing)
        curve = self._curve(curves, lines, colours.validation, VALIDATION_MARKER, at_points=True, line=straight)
        for point in [] if self.smoothing else self._scaled(best):
            curves.pin(curve, point, BEST_MARKER, "default")
        for points in (training, validation) if self.cursor is not None else ():
            for point in self._scaled(
                drawable([point for point in points if point[0] == self.cursor], self.logarithmic)
            ):
                curves.pin(curve, point, CURSOR_MARKER, "default")
        shift = 0.5 if by_epoch else 0.0
        places = [replace(span, start=self._at(span.start), end=self._at(span.end + shift)) for span in spans]
        self.write_stages(curves, places, 0.0)
        return self.built(curves)

    def _smooth(self, points: Points, spans: Sequence[Span]) -> Points:
        """Means of `points`, each stage's own."""
        own = ([point for point in points if span.start < point[0] <= span.end] for span in spans)
        return [point for part in own for point in smooth(part, self.smoothing)]

    def _points(self, split: str) -> Points:
        """Where its numbers stand, those that cannot be drawn among them; `split` is "train" or "validation"."""
        run = self._run
        if run is None:
            return []
        if split == "train" and self.shown_by == "batch":
            return run.batches
        found = [epoch.train if split == "train" else epoch.validation for epoch in run.epochs]
        return [
            (float(place), metrics.get(self.measure.name, math.nan)) for place, metrics in enumerate(found, start=1)
        ]

    def _newest(self, training: Points, validation: Points) -> str:
        parts = []
        for name, points in ((self.measure.name, training), (f"val_{self.measure.name}", validation)):
            if found := drawable(points, self.logarithmic):
                parts.append(f"{name} {self.measure.write(found[-1][1])}")
        return "  ".join(parts)

    def _across(self, spans: Sequence[Span], width: int) -> Axis:
        """The axis of epochs: each stage counts its own from 1, as the log and the status do."""
        if self.shown_by == "batch":
            latest = self._run.batches[-1][0] if self._run and self._run.batches else 1.0
            if latest <= 0.5:  # an epoch can take many minutes: do not leave most of the chart empty for them
                last = next(part for part in PARTS if latest <= part)
                return Axis(0.0, last, (0.0, last), ("0", PARTS[last]))
            first, last = 0.0, float(max(spans[-1].end, 1))
        else:
            first, last = 1.0, float(max(spans[-1].end, 2))
        if self.across != "epoch":
            low, high = self._at(first), self._at(last)
            seconds = self.across == "time"
            unit = next((unit for unit in (3600, 60) if seconds and high - low >= 2 * unit), 1)
            ticks = [unit * tick for tick in linear_ticks(low / unit, high / unit, max(width // 12, 2))]
            write = formats.duration if seconds else formats.big
            return Axis(low, high, ticks, [write(tick) if tick else "0" for tick in ticks])
        axis = epoch_axis(spans, first, last, width)
        return replace(axis, names=[*axis.names[:-1], "1 epoch"]) if (first, last) == (0, 1) else axis

    def _up(self, low: float, high: float, height: int) -> Axis:
        """The axis of the measure for values from `low` to `high`."""
        most = max((height - 2) // 3, 2)
        if self.measure.share:
            low, high = max(low - 0.02 * (high - low) - 1e-4, 0), min(high + 0.02 * (high - low) + 1e-4, 1)
            ticks = linear_ticks(low * 100, high * 100, most)
            digits = 0 if all(abs(tick - round(tick)) < 1e-6 for tick in ticks) else 1
            digits = digits if len({f"{tick:.{digits}f}" for tick in ticks}) == len(ticks) else 2
            places, labels = [tick / 100 for tick in ticks], [f"{tick:.{digits}f} %" for tick in ticks]
        elif self.logarithmic:
            low, high = low / 1.08, high * 1.08
            ticks = log_ticks(low, high, most)
            places, labels = [math.log10(tick) for tick in ticks], [tick_label(tick) for tick in ticks]
            low, high = math.log10(low), math.log10(high)
        else:
            low, high = (0.0 if low > 0 else low), (high * 1.02 or 1.0)
            ticks = linear_ticks(low, high, most)
            places, labels = ticks, [tick_label(tick) for tick in ticks]
        # A steady left edge while values shrink.
        return Axis(low, high, places, [label.rjust(6) for label in labels])

    def _lines(
        self, points: Points, spans: Sequence[Span], curves: Curves, kept: Collection[float] = ()
    ) -> list[Points]:
        """What lines go through: one within each stage, for another one has other images and rates."""
        most = 2 * curves.columns
        lines: list[Points] = []
        for span in spans:
            own = [point for point in points if span.start < point[0] <= span.end]
            parts = pieces(own, self.logarithmic)
            lines += [self._scaled(thin(part, max(most * len(part) // len(points), 2), kept)) for part in parts]
        return lines

    def _curve(
        self, curves: Curves, lines: list[Points], colour: Rgb, marker: str, *, at_points: bool, line: bool
    ) -> Curve:
        every = [point for part in lines for point in part]
        markers: Points = []
        if at_points:  # not on every epoch of a long run: the curve is to be seen as well
            markers = every[::-1][:: math.ceil(4 * len(every) / curves.columns) or 1][::-1]
        elif len(every) == 1:  # one point is no line, and not nothing either
            markers = every
        return curves.curve(colour, lines if line else (), markers, marker)

    def _scaled(self, points: Points) -> Points:
        """Points as they stand on the axes."""
        return [(self._at(x), math.log10(y) if self.logarithmic else y) for x, y in points]
