"""What the rule of a study takes of a stage that has ended, and why."""

import statistics

from engine.errors import StudyError
from engine.protocol.states import DIVERGED, FAILED
from engine.specs.listed import listed
from engine.studies.picks import Point, enough_epochs, pick
from engine.studies.records import PointRecord, StageRecord
from engine.studies.spec import StudySpec, describe, written
from engine.studies.tables import EPOCH, time_column
from engine.text import loss as loss_words


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
    column = time_column(spec.baseline.kind, stage)
    if spec.rule == "budget" and not listed(spec.baseline.kind).staged:
        column = EPOCH  # a budget is one of an epoch, whatever varies, and of a run where epochs cost differently
    said = [_said(stage, point) for point in stage.points]
    points = [
        Point(value=value, loss=point.loss, time=column.seconds * time)
        for point, time, (value, _) in zip(stage.points, column.times(stage), said, strict=True)
    ]
    found = pick(
        points,
        spec.rule,
        exponent=spec.exponent,
        tolerance=spec.tolerance,
        budget=spec.budget,
        unit=said[0][1],
        write_loss=loss_words,
        write_time=column.write,
    )
    comparison = spec.baseline.comparison(stage.names)
    stage.proposed, stage.reason = found.place, " ".join(filter(None, [found.reason + _uneven(stage), comparison]))
    stage.picked = dict(stage.points[found.place].values)


def _uneven(stage: StageRecord) -> str:
    """That the times of its points are not to be compared, where they were taken under different conditions."""
    beside = {trial.beside for point in stage.points for trial in point.trials if trial.complete and not trial.shared}
    if len(beside) < 2:
        return ""
    return (
        f" Their times say little: some were trained with {min(beside)}, others with {max(beside)} at once. Repeat the "
        "study with one number of workers where the time matters."
    )


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
