"""Files that were damaged, cut, deleted, or come from a newer version: told which, and the rest still works."""

import errno
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.run_state import replay
from cae_tui.cli.main import main
from cae_tui.messages import ConfigureAgain, OpenGallery, OpenRun, OpenTraining, ResumeRun
from cae_tui.screens.dialogs import ErrorScreen
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.runs import RunsScreen
from engine import jobs
from engine.errors import EngineError, ModelFileError, RunError
from engine.evaluation.results import read_predictions
from engine.protocol.control import Asked, Flag
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    EvaluationStarted,
    Event,
    RunEnded,
    RunStarted,
    StageEnded,
    StageStarted,
    Warned,
)
from engine.runs.checkpoint import read_model, read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.recorder import best_file, list_checkpoints, read_checkpoint
from engine.specs.base import Spec
from tests.cae_tui.conftest import errors, on_top, told, until
from tests.engine.tiny import tiny, tiny_classifier
from tests.faults.conftest import Training, assert_same_weights, resume, train

__all__ = ["errors"]


def stop_after(home: Home, spec: Spec, epochs: int) -> RunDirectory:
    """A run that was stopped after so many epochs."""
    flag, ended = Flag(), list[Event]()

    def emit(event: Event) -> None:
        if isinstance(event, EpochEnded):
            ended.append(event)
            if len(ended) == epochs:
                flag.ask(Asked.STOP)

    return home.find(jobs.start(home, spec, emit, flag).id)


def flip(path: Path, place: int, bit: int) -> None:
    """Turn one bit of a file round."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def warnings(run: RunDirectory) -> str:
    return " ".join(event.message for event in run.read_events()[0] if isinstance(event, Warned))


# -- checkpoints and model files ------------------------------------------------------------------


def test_whichever_bit_of_a_checkpoint_is_flipped_the_one_before_it_is_taken(
    home: Home, files: dict[str, Path]
) -> None:
    run = stop_after(home, tiny(files), 1)
    before, last = list_checkpoints(run)
    whole, good = read_checkpoint(run), last.read_bytes()
    chance = random.Random(0)
    places = [*range(16), *(chance.randrange(len(good)) for _ in range(300))]
    passed_over = 0
    for place in places:
        last.write_bytes(good)
        flip(last, place, chance.randrange(8))
        found = read_checkpoint(run)
        assert found is not None
        assert whole is not None
        if found.damaged:
            assert found.damaged == (last,)
            passed_over += 1
        else:  # the name of the checksum itself: the file is then one that has none
            assert found.state.progress == whole.state.progress
            assert all(
                torch.equal(found.state.tensors[name], whole.state.tensors[name]) for name in whole.state.tensors
            )
    assert passed_over > 0.98 * len(places)
    assert before.exists()


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one_says_so_and_ends_the_same(
    home: Home, files: dict[str, Path]
) -> None:
    whole, _, _ = train(home, tiny(files))
    run = stop_after(home, tiny(files), 1)
    damaged = list_checkpoints(run)[-1]
    flip(damaged, damaged.stat().st_size - 3, 4)  # in the last tensor
    assert resume(run).state == "finished"
    assert f"{damaged} is damaged and was deleted: the run continues from the previous checkpoint." in warnings(run)
    assert_same_weights(run, whole)


def test_a_damaged_checkpoint_is_not_kept_in_place_of_a_good_one(home: Home, files: dict[str, Path]) -> None:
    run = stop_after(home, tiny(files), 1)
    damaged = list_checkpoints(run)[-1]
    flip(damaged, damaged.stat().st_size - 3, 4)
    stopped = Flag()
    stopped.ask(Asked.STOP)
    jobs.resume(run, lambda event: None, stopped)
    assert len(list_checkpoints(run)) == 2
    assert all(read_tensors(checkpoint) for checkpoint in list_checkpoints(run))


def test_damaged_best_weights_end_a_resume_in_words_that_name_them(home: Home, files: dict[str, Path]) -> None:
    run = stop_after(home, tiny(files, epochs=1), 1)  # nothing but the evaluation is left to do
    best = best_file(run, "autoencoder")
    flip(best, best.stat().st_size - 3, 4)
    result = resume(run)
    assert result.state == "failed"
    assert f"{best} is damaged: its checksum is not that of its content." in result.message


def test_a_model_file_with_a_flipped_bit_is_refused_and_the_list_and_the_report_still_work(
    home: Home, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _, _ = train(home, tiny(files))
    flip(run.model, run.model.stat().st_size - 3, 4)
    with pytest.raises(ModelFileError, match="is damaged"):
        read_model(run.model).build()
    with pytest.raises(ModelFileError, match="is damaged"):
        jobs.start(home, tiny_classifier(files, run.model), lambda event: None, Flag())
    assert main(["--home", str(home.path), "report", run.id]) == 0
    assert main(["--home", str(home.path), "runs"]) == 0
    assert run.id[:4] in capsys.readouterr().out
    assert home.ids() == [run.id]  # the refused classifier left nothing


# -- the story ------------------------------------------------------------------------------------


def test_a_story_that_is_longer_than_at_the_checkpoint_but_another_is_not_cut_in_the_middle_of_a_line(
    home: Home, files: dict[str, Path]
) -> None:
    """As one that was emptied while the run was on, and grew on before the next checkpoint."""
    run = stop_after(home, tiny(files), 1)
    found = read_checkpoint(run)
    assert found is not None
    lines = run.events.read_bytes().splitlines(keepends=True)[1:]
    lines = [*lines, next(line for line in lines if b"BatchEnded" in line) * 9]
    run.events.write_bytes(b"".join(lines))
    assert run.events.read_bytes()[found.offset - 1 : found.offset] not in (b"", b"\n")
    assert resume(run).state == "finished"
    assert f"{run.events} was damaged: parts of the run's log are lost" in warnings(run)
    events, _ = run.read_events()
    assert len(events) == run.events.read_bytes().count(b"\n")
    assert replay(run.id, events).kind == "autoencoder"


@pytest.mark.parametrize("part", [0.0, 0.3, 0.8, 0.999])
def test_a_story_that_was_cut_in_the_middle_of_a_line_goes_on_says_so_and_the_weights_are_the_same(
    home: Home, files: dict[str, Path], part: float
) -> None:
    whole, _, _ = train(home, tiny(files))
    run = stop_after(home, tiny(files), 1)
    found = read_checkpoint(run)
    assert found is not None
    cut = round(found.offset * part)
    run.events.write_bytes(run.events.read_bytes()[:cut])
    assert resume(run).state == "finished"
    assert f"{run.events} was damaged: " in warnings(run)
    assert b"\0" not in run.events.read_bytes()
    assert len(run.read_events()[0]) == run.events.read_bytes().count(b"\n")
    state = replay(run.id, run.read_events()[0])
    assert (state.kind, state.stage, state.stage_epochs, state.state) == ("autoencoder", "autoencoder", 2, "finished")
    assert_same_weights(run, whole)


def test_a_story_that_was_cut_behind_the_checkpoint_loses_nothing(home: Home, files: dict[str, Path]) -> None:
    run = stop_after(home, tiny(files), 1)
    found = read_checkpoint(run)
    assert found is not None
    run.events.write_bytes(run.events.read_bytes()[: found.offset + 5])
    assert resume(run).state == "finished"
    assert "was damaged" not in warnings(run)
    assert [event.epoch for event in run.read_events()[0] if isinstance(event, EpochEnded)] == [1, 2]


# -- small files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("status.json", None, "No such file"),
        ("status.json", '{"format": 1, "state": "fini', "Unterminated string"),
        ("status.json", '{"format": 2}', "use a newer cae-tui"),
    ],
)
def test_a_run_that_cannot_be_listed_is_told_of_and_the_others_are_listed(
    home: Home, files: dict[str, Path], capsys: pytest.CaptureFixture[str], name: str, content: str | None, words: str
) -> None:
    good, bad = (train(home, tiny(files))[0] for _ in range(2))
    if content is None:
        (bad.path / name).unlink()
    else:
        (bad.path / name).write_text(content)
    assert main(["--home", str(home.path), "runs"]) == 0
    said = capsys.readouterr()
    assert good.id[:4] in said.out
    assert bad.id[:4] not in said.out
    assert f"cae-tui: {bad.path / name} cannot be read" in said.err
    assert words in said.err
    assert "or delete the folder of the run" in said.err


def test_a_spec_of_a_newer_version_is_told_and_the_run_is_still_listed_and_reported(
    home: Home, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    done, stopped = train(home, tiny(files))[0], stop_after(home, tiny(files), 1)
    for run in (done, stopped):
        run.spec.write_text(json.dumps({**json.loads(run.spec.read_text()), "format": 2}))
    assert main(["--home", str(home.path), "resume", stopped.id]) == 2
    said = capsys.readouterr().err
    assert str(stopped.spec) in said
    assert "has format 2; this version reads 1: use a newer cae-tui" in said
    assert stopped.read_status().state == "stopped"
    assert main(["--home", str(home.path), "report", done.id]) == 0
    assert {run.id for run in home.list_runs()} == {done.id, stopped.id}
    assert read_predictions(done)


def test_a_result_that_was_deleted_or_damaged_is_told_and_can_be_made_again(
    home: Home, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, result, _ = train(home, tiny(files))
    run.result.write_text("{")
    assert main(["--home", str(home.path), "report", run.id]) == 2
    assert f"{run.result} cannot be read" in capsys.readouterr().err
    run.result.unlink()
    assert home.list_runs()[0].state == "cut off"
    again = resume(run)
    assert again.test_loss == result.test_loss


# -- deleted under a run that is on ---------------------------------------------------------------


GONE: dict[str, Callable[[RunDirectory], Path]] = {
    "checkpoints": lambda run: run.checkpoints,
    "best": lambda run: run.best,
    "samples": lambda run: run.samples,
    "all of it": lambda run: run.path,
}


@pytest.mark.parametrize("what", GONE)
def test_a_run_whose_folder_is_deleted_while_it_is_on_fails_in_words_that_name_it(
    home: Home, files: dict[str, Path], what: str
) -> None:
    def delete(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 1:
            shutil.rmtree(GONE[what](home.find(home.ids()[0])))

    result = Training.start(home, tiny(files), delete).end()
    assert result.state == "failed"
    assert str(home.runs / result.id) in result.message
    assert "is not there: restore or make it" in result.message
    other, again, _ = train(home, tiny(files))
    assert again.state == "finished"
    assert other.id in {run.id for run in home.list_runs()}


@pytest.mark.parametrize("name", ["spec.json", "status.json", "events.jsonl"])
def test_a_run_whose_file_is_deleted_while_it_is_on_comes_to_its_end(
    home: Home, files: dict[str, Path], name: str
) -> None:
    whole, _, _ = train(home, tiny(files))

    def delete(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 1:
            run = next(run for run in home.ids() if run != whole.id)
            (home.find(run).path / name).unlink()

    result = Training.start(home, tiny(files), delete).end()
    assert result.state == "finished"
    run = home.find(result.id)
    assert run.read_status().state == "finished"
    assert_same_weights(run, whole)
    events, _ = run.read_events()
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert any("events.jsonl was deleted" in message for message in warnings) == (name == "events.jsonl")
    assert isinstance(events[-1], RunEnded)
    state = replay(run.id, events)
    assert (state.kind, state.title, state.stage) == ("autoencoder", result.title, "autoencoder")
    assert (state.stage_epochs, state.total_epochs, state.share) == (2, 2, 1.0)
    assert [epoch.epoch for epoch in state.epochs] == [1, 2]


@pytest.mark.parametrize("when", [StageStarted, StageEnded, EvaluationStarted])
def test_a_classifier_whose_story_is_deleted_after_its_first_stage_tells_of_both_in_its_result(
    home: Home, files: dict[str, Path], when: type[Event]
) -> None:
    encoder = train(home, tiny(files))[0]

    def delete(event: Event) -> None:
        if isinstance(event, when) and getattr(event, "stage", "fine-tuning") == "fine-tuning":
            next(home.find(run) for run in home.ids() if run != encoder.id).events.unlink()

    result = Training.start(home, tiny_classifier(files, encoder.model), delete).end()
    assert [(stage.stage, stage.best_epoch) for stage in result.stages] == [("frozen", 1), ("fine-tuning", 1)]
    assert all(stage.best_accuracy is not None for stage in result.stages)
    run = home.find(result.id)
    assert run.read_result() == result
    events, whole = run.read_events()
    assert whole == run.events.stat().st_size
    stages = [event.stage for event in events if isinstance(event, StageStarted)]
    assert stages == ["frozen", "fine-tuning"]


def test_a_run_that_is_killed_after_its_story_was_deleted_is_taken_up_with_all_of_it(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    whole, _, _ = train(home, tiny(files, epochs=3))
    killed = Home(home.path.with_name("killed"))
    steps: list[Event] = []

    def delete_then_copy(event: Event) -> None:
        if isinstance(event, BatchEnded) and event.epoch == 2:
            run = next(home.find(run) for run in home.ids() if run != whole.id)
            steps.append(event)
            if len(steps) == 1:
                run.events.unlink()
            elif len(steps) == 4:  # what a kill would leave now: the checkpoint is of before
                shutil.copytree(run.path, killed.runs / run.id)

    assert Training.start(home, tiny(files, epochs=3), delete_then_copy).end().state == "finished"
    run = killed.find(killed.ids()[0])
    assert run.read_status().state == "cut off"
    assert resume(run).state == "finished"
    events, _ = run.read_events()
    assert len(events) == run.events.read_bytes().count(b"\n")
    assert "was damaged" not in warnings(run)
    assert replay(run.id, events).title == replay(whole.id, whole.read_events()[0]).title
    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [1, 2, 3]
    assert_same_weights(run, whole)


@pytest.mark.parametrize("where", ["engine.storage.files", "engine.runs.events_log"])
def test_a_deleted_story_is_written_again_once_there_is_room(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr("engine.runs.recorder.ROOM_SECONDS", 0.05)
    refused: list[object] = []

    def open_where_there_is_room(path: Path, *how: Any, **options: Any) -> Any:
        if "events.jsonl" in path.name and not refused:
            refused.append(path)
            raise OSError(errno.ENOSPC, "No space left on device")
        return open(path, *how, **options)

    def delete(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 1:
            home.find(home.ids()[0]).events.unlink()
            monkeypatch.setattr(f"{where}.open", open_where_there_is_room, raising=False)

    result = Training.start(home, tiny(files), delete).end()
    run = home.find(result.id)
    assert refused
    assert (result.state, run.read_status().state) == ("finished", "finished")
    events, _ = run.read_events()
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert any(isinstance(event, Continued) for event in events)
    assert len(events) == run.events.read_bytes().count(b"\n")


def test_a_run_that_is_deleted_cannot_be_opened_and_says_so(home: Home, files: dict[str, Path]) -> None:
    run, _, _ = train(home, tiny(files))
    shutil.rmtree(run.path)
    for look in (run.read_status, run.read_spec, lambda: read_predictions(run), lambda: home.find(run.id)):
        with pytest.raises(EngineError):
            look()
    with pytest.raises(RunError, match="No run begins with"):
        home.find(run.id)


# -- deleted under the app ------------------------------------------------------------------------


VANISHED = {
    "all of it": [""],
    "what it is": ["spec.json", "events.jsonl"],
    "how it went": ["status.json"],
    "what it made": ["predictions.npz", "samples", "model.safetensors", "encoder.safetensors"],
}
LOOKS = (OpenRun, OpenTraining, OpenGallery, ConfigureAgain, ResumeRun)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Path:
    """A home with an autoencoder and a classifier on it."""
    home = Home(tmp_path_factory.mktemp("trained") / "home")
    train(home, tiny_classifier(files, train(home, tiny(files))[0].model))
    return home.path


@pytest.mark.parametrize("what", VANISHED)
async def test_whatever_of_a_run_is_deleted_under_the_app_each_screen_of_it_opens_or_says_why_not(
    home: Home, trained: Path, what: str
) -> None:
    shutil.copytree(trained, home.path)
    kinds = {status.kind: home.find(status.id) for status in home.list_runs()}
    run, other = kinds["classifier"], kinds["autoencoder"]
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:

        async def show_the_report_of(one: RunDirectory) -> None:
            app.screen.post_message(OpenRun(one.id))
            await until(pilot, lambda: isinstance(app.screen, ReportScreen) and app.screen.view is not None)

        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        await show_the_report_of(run)
        for gone in (run.path / name for name in VANISHED[what]):
            if gone.is_dir():
                shutil.rmtree(gone)
            else:
                gone.unlink()
        await pilot.press("3", "g")  # which the report, that is still open, offers
        for look in LOOKS:
            app.screen.post_message(look(run.id))
            await pilot.pause(0.2)
            while not isinstance(app.screen, RunsScreen):
                assert not isinstance(app.screen, ErrorScreen | HomeScreen)
                await pilot.press("escape")
                await pilot.pause()
        assert told(app)  # what was refused, with the reason
        await show_the_report_of(other)
