"""A worker's process (`engine.worker`) as its driver has it: started, told and heard by frames, and seen to its end."""

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.protocol.frames import Frame, pack, read_frame
from engine.text import excerpt, shortened
from engine.worker import folder_of


class WorkerProcess:
    """A worker's process, and the threads that read and write its pipes."""

    def __init__(self, number: int, folder: Path, gpu: str | None, heard: "queue.Queue[Heard]") -> None:
        self.number = number
        self.ready = False
        self.silent = 0.0  # seconds in which it could have been heard
        self.said = 0  # frames that were read
        self.waits = False  # a frame waits to be heard, and the process perhaps to tell the next
        self.flows = threading.Event()  # whether its frames are to be read
        self.flows.set()
        self.why = ""  # it was killed from here, in words
        self._folder = folder
        self._error_file = folder / f"errors-{number}"
        environment = {**os.environ, **({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu})}
        package = str(Path(__file__).resolve().parents[3])
        known = os.environ.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([package, known]) if known else package
        with open(self._error_file, "wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                # -P: a file in the current folder that is called as a module must not be run for it.
                [sys.executable, "-P", "-m", "engine.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,  # Ctrl+C is for the driver, which stops its trials in order
            )
        self._heard = heard
        self._to_send: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        for task in (self._read, self._write):
            threading.Thread(target=task, name=f"worker {number}", daemon=True).start()

    def send(self, *frames: Frame) -> None:
        """Have it told these, in order; from any thread, and from a signal's handler: it never waits."""
        for frame in frames:
            self._to_send.put(frame)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while (frame := read_frame(pipe)) is not None:
                self.said += 1
                self.waits = True
                self._heard.put(Heard(self, frame))
                self.flows.wait()
                self.waits = False
        self._heard.put(Heard(self, None))

    def _write(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as pipe:  # that it is gone is told by the other pipe
            while (frame := self._to_send.get()) is not None:
                pipe.write(pack(frame))
                pipe.flush()

    def let_go(self) -> None:
        """It has nothing more to do, and ends."""
        self._to_send.put(None)

    def kill(self, why: str) -> None:
        """End it at once."""
        self.why = why
        self._process.kill()

    def end(self, seconds: float, why: str = "") -> None:
        """Wait until it has ended, and kill it where it does not, which `why` tells."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(why)
            self._process.wait()
        self.let_go()
        shutil.rmtree(folder_of(self._folder, self._process.pid), ignore_errors=True)  # it may have been killed

    @property
    def how_it_ended(self) -> str:
        """What became of it, in words."""
        code = self._process.returncode
        if self.why:
            return self.why
        if code == -signal.SIGKILL:
            return "was killed (signal 9), as a system does that has no memory left"
        if code < 0:
            return f"was ended by signal {-code}"
        words = self.last_words
        return f"ended with code {code}{f': {words}' if words else ''}"

    @property
    def last_words(self) -> str:
        """The last line that it wrote to its error output."""
        with suppress(OSError):
            lines = self._error_file.read_text(errors="replace").strip().splitlines()
            return shortened(excerpt(lines[-1]), 200) if lines else ""
        return ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a worker."""

    process: WorkerProcess
    frame: Frame | None  # None: its pipe has ended
