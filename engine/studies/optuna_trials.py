"""The points of a study as Optuna has them: its trials, with their values, losses and states; and what matters most."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from engine.protocol.states import PRUNED
from engine.specs.fields import write_value
from engine.studies.records import PointRecord, StudyRecord
from engine.studies.spec import StudySpec, space_of
from engine.studies.values import Range, studied_fields

Param = int | float | str | bool


def state_of(point: PointRecord) -> TrialState:
    """How Optuna calls the way a point ended."""
    if math.isfinite(point.loss):
        return TrialState.COMPLETE
    return TrialState.PRUNED if point.state == PRUNED else TrialState.FAIL


def distributions_of(spec: StudySpec) -> dict[str, BaseDistribution]:
    """Optuna's words for what each hyperparameter may be."""
    found: dict[str, BaseDistribution] = {}
    space = space_of(spec) if spec.mode == "search" else spec.values
    for name, values in space.items():
        if isinstance(values, Range):
            found[name] = (
                IntDistribution(int(values.low), int(values.high), step=values.step)
                if values.whole
                else FloatDistribution(values.low, values.high, log=values.log)
            )
        else:
            own = write_value(getattr(spec.baseline, name))
            every = dict.fromkeys([*values, own] if spec.mode == "guided" else values)
            found[name] = CategoricalDistribution([typed(spec, name, value) for value in every])
    return found


def typed(spec: StudySpec, name: str, text: str) -> Param:
    """A value as a number, where it is one."""
    field = next(field for field in studied_fields(type(spec.baseline)) if field.name == name)
    if field.type is bool:
        return text == "yes"
    if text.isdigit() and (field.type is int or name == "kernels"):  # else a word, as auto is, or a list
        return int(text)
    return float(text) if field.type is float and text != "auto" else text


def losses_of(point: PointRecord) -> dict[int, float]:
    """The validation losses of its first trial, by epoch: those that Optuna is told."""
    return dict(enumerate(point.trials[0].validation, start=1)) if point.trials else {}


def frozen(
    spec: StudySpec,
    distributions: Mapping[str, BaseDistribution],
    base: Mapping[str, str],
    point: PointRecord,
    about: Mapping[str, Any] | None = None,
    *,
    is_told: bool = True,
) -> FrozenTrial:
    """A point as a trial of Optuna's; `base` is what earlier stages carried on to it.

    One that has not ended yet, or is not to be told, is running, with the losses that are known of it.
    """
    state = state_of(point) if point.ended and is_told else TrialState.RUNNING
    own = {name: write_value(getattr(spec.baseline, name)) for name in distributions}
    params = {name: typed(spec, name, {**own, **base, **point.values}[name]) for name in distributions}
    for name, value in list(params.items()):  # the epochs that a long run was cut to are none of the study's values
        distribution = distributions[name]
        if isinstance(distribution, CategoricalDistribution) and value not in distribution.choices:
            del params[name]
    losses = losses_of(point)
    told = point.loss if state is TrialState.COMPLETE else None
    if state is TrialState.PRUNED and losses:
        told = losses[max(losses)]  # as Optuna does
    return optuna.trial.create_trial(
        state=state,
        value=told,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={"runs": [trial.run for trial in point.trials if trial.run], **(about or {})},
        intermediate_values=losses,
    )


def importances(record: StudyRecord, spec: StudySpec) -> dict[str, float]:
    """How much of the loss's variance each hyperparameter accounts for (fANOVA), the most important first.

    Empty where too few points have ended, or all of them with the same loss.
    """
    ended = [(stage.base, point) for stage in record.stages for point in stage.points if math.isfinite(point.loss)]
    if (
        spec.mode not in ("grid", "search")
        or len(spec.values) < 2
        or len(ended) < 4
        or len({point.loss for _, point in ended}) < 2
    ):
        return {}
    distributions = distributions_of(spec)
    study = optuna.create_study(direction="minimize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for base, point in ended:
            study.add_trial(frozen(spec, distributions, base, point))
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
        )
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}
