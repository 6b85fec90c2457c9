"""The metrics of training steps on their way from the device to the loop.

Where a step is over when its call returns, its metrics are there too, and are read when it is time to tell. A GPU is
behind: its numbers can be had by waiting until it has done all that was launched, but then it has nothing to do until
the loop has told them and launched more. So there steps go in lots, each of as many steps as the device needs for the
time between two readings, and a lot is read when the next one is launched. That is also as far as the loop runs
ahead: a stop or a pause waits for two lots at most.
"""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

GROWTH = 4
"""How much larger a lot is at most than the one before: one that was timed wrongly must not keep a stop waiting."""


class LateMetrics:
    """Takes the metrics of steps as they are launched, and gives them back as numbers.

    Args:
        ahead: whether the device is still at work on a step that was launched.
    """

    def __init__(self, ahead: bool) -> None:
        self._ahead = ahead
        self._launched: list[tuple[Tensor, float]] = []
        self._lots: deque[tuple[Tensor, float, torch.cuda.Event | None]] = deque()
        self._most = 1  # steps of a lot

    @property
    def waiting(self) -> bool:
        """Whether steps were launched that were not read yet."""
        return bool(self._launched or self._lots)

    def add(self, metrics: Tensor, rate: float) -> None:
        """A step was launched: its metrics, shape (m,), and its learning rate."""
        self._launched.append((metrics, rate))

    def due(self, elapsed: float, interval: float) -> bool:
        """Whether it is time to read, so many seconds after the last time and with so many in between."""
        return len(self._launched) >= self._most if self._ahead else elapsed >= interval

    def read(self, everything: bool) -> Iterator[tuple[list[list[float]], float]]:
        """Metrics of steps in the order they were launched, and the learning rate of the last, a lot at a time.

        Args:
            everything: wait for the last step too; else what was launched since the last reading may still be computed.
        """
        if self._launched:
            rows = torch.stack([metrics for metrics, _ in self._launched]).to("cpu", non_blocking=self._ahead)
            arrived = None
            if self._ahead and rows.is_pinned():  # the copy is under way
                # `blocking` leaves the processor to other threads while it is waited for.
                arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # torch has no types for it
                arrived.record()
            self._lots.append((rows, self._launched[-1][1], arrived))
            self._launched = []
        while len(self._lots) > (self._ahead and not everything):
            rows, rate, arrived = self._lots.popleft()
            if arrived is not None:
                arrived.synchronize()
            yield rows.tolist(), rate

    def finish(self) -> None:
        """Wait for what was launched, and pass it over: nothing may be let go of while the device is at work on it."""
        deque(self.read(everything=True), maxlen=0)

    def took(self, steps: int, seconds: float, interval: float) -> None:
        """So many steps took so long: the next lots are to take `interval` seconds."""
        fitting = int(steps * interval / max(seconds, 1e-9))
        self._most = max(min(fitting, GROWTH * self._most), 1)
