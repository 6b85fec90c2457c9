"""Asking a run to pause, go on or end: from another thread, or from another process.

A thread sets a flag; a process writes the word into the run's `control` file, which the training
process looks at no more than five times a second. `fit` asks at every step, so asking is cheap.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Protocol

POLL_SECONDS = 0.2


class Asked(Enum):
    """What a run is asked to do."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"
    SKIP = "skip"  # end this trial of a study and go on with the next
    PRUNE = "prune"  # the same, for it is hopeless
    FINISH = "finish"  # end training, and evaluate the best weights so far

    @property
    def ends(self) -> bool:
        """Whether the run ends at once, giving up an evaluation: a run that is to finish wants its evaluations."""
        return self in (Asked.STOP, Asked.SKIP, Asked.PRUNE)


class AskedToEndError(Exception):
    """An evaluation is given up, for its run is asked to end: no number of it is used."""


class Control(Protocol):
    """What `fit` and every evaluation look at."""

    def asked(self) -> Asked:
        """What the run should do now; once it is to end, nothing else."""
        ...


class Flag:
    """Control from another thread of this process."""

    def __init__(self) -> None:
        self._asked = Asked.RUN
        self.why = ""  # a sentence: what else than a person's wish ended the run
        self.heard: Callable[[Asked], None] | None = None  # told at once of each word, by who asks; it never waits

    def ask(self, what: Asked) -> None:
        """Ask for it, from any thread or a signal's handler; nothing but a stop takes back what ends a run."""
        if what is Asked.STOP or self._asked in (Asked.RUN, Asked.PAUSE):
            self._asked = what
        if self.heard is not None:
            self.heard(what)

    def asked(self) -> Asked:
        """What was asked last."""
        return self._asked


class RunControl:
    """Control from this process by `flag`, and from others by the file at `path`."""

    def __init__(self, flag: Flag, path: Path) -> None:
        self._flag = flag
        self._path = path
        self._looked = 0.0
        self._stamp: tuple[int, int] | None = None
        path.unlink(missing_ok=True)  # what was asked of an earlier process is not asked of this one

    def asked(self) -> Asked:
        """The latest word of either side."""
        now = time.monotonic()
        if now - self._looked >= POLL_SECONDS:
            self._looked = now
            self.look()
        return self._flag.asked()

    @property
    def why(self) -> str:
        """A sentence: what else than a person's wish ended the run."""
        return self._flag.why

    def look(self) -> None:
        """Hear what the file says now, however lately it was looked at."""
        with suppress(OSError, ValueError):  # no word, or one that is not known
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._stamp = stamp
                self._flag.ask(Asked(self._path.read_text().strip()))
