"""One trial at a time, in the thread of the study: while that waits for it, it is trained."""

from functools import partial

from engine import jobs
from engine.errors import EngineError
from engine.studies.executors.executor import Assignment, Ended, Hear, Wanted


class Here:
    """See `Executor`."""

    room = 1

    def __init__(self, wanted: Wanted) -> None:
        del wanted  # there is one worker, this thread
        self._trials: list[Assignment] = []

    def submit(self, trial: Assignment) -> int:
        """See `Executor`."""
        self._trials.append(trial)
        return 1

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended:  # noqa: ARG002 - there is no room
        """See `Executor`."""
        trial = self._trials.pop(0)
        try:
            jobs.begin(trial.prepared, partial(hear, trial.number), trial.flag)
        except EngineError as error:
            return Ended(trial.number, error)
        return Ended(trial.number)

    def close(self) -> None:
        """See `Executor`."""


EXECUTOR = Here
