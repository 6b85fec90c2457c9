"""The curves of a run: its loss or another of its measures, by epoch or by batch.

News of something that it shows mark the chart as stale, a timer redraws it twice a second at most, and a series is
thinned to what the width can show.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual.reactive import reactive
from textual.strip import Strip

from cae_tui.themes import Rgb, data_colours
from cae_tui.widgets.chart import Axis, Chart, Span
from cae_tui.widgets.curves import Curve, Curves, Point
from engine.protocol.states import QUEUED
from engine.specs.measures import LOSS, Measure

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState

TRAINING_MARKER, VALIDATION_MARKER, BEST_MARKER = "●", "▲", "★"
PARTS = {0.1: "1/10 epoch", 0.25: "1/4 epoch", 0.5: "1/2 epoch"}
"""Ends of the axis during the first epoch, with their names."""
LEAST_WIDTH, LEAST_HEIGHT = 24, 5
"""Cells below which a chart says its newest numbers instead of drawing them."""

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
        count = (int(last) if place == len(spans) - 1 else span.end) - span.start
        own = epoch_ticks(0 if first == 0 and not place else 1, count, max(round(most * count / last), 1))
        ticks += [float(span.start + tick) for tick in own]
        names += [str(tick) for tick in own]
    return Axis(first, last, ticks, names)


def stage_best(run: "RunState") -> list[int]:
    """The places, from 1 and over all stages, of each stage's best epoch."""
    best = {epoch.stage: epoch.best_epoch for epoch in run.epochs}
    return [place for place, epoch in enumerate(run.epochs, start=1) if epoch.epoch == best[epoch.stage]]


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
        return by, run.live, len(run.epochs), run.epochs[-1:], steps

    watch_log_scale = watch_by = Chart.redraw_now

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
        by = "batch" if self.shown_by == "batch" else "epoch"
        scale = ", log scale" if self.logarithmic else ""
        marker = "⠒" if by == "batch" else TRAINING_MARKER
        legend = f"[$cae-training]{marker} training[/]  [$cae-validation]{VALIDATION_MARKER} validation[/]"
        title = self.measure.name.capitalize()
        room = self.size.width or 80
        best = f"  {BEST_MARKER} best" if self._run and self._run.epochs and room >= 40 else ""
        keys = f" [$foreground-muted]{self.keys}[/]" if self.keys and room > 46 else ""
        self.border_title = f"{title} by {by}{scale}{keys}" if room > 32 else title
        self.border_subtitle = legend + best if room >= 32 else ""

    on_resize = write_title

    # -- drawing ---------------------------------------------------------------------------------

    def draw(self) -> list[Strip]:
        """The chart, or, where there is too little room or nothing yet, words."""
        run, (width, height) = self._run, self.size
        self._shown = self._content()
        training, validation = self._points("train"), self._points("validation")
        values = [y for _, y in drawable(training, self.logarithmic) + drawable(validation, self.logarithmic)]
        if run is None or not values:
            words = COMING if run is None or run.live else QUEUED_YET if run.state == QUEUED else NOTHING
            return self.written(Text(words, style="dim"))
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return self.written(Text(self._newest(training, validation)))
        by_epoch = self.shown_by == "epoch"
        spans = stage_spans(run, by_batch=not by_epoch)
        curves = self.begin(width, height, self._across(spans, width), self._up(min(values), max(values), height))
        stars = [place for place in stage_best(run) if place <= len(validation)]  # an epoch may have ended since
        best = drawable([validation[place - 1] for place in stars], self.logarithmic)
        colours = data_colours(self.app)
        lines = self._lines(training, spans, curves)
        self._curve(curves, lines, colours.training, TRAINING_MARKER, at_points=by_epoch, line=True)
        lines = self._lines(validation, spans, curves, {x for x, _ in best})
        curve = self._curve(curves, lines, colours.validation, VALIDATION_MARKER, at_points=True, line=by_epoch)
        for point in self._scaled(best):
            curves.pin(curve, point, BEST_MARKER, "default")
        self.write_stages(curves, spans, 0.5 if by_epoch else 0.0)
        return self.built(curves)

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
        return [(x, math.log10(y)) for x, y in points] if self.logarithmic else points
