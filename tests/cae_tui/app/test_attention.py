"""A person who looks elsewhere is called when a run or a study ends, and the terminal's title says how far it is."""

import json
import re
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.run_state import RunState
from cae_tui.messages import CallBy, StudyUpdated
from cae_tui.printing import notification, passed_on, title
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.settings import change_settings, read_settings
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, begin, told, until
from tests.cae_tui.script import held, scripted_events
from tests.cae_tui.study_script import guided


class Terminal:
    """What an app sends to the terminal: bells, and sequences that say something."""

    def __init__(self, app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bells, self.sent = 0, list[str]()
        monkeypatch.setattr(app, "bell", self._ring)
        for module in ("attention",):
            monkeypatch.setattr(
                f"cae_tui.app.{module}.write_to_terminal", lambda _, sequence: self.sent.append(sequence)
            )

    def _ring(self) -> None:
        self.bells += 1

    @property
    def titles(self) -> list[str]:
        return [found[1] for sequence in self.sent if (found := re.fullmatch(r"\x1b\]2;(.*)\a", sequence))]


async def to_its_end(app: CaeApp, pilot: Pilot[None], gate: Callable[[], None], *, stays: bool) -> None:
    """A run from its form to its end, its page left meanwhile or not."""
    await begin(app, pilot)
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and bool(app.screen.run_id))
    if not stays:
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
    gate()
    await until(pilot, lambda: app.runner.current is not None and app.runner.current.ended is not None)
    await until(pilot, lambda: not app.runner.busy)
    await pilot.pause()


@pytest.mark.parametrize(
    ("how", "stays", "focused", "bells", "notified"),
    [
        ("bell", False, True, 1, False),
        ("bell", True, True, 0, False),
        ("bell", True, False, 1, False),
        ("both", False, True, 1, True),
        ("both", True, True, 0, False),
        ("off", False, False, 0, False),
    ],
)
async def test_a_run_that_ends_calls_a_person_who_does_not_see_it(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch,
    how: str, stays: bool, focused: bool, bells: int, notified: bool,
) -> None:  # fmt: skip
    change_settings(home.path, notify=how)
    trainer, gate = held(scripted_events(), EpochEnded, 2)
    app = make_app(trainer)
    terminal = Terminal(app, monkeypatch)
    async with app.run_test() as pilot:
        app.app_focus = focused
        await to_its_end(app, pilot, gate.set, stays=stays)
        assert terminal.bells == bells
        words = [sequence for sequence in terminal.sent if "\x1b]9;" in sequence]
        assert bool(words) == notified
        assert all("finished" in one for one in words)


async def test_the_title_says_how_far_a_run_is_and_nothing_once_it_is_over(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    terminal = Terminal(app, monkeypatch)
    async with app.run_test() as pilot:
        await to_its_end(app, pilot, gate.set, stays=True)
    assert terminal.titles[0] == "cae-tui 1/3"
    assert re.fullmatch(r"cae-tui 2/3 · 0\.\d+|cae-tui 2/3 · \d\.\d+e-\d+", terminal.titles[1])
    assert terminal.titles[-1] == "cae-tui"


async def test_a_study_calls_once_for_each_state_and_names_its_trial(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    terminal = Terminal(app, monkeypatch)
    async with app.run_test() as pilot:
        study = guided()
        for state in ("running", "waiting", "waiting", "finished"):
            study.state = state
            app.post_message(StudyUpdated(study))
            await pilot.pause()
            await until(pilot, lambda: app.studies.current is study)
        await pilot.pause()
        assert terminal.bells == 2
        assert terminal.titles[-1] == "cae-tui"
        assert terminal.titles[0].startswith("cae-tui trial ")


async def test_how_is_chosen_in_the_palette_and_remembered(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert [one for one in titles if one.startswith("Notifications")] == [
            "Notifications off", "Notifications by bell", "Notifications by bell and desktop",
        ]  # fmt: skip
        app.post_message(CallBy("both"))
        await until(pilot, lambda: told(app) == ["Notifications by bell and desktop."])
    assert read_settings(home.path)[0].notify == "both"


def test_what_is_no_way_to_call_is_told_and_the_bell_it_is(home: Home) -> None:
    home.path.mkdir(parents=True)
    (home.path / "settings.json").write_text(json.dumps({"format": 1, "kind": "settings", "notify": "loud"}))
    settings, (problem,) = read_settings(home.path)
    assert settings.notify == "bell"
    assert "“notify” should be off, bell or both" in problem


def test_nothing_that_a_run_says_is_obeyed_by_the_terminal() -> None:
    sentence = "a\x1b]2;owned\a; b\nc"
    for environment, begins in (({}, "\x1b]9;cae-tui: "), ({"TERM": "foot"}, "\x1b]777;notify;cae-tui;")):
        sent = notification("cae-tui", sentence, environment)
        assert sent.startswith(begins)
        assert (sent.count("\x1b"), sent.count("\a"), sent[-1]) == (1, 1, "\a")
        assert ";" not in sent.removeprefix(begins)
    assert notification("cae-tui", "a", {"VTE_VERSION": "7600"}).startswith("\x1b]777;")
    assert title("7\x1b[2J\a").count("\x1b") == 1


def test_through_tmux_and_screen_it_is_wrapped() -> None:
    ask = "\x1b]9;x\a"
    assert passed_on(ask, {}) == ask
    assert passed_on(ask, {"TMUX": "/tmp/x"}) == "\x1bPtmux;\x1b\x1b]9;x\a\x1b\\"
    assert passed_on(ask, {"TERM": "screen-256color"}) == "\x1bPtmux;\x1b\x1b]9;x\a\x1b\\"
    assert passed_on(ask, {"STY": "1.pts", "TERM": "screen"}) == "\x1bP\x1b]9;x\a\x1b\\"


def test_of_a_run_that_has_not_begun_the_title_says_nothing() -> None:
    assert RunState("a7f3").progress_words == ""
