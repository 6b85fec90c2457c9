"""Homes of earlier versions: their runs, studies and models are listed, shown, resumed and built upon."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae_tui.app.cae_app import CaeApp
from cae_tui.cli.main import main
from cae_tui.messages import OpenGallery, OpenRun, OpenStudy
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.study import StudyScreen
from cae_tui.screens.training import TrainingScreen
from engine.documents.read_page import ReadPage
from engine.evaluation.results import read_predictions
from engine.preparation import reopen
from engine.runs.directory import Home
from engine.studies.records import Studies
from tests.cae_tui.conftest import on_top, until

ARCHIVES = sorted((Path(__file__).parent / "homes").glob("*.tar.gz"))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    for path in (tmp_path / "home").rglob("*.json"):
        path.write_text(path.read_text().replace("@FOLDER@", str(tmp_path)))
    return tmp_path


@pytest.fixture
def home(folder: Path) -> Home:
    return Home(folder / "home")


@pytest.fixture
def run(home: Home, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--home", str(home.path), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def found(home: Home, kind: str, state: str, *, trials: bool = False) -> list[str]:
    """The ids of runs of that kind and state."""
    return [
        status.id
        for status in home.list_runs()
        if status.kind == kind and status.state == state and bool(status.study) is trials
    ]


def expected(folder: Path) -> dict[str, dict[str, Any]]:
    """What the version that made the home came to when it resumed its stopped runs, by their ids."""
    values: dict[str, dict[str, Any]] = json.loads((folder / "expected.json").read_text())
    return values


def test_every_run_and_study_is_listed(home: Home, run: Run) -> None:
    for kind, states in {
        "autoencoder": {"finished": 2, "stopped": 1, "diverged": 1},
        "classifier": {"finished": 1, "stopped": 1},
    }.items():
        assert {state: len(found(home, kind, state)) for state in states} == states
    assert sorted(study.state for study in Studies(home).list()) == ["finished", "stopped"]
    code, out, err = run("runs", "--json")
    assert (code, err) == (0, "")
    assert {status["id"] for status in json.loads(out)["runs"]} == {path.name for path in home.runs.iterdir()}
    assert run("runs", "--csv", "-")[0] == 0
    code, out, err = run("runs", "tag:baseline")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) >= 1


def test_every_complete_run_and_every_study_is_told(home: Home, run: Run, folder: Path) -> None:
    complete = [status.id for status in home.list_runs() if status.state == "finished"]
    assert len(complete) == 8
    for name in complete:
        code, out, err = run("report", name)
        assert (code, err) == (0, ""), name
        assert out
        assert run("report", name, "--json")[0] == 0
        assert run("inside", name, "--json")[0] == 0
    for study in Studies(home).list():
        code, out, err = run("study", "show", study.id)
        assert (code, err) == (0, ""), study.id
        assert run("study", "export", study.id, "--to", str(folder / study.id))[0] == 0


def test_the_number_of_trials_of_a_search_is_told_once(home: Home, run: Run) -> None:
    (search,) = (study for study in Studies(home).list() if study.spec["mode"] == "search")
    assert search.title == "search kernels, learning_rate"
    _, out, _ = run("study", "show", search.id)
    assert out.splitlines()[0].count(f"{search.total} trials") == 1


def test_a_stopped_run_ends_as_the_version_before_ended_it(home: Home, run: Run, folder: Path) -> None:
    # Not bit for bit: another processor rounds the last digits of a sum in another way.
    for name, before in expected(folder).items():
        code, _, err = run("resume", name)
        assert code == 0, err
        status = home.find(name).read_status()
        assert (status.state, status.best_epoch) == (before["state"], before["best_epoch"])
        assert status.best_loss == pytest.approx(before["best_loss"], rel=1e-3)
        assert status.last_loss == pytest.approx(before["last_loss"], rel=1e-3)


def test_a_stopped_run_is_finished_with_the_best_weights_that_the_version_before_kept(home: Home, run: Run) -> None:
    for kind in ("autoencoder", "classifier"):
        (name,) = found(home, kind, "stopped")
        before = home.find(name).read_status()
        code, out, _ = run("finish", name, "--json")
        assert code == 0
        (result,) = json.loads(out)["runs"]
        assert result["state"] == "early-stopped"
        assert result["best_validation_loss"] == before.best_loss
        assert result["evaluated_on"] in ("test", "validation")


def test_a_run_validates_on_the_images_that_it_began_with(home: Home) -> None:
    without_test_images = 0
    for status in home.list_runs():
        directory = home.find(status.id)
        if status.state == "finished" and (predictions := read_predictions(directory)).of == "validation":
            assert reopen(directory).validation.tolist() == predictions.indices.tolist()
            without_test_images += 1
    assert without_test_images == 1


def test_a_search_that_was_stopped_is_resumed(home: Home, run: Run) -> None:
    (name,) = (study.id for study in Studies(home).list() if study.state == "stopped")
    before = {trial.run for trial in Studies(home).find(name).read().trials if trial.run}
    code, _, err = run("study", "resume", name)
    assert code == 0, err
    record = Studies(home).find(name).read()
    assert record.state == "finished"
    assert len(before) == 3
    assert before < {trial.run for trial in record.trials}


def test_a_classifier_is_trained_on_a_run_and_on_a_model_file(home: Home, run: Run, folder: Path) -> None:
    data = [
        word
        for flag, name in (("--images", "images"), ("--labels", "labels"))
        for word in (flag, str(folder / "data" / f"three-{name}.idx"))
    ]
    tiny = ("--frozen-epochs", "1", "--finetune-epochs", "1", "--fc-units", "4", "--batch-size", "16")
    (encoder,) = (status.id for status in home.list_runs() if status.notes.tags)
    for named in (encoder, str(folder / "autoencoder.safetensors")):
        code, _, err = run("classifier", "--encoder", named, *tiny, *data)
        assert code == 0, err


def test_every_kind_of_run_has_its_document_finished_or_not(home: Home, run: Run, tmp_path: Path) -> None:
    chosen = {(status.kind, status.state): status for status in home.list_runs()}
    assert len(chosen) == 5
    for (kind, state), status in chosen.items():
        path = tmp_path / f"{kind}-{state}.html"
        code, out, err = run("report", status.id, "--to", str(path))
        assert (code, out.strip(), err) == (0, str(path), "")
        page = ReadPage(path.read_text())
        assert page.whole
        assert page.figures >= (5 if state == "finished" else 2)
        assert ("has not finished" in path.read_text()) is (state != "finished")


async def test_the_app_shows_every_run_and_study(home: Home) -> None:
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        for status in home.list_runs():
            app.screen.post_message(OpenRun(status.id))
            complete = status.state == "finished"
            await until(pilot, on_top(app, ReportScreen if complete else TrainingScreen))
            await pilot.pause()
            if complete:
                app.screen.post_message(OpenGallery(status.id))
                await until(pilot, on_top(app, GalleryScreen))
                await pilot.press("escape")
                await until(pilot, on_top(app, ReportScreen))
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
        for study in Studies(home).list():
            app.screen.post_message(OpenStudy(study.id))
            await until(pilot, on_top(app, StudyScreen))
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.theme == "cae-light"
        assert not [notice.message for notice in app._notifications if notice.severity == "error"]
