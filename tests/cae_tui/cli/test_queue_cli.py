"""`cae-tui queue`, `--queue`, and what other commands make of a run that waits for its turn."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from cae_tui.cli.queue_console import QueueTeller
from cae_tui.settings import read_settings
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.protocol.states import FINISHED, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.studies.queue import RunQueue
from engine.studies.records import Studies
from tests.cae_tui.bridge.test_runner import until
from tests.cae_tui.cli.conftest import Run
from tests.cae_tui.cli.test_completion import offered
from tests.engine.tiny import write_files

SMALL = ("--layers", "4", "--kernels", "2", "--downsamplings", "1", "--latent", "5", "--batch-size", "8", "--device",
         "cpu", "--epochs", "1")  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """A run that takes no time."""
    named = ([f"--{name.replace('_', '-')}", str(path)] for name, path in write_files(tmp_path).items())
    return [*SMALL, *(word for words in named for word in words)]


Add = Callable[..., str]


@pytest.fixture
def add(run: Run, flags: list[str]) -> Add:
    def call(*words: str) -> str:
        code, out, _ = run("autoencoder", *flags, *words, "--queue")
        assert code == 0
        return out.strip()

    return call


def order(home: Home) -> list[str]:
    return [waiting.id for waiting in RunQueue(home).runs()]


def test_runs_are_queued_listed_moved_taken_out_and_trained(run: Run, home: Home, add: Add) -> None:
    assert run("queue")[1].startswith("No runs are queued. `cae-tui --home ")
    a, b = add(), add("--seed", "1")
    code, out, err = run("resume", b, "--queue", "--json")  # once more: it is the last still
    assert (code, json.loads(out)) == (0, {"id": b, "place": 2})
    assert "is queued, as number 2:" in err
    assert "queue start" in err
    assert run("queue", "move", b, "up")[1] == f"Run {b} is number 1 of 2 in the queue.\n"
    assert json.loads(run("queue", "move", a, "last", "--json")[1])["order"] == [b, a]
    lines = run("queue")[1].splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["1", b[:4]], ["2", a[:4]]]
    assert "queue start` trains what waits" in lines[3]
    told = json.loads(run("queue", "--json")[1])
    assert ([each["id"] for each in told["queued"]], told["training"], told["worked_off"]) == ([b, a], [], False)
    assert run("queue", "remove", a)[1].startswith(f"Run {a} was taken out of the queue: `cae-tui")
    code, out, err = run("queue", "start")
    assert code == 0
    assert out.startswith(f"Run {b} is finished, val_loss ")
    assert f"run {b} · autoencoder" in err
    assert home.find(a).read_status().state == STOPPED
    assert run("queue", "start")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rm"], "`queue` does not know “rm”: choose list, start, stop, move or remove. To take a run out: "),
        (["up"], "To move a run: `cae-tui queue move RUN up`."),
        (["add"], "To add a run: `cae-tui autoencoder --queue`"),
        (["list", "x"], "“x” is not expected here: `queue list` takes only flags."),
        (["stop"], "Nobody works the queue off: there is nothing to stop."),
        (["stop", "x"], "`queue stop` takes only flags. To stop one run: `cae-tui stop RUN`."),
        (["move"], "`queue move` takes a run and where to: `cae-tui queue move RUN up|down|first|last`."),
        (["move", "{run}", "left"], "“left” is not where a run can be moved: choose up, down, first or last."),
        (["move", "zzzz", "up"], "No run begins with “zzzz”"),
        (["remove"], "`queue remove` takes the ids of runs"),
        (["--workers", "2"], "--workers is for `queue start`; `queue list` trains nothing."),
        (["list", "--detach"], "--detach is for `queue start`"),
        (["start", "--workers", "0"], "--workers: 0 is not a number of runs to train at once: use 1 to 64."),
        (["start", "--workers", "²"], "--workers: ² is not a number of runs"),
    ],
)
def test_what_is_wrong_is_said(run: Run, home: Home, add: Add, words: list[str], told: str) -> None:
    name = add() if "{run}" in words else ""
    code, _, err = run("queue", *(word.format(run=name) for word in words))
    err = err.replace(f" --home {home.path}", "")
    assert (code, told in err) == (2, True), err


def test_a_run_that_is_not_queued_is_neither_moved_nor_taken_out(run: Run, home: Home, add: Add) -> None:
    a, b = add(), add()
    assert run("stop", a)[1] == f"Run {a}: Taken out of the queue before it began. Resume it to train it.\n"
    assert f"Run {a} is stopped, not queued" in run("queue", "move", a, "up")[2]
    assert f"Run {a} is stopped, not queued: nothing was taken out." in run("queue", "remove", b, a)[2]
    assert order(home) == [b]
    assert "cannot be used together" in run("resume", a, "--queue", "--detach")[2]


def test_a_queued_run_is_trained_deleted_paused_and_asked_for_its_model(run: Run, home: Home, add: Add) -> None:
    a, b = add(), add()
    assert f"Run {a} is not training: it is queued." in run("pause", a)[2]
    assert f"Run {a} is queued and has no model yet" in run("predict", a, "x.png")[2]
    assert run("delete", b, "--yes")[1] == f"Run {b} was deleted.\n"
    assert run("resume", a)[0] == 0
    assert (home.find(a).read_status().state, order(home)) == (FINISHED, [])
    assert "there is nothing left to train" in run("resume", a, "--queue")[2]


def test_a_bad_spec_is_refused_at_once(run: Run, home: Home, flags: list[str]) -> None:
    code, _, err = run("autoencoder", *flags, "--batch-size", "999", "--queue")
    assert (code, "--batch-size:" in err, home.ids()) == (2, True, [])


def test_one_that_fails_makes_the_exit_code_1_and_the_others_are_trained(
    run: Run, home: Home, add: Add, flags: list[str]
) -> None:
    a, b = add(), add()
    home.find(a).spec.write_text("{")
    code, out, _ = run("queue", "start", "--json")
    assert code == 1
    assert {each["id"]: each["state"] for each in json.loads(out)["runs"]} == {a: "failed", b: "finished"}


def test_ctrl_c_stops_the_run_under_way_and_keeps_the_others_queued(
    run: Run, home: Home, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = add("--epochs", "3"), add()
    flag = Flag()

    def hear(teller: QueueTeller, directory: RunDirectory, event: Event) -> None:
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    monkeypatch.setattr("cae_tui.cli.queue_console.interruptible", lambda: nullcontext(flag))
    monkeypatch.setattr(QueueTeller, "emit", hear)
    code, _, err = run("queue", "start")
    assert code == 130
    assert (home.find(a).read_status().state, order(home)) == (STOPPED, [b])
    assert "1 run stays queued: `cae-tui" in err
    assert f"resume {a}   continues from there" in err


def test_while_another_process_works_it_off_a_second_one_is_refused(run: Run, home: Home, add: Add) -> None:
    add()
    with RunQueue(home).held():
        assert "Another process trains what is queued already" in run("queue", "start")[2]
        assert "queue start" not in run("queue")[1]


def test_it_is_worked_off_in_the_background(run: Run, home: Home, add: Add) -> None:
    a, b = add(), add()
    code, out, err = run("queue", "start", "--detach", "--json")
    assert (code, "worked off in the background" in err) == (0, True)
    assert json.loads(out)["process"]
    until(lambda: home.find(b).read_status().state == FINISHED)
    assert home.find(a).read_status().state == FINISHED


def test_what_works_it_off_in_the_background_is_stopped(run: Run, home: Home, add: Add) -> None:
    a, b = add("--epochs", "99999", "--patience", "0"), add()
    assert "queue stop   stops what trains" in run("queue", "start", "--detach")[2]
    until(lambda: any(home.find(a).checkpoints.glob("*.safetensors")))
    code, out, _ = run("queue", "stop", "--json")
    assert (code, json.loads(out)) == (0, {"format": 1, "stopped": [a], "queued": [b]})
    assert not RunQueue(home).is_worked_off


def test_a_run_that_begins_at_that_moment_has_no_place(
    run: Run, home: Home, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = add()
    monkeypatch.setattr(RunQueue, "waiting", lambda self: [])
    assert run("queue", "move", a, "first")[1] == f"Run {a} begins now.\n"
    code, out, err = run("resume", a, "--queue", "--json")
    assert (code, json.loads(out)["place"], f"Run {a} begins now" in err) == (0, 0, True)


def test_the_setting_says_how_many_are_trained_at_once(home: Home) -> None:
    home.path.mkdir()
    for value, workers in (("3", 3), ("0", 1), ("true", 1), ('"auto"', 1), ("65", 1)):
        (home.path / "settings.json").write_text(f'{{"workers": {value}}}')
        settings, problems = read_settings(home.path)
        assert settings.workers == workers
        assert bool(problems) == (workers == 1)
    assert "“workers” should be how many runs are trained at once, 1 to 64, but is 65" in problems[0]


def test_actions_and_queued_runs_are_completed(home: Home, add: Add, tmp_path: Path) -> None:
    a, b = add(), add()
    assert {"list", "start", "stop", "move", "remove"} <= offered("cae-tui queue ", tmp_path, home)
    assert {a, b} & offered(f"cae-tui queue remove {a} ", tmp_path, home) == {b}
    assert {"up", "down", "first", "last"} <= offered(f"cae-tui queue move {a} ", tmp_path, home)


def test_a_study_goes_on_in_the_background(run: Run, home: Home, flags: list[str]) -> None:
    code, out, err = run("study", "latent=3,4", *flags, "--detach")
    assert (code, "goes on in the background, in process" in err) == (0, True)
    study = Studies(home).find(out.strip())
    until(lambda: study.read().state == FINISHED)
    assert "is finished: there is nothing left to resume" in run("study", "resume", study.id, "--detach")[2]
