"""Leaving it training: what this process trains goes on in one of its own, from the checkpoint that it is stopped with.

A run is put first in the queue, and the other process works that off; where a process does so already, the run gets one
of its own. So where it cannot be started, or where this one
is killed in between, the run waits there, or is stopped, and nothing of it is lost. It is done once, whoever asks: the
app that is left, or the thread that sees the run to its end when the terminal is gone.
"""

import logging
import threading

from cae_tui.bridge.detached import detach_queue, detach_run, detach_study
from cae_tui.bridge.runner import Runner
from cae_tui.bridge.study_runner import StudyRunner
from engine.errors import EngineError
from engine.protocol.control import Asked
from engine.protocol.states import STOPPED

log = logging.getLogger("cae_tui")


def can_go_on(runner: Runner, studies: StudyRunner) -> bool:
    """Whether another process could go on with what trains: it would train on what is to finish now.

    A study that is still being prepared has no name by which to resume it.
    """
    return runner.flag.asked() is not Asked.FINISH and not (studies.busy and studies.current is None)


class HandOver:
    """What trains now, and is to go on in a process of its own."""

    def __init__(self, runner: Runner, studies: StudyRunner) -> None:
        self._runner, self._lock = runner, threading.Lock()
        self._done = False
        self.over = False  # whether all of it was done
        study = studies.current if studies.busy else None
        self.study = study.id if study is not None else ""
        self.runs: list[str] = []  # those that go on, the first one first
        self.waiting = 0  # how many queued runs follow them
        self.process = 0  # that goes on with it; 0 where there is none, or where each run has its own
        self.problem = ""  # why it does not go on
        self.again = ""  # the command that goes on with it by hand

    def do(self) -> None:
        """Begin the other process, once this one trains no more."""
        with self._lock:
            if self._done:
                return
            self._done = True
            try:
                self._study_goes_on() if self.study else self._runs_go_on()
            except EngineError as error:
                self.problem = str(error)
                log.warning("it does not go on by itself: %s", error)
            except Exception as error:  # a bug: the app is about to end, and the runs are whole
                log.exception("it could not be left training")
                self.problem = f"Unexpected error: {type(error).__name__}. {self._runner.home.log} has the details."
            self.over = True

    def _study_goes_on(self) -> None:
        from engine.studies.records import Studies

        self.again = f"study resume {self.study}"
        study = Studies(self._runner.home).find(self.study)
        if study.read().resumable:
            self.process = detach_study(self._runner.home, study)

    def _runs_go_on(self) -> None:
        home, queue = self._runner.home, self._runner.queue
        runs = [home.find(name) for name in self._runner.left if name in home.ids()]
        left = [run for run in runs if run.read_status().state == STOPPED]
        self.runs = [run.id for run in left]
        if left and queue.is_worked_off:  # by another process, whose turn they had to wait for
            processes = []
            for run in left:
                self.again = f"resume {run.id}"
                processes.append(detach_run(home, run))
            self.process = processes[0] if len(processes) == 1 else 0
            return
        self.waiting, self.again = queue.count(), "queue start"
        for run in reversed(left):  # the first of them is the first again
            queue.put_first(run)
        if left or (queue.count() and not queue.is_worked_off):
            self.process = detach_queue(home, left[0] if left else None)
