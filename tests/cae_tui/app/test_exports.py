"""A run written for other programs from its page: as what, where to, how far it is, and its end."""

import sys
import threading
import types
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, ProgressBar

from cae_tui.app import exports
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import ChooseExport, Export
from cae_tui.screens.dialogs import AskTextScreen
from cae_tui.screens.exports import ExportScreen, WritingScreen
from cae_tui.screens.home import HomeScreen
from engine.errors import ExportError
from engine.exporters.exporter import Told
from engine.exporters.model_file import ModelFileExporter
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, on_top, told, until
from tests.cae_tui.script import AUTOENCODER, scripted_events, write_run


class Slow(ModelFileExporter):
    """One that writes until it is let go, or given up; `lacks` is what is missing for it."""

    title = "Write slowly"
    asks = "Write {runs} slowly to"
    tells = "{runs} was written to {path}."
    suffix = ".slow"
    lacks = ""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.ended = threading.Event()

    def missing(self) -> str:
        return self.lacks

    def write(self, home: object, runs: object, path: Path, told: Told) -> None:
        try:
            path.write_text("half")
            while not self.let_go.wait(0.01):
                told(3, 10)
        finally:
            self.ended.set()

    def check(self, home: object, runs: object, path: Path, told: Told) -> str:
        return "looked at"


class Failing(Slow):
    """One whose file does not compare equal."""

    title = "Write wrongly"
    suffix = ".wrong"

    def write(self, home: object, runs: object, path: Path, told: Told) -> None:
        path.write_text("wrong")

    def check(self, home: object, runs: object, path: Path, told: Told) -> str:
        raise ExportError("It is not equal.")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """The only two exporters there are, the other fails; progress is shown at once."""
    monkeypatch.setattr(exports, "SOON_SECONDS", 0.0)
    found = Slow()
    for name, exporter in (("slow", found), ("failing", Failing())):
        module = types.ModuleType(name)
        vars(module)["EXPORTER"] = exporter
        monkeypatch.setitem(sys.modules, f"exporter_{name}", module)
    monkeypatch.setattr("engine.exporters.EXPORTERS", {"slow": "exporter_slow", "failing": "exporter_failing"})
    return found


async def test_a_form_is_chosen_written_with_its_progress_shown_and_told(
    make_app: MakeApp, home: Home, tmp_path: Path, slow: Slow
) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test() as pilot:
        app.screen.post_message(ChooseExport(AUTOENCODER))
        await until(pilot, on_top(app, ExportScreen))
        await pilot.press("down", "enter")
        await until(pilot, on_top(app, AskTextScreen))
        assert app.screen.query_one(Input).value == "./cae-tui-a7f3.slow"
        app.screen.query_one(Input).value = str(tmp_path / "it.slow")
        await pilot.press("enter")
        await until(pilot, on_top(app, WritingScreen))
        await until(pilot, lambda: app.screen.query_one(ProgressBar).percentage == 0.3)
        slow.let_go.set()
        await until(pilot, on_top(app, HomeScreen))
        await until(pilot, lambda: bool(told(app)))
        assert told(app) == [f"a7f3 was written to {tmp_path / 'it.slow'}. 4 B, looked at."]
        assert [path.name for path in tmp_path.iterdir() if path != home.path] == ["it.slow"]


async def begin(app: CaeApp, pilot: Pilot[None], folder: Path) -> None:
    """Have the slow one write `it.slow` into the folder."""
    app.screen.post_message(Export("slow", (AUTOENCODER,)))
    await until(pilot, on_top(app, AskTextScreen))
    app.screen.query_one(Input).value = str(folder / "it.slow")
    await pilot.press("enter")
    await until(pilot, on_top(app, WritingScreen))


async def test_escape_ends_it_and_nothing_is_left(make_app: MakeApp, home: Home, tmp_path: Path, slow: Slow) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test() as pilot:
        await begin(app, pilot, tmp_path)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        await until(pilot, lambda: told(app) == ["Given up: nothing was written."])
        await until(pilot, slow.ended.is_set)
        await until(pilot, lambda: [path for path in tmp_path.iterdir() if path != home.path] == [])


async def test_what_lies_over_the_progress_when_it_is_done_is_left_where_it_is(
    make_app: MakeApp, home: Home, tmp_path: Path, slow: Slow
) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test() as pilot:
        await begin(app, pilot, tmp_path)
        over = ExportScreen("a7f3", [])
        await app.push_screen(over)
        slow.let_go.set()
        await until(pilot, lambda: bool(told(app)))
        assert app.screen is over
        over.dismiss(None)
        await until(pilot, on_top(app, HomeScreen))


async def test_everything_leaves_out_what_failed_and_says_so(
    make_app: MakeApp, home: Home, tmp_path: Path, slow: Slow
) -> None:
    write_run(home, scripted_events())
    slow.let_go.set()
    app = make_app()
    async with app.run_test() as pilot:
        app.screen.post_message(ChooseExport(AUTOENCODER))
        await until(pilot, on_top(app, ExportScreen))
        await pilot.press("enter")
        await until(pilot, on_top(app, AskTextScreen))
        assert app.screen.query_one(Input).value == "./cae-tui-a7f3"
        app.screen.query_one(Input).value = str(tmp_path / "all")
        await pilot.press("enter")
        await until(pilot, lambda: bool(told(app)))
        assert told(app) == [
            f"1 export of run a7f3, each checked, was written into {tmp_path / 'all'}. 4 B.\nIt is not equal."
        ]
        assert [path.name for path in (tmp_path / "all").iterdir()] == [f"cae-tui-{AUTOENCODER}.slow"]


async def test_what_is_missing_is_said_where_it_would_be_chosen_and_what_fails_is_asked_again(
    make_app: MakeApp, home: Home, tmp_path: Path, slow: Slow
) -> None:
    write_run(home, scripted_events())
    slow.lacks = "It needs a package."
    app = make_app()
    async with app.run_test() as pilot:
        app.screen.post_message(ChooseExport(AUTOENCODER))
        await until(pilot, on_top(app, ExportScreen))
        options = app.screen.query_one(OptionList)
        assert "It needs a package." in str(options.get_option("slow").prompt)
        assert options.get_option("slow").disabled
        await pilot.press("down", "enter")  # past the one that is disabled
        await until(pilot, on_top(app, AskTextScreen))
        first = app.screen
        app.screen.query_one(Input).value = str(tmp_path / "it")
        await pilot.press("enter")
        await until(pilot, lambda: on_top(app, AskTextScreen)() and app.screen is not first)
        await until(pilot, lambda: bool(app.screen.query(".problem")))
        assert str(app.screen.query_one(".problem").render()) == "✗ It is not equal."
        assert not (tmp_path / "it").exists()
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        app.screen.post_message(ChooseExport(AUTOENCODER))
        await until(pilot, on_top(app, ExportScreen))
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
