"""Whether a figure grows: a robust slope through what was counted, times the time it was counted for."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

BOUNDS: Mapping[str, float] = {
    "rss": 48e6,
    "threads": 1,
    "descriptors": 1,
    "queued": 1,
    "screens": 1,
    "widgets": 15,
    "mounted": 15,
    "workers": 1,
    "timers": 2,
    "objects": 15_000,
}
"""How much each may grow over the last two thirds of a soak: less than what one forgotten page, thread or file a \
minute would make of it in an hour. Memory has the room that an allocator needs to settle."""

LEAST = 6
"""Fewer minutes than these, after the first third was left out, say nothing of a slope."""


def growth(parts: Sequence[Sequence[tuple[float, float]]]) -> float | None:
    """How much a figure grew, by the median of all slopes (Theil and Sen) times the duration; None for too few points.

    Args:
        parts: (time, figure) of each process, for a soak that was interrupted goes on in another. The first third of
            each part is left out: caches fill, and libraries are loaded when they are first needed.
    """
    slopes: list[float] = []
    duration, points = 0.0, 0
    for part in parts:
        settled = part[len(part) // 3 :]
        points += len(settled)
        if settled:
            duration += settled[-1][0] - settled[0][0]
        slopes += [
            (after - before) / (later - sooner)
            for (sooner, before), (later, after) in itertools.combinations(settled, 2)
            if later > sooner
        ]
    return statistics.median(slopes) * duration if slopes and points >= LEAST else None


def judge(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], bool]:
    """A line for each figure, and whether all stayed below their bounds.

    Args:
        rows: what was counted, each with its `minute` and the number of its `process`.
    """
    lines, flat = [], True
    for name, bound in BOUNDS.items():
        processes = sorted({row["process"] for row in rows})
        parts = [[(row["minute"], float(row[name])) for row in rows if row["process"] == each] for each in processes]
        grown = growth(parts)
        if grown is None:
            return [f"{len(rows)} rows are too few to judge by: a soak wants at least {2 * LEAST} minutes."], False
        flat &= grown < bound
        first, last = parts[0][0][1], parts[-1][-1][1]
        word = "flat" if grown < bound else "GROWS"
        lines.append(f"{name:<12} {first:>14,.0f} … {last:>14,.0f}   grown {grown:>+14,.1f} of {bound:>12,.0f}  {word}")
    return lines, flat
