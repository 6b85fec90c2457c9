"""Optuna's part of a study: its journal, what a search tries next, and how much each hyperparameter matters.

The journal is kept for every kind of study, so that `optuna-dashboard` opens it. Optuna stores no state of a sampler:
each trial is given a fresh one, seeded from the study's seed and the trial's number, so that a study which was cut off
tries the same points as one that was left alone. All of this happens under the study's own lock.
"""

import json
import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from engine.errors import StorageError, StudyError
from engine.fields import write_value
from engine.states import PRUNED
from engine.studies.records import PointRecord, StudyDirectory, StudyRecord
from engine.studies.spec import Range, StudySpec, space_of, spec_of, studied_fields

optuna.logging.set_verbosity(optuna.logging.ERROR)

Param = int | float | str | bool
RANDOM_TRIALS = 10
"""The first trials of a search are drawn at random: TPE has nothing to go by yet."""


class Journal:
    """The Optuna journal of a study; whoever opens it holds the study's lock.

    Raises:
        StudyError: it cannot be read.
        StorageError: it cannot be written.
    """

    def __init__(self, directory: StudyDirectory, spec: StudySpec) -> None:
        self._spec = spec
        self._distributions = distributions_of(spec)
        path = directory.journal
        try:
            mend(path)
            storage = JournalStorage(JournalFileBackend(str(path)))
            self._study = optuna.create_study(
                storage=storage, study_name=directory.id, direction="minimize", load_if_exists=True
            )
            self._study.pruner = optuna.pruners.MedianPruner(
                n_startup_trials=4, n_warmup_steps=max(total_epochs(spec) // 4, 1)
            )
            trials = self._study.get_trials(deepcopy=False)
        except OSError as error:
            raise StorageError(f"{path} could not be written: {error.strerror or error}. Make room.") from error
        except Exception as error:  # Optuna raises whatever a damaged line makes it stumble over
            raise StudyError(
                f"{path} cannot be read ({type(error).__name__}: {error}): restore the file, or start the study anew."
            ) from None
        self._written = {trial.user_attrs.get("point") for trial in trials}

    # -- a search ---------------------------------------------------------------------------------

    def ask(self, number: int) -> tuple[int, dict[str, str]]:
        """What a search tries as its point of that number, from 1: Optuna's number for it, and the values."""
        seed = np.random.SeedSequence([self._spec.search_seed, number]).generate_state(1)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=RANDOM_TRIALS, seed=int(seed), constant_liar=False
            )
            trial = self._study.ask(self._distributions)
        return trial.number, {name: write_value(value) for name, value in trial.params.items()}

    def report(self, number: int, loss: float, epoch: int) -> None:
        """Tell the validation loss of an epoch, from 1 and over all stages of the run; once is enough."""
        trial = self._trial(number)
        if epoch not in self._frozen(number).intermediate_values:
            trial.report(loss, epoch)

    def is_hopeless(self, number: int) -> bool:
        """Whether its losses so far are worse than those of most trials at the same epoch."""
        return self._trial(number).should_prune()

    def reported(self, number: int) -> int:
        """The last epoch that was told of it; 0 for none."""
        return max(self._frozen(number).intermediate_values, default=0)

    def forget_unknown(self, known: set[int]) -> None:
        """Give up trials that were asked for and are not in the study's own record."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in known:
                self._study.tell(trial.number, state=TrialState.FAIL)

    # -- every study ------------------------------------------------------------------------------

    def keep(self, stage: int, place: int, base: Mapping[str, str], point: PointRecord) -> None:
        """Write a point that has ended, once."""
        name = f"{stage + 1}.{place + 1}"
        if point.optuna is not None:
            if not self._frozen(point.optuna).state.is_finished():
                self._tell(point)
        elif name not in self._written:
            self._study.add_trial(frozen(self._spec, self._distributions, base, point, {"point": name}))
        self._written.add(name)

    def _tell(self, point: PointRecord) -> None:
        assert point.optuna is not None
        state = state_of(point)
        value = point.loss if state is TrialState.COMPLETE else None
        self._study.tell(point.optuna, value, state=state)

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self._study, self._frozen(number)._trial_id)

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]


def mend(path: Path) -> None:
    """Cut a torn last line off a journal and take away a lock that a dead process left: either would block for good."""
    with suppress(FileNotFoundError):
        path.with_name(path.name + ".lock").unlink()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    whole = data.rfind(b"\n") + 1
    last = data[:whole].rstrip(b"\n").rfind(b"\n") + 1
    try:
        json.loads(data[last:whole] or b"{}")
    except (ValueError, RecursionError):  # a line that was flushed in two parts, the second of them lost
        whole = last
    if whole < len(data):
        with open(path, "r+b") as file:
            file.truncate(whole)


def state_of(point: PointRecord) -> TrialState:
    """How Optuna calls the way a point ended."""
    if math.isfinite(point.loss):
        return TrialState.COMPLETE
    return TrialState.PRUNED if point.state == PRUNED else TrialState.FAIL


def total_epochs(spec: StudySpec) -> int:
    """Epochs of a run of the baseline, all stages together."""
    return sum(epochs for _, epochs in spec.baseline.stages)


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
    if field.type is int or (name == "kernels" and text.isdigit()):
        return int(text)
    return float(text) if field.type is float else text


def frozen(
    spec: StudySpec,
    distributions: Mapping[str, BaseDistribution],
    base: Mapping[str, str],
    point: PointRecord,
    marks: Mapping[str, Any],
) -> FrozenTrial:
    """A point that has ended as a trial of Optuna's; `base` is what earlier stages carried on to it."""
    state = state_of(point)
    full = spec_of(spec.baseline, {**base, **point.values})
    params = {name: typed(spec, name, write_value(getattr(full, name))) for name in distributions}
    for name, value in list(params.items()):  # the epochs that a long run was cut to are none of the study's values
        distribution = distributions[name]
        if isinstance(distribution, CategoricalDistribution) and value not in distribution.choices:
            del params[name]
    trials = point.trials
    first = trials[0] if trials else None
    losses = {} if first is None else dict(enumerate(first.validation, start=1))
    seen = [trial.run for trial in trials if trial.run]
    return optuna.trial.create_trial(
        state=state,
        value=point.loss if state is TrialState.COMPLETE else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={"runs": seen, **marks},
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
            study.add_trial(frozen(spec, distributions, base, point, {}))
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
        )
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}
