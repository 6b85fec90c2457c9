"""How many threads a step is fastest with, on this machine as it is now.

Threads of a step wait for each other at every operation: one that shares its core with another program holds up all of
them, and of a small network each has little to do. So all cores are the best number where nothing else runs, and may be
the worst where something does. What decides is a few steps of the run itself.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 2.0
"""How long it is tried, but for the step that is under way then."""
ONCE, SHARE = 0.12, 0.05
"""Shares of the time that a run is expected to take: how much may be tried until each number was, and after that."""
SHORT_OF, HELD_UP = 0.75, 2.0
"""Where several threads had less than this share of the processor time that so many could have had, some of them waited
for a core. A trial is too short for how long that may be: every few dozen steps one takes a second. Such a number
counts as so many times slower."""
LONG = 0.25
"""Seconds from which a first step is no longer much slower than the next: what is made in it once counts little."""
ALIKE = 1.05
"""Numbers whose steps differ by less are taken to be as fast."""
MUCH_SLOWER, CLEARLY, ROUNDS = 1.5, 1.25, 4
"""A number that is so many times slower than the best is not tried again; where the best is so many times faster than
every other after so many rounds, it is taken."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A number of threads, and what a step takes with it; None where there was no time to try."""

    threads: int
    seconds: float | None = None


class _Over(Exception):  # noqa: N818 - no error
    """The time is up, or what is tried is not wanted any more."""


def numbers(most: int) -> list[int]:
    """Those that are tried, the largest first: all, and half as many again and again."""
    found = [most]
    while found[-1] > 1:
        found.append((found[-1] + 1) // 2)
    return found


def fastest_number(
    most: int,
    step: Callable[[int], object],
    steps: int,
    wanted: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> Chosen:
    """The number of threads, at most `most`, that a step is fastest with; `most` where there is no time to try.

    Args:
        step: takes one with so many threads, which changes nothing.
        steps: that the run has in all; a short run has little time to try.
        wanted: whether to go on trying.
        clock: the seconds now.
        processor: the seconds of the processor that all threads of this process have had so far, together.
    """
    if most == 1:
        return Chosen(1)
    trial = _Trial(step, steps, wanted, clock, processor)
    try:
        trial.descend(numbers(most))
        trial.repeat()
    except _Over:
        pass
    return trial.best(most)


@dataclass(frozen=True, slots=True, order=True)
class _Step:
    seconds: float
    processor: float  # seconds of it, of all threads together


class _Trial:
    """The steps that were taken with each number of threads, those that count."""

    def __init__(
        self,
        step: Callable[[int], object],
        steps: int,
        wanted: Callable[[], bool],
        clock: Callable[[], float],
        processor: Callable[[], float],
    ) -> None:
        self._step, self._steps, self._wanted, self._clock, self._processor = step, steps, wanted, clock, processor
        self._begun = clock()
        self.took: dict[int, list[_Step]] = {}

    def _has_room(self, expected: float, share: float) -> bool:
        """For a step that takes so long."""
        fastest = min((_mean(steps) for steps in self.took.values()), default=0.0)
        room = min(SECONDS, share * self._steps * fastest) if fastest else SECONDS
        return self._clock() - self._begun + expected <= room

    def _take(self, threads: int) -> _Step:
        if not self._wanted():
            raise _Over
        begun, before = self._clock(), self._processor()
        self._step(threads)
        return _Step(self._clock() - begun, self._processor() - before)

    def descend(self, tried: list[int]) -> None:
        """Each number once, from the largest on, until one is far slower than the best before it.

        Of two steps the faster one counts: the first also makes the threads. Where a step takes long, as one with all
        cores does where another program has one of them, the second is left out, so that there is time for the others.
        """
        fastest = 0.0
        for threads in tried:
            if not self._has_room(fastest / 2, ONCE):
                raise _Over
            taken = self._take(threads)
            if taken.seconds < LONG and (not fastest or self._has_room(taken.seconds, SHARE)):
                taken = min(taken, self._take(threads))
            self.took[threads] = [taken]
            fastest = min(fastest or taken.seconds, taken.seconds)
            if taken.seconds > 2 * MUCH_SLOWER * fastest:  # half as many would take longer still
                return

    def repeat(self) -> None:
        """Those that may be the fastest in turn, until one clearly is, or the time is up."""
        for round_ in itertools.count():
            costs = self._costs()
            least = min(costs.values())
            close = [threads for threads, cost in costs.items() if cost < MUCH_SLOWER * least]
            if len(close) == 1 and round_ >= ROUNDS:
                return
            clear = all(cost > CLEARLY * least for cost in costs.values() if cost != least)
            if clear and round_ >= 2 * ROUNDS:
                return
            for threads in close if round_ >= ROUNDS else tuple(costs):
                if not self._has_room(_mean(self.took[threads]), SHARE):
                    raise _Over
                self.took[threads].append(self._take(threads))

    def _costs(self) -> dict[int, float]:
        """The mean step of each number, longer where its threads waited for a core."""
        costs = {}
        for threads, steps in self.took.items():
            could_have = threads * sum(step.seconds for step in steps)
            waited = threads > 1 and sum(step.processor for step in steps) < SHORT_OF * could_have
            costs[threads] = _mean(steps) * (HELD_UP if waited else 1)
        return costs

    def best(self, most: int) -> Chosen:
        """The number whose steps cost least; of those that are alike the least, which others hold up least."""
        if not self.took:
            return Chosen(most)
        costs = self._costs()
        threads = min(threads for threads, cost in costs.items() if cost <= ALIKE * min(costs.values()))
        return Chosen(threads, _mean(self.took[threads]))


def _mean(steps: list[_Step]) -> float:
    return sum(step.seconds for step in steps) / len(steps)
