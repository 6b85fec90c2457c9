"""The numbers behind a stage's charts, for the screen and for the document alike."""

import math
from collections.abc import Mapping, Sequence

from engine.studies.records import PointRecord, StageRecord
from engine.studies.spec import StudySpec, space_of
from engine.studies.tables import sorted_values
from engine.studies.values import Range
from engine.text import numbers

MOST_CURVES, BEST_CURVES = 12, 8
"""Up to so many points are drawn all; of more, so many of the best: each with a colour of its own, and soon drawn."""


def drawn(stage: StageRecord) -> list[tuple[int, PointRecord]]:
    """The points whose curves are drawn, with their places: all, or of many the best."""
    having = [(place, point) for place, point in enumerate(stage.points) if any(t.validation for t in point.trials)]
    if len(having) <= MOST_CURVES:
        return having
    best = sorted(having, key=lambda pair: (pair[1].loss, pair[0]))[:BEST_CURVES]
    return sorted(best, key=lambda pair: pair[0])


def mean_curve(point: PointRecord, name: str) -> list[float]:
    """Training (`train`) or validation loss by epoch, the mean over the point's trials as far as all of them got."""
    found = [getattr(trial, name) for trial in point.trials if getattr(trial, name)]
    return [sum(column) / len(column) for column in zip(*found, strict=False)] if found else []


def stages_of(point: PointRecord) -> Mapping[str, int]:
    """The epochs of each stage of training on a point's mean curve; none where its trials' stages differ."""
    return alike([trial.stage_epochs for trial in point.trials if trial.validation])


def alike(stages: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    """The longest of `stages` (epochs of each, in order), where all others end on the way through it; else none."""
    longest = max(stages, key=lambda each: sum(each.values()), default={})
    whole = list(longest.items())
    for each in stages:
        *passed, (name, count) = each.items() or [("", 0)]
        ahead = whole[len(passed) : len(passed) + 1]
        if passed != whole[: len(passed)] or not ahead or ahead[0][0] != name or count > ahead[0][1]:
            return {}
    return longest


def pareto(pairs: Sequence[tuple[float, float]]) -> list[int]:
    """The places of those (time, loss) pairs that no other beats in both, the cheapest first."""
    front: list[int] = []
    for place in sorted(range(len(pairs)), key=lambda at: pairs[at]):
        if not front or pairs[place][1] < pairs[front[-1]][1]:
            front.append(place)
    return front


def axis_of(study: StudySpec, stage: StageRecord, name: str) -> tuple[dict[str, float], list[tuple[float, str]]]:
    """One axis of parallel coordinates: the height of each value in [0, 1], and what is written beside it."""
    values = sorted_values({point.values[name] for point in stage.points})
    space = space_of(study).get(name) if study.mode == "search" else None
    if not isinstance(space, Range):
        heights = {value: place / max(len(values) - 1, 1) for place, value in enumerate(values)}
        return heights, list(zip(heights.values(), numbers(values), strict=True))
    low, high = (math.log(space.low), math.log(space.high)) if space.log else (space.low, space.high)

    def height(value: str) -> float:
        number = math.log(float(value)) if space.log else float(value)
        return (number - low) / (high - low)

    return {value: height(value) for value in values}, [(0.0, f"{space.low:.4g}"), (1.0, f"{space.high:.4g}")]
