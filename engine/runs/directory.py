"""The run directory, and the list of runs.

The directory is the truth: there is no database beside it to fall out of step. Lists read only each
run's `status.json`; everything else is read when a run is opened. This module imports neither torch
nor numpy nor pydantic, for the first screen lists the last runs.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import RunError
from engine.protocol.control import Asked
from engine.protocol.states import (
    COMPLETE,
    CUT_OFF,
    DIVERGED,
    ENDED_FOR_GOOD,
    FAILED,
    PAUSED,
    QUEUED,
    RUNNING,
    SKIPPED,
    STOPPED,
)
from engine.runs.events_log import EventsLog
from engine.runs.notes import NO_NOTES, Notes, read_notes
from engine.runs.status import RunStatus, measures_in
from engine.specs.data_files import DataFiles
from engine.storage.files import absolute, read_json, write_bytes, write_json
from engine.storage.held import ID, HeldFolder, HeldFolders, Sentences, shortest_prefixes
from engine.storage.typed_json import record_of

if TYPE_CHECKING:
    from engine.protocol.events import Event
    from engine.results.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecData:
    """What `spec.json` holds of the images; the rest of it is passed over."""

    name: str = ""
    digest: str = ""
    images_digest: str = ""
    training: int = 0  # images; 0 where it was not written down
    validation: int = 0
    test: int = 0
    corrected: str = ""  # what a file of labels changed, in words


_ELSEWHERE = ("prefix", "marks", "notes")
"""What of a status is not in `status.json`."""
_LIVE = (RUNNING, PAUSED)
_SETTLED_SECONDS = 0.05
"""A file system's clock has steps: what changed so lately may change again without a new time."""


class RunDirectory(HeldFolder):
    """The files of one run, by name."""

    sentences = Sentences(
        error=RunError,
        held="Run {id} is being trained in another process: follow it with `cae-tui watch {id}`.",
        in_use="Run {id} is being trained: stop it first.",
        unreadable="{path} cannot be read ({error}): restore the file, or delete the folder of the run.",
        unknown="No run begins with “{prefix}” in {folder}: `cae-tui runs` lists them all.",
        ambiguous="{count} runs begin with “{prefix}” ({ids}): type more of the id.",
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.spec = path / "spec.json"
        self.status = path / "status.json"
        self.events = path / "events.jsonl"
        self.checkpoints = path / "checkpoints"
        self.best = path / "best"
        self.samples = path / "samples"
        self.predictions = path / "predictions.npz"
        self.model = path / "model.safetensors"
        self.encoder = path / "encoder.safetensors"  # a classifier's copy of the autoencoder it was built on
        self.result = path / "result.json"
        self.labels = path / "labels.csv"  # a copy of the file of labels that it began with, where there was one
        self.left_out = path / "skipped.csv"  # pictures that could not be used, where there were any
        self.control = path / "control"
        self.notes = path / "marks.json"

    def sweep(self) -> None:
        """Take away the halves of files that a killed process left; only for who holds the lock."""
        for path in self.path.rglob(".*"):
            # Notes and what is asked of a run are written by others, without the lock.
            if not path.name.startswith((f".{self.notes.name}.", f".{self.control.name}.")):
                with suppress(OSError):
                    path.unlink()

    # Whoever trains the run writes by these three alone, but for what a person or another process asks of it.

    def put(self, path: Path, data: bytes) -> None:
        """Put a file of the run at `path`, whole or not at all.

        Raises:
            StorageError: it cannot be written.
        """
        write_bytes(path, data)

    def remove(self, path: Path) -> None:
        """Take a file of the run away, where it is there."""
        path.unlink(missing_ok=True)

    def open_events(self) -> EventsLog:
        """Its events, to write.

        Raises:
            StorageError: they cannot be opened.
        """
        return EventsLog(self.events)

    def at_home(self, path: Path) -> Path:
        """Where a person finds what is at `path`, a file of the run: there, unless it is trained elsewhere."""
        return path

    def read_status(self) -> RunStatus:
        """What a list shows, with the state as it really is: nobody holds a run that was cut off.

        Raises:
            RunError: `status.json` is missing or damaged.
        """
        try:
            values = read_json(self.status)
            status = {name: value for name, value in values.items() if name not in _ELSEWHERE}
            read = record_of(RunStatus, {**status, "id": self.id, "measures": measures_in(status)})
        except (OSError, ValueError, TypeError) as error:
            raise self.unreadable(self.status, error) from None
        if not read.data:  # written by a version that named the data in `spec.json` alone
            about = self.read_data()
            read = replace(read, data=about.name, data_digest=about.digest, images_digest=about.images_digest)
        if read.best_epoch and not read.best_stage:  # version 0.1.0 did not write it
            read = replace(read, best_stage=read.stage)
        # `result.json` is written before the state that claims its end: where it is missing, it was lost.
        unwritten = read.state in ENDED_FOR_GOOD and not self.result.exists()
        if (read.state in _LIVE or unwritten) and not self.is_held():
            return replace(read, state=CUT_OFF)
        return read

    def read_data(self) -> SpecData:
        """What `spec.json` says of the run's images; nothing where it cannot be read."""
        try:
            return record_of(SpecData, self.read_spec().get("data"))
        except (RunError, TypeError):
            return SpecData()

    def files_of(self, spec: Mapping[str, Any]) -> DataFiles:
        """The images that its spec as JSON names; its own copy of the file of labels where that is no longer there."""
        files = DataFiles.of(spec)
        gone = files.labels_from is not None and not os.path.exists(files.labels_from)
        return files._replace(labels_from=self.labels) if gone and self.labels.exists() else files

    def write_status(self, status: RunStatus) -> None:
        """Replace `status.json`.

        Raises:
            StorageError: it cannot be written.
        """
        values = {name: value for name, value in status.to_json().items() if name not in _ELSEWHERE}
        write_json(self.status, values.pop("kind"), values, self.put)

    def readable_notes(self) -> Notes:
        """What a person noted about it; nothing where that cannot be read, which is told when it is to be changed."""
        with suppress(RunError):
            return read_notes(self.notes)
        return NO_NOTES

    def read_spec(self) -> dict[str, Any]:
        """`spec.json`: `spec`, `data`, `seed`, `versions`, `threads`, `device`.

        Raises:
            RunError: it is missing or damaged.
        """
        return self.read_json(self.spec)

    def read_result(self) -> "Result | None":
        """`result.json`, or None for a run that is not complete.

        Raises:
            RunError: it is damaged.
        """
        if not self.result.exists():
            return None
        from engine.results import result_of  # not for a list of runs

        found = self.read_json(self.result)
        try:
            result = result_of(found)
        except (TypeError, RecursionError) as error:
            raise RunError(
                f"{self.result} is not a valid result ({error}): restore the file, or delete the run."
            ) from None
        if "data" in found:
            return result
        about = self.read_data()  # as for a status
        return replace(result, data=about.name, data_digest=about.digest)

    def find_model(self) -> Path:
        """Its model file.

        Raises:
            RunError: there is none; the sentence says why, and what to do.
        """
        if self.model.exists():
            return self.model
        status = self.read_status()
        if status.state in _LIVE:
            raise RunError(
                f"Run {self.id} is {status.state} and has no model yet: let it finish, or stop it after an epoch."
            )
        if status.state == QUEUED:
            raise RunError(f"Run {self.id} is queued and has no model yet: `cae-tui queue` lists what comes before it.")
        resume = f"`cae-tui {f'study resume {status.study}' if status.study else f'resume {self.id}'}` continues it"
        if status.resumable:
            how = {STOPPED: "was stopped", FAILED: "failed"}.get(status.state, "was cut off")
            if status.best_epoch:
                finish = "" if status.study else f", and `cae-tui finish {self.id}` makes one from its best weights"
                raise RunError(f"Run {self.id} {how} and has no model: {resume}{finish}.")
            raise RunError(f"Run {self.id} {how} before its first epoch was complete, so it has no model: {resume}.")
        if status.state in COMPLETE or status.best_epoch:
            raise RunError(
                f"The model file of run {self.id}, {self.model}, is gone: restore it, or train the run again."
            )
        how = {DIVERGED: "diverged", SKIPPED: "was skipped"}.get(status.state, f"was {status.state}")
        raise RunError(
            f"Run {self.id} {how} before its first epoch was complete, so it has no model: choose another run."
        )

    def read_events(self, offset: int = 0) -> "tuple[list[Event], int]":
        """The events from byte `offset` on, and the offset behind the last whole line."""
        try:
            with open(self.events, "rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError:
            return [], offset
        from engine.protocol.events import EventFormat  # not for a list of runs

        whole = data.rfind(b"\n") + 1
        return EventFormat.read_lines(data[:whole]), offset + whole

    def ask(self, what: Asked) -> None:
        """Ask the process that trains it to pause, go on or stop."""
        write_bytes(self.control, what.value.encode())


class Home(HeldFolders[RunDirectory]):
    """The folder that holds everything the program keeps, the runs first."""

    def __init__(self, path: Path) -> None:
        super().__init__(path / "runs", RunDirectory)
        self.path = path
        self.runs = self.folder
        self.log = path / "cae-tui.log"
        self.data = path / "data"  # what was decoded of image sets
        self.sets = path / "sets"  # those of the catalogue that were fetched
        self.unreadable: tuple[str, ...] = ()  # a sentence for each run that the latest list had to leave out
        self._listed: dict[str, tuple[int, RunStatus]] = {}  # by id, with the time its directory changed
        self._specs: dict[str, Mapping[str, Any]] = {}

    def create(self, fill: Callable[[RunDirectory], None] = lambda _: None) -> RunDirectory:
        """A new run directory, which is there whole or not at all: `fill` writes its first files before others see it.

        Raises:
            StorageError: the folder cannot be written.
        """

        def whole(run: RunDirectory) -> None:
            for folder in (run.checkpoints, run.best, run.samples):
                folder.mkdir()
            fill(run)

        return super().create(whole)

    def list_runs(self) -> list[RunStatus]:
        """Every readable run, the newest first; what is wrong with each of the others is `unreadable` afterwards.

        What has not changed since it was listed last is not read again: everything in a run's directory but
        `events.jsonl` is renamed into place, which gives the directory a new time.
        """
        try:
            found = {
                entry.name: entry.stat().st_mtime_ns for entry in os.scandir(self.runs) if ID.fullmatch(entry.name)
            }
        except OSError:
            return []
        now = time.time_ns()
        prefixes = shortest_prefixes(sorted(found))
        runs, unreadable = {}, []
        for name, changed in found.items():
            known = self._listed.get(name)
            if known is None or known[0] != changed or known[1].prefix != prefixes[name]:
                directory = RunDirectory(self.runs / name)
                try:
                    run = replace(directory.read_status(), prefix=prefixes[name], notes=directory.readable_notes())
                except RunError as error:
                    if directory.path.exists():  # it may have been deleted at this moment
                        unreadable.append(str(error))
                    continue
                # Whether somebody still holds a run that is on, only its lock tells.
                settled = now - changed > _SETTLED_SECONDS * 1e9 and run.state not in (*_LIVE, CUT_OFF)
                known = (changed if settled else 0, run)
            runs[name] = known
        self._listed, self.unreadable = runs, tuple(unreadable)
        return sorted((run for _, run in runs.values()), key=lambda run: run.started, reverse=True)

    def specs(self, runs: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The values of the specs of `runs` as JSON, by id; of one that cannot be read there are none."""
        found: dict[str, Mapping[str, Any]] = {}
        for run in runs:
            if run not in self._specs:  # written once; only where its images are may change, see `forget`
                with suppress(RunError, KeyError):
                    spec = RunDirectory(self.runs / run).read_spec()["spec"]
                    self._specs[run] = spec if isinstance(spec, dict) else {}
            found[run] = self._specs.get(run, {})
        return found

    def forget(self, run: str) -> None:
        """Read the spec of a run again where it is next asked for."""
        self._specs.pop(run, None)


def default_home() -> Path:
    """`CAE_TUI_HOME`, else the platform's folder for a user's data."""
    if named := os.environ.get("CAE_TUI_HOME"):
        return absolute(Path(named))
    from platformdirs import user_data_path

    return absolute(user_data_path("cae-tui", appauthor=False))
