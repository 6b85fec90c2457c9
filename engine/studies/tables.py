"""The numbers of a study in words, for screen, terminal and document: what its plan takes, how far a trial is, and the
table of a stage, as the 2020 report draws it, one row a point.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from engine.protocol.states import DIVERGED, FAILED
from engine.runs.status import TEST, VALIDATION, key_of, keys_of
from engine.specs.listed import every_measure, listed
from engine.specs.measures import Measure
from engine.studies import worth
from engine.studies.records import PointRecord, StageRecord, StudyRecord, Trial
from engine.text import NOTHING, counted, duration, fitting
from engine.text import loss as loss_words
from engine.text import numbers as numbers_words
from engine.text import seconds as seconds_words

SIGN = " ± "


def planned_work(plan: StudyRecord) -> int:
    """What all trials of a plan take, as `PointRecord.weight` counts; of a search, as if all were the baseline."""
    if points := plan.points:
        return sum(point.weight * len(point.trials) for point in points)
    return int(plan.data["baseline_weight"] * plan.total)


WORKER_BYTES = 500 << 20
"""What a worker takes of memory besides a step: Python, torch, and a set of images like MNIST on its device."""


def step_memory(plan: StudyRecord) -> int:
    """Bytes of a training step of a plan's largest point, estimated; of a search, of the baseline's."""
    return max((point.memory for point in plan.points), default=plan.data["baseline_memory"])


def planned_memory(plan: StudyRecord) -> int:
    """Bytes that training takes at a time, estimated: of a step, or of several workers with all that they hold."""
    step = step_memory(plan)
    return step if plan.workers == 1 else plan.workers * (step + WORKER_BYTES)


def epoch_of(study: StudyRecord, trial: Trial) -> str:
    """How far a trial is: `epoch 4/20`; of a kind whose stages count their own, `3 of 20 epochs`."""
    if listed(study.spec.get("baseline", {}).get("kind")).staged:
        return f"{trial.epochs} of {counted(trial.planned, 'epoch')}"
    return f"epoch {min(trial.epochs + 1, trial.planned)}/{trial.planned}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and what it is sorted by."""

    name: str
    title: str
    numeric: bool = True
    needed: int = 0  # a narrow table leaves out those with the highest number first


@dataclass(frozen=True, slots=True)
class Row:
    """A point, each cell in words and as what it is sorted by."""

    place: int
    cells: dict[str, str]
    keys: dict[str, float | str | None]
    picked: bool
    reason: str = ""  # why it was not trained to its end


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """A time by which the points of a stage are compared."""

    name: str  # of a trial's number
    seconds: float  # one of its units in seconds
    per: str  # its unit, for an axis
    write: Callable[[float], str]  # so many seconds, for a sentence

    def times(self, stage: StageRecord) -> list[float]:
        """That time of each point, in its own unit; 0 where it was not measured yet."""
        return [point.mean(self.name) or 0.0 for point in stage.points]


_RUN = TimeColumn(
    "seconds",
    1.0,
    "seconds a run",
    lambda value: f"{duration(value) if value >= 60 else f'{seconds_words(value)} s'} a run",
)
EPOCH = TimeColumn("epoch_seconds", 1.0, "seconds an epoch", lambda value: f"{seconds_words(value)} s an epoch")
_STEP = TimeColumn("ms_per_step", 0.001, "ms a step", lambda value: f"{seconds_words(1000 * value)} ms a step")


def time_column(kind: str, stage: StageRecord) -> TimeColumn:
    """A step's time, where all points have one batch size and number of epochs; an epoch's, where batch sizes differ.

    The whole run's, where epochs do, or for a kind whose stages of training cost differently.
    """
    if listed(kind).staged or "epochs" in stage.names:
        return _RUN
    return EPOCH if "batch_size" in stage.names else _STEP


_LOSSES = (
    Column("loss", "loss", needed=6),
    Column("val_loss", "val_loss", needed=5),
    Column("best", "best val_loss"),
)
_MEASURED = (
    Column("ms_per_step", "ms/step", needed=1),
    Column("epoch_seconds", "s/epoch", needed=4),
    Column("seconds", "time", needed=7),
    Column("parameters", "params", needed=8),
    Column("latent", "latent", needed=9),
    Column("state", "state", numeric=False),
)


def columns(stage: StageRecord, kind: str) -> list[Column]:
    """The columns of a stage of a study of that kind of run."""
    named = _named(stage)
    own = [
        Column(key_of(of, measure.name), f"{title} {measure.short}", needed=needed)
        for measure in listed(kind).measures
        for of, title, needed in ((VALIDATION, "val", 2), (TEST, "test", 3))
        if of == TEST or measure.each_epoch
    ]
    rest = (column for column in _MEASURED if column.name != "latent" or listed(kind).gives_encoder)
    if len(named) < len(stage.names):  # what an encoder is worth is told by accuracies
        own = [replace(column, needed=0 if column.name.startswith(VALIDATION) else column.needed) for column in own]
        return [*named, *own, replace(_LOSSES[-1], needed=5), *rest]
    return [*named, *_LOSSES, *own, *rest]


def _named(stage: StageRecord) -> list[Column]:
    """The columns that tell points apart."""
    if worth.is_point(dict.fromkeys(stage.names, "")):
        return [Column("labels_per_class", "labels"), Column("way", "trained", numeric=False)]
    titles = {"kernel_size": "kernel size", "batch_size": "batch size"}
    return [Column(name, titles.get(name, name.replace("_", " "))) for name in stage.names]


def measure_of(name: str) -> Measure | None:
    """The measure that a column is of; None for any other column."""
    return next((measure for measure in every_measure() if name in keys_of([measure])), None)


def fit(stage: StageRecord, kind: str, sizes: Mapping[str, int], room: int) -> list[Column]:
    """The columns for which there is room, where each takes as many cells as `sizes` says.

    Left out are first the hyperparameters that have one value only, then what is measured and least needed, then the
    hyperparameters that matter least. The one that matters most stays, and so do the loss and the state.
    """
    shown = columns(stage, kind)
    shares = {name: weight(stage, name) for name in stage.names}
    rest = sorted(stage.names, key=lambda name: (shares[name], -stage.names.index(name)))[:-1]
    some = len(stage.points) > 2  # the first of a search may well have one value
    constant = [name for name in rest if some and len({point.values[name] for point in stage.points}) < 2]
    measured = sorted((column for column in shown if column.needed), key=lambda column: -column.needed)
    if len(_named(stage)) < len(stage.names):
        constant, rest = [], []  # a point is told by what it is called
    droppable = [*constant, *(column.name for column in measured), *(name for name in rest if name not in constant)]
    wide = Counter[str]()
    for column in shown:  # two are called latent where that is studied
        wide[column.name] += sizes[column.name]
    left = fitting(wide, droppable, room)
    return [column for column in shown if column.name in left]


GROUPS = 4


def weight(stage: StageRecord, name: str) -> float:
    """How much of what tells the points' losses apart goes with a hyperparameter, from 0 to 1.

    It is the share of the variance of the losses' ranks that lies between groups of its values (epsilon squared), so
    that a best value in the middle counts, and one that diverges. Quick and by each alone: fANOVA tells it better, and
    takes a second to load.
    """
    found = [(point.values[name], loss) for point in stage.points if (loss := _loss_so_far(point)) is not None]
    losses = sorted(loss for _, loss in found)
    ranks = [float(bisect_left(losses, loss)) for _, loss in found]
    groups = _groups([value for value, _ in found])
    count, distinct = len(found), len(set(groups))
    if distinct < 2 or count <= distinct:
        return 0.0
    within = 0.0
    for group in set(groups):
        within += _squares([rank for rank, own in zip(ranks, groups, strict=True) if own == group])
    whole = _squares(ranks)
    return max(0.0, 1 - within / whole * (count - 1) / (count - distinct)) if whole else 0.0


def _squares(values: Sequence[float]) -> float:
    """The sum of the squares of their distances from their mean."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _loss_so_far(point: PointRecord) -> float | None:
    """Its loss, of a pruned one as far as it came; the worst where it diverged, none where it tells nothing."""
    return math.inf if point.state == DIVERGED else point.mean("best_loss")


def _groups(values: Sequence[str]) -> list[object]:
    """A group for each value: itself, or of many numbers which quarter of them it is in."""
    keys = [sort_key(value) for value in values]
    numbers = sorted(key for key in keys if isinstance(key, float))
    if len(set(keys)) <= GROUPS or len(numbers) < len(keys):
        return list(keys)
    return [GROUPS * bisect_left(numbers, key) // len(numbers) for key in keys if isinstance(key, float)]


def rows(stage: StageRecord, kind: str) -> list[Row]:
    """A row for each point, in the order in which they are tried."""
    measured = [column.name for column in columns(stage, kind)[len(_named(stage)) :]]
    points = list(stage.points)  # a search gains some in another thread
    told: dict[str, dict[str, str]] = {}
    for name in stage.names:
        values = sorted({point.values[name] for point in points})
        told[name] = dict(zip(values, numbers_words(values), strict=True))
    return [_row(stage, place, point, measured, told) for place, point in enumerate(points)]


def _row(
    stage: StageRecord, place: int, point: PointRecord, measured: Sequence[str], told: Mapping[str, Mapping[str, str]]
) -> Row:
    cells = {name: f"{v}×{v}" if name == "kernel_size" else told[name][v] for name, v in point.values.items()}
    keys: dict[str, float | str | None] = {name: sort_key(value) for name, value in point.values.items()}
    if worth.is_point(point.values):
        number = point.values["labels_per_class"]
        cells |= {"labels_per_class": number or "all", "way": worth.way_of(point.values)}
        keys |= {"labels_per_class": worth.labels_at(number, math.inf), "way": cells["way"]}
    for name in measured:
        cells[name], keys[name] = _measured(point, name)
    return Row(place, cells, keys, picked=stage.pick == place, reason=point.reason)


def failures(stage: StageRecord) -> dict[str, list[PointRecord]]:
    """The points that failed or diverged, by the reason: many often have the same."""
    found: dict[str, list[PointRecord]] = {}
    for point in stage.points:
        if point.state in (FAILED, DIVERGED):
            found.setdefault(point.reason or f"No reason is known: it {point.state}.", []).append(point)
    return found


def _measured(point: PointRecord, name: str) -> tuple[str, float | str | None]:
    match name:
        case "state":
            done = sum(trial.ended for trial in point.trials)
            part = f" {done}/{len(point.trials)}" if 0 < done < len(point.trials) else ""
            epochs = next((f" {t.epochs}/{t.planned}" for t in point.trials if t.state in ("running", "paused")), "")
            return f"{point.state}{part or epochs}", point.state
        case "parameters" | "latent":
            number = getattr(point, name)
            return (f"{number:,}" if number else NOTHING), number or None
        case "seconds":
            total = sum(trial.seconds for trial in point.trials)
            return (duration(total) if total else NOTHING), total or None
    own = {"loss": "train_loss", "val_loss": "last_loss", "best": "best_loss"}.get(name, name)
    mean, deviation = point.mean(own), point.deviation(own)
    if point.state == "diverged" and name in ("loss", "val_loss", "best"):
        return "∞", float("inf")
    if mean is None:
        return NOTHING, None
    if (measure := measure_of(name)) is not None:
        scale = 100 if measure.share else 1
        spread = "" if deviation is None else f"{SIGN}{scale * deviation:.2f}"
        return (f"{100 * mean:.2f} %" if measure.share else measure.write(mean)) + spread, mean
    if name in ("ms_per_step", "epoch_seconds"):
        return seconds_words(mean), mean
    spread = "" if deviation is None or name != "best" else f"{SIGN}{deviation:.1e}"
    return loss_words(mean) + spread, mean


def sort_key(value: str) -> float | str:
    """A value as what it is sorted by: numbers by their size, lists by their first number."""
    for text in (value, value.split("-")[0]) if value[:1].isdigit() else ():  # 1e-05 is a number, 16-32 is a list
        with suppress(ValueError):
            return float(text)
    return value


def sorted_values(values: Iterable[str]) -> list[str]:
    """Values in order: numbers by their size, then words."""
    return sorted(values, key=lambda value: (isinstance(sort_key(value), str), sort_key(value)))


def sort_rows(found: Sequence[Row], name: str, *, backwards: bool = False) -> list[Row]:
    """By a column, the least first; what has no number comes last either way."""
    having = [row for row in found if row.keys.get(name) is not None]
    lacking = [row for row in found if row.keys.get(name) is None]

    def key(row: Row) -> tuple[int, float, str]:
        value = row.keys[name]
        return (1, 0.0, value) if isinstance(value, str) else (0, float(value or 0), "")

    return sorted(having, key=key, reverse=backwards) + lacking
