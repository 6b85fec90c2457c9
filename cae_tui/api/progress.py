"""How far a training is, by tqdm: a widget in a notebook, a line on stderr elsewhere; nothing where it is missing."""

import warnings
from typing import Any

from engine.protocol.events import BatchEnded, EpochEnded, Event, Resumed, RunEnded, RunStarted, StageEnded
from engine.text import epoch_label, loss


class Bar:
    """The bar of one training.

    Args:
        shown: whether there is to be one.
        begun: how a run began that is resumed.
    """

    def __init__(self, shown: bool, begun: RunStarted | None = None) -> None:
        self._make = _tqdm() if shown else None
        self._bar: Any = None
        self._begun = begun
        self._steps = 0  # of an epoch
        self._before: dict[str, int] = {}  # epochs of the stages before, by stage

    def reading(self, done: int, of: int) -> None:
        """So many pictures of a set are read."""
        if of:
            self._open("Reading the images", of, "image")
            self._put(done)

    def hear(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case RunStarted():
                self._begin(event)
            case BatchEnded() | Resumed():
                if self._begun is not None and not self._steps:
                    self._begin(self._begun)
                self._put((self._before.get(event.stage, 0) + event.epoch - 1) * self._steps + event.step)
            case EpochEnded():
                self._say(event.stage, event.epoch, f"val loss {loss(event.validation['loss'])}")
                self._put((self._before.get(event.stage, 0) + event.epoch) * self._steps)
            case StageEnded():
                self._put((self._before.get(event.stage, 0) + event.epochs) * self._steps)
            case RunEnded():
                self.close()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._close()
        self._make = None

    def _begin(self, run: RunStarted) -> None:
        self._begun = run
        self._steps = max(run.training_images // run.batch_size, 1)
        self._before = {stage: sum(run.epochs[:at]) for at, stage in enumerate(run.stages)}
        self._close()
        self._open(run.kind, sum(run.epochs) * self._steps, "step")

    def _say(self, stage: str, epoch: int, words: str) -> None:
        if self._bar is not None and self._begun is not None:
            epochs = dict(zip(self._begun.stages, self._begun.epochs, strict=True))
            self._bar.set_description_str(epoch_label(stage, epoch, epochs.get(stage, epoch)), refresh=False)
            self._bar.set_postfix_str(words, refresh=False)

    def _open(self, words: str, total: int, unit: str) -> None:
        if self._make is not None and (self._bar is None or self._bar.total != total):
            self._close()
            self._bar = self._make(total=total, desc=words, unit=unit)

    def _put(self, done: int) -> None:
        if self._bar is not None and done > self._bar.n:
            self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _tqdm() -> Any:
    """tqdm's bar for where we are, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a notebook that has no widgets: a line of text will do
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm
