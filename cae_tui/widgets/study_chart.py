"""The six charts of a study, drawn from its record: curves, each value, loss by value, by time, importance, parallel.

Every point keeps one colour and one marker in all of them, so that neither alone tells points apart. As with a run's
chart, news only mark it as stale; a timer redraws it, and a series is thinned to what the width can show.

Over 400 lines: six charts that share colours, markers and axes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.color import Color
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cae_tui import formats
from cae_tui.themes import Rgb, data_colours, series_colours
from cae_tui.widgets.chart import Axis, Chart, Span
from cae_tui.widgets.curves import Curves
from cae_tui.widgets.loss_chart import (
    TRAINING_MARKER,
    VALIDATION_MARKER,
    Points,
    drawable,
    epoch_axis,
    linear_ticks,
    log_ticks,
    pieces,
    thin,
    tick_label,
)
from engine.studies import worth
from engine.studies.chart_data import BEST_CURVES, MOST_CURVES, alike, axis_of, drawn, mean_curve, pareto, stages_of
from engine.studies.records import PointRecord, StageRecord
from engine.studies.tables import sort_key, sorted_values
from engine.text import numbers

if TYPE_CHECKING:
    from engine.studies.spec import StudySpec

MARKERS = ("●", "▲", "■", "◆", "▼", "○", "△", "□")
PICK_MARKER = "★"
CHARTS = ("curves", "each value", "by value", "by time", "importance", "parallel", "worth")
WORTH = len(CHARTS) - 1
"""The chart of a study of what an encoder is worth, and of no other."""
SMALL_WIDTH, SMALL_HEIGHT = 26, 8
LEAST_WIDTH, LEAST_HEIGHT = 24, 6
COMING = "No epoch has ended yet: curves begin with the first."
TOGETHER = "epochs of all stages"
"""What is numbered under the curves where the stages of some ended at other epochs than those of others."""
ONLY_SEVERAL = "This chart is for grids and searches, where several hyperparameters vary together."


def marker_of(position: int) -> str:
    """The marker of the curve at that position: where the colours begin again, others go with them."""
    return MARKERS[(position + position // len(MARKERS)) % len(MARKERS)]


def colour_of(app: App[Any], position: int) -> Rgb:
    """The colour of the curve at that position."""
    colours = series_colours(app)
    return colours[position % len(colours)]


@dataclass(frozen=True, slots=True)
class Curve:
    """One point's losses by epoch, with what tells it apart."""

    label: str
    train: Sequence[float]
    validation: Sequence[float]
    position: int  # of its colour and marker
    picked: bool = False
    stages: Mapping[str, int] = field(default_factory=dict)  # epochs of each stage of its training, in order


@dataclass(frozen=True, slots=True)
class StageView:
    """What the charts of a stage are drawn from."""

    stage: StageRecord
    spec: "StudySpec"
    labels: Sequence[str]  # of each point
    times: Sequence[float]  # of each point, in `per`
    per: str = "ms a step"
    marked: frozenset[int] = field(default_factory=frozenset)  # points to compare; none is all of them
    shares: Mapping[str, float] = field(default_factory=dict)  # how much each hyperparameter matters
    each_class: float = 0.0  # training images of a class, of a study of an encoder's worth

    def curves(self) -> list[Curve]:
        """Those that are drawn: the marked points, or all, or of many the best."""
        stage = self.stage
        places = [place for place, _ in drawn(stage)]
        if self.marked:
            places = [place for place in sorted(self.marked) if any(t.validation for t in stage.points[place].trials)]
        return [
            Curve(
                self.labels[place],
                mean_curve(stage.points[place], "train"),
                mean_curve(stage.points[place], "validation"),
                place,
                picked=place == stage.pick,
                stages=stages_of(stage.points[place]),
            )
            for place in places
        ]


def common_spans(curves: Sequence[Curve]) -> list[Span]:
    """The stages that all curves went through alike, as far as each of them got; none where they did not."""
    longest = alike([curve.stages for curve in curves])
    spans: list[Span] = []
    for stage, count in longest.items():
        start = spans[-1].end if spans else 0
        spans.append(Span(stage, start, start + count))
    return spans


class StudyChart(Chart):
    """One of `CHARTS`; `axis` is the hyperparameter under “by value”, where several vary."""

    DEFAULT_CSS = "StudyChart { border-title-style: bold; background: transparent; }"
    chart: reactive[int] = reactive(0)
    axis: reactive[int] = reactive(0)
    cursor: reactive[int | None] = reactive(None)
    """Of runs that are compared, the epoch, over all stages, whose losses are told; None for none."""

    class Pointed(Message):
        """A person points at an epoch, over all stages, with the mouse."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.epoch = epoch

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.loss = ""  # what is drawn of runs that are compared, where there are charts of several losses
        self._view: StageView | None = None
        self._curves: list[Curve] | None = None
        self._place: tuple[int, int, Axis] | None = None  # columns before the curves, theirs, and their axis

    def on_click(self, event: Click) -> None:
        """Point at an epoch of the runs that are compared."""
        place = event.get_content_offset(self)
        if place is None or self._place is None or self._curves is None:
            return
        left, columns, axis = self._place
        if 0 <= place.x - left < columns:
            at = axis.low + (place.x - left + 0.5) / columns * (axis.high - axis.low)
            self.post_message(self.Pointed(max(round(at), 1)))

    def show(self, view: StageView) -> None:
        """Draw a stage, at the next tick of the timer."""
        self._view, self._curves = view, None
        self.stale = True

    def show_curves(self, curves: list[Curve]) -> None:
        """Draw just these curves: runs that are compared."""
        self._curves = curves
        self.redraw_now()

    watch_chart = watch_axis = watch_cursor = Chart.redraw_now

    def write_title(self) -> None:
        """Which chart it is, and the keys of the others."""
        if self._curves is not None:
            self.border_title = f"Validation loss by epoch, log scale{self.loss and f' · {self.loss}'}"
            self.border_subtitle = ", . go back in time" if self.cursor is None else f"epoch {self.cursor}"
            return
        room = self.size.width or 80
        names = (
            "Validation loss by epoch, log scale", "Training and validation loss of each value",
            "Best validation loss by value", "Best validation loss by time", "Importance of each hyperparameter",
            "Parallel coordinates", "Validation accuracy by labels a class, mean ± std over seeds",
        )  # fmt: skip
        short = ("Curves", "Each value", "Loss by value", "Loss by time", "Importance", "Parallel coordinates", "Worth")
        self.border_title = f"{self.chart + 1} {(names if room > 56 else short)[self.chart]}"
        last = len(CHARTS) if self.chart == WORTH else WORTH
        self.border_subtitle = f"1–{last}: other charts" if room > 40 else f"1–{last}"

    # -- drawing ----------------------------------------------------------------------------------

    def draw(self) -> list[Strip]:
        """The chart that is chosen, or words where there is nothing to draw."""
        width, height = self.size
        if self._curves is not None:
            return self._overlay(self._curves, width, height)
        view = self._view
        if view is None or width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return self._words("" if view is None else "Too little room for a chart.")
        match self.chart:
            case 0:
                return self._overlay(view.curves(), width, height)
            case 1:
                return self._small_multiples(view.curves(), width, height)
            case 2:
                return self._by_value(view, width, height)
            case 3:
                return self._by_time(view, width, height)
            case 4:
                return self._importance(view, width, height)
            case 5:
                return self._parallel(view, width, height)
            case _:
                return self._worth(view, width, height)

    def _style(self, position: int) -> tuple[str, Rgb]:
        return marker_of(position), colour_of(self.app, position)

    def _up(self, values: Sequence[float], height: int) -> tuple[Axis, bool]:
        """An axis of losses for `values`, and whether it is logarithmic: where all of them are above zero."""
        low, high = min(values), max(values)
        log = low > 0
        most = max((height - 2) // 3, 2)
        if log:
            low, high = low / 1.08, high * 1.08
            ticks = log_ticks(low, high, most)
            places, (bottom, top) = [math.log10(tick) for tick in ticks], (math.log10(low), math.log10(high))
        else:
            ticks = linear_ticks(min(low, 0), high or 1.0, most)
            places, (bottom, top) = list(ticks), (min(low, 0.0), high * 1.05 or 1.0)
        return Axis(bottom, top, places, [tick_label(tick).rjust(6) for tick in ticks]), log

    def _overlay(self, curves: list[Curve], width: int, height: int) -> list[Strip]:
        """Validation curves in one chart, and under it which is which."""
        curves = [curve for curve in curves if drawable(list(enumerate(curve.validation)), log=False)]
        if not curves:
            return self._words(COMING)
        legend = self._legend(curves, width)
        height -= len(legend)
        up, log = self._up([value for curve in curves for value in curve.validation if math.isfinite(value)], height)
        spans, epochs = self._epochs(curves, width)
        raster = self.begin(width, height, epochs, up)
        self._place = (width - raster.columns, raster.columns, epochs)
        if self.cursor is not None:
            raster.rule(float(self.cursor), "default")
        for curve in sorted(curves, key=lambda curve: curve.picked):  # where all else is equal the pick lies on top
            marker, colour = self._style(curve.position)
            self._line(raster, curve.validation, marker, colour, log=log)
        self._name_stages(raster, spans, curves)
        return [*self.built(raster), *self.written(legend)]

    def _words(self, words: str) -> list[Strip]:
        return self.written(Text(words, style="dim"))

    @staticmethod
    def _epochs(curves: Sequence[Curve], width: int) -> tuple[list[Span], Axis]:
        """The stages of the curves, each with its own epochs; those of all stages in one where they differ."""
        last = max(*(len(curve.validation) for curve in curves), 2)
        spans = common_spans(curves) or [Span("", 0, last)]
        return spans, epoch_axis(spans, 1.0, float(last), width)

    def _name_stages(self, raster: Curves, spans: Sequence[Span], curves: Sequence[Curve]) -> None:
        if not spans[0].stage and any(len(curve.stages) > 1 for curve in curves):
            self.write(TOGETHER, raster.columns // 2, raster.rows - 1, alignment="center", colour="gray")
        else:
            self.write_stages(raster, spans, 0.5)

    def _line(self, raster: Curves, losses: Sequence[float], marker: str, colour: Rgb, *, log: bool) -> None:
        points = [(float(at), value) for at, value in enumerate(losses, start=1)]
        most = 2 * raster.columns
        lines = [
            self._scaled(thin(part, max(most * len(part) // len(points), 2)), log=log) for part in pieces(points, log)
        ]
        every = [point for line in lines for point in line]
        stride = max(math.ceil(6 * len(every) / raster.columns), 1)
        raster.curve(colour, lines, every[::-1][::stride][::-1], marker)

    def _legend(self, curves: list[Curve], width: int) -> list[Text]:
        """Marker and label of each curve, in as many lines as are needed, at most three."""
        lines = [Text()]
        for curve in curves:
            marker, colour = self._style(curve.position)
            entry = Text.assemble((marker, Color(*colour).hex), f" {curve.label}", PICK_MARKER if curve.picked else "")
            if self.cursor is not None:
                there = curve.validation[self.cursor - 1 : self.cursor]
                entry.append(f" {formats.loss(there[0])}" if there else " ended before", "bold")
            if lines[-1].cell_len and lines[-1].cell_len + entry.cell_len + 2 > width:
                if len(lines) == 3:
                    break
                lines.append(Text())
            if lines[-1].cell_len:
                lines[-1].append("  ")
            entry.truncate(width)
            lines[-1].append_text(entry)
        return lines

    def _small_multiples(self, curves: list[Curve], width: int, height: int) -> list[Strip]:
        """Training and validation of each value, on one scale, as many side by side as there is room for."""
        curves = [curve for curve in curves if drawable(list(enumerate(curve.validation)), log=False)]
        if not curves:
            return self._words(COMING)
        across = max(min(width // SMALL_WIDTH, len(curves)), 1)
        down = max(min((height - 1) // SMALL_HEIGHT, math.ceil(len(curves) / across)), 1)
        shown = curves[: across * down]
        each_width, each_height = width // across, (height - 1) // down - 1
        every = [v for curve in shown for v in (*curve.train, *curve.validation) if math.isfinite(v)]
        up, log = self._up(every, each_height)
        spans, epochs = self._epochs(shown, each_width)
        colours = data_colours(self.app)
        lines: list[Strip] = []
        for first in range(0, len(shown), across):
            row = shown[first : first + across]
            head, columns = Text(), []
            for curve in row:
                label = Text(f" {curve.label}{PICK_MARKER if curve.picked else ''}", style="bold")
                label.truncate(each_width)
                label.pad_right(each_width - label.cell_len)
                head.append_text(label)
                raster = self.begin(each_width, each_height, epochs, up)
                self._line(raster, curve.train, TRAINING_MARKER, colours.training, log=log)
                self._line(raster, curve.validation, VALIDATION_MARKER, colours.validation, log=log)
                self._name_stages(raster, spans, shown)
                columns.append([line.adjust_cell_length(each_width) for line in self.built(raster)])
            lines += [*self.written([head]), *map(Strip.join, zip(*columns, strict=True))]
        key = Text.assemble(
            (TRAINING_MARKER, Color(*colours.training).hex), " training  ",
            (VALIDATION_MARKER, Color(*colours.validation).hex), " validation",
        )  # fmt: skip
        if len(shown) < len(curves):
            key.append(f"   the first {len(shown)} of {len(curves)}: Space marks which to show", style="dim")
        return [*lines, *self.written([key])]

    # -- loss against something -------------------------------------------------------------------

    def _ended(self, view: StageView) -> list[tuple[int, PointRecord]]:
        return [(place, point) for place, point in enumerate(view.stage.points) if math.isfinite(point.loss)]

    def _by_value(self, view: StageView, width: int, height: int) -> list[Strip]:
        ended = self._ended(view)
        if not ended:
            return self._words("No value has finished yet.")
        name = view.stage.names[self.axis % len(view.stage.names)]
        values = sorted_values({point.values[name] for _, point in ended})
        keys = [sort_key(value) for value in values]
        numeric = [key for key in keys if isinstance(key, float)]
        at = dict(zip(values, numeric if len(numeric) == len(keys) else map(float, range(len(keys))), strict=True))
        hint = f"{name.replace('_', ' ')}" + ("   3 again: the next one" if len(view.stage.names) > 1 else "")
        spreads = {place: point.deviation("best_loss") or 0.0 for place, point in ended}
        bounds = [v for place, p in ended for v in (p.loss - spreads[place], p.loss + spreads[place]) if v > 0]
        up, log = self._up(bounds or [point.loss for _, point in ended], height - 1)
        raster = self.begin(width, height - 1, self._values(at, width), up)
        if len(view.stage.names) == 1 and len(ended) > 1:
            line = sorted((at[point.values[name]], point.loss) for _, point in ended)
            raster.curve("gray", [self._scaled(line, log=log)])
        for place, point in ended:
            x, spread = at[point.values[name]], spreads[place]
            if spread:
                ends = self._scaled([(x, max(point.loss - spread, min(bounds))), (x, point.loss + spread)], log=log)
                raster.rule(x, "gray", (ends[0][1], ends[-1][1]))
        self._marks(raster, view, [(place, at[point.values[name]], point.loss) for place, point in ended], log=log)
        return [*self.built(raster), *self.written([Text.assemble(hint, (f"   {PICK_MARKER} pick", "dim"))])]

    def _values(self, at: Mapping[str, float], width: int) -> Axis:
        low, high = min(at.values()), max(at.values())
        margin = 0.06 * (high - low) or 1.0
        kept: dict[str, float] = {}
        reach = -math.inf
        for label, place in zip(numbers(list(at)), at.values(), strict=True):
            column = (place - low) / (high - low or 1) * (width - 10)
            if column >= reach:  # one that would touch the one before is left out
                kept[label] = place
                reach = column + len(label) + 2
        return Axis(low - margin, high + margin, list(kept.values()), list(kept))

    def _by_time(self, view: StageView, width: int, height: int) -> list[Strip]:
        ended = self._ended(view)
        if not ended:
            return self._words("No value has finished yet.")
        points = [(place, view.times[place], point.loss) for place, point in ended]
        legend = self._legend(
            [Curve(view.labels[place], (), (), place, place == view.stage.pick) for place, _, _ in points], width
        )
        room = height - 1 - len(legend)
        up, log = self._up([loss for _, _, loss in points], room)
        times = [seconds for _, seconds, _ in points]
        low, high = min(times), max(times)
        margin = 0.05 * (high - low) or 0.1 * high or 1.0
        ticks = linear_ticks(low, high, max(width // 10, 2)) if high > low else [low]
        across = Axis(low - margin, high + margin, ticks, [f"{tick:.4g}" for tick in ticks])
        raster = self.begin(width, room, across, up)
        front = [points[place] for place in pareto([(seconds, loss) for _, seconds, loss in points])]
        if len(front) > 1:
            line = self._scaled([(seconds, loss) for _, seconds, loss in front], log=log)
            raster.curve("gray", [line])
        self._marks(raster, view, points, log=log)
        note = Text.assemble(view.per, ("   ⠒ Pareto front: no other is better in both", "dim"))
        return [*self.built(raster), *self.written([note, *legend])]

    def _worth(self, view: StageView, width: int, height: int) -> list[Strip]:
        """A curve for each way of training, over the labels a class on a log axis, with a bar for its spread."""
        if view.spec.mode != "worth":
            return self._words("This chart is for a study of what an encoder is worth.")
        series = worth.measured(view.stage, worth.OF[0])
        if not series:
            return self._words("No run has ended yet.")
        legend = self._legend([Curve(way, (), (), place) for place, way in enumerate(series)], width)
        numbers_of = view.spec.values["labels_per_class"]
        every = max(view.each_class, *(2 * float(number) for number in numbers_of if number), 1.0)
        at = {number: math.log10(worth.labels_at(number, every)) for number in numbers_of}
        low, high = min(at.values()), max(at.values())
        margin = 0.04 * (high - low) or 0.5
        across = Axis(low - margin, high + margin, list(at.values()), [number or "all" for number in at])
        ends = [100 * end for way in series.values() for each in way for end in (each.low, each.high)]
        bottom, top = max(min(ends) - 2, 0), min(max(ends) + 2, 100)
        ticks = linear_ticks(bottom, top, max((height - 4) // 3, 2))
        up = Axis(bottom, top, list(ticks), [f"{tick:g} %".rjust(6) for tick in ticks])
        raster = self.begin(width, height - 1 - len(legend), across, up)
        for place, way in enumerate(series.values()):
            marker, colour = self._style(place)
            x = [at[each.labels] + (place - len(series) / 2) * margin / 8 for each in way]  # bars stand side by side
            bars = [[(x, 100 * each.low), (x, 100 * each.high)] for x, each in zip(x, way, strict=True) if each.spread]
            line = [(x, 100 * each.mean) for x, each in zip(x, way, strict=True)]
            raster.curve(colour, [line, *bars], line, marker)
        return [*self.built(raster), *self.written([Text("labels a class"), *legend])]

    def _marks(self, raster: Curves, view: StageView, points: Sequence[tuple[int, float, float]], *, log: bool) -> None:
        """The points in their colours; nothing hides the pick."""
        for place, x, loss in points:
            marker, colour = self._style(place)
            ((x, y),) = self._scaled([(x, loss)], log=log) or [(x, loss)]
            curve = raster.curve(colour, markers=[(x, y)], marker=marker)
            if place == view.stage.pick:
                raster.pin(curve, (x, y), PICK_MARKER, colour)

    @staticmethod
    def _scaled(points: Sequence[tuple[float, float]], *, log: bool) -> Points:
        return [(x, math.log10(y)) for x, y in points if y > 0] if log else list(points)

    # -- several hyperparameters ------------------------------------------------------------------

    def _importance(self, view: StageView, width: int, height: int) -> list[Strip]:
        if len(view.stage.names) < 2:
            return self._words(ONLY_SEVERAL)
        if not view.shares:
            return self._words("This needs at least four points that have ended, with different losses.")
        room = max(len(name) for name in view.shares)
        most = max(width - room - 9, 4)
        largest = max(view.shares.values()) or 1.0
        lines = [Text("Share of the variance of the loss that each explains (fANOVA)", style="dim"), Text()]
        _, colour = self._style(0)
        for name, share in view.shares.items():
            bar = "█" * max(round(share / largest * most), 0)
            lines.append(
                Text.assemble(
                    name.replace("_", " ").ljust(room + 1), (bar, Color(*colour).hex), f" {100 * share:.0f} %"
                )
            )
        return self.written(lines[:height])

    def _parallel(self, view: StageView, width: int, height: int) -> list[Strip]:
        names = view.stage.names
        if len(names) < 2:
            return self._words(ONLY_SEVERAL)
        ended = self._ended(view)
        if len(ended) < 2:
            return self._words("This needs at least two points that have ended.")
        if view.marked:
            ended = [pair for pair in ended if pair[0] in view.marked] or ended
        logs = {place: math.log10(point.loss) if point.loss > 0 else -20.0 for place, point in ended}
        every = len(ended)
        # A hundred lines in forty columns are a smear, and dear to draw: of many the best are shown.
        most = len(ended) if len(ended) <= MOST_CURVES else BEST_CURVES
        best = sorted(ended, key=lambda pair: logs[pair[0]])[:most]
        ended = best + [pair for pair in ended if pair[0] == view.stage.pick and pair not in best]
        shown = [logs[place] for place, _ in ended]
        low, high = min(shown), max(shown)
        axes = [axis_of(view.spec, view.stage, name) for name in names]
        heads = [*(name.replace("_", " ") for name in names), "loss"]
        raster = self.begin(width, height - 1, Axis(-0.05, len(names) + 0.12, range(len(heads)), heads), None)
        for place in range(len(heads)):
            raster.rule(float(place), "gray")
        worst_first = sorted(ended, key=lambda pair: (pair[0] == view.stage.pick, -logs[pair[0]]))
        for place, point in worst_first:
            heights = [scale[point.values[name]] for name, (scale, _) in zip(names, axes, strict=True)]
            share = (logs[place] - low) / (high - low) if high > low else 0.0
            picked = place == view.stage.pick
            colour: Any = "default" if picked else self._style(place)[1]
            raster.curve(colour, [list(zip(map(float, range(len(heads))), [*heights, share], strict=True))])
        for place, (_, labels) in enumerate(axes):
            for at, label in labels[:8]:
                self.write(f" {label}", *raster.cell((place, at)), alignment="left", colour="default")
        for at, value in ((0.0, 10**low), (1.0, 10**high)):
            column, row = raster.cell((len(names), at))
            self.write(formats.loss(value), column, row, alignment="right", colour="default")
        best_of = f" · the best {BEST_CURVES} of {every}" if every > MOST_CURVES else ""
        note = Text.assemble("⠒ the pick", (f"   low on the right is good{best_of}", "dim"))
        return [*self.built(raster), *self.written([note])]
