"""What lists of runs say of several that are one line, and of each beside the baseline: without layout."""

from collections.abc import Mapping
from typing import Any

from cae_tui import formats
from engine.runs.baseline import differences
from engine.runs.by_spec import OneSpec
from engine.runs.status import TEST, RunStatus, key_of
from engine.specs.listed import every_measure
from engine.specs.measures import LOSS, Measure

BASELINE = "◆"
DELTA = "Δ "
"""What the name of a column begins with that tells differences to the baseline."""


def with_spread(measure: Measure, name: str, mean: float | None, several: OneSpec) -> str:
    """A mean with its standard deviation, `98.97 % ± 0.09`, and of how many it is where not of all: `98.97 % (1)`."""
    spread, of = several.spreads.get(name), several.counts.get(name, 0)
    words = measure.write(mean)
    if spread is not None:
        words += f" ± {f'{100 * spread:.2f}' if measure.share else f'{spread:.1g}'}"
    return words if of == len(several.runs) else f"{words} ({of})"


def spread_cells(several: OneSpec) -> dict[str, str]:
    """The numbers of several runs, by column: `0.0012 ± 3e-05`."""
    line = several.line
    losses = {"val loss": "best_loss", "last": "last_loss"}
    told = {
        column: with_spread(LOSS, name, getattr(line, name), several)
        for column, name in losses.items()
        if name in several.counts
    }
    for measure in every_measure():
        if (value := line.measure(TEST, measure.name)) is not None:
            told[f"test {measure.short}"] = with_spread(measure, key_of(TEST, measure.name), value, several)
    return told


def several_states(several: OneSpec) -> str:
    """How many are in which state, by its sign: `✓ 2 ● 1`."""
    return " ".join(f"{formats.state_symbol(state)[0]} {count}" for state, count in several.states.items())


def from_baseline(
    line: RunStatus | OneSpec, baseline: RunStatus, specs: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """How far a run, or the mean of several, is from the baseline, by column; see `engine.runs.baseline`."""
    its = specs.get(baseline.id, {})
    if not isinstance(line, OneSpec):
        return differences(line, specs.get(line.id, {}), baseline, its)
    if baseline.id in line.ids:  # a mean that it is part of
        return {}
    spec = {**specs.get(line.line.id, {}), "seed": None}  # their validation parts are several
    return differences(line.line, spec, baseline, its)
