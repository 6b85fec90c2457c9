"""In the app: runs whose images were moved ask for the new place."""

import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import FinishRun, OpenGallery, ResumeRun, ResumeStudy
from cae_tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.home import HomeScreen
from engine import jobs
from engine.protocol.control import Flag
from engine.protocol.states import EARLY_STOPPED, FINISHED
from engine.runs.directory import Home, RunDirectory
from engine.studies.planning import create
from engine.studies.records import StudyDirectory
from engine.studies.spec import make_study
from tests.cae_tui.conftest import MakeApp, on_top, told, until
from tests.engine.runs.test_moved import OTHERS, forget_parts, move, nothing, stopped
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


def begun(home: Home, files: dict[str, Path], kind: str) -> RunDirectory | StudyDirectory:
    """A run that was stopped, or a study that was planned."""
    return (
        stopped(home, tiny(files)) if kind == "run" else create(home, make_study("one", tiny(files), {"kernels": "2"}))
    )


async def predictions_stand(app: CaeApp, pilot: Pilot[None]) -> None:
    """Until the sample predictions are on top, and their first page is shown."""
    await until(pilot, on_top(app, GalleryScreen))
    await until(pilot, lambda: "page 1 of" in text(app, "#page-line"))


async def ended(app: CaeApp, pilot: Pilot[None], what: RunDirectory | StudyDirectory, state: str = FINISHED) -> None:
    """Until a run or a study has come to that state, and the app trains no more."""

    def state_now() -> str:
        return (what.read() if isinstance(what, StudyDirectory) else what.read_status()).state

    await until(pilot, lambda: state_now() == state and not app.runner.busy)


async def test_sample_predictions_ask_where_the_images_are_until_they_are_the_ones(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = jobs.start(home, tiny(files), nothing, Flag()).id
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
        assert "does not exist" in text(app, "#filters")
        app.pop_screen()
        app.post_message(OpenGallery(run))
        question = await asked(app, pilot)
        await answer(app, pilot, new["images"].parent)
        await predictions_stand(app, pilot)
        assert told(app) == [f"Run {run[:4]} reads its images from {new['images']} now."]


async def test_other_images_are_refused_where_they_are_named(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = jobs.start(home, tiny(files), nothing, Flag()).id
    new = move(files, tmp_path / "new")
    kept = new["images"].read_bytes()
    write_idx(new["images"], noise(TRAINING, 7)[..., 0])
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(OpenGallery(run))
        question = await asked(app, pilot)
        await answer(app, pilot, new["images"])
        question = await asked(app, pilot, question)
        assert "their number and shape are right, but pixels differ" in text(app, ".problem")
        new["images"].write_bytes(kept)
        await pilot.press("enter")
        await predictions_stand(app, pilot)


async def test_a_run_that_is_resumed_asks_where_its_images_are(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    app = make_app(jobs)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeRun(run.id))
        await asked(app, pilot)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        assert not app.runner.busy
        app.post_message(ResumeRun(run.id))
        await asked(app, pilot)
        await answer(app, pilot, new["images"])
        await ended(app, pilot, run)


async def test_a_run_that_is_finished_asks_where_its_images_are(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    app = make_app(jobs)
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
        await ended(app, pilot, run, EARLY_STOPPED)


@pytest.mark.parametrize("kind", ["run", "study"])
@pytest.mark.parametrize(
    ("field", "question", "problem"),
    [
        ("images", "Where are the training images of", "holds other images now"),
        ("labels", "Where are the training labels of", "holds other labels now"),
        ("test_images", "Where are the test images of", "holds other images now"),
        ("test_labels", "Where are the test labels of", "holds other labels now"),
    ],
)
async def test_the_file_that_was_replaced_is_asked_for(
    home: Home,
    files: dict[str, Path],
    make_app: MakeApp,
    tmp_path: Path,
    kind: str,
    field: str,
    question: str,
    problem: str,
) -> None:
    own, app = begun(home, files, kind), make_app(jobs)
    kept = Path(shutil.copy(files[field], tmp_path / "kept"))
    write_idx(files[field], OTHERS[field])
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeRun(own.id) if kind == "run" else ResumeStudy(own.id))
        await asked(app, pilot)
        assert text(app, ".question") == f"{question} {kind} {own.id[:4]} now?"
        assert text(app, ".problem").startswith(f"✗ {files[field]} {problem}. Name the file")
        await answer(app, pilot, kept)
        await ended(app, pilot, own)


@pytest.mark.parametrize("kind", ["run", "study"])
async def test_where_the_parts_were_not_written_down_the_folder_of_all_is_asked_for(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path, kind: str
) -> None:
    own, app = begun(home, files, kind), make_app(jobs)
    forget_parts(own.spec if isinstance(own, RunDirectory) else own.study)
    kept = tmp_path / "kept"
    shutil.copytree(files["images"].parent, kept)
    write_idx(files["labels"], OTHERS["labels"])
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeRun(own.id) if kind == "run" else ResumeStudy(own.id))
        await asked(app, pilot)
        assert "or a file that goes with it holds other images or labels now." in text(app, ".problem")
        await answer(app, pilot, kept)
        await ended(app, pilot, own)


async def test_several_files_that_were_replaced_are_asked_for_one_after_the_other(
    home: Home, files: dict[str, Path], make_app: MakeApp, tmp_path: Path
) -> None:
    run, app = stopped(home, tiny(files)), make_app(jobs)
    kept = {field: Path(shutil.copy(files[field], tmp_path / field)) for field in ("labels", "test_images")}
    for field in kept:
        write_idx(files[field], OTHERS[field])
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ResumeRun(run.id))
        question = await asked(app, pilot)
        await answer(app, pilot, kept["labels"])
        await asked(app, pilot, question)
        assert text(app, ".question").startswith("Where are the test images")
        await answer(app, pilot, kept["test_images"])
        await ended(app, pilot, run)


@pytest.mark.parametrize("kind", ["run", "study"])
async def test_what_was_deleted_meanwhile_is_not_asked_about(
    home: Home, files: dict[str, Path], make_app: MakeApp, kind: str
) -> None:
    own, app = begun(home, files, kind), make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        shutil.rmtree(own.path)
        app.moved.reopen(ResumeRun(own.id) if kind == "run" else ResumeStudy(own.id), ["labels"])
        await until(pilot, lambda: not app.workers)
        assert on_top(app, HomeScreen)()
        assert [sentence.partition(" in ")[0] for sentence in told(app)] == [f"No {kind} begins with “{own.id}”"]


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
        await ended(app, pilot, directory)
