"""What the rule of a study takes of a stage that has ended, and why."""

import statistics
from collections.abc import Callable

from engine.errors import StudyError
from engine.protocol.states import DIVERGED, FAILED
from engine.specs.listed import listed
from engine.studies.picks import Point, enough_epochs, pick
from engine.studies.records import PointRecord, StageRecord
from engine.studies.spec import StudySpec, describe, written
from engine.studies.tables import TimeColumn, time_column
from engine.text import duration
from engine.text import loss as loss_words
from engine.text import seconds as seconds_words


def propose(spec: StudySpec, stage: StageRecord) -> None:
    """Write into a stage what the rule would take, and why.

    Raises:
        StudyError: no point was trained to its end.
    """
    name = stage.names[0]
    if spec.is_long_run(name):
        curves = [trial.validation for trial in stage.points[0].trials if trial.complete]
        if not curves:
            raise StudyError(_why_nothing(stage))
        means = [statistics.fmean(column) for column in zip(*curves, strict=False)]
        epochs, stage.reason = enough_epochs(means)
        stage.proposed, stage.picked = 0, {name: str(epochs)}
        return
    if not any(point.complete for point in stage.points):
        raise StudyError(_why_nothing(stage))
    write_time, times = time_of(spec.baseline.kind, stage, of_budget=spec.rule == "budget")
    said = [_said(stage, point) for point in stage.points]
    points = [
        Point(value=value, loss=point.loss, time=seconds)
        for point, seconds, (value, _) in zip(stage.points, times, said, strict=True)
    ]
    found = pick(
        points,
        spec.rule,
        exponent=spec.exponent,
        tolerance=spec.tolerance,
        budget=spec.budget,
        unit=said[0][1] if said else "",
        write_loss=loss_words,
        write_time=write_time,
    )
    stage.proposed, stage.reason = found.place, found.reason
    stage.picked = dict(stage.points[found.place].values)


def _said(stage: StageRecord, point: PointRecord) -> tuple[str, str]:
    if len(stage.names) == 1:
        return written(stage.names[0], point.values[stage.names[0]])
    return describe(point.values), ""


def _why_nothing(stage: StageRecord) -> str:
    """Why there is no pick where no point was trained to its end."""
    if not stage.points:
        return "The time was up before the first trial."
    reason = next((point.reason for point in stage.points if point.state in (FAILED, DIVERGED)), "")
    return f"No point finished training. {reason}".rstrip()


def time_of(kind: str, stage: StageRecord, *, of_budget: bool = False) -> tuple[Callable[[float], str], list[float]]:
    """The time by which the points of a stage are compared, in seconds, and how a sentence writes it.

    A budget is one of an epoch, whatever varies, and of a run where epochs cost differently.
    """
    column = time_column(kind, stage)
    if of_budget and not listed(kind).staged:
        column = TimeColumn("epoch_seconds", 1.0, "seconds an epoch")
    writers: dict[str, Callable[[float], str]] = {
        "seconds": lambda value: f"{duration(value) if value >= 60 else f'{seconds_words(value)} s'} a run",
        "epoch_seconds": lambda value: f"{seconds_words(value)} s an epoch",
        "ms_per_step": lambda value: f"{seconds_words(1000 * value)} ms a step",
    }
    return writers[column.name], [column.seconds * (point.mean(column.name) or 0.0) for point in stage.points]
