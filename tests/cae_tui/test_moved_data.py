"""In the app: runs whose images were moved ask for the new place."""

import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cae_tui.app import CaeApp
from cae_tui.messages import FinishRun, OpenGallery, ResumeRun, ResumeStudy
from cae_tui.runner import EngineWork
from cae_tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.home import HomeScreen
from engine import jobs
from engine.control import Flag
from engine.runs import Home
from engine.states import EARLY_STOPPED, FINISHED
from engine.studies.planning import create
from engine.studies.spec import make_study
from tests.cae_tui.conftest import MakeApp, on_top, told, until
from tests.engine.test_moved import move, nothing, stopped
from tests.engine.tiny import TRAINING, noise, tiny, write_files
from tests.idx import write_idx


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Four files in `old`."""
    folder = tmp_path / "old"
    folder.mkdir()
    return write_files(folder)


def text(app: CaeApp, place: str) -> str:
    return str(app.screen.query_one(place, Static).render())


async def asked(app: CaeApp, pilot: Pilot[None], before: object = None) -> AskTextScreen:
    """The question, once it stands."""
    await until(pilot, lambda: on_top(app, AskTextScreen)() and app.screen is not before)
    await pilot.pause()
    assert isinstance(app.screen, AskTextScreen)
    return app.screen


async def answer(app: CaeApp, pilot: Pilot[None], path: Path) -> None:
    app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")


async def test_sample_predictions_ask_where_the_images_are_until_they_are_the_ones(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = jobs.start(home, tiny(files), nothing, Flag())["id"]
    new = move(files, tmp_path / "new")
    other = write_idx(tmp_path / "other", noise(TRAINING, 7)[..., 0])
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(OpenGallery(run))
        question = await asked(app, pilot)
        assert text(app, ".question") == f"Where are the training images of run {run[:4]} now?"
        assert text(app, ".problem") == (
            f"✗ {files['images']} is no longer there. Name the file, or the folder that it is in."
        )
        assert app.screen.query_one(Input).value == str(files["images"])
        await answer(app, pilot, other)  # its labels are gone: they are asked for next
        question = await asked(app, pilot, question)
        assert text(app, ".question").startswith("Where are the training labels")
        await pilot.press("escape")
        await until(pilot, on_top(app, GalleryScreen))
        assert "are no longer there" in text(app, "#filters")
        app.pop_screen()
        app.post_message(OpenGallery(run))
        question = await asked(app, pilot)
        await answer(app, pilot, new["images"].parent)
        await until(pilot, on_top(app, GalleryScreen))
        await until(pilot, lambda: "page 1 of" in text(app, "#page-line"))
        assert told(app) == [f"Run {run[:4]} reads its images from {new['images']} now."]


async def test_other_images_are_refused_where_they_are_named(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = jobs.start(home, tiny(files), nothing, Flag())["id"]
    new = move(files, tmp_path / "new")
    kept = new["images"].read_bytes()
    write_idx(new["images"], noise(TRAINING, 7)[..., 0])
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(OpenGallery(run))
        question = await asked(app, pilot)
        await answer(app, pilot, new["images"])
        question = await asked(app, pilot, question)
        assert "their number and shape are right, but pixels or labels differ" in text(app, ".problem")
        new["images"].write_bytes(kept)
        await pilot.press("enter")
        await until(pilot, on_top(app, GalleryScreen))
        await until(pilot, lambda: "page 1 of" in text(app, "#page-line"))


async def test_a_run_that_is_resumed_asks_where_its_images_are(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    app = make_app(EngineWork())
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeRun(run.id))
        await asked(app, pilot)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        assert not app.runner.busy
        app.post_message(ResumeRun(run.id))
        await asked(app, pilot)
        await answer(app, pilot, new["images"])
        await until(pilot, lambda: run.read_status().state == FINISHED)
        await until(pilot, lambda: not app.runner.busy)


async def test_a_run_that_is_finished_asks_where_its_images_are(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    app = make_app(EngineWork())
    async with app.run_test(size=(120, 40)) as pilot:
        for agreed in (False, True):
            app.post_message(FinishRun(run.id))
            await until(pilot, on_top(app, ConfirmScreen))
            await pilot.press("y")
            await asked(app, pilot)
            if not agreed:
                await pilot.press("escape")
                await until(pilot, on_top(app, HomeScreen))
                assert not app.runner.busy
        await answer(app, pilot, new["images"])
        await until(pilot, lambda: run.read_status().state == EARLY_STOPPED)
        await until(pilot, lambda: not app.runner.busy)


async def test_other_images_in_the_place_of_a_run_s_own_are_asked_about_too(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    files["images"].parent.mkdir(exist_ok=True)
    for field, path in new.items():
        shutil.copy(path, files[field])
    write_idx(files["images"], noise(TRAINING, 7)[..., 0])
    app = make_app(EngineWork())
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeRun(run.id))
        await asked(app, pilot)
        assert "holds other images now" in text(app, ".problem")
        await answer(app, pilot, new["images"])
        await until(pilot, lambda: run.read_status().state == FINISHED)
        await until(pilot, lambda: not app.runner.busy)


async def test_a_study_that_is_resumed_asks_where_its_images_are(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    directory = create(home, make_study("one", tiny(files), {"kernels": "2,3"}))
    new = move(files, tmp_path / "new")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeStudy(directory.id))
        await asked(app, pilot)
        assert text(app, ".question") == f"Where are the training images of study {directory.id[:4]} now?"
        await answer(app, pilot, new["images"])
        await until(pilot, lambda: directory.read().state == FINISHED)
        await until(pilot, lambda: not app.runner.busy)
