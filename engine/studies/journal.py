"""Optuna's part of a study: its journal, and what a search tries next.

The journal is kept for every kind of study, so that `optuna-dashboard` opens it. All that it holds is in `study.json`
too, which is written first: a journal that says anything else, or cannot be read, is written anew from there.

Optuna stores no state of a sampler: each trial is given a fresh one, seeded from the study's seed and the trial's
number, so that a study which was cut off tries the same points as one that was left alone. All of this happens under
the study's own lock.
"""

import itertools
import json
import logging
import math
import os
import stat
import warnings
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from engine.specs.fields import write_value
from engine.storage.files import storage_error, write_bytes
from engine.studies.optuna_trials import Param, distributions_of, frozen, losses_of, state_of, typed
from engine.studies.records import PointRecord, StudyDirectory, StudyRecord
from engine.studies.spec import StudySpec, space_of
from engine.studies.values import choices_of, combination

optuna.logging.set_verbosity(optuna.logging.ERROR)
log = logging.getLogger("cae_tui.engine")

RANDOM_TRIALS = 10
"""The first trials of a search are drawn at random: TPE has nothing to go by yet."""
PROPOSALS = 20
"""So often TPE is asked for a point before one of those that are left is drawn."""


class Journal:
    """The Optuna journal of a study; whoever opens it holds the study's lock.

    Where the file does not say what `record` says it is written anew, and what was there is set aside beside it. The
    numbers of the points in the journal may change by that: they are put into `record`.

    Raises:
        StorageError: it cannot be written.
    """

    def __init__(self, directory: StudyDirectory, spec: StudySpec, record: StudyRecord) -> None:
        self._spec, self._path, self._name = spec, directory.journal, directory.id
        self._distributions = distributions_of(spec)
        self._pruner = optuna.pruners.MedianPruner(
            n_startup_trials=4, n_warmup_steps=max(sum(epochs for _, epochs in spec.baseline.stages) // 4, 1)
        )
        _make_way(self._path.with_name(self._path.name + ".lock"))  # a dead process left it: it would block for good
        try:
            usable = mend(self._path) and self._agrees(record)
        except Exception as error:  # Optuna raises whatever a damaged line makes it stumble over
            log.warning("%s cannot be read (%s: %s)", self._path, type(error).__name__, error)
            usable = False
        if not usable:
            self._write_anew(record)
        self._study = self._load()
        known = {point.optuna for point in record.points}
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in known:  # it was asked for, and cut off before it was written down
                self._study.tell(trial.number, state=TrialState.FAIL)
        self._written = {trial.user_attrs.get("point") for trial in self._study.get_trials(deepcopy=False)}

    def _load(self) -> optuna.Study:
        self._storage = JournalStorage(JournalFileBackend(str(self._path)))
        return optuna.load_study(
            storage=self._storage,
            study_name=self._name,
            sampler=optuna.samplers.RandomSampler(),  # never asked, and the usual one writes into the journal
        )

    def _agrees(self, record: StudyRecord) -> bool:
        """Whether the file holds what the study's own record says, and this study alone."""
        study = self._load()
        if study.direction is not StudyDirection.MINIMIZE or len(optuna.get_all_study_names(self._storage)) > 1:
            return False
        trials = study.get_trials(deepcopy=False)
        by_point = {trial.user_attrs.get("point"): trial.number for trial in trials}
        seen: list[int] = []
        for name, base, point in _points(record):
            number = point.optuna if self._spec.mode == "search" else by_point.get(name)
            if number is None and self._spec.mode != "search":
                continue  # `keep` writes it, once it has ended
            if number is None or not 0 <= number < len(trials):
                return False
            seen.append(number)
            if not _same(trials[number], frozen(self._spec, self._distributions, base, point), ended=point.ended):
                return False
        others = [trial for trial in trials if trial.number not in set(seen)]
        return seen == sorted(set(seen)) and all(
            trial.state in (TrialState.FAIL, TrialState.RUNNING) and "point" not in trial.user_attrs for trial in others
        )

    def _write_anew(self, record: StudyRecord) -> None:
        entries = _Entries()
        study = optuna.create_study(storage=JournalStorage(entries), study_name=self._name, direction="minimize")
        number = itertools.count()
        for place, (name, base, point) in enumerate(_points(record)):
            if self._spec.mode == "search":
                # What comes next is proposed by what was told, and these are told after it.
                told = place < len(record.points) + 1 - record.window
                study.add_trial(frozen(self._spec, self._distributions, base, point, is_told=told))
                point.optuna = next(number)
            elif point.ended:
                study.add_trial(frozen(self._spec, self._distributions, base, point, {"point": name}))
        if os.path.lexists(self._path):
            log.warning("study %s: its journal does not say what study.json says, and is written anew", self._name)
        _make_way(self._path, keep=True)
        write_bytes(self._path, b"".join(line + b"\n" for line in entries.lines))

    # -- a search ---------------------------------------------------------------------------------

    def ask(self, number: int, unfit: Callable[[Mapping[str, str]], bool]) -> tuple[int, dict[str, str]] | None:
        """What a search tries as its point of that number, from 1: Optuna's number for it, and the values.

        None where all that could be tried is `unfit`: it was tried before, or cannot be trained. Where a hyperparameter
        may be any fraction of a range there is always something left, and a proposal may be unfit all the same.
        """
        seed = int(np.random.SeedSequence([self._spec.search_seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed, constant_liar=False)
        # A study keeps the trials that a sampler has looked at: one that was just loaded knows all of them.
        study = optuna.load_study(study_name=self._name, storage=self._storage, sampler=sampler)
        for _ in range(PROPOSALS):
            values = self._propose(study)
            if not unfit(values):
                break
        else:
            left = self._every(seed)
            if left is not None:
                found = next((values for values in left if not unfit(values)), None)
                if found is None:
                    return None
                values = found
        params = {name: typed(self._spec, name, value) for name, value in values.items()}
        self._study.add_trial(
            optuna.trial.create_trial(state=TrialState.RUNNING, params=params, distributions=self._distributions)
        )
        return self._study.get_trials(deepcopy=False)[-1].number, values

    def _propose(self, study: optuna.Study) -> dict[str, str]:
        """What `study.ask` would propose; asked so, nothing is written before it is known to be wanted."""
        trial = optuna.trial.create_trial(state=TrialState.RUNNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            space = study.sampler.infer_relative_search_space(study, trial)
            found = study.sampler.sample_relative(study, trial, space)
            for name, distribution in self._distributions.items():
                if name not in found:
                    found[name] = (
                        _only(distribution)
                        if distribution.single()
                        else study.sampler.sample_independent(study, trial, name, distribution)
                    )
        return {name: write_value(found[name]) for name in self._distributions}

    def _every(self, seed: int) -> Iterator[dict[str, str]] | None:
        """Every combination once, from a random one on; None where there is no end of them."""
        choices = choices_of(space_of(self._spec))
        if choices is None:
            return None
        count = math.prod(len(values) for values in choices.values())
        first = int(np.random.default_rng(seed).integers(count))
        return (combination(choices, (first + step) % count) for step in range(count))

    def report(self, number: int, loss: float, epoch: int) -> None:
        """Tell the validation loss of an epoch, from 1 and over all stages of the run; once is enough."""
        if epoch not in self._frozen(number).intermediate_values:
            self._trial(number).report(loss, epoch)

    def is_hopeless(self, number: int, told: Collection[int]) -> bool:
        """Whether its losses so far are worse than those of most of `told` at the same epoch."""
        return self._pruner.prune(_Told(self._name, self._storage, told), self._frozen(number))

    def reported(self, number: int) -> int:
        """The last epoch that was told of it; 0 for none."""
        return max(self._frozen(number).intermediate_values, default=0)

    # -- every study ------------------------------------------------------------------------------

    def keep(self, stage: int, place: int, base: Mapping[str, str], point: PointRecord) -> None:
        """Write a point that has ended, once."""
        if (name := _point_name(stage, place)) in self._written:
            return
        if point.optuna is None:
            self._study.add_trial(frozen(self._spec, self._distributions, base, point, {"point": name}))
        elif not self._frozen(point.optuna).state.is_finished():
            self._tell(point.optuna, point)
        self._written.add(name)

    def _tell(self, number: int, point: PointRecord) -> None:
        for epoch, loss in losses_of(point).items():  # of a point whose numbers were there already, none was told yet
            self.report(number, loss, epoch)
        state = state_of(point)
        self._study.tell(number, point.loss if state is TrialState.COMPLETE else None, state=state)

    def _trial(self, number: int) -> optuna.Trial:
        study = self._storage.get_study_id_from_name(self._name)
        return optuna.Trial(self._study, self._storage.get_trial_id_from_study_id_trial_number(study, number))

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]


class _Told(optuna.Study):
    """A study as a pruner may see it: with those trials alone that were told, whatever others have come to by now."""

    def __init__(self, name: str, storage: JournalStorage, told: Collection[int]) -> None:
        super().__init__(name, storage)
        self._told = frozenset(told)

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """See Optuna's."""
        return [trial for trial in super().get_trials(deepcopy, states) if trial.number in self._told]


class _Entries(BaseJournalBackend):
    """Entries that are written into a file in one piece afterwards."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """As Optuna asks for them."""
        return [json.loads(line) for line in self.lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """As Optuna gives them."""
        self.lines += [json.dumps(entry, separators=(",", ":")).encode() for entry in logs]


def _only(distribution: BaseDistribution) -> Param:
    """The value of a hyperparameter that has no other."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]  # type: ignore[return-value]  # `distributions_of` puts nothing else in
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low


def mend(path: Path) -> bool:
    """Take out of a journal what is no entry: blank lines, torn ones, other programs'; whether any entry is left.

    Raises:
        OSError: it cannot be read.
        StorageError: it cannot be written.
    """
    if not os.path.lexists(path):
        return False
    if not stat.S_ISREG(path.stat().st_mode):  # a folder, or what never ends
        raise OSError("it is not a regular file")
    data = path.read_bytes()
    whole = b"".join(line + b"\n" for line in data.split(b"\n") if _is_entry(line))
    if not whole:
        path.unlink()
    elif whole != data:
        write_bytes(path, whole)
    return bool(whole)


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and type(entry.get("op_code")) is int and isinstance(entry.get("worker_id"), str)


def _make_way(path: Path, *, keep: bool = False) -> None:
    """Take away what stands there, if anything does; a folder, and what is to be kept, goes aside."""
    try:
        if keep or (path.is_dir() and not path.is_symlink()):
            names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
            with suppress(FileNotFoundError):
                path.rename(next(name for name in names if not name.exists()))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def _points(record: StudyRecord) -> Iterator[tuple[str, Mapping[str, str], PointRecord]]:
    """Every point with its name in the journal, and what earlier stages carried on to it."""
    for number, stage in enumerate(record.stages):
        for place, point in enumerate(stage.points):
            yield _point_name(number, place), stage.base, point


def _point_name(stage: int, place: int) -> str:
    return f"{stage + 1}.{place + 1}"


def _same(found: FrozenTrial, expected: FrozenTrial, *, ended: bool) -> bool:
    """Whether a trial of the journal is the one that the record describes, as far as it came."""
    if (found.params, found.distributions) != (expected.params, expected.distributions):
        return False
    if found.state is TrialState.RUNNING:  # that it ended is yet to be written
        losses = expected.intermediate_values
        return all(loss == losses[epoch] for epoch, loss in found.intermediate_values.items() if epoch in losses)
    return ended and (found.state, found.value, found.intermediate_values) == (
        expected.state, expected.value, expected.intermediate_values,
    )  # fmt: skip
