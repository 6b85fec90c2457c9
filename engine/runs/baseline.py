"""What a run comes to beside one that was pinned as the baseline: differences, where both were measured alike.

Neither torch nor pydantic is imported here: specs are compared as they are written.
"""

from collections.abc import Mapping
from typing import Any

from engine.runs.status import TEST, RunStatus
from engine.specs.listed import listed
from engine.specs.measures import LOSS, Measure
from engine.specs.noise import NONE, SAME, USUAL_AMOUNTS

Written = Mapping[str, Any]
"""A spec as JSON; empty where it is not known."""
_SPLIT = ("seed", "validation_fraction", "labels_from")
"""What decides which images of a set are the validation images."""


def differences(run: RunStatus, spec: Written, baseline: RunStatus, its_spec: Written) -> dict[str, str]:
    """How far `run` is from `baseline`, by `val loss`, `test loss` and `test acc`: `+0.31`, `−12.5 %`.

    Losses are told in per cent of the baseline's, shares in points. Left out is what cannot be held against each other:
    of another kind, of other images, of other noise on them, or what one of the two does not have.
    """
    if run.id == baseline.id or run.kind != baseline.kind or not run.data_digest:
        return {}
    if run.data_digest != baseline.data_digest or not same_noise(spec, its_spec):
        return {}
    if spec.get("normal") != its_spec.get("normal"):  # which images are odd is another question
        return {}
    found: dict[str, str | None] = {}
    if spec and its_spec and all(spec.get(name) == its_spec.get(name) for name in _SPLIT):
        found["val loss"] = _relative(run.best_loss, baseline.best_loss)
    found["test loss"] = _relative(run.test_loss, baseline.test_loss)
    for measure in listed(run.kind).measures:
        mine, its = (each.measure(TEST, measure.name) for each in (run, baseline))
        found[f"test {measure.short}"] = difference(measure, mine, its)
    return {name: words for name, words in found.items() if words is not None}


def difference(measure: Measure, mine: float | None, its: float | None) -> str | None:
    """One value beside another: shares of 1 in points, all else in per cent of the other."""
    if mine is None or its is None:
        return None
    if measure is LOSS or not measure.share:
        return _relative(mine, its)
    return _signed(100 * (mine - its), 2)


def _relative(mine: float | None, its: float | None) -> str | None:
    if mine is None or its is None or its <= 0:
        return None
    return f"{_signed(100 * (mine / its - 1), 1)} %"


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    return f"±{text}" if not float(text) else f"{'+' if value > 0 else '−'}{text}"


def same_noise(spec: Written, its_spec: Written) -> bool:
    """Whether the images that both were measured on had the same noise, or none."""
    return _measured_noise(spec) == _measured_noise(its_spec)


def _measured_noise(spec: Written) -> object:
    """As `Spec.measured_noise`, of what is written; None for none, as where an earlier version knew of none."""
    of = spec.get("validation_noise", SAME)
    if of != SAME:
        return None if of == NONE else of
    kind = spec.get("noise", NONE)
    if kind == NONE:
        return None
    amount = spec.get("noise_amount", "auto")
    return kind, USUAL_AMOUNTS.get(str(kind)) if amount == "auto" else amount
