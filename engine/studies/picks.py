"""Which value of a hyperparameter to take: the trade of loss against time, made exact.

A study hands over its points, one for each value tried, and gets back which one a rule takes and why, in a sentence
that can be checked by hand. Nothing here has seen a test set: the losses are validation losses.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.errors import StudyError
from engine.text import counted
from engine.text import loss as loss_words

Rule = Literal["trade", "lowest", "tolerance", "budget"]
EXPONENT = 0.64
"""How much a longer time must pay in loss. It is what gives the 2020 report's picks on its own tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one value came to.

    Args:
        value: as a person writes it: `32`.
        loss: mean over the repeats of the best validation loss; infinite where a repeat diverged.
        time: what a step, an epoch or a run took, in seconds: the same for every point of a study.
    """

    value: str
    loss: float
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The point that a rule takes, by its place among the points, and why."""

    place: int
    reason: str


def pick(
    points: Sequence[Point],
    rule: Rule = "trade",
    *,
    exponent: float = EXPONENT,
    tolerance: float = 0.05,
    budget: float = math.inf,
    unit: str = "",
    write_loss: Callable[[float], str] = "{:.2g}".format,
    write_time: Callable[[float], str] = "{:.2g} s".format,
) -> Pick:
    """Take one of `points`.

    Args:
        points: one for each value, in any order.
        rule: `trade`: from the cheapest to the dearest, move on to a dearer one where
            ln(loss now / its loss) ≥ `exponent` × ln(its time / time now); `lowest`: the lowest loss; `tolerance`: the
            cheapest whose loss is at most `1 + tolerance` times the lowest; `budget`: the lowest loss among those
            whose time is at most `budget` seconds.
        unit: what stands behind the value that is taken: `kernels`.
        write_loss: how the sentence writes a loss.
        write_time: how the sentence writes a time.

    Raises:
        StudyError: there is no point whose loss is finite, or none within the budget.
    """
    able = [place for place, point in enumerate(points) if math.isfinite(point.loss)]
    if not able:
        raise StudyError("No value has a finite validation loss: lower the learning rate, and study again.")

    def say(place: int) -> str:
        """`32 kernels: val_loss 0.0027, 33 ms a step`."""
        point = points[place]
        return f"{point.value} {unit}".strip() + f": val_loss {write_loss(point.loss)}, {write_time(point.time)}"

    cheapest_first = sorted(able, key=lambda place: (points[place].time, points[place].loss, place))
    lowest = min(cheapest_first, key=lambda place: points[place].loss)
    match rule:
        case "trade":
            return _trade(points, cheapest_first, exponent, say)
        case "lowest":
            return Pick(place=lowest, reason=f"{say(lowest)}: the lowest validation loss.")
        case "tolerance":
            enough = points[lowest].loss * (1 + tolerance)
            place = next(place for place in cheapest_first if points[place].loss <= enough)
            why = f"the fastest within {100 * tolerance:g} % of the lowest loss, {write_loss(points[lowest].loss)}"
            return Pick(place=place, reason=f"{say(place)}: {why}.")
        case "budget":
            within = [place for place in cheapest_first if points[place].time <= budget]
            if not within:
                least = write_time(points[cheapest_first[0]].time)
                raise StudyError(f"No value stays within {write_time(budget)}: the fastest takes {least}.")
            place = min(within, key=lambda place: points[place].loss)
            why = f"the lowest validation loss within {write_time(budget)}"
            return Pick(place=place, reason=f"{say(place)}: {why}.")


def _trade(points: Sequence[Point], cheapest_first: Sequence[int], exponent: float, say: Callable[[int], str]) -> Pick:
    now = cheapest_first[0]
    for place in cheapest_first[1:]:
        if _worth(points[now], points[place], exponent):
            now = place
    taken = points[now]
    sentences = [f"{say(now)}."]
    dearer = [place for place in cheapest_first[cheapest_first.index(now) + 1 :] if points[place].loss < taken.loss]
    if dearer:
        other = min((points[place] for place in dearer), key=lambda point: point.loss)
        gain, ratio = 1 - other.loss / taken.loss, _ratio(taken, other)
        sentences.append(
            f"{other.value} lowers the loss by {100 * gain:.0f} % for {ratio:.2g} × the time: not worth it "
            f"at {exponent:g}."
        )
    elif len(cheapest_first) > 1:
        sentences.append("No slower value has a lower loss.")
    return Pick(place=now, reason=" ".join(sentences))


def _worth(now: Point, dearer: Point, exponent: float) -> bool:
    if dearer.loss >= now.loss:
        return False
    if dearer.loss <= 0:
        return True
    return math.log(now.loss / dearer.loss) >= exponent * math.log(_ratio(now, dearer))


def _ratio(now: Point, dearer: Point) -> float:
    """How many times as long the dearer takes; as long where no time was measured."""
    return dearer.time / now.time if now.time > 0 else 1.0


GAIN, WINDOW = 0.02, 5


def enough_epochs(losses: Sequence[float]) -> tuple[int, str]:
    """After which epoch of one long run training further is hardly worth it: the number of epochs, and why.

    It is the first epoch from which the best validation loss so far falls by less than `GAIN` an epoch on average
    over the next `WINDOW` epochs; one epoch alone says little, for validation losses jump. Where it never is, all.

    Args:
        losses: the validation loss of each epoch, all of them finite and above zero.
    """
    so_far = list(itertools.accumulate(losses, min))
    for epoch in range(1, len(so_far) - WINDOW + 1):
        now, later = so_far[epoch - 1], so_far[epoch - 1 + WINDOW]
        fall = 1 - (later / now) ** (1 / WINDOW) if now > 0 else 0.0
        if fall < GAIN:
            return epoch, (
                f"{counted(epoch, 'epoch')}: best val_loss {loss_words(now)}. The next {WINDOW} gain "
                f"{100 * fall:.1f} % an epoch, "
                f"less than {100 * GAIN:g} %; all {len(so_far)} end at {loss_words(so_far[-1])}."
            )
    every = len(so_far)
    return every, (
        f"{counted(every, 'epoch')}: best val_loss {loss_words(so_far[-1])}. "
        f"It still gains {100 * GAIN:g} % an epoch or more: "
        "a longer run may be worth it."
    )
