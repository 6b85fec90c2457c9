"""Which points of a plan cannot be trained, found out before any is.

A hyperparameter's own bounds are looked at when its values are read. What is looked at here is whether values go
together, with each other, with the baseline and with the images: each check takes a function that says why not.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import SpecError
from engine.specs.fields import write_value
from engine.studies.values import Range, Values, choices_of, combination

Why = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Why no run can begin with these values: a sentence for each field that is wrong, none where all is well."""
MOST_COUNTED = 1_000
"""So many combinations are looked at one by one; of more, some."""
TRIES = 50


def problems_with(make: Callable[[], object]) -> Mapping[str, str]:
    """Why something cannot be made: a sentence for each field that is wrong, none where it can."""
    try:
        make()
    except SpecError as error:
        return error.problems
    return {}


@dataclass(frozen=True, slots=True)
class Room:
    """What a search may try."""

    combinations: int | None  # that can be trained, or at most so many; None where there is no end of them
    left_out: str = ""  # what cannot be trained and is left out, in a sentence


def check_points(points: Iterable[tuple[Mapping[str, str], Mapping[str, str]]], why: Why) -> None:
    """Refuse a plan one of whose points no run could begin with.

    Args:
        points: what a sentence names of each point, and all of its values.

    Raises:
        SpecError: for `values`, with that point and the reason.
    """
    for named, values in points:
        if problems := why(values):
            raise SpecError({"values": _sentence(named, problems)})


def check_space(space: Mapping[str, Range | Values], why: Why) -> None:
    """Refuse a search where a value of a list, or an end of a range, goes with none of the others.

    Raises:
        SpecError: for `values`, with that value and the reason.
    """
    ends = {name: _ends(values) for name, values in space.items()}
    for name, values in ends.items():
        others = {other: found for other, found in ends.items() if other != name}
        for value in values:
            first: Mapping[str, str] = {}
            for rest in _some(others):
                problems = why({**rest, name: value})
                if not problems:
                    break
                first = first or problems
            else:
                raise SpecError({"values": _sentence({name: value}, first)})


def first_fit(space: Mapping[str, Range | Values], why: Why) -> dict[str, str]:
    """Values that can be trained, of a space that was checked; all of it may still fit nothing, but is not empty."""
    tried = list(_some({name: _ends(values) for name, values in space.items()}))
    return next((values for values in tried if not why(values)), tried[0])


def room_of(space: Mapping[str, Range | Values], why: Why) -> Room:
    """How many combinations a search may try, those that cannot be trained left out as far as they can be counted."""
    choices = choices_of(space)
    count = None if choices is None else math.prod(len(values) for values in choices.values())
    # Any fraction will do: what does not go together are whole numbers and words.
    listed = choices or {
        name: (choices_of({name: values}) or {name: _ends(values)[:1]})[name] for name, values in space.items()
    }
    looked_at = math.prod(len(values) for values in listed.values())
    if looked_at > MOST_COUNTED:
        return Room(count)
    wrong = [(values, problems) for values in _every(listed) if (problems := why(values))]
    if not wrong:
        return Room(count)
    told = f"{len(wrong):,} of {looked_at:,} combinations cannot be trained and are left out. The first: "
    return Room(None if count is None else count - len(wrong), told + _sentence(*wrong[0]))


def _ends(values: Range | Values) -> Values:
    """The values of a list, or both ends of a range."""
    if not isinstance(values, Range):
        return values
    low, high = (int(values.low), int(values.high)) if values.whole else (values.low, values.high)
    return (write_value(low), write_value(high))


def _every(listed: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    return (dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values()))


def _some(listed: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Every combination, or of many some from the first to the last."""
    count = math.prod(len(values) for values in listed.values())
    if count <= MOST_COUNTED:
        yield from _every(listed)
    else:
        yield from (combination(listed, step * (count - 1) // (TRIES - 1)) for step in range(TRIES))


def _sentence(named: Mapping[str, str], problems: Mapping[str, str]) -> str:
    where = ", ".join(f"{name}={value}" for name, value in named.items())
    if len(named) == 1 and list(problems) == list(named):
        return f"{where} cannot be trained: {problems[next(iter(named))]}"
    reason = "; ".join(f"{name}: {sentence}" for name, sentence in problems.items())
    return f"{where} cannot be trained ({reason})"
