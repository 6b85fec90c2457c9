"""A real terminal around the real program: pexpect starts it in a pseudo-terminal, pyte draws what it writes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.engine.conftest import files as files

KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "f1": "\x1bOP", "f2": "\x1bOQ", "pagedown": "\x1b[6~", "end": "\x1b[F", "backspace": "\x7f",
    "ctrl+r": "\x12", "ctrl+q": "\x11", "ctrl+t": "\x14", "ctrl+u": "\x15", "ctrl+n": "\x0e",
    "ctrl+c": "\x03", "ctrl+p": "\x10",
}  # fmt: skip


class Terminal:
    """The program in a terminal of `columns` × `rows`; `program` is what starts it, `variables` its environment's."""

    def __init__(
        self,
        home: Path,
        columns: int,
        rows: int,
        *words: str,
        program: Sequence[str] = ("-m", "cae_tui"),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._received = 0
        # A size in the environment, as a test runner may set one, would be believed before that of the terminal.
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment |= variables or {}
        command = [*program, "--home", str(home), *words]
        self._child = pexpect.spawn(
            sys.executable,
            command,
            dimensions=(rows, columns),
            timeout=5,
            env=environment,
        )

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, *keys: str) -> None:
        """Keys by name; anything else is typed as it is."""
        for key in keys:
            self._child.send(KEYS.get(key, key))
            self.read(0.05)

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self._child.send(data)

    def resize(self, columns: int, rows: int) -> None:
        """As a person does who drags the window's edge."""
        self.screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def read(self, seconds: float) -> None:
        """Draw what the program writes, for at least so long."""
        end = time.monotonic() + seconds
        while True:
            try:
                data = self._child.read_nonblocking(65536, timeout=0.02)
                self._received += len(data)
                self._stream.feed(data)
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                return
            if time.monotonic() >= end:
                return

    def wait_for_output(self) -> None:
        """Until the program has written something, and for two seconds more."""
        end = time.monotonic() + 60
        while not self._received and time.monotonic() < end:
            self.read(0.1)
        self.read(2.0)

    def wait_for(self, *texts: str, seconds: float = 90) -> str:
        """Until all of `texts` are on the screen; gives back the screen."""
        return self.wait_until(lambda screen: all(text in screen for text in texts), f"{texts}", seconds)

    def wait_for_no(self, text: str) -> str:
        """Until `text` is off the screen: what lies behind a question may be seen before the question is answered."""
        return self.wait_until(lambda screen: text not in screen, f"no {text}")

    def wait_until(self, condition: Callable[[str], bool], what: str, seconds: float = 90) -> str:
        end = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < end, f"waited for {what}, but the screen was:\n{self.text}"
            assert self._child.isalive() or condition(self.text), f"it ended before {what}:\n{self.text}"
            self.read(0.1)
        return self.text

    def wait_for_end(self, seconds: float = 60) -> int:
        """Until the program has ended; gives back its exit code."""
        end = time.monotonic() + seconds
        while self._child.isalive():
            assert time.monotonic() < end, f"it did not end:\n{self.text}"
            self.read(0.1)
        self._child.close()
        if self._child.exitstatus:
            print(self.text)  # what pytest shows beside a failure
        return int(self._child.exitstatus if self._child.exitstatus is not None else -1)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """The program does nothing meanwhile, as one that is busy."""
        self._child.kill(signal.SIGSTOP)
        yield
        self._child.kill(signal.SIGCONT)

    def kill(self) -> None:
        """End the program as `kill -9` does."""
        self._child.kill(signal.SIGKILL)
        self._child.wait()

    def close(self) -> None:
        self._child.close(force=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals, and closes them after the test."""
    opened: list[Terminal] = []

    def open_one(
        columns: int = 80, rows: int = 24, *words: str, home: Path | None = None, **variables: str
    ) -> Terminal:
        opened.append(Terminal(home or tmp_path / "home", columns, rows, *words, variables=variables))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
