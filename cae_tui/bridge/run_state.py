"""What is known of one run, folded from its events.

The app owns a `RunState` for each run that it shows; a screen draws it and holds nothing of its own, so
that leaving a screen and coming back loses nothing. The same fold serves a run that is on, one that
another process trains, and one that ended last week: replay its events, then follow them. What a thread hears
of a run it hands to the app as `News`, which the app alone folds in: nothing changes while it is drawn.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.protocol.control import Flag
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    EvaluationStarted,
    Event,
    MistakesCounted,
    OverfittingSeen,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    SamplesSaved,
    StageEnded,
    StageStarted,
    Warned,
)
from engine.protocol.states import PAUSED, RUNNING
from engine.results import result_so_far
from engine.results.result import Result
from engine.runs.directory import Home, RunDirectory
from engine.text import epoch_label, loss

GONE = "gone"
"""The state of a run that is still shown, and whose folder was deleted or moved meanwhile."""
GONE_WORDS = "Its folder was deleted or moved, so it cannot be continued."

COUNTS_KEPT = 1_000_000
"""Numbers of confusion matrices that are kept of earlier epochs; every second matrix is dropped when there are more."""
BATCHES_KEPT = 2000
"""Points of the batch chart; every second one is dropped when there are more."""


def is_gone(home: Home, run: str) -> bool:
    """Whether the folder of a run that was there has at most what the run's end may have written."""
    return not RunDirectory(home.runs / run).spec.exists()


@dataclass
class RunState:
    """A run as its events tell it so far."""

    id: str
    kind: str = ""
    title: str = ""
    state: str = RUNNING
    message: str = ""  # why it ended or waits, where there is something to say
    started: RunStarted | None = None
    stage: str = ""
    stage_epochs: int = 0
    steps: int = 0  # of an epoch
    epochs: list[EpochEnded] = field(default_factory=list)  # of all stages, in order
    batches: list[tuple[float, float]] = field(default_factory=list)  # epochs since the run began, training loss
    batch: BatchEnded | None = None  # the latest, of the epoch under way
    samples: SamplesSaved | None = None
    mistakes: MistakesCounted | None = None  # of the latest epoch in which they were counted
    notices: list[str] = field(default_factory=list)  # warnings, each once, and the latest sign of overfitting
    overfitting: OverfittingSeen | None = None  # of the latest epoch only
    evaluating: str = ""  # what is being measured, once training is over
    ended: RunEnded | None = None
    result: Result | None = None  # what it came to, once it has ended
    stage_steps: dict[str, int] = field(default_factory=dict)  # of an epoch, by stage
    saved: list[SamplesSaved] = field(default_factory=list)  # all that were told; the files of some are gone
    counted: list[MistakesCounted] = field(default_factory=list)  # those that are kept, the latest among them
    _every: int = 1
    _seen: int = 0
    _sign: str = ""  # the latest of overfitting

    @property
    def live(self) -> bool:
        """Whether it may still change."""
        return self.ended is None and self.state in (RUNNING, PAUSED)

    @property
    def total_epochs(self) -> int:
        """Of all stages, were none to stop early."""
        return sum(self.started.epochs) if self.started else 0

    @property
    def done_epochs(self) -> float:
        """Epochs of training so far, all stages together, the one under way as a fraction."""
        return len(self.epochs) + self._part

    @property
    def _part(self) -> float:
        """How much of the epoch under way is done, in [0, 1)."""
        batch = self.batch
        return batch.step / batch.steps if batch and batch.steps and self.ended is None else 0.0

    @property
    def epoch(self) -> int:
        """The epoch under way in its stage, from 1."""
        if self.batch:
            return self.batch.epoch
        done = len(self.stage_log)
        return min(done + 1, self.stage_epochs) if self.live else done

    @property
    def epoch_label(self) -> str:
        """That epoch as every screen names it: `epoch 3/15`, `fine-tuning 3/15`."""
        return epoch_label(self.stage, self.epoch, self.stage_epochs, len(str(self.stage_epochs)))

    @property
    def progress_words(self) -> str:
        """How far it is, as a terminal's title has it: `7/20 · 9.3e-05`; nothing once it is over."""
        if not self.live or not self.stage_epochs:
            return ""
        log = self.stage_log
        latest = f" · {loss(log[-1].validation['loss'])}" if log else ""
        where = f"{self.epoch}/{self.stage_epochs}" if self.total_epochs > 1 else f"{100 * self.share:.0f} %"
        return f"{where}{latest}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of its images, by label; none where they are not known."""
        return self.started.class_names if self.started else ()

    def epochs_of(self, stage: str) -> int:
        """How many epochs that stage has, were it not to stop early; 0 where that is not known."""
        stages = dict(zip(self.started.stages, self.started.epochs, strict=False)) if self.started else {}
        return stages.get(stage, 0)

    @property
    def _position(self) -> int:
        """Of the stage under way among all; 0 where it is not known."""
        stages = self.started.stages if self.started else ()
        return stages.index(self.stage) if self.stage in stages else 0

    @property
    def stage_log(self) -> list[EpochEnded]:
        """The completed epochs of the stage under way."""
        return [epoch for epoch in self.epochs if epoch.stage == self.stage]

    @property
    def best(self) -> EpochEnded | None:
        """The best epoch of the stage under way."""
        log = self.stage_log
        return next((epoch for epoch in reversed(log) if epoch.epoch == log[-1].best_epoch), None)

    @property
    def eta(self) -> float | None:
        """Seconds of training left; None before anything was measured.

        The epoch under way is told from its steps as fast as they are now, the others from the mean of that and
        the latest epochs. A later stage is taken to cost the same, or 1.5 times that after a frozen one, whose
        steps are cheaper.
        """
        if not self.live or self.started is None or not self.stage:
            return None
        recent = [epoch.seconds for epoch in self.stage_log[-3:]]
        usual = sum(recent) / len(recent) if recent else None
        now = None if self.batch is None else self.batch.ms_per_step * self.steps / 1000 * self._overhead
        if now is None and usual is None:
            return None
        each = (now or usual or 0.0) if now is None or usual is None else (now + usual) / 2
        under_way = (1 - self._part) * (each if now is None else now)
        left = max(self.stage_epochs - len(self.stage_log) - 1, 0) * each + under_way
        later = sum(self.started.epochs[self._position + 1 :])
        return left + later * each * (1.5 if self.stage == "frozen" else 1.0)

    @property
    def _overhead(self) -> float:
        """How much longer an epoch takes than its steps: validation comes on top of them."""
        for epoch in reversed(self.stage_log):
            if self.steps and epoch.ms_per_step > 0:
                return max(1000 * epoch.seconds / (epoch.ms_per_step * self.steps), 1.0)
        return 1.1

    @property
    def share(self) -> float:
        """How much of the whole run is done, in [0, 1]; a stage that stopped early counts as done."""
        if self.started is None or not self.total_epochs:
            return 0.0
        done = sum(self.started.epochs[: self._position]) + len(self.stage_log) + self._part
        return min(done / self.total_epochs, 1.0)

    def series(self, split: str, metric: str = "loss") -> list[float]:
        """One number an epoch, all stages in order; `split` is "train" or "validation"."""
        return [getattr(epoch, split).get(metric, float("nan")) for epoch in self.epochs]

    def stage_ends(self) -> list[tuple[str, int]]:
        """Each stage with the number of epochs, counted over all stages, after which it ended so far."""
        ends = {epoch.stage: position for position, epoch in enumerate(self.epochs, start=1)}
        return list(ends.items())

    def stage_counts(self) -> dict[str, int]:
        """How many epochs of each stage are complete, in order."""
        return dict(Counter(epoch.stage for epoch in self.epochs))

    # -- back in time ----------------------------------------------------------------------------

    def moments(self, by: str) -> list[float]:
        """Where a cursor can stand, in epochs since the run began: at each epoch's end, or at each batch that is kept.

        Args:
            by: "epoch" or "batch".
        """
        if by == "batch":
            return [x for x, _ in self.batches]
        return [float(place) for place in range(1, len(self.epochs) + 1)]

    def epoch_at(self, moment: float) -> EpochEnded | None:
        """The last epoch that was complete then."""
        place = min(int(moment), len(self.epochs))
        return self.epochs[place - 1] if place > 0 else None

    def samples_at(self, moment: float) -> list[SamplesSaved]:
        """What was written of reconstructions until then, the latest first: the files of some epochs are gone."""
        places = {(epoch.stage, epoch.epoch): place for place, epoch in enumerate(self.epochs, start=1)}
        return [one for one in reversed(self.saved) if places.get((one.stage, one.epoch), math.inf) <= moment]

    def mistakes_at(self, moment: float) -> MistakesCounted | None:
        """What a classifier took for what at the latest epoch until then whose counts are kept."""
        places = {(epoch.stage, epoch.epoch): place for place, epoch in enumerate(self.epochs, start=1)}
        return next(
            (one for one in reversed(self.counted) if places.get((one.stage, one.epoch), math.inf) <= moment), None
        )

    def passed(self, by: str) -> list[float]:
        """What had passed of "step"s, or of the seconds of "time", once 0, 1, 2 … epochs were complete.

        The last is expected for the epoch under way, or that would come.
        """
        found = [0.0]
        for epoch in self.epochs:
            found.append(found[-1] + (self.stage_steps.get(epoch.stage, 1) if by == "step" else epoch.seconds))
        if by == "step":
            return [*found, found[-1] + max(self.steps, 1)]
        now = None if self.batch is None else self.batch.ms_per_step * self.batch.steps / 1000 * self._overhead
        usual = self.epochs[-1].seconds if self.epochs else 1.0
        return [*found, found[-1] + max(now or usual, 1e-9)]

    def apply(self, event: Event) -> None:
        """Take one event in; in the order that they happened."""
        match event:
            case RunStarted():
                self.started, self.kind, self.title, self.state = event, event.kind, event.title, RUNNING
            case StageStarted():
                self.stage, self.stage_epochs, self.steps = event.stage, event.epochs, event.steps
                self.stage_steps[event.stage] = event.steps
                self.batch = None
            case BatchEnded():
                self.batch, self.state, self.steps = event, RUNNING, event.steps
                self._keep_batch(event)
            case EpochEnded():
                self.epochs.append(event)
                self.batch = None
                if self.overfitting and self.overfitting.epoch != event.epoch:
                    self.overfitting = None
            case MistakesCounted():
                self.mistakes = event
                self.counted.append(event)
                if len(event.counts) ** 2 * len(self.counted) > COUNTS_KEPT:
                    del self.counted[-2::-2]
            case SamplesSaved():
                self.samples = event
                self.saved.append(event)
            case Warned():
                self._notice(event.message)
            case OverfittingSeen():
                if (
                    self._sign in self.notices
                ):  # with another number at each epoch, they would crowd out everything else
                    self.notices.remove(self._sign)
                self.overfitting, self._sign = event, event.message
                self._notice(event.message)
            case Paused():
                self.state, self.message = PAUSED, event.message
            case Continued():
                self.state, self.message = RUNNING, ""
            case Resumed():
                self.state, self.message, self.ended, self.result = RUNNING, "", None, None
                if epochs := self.epochs_of(event.stage):  # known also where the stage's beginning is lost
                    self.stage, self.stage_epochs = event.stage, epochs
            case StageEnded():
                self.batch = None
            case EvaluationStarted():
                self.evaluating = event.what
            case RunEnded():
                self.ended, self.state, self.message = event, event.state, event.message
                self.result = result_so_far(event.result)
                self.batch, self.evaluating = None, ""

    def _notice(self, message: str) -> None:
        if message not in self.notices:
            self.notices.append(message)

    def _keep_batch(self, event: BatchEnded) -> None:
        self._seen += 1
        if self._seen % self._every:
            return
        self.batches.append((len(self.epochs) + event.step / max(event.steps, 1), event.metrics["loss"]))
        if len(self.batches) >= BATCHES_KEPT:
            del self.batches[::2]
            self._every *= 2


@dataclass(frozen=True, slots=True)
class News:
    """What is new of a run, on its way from the thread that hears of it to the one that draws it, and folds it in."""

    run: RunState  # whoever hears of the run only makes it; from the first news on it is the app's
    events: Sequence[Event] = ()
    epoch: bool = True  # more than a step
    state: str = ""  # what lists say of it, where no event says how it ended: gone, cut off
    message: str = ""
    flag: Flag | None = None  # the control of its training, where this process trains it

    def fold(self) -> RunState:
        """Take it in; gives back the run."""
        for event in self.events:
            self.run.apply(event)
        if self.state == GONE:  # nothing of it can be read, continued or repeated
            self.run.state, self.run.message = GONE, GONE_WORDS
            self.run.batch, self.run.evaluating = None, ""
        elif self.state:
            self.run.state, self.run.message = self.state, self.message
        return self.run


def replay(run: str, events: Iterable[Event]) -> RunState:
    """The state after `events`."""
    state = RunState(run)
    for event in events:
        state.apply(event)
    return state
