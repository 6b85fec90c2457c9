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
"""The longest that is tried."""
SHARE = 0.05
"""Of the time that a run is expected to take: so much of it may be tried at most."""
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
) -> Chosen:
    """The number of threads, at most `most`, that a step is fastest with; `most` where there is no time to try.

    Args:
        step: takes one with so many threads, which changes nothing.
        steps: that the run has in all; a short run has little time to try.
        wanted: whether to go on trying.
    """
    if most == 1:
        return Chosen(1)
    trial = _Trial(step, steps, wanted, clock)
    try:
        trial.descend(numbers(most))
        trial.repeat()
    except _Over:
        pass
    return trial.best(most)


class _Trial:
    """The steps that were taken with each number of threads, and the seconds of those that count."""

    def __init__(
        self, step: Callable[[int], object], steps: int, wanted: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._step, self._steps, self._wanted, self._clock = step, steps, wanted, clock
        self._begun = clock()
        self._room = SECONDS
        self.took: dict[int, list[float]] = {}

    def _take(self, threads: int, expected: float = 0.0) -> float:
        """The seconds of one step; that there is no room for one which takes as long as expected, ends the trial."""
        begun = self._clock()
        if begun - self._begun + expected > self._room or not self._wanted():
            raise _Over
        self._step(threads)
        return self._clock() - begun

    def descend(self, tried: list[int]) -> None:
        """Each number once, from the largest on, until one is far slower than the best before it.

        Of two steps the faster one counts: the first also makes the threads.
        """
        fastest = 0.0
        for threads in tried:
            taken = min(self._take(threads, fastest), self._take(threads, fastest))
            self.took[threads] = [taken]
            fastest = min(values[0] for values in self.took.values())
            # What a step takes is known now, and so what the whole run does.
            self._room = min(SECONDS, SHARE * self._steps * fastest)
            if taken > 2 * MUCH_SLOWER * fastest:  # half as many would take longer still
                return

    def repeat(self) -> None:
        """Those that may be the fastest in turn, until one clearly is, or the time is up."""
        for round_ in itertools.count():
            means = {threads: _mean(values) for threads, values in self.took.items()}
            least = min(means.values())
            close = [threads for threads, mean in means.items() if mean < MUCH_SLOWER * least]
            if len(close) == 1 and round_ >= ROUNDS:
                return
            clear = all(mean > CLEARLY * least for mean in means.values() if mean != least)
            if clear and round_ >= 2 * ROUNDS:
                return
            for threads in close if round_ >= ROUNDS else tuple(means):
                self.took[threads].append(self._take(threads, means[threads]))

    def best(self, most: int) -> Chosen:
        """The number with the shortest mean step; the larger one of two that are alike."""
        if not self.took:
            return Chosen(most)
        threads = min(self.took, key=lambda threads: (_mean(self.took[threads]), -threads))
        return Chosen(threads, _mean(self.took[threads]))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
