"""The figures of a study's document."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from engine.documents.page import COLOURS, INK, MIDDLE
from engine.documents.style import STYLE, TRAINING, VALIDATION, chart, logarithmic, style
from engine.studies import worth
from engine.studies.chart_data import axis_of, drawn, mean_curve, pareto
from engine.studies.records import PointRecord, StageRecord
from engine.studies.spec import StudySpec, brief
from engine.studies.tables import TimeColumn, sort_key
from engine.text import numbers

MOST_NAMED = 6
"""Points of the chart of loss by time that are all named; of more, those of the Pareto front."""


def stage_figures(study: StudySpec, stage: StageRecord, time: TimeColumn) -> dict[str, Figure]:
    """The figures of a stage, by name: curves, each value by itself, loss by value, loss by `time`."""
    with mpl.rc_context(STYLE):
        found = {"curves": curves(stage)} if len(stage.points) > 1 else {}
        found["each"] = small_multiples(stage)
        if len(_compared(stage)) > 1:
            if len(stage.names) == 1:
                found["loss-by-value"] = loss_by_value(stage)
            found["loss-by-time"] = loss_by_time(stage, time)
            if len(stage.names) > 1:
                found["parallel"] = parallel_coordinates(study, stage)
        return found


def accuracy_by_labels(series: Mapping[str, Sequence[worth.Measured]], every: float) -> Figure:
    """The accuracy of each way to train by the labels a class, with a bar for its standard deviation.

    Args:
        series: as `worth.measured` gives them.
        every: training images of a class, where all labels are meant.
    """
    with mpl.rc_context(STYLE):
        figure, axes = chart(6.4, 3.8)
        for position, (way, measured) in enumerate(series.items()):
            across = [worth.labels_at(each.labels, every) * 1.02 ** (position - len(series) / 2) for each in measured]
            axes.errorbar(
                across, [100 * each.mean for each in measured], yerr=[100 * each.spread for each in measured],
                label=way, markersize=4, linewidth=1.4, elinewidth=1, capsize=2, **style(position),
            )  # fmt: skip
        axes.set_xscale("log")
        labels = dict.fromkeys(each.labels for measured in series.values() for each in measured)
        axes.set_xticks([worth.labels_at(number, every) for number in labels], [number or "all" for number in labels])
        axes.minorticks_off()
        axes.set_xlabel("labels a class")
        axes.set_ylabel("accuracy, %")
        axes.legend(loc="lower right")
        return figure


def _compared(stage: StageRecord) -> list[tuple[int, PointRecord]]:
    """The points that have a loss to compare, with their places."""
    return [(place, point) for place, point in enumerate(stage.points) if math.isfinite(point.loss)]


def _epochs_of(stage: StageRecord) -> str:
    """What the axis of epochs counts: a classifier's stages go on where the one before ended."""
    several = any(len(trial.stage_epochs) > 1 for point in stage.points for trial in point.trials)
    return "epoch, all stages of training together" if several else "epoch"


def curves(stage: StageRecord) -> Figure:
    """Validation curves of all values in one chart."""
    figure, axes = chart(6.4, 3.4)
    every: list[float] = []
    for position, (place, point) in enumerate(drawn(stage)):
        losses = mean_curve(point, "validation")
        every += losses
        mark = " ★" if place == stage.pick else ""
        axes.plot(
            range(1, len(losses) + 1), losses, label=brief(point.values) + mark, markersize=4,
            markevery=max(len(losses) // 12, 1), linewidth=1.4, **style(position),
        )  # fmt: skip
    logarithmic(axes, every)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=_epochs_of(stage), ylabel="validation loss")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)
    return figure


def small_multiples(stage: StageRecord) -> Figure:
    """Training and validation loss of each value in a chart of its own, on one scale."""
    shown = drawn(stage)
    across = min(len(shown), 4) or 1
    down = math.ceil(len(shown) / across) or 1
    size = (1.9 * across + 0.6, 1.7 * down + 0.4) if len(shown) > 1 else (4.6, 2.8)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey=True, sharex=True)
    every = [value for _, point in shown for name in ("train", "validation") for value in mean_curve(point, name)]
    for position, axes in enumerate(grid.flat):
        if position >= len(shown):
            axes.set_visible(False)
            continue
        place, point = shown[position]
        for name, colour, mark in (("train", TRAINING, "o"), ("validation", VALIDATION, "^")):
            losses = mean_curve(point, name)
            axes.plot(
                range(1, len(losses) + 1), losses, color=colour, marker=mark, markersize=2.5, linewidth=1,
                markevery=max(len(losses) // 8, 1), label="training" if name == "train" else "validation",
            )  # fmt: skip
        logarithmic(axes, every)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_title(brief(point.values) + (" ★" if place == stage.pick else ""), fontsize=8)
    if shown:
        grid[0][0].legend(fontsize=7)
    figure.supxlabel(_epochs_of(stage), fontsize=9)
    figure.supylabel("loss", fontsize=9)
    return figure


def loss_by_value(stage: StageRecord) -> Figure:
    """The best validation loss of each value, with the deviation over seeds."""
    name = stage.names[0]
    found = sorted(
        ((sort_key(point.values[name]), place, point) for place, point in _compared(stage)),
        key=lambda item: (isinstance(item[0], str), item[0], item[1]),
    )
    figure, axes = chart(4.6, 2.8)
    numeric = all(isinstance(key, float) for key, _, _ in found)
    places = [float(key) if numeric else float(at) for at, (key, _, _) in enumerate(found)]
    losses = [point.loss for _, _, point in found]
    spreads = [point.deviation("best_loss") or 0.0 for _, _, point in found]
    axes.errorbar(places, losses, yerr=spreads if any(spreads) else None, color=VALIDATION, marker="^", capsize=3)
    for at, (_, place, _) in zip(places, found, strict=True):
        if place == stage.pick:
            axes.plot([at], [losses[places.index(at)]], marker="*", markersize=14, color=INK)
    axes.set_xticks(places, numbers([point.values[name] for _, _, point in found]))
    axes.minorticks_off()
    axes.set(xlabel=name.replace("_", " "), ylabel="best validation loss")
    return figure


def loss_by_time(stage: StageRecord, time: TimeColumn) -> Figure:
    """Loss against time, with the Pareto front: the points that none beats in both."""
    times = time.times(stage)
    found = [(times[place], point.loss, place) for place, point in _compared(stage)]
    figure, axes = chart(4.6, 2.8)
    front = [found[place] for place in pareto([(seconds, loss) for seconds, loss, _ in found])]
    axes.plot(
        [item[0] for item in front], [item[1] for item in front], color=MIDDLE, linestyle="--", label="Pareto front"
    )
    axes.scatter([item[0] for item in found], [item[1] for item in found], color=VALIDATION, marker="^", zorder=3)
    named = front if len(found) > MOST_NAMED else found
    for seconds, loss, place in named:
        label = brief(stage.points[place].values)
        axes.annotate(label, (seconds, loss), textcoords="offset points", xytext=(5, 4), fontsize=7)
    for seconds, loss, place in found:
        if place == stage.pick:
            axes.plot([seconds], [loss], marker="*", markersize=14, color=INK, zorder=4)
    axes.set(xlabel=time.per, ylabel="best validation loss")
    axes.legend(fontsize=8)
    return figure


def importance(shares: Mapping[str, float]) -> Figure:
    """How much of the loss's variance each hyperparameter accounts for."""
    with mpl.rc_context(STYLE):
        figure, axes = chart(4.6, 0.4 * len(shares) + 0.8)
        names = list(shares)[::-1]
        axes.barh([name.replace("_", " ") for name in names], [100 * shares[name] for name in names], color=COLOURS[0])
        axes.set_xlabel("share of the loss's variance (fANOVA), %")
        axes.grid(visible=False, axis="y")
        return figure


def parallel_coordinates(study: StudySpec, stage: StageRecord) -> Figure:
    """Each point as a line over its hyperparameters to its loss; the darker, the better."""
    points = _compared(stage)
    figure, axes = chart(6.4, 3.0)
    columns = [axis_of(study, stage, name) for name in stage.names]
    logs = [math.log10(point.loss) if point.loss > 0 else -20.0 for _, point in points]
    low, high = min(logs), max(logs)
    for rank, (place, point) in sorted(enumerate(points), key=lambda item: -logs[item[0]]):
        share = (logs[rank] - low) / (high - low) if high > low else 0.0
        heights = [scale[point.values[name]] for name, (scale, _) in zip(stage.names, columns, strict=True)]
        picked = place == stage.pick
        axes.plot(
            range(len(heights) + 1), [*heights, share], color=COLOURS[1] if picked else COLOURS[0],
            alpha=1.0 if picked else 0.85 - 0.7 * share, linewidth=2.4 if picked else 1.0,
            label="picked" if picked else None,
        )  # fmt: skip
    axes.set_xticks(range(len(columns) + 1), [*(name.replace("_", " ") for name in stage.names), "loss"])
    axes.set_yticks([])
    axes.grid(visible=False)
    for position, (_, labels) in enumerate(columns):
        axes.axvline(position, color=MIDDLE, linewidth=0.8)
        for height, label in labels:
            axes.annotate(label, (position, height), textcoords="offset points", xytext=(3, 0), fontsize=7)
    axes.axvline(len(columns), color=MIDDLE, linewidth=0.8)
    for height, value in ((0.0, 10**low), (1.0, 10**high)):
        axes.annotate(f"{value:.2g}", (len(columns), height), textcoords="offset points", xytext=(3, 0), fontsize=7)
    if stage.pick is not None:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
    return figure
