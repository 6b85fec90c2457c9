"""A scripted person: sits before the real program in a terminal, and does at random what people do with it.

Every action begins and ends on the first screen. What has to appear is waited for, so that a screen that does not
come, or a program that is gone, ends the script with what was on the screen.
"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.runs.directory import Home
from engine.studies.records import Studies
from tests.terminal.conftest import Terminal

SIZES = ((80, 24), (120, 40))
HOME = "Last runs"
ENDED = ("■ stopped", "✓ finished", "✓ early-stopped", "R Resume", "o Report")
"""A run's state, or the keys that a run which ended has: the state is out of sight beside large images."""


class Person:
    """Who uses the program.

    Args:
        terminal: with the program, on its first screen.
        home: as `seeds.plant` left it, and the program has it.
        folder: where the program tells its figures; see `inside`.
        draw: where chance comes from.
    """

    def __init__(self, terminal: Terminal, home: Home, folder: Path, draw: random.Random) -> None:
        self._terminal, self._home, self._folder, self._draw = terminal, home, folder, draw
        self._asked = 0
        self.done: dict[str, int] = {}

    def act(self) -> str:
        """One thing at random; gives back which."""
        action = self._draw.choices(list(ACTIONS), list(ACTIONS.values()))[0]
        self.do(action)
        return action.__name__

    def do(self, action: "Callable[[Person], None]") -> None:
        """One thing, then back to the first screen."""
        action(self)
        self.go_home()
        self.done[action.__name__] = self.done.get(action.__name__, 0) + 1

    def collect(self) -> None:
        """Back to the first screen with nothing under way, after a key that went elsewhere on a busy machine."""
        self.go_home()
        for _ in range(10):
            if "Ctrl+T shows it" not in self._text:
                return
            self._press("ctrl+t")
            self._terminal.read(2)
            self._press("x" if "x Stop" in self._text else "s")
            self._terminal.read(2)
            self._press("y")
            self._terminal.read(3)
            self.go_home()
        raise AssertionError(f"what is on does not stop:\n{self._text}")

    # -- what it does ----------------------------------------------------------------------------

    def train(self) -> None:
        """Begin a run like one of before, look at it, walk about, stop it."""
        self._list("tag:long")
        self._open("e", "Convolutional layers")
        self._open("ctrl+r", "● training")
        self._watch_and_stop()

    def resume(self) -> None:
        self._list("is:resumable -tag:seed")
        if "No run matches" in self._text:
            return
        self._open("R", "● training")
        self._watch_and_stop()

    def _watch_and_stop(self) -> None:
        self._try_keys(["l", "b", "h", "i", "f1"], 3)
        if self._draw.random() < 0.4:
            self._press(" ")
            self._wait("space Continue")
            self._press(" ")
            self._wait("space Pause")
        if self._draw.random() < 0.7:  # elsewhere, with the run on
            self.go_home()
            self._draw.choice([Person.look_at_data, Person.read_report, Person.compare, Person.resize])(self)
            self.go_home()
            self._open("ctrl+t", "s Stop")
        self._open("s", "End run")
        self._press("s")
        self._wait_for_one_of(*ENDED)

    def read_report(self) -> None:
        """The report of a classifier, and its images, right and wrong."""
        self._list("tag:classifier")
        self._press("enter")
        self._wait("weighted avg")
        self._try_keys(["2", "3", "1", "f1"], 2)
        self._open("g", "test images")
        self._try_keys(["i", "c", "a", "o", "pagedown", "3", "x", "enter", "right"], 5)

    def compare(self) -> None:
        """Two runs side by side, after a look round the list."""
        self._list("tag:seed")
        self._try_keys(["s", "S", "f", "down", "end", "f1"], 3)
        self._press("A", "c")
        self._wait("Compare")
        self._rest()

    def look_at_data(self) -> None:
        self._open("d", "› Data")
        self._try_keys(["right", "left", "n", "p", "z", "f2", "f1"], 4)

    def look_at_study(self) -> None:
        self._open("s", "Studies", "finished")
        self._press("end", "enter")
        self._wait("of 2 trials")
        self._try_keys(["1", "2", "3", "4", "5", "6", "d", "s", "f1"], 5)

    def study(self) -> None:
        """A small study, stopped or left to its end."""
        self._terminal.resize(*SIZES[1])  # where the plan lies beside the form
        self._list("tag:short")
        self._open("N", "Baseline")
        self._press("down", "kernels=4,6")
        self._wait("2 trials")
        self._open("ctrl+r", "of 2 trials")
        self._rest()
        self._try_keys(["1", "2", "3", "4", "5", "6"], 3)
        if self._draw.random() < 0.5:
            self._press("x")
            self._wait_for_one_of("Stop study", *ENDED)
            self._press("y")
        self._wait_for_one_of(*ENDED)

    def delete_study(self) -> None:
        """The newest, where there is one besides the first."""
        before = len(Studies(self._home).list())
        if before < 2:
            return
        self._open("s", "Studies", "w Write")
        self._open("x", "Delete study")
        self._press("y")
        self._until(lambda: len(Studies(self._home).list()) < before, "a study less")

    def delete_runs(self) -> None:
        """Some that the person made, or all of them where they have become many."""
        self._list("-tag:seed")
        if "No run matches" in self._text:
            return
        before = len(self._home.ids())
        if before > 15:
            self._press("A")
        self._open("x", "Delete ")
        self._press("y")
        self._until(lambda: len(self._home.ids()) < before, "a run less")

    def change_theme(self) -> None:
        self._open("ctrl+p", "Search")
        self._press("theme")
        self._wait("Dark, light and others")
        self._press("enter")
        self._wait("Search for themes")
        self._press(self._draw.choice(["cae-light", "cae-dark", "nord"]))
        self._rest()
        self._press("enter")

    def resize(self) -> None:
        """The window's edge, dragged about, down to nothing and back."""
        for _ in range(20):
            self._terminal.resize(self._draw.randint(1, 160), self._draw.randint(1, 50))
            self._terminal.read(0.02)
        self._terminal.resize(*self._draw.choice(SIZES))
        self._rest()

    # -- how it does it ---------------------------------------------------------------------------

    def go_home(self) -> None:
        for _ in range(40):
            self._press("escape")
            if HOME in self._text:
                self._press("escape")  # what lies over the first screen may let it be seen
                return
        raise AssertionError(f"there is no way home:\n{self._text}")

    def figures(self) -> dict[str, Any]:
        """What the process holds once it is at rest on the first screen."""
        self._terminal.resize(*SIZES[0])
        found = self._ask()
        for _ in range(100):
            before, found = found, self._ask()
            settled = not found["queued"] and found["stack"] == ["HomeScreen"]
            if settled and all(found[name] == before[name] for name in ("threads", "descriptors", "widgets")):
                return found
            self._terminal.read(0.3)
        return found

    def _ask(self) -> dict[str, Any]:
        self._asked += 1
        (self._folder / "ask").write_text(str(self._asked))
        answer = self._folder / "figures.json"
        found: dict[str, Any] = {}

        def answered() -> bool:
            nonlocal found
            found = json.loads(answer.read_text()) if answer.exists() else {}
            return found.get("asked") == str(self._asked)

        self._until(answered, "figures")
        return found

    def _list(self, terms: str) -> None:
        """The list of the runs that a filter leaves, with the cursor on its first line."""
        for _ in range(5):
            self._open("r", "Filter /")
            self._wait("Open")
            self._press("/")
            self._terminal.wait_for_no("Open")  # keys that come before the filter has the focus are the list's
            self._press(terms)
            self._terminal.read(0.4)
            if f"Filter / {terms}" in self._text:
                break
            self.go_home()
        self._wait(f"Filter / {terms}")
        self._press("enter")
        self._wait_for_one_of("Open", "No run matches")

    @property
    def _text(self) -> str:
        return self._terminal.text

    def _press(self, *keys: str) -> None:
        for key in keys:
            self._terminal.press(key)
            if key == "escape":  # what follows it at once would be taken for one key with it
                self._terminal.read(0.3)

    def _open(self, key: str, *texts: str) -> None:
        """Press a key for a page or a question; again where it was taken for one key with an escape before it."""
        for _ in range(6):
            self._press(key)
            end = time.monotonic() + 15
            while time.monotonic() < end:
                if all(text in self._text for text in texts):
                    return
                self._terminal.read(0.1)
        raise AssertionError(f"{key} does not lead to {texts}, but the screen was:\n{self._text}")

    def _try_keys(self, keys: list[str], count: int) -> None:
        """Some of the keys that a page has, none of which leaves it."""
        for key in self._draw.sample(keys, count):
            self._press(key)
            self._rest()
            if key == "f1":
                self._wait("Esc closes")
                self._press("escape")
                self._terminal.wait_for_no("Esc closes")

    def _rest(self) -> None:
        self._terminal.read(self._draw.uniform(0.05, 0.5))

    def _wait(self, *texts: str) -> None:
        self._terminal.wait_for(*texts)

    def _wait_for_one_of(self, *texts: str) -> None:
        self._terminal.wait_until(lambda screen: any(text in screen for text in texts), f"one of {texts}")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < end, f"waited for {what}, but the screen was:\n{self._text}"
            self._terminal.read(0.1)


ACTIONS: dict[Callable[[Person], None], int] = {
    Person.train: 6,
    Person.resume: 4,
    Person.read_report: 3,
    Person.compare: 3,
    Person.look_at_data: 2,
    Person.look_at_study: 2,
    Person.study: 2,
    Person.delete_study: 1,
    Person.delete_runs: 2,
    Person.change_theme: 1,
    Person.resize: 2,
}
"""What is done, and how often in proportion."""
