"""Signals, in a real shell in a real terminal: the run is kept, the process goes, the shell has its terminal back."""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from engine import preparation
from engine.protocol.control import Asked
from engine.runs.directory import Home, RunDirectory
from engine.runs.recorder import read_checkpoint
from tests.engine.tiny import tiny
from tests.faults.conftest import wait_for

LONG = 10**5  # epochs: more than any test waits for
PROMPT = "ready> "


class Shell:
    """bash in a terminal of its own, at its prompt."""

    def __init__(self, home: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment |= {"PS1": PROMPT, "INPUTRC": os.devnull, "TERM": "xterm-256color", "CAE_TUI_HOME": str(home)}
        self._child = pexpect.spawn(
            "bash", ["--norc", "--noprofile", "-i"], dimensions=(24, 80), env=environment, timeout=90
        )
        self.output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_for(PROMPT.encode(), 0)
        self.program = f"{sys.executable} -m cae_tui"
        self.settings = self.ask("stty -g")

    def _read(self) -> None:
        while True:
            try:
                self.output += self._child.read_nonblocking(65536, timeout=None)
            except (pexpect.EOF, OSError, ValueError):
                return

    def _wait_for(self, text: bytes, mark: int) -> None:
        wait_for(lambda: text in self.output[mark:], f"{text!r} in {self.output[mark:][-2000:]!r}")

    def ask(self, command: str) -> str:
        """What a command prints; `$code` is the exit code of the one before."""
        mark = len(self.output)
        self.type(f"code=$?; echo '<''<'; {command}; echo '>''>'\n")
        self._wait_for(b">>", mark)
        found = re.search(rb"<<\s*(.*?)\s*>>", self.output[mark:], re.DOTALL)
        assert found is not None
        return found[1].decode()

    def type(self, keys: str) -> int:
        """Press keys; gives back how much was written before."""
        mark = len(self.output)
        self._child.send(keys)
        return mark

    def send(self, number: signal.Signals) -> int:
        """Send the job a signal, from outside; gives back how much was written before."""
        mark = len(self.output)
        os.kill(self.job, number)
        return mark

    def wait_for(self, text: str, mark: int) -> None:
        """Until the terminal was written that text."""
        self._wait_for(text.encode(), mark)

    def wait_for_prompt(self, mark: int) -> None:
        self.wait_for(PROMPT, mark)

    @property
    def job(self) -> int:
        """The process that the shell has started."""
        children = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children")
        wait_for(lambda: children.read_text().split(), "a job")
        return int(children.read_text().split()[-1])

    def close_terminal(self) -> None:
        """As a window is closed, or a connection is lost."""
        self._child.ptyproc.fileobj.close()

    def assert_terminal_is_as_it_was(self) -> None:
        """Echo and lines, the cursor, the first screen, no mouse."""
        assert self.ask("stty -g") == self.settings
        on_and_off = ((b"?25l", b"?25h"), (b"?1049h", b"?1049l"), (b"?1000h", b"?1000l"), (b"?2004h", b"?2004l"))
        for taken, given in on_and_off:
            shell_does_it_too = taken == b"?2004h"
            if taken in self.output and not shell_does_it_too:
                assert self.output.rindex(given) > self.output.rindex(taken), given

    def close(self) -> None:
        self._child.close(force=True)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "home")
    yield shell
    shell.close()


@pytest.fixture
def run(home: Home, files: dict[str, Path]) -> RunDirectory:
    """A run that is made and waits to be trained, for longer than any test."""
    return preparation.create(home, tiny(files, epochs=LONG)).run


def epochs(run: RunDirectory) -> int:
    return run.read_status().epoch


def wait_for_an_epoch(run: RunDirectory) -> None:
    done = epochs(run)
    wait_for(lambda: epochs(run) > done, "an epoch")


CLOSED, ASKED = "because the terminal was closed", "because cae-tui was asked to end"


def assert_stopped_with_a_checkpoint(run: RunDirectory, why: str = "") -> None:
    """What a run that was asked to end leaves, and says: where no person asked in so many words, `why`."""
    wait_for(lambda: not run.is_held(), "the end")
    status = run.read_status()
    assert (status.state, status.resumable) == ("stopped", True)
    assert [reason for reason in (CLOSED, ASKED) if reason in status.message] == ([why] if why else [])
    found = read_checkpoint(run)
    assert found is not None
    assert found.damaged == ()
    assert found.status.epoch == status.epoch


# -- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "why"), [(signal.SIGTERM, ASKED), (signal.SIGHUP, CLOSED)])
def test_a_signal_from_outside_stops_the_command_with_a_checkpoint(
    shell: Shell, run: RunDirectory, number: signal.Signals, why: str
) -> None:
    shell.type(f"{shell.program} resume {run.id}\n")
    wait_for_an_epoch(run)
    shell.wait_for_prompt(shell.send(number))
    assert shell.ask("echo $code") == "130"
    assert_stopped_with_a_checkpoint(run, why)
    shell.assert_terminal_is_as_it_was()


def test_ctrl_c_once_stops_the_command_and_twice_ends_it_and_the_shell_has_its_terminal_back(
    shell: Shell, run: RunDirectory
) -> None:
    for keys in ("\x03", "\x03\x03"):
        shell.type(f"{shell.program} resume {run.id}\n")
        wait_for_an_epoch(run)
        shell.wait_for_prompt(shell.type(keys))
        assert shell.ask("echo $code") == "130"
        wait_for(lambda: not run.is_held(), "the end")
        assert run.read_status().resumable
        shell.assert_terminal_is_as_it_was()
        if keys == "\x03":
            assert_stopped_with_a_checkpoint(run)


def test_ctrl_z_lets_the_command_stand_still_and_fg_lets_it_go_on(shell: Shell, run: RunDirectory) -> None:
    shell.type(f"{shell.program} resume {run.id}\n")
    for _ in range(2):  # the second time as the first
        wait_for_an_epoch(run)
        shell.wait_for("Stopped", shell.type("\x1a"))
        done = epochs(run)
        shell.assert_terminal_is_as_it_was()
        assert epochs(run) == done
        assert run.is_held()
        shell.type("fg\n")
    wait_for_an_epoch(run)
    shell.wait_for_prompt(shell.type("\x03"))
    assert_stopped_with_a_checkpoint(run)
    shell.assert_terminal_is_as_it_was()


def test_a_terminal_that_is_closed_stops_the_command_with_a_checkpoint(shell: Shell, run: RunDirectory) -> None:
    shell.type(f"{shell.program} resume {run.id}\n")
    wait_for_an_epoch(run)
    shell.close_terminal()
    assert_stopped_with_a_checkpoint(run, CLOSED)


def test_a_detached_run_goes_on_when_the_terminal_is_closed(shell: Shell, run: RunDirectory) -> None:
    assert shell.ask(f"{shell.program} resume {run.id} --detach 2>/dev/null") == run.id
    wait_for_an_epoch(run)
    shell.close_terminal()
    for _ in range(3):
        wait_for_an_epoch(run)
    assert run.is_held()
    process = run.read_status().process
    assert os.getsid(process) == process  # no terminal's, so that none can end it
    run.ask(Asked.STOP)
    assert_stopped_with_a_checkpoint(run)


# -- the app --------------------------------------------------------------------------------------


def open_app(shell: Shell, run: RunDirectory) -> None:
    mark = shell.type(f"{shell.program}\n")
    shell.wait_for(run.id[:4], mark)
    shell.wait_for("60,000", mark)
    shell.type("R")
    wait_for_an_epoch(run)


def test_a_request_to_end_ends_the_app_with_a_checkpoint_of_its_run(shell: Shell, run: RunDirectory) -> None:
    open_app(shell, run)
    shell.wait_for_prompt(shell.send(signal.SIGTERM))
    assert shell.ask("echo $code") == str(128 + signal.SIGTERM)
    assert_stopped_with_a_checkpoint(run, ASKED)
    shell.assert_terminal_is_as_it_was()


def test_a_terminal_that_is_closed_ends_the_app_with_a_checkpoint_of_its_run(shell: Shell, run: RunDirectory) -> None:
    open_app(shell, run)
    job = shell.job
    shell.close_terminal()
    assert_stopped_with_a_checkpoint(run, CLOSED)
    wait_for(lambda: not Path(f"/proc/{job}").exists(), "the end of the app")


def test_the_app_stands_still_and_goes_on_and_ctrl_c_twice_asks_to_quit(shell: Shell, run: RunDirectory) -> None:
    open_app(shell, run)
    shell.wait_for("Stopped", shell.send(signal.SIGTSTP))
    done = epochs(run)
    shell.assert_terminal_is_as_it_was()
    assert epochs(run) == done
    shell.type("fg\n")
    wait_for_an_epoch(run)
    mark = shell.type("\x03")
    shell.wait_for("again", mark)
    wait_for_an_epoch(run)
    shell.wait_for("quit?", shell.type("\x03"))
    shell.wait_for_prompt(shell.type("y"))
    assert shell.ask("echo $code") == "0"
    assert_stopped_with_a_checkpoint(run)
    shell.assert_terminal_is_as_it_was()
