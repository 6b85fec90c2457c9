"""What the command line tells while something trains, on stderr: lines for what happened, a bar for how far it is."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn

from cae_tui import formats
from cae_tui.bridge.run_state import RunState, replay
from cae_tui.cli.output_console import OutputConsole
from cae_tui.printing import GIVE_TITLE_BACK, KEEP_TITLE, title
from engine.protocol.events import (
    Continued,
    EpochEnded,
    EvaluationStarted,
    Event,
    OverfittingSeen,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    StageStarted,
    Warned,
)
from engine.runs.directory import RunDirectory
from engine.specs.listed import every_measure
from engine.text import counted, epoch_label, epoch_words


class Teller:
    """Tells lines on stderr and, where that is a terminal, how far it is in a bar beneath them.

    Once nobody reads them any more nothing is told, and what is told of goes on all the same.

    Args:
        what: what the bar says before anything else is told, and the facts behind it.
    """

    def __init__(
        self, console: OutputConsole, what: str = "loading PyTorch and the images", facts: str = "a few seconds"
    ) -> None:
        self.console = console
        self._first = (what, facts)
        self.bar: Progress | None = None
        self._title = ""

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[facts]}"),
                console=self.console, transient=True, refresh_per_second=4,
            )  # fmt: skip
            what, facts = self._first
            self.bar.add_task(what, total=None, facts=facts)
            self.bar.start()
            self._write(KEEP_TITLE)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            with suppress(OSError, ValueError):
                self.bar.stop()
                self._write(GIVE_TITLE_BACK)

    def name(self, words: str) -> None:
        """Have the terminal's title say how far it is."""
        if self.bar is not None and words != self._title:
            self._title = words
            self._write(title(words))

    def _write(self, sequence: str) -> None:
        self.console.file.write(sequence)
        self.console.file.flush()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell something, as long as somebody reads it."""
        try:
            yield
        except (OSError, ValueError):
            self.console = OutputConsole(file=io.StringIO())
            self.bar = None

    def say(self, line: str) -> None:
        """Print a line above the bar, whole however long it is."""
        self.console.say(line)

    def update(self, description: str, *, total: float | None, completed: float | None = None, facts: str) -> None:
        """Tell in the bar how far it is; without a `total`, that it goes on."""
        if self.bar is not None:
            self.bar.update(
                self.bar.task_ids[0], description=description, total=total, completed=completed, facts=facts
            )


class RunTeller(Teller):
    """Tells a run's events; `run` is taken up, where there is one, to be finished where it is `finishing`."""

    def __init__(self, console: OutputConsole, run: RunDirectory | None, finishing: bool = False) -> None:
        super().__init__(console)
        self._finishing = finishing
        self.state = RunState(run.id if run else "")
        self._run = run

    def emit(self, event: Event) -> None:
        """Take an event in, and tell of it."""
        if isinstance(event, Resumed) and self._run is not None:
            self.state = replay(self._run.id, self._run.read_events()[0])
        self.state.apply(event)
        with self.telling():
            for line in self._lines(event):
                self.say(line)
            if not isinstance(event, RunEnded):
                self._move()
            self.name(self.state.progress_words)

    def _lines(self, event: Event) -> Iterator[str]:
        match event:
            case RunStarted():
                yield f"run {event.run} · {event.kind} {event.title} · {event.data} · {event.device}"
            case Resumed(trained=True):
                yield f"run {self.state.id} continues: training is over, and it is being evaluated"
            case Resumed() if self._finishing:
                yield f"run {self.state.id}: training ends here, and its best weights are evaluated"
            case Resumed():
                where = epoch_words(event.stage, event.epoch)
                yield f"run {self.state.id} continues in {where}, after step {event.step}"
            case StageStarted():
                length = f"{counted(event.epochs, 'epoch')} of {counted(event.steps, 'step')}"
                yield f"{event.stage}: {length}, {event.trainable:,} parameters to train"
            case EpochEnded():
                yield epoch_line(event)
            case Warned() | OverfittingSeen():
                yield f"! {event.message}"
            case Paused() if event.message:
                yield event.message
            case Continued():
                yield "continuing"
            case EvaluationStarted() if self.bar is None:
                yield f"evaluating {event.what}"

    def _move(self) -> None:
        state, batch = self.state, self.state.batch
        if state.evaluating:
            self.update(f"evaluating {state.evaluating}", total=None, facts="a few seconds")
        elif state.stage:
            facts, label = f"ETA {formats.duration(state.eta)}" if state.eta is not None else "", state.epoch_label
            if batch is not None:
                facts = f"loss {formats.loss(batch.metrics['loss'])}  {batch.ms_per_step:.0f}ms/step  {facts}"
            told = label if label.startswith(state.stage) else f"{state.stage} {label}"
            self.update(told, total=state.total_epochs, completed=state.done_epochs, facts=facts)


def epoch_line(epoch: EpochEnded) -> str:
    """An epoch in the report's manner."""
    line = (
        f"{epoch_label(epoch.stage, epoch.epoch, 0, digits=3)}  loss {formats.loss(epoch.train['loss']):<8}  "
        f"val_loss {formats.loss(epoch.validation['loss']):<8}"
    )
    for measure in every_measure():
        if measure.name in epoch.validation:
            line += f"  val_{measure.name} {epoch.validation[measure.name]:.4f}"
    return f"{line}  {epoch.seconds:.0f}s  {epoch.ms_per_step:.0f}ms/step{'  best' if epoch.best else ''}"
