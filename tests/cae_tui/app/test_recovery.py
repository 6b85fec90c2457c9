"""An error in a screen: the run goes on, the person reads what happened, and is on the screen before."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from rich.text import Text
from rich.traceback import Traceback
from textual import work
from textual.app import App
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.app.questions import confirm
from cae_tui.app.recovery import GIVE_UP_AFTER
from cae_tui.bridge.run_state import News
from cae_tui.messages import RunsChanged, RunTold
from cae_tui.screens.base import Page
from cae_tui.screens.dialogs import ConfirmScreen, ErrorScreen
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.training import TrainingScreen
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.cae_tui.conftest import Errors, MakeApp, begin, on_top, until
from tests.cae_tui.script import held, scripted_events


def bug(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("a bug [b]of[/b] ours")


class Bad(Page):
    """A page, to be given a bug."""

    crumbs = ("Bad",)

    def compose_page(self) -> Iterator[Widget]:
        yield Static("fine as yet", id="good")


class BadHandler(Bad):
    def on_mount(self) -> None:
        super().on_mount()
        self.post_message(RunsChanged())

    on_runs_changed = bug


class BadMount(Bad):
    on_mount = bug


class BadComposition(Bad):
    compose_page = bug


class HalfComposition(Bad):
    def compose_page(self) -> Iterator[Widget]:
        yield Static("the first half")
        bug()


class BadWorker(Bad):
    def on_mount(self) -> None:
        super().on_mount()
        self.fail()

    @work
    async def fail(self) -> None:
        bug()


class BadThread(Bad):
    def on_mount(self) -> None:
        super().on_mount()
        self.fail()

    @work
    async def fail(self) -> None:
        await self.runner.in_thread(bug)


class BadTimer(Bad):
    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(0.01, bug)


class BadCallback(Bad):
    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(bug)


class BadRender(Bad):
    class Broken(Widget):
        render = bug

    def compose_page(self) -> Iterator[Widget]:
        yield self.Broken()


class LateRender(Bad):
    """Draws once, and no more after that."""

    class Broken(Widget):
        def render(self) -> Content:
            return Content("fine") if not self.has_class("worn") else bug()

    def compose_page(self) -> Iterator[Widget]:
        yield self.Broken()

    def on_mount(self) -> None:
        super().on_mount()
        self.set_timer(0.05, lambda: self.query_one(self.Broken).add_class("worn").refresh())


class BadLines(Bad):
    class Broken(Widget):
        render_line = bug

    def compose_page(self) -> Iterator[Widget]:
        yield self.Broken()


class BadLayout(Bad):
    class Broken(Widget):
        DEFAULT_CSS = "Broken { height: auto; }"
        get_content_height = bug

    def compose_page(self) -> Iterator[Widget]:
        yield self.Broken()


class BadWidget(Bad):
    class Broken(Widget):
        def on_mount(self) -> None:
            self.set_timer(0.02, self.fail)

        def fail(self) -> None:
            self.post_message(RunsChanged())

        on_runs_changed = bug

    def compose_page(self) -> Iterator[Widget]:
        yield self.Broken()


class BadKey(Bad):
    key_k = bug

    def on_mount(self) -> None:
        super().on_mount()
        self.app.simulate_key("k")


class BadAction(Bad):
    BINDINGS = [("k", "fail", "Fail")]  # noqa: RUF012 - declared as Textual does

    def action_fail(self) -> None:
        bug()

    def on_mount(self) -> None:
        super().on_mount()
        self.app.simulate_key("k")


BROKEN = [
    BadHandler, BadMount, BadComposition, HalfComposition, BadWorker, BadThread, BadTimer, BadCallback, BadRender,
    LateRender, BadLines, BadLayout, BadWidget, BadKey, BadAction,
]  # fmt: skip


def words(app: App[Any]) -> str:
    """What the dialog on top says."""
    return " ".join(str(each.content) for each in app.screen.query(Static))


@pytest.mark.parametrize("page", BROKEN)
@pytest.mark.usefixtures("errors_are_meant")
async def test_an_error_in_a_screen_takes_only_that_screen_away(
    page: type[Page], make_app: MakeApp, home: Home, errors: Errors
) -> None:
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test(size=(80, 24)) as pilot:
        await begin(app, pilot)
        app.call_later(lambda: app.push_screen(page()))
        await until(pilot, on_top(app, ErrorScreen))
        said = words(app)
        assert str(home.log) in said
        assert "The run keeps training." in said
        assert "ZeroDivisionError: a bug [b]of[/b] ours" in said
        assert "Traceback" in errors.met[0]
        assert "a bug [b]of[/b] ours" in errors.met[0]
        await pilot.press("escape")
        await until(pilot, on_top(app, TrainingScreen))
        assert app.runner.busy
        gate.set()
        await until(pilot, lambda: bool(app.runner.current and app.runner.current.state == "finished"))
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        await pilot.press("r")
        await until(pilot, lambda: app.page is not None and app.page.crumbs == ("Runs",))
    assert not app.return_code


@pytest.mark.usefixtures("errors_are_meant")
async def test_who_waits_for_the_answer_of_a_broken_dialog_has_none(make_app: MakeApp) -> None:
    app = make_app()
    answers: list[bool] = []

    async def ask() -> None:
        answers.append(bool(await confirm(app, "Really?", "", "Yes")))

    async with app.run_test() as pilot:
        app.run_worker(ask())
        await until(pilot, on_top(app, ConfirmScreen))
        app.screen.call_later(bug)
        await until(pilot, on_top(app, ErrorScreen))
        await until(pilot, lambda: answers == [False])
        await pilot.press("enter")
        await until(pilot, on_top(app, HomeScreen))


@pytest.mark.usefixtures("errors_are_meant")
async def test_an_error_of_the_first_screen_is_told_over_a_new_one(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        first = app.screen
        await pilot.press("r")
        first.call_later(bug)  # which lies under another
        await until(pilot, on_top(app, ErrorScreen))
        assert len(app.screen_stack) == 2
        assert isinstance(app.screen_stack[0], HomeScreen)
        assert app.screen_stack[0] is not first
        await pilot.press("enter")
        await until(pilot, on_top(app, HomeScreen))
        await until(pilot, lambda: app.focused is not None and app.focused.id == "menu")  # it takes keys
        await pilot.press("d")
        await until(pilot, lambda: app.page is not None and app.page.crumbs[:1] == ("Data",))
        await until(pilot, lambda: not first.is_running)
    assert not app.return_code


@pytest.mark.parametrize("raised", ["handler", "worker", "callback"])
@pytest.mark.usefixtures("errors_are_meant")
async def test_an_error_of_the_app_itself_leaves_the_screen(
    raised: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("d")
        page = app.screen
        if raised == "handler":
            monkeypatch.setattr(CaeApp, "_on_notify", bug, raising=False)
            app.tell("anything")
        elif raised == "worker":

            async def fail() -> None:
                bug()

            app.run_worker(fail())
        else:
            app.call_later(bug)
        await until(pilot, on_top(app, ErrorScreen))
        assert "Something went wrong" in words(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
    assert not app.return_code


def farewells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the app prints as its last word."""
    said: list[str] = []
    panic = App.panic

    def told(app: App[Any], text: Text) -> None:
        said.append(text.plain)
        panic(app, text)

    monkeypatch.setattr(App, "panic", told)
    return said


@pytest.mark.parametrize("how", ["of ours", "of Textual's"])
@pytest.mark.usefixtures("errors_are_meant")
async def test_an_error_of_the_thread_that_reads_keys_ends_the_app_with_the_run_stopped(
    how: str, make_app: MakeApp, home: Home, errors: Errors, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app, said = make_app(trainer), farewells(monkeypatch)

    def read() -> None:
        try:
            bug()
        except ZeroDivisionError as error:
            if how == "of ours":
                app.input_failed(error)
            else:  # as the drivers of Textual do it
                app.call_later(app.panic, Traceback())

    with suppress(ZeroDivisionError):  # what the pilot raises again
        async with app.run_test() as pilot:
            await begin(app, pilot)
            threading.Thread(target=read).start()
            await until(pilot, lambda: bool(said))
    await app.runner.wait_for_end()
    assert said == [
        f"Something went wrong in cae-tui, and it had to end. {home.log} has the details, for a bug report."
    ]
    assert app.return_code == 1
    assert "ZeroDivisionError" in errors.met[0]
    assert "a bug [b]of[/b] ours" in errors.met[0]
    assert [run.state for run in home.list_runs()] == ["stopped"]


@pytest.mark.parametrize("of", ["first screen", "app"])
@pytest.mark.usefixtures("errors_are_meant")
async def test_errors_again_and_again_end_the_app_with_the_run_stopped(
    of: str, make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    met, said = 0, farewells(monkeypatch)

    def fail(*_: object) -> None:
        nonlocal met
        met += 1
        bug()

    async def meet_it() -> None:
        async with app.run_test() as pilot:
            await begin(app, pilot)
            if of == "app":
                app.set_interval(0.01, lambda: app.post_message(RunTold(News(app.runner.current))))  # type: ignore[arg-type]  # a run is on
                monkeypatch.setattr(app.run_acts, "_name_training", fail)
            else:
                await pilot.press("escape")
                await until(pilot, on_top(app, HomeScreen))
                monkeypatch.setattr(HomeScreen, "compose_page", fail)
                app.screen.call_later(fail)
            await until(pilot, lambda: app._exception is not None)

    with pytest.raises(ZeroDivisionError):
        await meet_it()
    await app.runner.wait_for_end()
    assert met == GIVE_UP_AFTER
    assert app.return_code == 1
    assert [run.state for run in home.list_runs()] == ["stopped"]
    assert said == [
        f"Something went wrong in cae-tui, and it had to end. {home.log} has the details, for a bug report."
    ]


async def test_a_screen_that_is_left_as_the_app_ends_may_miss_its_widgets(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = app.screen

        async def late() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                screen.query_one("#nothing")

        screen.run_worker(late())
        await pilot.pause()
    assert not app.return_code
