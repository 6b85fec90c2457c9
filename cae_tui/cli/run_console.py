"""Commands for runs that are there: stop, pause, go on, finish, delete, whichever process trains them.

A run of another process is asked by its `control` file and waited for. Ctrl+C ends the waiting and nothing else: what
was asked stays asked. What was done goes to stdout, what is waited for to stderr.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cae_tui.bridge.deletion import uses_of
from cae_tui.cli.console import EXIT_CODES, interruptible, print_result, train_on
from cae_tui.cli.next_steps import tell_after_stop
from cae_tui.cli.output_console import OutputConsole
from cae_tui.cli.parser import BAD_USAGE, INTERRUPTED
from cae_tui.cli.teller import Teller
from cae_tui.printing import as_typed, complain, put
from engine.errors import EngineError, RunError, StudyError
from engine.protocol.control import Asked
from engine.protocol.events import Continued, Paused
from engine.protocol.states import CUT_OFF, PAUSED, QUEUED, RUNNING, STOPPED
from engine.results.result import Result
from engine.runs.directory import Home, RunDirectory
from engine.runs.finishing import check_can_finish
from engine.runs.status import RunStatus
from engine.specs.data_files import DataFiles
from engine.storage.files import FORMAT
from engine.studies.queue import RunQueue
from engine.studies.records import Studies, study_of
from engine.text import plain

POLL_SECONDS = 0.1
ASK_SECONDS = 1.0
"""Between two times that a stop is asked for, where who hears it may only just have begun."""


def go_on(home: Home, run: RunDirectory, *, as_json: bool) -> int:
    """Let a paused run go on in the process that trains it; gives back the exit code.

    Raises:
        RunError: it waits for something that nobody can ask it to go on without.
    """
    waits = next((event for event in reversed(run.read_events()[0]) if isinstance(event, Paused | Continued)), None)
    if isinstance(waits, Paused) and waits.message:
        raise RunError(waits.message)
    return ask_all(home, [run], Asked.RUN, as_json=as_json)


def relocate(run: RunDirectory, places: Mapping[str, Path], *, as_json: bool, command: str = "resume") -> bool:
    """Write down where a run's images are now, and say so; whether that is all there is to do for it.

    Raises:
        EngineError: they are others, or the run is at work.
    """
    from engine.runs.moved import relocate

    files = relocate(run, places, command)
    status = run.read_status()
    told = f"Run {run.id} reads its images from {files.whole} now."
    return tell_moved(told, run.id, status.state, files, over=not status.resumable, as_json=as_json)


def tell_moved(told: str, name: str, state: str, files: DataFiles, *, over: bool, as_json: bool) -> bool:
    """Say where the images of a run or a study are now; gives back whether it is `over`, so that this is all."""
    if not over:
        complain(told)
    elif as_json:
        put(json.dumps({"format": FORMAT, "id": name, "state": state, **files.as_json()}))
    else:
        put(plain(f"{told} It is {state}: there is nothing left to train."))
    return over


def ask_all(home: Home, runs: Sequence[RunDirectory], what: Asked, *, as_json: bool) -> int:
    """Ask every run to stop, pause or go on first, then wait until each has; gives back the exit code."""
    word = "go on" if what is Asked.RUN else what.value
    asked, ended, code = [], list[dict[str, str]](), 0
    for run in runs:
        status = run.read_status()
        if status.state == QUEUED and what is Asked.STOP and not run.is_held():
            RunQueue(home).remove(run)
            status = run.read_status()
            ended.append({"id": run.id, "state": status.state, "message": status.message})
            if not as_json:
                put(f"Run {run.id}: {status.message}")
        elif not run.is_held():
            complain(f"Run {run.id} is not training: it is {status.state}.")
            code = BAD_USAGE
        elif _done(status, what):
            complain(f"Run {run.id} is already {status.state}.")
        else:
            run.ask(what)
            asked.append(run)
            if what is Asked.STOP and (study := study_of(run, status)):
                others = len(Studies(home).find(study).read().under_way) > 1
                goes_on = "goes on with the others, and takes it up when it is resumed" if others else "stops with it"
                complain(f"Run {run.id} is a trial of study {study}, which {goes_on}.")
    for run in asked:
        try:
            status = _wait(run, what, f"waiting for run {run.id} to {word}")
        except KeyboardInterrupt:
            complain(f"Not waiting any longer. Run {run.id} was asked to {word}, and will at its next step.")
            return INTERRUPTED
        ended.append({"id": run.id, "state": status.state, "message": status.message})
        if not _done(status, what):
            code = code or 1
        if not as_json:
            _tell(home, run, status, what)
    if as_json:
        put(json.dumps({"format": FORMAT, "runs": ended}))
    return code


def _done(status: RunStatus, what: Asked) -> bool:
    """Whether a run is as it was asked to be."""
    return status.state == {Asked.STOP: STOPPED, Asked.PAUSE: PAUSED, Asked.RUN: RUNNING}[what]


def _wait(run: RunDirectory, what: Asked, words: str) -> RunStatus:
    """Until it is as asked, or nobody trains it any more; a terminal shows a bar meanwhile."""
    with Teller(OutputConsole(stderr=True), words, "Ctrl+C: do not wait"):
        while run.is_held():
            status = run.read_status()
            if what in (Asked.PAUSE, Asked.RUN) and _done(status, what):
                return status
            time.sleep(POLL_SECONDS)
    return run.read_status()


def _tell(home: Home, run: RunDirectory, status: RunStatus, what: Asked) -> None:
    """What became of it, and what can be done next."""
    if status.state == PAUSED:
        put(as_typed(f"Run {run.id} is paused: `cae-tui resume {run.id}` continues it."))
    elif status.state == RUNNING:
        put(as_typed(f"Run {run.id} continues: `cae-tui watch {run.id}` shows it."))
    elif what is Asked.STOP and status.state == STOPPED:
        put(plain(as_typed(f"Run {run.id}: {status.message or 'Stopped.'}")))
        study = study_of(run, status)
        others = bool(study) and bool(Studies(home).find(study).read().under_way)
        tell_after_stop(home, run.id, finish=bool(status.best_epoch), study=study, others=others)
    else:
        put(plain(as_typed(f"Run {run.id} is {status.state}. {status.message}".strip())))


# -- finish ---------------------------------------------------------------------------------------


def finish(home: Home, runs: Sequence[RunDirectory], places: Mapping[str, Path], *, as_json: bool) -> int:
    """Evaluate the best weights of runs, which ends them; gives back the exit code.

    `places` say where the images of one run are now; there are none where they were not moved.

    Raises:
        EngineError: one of them cannot be finished, or the images are others; then none is.
    """
    for run in runs:
        check_can_finish(run, study_of(run, run.read_status()))
    if places and len(runs) > 1:
        flag = "--" + next(iter(places)).replace("_", "-")
        raise RunError(
            f"{flag} says where the images of one run are, but {len(runs)} runs are named: finish one by one."
        )
    if places:
        relocate(runs[0], places, as_json=as_json, command="finish")
    found: list[Result] = []
    code = 0
    for run in runs:
        try:
            result = _finish_elsewhere(run) if run.is_held() else _finish_here(run)
        except KeyboardInterrupt:
            complain(f"Not waiting any longer. Run {run.id} was asked to finish, and will at its next step.")
            return INTERRUPTED
        found.append(result)
        code = code or EXIT_CODES.get(result.state, 1)
        if not as_json:
            print_result(home, result)
        if result.state == STOPPED:  # by Ctrl+C, which is meant for all of them
            break
    if as_json:
        put(json.dumps({"format": FORMAT, "runs": [result.to_json() for result in found]}))
    return code


def _finish_elsewhere(run: RunDirectory) -> Result:
    """Have the process that trains a run finish it; gives back its result.

    Raises:
        RunError: it came to none.
    """
    run.ask(Asked.FINISH)
    status = _wait(run, Asked.FINISH, f"waiting for run {run.id} to be evaluated")
    result = run.read_result()
    if result is None:
        what = "was cut off before it was evaluated" if status.state == CUT_OFF else f"is {status.state}"
        raise RunError(f"Run {run.id} {what}. {status.message}".strip())
    return result


def _finish_here(run: RunDirectory) -> Result:
    with interruptible() as flag:
        from engine import jobs

        return train_on(lambda emit: jobs.finish(run, emit, flag), run, finishing=True)


# -- delete ---------------------------------------------------------------------------------------


def delete(home: Home, runs: Sequence[RunDirectory], *, sure: bool, as_json: bool) -> int:
    """Take runs away for good. Asks first, unless the person is `sure`; gives back the exit code.

    Raises:
        RunError: one of them is being trained, or there is nobody to ask; then none is deleted.
    """
    for run in runs:
        if run.is_held():
            raise RunError(f"Run {run.id} is training: `cae-tui stop {run.id}` stops it.")
    if not sure and not _is_sure(home, runs):
        return 0
    deleted, code = [], 0
    for run in runs:
        try:
            home.delete(run)
        except EngineError as error:
            complain(str(error))
            code = BAD_USAGE
            continue
        deleted.append(run.id)
        if not as_json:
            put(f"Run {run.id} was deleted.")
    if as_json:
        put(json.dumps({"format": FORMAT, "deleted": deleted}))
    return code


def _is_sure(home: Home, runs: Sequence[RunDirectory]) -> bool:
    """Ask on the terminal.

    Raises:
        RunError: there is none.
    """
    names = [run.id for run in runs]
    what = f"run {names[0]}" if len(names) == 1 else f"{len(names):,} runs"
    if not sys.stdin.isatty():
        raise RunError(f"Nothing was deleted: add --yes to delete {what} without being asked.")
    about = {status.id: f"{status.kind} {status.title}, {status.state}" for status in home.list_runs()}
    lines = [f"  {name}  {about.get(name, 'its files cannot be read')}" for name in names]
    lines += ["Curves, predictions and model cannot be restored.", *uses_of(home, names)]
    console = OutputConsole(stderr=True)
    console.say("\n".join(lines))
    console.print(f"Delete {what}? [y/N] ", end="", soft_wrap=True)
    with suppress(KeyboardInterrupt):
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return True
    console.print("Nothing was deleted.")
    return False


def find_all(home: Home, prefixes: Sequence[str]) -> list[RunDirectory]:
    """The runs whose ids begin so, each once.

    Raises:
        RunError: there is none, or several, or it is a study.
    """
    return list({run.id: run for run in (_find(home, prefix) for prefix in prefixes)}.values())


def _find(home: Home, prefix: str) -> RunDirectory:
    try:
        return home.find(prefix)
    except RunError:
        try:
            study = Studies(home).find(prefix)
            trial = study.read().current
        except StudyError:
            trial = study = None
        if study is None:
            raise
        about = f"`cae-tui study show {study.id}` prints it, `cae-tui study delete {study.id}` deletes it."
        if trial is not None:
            about = f"The trial that is training now is run {trial.run}: stop or pause that, and the study does too."
        raise RunError(f"“{prefix}” is a study, not a run. {about}") from None
