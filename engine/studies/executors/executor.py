"""What every executor offers, and the values that pass between it and the scheduler of a study."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.errors import EngineError
from engine.protocol.control import Flag
from engine.protocol.events import Event
from engine.runs.prepared import Prepared

Hear = Callable[[int, Event], None]
"""Takes in an event of the trial of that number."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How trials are to be trained.

    Args:
        workers: how many may be trained at once.
        per_gpu: how many of them on one GPU.
    """

    workers: int = 1
    per_gpu: int = 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial that is to be trained.

    Args:
        number: of the trial in its study, which names it.
        prepared: its run, made or opened again.
        flag: what is asked of this trial, of no other; what trains elsewhere hears of each word by `flag.heard`.
    """

    number: int
    prepared: Prepared
    flag: Flag


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial is no longer under way: its run's files say what it came to.

    Args:
        error: why it could not be trained; what goes wrong in training is written in its run.
    """

    number: int
    error: EngineError | None = None


class Executor(Protocol):
    """A way to train the trials of one study.

    Its files lie in the run's directory when a trial has ended, and its events in the order that they happened. It is
    made with what is `Wanted`, and all calls come from one thread, that of the study.
    """

    room: int
    """How many trials may be under way at once."""

    def submit(self, trial: Assignment) -> int:
        """Take a trial on, for which there is room; gives back the number of the worker that has it, from 1."""
        ...

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended | None:
        """Go on until one of the trials under way has ended, whichever is the first.

        It does not raise: what went wrong with a trial is told by its `Ended`.

        Args:
            hear: is told the events of all of them meanwhile, in the thread of this call.
            seconds: after so long it gives back None, where there is room for another trial; one that has no room
                may go on.
        """
        ...

    def close(self) -> None:
        """Let go of all that it has; no trial is under way."""
