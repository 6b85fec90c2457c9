"""The top line: where one is, which images the page is about, and the device."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from cae_tui.bridge.values import DataView
from cae_tui.data_sets import DataSet
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.frame import TopBar
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import read_json, write_json
from tests.cae_tui.conftest import AUTOENCODER, MakeApp, begin, data_view, on_top, scripted_events, until, write_run

DATA = ("Fashion-MNIST", "28×28 grey")


def line(bar: TopBar) -> str:
    return " ".join(bar.render().plain.split())


class Bar(App[None]):
    def compose(self) -> ComposeResult:
        bar = TopBar()
        bar.crumbs, bar.data, bar.device = ("Runs", "a7f3", "Report"), DATA, "cpu · 2 threads · float32"
        yield bar


@pytest.mark.parametrize(
    ("width", "right"),
    [
        (100, " Fashion-MNIST · 28×28 grey · cpu · 2 threads · float32"),
        (80, " Fashion-MNIST · 28×28 grey · cpu · 2 threads"),
        (62, " Fashion-MNIST · 28×28 grey"),
        (50, " Fashion-MNIST"),
        (42, " Fashion…"),
        (34, ""),
    ],
)
async def test_where_there_is_little_room_the_name_of_the_data_stays_longest(width: int, right: str) -> None:
    app = Bar()
    async with app.run_test(size=(width, 5)):
        text = app.screen.query_one(TopBar).render().plain
        assert text.rstrip() == f"{'cae-tui › Runs › a7f3 › Report':<{width - 2 - len(right)}}{right}".rstrip()
        assert len(text) == width - 2


def of_fashion(run: RunDirectory) -> None:
    """As if it had been trained on other images."""
    written = read_json(run.spec)
    written["data"]["name"] = "Fashion-MNIST"
    write_json(run.spec, written.pop("kind"), written)


async def test_a_page_names_the_data_in_use_and_one_about_a_run_that_of_the_run(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_fashion(write_run(home, scripted_events()))
    app = make_app()

    async def data(files: object = None) -> DataView:
        return replace(data_view(), name=app.data_set.name, shape=app.data_set.shape)  # type: ignore[arg-type]  # a shape has three sides

    monkeypatch.setattr(app.runner, "data", data)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "MNIST · 28×28 grey · cpu" in line(app.screen.query_one(TopBar))
        app.data.current = DataSet("plankton", (64, 64, 3))
        await pilot.pause()
        assert "plankton · 64×64 colour · cpu" in line(app.screen.query_one(TopBar))
        await pilot.press("left", "enter")
        await until(pilot, on_top(app, ReportScreen))
        assert "Report Fashion-MNIST · 28×28 grey · cpu" in line(app.screen.query_one(TopBar))
        await pilot.press("v")
        await until(pilot, on_top(app, TrainingScreen))
        assert "Training Fashion-MNIST · 28×28 grey · cpu" in line(app.screen.query_one(TopBar))


async def test_a_run_that_is_being_trained_has_its_own_data_in_the_top_line(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.data.current = DataSet("plankton", (64, 64, 3))
        await begin(app, pilot)
        bar = app.screen.query_one(TopBar)
        await until(pilot, lambda: "MNIST · 28×28 grey" in line(bar))
        assert AUTOENCODER[:4] in line(bar)


def test_the_data_of_a_run_are_in_its_status(tmp_path: Path) -> None:
    run = write_run(Home(tmp_path), scripted_events())
    of_fashion(run)
    assert run.read_status().data == "Fashion-MNIST"
