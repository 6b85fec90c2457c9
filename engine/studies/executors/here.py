"""One trial at a time, in the thread of the study: while that waits for it, it is trained."""

from functools import partial

from engine import jobs
from engine.errors import EngineError
from engine.studies.executors.executor import Assignment, Ended, Hear


class Here:
    """See `Executor`."""

    room = 1

    def __init__(self) -> None:
        self._trials: list[Assignment] = []

    def submit(self, trial: Assignment) -> None:
        """See `Executor`."""
        self._trials.append(trial)

    def wait(self, hear: Hear) -> Ended:
        """See `Executor`."""
        trial = self._trials.pop(0)
        try:
            jobs.begin(trial.prepared, partial(hear, trial.number), trial.flag)
        except EngineError as error:
            return Ended(trial.number, error)
        return Ended(trial.number)


EXECUTOR = Here
