"""The time that a study takes."""

import time


class Clock:
    """The seconds that a study has been worked on: what it was paused, or waited for a person, is no work."""

    def __init__(self, before: float) -> None:
        self._before = before
        self._since: float | None = time.monotonic()

    @property
    def seconds(self) -> float:
        """Those until now, with what an earlier process counted."""
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def wait(self) -> None:
        """Count no more until `go_on`."""
        self._before, self._since = self.seconds, None

    def go_on(self) -> None:
        """Count again, where it stands still."""
        if self._since is None:
            self._since = time.monotonic()
