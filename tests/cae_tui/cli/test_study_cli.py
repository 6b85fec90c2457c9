"""Studies on the command line: their plan, tables, wrong words, and the end of a process in the middle."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cae_tui.cli.main import main
from cae_tui.cli.study_cli import in_order
from cae_tui.cli.study_console import StudyTeller
from engine.protocol.events import Warned
from engine.runs.directory import Home
from engine.studies.records import Studies, StudyRecord
from tests.cae_tui.script import scripted_events
from tests.cae_tui.study_script import grid, write_study
from tests.engine.conftest import files as files  # the same slice of MNIST
from tests.engine.studies.conftest import table
from tests.idx import write_idx

Study = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flags(files: dict[str, Path]) -> list[str]:
    named = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    return ["--epochs", "2", "--layers", "6", "--kernels", "4", "--batch-size", "64", "--threads", "1", *named]


@pytest.fixture
def study(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Study:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["--home", str(tmp_path), "study", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_study_prints_the_report_s_table_and_its_pick(study: Study, flags: list[str], tmp_path: Path) -> None:
    code, out, err = study("kernels=4,8", *flags)
    assert code == 0, err
    lines = out.splitlines()
    assert " ".join(lines[2].split()) == (
        "kernels loss val_loss best val_loss ms/step s/epoch time params latent state"
    )
    assert any(line.startswith("★") and "finished" in line for line in lines)
    assert any(line.startswith("★ ") and "kernels: val_loss" in line for line in lines)
    assert "trial   2  8 kernels: val_loss" in err

    (record,) = Studies(Home(tmp_path)).list()
    code, shown, _ = study("show", record.prefix)
    assert (code, shown.splitlines()[2:]) == (0, lines[2:])
    code, out, _ = study("list")
    assert code == 0
    assert re.search(rf"{record.prefix}   kernels 4, 8  mnist\d+  ✓ finished     2/2", out)  # the folder of the images
    values = json.loads(study("show", record.id, "--json")[1])
    assert values["format"] == 1
    assert values["stages"][0]["points"][1]["trials"][0]["state"] == "finished"
    code, out, _ = study("export", record.id, "--to", str(tmp_path / "to"))
    assert (code, out.split()) == (
        0,
        [str(tmp_path / "to" / name) for name in ("report.md", "report.html", "trials.csv")],
    )
    code, _, err = study("resume", record.id)
    assert code == 2
    assert "nothing left to resume" in err
    code, _, err = study("delete", record.id)  # there is nobody to ask
    assert code == 2
    assert "--yes" in err
    assert study("delete", record.id, "--yes")[0] == 0
    assert study("list")[1].startswith("No studies yet")


def test_a_plan_tells_trials_time_and_memory_and_does_nothing(study: Study, flags: list[str], tmp_path: Path) -> None:
    code, out, _ = study(*flags, "--dry-run", "kernels=4,8")
    assert code == 0
    assert re.search(r"kernels 4, 8 · mnist\d+ · 2 trials · cpu", out)
    assert "estimated from a few steps" in out
    values: dict[str, Any] = json.loads(
        study("search", "kernels=4..8", "--trials", "5", *flags, "--dry-run", "--json")[1]
    )
    assert values["trials"] == 5
    assert values["seconds"] > 0
    assert values["memory"] > 0
    assert not Studies(Home(tmp_path)).ids()
    assert not Home(tmp_path).ids()


def test_a_baseline_is_a_run_or_a_file(study: Study, flags: list[str], tmp_path: Path) -> None:
    assert study("kernels=4", *flags)[0] == 0
    (run,) = Home(tmp_path).ids()
    for named in (run[:5], str(tmp_path / "runs" / run / "spec.json"), str(tmp_path / "runs" / run)):
        code, out, _ = study("kernel_size=2,3", "--baseline", named, "--epochs", "1", "--dry-run", "--json")
        assert code == 0
        baseline = json.loads(out)["plan"]["spec"]["baseline"]
        assert (baseline["kernels"], baseline["epochs"], baseline["batch_size"]) == ("4", 1, 64)
    # A classifier's baseline makes the flags those of a classifier.
    classifier = tmp_path / "spec.json"
    classifier.write_text(json.dumps({"kind": "classifier", "encoder": run, "frozen_epochs": 1, "finetune_epochs": 1}))
    files = flags[8:]
    code, out, err = study(
        "fc_units=4,8", "--baseline", str(classifier), "--dropout", "0", *files, "--batch-size", "64"
    )
    assert code == 0, err
    assert "fc units" in out
    assert "test acc" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["layrs=8"], "layrs: This is not a hyperparameter of an autoencoder: did you mean layers?"),
        (["lr=0.1"], "lr: This is not a hyperparameter of an autoencoder: did you mean learning_rate?"),
        (["layers="], "layers: No values are given"),
        (["layers=8,9"], "layers: “9” is odd"),
        (["layers=8", "kernels=4"], "2 hyperparameters are named"),
        (["layers=8", "layers=10"], "layers is named twice"),
        (["fc_units=8"], "fc_units: This is a hyperparameter of a classifier, and autoencoders are studied"),
        (["tree", "layers=8"], "“tree” is not something that `study` does. What there is:"),
        (["layers=8", "18"], "“18” has no values: write a hyperparameter as layers=8,10,12."),
        ([], "Nothing is varied"),
        (["layers=8", "--rule", "best"], "--rule: “best” is not known"),
        (["layers=8", "--repeats", "0"], "--repeats: “0” is too small"),
        (["layers=8", "--baseline", "nope"], "No run begins with “nope”"),
        (["layers=8", "--baseline", "no/pe"], "does not exist: name a run"),
        (["layers=8", "--baseline", __file__], "is a text file: name a run"),
        (["show"], "`study show ID` takes one study"),
        (["list", "x"], "“x” is not expected here: `study list` takes only flags."),
        (["show", "nope"], " study list` lists them all."),
        (["export", "nope"], "No study begins with “nope”"),
        (["layers=8", "--images", "nope"], "nope does not exist"),
        (["worth"], "`study worth RUN` takes one autoencoder"),
        (["worth", "a", "b"], "`study worth RUN` takes one autoencoder"),
        (["worth", "nope"], "No run begins with “nope”"),
    ],
)  # fmt: skip
def test_wrong_words_are_one_sentence(study: Study, words: list[str], sentence: str) -> None:
    code, out, err = study(*words)
    assert (code, out) == (2, "")
    assert err.startswith("cae-tui: ")
    assert sentence in err
    assert "Traceback" not in err


def test_what_an_encoder_is_worth_is_printed_as_a_table_and_in_sentences(
    study: Study, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), "autoencoder", *flags]) == 0
    capsys.readouterr()
    (run,) = Home(tmp_path).list_runs()
    words = ["worth", run.id[:6], "labels_per_class=1,2", "--repeats", "2", "--fc-units", "4", "--workers", "1"]
    code, out, err = study(*words, "--threads", "1", "--dry-run")
    assert code == 0, err
    assert "16 trials" in out
    assert "from scratch, 2 labels a class" in out
    code, out, err = study(*words, "--threads", "1")
    assert code == 0, err
    head = next(line for line in out.splitlines() if line.lstrip().startswith("labels a class"))
    assert re.split(r" {2,}", head.strip()) == [
        "labels a class", "fine-tuned", "frozen", "linear probe", "from scratch", "nearest neighbours",
    ]  # fmt: skip
    assert "Accuracy in % on the test images, measured once" in out
    assert out.count("At 2 labels a class ") == 2
    code, out, err = study("worth", run.id, "labels_per_class=0")
    assert code == 2
    assert "labels_per_class: “0” is no number of labels" in err


def test_hyperparameters_may_stand_anywhere() -> None:
    words = ["--home", "h", "study", "--epochs", "5", "layers=8,10", "--images", "a=b", "kernels=4"]
    assert in_order(words) == ["--home", "h", "study", "layers=8,10", "kernels=4", "--epochs", "5", "--images", "a=b"]
    assert in_order(["study", "grid", "--json", "a=1"]) == ["study", "grid", "a=1", "--json"]


def spawn(home: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "cae_tui", "--home", str(home), "study", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(home: Path, condition: Callable[[StudyRecord], bool]) -> StudyRecord:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = Studies(Home(home)).list()
        if found and condition(found[0]):
            return found[0]
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def killed_in_its_second_trial(home: Path, *words: str) -> StudyRecord:
    process = spawn(home, *words)
    record = wait_for(home, lambda study: bool(study.trials[1].run) and study.trials[1].state == "running")
    run = Home(home).find(record.trials[1].run)
    deadline = time.monotonic() + 60
    while not run.checkpoints.exists() or not list(run.checkpoints.glob("*.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    return record


def test_killed_in_its_second_trial_it_ends_as_one_left_alone(
    study: Study, flags: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = ["kernels=4,8", *flags, "--epochs", "6"]
    alone = tmp_path_factory.mktemp("alone")
    assert main(["--home", str(alone), "study", *words]) == 0
    record = killed_in_its_second_trial(tmp_path, *words)
    cut = Studies(Home(tmp_path)).find(record.id).read()
    assert cut.state == "cut off"
    assert cut.trials[1].state == "cut off"
    before = set(Home(tmp_path).ids())
    code, _, err = study("resume", record.prefix)
    assert code == 0
    assert "1 done" in err
    assert set(Home(tmp_path).ids()) == before
    (left_alone,), (resumed,) = Studies(Home(alone)).list(), Studies(Home(tmp_path)).list()
    assert table(resumed) == table(left_alone)


def test_an_interrupt_stops_a_study_and_a_second_process_is_refused(
    study: Study, flags: list[str], tmp_path: Path
) -> None:
    process = spawn(tmp_path, "kernels=4,8", *flags, "--epochs", "50")
    record = wait_for(tmp_path, lambda study: study.trials[0].epochs > 0 or study.trials[0].state == "running")
    code, _, err = study("resume", record.id)
    assert code == 2
    assert "is running in another process" in err
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped. Resume the study to continue." in err
    assert study("show", record.id)[1].splitlines()[0].startswith(f"study {record.id}: ■ stopped")


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["layers=8,4", "--downsamplings", "2"],
            "layers=4 cannot be trained (downsamplings: 2 is too many for 4 layers",
        ),
        (["search", "layers=4..8", "--downsamplings", "2"], "layers=4 cannot be trained (downsamplings: 2 is too many"),
        (["search", "batch_size=64..600"], "batch_size=600 cannot be trained: 600 is more than the 540 images"),
        (["guided", "batch_size=64,600", "kernels=4,8"], "batch_size=600 cannot be trained: 600 is more than the 540"),
        (["grid", "kernels=4,4-8", "layers=4,6"], "kernels=4-8, layers=6 cannot be trained (kernels: 2 numbers for 3"),
    ],
)
def test_a_plan_that_cannot_be_trained_says_so_before_it_starts(
    study: Study, flags: list[str], tmp_path: Path, words: list[str], sentence: str, dry: list[str]
) -> None:
    code, out, err = study(*words, *flags, "--downsamplings", "2" if "2" in words else "1", *dry)
    assert (code, out) == (2, "")
    assert err.removeprefix("cae-tui: ").startswith(sentence), err
    assert not Home(tmp_path).ids()
    assert not Studies(Home(tmp_path)).ids()


def test_a_search_over_little_says_what_it_leaves_out_and_that_it_tried_all(study: Study, flags: list[str]) -> None:
    words = [
        "search",
        "kernels=4,2-3-4",
        "layers=4,6",
        "--trials",
        "9",
        *flags,
        "--epochs",
        "1",
        "--downsamplings",
        "1",
    ]
    code, out, _ = study(*words, "--dry-run")
    assert code == 0
    assert out.splitlines()[0].count("trials") == 1
    assert "· 3 trials ·" in out
    left_out = "1 of 4 combinations cannot be trained and are left out. The first: kernels=2-3-4, layers=4 cannot be"
    assert left_out in out
    code, out, err = study(*words)
    assert code == 0
    assert left_out in err
    assert "All 3 combinations were tried, so the search ended early." in err
    assert err.splitlines()[0].count("trials") == out.splitlines()[0].count("trials") == 1
    assert "3 of 3 trials" in out


def test_what_is_remarked_on_the_images_is_said_once_before_a_study_and_in_its_tables(
    study: Study, tmp_path: Path
) -> None:
    images = write_idx(tmp_path / "dark", np.random.default_rng(0).integers(0, 2, (60, 8, 8), dtype=np.uint8))
    flags = ["--layers", "2", "--kernels", "2", "--epochs", "1", "--batch-size", "8", "--images", str(images)]
    dark = "! The brightest pixel is 1 of 255: were the images divided by 255 before they were saved?"
    code, out, _ = study("activation=relu,silu", *flags, "--dry-run")
    assert code == 0
    assert sum(line.startswith(dark) for line in out.splitlines()) == 1
    code, out, err = study("activation=relu,silu", *flags)
    assert code == 0, err
    lines = err.splitlines()
    assert [place for place, line in enumerate(lines) if line.startswith(dark)] == [1]
    assert sum(line.startswith(dark) for line in out.splitlines()) == 1
    (record,) = Studies(Home(tmp_path)).list()
    assert dark in study("show", record.id)[1]
    content = json.loads((tmp_path / "studies" / record.id / "study.json").read_text())
    del content["data"]["remarks"]  # as version 0.1.0 wrote it
    (tmp_path / "studies" / record.id / "study.json").write_text(json.dumps(content))
    code, out, _ = study("show", record.id)
    assert code == 0
    assert "!" not in out


def test_a_remark_is_said_before_the_trial_that_it_is_on_unless_it_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    record = grid()
    record.data["remarks"] = ["The images are dark."]
    started, stage = scripted_events()[:2]
    with StudyTeller() as teller:
        teller.changed(record)
        for own in ("Class 2 is not in this split.", "Class 7 is not in this split."):
            for event in (started, Warned(message="The images are dark."), Warned(message=own), stage):
                teller.emit(record.trials[0], event)
            teller.emit(record.trials[0], Warned(message="This is on a step."))
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("!")]
    assert told == ["! The images are dark.", "! Class 2 is not in this split.", "! Class 7 is not in this split."]


def test_why_trials_failed_is_shown(study: Study, tmp_path: Path) -> None:
    record = grid()
    for place in (1, 2):
        trial = record.stages[0].points[place].trials[0]
        trial.state, trial.message, trial.best_loss = "failed", "No memory was left.", None
    write_study(Home(tmp_path), record)
    code, out, _ = study("show", record.id)
    assert code == 0
    assert "✗ 8 kernels, learning_rate 0.003; 8 kernels, learning_rate 0.01: No memory was left." in out.splitlines()
    shown = json.loads(study("show", record.id, "--json")[1])
    assert shown["stages"][0]["points"][1]["trials"][0]["message"] == "No memory was left."


def test_two_workers_are_asked_for_and_another_number_when_it_is_resumed(
    study: Study, flags: list[str], tmp_path: Path
) -> None:
    code, _, err = study("kernels=4,6", *flags, "--epochs", "1", "--workers", "2", "--threads", "1")
    assert code == 0, err
    assert "2 trials · cpu · 1 thread · float32 · 2 workers" in err
    assert "trial   2  6 kernels: val_loss" in err
    (record,) = Studies(Home(tmp_path)).list()
    assert {trial.worker for trial in record.trials} == {1, 2}
    code, _, err = study("kernels=4,6", *flags, "--workers", "none")
    assert (code, err) == (2, "cae-tui: --workers: “none” is neither a whole number nor auto.\n")
    record.state, record.trials[1].state = "stopped", "stopped"
    Studies(Home(tmp_path)).find(record.id).write(record)
    code, _, err = study("resume", record.id, "--workers", "0")
    assert (code, err) == (2, "cae-tui: --workers: 0 is too small: at least 1, or auto.\n")
    code, _, err = study("resume", record.id, "--workers", "1")
    assert code == 0, err


def test_a_study_of_another_process_is_shown_as_far_as_it_is_and_stopped(
    study: Study, flags: list[str], tmp_path: Path
) -> None:
    process = spawn(tmp_path, "kernels=4,8", *flags, "--epochs", "200", "--workers", "2", "--threads", "1")
    record = wait_for(tmp_path, lambda study: len(study.under_way) == 2)
    home = Home(tmp_path)
    while not all(home.find(trial.run).read_status().epoch > 1 for trial in record.trials):
        assert process.poll() is None
    code, out, _ = study("show", record.id)
    assert code == 0
    assert "running 0/" not in out
    code, out, err = study("stop", record.id)
    assert (code, process.wait(60)) == (0, 130), err
    assert "stopped. Stopped. Resume the study to continue." in out
    code, _, err = study("stop", record.id)
    assert (code, err) == (2, f"cae-tui: Study {record.id} is not running: it is stopped.\n")
    process.communicate()
