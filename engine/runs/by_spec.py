"""Runs that were asked for the same but for their seed, as one line of a list: mean and standard deviation.

Neither torch nor pydantic is imported here: specs are compared as they are written.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.protocol.states import EARLY_STOPPED, FINISHED
from engine.runs.notes import NO_NOTES
from engine.runs.status import RunStatus
from engine.specs.data_files import FIELDS

_APART = frozenset({"seed", "device", "threads", "encoder", *FIELDS})
"""Fields that do not decide what a spec asks for: images and encoder are told apart by what they are."""
_SEED = re.compile(r", seed \d+(?=,|$)")
NUMBERS = ("best_loss", "last_loss", "last_train_loss", "test_loss", "seconds")
"""What is told as a mean, besides the measures."""


@dataclass(frozen=True, slots=True)
class OneSpec:
    """Two or more runs of one spec."""

    runs: tuple[RunStatus, ...]  # by seed
    seeds: tuple[int, ...]
    line: RunStatus  # what a list shows of them: means, under the id of the first
    spreads: Mapping[str, float]  # the standard deviation of each number of two runs or more, by name or key
    counts: Mapping[str, int]  # how many runs each mean is of

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the runs."""
        return tuple(run.id for run in self.runs)

    @property
    def states(self) -> Mapping[str, int]:
        """How many are in each state, most of them first."""
        return dict(Counter(run.state for run in self.runs).most_common())

    @property
    def words(self) -> str:
        """Which seeds, and how they are: `seeds 0, 1, 2: 2 finished, 1 running`."""
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        return f"seeds {', '.join(map(str, self.seeds))}: {states}"


def spec_key(run: RunStatus, spec: Mapping[str, Any]) -> str:
    """What is equal for runs of one spec, on the same images and the same encoder; empty where that is not known."""
    if not spec or not run.data_digest or not isinstance(spec.get("seed"), int):
        return ""
    asked = {name: value for name, value in spec.items() if name not in _APART}
    return json.dumps([run.kind, run.encoder, run.data_digest, asked], sort_keys=True)


def of_one_spec(runs: Sequence[RunStatus], specs: Mapping[str, Mapping[str, Any]]) -> list[RunStatus | OneSpec]:
    """The same runs, those of one spec together where the first of them stood.

    Args:
        runs: to be listed.
        specs: what each was asked for, as JSON, by id.
    """
    found: dict[str, list[RunStatus]] = {}
    for run in runs:
        found.setdefault(spec_key(run, specs.get(run.id, {})) or run.id, []).append(run)
    return [each[0] if len(each) == 1 else _one(each, specs) for each in found.values()]


def _one(runs: Sequence[RunStatus], specs: Mapping[str, Mapping[str, Any]]) -> OneSpec:
    ordered = sorted(runs, key=lambda run: (specs[run.id]["seed"], run.started))
    means: dict[str, float] = {}
    spreads: dict[str, float] = {}
    counts: dict[str, int] = {}
    done = [run for run in ordered if run.state in (FINISHED, EARLY_STOPPED)] or ordered
    measures = dict.fromkeys(name for run in ordered for name in run.measures)
    for name in (*NUMBERS, *measures):
        values = [run.measures.get(name) if name in measures else getattr(run, name) for run in done]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if known:
            means[name] = math.fsum(known) / len(known)
            counts[name] = len(known)
        if len(known) > 1:
            squares = math.fsum((value - means[name]) ** 2 for value in known)
            spreads[name] = math.sqrt(squares / (len(known) - 1))
    first = ordered[0]
    states = {run.state for run in ordered}
    line = replace(
        first,
        title=_SEED.sub("", first.title),
        state=first.state if len(states) == 1 else "",
        message="",
        epoch=min(run.epoch for run in ordered),
        started=max(run.started for run in ordered),
        measures={name: means[name] for name in measures if name in means},
        notes=NO_NOTES,
        best_loss=means.get("best_loss"),
        last_loss=means.get("last_loss"),
        last_train_loss=means.get("last_train_loss"),
        test_loss=means.get("test_loss"),
        seconds=means.get("seconds", 0.0),
    )
    return OneSpec(tuple(ordered), tuple(specs[run.id]["seed"] for run in ordered), line, spreads, counts)


def line_as_json(line: RunStatus | OneSpec) -> dict[str, Any]:
    """A line as a program reads it: its runs, and the mean and standard deviation of each number that it has."""
    several = line if isinstance(line, OneSpec) else None
    shown = line.line if isinstance(line, OneSpec) else line
    numbers = {name: getattr(shown, name) for name in NUMBERS} | dict(shown.measures)
    return {
        "runs": list(several.ids) if several else [shown.id],
        "seeds": list(several.seeds) if several else None,
        "kind": shown.kind,
        "title": shown.title,
        "data": shown.data,
        "encoder": shown.encoder,
        "states": dict(several.states) if several else {shown.state: 1},
        "mean": {name: value for name, value in numbers.items() if value is not None},
        "std": dict(several.spreads) if several else {},
        "of": dict(several.counts) if several else {},
    }
