"""The two-minute tour: what it trains, what it says where, and that leaving it is one key."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import OptionList

from cae_tui.app import tour
from cae_tui.app.cae_app import CaeApp
from cae_tui.cli.main import main
from cae_tui.messages import BeginTour, OpenRun
from cae_tui.screens.encoder_form import EncoderForm
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.runs import RunsScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.screens.try_out import TryScreen
from cae_tui.widgets.frame import TourLine
from engine.protocol.events import EpochEnded
from engine.protocol.states import FINISHED
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import AUTOENCODER, held, scripted_events, scripted_status, write_run
from tests.engine.tiny import tiny, write_files


def line(app: CaeApp) -> str:
    """What the tour says on the page on top; nothing where its line is not shown."""
    assert app.page is not None
    shown = app.page.query_one(TourLine)
    return str(shown.render()) if shown.display else ""


def says(app: CaeApp, words: str) -> Any:
    return lambda: app.page is not None and app.page.is_mounted and words in line(app)


def test_it_begins_with_a_bottleneck_for_one_epoch_on_mnist_and_goes_on_with_quick() -> None:
    spec = tour.first_spec()
    assert isinstance(spec, AutoencoderSpec)
    assert (spec.latent, spec.epochs, spec.files.is_mnist) == (64, 1, True)
    assert "quick" in ClassifierSpec.presets


async def test_from_an_empty_home_to_a_digit_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real engine, on small images: every key is one that the line before names."""
    (tmp_path / "images").mkdir()
    files = write_files(tmp_path / "images")
    monkeypatch.setattr(tour, "first_spec", lambda: tiny(files, epochs=1, latent=4))
    quick = {"frozen_epochs": 0, "finetune_epochs": 1, "batch_size": 8, "steps_per_epoch": 3, "fc_units": 4}
    monkeypatch.setattr(ClassifierSpec, "presets", {**ClassifierSpec.presets, "quick": quick})
    app = CaeApp(Home(tmp_path / "home"))
    async with app.run_test(size=(120, 40)) as pilot:
        menu = app.screen.query_one("#menu", OptionList)
        await until(pilot, lambda: menu.highlighted is not None and menu.has_focus)
        assert menu.get_option_at_index(menu.highlighted or 0).id == "screen.tour"
        await pilot.press("enter")
        await until(pilot, says(app, "Tour, 2 of 6  Trained."))
        assert "Press Enter for the report" in line(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReportScreen) and app.screen.measured)
        await until(pilot, says(app, "Tour, 3 of 6"))
        assert "Press n" in line(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, EncoderForm) and app.screen.data_fits)
        await until(pilot, says(app, "Tour, 4 of 6"))
        form = app.screen
        assert isinstance(form, EncoderForm)
        assert form.form.values["steps_per_epoch"] == "3"
        await pilot.press("ctrl+r")
        await until(pilot, says(app, "Tour, 5 of 6  Trained."))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReportScreen) and app.screen.measured)
        await until(pilot, says(app, "Press T"))
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TryScreen) and app.screen.ready)
        assert "Tour, 6 of 6" in line(app)
        await pilot.press("escape")
        await until(pilot, lambda: line(app) == "")
        assert isinstance(app.screen, TryScreen)  # the key ended the tour and nothing else
        await pilot.press("escape")
        await until(pilot, on_top(app, ReportScreen))
    runs = app.home.list_runs()
    assert [(run.kind, run.state) for run in runs] == [("classifier", FINISHED), ("autoencoder", FINISHED)]


async def test_leaving_it_is_one_key_and_the_run_goes_on(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), EpochEnded, 2)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and bool(app.screen.run_id))
        await until(pilot, says(app, "Tour, 1 of 6"))
        await pilot.press("escape")
        await until(pilot, lambda: line(app) == "")
        assert isinstance(app.screen, TrainingScreen)
        assert app.runner.busy
        assert told(app) == [tour.LEFT_TRAINING]
        gate.set()
        await until(pilot, lambda: not app.runner.busy)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))


async def test_who_goes_elsewhere_finds_the_way_back(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), EpochEnded, 2)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        app.post_message(BeginTour())
        await until(pilot, says(app, "Tour, 1 of 6"))
        app.action_runs()
        await until(pilot, lambda: on_top(app, RunsScreen)() and "Ctrl+T" in line(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: on_top(app, TrainingScreen)() and "squeezes" in line(app))
        gate.set()
        await until(pilot, lambda: not app.runner.busy)


async def test_while_a_run_is_training_it_does_not_begin(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), EpochEnded, 2)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        app.post_message(BeginTour())
        await until(pilot, lambda: told(app) != [])
        assert told(app) == ["A run is training: stop it, or wait until it ends, before you start the tour."]
        assert line(app) == ""
        gate.set()
        await until(pilot, lambda: not app.runner.busy)


async def test_off_the_tour_no_page_has_its_line_and_forms_are_as_ever(make_app: MakeApp, home: Home) -> None:
    run = write_run(home, scripted_events())
    app = make_app()
    async with app.run_test() as pilot:
        menu = app.screen.query_one("#menu", OptionList)
        await until(pilot, lambda: menu.highlighted is not None)
        assert menu.highlighted == 0  # somebody was here before
        app.post_message(OpenRun(run.id))
        await until(pilot, lambda: isinstance(app.screen, ReportScreen | TrainingScreen))
        assert line(app) == ""
        assert app.tour.values_for("classifier", {"encoder": run.id}) == {}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_each_line_fits_over_the_keys(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app()
    lines = [value for name, value in vars(tour).items() if name.startswith("_") and isinstance(value, str)]
    words = [value for value in lines if value.endswith(".")]
    assert len(words) >= 10
    async with app.run_test(size=size) as pilot:
        for sentence in words:
            app.screen.show_tour("1 of 6", sentence)  # type: ignore[attr-defined]  # it is a page
            await pilot.pause()
            shown = app.screen.query_one(TourLine)
            most = 2 if sentence in (tour._FIRST_ENDED, tour._DRAW) else 3  # beside what one looks at there
            assert 1 <= shown.size.height <= most, sentence
            assert shown.region.bottom == size[1] - 1


def test_the_command_opens_the_app_on_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[bool] = []

    def run_to_the_end(app: CaeApp) -> int:
        opened.append(app._tour_first)
        return 0

    monkeypatch.setattr("cae_tui.cli.opening._no_place_to_draw", lambda: "")
    monkeypatch.setattr("cae_tui.app.base.run_to_the_end", run_to_the_end)
    assert main(["--home", str(tmp_path / "home"), "tour"]) == 0
    assert opened == [True]


async def test_what_waits_in_the_queue_does_not_come_between_the_runs_of_the_tour(
    make_app: MakeApp, home: Home
) -> None:
    status = replace(scripted_status(scripted_events()), id=AUTOENCODER[::-1], state="queued")
    write_run(home, scripted_events(run=status.id), status=status)
    app = make_app()
    async with app.run_test() as pilot:
        app.post_message(BeginTour())
        await until(pilot, lambda: app.runner.current is not None and not app.runner.busy)
    assert home.find(status.id).read_status().state == "queued"
