"""Runs that are killed at a chosen moment, in processes that are forked from one that has torch loaded already.

The parent runs no operation of torch, so that a fork is safe and each child begins as a fresh process would. Moments
are of two kinds: at any time of a run, and inside the writing of a certain file, where the child kills itself after
half of the bytes, before they are flushed, or on either side of the rename: "in the middle of" is certain then.
"""

import io
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import filelock
import numpy as np
import safetensors.numpy
import sklearn.decomposition
import torch
import torch._dynamo

import engine.runs.recorder
import engine.storage.files
from cae_tui.bridge.run_state import replay
from engine import jobs
from engine.protocol.control import Flag
from engine.runs.directory import Home, RunDirectory
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from tests.engine.tiny import tiny, tiny_classifier, write_encoder, write_files

LOADED = (filelock.FileLock, sklearn.decomposition.PCA, torch._dynamo.__name__)
"""What a run would import late, in ten times the time that it trains: every child has it from its parent."""

NEVER = "never: it came to its end before"
PATIENCE_SECONDS = 120
"""A child that takes longer hangs, and is ended."""
PHASES = ("half written", "before it is flushed", "before it is renamed", "after it was renamed")
TARGETS = {  # what is written, and how often in a run of an autoencoder
    "spec.json": 1, "status.json": 5, "checkpoint": 4, "best weights": 2, "samples": 2, "predictions.npz": 1,
    "model.safetensors": 1, "result.json": 1, "events.jsonl": 10,
}  # fmt: skip


@dataclass(frozen=True)
class Aim:
    """Inside the writing of a file."""

    target: str
    phase: str  # of `PHASES`
    time: int  # which of its writes, from 1

    def __str__(self) -> str:
        return f"{self.target}, {self.phase}"

    def take(self) -> None:
        """Have this process kill itself there."""
        times = {"left": self.time}

        def is_now(path: object) -> bool:
            if kind_of(Path(str(path))) == self.target:
                times["left"] -= 1
            return times["left"] == 0 and kind_of(Path(str(path))) == self.target

        class Torn(io.FileIO):
            """A file whose write is cut off."""

            def write(self, data: Any) -> int:
                super().write(bytes(data)[: len(data) // 2])
                die()
                return 0

        now = {"path": ""}

        def open_file(path: object, mode: str) -> Any:
            if is_now(path):
                now["path"] = str(path)
                if self.phase == PHASES[0]:
                    return Torn(str(path), "w")
            return io.open(str(path), mode)  # noqa: UP020 - `open` is what is replaced

        def flush(descriptor: int) -> None:
            if now["path"] and self.phase == PHASES[1]:
                die()
            os.fsync(descriptor)

        def rename(source: Path, target: Path) -> None:
            if str(source) == now["path"] and self.phase == PHASES[2]:
                die()
            os.replace(source, target)
            if str(source) == now["path"]:
                die()

        class Story(io.FileIO):
            """The events: nothing is renamed, so a line is torn, or was written whole and not flushed."""

            def write(self, line: Any) -> int:
                if not is_now(self.name):
                    return super().write(line)
                super().write(line if phase == PHASES[1] else line[: len(line) // 2])
                die()
                return 0

        phase = self.phase
        vars(engine.storage.files).update(
            open=open_file, os=SimpleNamespace(**{**vars(os), "fsync": flush, "replace": rename})
        )
        vars(engine.runs.recorder).update(open=lambda path, mode, buffering: Story(str(path), mode))


BETWEEN_EPOCHS = (
    ("autoencoder", Aim("checkpoint", PHASES[3], 2)),
    ("classifier", Aim("checkpoint", PHASES[3], 2)),  # of its frozen stage
    ("classifier", Aim("checkpoint", PHASES[3], 5)),  # of fine-tuning
)
"""Kills after which a stage is taken up in its second epoch. They come before all others, for only there what its \
random numbers had come to is needed, and chance seldom leads there."""


def kind_of(path: Path) -> str:
    """What a file of a run is, also while it is written under another name."""
    name = path.name[1:].rsplit(".", 1)[0] if path.name.startswith(".") else path.name
    folders = {"checkpoints": "checkpoint", "best": "best weights", "samples": "samples"}
    return folders.get(path.parent.name, name)


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@dataclass
class Kill:
    """One run that was killed, and what became of it."""

    number: int
    kind: str
    aim: str  # "any time" where it was not aimed
    moment: str = ""  # what was being done when it came
    again: str = ""  # the same of a second kill, while the run was taken up
    resumed: bool = False
    equal: bool = False
    problem: str = ""
    seconds: float = 0.0


@dataclass
class Range:
    """Where runs are killed: their images, their specs, and what an uninterrupted run of each comes to."""

    folder: Path
    specs: dict[str, AutoencoderSpec | ClassifierSpec] = field(default_factory=dict)
    wholes: dict[str, Path] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)

    def prepare(self) -> None:
        """Train each run once to its end, and measure how long that takes."""
        torch.set_num_threads(1)
        self.folder.mkdir(parents=True, exist_ok=True)
        files = write_files(self.folder)
        encoder = self.folder / "encoder.safetensors"
        finish(fork(lambda: write_encoder(encoder, files)), self.folder)
        # Both draw random numbers in each step, and each has a stage that may be taken up between two of its epochs.
        self.specs = {
            "autoencoder": tiny(files, dropout=0.1),
            "classifier": tiny_classifier(files, encoder, frozen_epochs=2, finetune_epochs=2),
        }
        for kind, spec in self.specs.items():
            home = Home(self.folder / f"whole-{kind}")
            begun = time.monotonic()
            finish(fork(lambda home=home, spec=spec: start(home, spec)), self.folder)  # type: ignore[misc]  # mypy infers no default of a lambda
            self.durations[kind] = time.monotonic() - begun
            self.wholes[kind] = home.find(home.ids()[0]).path

    def kill(self, number: int, seed: int) -> Kill:
        """Kill one run, perhaps kill it again while it is taken up, then see it to its end.

        Args:
            number: of the kill, from 0; with `seed` it decides everything that is left to chance.
            seed: of chance.
        """
        chance = random.Random(1_000_003 * seed + number)
        kind, aim = chance.choice(sorted(self.specs)), None
        if number < len(BETWEEN_EPOCHS):
            kind, aim = BETWEEN_EPOCHS[number]
        elif chance.random() < 0.5:
            target = chance.choice(sorted(TARGETS))
            aim = Aim(target, chance.choice(PHASES), chance.randint(1, TARGETS[target]))
        if aim is not None and aim.target == "samples":
            kind = "autoencoder"
        kill = Kill(number, kind, "any time" if aim is None else str(aim))
        begun = time.monotonic()
        home = Home(self.folder / f"kill-{number}")
        try:
            killed = self._strike(kind, lambda: start(home, self.specs[kind]), aim, chance)
            kill.moment = self._look(home) if killed else NEVER
            if home.ids():
                run = home.find(home.ids()[0])
                if chance.random() < 0.3 and run.read_status().resumable:
                    again = Aim(chance.choice(("checkpoint", "status.json", "events.jsonl")), chance.choice(PHASES), 1)
                    if self._strike(kind, lambda: take_up(run), chance.choice((None, again)), chance):
                        kill.again = self._look(home)
                self._finish(kill, run)
            else:
                kill.equal = True  # there was nothing yet, and nothing is left of it
        except Exception as error:
            kill.problem = f"{type(error).__name__}: {error}"
        kill.seconds = round(time.monotonic() - begun, 2)
        return kill

    def _strike(self, kind: str, work: Callable[[], object], aim: Aim | None, chance: random.Random) -> bool:
        """Do `work` in a process and kill that; False where it had come to its end before."""

        def aimed() -> None:
            if aim is not None:
                aim.take()
            work()

        pid = fork(aimed)
        if aim is None:
            time.sleep(chance.uniform(0, self.durations[kind]))
            os.kill(pid, signal.SIGKILL)
        return finish(pid, self.folder, killed=True)

    def _look(self, home: Home) -> str:
        """Open everything that is there, and say what was being done when the kill came."""
        runs = home.list_runs()
        assert home.unreadable == (), home.unreadable
        assert [run.id for run in runs] == home.ids()
        if not runs:
            return "before there was a run"
        run = home.find(runs[0].id)
        run.read_spec()
        result = run.read_result()
        events, whole = run.read_events()
        state = replay(run.id, events)
        assert runs[0].state in ("cut off", "finished"), runs[0].state
        left = [kind_of(path) for path in run.path.rglob(".*")]
        torn = run.events.exists() and run.events.stat().st_size > whole
        if left:
            return f"writing {left[-1]}"
        if torn:
            return "writing events.jsonl"
        if runs[0].state == "finished":
            return "after its end"
        if not list(run.checkpoints.iterdir()):
            return "before the first checkpoint"
        return "between result and end" if result else "evaluating" if state.evaluating else "training"

    def _finish(self, kill: Kill, run: RunDirectory) -> None:
        """Take the run up, where anything is left to do, and hold it against one that was never killed."""
        if run.read_status().resumable:
            finish(fork(lambda: take_up(run)), self.folder)
            kill.resumed = True
        status = run.read_status()
        assert status.state == "finished", status
        left = [str(path) for path in run.path.rglob(".*")]
        assert not left, left
        kill.problem = difference(self.wholes[kill.kind], run.path)
        kill.equal = not kill.problem


def start(home: Home, spec: AutoencoderSpec | ClassifierSpec) -> None:
    """A run from its beginning to its end."""
    assert jobs.start(home, spec, lambda event: None, Flag()).state == "finished"


def take_up(run: RunDirectory) -> None:
    """A run from its last checkpoint to its end."""
    result = jobs.resume(run, lambda event: None, Flag())
    assert result.state == "finished", result.message


def difference(one: Path, other: Path) -> str:
    """What differs between the weights of two runs, bit for bit; nothing where nothing does.

    The last checkpoint is compared too: what a run is taken up wrongly with may end in an epoch that is not the best.
    """
    best = [Path("best") / path.name for path in sorted((one / "best").iterdir())]
    last = max((one / "checkpoints").iterdir()).relative_to(one)
    for name in (Path("model.safetensors"), *best, last):
        first, second = (safetensors.numpy.load_file(folder / name) for folder in (one, other))
        if first.keys() != second.keys():
            return f"{name} has other tensors"
        for tensor, values in first.items():
            if not np.array_equal(values.reshape(-1).view(np.uint8), second[tensor].reshape(-1).view(np.uint8)):
                return f"{tensor} of {name} differs"
    return ""


def fork(work: Callable[[], object]) -> int:
    """Do `work` in a child; gives back its process."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(PATIENCE_SECONDS)
    try:
        work()
        os._exit(0)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        os._exit(1)


def finish(pid: int, folder: Path, *, killed: bool = False) -> bool:
    """Wait for a child; gives back whether it was killed.

    Raises:
        ChildProcessError: it ended with an error, or was killed and should not have been.
    """
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and killed:
        return True
    if status:
        raise ChildProcessError(f"a child in {folder} ended with status {status}; what it said is above")
    return False
