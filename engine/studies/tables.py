"""The table of a stage, as the 2020 report draws it: one row a point, in words, for screen, terminal and document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine import words
from engine.studies.records import PointRecord, StageRecord

SIGN = " ± "


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


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The time by which the points of a stage are compared."""

    name: str  # of a trial's number
    seconds: float  # one of its units in seconds
    per: str  # its unit, for an axis


def time_column(kind: str, stage: StageRecord) -> TimeColumn:
    """A step's time, where all points have one batch size and number of epochs; an epoch's, where batch sizes differ.

    The whole run's, where epochs do, or for a classifier, whose stages of training cost differently.
    """
    if kind == "classifier" or "epochs" in stage.names:
        return TimeColumn("seconds", 1.0, "seconds a run")
    if "batch_size" in stage.names:
        return TimeColumn("epoch_seconds", 1.0, "seconds an epoch")
    return TimeColumn("ms_per_step", 0.001, "ms a step")


def times(kind: str, stage: StageRecord) -> list[float]:
    """That time of each point, in its own unit; 0 where it was not measured yet."""
    name = time_column(kind, stage).name
    return [point.mean(name) or 0.0 for point in stage.points]


_MEASURED = (
    Column("loss", "loss", needed=6),
    Column("val_loss", "val_loss", needed=5),
    Column("best", "best val_loss"),
    Column("accuracy", "val acc", needed=2),
    Column("test_accuracy", "test acc", needed=3),
    Column("ms_per_step", "ms/step", needed=1),
    Column("epoch_seconds", "s/epoch", needed=4),
    Column("seconds", "time", needed=7),
    Column("parameters", "params", needed=8),
    Column("latent", "latent", needed=9),
    Column("state", "state", numeric=False),
)


def columns(stage: StageRecord, kind: str) -> list[Column]:
    """The columns of a stage of a study of that kind of run; accuracies are a classifier's only."""
    titles = {"kernel_size": "kernel size", "batch_size": "batch size"}
    named = [Column(name, titles.get(name, name.replace("_", " "))) for name in stage.names]
    unfit = ("latent",) if kind == "classifier" else ("accuracy", "test_accuracy")
    return [*named, *(column for column in _MEASURED if column.name not in unfit)]


def rows(stage: StageRecord, kind: str) -> list[Row]:
    """A row for each point, in the order in which they are tried."""
    measured = [column.name for column in columns(stage, kind)[len(stage.names) :]]
    return [_row(stage, place, point, measured) for place, point in enumerate(stage.points)]


def _row(stage: StageRecord, place: int, point: PointRecord, measured: Sequence[str]) -> Row:
    cells = {name: f"{value}×{value}" if name == "kernel_size" else value for name, value in point.values.items()}
    keys: dict[str, float | str | None] = {name: sort_key(value) for name, value in point.values.items()}
    for name in measured:
        cells[name], keys[name] = _measured(point, name)
    return Row(place, cells, keys, picked=stage.pick == place)


def _measured(point: PointRecord, name: str) -> tuple[str, float | str | None]:
    match name:
        case "state":
            done = sum(trial.ended for trial in point.trials)
            part = f" {done}/{len(point.trials)}" if 0 < done < len(point.trials) else ""
            epochs = next((f" {t.epochs}/{t.planned}" for t in point.trials if t.state in ("running", "paused")), "")
            return f"{point.state}{part or epochs}", point.state
        case "parameters" | "latent":
            number = getattr(point, name)
            return (f"{number:,}" if number else words.NOTHING), number or None
        case "seconds":
            total = sum(trial.seconds for trial in point.trials)
            return (words.duration(total) if total else words.NOTHING), total or None
    own = {"loss": "train_loss", "val_loss": "last_loss", "best": "best_loss"}.get(name, name)
    mean, deviation = point.mean(own), point.deviation(own)
    if point.state == "diverged" and name in ("loss", "val_loss", "best"):
        return "∞", float("inf")
    if mean is None:
        return words.NOTHING, None
    if name.endswith("accuracy"):
        spread = "" if deviation is None else f"{SIGN}{100 * deviation:.2f}"
        return f"{100 * mean:.2f} %{spread}", mean
    if name in ("ms_per_step", "epoch_seconds"):
        return words.seconds(mean), mean
    spread = "" if deviation is None or name != "best" else f"{SIGN}{deviation:.1e}"
    return words.loss(mean) + spread, mean


def sort_key(value: str) -> float | str:
    """A value as what it is sorted by: numbers by their size, lists by their first number."""
    try:
        return float(value.split("-")[0]) if value[:1].isdigit() else value
    except ValueError:
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
