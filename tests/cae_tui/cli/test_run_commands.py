"""`cae-tui stop`, `pause`, `resume`, `finish`, `delete`: of runs that a thread trains in place of another process."""

import io
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.run_state import GONE_WORDS
from cae_tui.cli import console, run_console
from cae_tui.cli.main import main
from cae_tui.cli.opening import first_page
from cae_tui.messages import OpenRun, OpenStudy
from cae_tui.printing import command_for
from cae_tui.screens.study import StudyScreen
from engine.protocol.control import Asked, Flag, RunControl
from engine.protocol.events import EventFormat, Paused
from engine.protocol.states import EARLY_STOPPED, PAUSED, RUNNING, STOPPED
from engine.results import result_of
from engine.runs.directory import Home, RunDirectory, default_home
from engine.specs.classifier import ClassifierSpec
from engine.storage.files import write_json
from tests.cae_tui.conftest import on_top, until
from tests.cae_tui.script import (
    AUTOENCODER,
    BEGAN,
    CLASSIFIER,
    finished_early,
    halfway,
    scripted_events,
    scripted_result,
    scripted_status,
    write_run,
)
from tests.cae_tui.study_script import grid, guided, write_study

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], home: Home) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["--home", str(home.path), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def write_live(home: Home, run: str = AUTOENCODER) -> RunDirectory:
    """A run in its second epoch."""
    events = [*scripted_events(run=run, epochs=20)[:6], *halfway()[6:]]
    return write_run(home, events, status=replace(scripted_status(events), id=run))


@contextmanager
def trained(run: RunDirectory, *, deaf: bool = False, dies: bool = False) -> Iterator[threading.Event]:
    """Hold the run in a thread that does what is asked of it; the event is set at its end.

    Where it is `deaf` it does nothing; where it `dies`, it is gone once anything is asked.
    """
    over, ready = threading.Event(), threading.Event()

    def train() -> None:
        with run.locked():
            control = RunControl(Flag(), run.control)
            ready.set()
            while not over.wait(0.005):
                if dies and run.control.exists():
                    over.set()
                asked = Asked.RUN if deaf or dies else control.asked()
                status = run.read_status()
                if asked is Asked.STOP:
                    run.write_status(
                        replace(status, state=STOPPED, message="Stopped in epoch 2. Resume it to continue.")
                    )
                    over.set()
                elif asked is Asked.FINISH:
                    ended = finished_early(run.id)
                    write_json(run.result, status.kind, dict(ended.result))
                    run.write_status(replace(status, state=EARLY_STOPPED, message=ended.message))
                    over.set()
                else:
                    state = PAUSED if asked is Asked.PAUSE else RUNNING
                    if state != status.state and not deaf and not dies:
                        run.write_status(replace(status, state=state))

    thread = threading.Thread(target=train)
    thread.start()
    ready.wait()
    try:
        yield over
    finally:
        over.set()
        thread.join()


OTHER = "b7f3000000"

# -- stop, pause, go on ---------------------------------------------------------------------------


def test_a_run_of_another_process_is_stopped_and_what_can_be_done_next_is_told(run: Run, home: Home) -> None:
    with trained(write_live(home)):
        code, out, err = run("stop", "a7f3")
    assert (code, out) == (0, f"Run {AUTOENCODER}: Stopped in epoch 2. Resume it to continue.\n")
    assert f"cae-tui --home {home.path} resume {AUTOENCODER}" in err
    assert f"cae-tui --home {home.path} finish {AUTOENCODER}" in err
    assert home.find(AUTOENCODER).read_status().state == STOPPED


def test_several_runs_are_stopped_at_once_and_one_that_does_not_train_is_named(run: Run, home: Home) -> None:
    write_run(home, scripted_events("classifier"))
    with trained(write_live(home)), trained(write_live(home, OTHER)):
        code, out, err = run("stop", "a7f3", "b7f3", "c01b", "a7f3000", "--json")
    assert code == 2
    assert f"Run {CLASSIFIER} is not training: it is finished." in err
    assert [(one["id"], one["state"]) for one in json.loads(out)["runs"]] == [(AUTOENCODER, STOPPED), (OTHER, STOPPED)]


def test_a_run_is_paused_and_resume_lets_it_go_on(run: Run, home: Home) -> None:
    with trained(write_live(home)) as over:
        code, out, _ = run("pause", "a7f3")
        assert (code, out) == (
            0,
            f"Run {AUTOENCODER} is paused: `cae-tui --home {home.path} resume {AUTOENCODER}` continues it.\n",
        )
        assert home.find(AUTOENCODER).read_status().state == PAUSED
        code, out, err = run("pause", "a7f3")
        assert (code, out, f"Run {AUTOENCODER} is already paused." in err) == (0, "", True)
        code, out, _ = run("resume", "a7f3")
        assert (code, f"Run {AUTOENCODER} continues" in out) == (0, True)
        assert home.find(AUTOENCODER).read_status().state == RUNNING
        assert run("resume", "a7f3")[0] == 2  # it trains, and is followed by another command
        assert not over.is_set()


def test_a_run_that_waits_for_room_says_so_and_is_not_asked_to_go_on(run: Run, home: Home) -> None:
    written = write_live(home)
    paused = Paused(time=BEGAN, message="No room is left for the files of the run.")
    with open(written.events, "a", encoding="utf-8") as file:
        file.write(EventFormat.write(paused) + "\n")
    with trained(written, deaf=True):
        written.write_status(replace(written.read_status(), state=PAUSED))
        code, out, err = run("resume", "a7f3")
    assert (code, out) == (2, "")
    assert "No room is left for the files of the run." in err
    assert not written.control.exists()


def test_a_run_that_ends_before_it_pauses_is_told_as_it_is(run: Run, home: Home) -> None:
    written = write_live(home)
    with trained(written, dies=True):
        code, out, _ = run("pause", "a7f3")
    assert (code, out) == (1, f"Run {AUTOENCODER} is cut off.\n")


def test_ctrl_c_ends_the_waiting_and_not_the_asking(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    written = write_live(home)
    with trained(written, deaf=True):
        for command in ("stop", "pause", "finish"):
            with monkeypatch.context() as patch:
                patch.setattr("cae_tui.cli.run_console.time.sleep", interrupt)
                code, out, err = run(command, "a7f3")
            assert (code, out) == (130, "")
            assert f"Not waiting any longer. Run {AUTOENCODER} was asked to {command}" in err
            assert written.control.read_text() == command


def test_a_trial_that_is_stopped_names_the_study_that_stops_with_it(run: Run, home: Home) -> None:
    written, study = write_live(home), guided(state="stopped")
    write_study(home, study)
    written.write_status(replace(written.read_status(), study=study.id, trial=1))
    with trained(written):
        code, _, err = run("stop", "a7f3")
    assert code == 0
    assert f"is a trial of study {study.id}, which stops with it." in err
    assert f"cae-tui --home {home.path} study resume {study.id}" in err
    assert "finish" not in err


@pytest.mark.parametrize("command", ["stop", "pause", "finish", "delete"])
def test_a_study_is_told_from_a_run(run: Run, home: Home, command: str) -> None:
    write_study(home, guided())
    code, out, err = run(command, "4s6y")
    assert (code, out) == (2, "")
    assert "“4s6y” is a study, not a run" in err


@pytest.mark.parametrize("command", ["stop", "pause", "finish", "delete", "resume"])
def test_a_run_that_is_not_there_is_named_before_anything_is_done(run: Run, home: Home, command: str) -> None:
    written = write_live(home)
    with trained(written, deaf=True):
        words = ["zzzz"] if command == "resume" else ["a7f3", "zzzz"]
        code, out, err = run(command, *words)
    assert (code, out) == (2, "")
    assert "No run begins with “zzzz”" in err
    assert not written.control.exists()


# -- finish ---------------------------------------------------------------------------------------


def test_a_run_of_another_process_is_finished_and_its_result_printed(run: Run, home: Home) -> None:
    with trained(write_live(home)):
        code, out, _ = run("finish", "a7f3")
    assert code == 0
    assert out.startswith(f"autoencoder {AUTOENCODER}: early-stopped, ")
    assert "Finished early at epoch 2 of 3, as asked." in out
    code, out, _ = run("report", "a7f3")
    assert (code, "Finished early at epoch 2 of 3, as asked." in out) == (0, True)


def test_the_results_of_finished_runs_are_one_json_object(run: Run, home: Home) -> None:
    with trained(write_live(home)), trained(write_live(home, OTHER)):
        code, out, _ = run("finish", "a7f3", "b7f3", "--json")
    assert code == 0
    assert [(one["id"], one["state"]) for one in json.loads(out)["runs"]] == [
        (AUTOENCODER, EARLY_STOPPED),
        (OTHER, EARLY_STOPPED),
    ]


def test_none_is_finished_where_one_has_no_complete_epoch(run: Run, home: Home) -> None:
    fresh = write_live(home, OTHER)
    fresh.write_status(replace(fresh.read_status(), state=RUNNING, epoch=0, best_epoch=0, best_loss=None))
    with trained(write_live(home), deaf=True), trained(fresh, deaf=True):
        code, out, err = run("finish", "a7f3", "b7f3")
    assert (code, out) == (2, "")
    assert f"Run {OTHER} has not completed an epoch, so there is nothing to evaluate. Wait for its first epoch" in err
    assert not home.find(AUTOENCODER).control.exists()


def test_a_run_whose_process_dies_while_it_is_finished_is_told_as_cut_off(run: Run, home: Home) -> None:
    with trained(write_live(home), dies=True):
        code, out, err = run("finish", "a7f3")
    assert (code, out) == (2, "")
    assert f"Run {AUTOENCODER} was cut off before it was evaluated." in err


def test_a_run_without_a_report_says_how_it_gets_one(run: Run, home: Home) -> None:
    write_run(home, scripted_events(state="stopped"))
    code, out, err = run("report", "a7f3")
    assert (code, out) == (2, "")
    assert (
        f"`cae-tui --home {home.path} resume {AUTOENCODER}` continues it, "
        f"`cae-tui --home {home.path} finish {AUTOENCODER}` evaluates its best weights." in err
    )


# -- delete ---------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """An input at which a person sits."""

    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))


def test_a_run_is_deleted_once_the_person_agrees(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(home, scripted_events())
    for typed in ("\n", "n\n", ""):
        answer(monkeypatch, typed)
        code, out, err = run("delete", "a7f3")
        assert (code, out) == (0, "")
        assert f"Delete run {AUTOENCODER}? [y/N]" in err
        assert "Curves, predictions and model cannot be restored." in err
        assert "Nothing was deleted." in err
        assert home.ids() == [AUTOENCODER]
    answer(monkeypatch, "y\n")
    assert run("delete", "a7f3")[:2] == (0, f"Run {AUTOENCODER} was deleted.\n")
    assert home.ids() == []


def test_nobody_to_ask_means_that_nothing_is_deleted_without_yes(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(home, scripted_events())
    write_run(home, scripted_events("classifier"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, out, err = run("delete", "a7f3", "c01b")
    assert (code, out) == (2, "")
    assert "Nothing was deleted: add --yes to delete 2 runs without being asked." in err
    assert len(home.ids()) == 2
    code, out, _ = run("delete", "a7f3", "c01b", "--yes", "--json")
    assert (code, json.loads(out)["deleted"]) == (0, [AUTOENCODER, CLASSIFIER])
    assert home.ids() == []


def test_no_run_is_deleted_where_one_is_being_trained(run: Run, home: Home) -> None:
    write_run(home, scripted_events("classifier"))
    with trained(write_live(home), deaf=True):
        code, out, err = run("delete", "c01b", "a7f3", "--yes")
    assert (code, out) == (2, "")
    assert f"Run {AUTOENCODER} is training: `cae-tui --home {home.path} stop {AUTOENCODER}` stops it." in err
    assert len(home.ids()) == 2


def test_what_else_uses_a_run_is_told_before_it_is_deleted(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_run(home, scripted_events())
    write_run(home, scripted_events("classifier"))
    done, waiting = grid(), guided(state="stopped")
    waiting.spec["baseline"] = ClassifierSpec(encoder=AUTOENCODER).model_dump(mode="json")
    waiting.id = "5s6y000000"
    for record in (done, waiting):
        write_study(home, record)
    written.write_status(replace(written.read_status(), study=done.id, trial=1))
    answer(monkeypatch, "n\n")
    said = " ".join(run("delete", "a7f3")[2].split())
    assert "It is part of a study, whose table keeps the numbers but can no longer open the run." in said
    assert "Classifier c01b was built on it, and keeps its own copy of the encoder." in said
    assert f"Study {waiting.id[:4]}, not finished yet, could not be resumed: it is the encoder it builds on." in said
    answer(monkeypatch, "n\n")
    assert "Classifier" not in run("delete", "a7f3", "c01b")[2].replace("classifier", "")


def test_a_run_whose_files_cannot_be_read_can_be_deleted(run: Run, home: Home) -> None:
    write_run(home, scripted_events()).status.write_text("{")
    assert run("delete", "a7f3", "--yes")[0] == 0
    assert home.ids() == []


# -- what is told ---------------------------------------------------------------------------------


def test_a_command_names_the_home_where_it_is_not_the_usual_one(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path / "usual"))
    assert command_for(Home(default_home()), "stop", "a7f3") == "cae-tui stop a7f3"
    assert command_for(Home(tmp_path / "my runs"), "stop", "a7f3") == (f"cae-tui --home '{tmp_path}/my runs' stop a7f3")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("report", "zzzz"), "runs"),
        (("study", "show", "zzzz"), "study list"),
        (("study", "resume"), "study list"),
        (("runs", "list"), "runs -- list"),
        (("runs", "-failed"), "runs -- -failed"),
        (("stopp", "a7f3"), "stop"),
        (("runs",), "autoencoder"),
        (("study", "list"), "study layers=8,10,12"),
    ],
)
def test_whatever_is_told_names_the_home_in_its_commands(
    words: tuple[str, ...], hint: str, run: Run, home: Home
) -> None:
    _, out, err = run(*words)
    assert f"`cae-tui --home {home.path} {hint}`" in out + err


def test_watch_opens_a_run_or_a_study_by_the_beginning_of_its_id(run: Run, home: Home) -> None:
    study = write_study(home, grid()).id
    write_run(home, scripted_events())
    assert first_page(home, AUTOENCODER[:3]) == OpenRun(AUTOENCODER)
    assert first_page(home, study[:3].upper()) == OpenStudy(study)
    for wrong in ("", "nope"):
        code, _, err = run("watch", wrong)
        assert (code, f"No run and no study begins with “{wrong}”" in err) == (2, True)
    home.find(AUTOENCODER).path.rename(home.runs / f"{study[:3]}a{study[4:]}")
    assert "write more" in run("watch", study[:3])[2]
    assert first_page(home, study[:4]) == OpenStudy(study)


async def test_what_watch_names_is_the_first_page(home: Home) -> None:
    app = CaeApp(home, open_first=OpenStudy(write_study(home, grid()).id))
    async with app.run_test() as pilot:
        await until(pilot, on_top(app, StudyScreen))


def test_a_study_that_is_busy_names_the_home_too(run: Run, home: Home) -> None:
    directory = write_study(home, grid())
    with directory.locked():
        code, _, err = run("study", "resume", directory.id)
    assert code == 2
    assert f"`cae-tui --home {home.path} study show {directory.id}` shows how far" in err


def test_what_a_version_before_wrote_down_names_the_home_where_it_is_shown(run: Run, home: Home) -> None:
    record = grid()
    trial = record.stages[0].points[0].trials[0]
    trial.state, trial.message, trial.best_loss = (
        "failed",
        "The disk is full. `cae-tui study resume x` continues.",
        None,
    )
    directory = write_study(home, record)
    _, out, _ = run("study", "show", directory.id)
    assert f"The disk is full. `cae-tui --home {home.path} study resume x` continues." in out


def test_a_run_that_failed_says_how_it_is_continued(capsys: pytest.CaptureFixture[str], home: Home) -> None:
    run = write_run(home, scripted_events())
    result = result_of(scripted_result(state="failed", message="The disk is full."))
    console.print_result(home, result, as_json=True)
    err = capsys.readouterr().err.split("\n")
    assert err[0] == "The disk is full."
    assert err[1].split() == f"cae-tui --home {home.path} resume {AUTOENCODER} tries to continue from there".split()
    shutil.rmtree(run.path)
    console.print_result(home, result, as_json=True)
    assert capsys.readouterr().err == f"{GONE_WORDS}\n"


def test_each_run_is_asked_once(home: Home) -> None:
    write_run(home, scripted_events())
    assert len(run_console.find_all(home, ["a7f3", "a7f30", "A7F3"])) == 1
