"""Processes of our own that train without us: in a session of their own they hear no hang-up, and nobody hears them."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import RunError, StudyError
from engine.protocol.states import CUT_OFF, QUEUED
from engine.runs.directory import Home, RunDirectory
from engine.studies.queue import RunQueue
from engine.studies.records import StudyDirectory

log = logging.getLogger("cae_tui")

DETACH_SECONDS = 60.0
POLL_SECONDS = 0.05
_OF_RESULTS = (0, 1, 130)
"""What a command ends with that has trained a run, whatever that came to."""


_LEFT: "list[subprocess.Popen[bytes]]" = []
"""Processes that outlive this one: of one that is forgotten while it runs, Python complains."""


def detach(home: Home, words: Sequence[str], is_on: Callable[[], bool]) -> "subprocess.Popen[bytes]":
    """Begin `cae-tui` with these words in a process of its own, and wait until `is_on`, or it has ended.

    Raises:
        RunError: the system does not begin another process.
    """
    # -P: a file in the current folder that is called as a module, engine.py or random.py, must not be run for it.
    command = [sys.executable, "-P", "-m", "cae_tui", "--home", str(home.path), *words]
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True, env=environment()
        )
    except OSError as error:
        raise RunError(f"No process could be started in the background ({error.strerror or error}).") from None
    _LEFT.append(process)
    deadline = time.monotonic() + DETACH_SECONDS
    while not is_on() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return process


def detach_run(home: Home, run: RunDirectory, words: Sequence[str] = ()) -> int:
    """Have a process of its own train a run that is prepared, or take it up; gives back its number.

    Raises:
        EngineError: it could not begin.
    """
    before = run.read_status()
    process = detach(home, ["resume", run.id, *words], run.is_held)
    code = process.poll()
    if not run.is_held() and code is not None:
        after = run.read_status()
        if code not in _OF_RESULTS or after.state == CUT_OFF or (code and after == before):
            raise RunError(f"Run {run.id} could not be started: `cae-tui resume {run.id}` shows why.")
    log.info("run %s trains in process %d", run.id, process.pid)
    return process.pid


def detach_study(home: Home, study: StudyDirectory, words: Sequence[str] = ()) -> int:
    """Have a process of its own do what is left of a study; gives back its number.

    Raises:
        EngineError: it could not begin.
    """
    if study.is_held():
        raise StudyError(study.sentences.held.format(id=study.id))
    process = detach(home, ["study", "resume", study.id, *words], study.is_held)
    if not study.is_held() and process.poll() is not None and study.read().resumable:
        raise StudyError(f"Study {study.id} could not be started: `cae-tui study resume {study.id}` shows why.")
    log.info("study %s goes on in process %d", study.id, process.pid)
    return process.pid


def detach_queue(home: Home, run: RunDirectory | None = None, words: Sequence[str] = ()) -> int:
    """Have a process of its own work the queue off, `run` first where one is named; gives back its number.

    Where another process works it off already, one of its own trains the run alone.

    Raises:
        EngineError: it could not begin.
    """
    queue = RunQueue(home)

    def is_on() -> bool:
        return queue.is_worked_off and (run is None or run.is_held())

    process = detach(home, ["queue", "start", *words], is_on)
    if process.poll() is not None and queue.runs():
        if not queue.is_worked_off:
            raise RunError("The queue could not be started: `cae-tui queue start` shows why.")
        if run is None:
            raise RunError("Another process trains what is queued already: `cae-tui queue` lists it.")
        if not run.is_held() and run.read_status().state == QUEUED:
            return detach_run(home, run)
    log.info("the queue is worked off in process %d", process.pid)
    return process.pid


def environment() -> dict[str, str]:
    """What a process of our own inherits, and where it finds this program.

    Only a checkout that is run in place without being installed has to be named: nothing but the current folder, which
    is first in `sys.path` and which the other process does not look into, leads to it.
    """
    package = str(Path(__file__).resolve().parents[2])
    if package in (os.path.realpath(place) for place in sys.path[1:]):
        return dict(os.environ)
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, known] if known else [package])}
