"""From page to page and back, with nothing of what was left behind."""

import asyncio
import gc
import weakref

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from cae_tui.screens.configure import SpecPage
from cae_tui.screens.dialogs import HelpScreen
from cae_tui.screens.encoder_form import form_for
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.runs import RunsScreen
from cae_tui.widgets.frame import KeyLine
from engine.specs.listed import KINDS
from tests.cae_tui.conftest import MakeApp, begin, on_top, until


async def test_help_explains_the_screen_and_closes(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        for key in ("f1", "question_mark"):
            await pilot.press(key)
            await until(pilot, on_top(app, HelpScreen))
            await pilot.press("escape")
            await until(pilot, on_top(app, HomeScreen))


async def test_there_is_no_way_back_from_home(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, HomeScreen)
        app.action_runs()
        await until(pilot, on_top(app, RunsScreen))
        app.action_runs()  # it is open already
        await pilot.pause()
        assert len(app.screen_stack) == 2


async def test_a_screen_that_is_left_waits_for_nothing(make_app: MakeApp) -> None:
    app = make_app()
    waiting = asyncio.Event()
    answer = asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await answer.wait()
        app.screen.query_one("#of-the-screen-that-was-left")

    async with app.run_test() as pilot:
        app.action_runs()
        await until(pilot, on_top(app, RunsScreen))
        app.screen.run_worker(wait())
        await waiting.wait()
        app.pop_screen()
        answer.set()
        await pilot.pause()
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_screen_may_be_left_while_it_is_still_coming_up(make_app: MakeApp, kind: str) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        for turns in range(0, 60, 8):  # of the event loop, between which the screen is composed bit by bit
            app.push_screen(form_for(kind, {}))
            for _ in range(turns):
                await asyncio.sleep(0)
            await app.action_back()
        await pilot.pause()
        assert isinstance(app.screen, HomeScreen)


def widgets_of(screen: Widget) -> "list[weakref.ref[Widget]]":
    return [weakref.ref(widget) for widget in screen.walk_children(Widget, with_self=True)]


async def still_held(pilot: Pilot[None], widgets: "list[weakref.ref[Widget]]") -> list[str]:
    """Those that somebody still holds, after a moment in which they may be let go."""
    for _ in range(20):
        await pilot.pause(0.1)
        gc.collect()
        if not any(widget() for widget in widgets):
            break
    return [type(widget()).__name__ for widget in widgets if widget() is not None]


@pytest.mark.parametrize("key", ["a", "c", "s", "r", "d", "f1", "ctrl+p"])
async def test_a_screen_that_was_left_is_held_by_nobody(make_app: MakeApp, key: str) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press(key)
        await until(pilot, lambda: len(app.screen_stack) == 2 and app.screen.is_mounted)
        await pilot.pause()
        widgets = widgets_of(app.screen)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert await still_held(pilot, widgets) == []


async def test_a_training_screen_that_was_left_is_held_by_nobody(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await begin(app, pilot)
        await until(pilot, lambda: not app.runner.busy)
        await pilot.pause(0.5)
        widgets = widgets_of(app.screen)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        assert await still_held(pilot, widgets) == []


async def test_keys_that_are_no_longer_offered_are_held_by_nobody(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        line = app.screen.query_one(KeyLine)
        await until(pilot, lambda: bool(line.children))
        before = [weakref.ref(key) for key in line.walk_children(Widget)]
        line._keys = None  # as where other keys are offered than those
        line.call_next(line.recompose)
        assert await still_held(pilot, before) == []


async def test_nothing_is_called_after_the_refresh_of_a_page_that_was_left(make_app: MakeApp) -> None:
    app = make_app()
    called: list[str] = []
    async with app.run_test() as pilot:
        form = SpecPage("autoencoder", {})
        await app.push_screen(form)
        form.call_after_refresh(called.append, "on the page")
        await until(pilot, lambda: called == ["on the page"])
        form.call_after_refresh(called.append, "too late")
        app.pop_screen()
        app.call_after_refresh(called.append, "at home")
        await until(pilot, lambda: "at home" in called)
        await pilot.pause()
        assert called == ["on the page", "at home"]
