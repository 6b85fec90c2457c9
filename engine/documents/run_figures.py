"""The figures of what a run came to: its curves, and who was taken for whom."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from engine.documents.page import COLOURS, INK, MIDDLE, PAGE
from engine.documents.style import STYLE, TRAINING, VALIDATION, WIDEST, chart, logarithmic, style
from engine.protocol.events import EpochEnded
from engine.results.calibration import Calibration
from engine.specs.measures import LOSS, Measure
from engine.text import cell_len, percent, shortened

MOST_COUNTED = 20
"""Classes of which a confusion matrix has the numbers written in."""


def curves(epochs: Sequence[EpochEnded], measure: Measure | None) -> Figure:
    """Loss by epoch, and beside it `measure`, of training and validation; a star on the epoch that was kept."""
    shown = [LOSS, *([measure] if measure is not None else [])]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDEST if len(shown) > 1 else 5.2, 2.9), layout="constrained")
        for axes, each in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            _curve(axes, epochs, each)
            axes.set_ylabel(each.name)
            if each.share:
                axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        figure.supxlabel("epoch" if len(_stages(epochs)) == 1 else "epoch, all stages together", fontsize=9)
    return figure


def _curve(axes: "mpl.axes.Axes", epochs: Sequence[EpochEnded], measure: Measure) -> None:
    every: list[float] = []
    for of, colour, mark in (("training", TRAINING, "o"), ("validation", VALIDATION, "^")):
        told = [(epoch.train if of == "training" else epoch.validation).get(measure.name) for epoch in epochs]
        values = [math.nan if value is None else value for value in told]
        if all(map(math.isnan, values)):
            continue
        every += [value for value in values if not math.isnan(value)]
        axes.plot(range(1, len(values) + 1), values, color=colour, marker=mark, markersize=4, linewidth=1.4,
                  markevery=max(len(values) // 12, 1), label=of)  # fmt: skip
        best = max((place for place, epoch in enumerate(epochs) if epoch.best), default=None)
        if of == "validation" and best is not None:
            axes.plot([best + 1], [values[best]], marker="*", markersize=12, color=INK, linestyle="", label="kept",
                      markeredgecolor=PAGE, zorder=4)  # fmt: skip
    begun = 0
    for place, (stage, count) in enumerate(_stages(epochs)):
        if place:
            axes.axvline(begun + 0.5, color=MIDDLE, linewidth=0.8, linestyle=":")
        if len(_stages(epochs)) > 1:
            axes.annotate(stage, (begun + 0.5 if place else 1, 1), xycoords=("data", "axes fraction"), fontsize=7,
                          color=MIDDLE, xytext=(3, 1), textcoords="offset points")  # fmt: skip
        begun += count
    if not measure.share:
        logarithmic(axes, every)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.legend(fontsize=7)


def _stages(epochs: Sequence[EpochEnded]) -> list[tuple[str, int]]:
    """The stages of a run, each with the number of its epochs, in order."""
    names = list(dict.fromkeys(epoch.stage for epoch in epochs))
    return [(name, sum(epoch.stage == name for epoch in epochs)) for name in names]


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    """A confusion matrix of the classes `names`, every cell shaded by its share of the true class.

    What is right is blue, and a mistake orange, as deep as the most frequent one allows. Shades let through what is
    behind them, so that the numbers can be read on a dark page too.
    """
    with mpl.rc_context(STYLE):
        counts = np.array(matrix, dtype=float)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        right = np.eye(len(counts), dtype=bool)
        most = max(float(shares[~right].max(initial=0)), 1e-9)
        cells = np.empty((*counts.shape, 4))
        cells[..., :3] = np.where(right[..., None], to_rgb(COLOURS[0]), to_rgb(COLOURS[1]))
        cells[..., 3] = np.where(right, 0.3 * shares, 0.7 * shares / most)
        size = min(0.42 * len(counts) + 1.0, WIDEST - 1)
        figure, axes = chart(size, size)
        axes.grid(visible=False)
        axes.imshow(cells, interpolation="none")
        if len(counts) <= MOST_COUNTED:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    weight = "bold" if row == column else "normal"
                    axes.text(column, row, f"{int(count)}", ha="center", va="center", fontsize=7, fontweight=weight)
        ticks = range(0, len(names), math.ceil(len(names) / MOST_COUNTED))
        shown = [shortened(names[tick], 12) for tick in ticks]
        upright = max(map(cell_len, shown), default=0) > 3
        axes.set_xticks(ticks, shown, rotation=90 if upright else 0, fontsize=8)
        axes.set_yticks(ticks, shown, fontsize=8)
        axes.set(xlabel="predicted class", ylabel="true class")
        return figure


def sure(found: Calibration) -> Figure:
    """How often answers are right by how sure they are, with the temperature too, and accuracy by share answered."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDEST, 3.1), layout="constrained")
        axes, covered = figure.subplots(1, 2)
        axes.plot([0, 100], [0, 100], color=MIDDLE, linewidth=0.8, linestyle="--")
        told = [("as they are", found.raw)]
        if found.tempered is not None:
            told.append((f"temperature {found.temperature:.2f}", found.tempered))
        for position, (name, each) in enumerate(told):
            bins = [one for one in each.bins if one.images]
            axes.plot(
                [100 * one.confidence for one in bins], [100 * one.accuracy for one in bins],
                label=f"{name}, ECE {percent(each.ece)}", markersize=4, linewidth=1.4, **style(position),
            )  # fmt: skip
        axes.set(xlabel="sure, %", ylabel="right, %", xlim=(0, 102), ylim=(0, 102))
        axes.legend(fontsize=7, loc="upper left")
        count = len(found.curve)
        shares = [100 * place / count for place in range(1, count + 1)]
        covered.plot(shares, [100 * each for each in found.curve], markersize=4, linewidth=1.4, **style(0))
        covered.set(xlabel="images answered, the surest, %", ylabel="right, %", xlim=(0, 102))
    return figure


def by_class(errors: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """The errors of each class, shares in [0, 1], by epoch."""
    with mpl.rc_context(STYLE):
        figure, axes = chart(6.0, 2.9)
        for position, (name, values) in enumerate(errors.items()):
            axes.plot(
                [epoch for epoch, _ in values], [100 * share for _, share in values], label=shortened(name, 16),
                markersize=4, linewidth=1.4, markevery=max(len(values) // 12, 1), **style(position),
            )  # fmt: skip
        axes.set(xlabel="epoch, all stages together", ylabel="errors, %")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.legend(fontsize=7, ncols=2)
    return figure
