"""`cae-tui predict`: what a classifier answers on new pictures."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cae_tui.cli.main import main
from engine.data.keeping import keep_in
from engine.runs.checkpoint import read_model, write_model
from engine.runs.directory import Home
from tests.pictures import write_folder
from tests.shapes import NAMES, content, drawn


def predict(home: Home, *words: str) -> int:
    try:
        return main(["--home", str(home.path), "predict", *words])
    finally:
        keep_in(None)


def test_a_line_a_picture_with_the_class_its_probability_and_the_next(
    trained: tuple[Home, dict[str, str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert predict(home, ids["classifier"][:4], str(new / "bar" / "0.png"), str(new / "dot")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == [str(new / "bar" / "0.png"), "bar"]
    assert all(line.split()[1] == "dot" for line in lines[1:6])
    assert all(" %" in line for line in lines[:6])


def test_labelled_folders_give_the_report(
    trained: tuple[Home, dict[str, str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert predict(home, ids["classifier"], str(new)) == 0
    out = capsys.readouterr().out
    assert "precision" in out
    assert "weighted avg" in out


def test_as_json_everything_is_told(
    trained: tuple[Home, dict[str, str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert predict(home, ids["classifier"], str(new), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["classes"] == list(NAMES)
    assert [picture["true_class"] for picture in told["pictures"]] == ["bar"] * 5 + ["dot"] * 5
    assert told["accuracy"] == 1.0
    first = told["pictures"][0]
    assert sum(answer["probability"] for answer in first["answers"]) == pytest.approx(1, abs=1e-6)
    assert first["unlike_training"] in (True, False)  # the run keeps the autoencoder


def test_as_csv_a_row_a_picture_and_those_that_cannot_be_read_with_the_reason(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    folder = write_folder(tmp_path / "mixed", {"=a.png": content(drawn("bar", 1)), "b.png": b"torn"})
    assert predict(home, ids["classifier"], str(folder), "--csv", str(tmp_path / "out.csv")) == 0
    assert "were written to" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [row["class"] for row in rows] == ["bar", ""]
    assert rows[1]["error"] == "is not in a picture format that can be read"
    assert predict(home, ids["classifier"], str(folder), "--csv", str(tmp_path / "out.csv")) == 2
    assert "already exists and is not overwritten" in capsys.readouterr().err


def test_pictures_that_are_the_other_way_round_are_turned_and_that_is_said(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    files = {f"{n}.png": content(drawn("bar", 3000 + n, inverted=True)) for n in range(3)}
    folder = write_folder(tmp_path / "dark", files)
    assert predict(home, ids["classifier"], str(folder)) == 0
    told = capsys.readouterr()
    assert all(line.split()[1] == "bar" and "inverted" in line for line in told.out.splitlines())
    assert "3 pictures had dark and light exchanged: the model learned from images that are light on dark" in told.err
    assert predict(home, ids["classifier"], str(folder), "--invert", "no", "--json") == 0
    assert not any(one["inverted"] for one in json.loads(capsys.readouterr().out)["pictures"])


def test_what_is_blank_or_unlike_everything_in_training_is_marked(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    noise[[0, -1]] = noise[:, [0, -1]] = 0
    files = {"blank.png": content(Image.new("L", (8, 8))), "noise.png": content(Image.fromarray(noise))}
    assert predict(home, ids["classifier"], str(write_folder(tmp_path / "odd", files))) == 0
    told = capsys.readouterr()
    assert "blank" in told.out.splitlines()[0].split("%")[-1]
    assert "unlike training" in told.out.splitlines()[1]
    assert "1 picture of 2 is unlike those it learned from" in told.err


def test_a_threshold_of_ones_own_marks_more(
    trained: tuple[Home, dict[str, str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert predict(home, ids["classifier"], str(new), "--unsure", "1", "--json") == 0
    unsure = [one["unsure"] for one in json.loads(capsys.readouterr().out)["pictures"]]
    assert any(unsure)
    for wrong in ("2", "-0.1", "nan", "x"):
        assert predict(home, ids["classifier"], str(new), f"--unsure={wrong}") == 2
        assert "is no probability: write one from 0 to 1" in capsys.readouterr().err


def test_a_model_file_alone_and_one_of_before_answer_too(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    path = tmp_path / "mine.safetensors"
    shutil.copy(home.find(ids["classifier"]).model, path)
    assert predict(home, str(path), str(new), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["accuracy"] == 1.0
    assert told["pictures"][0]["unlike_training"] is None  # nothing here rebuilds images
    file = read_model(path)
    network = file.build()
    write_model(tmp_path / "old.safetensors", network, dict(network.state_dict()))
    assert predict(home, str(tmp_path / "old.safetensors"), str(new), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["classes"] == ["0", "1"]
    assert "accuracy" not in told


def test_probabilities_are_told_with_the_temperature_of_the_model_file_and_answers_stay(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    file = read_model(home.find(ids["classifier"]).model)
    network, told = file.build(), {}
    for temperature in (None, 4.0):
        path = tmp_path / f"{temperature}.safetensors"
        write_model(path, network, dict(network.state_dict()), replace(file.facts, temperature=temperature))
        assert predict(home, str(path), str(new), "--json") == 0
        told[temperature] = json.loads(capsys.readouterr().out)
        assert told[temperature]["temperature"] == temperature
        assert predict(home, str(path), str(new)) == 0
        assert ("temperature of 4.00, found on validation images" in capsys.readouterr().err) == bool(temperature)
    for raw, softened in zip(told[None]["pictures"], told[4.0]["pictures"], strict=True):
        before, after = ({each["class"]: each["probability"] for each in one["answers"]} for one in (raw, softened))
        assert raw["answers"][0]["class"] == softened["answers"][0]["class"]
        shares = {name: share**0.25 for name, share in before.items()}  # of two classes, both are told
        assert after == pytest.approx({name: share / sum(shares.values()) for name, share in shares.items()}, abs=1e-5)
        assert max(after.values()) < max(before.values())
    write_model(path, network, dict(network.state_dict()), replace(file.facts, temperature=-1.0))
    assert predict(home, str(path), str(new)) == 2
    assert "its temperature is -1, not above 0" in capsys.readouterr().err


def test_any_other_set_is_answered_on_by_its_test_images(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    images = np.stack([np.asarray(drawn(name, n)) for n in range(4) for name in NAMES])
    np.savez(tmp_path / "set.npz", train_images=images, test_images=images[:3])
    assert predict(home, ids["classifier"], str(tmp_path / "set.npz"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["answers"][0]["class"] for one in told["pictures"]] == ["bar", "dot", "bar"]
    assert told["pictures"][0]["picture"] == "set test 0"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["autoencoder", "new"], "tells no classes apart: name a classifier. Classifiers here: "),
        (["classifier", "gone"], "does not exist: check the path."),
        (["nobody", "new"], "nobody"),
        (["classifier", "new", "--invert", "maybe"], "--invert: “maybe” is not known: choose auto, yes or no."),
        (["classifier", "new", "--csv", "-", "--json"], "--csv and --json cannot be used together."),
        (["classifier", "empty"], "has no"),
    ],
)
def test_bad_input_is_a_sentence(
    words: list[str], sentence: str, trained: tuple[Home, dict[str, str], Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    home, ids, new = trained
    (tmp_path / "empty").mkdir()
    places: dict[str, Any] = {**ids, "new": new, "gone": tmp_path / "gone", "empty": tmp_path / "empty"}
    assert predict(home, *[str(places.get(word, word)) for word in words]) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert "Traceback" not in told.err


def test_a_drawing_in_a_corner_of_its_paper_is_centred_where_that_is_asked_for_and_that_is_said(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    paper = np.full((120, 90), 210, np.uint8)
    paper[10:70, 60:68] = 50  # a bar
    paper[80:] -= 60  # a shadow
    folder = write_folder(tmp_path / "photographs", {"a.png": content(Image.fromarray(paper))})
    assert predict(home, ids["classifier"], str(folder), "--centre", "yes") == 0
    told = capsys.readouterr()
    assert told.out.split()[1] == "bar"
    assert told.out.rstrip().endswith("inverted, centred")
    assert "1 picture of 1 is centred and scaled as MNIST does, without paper and shadows" in told.err
    assert predict(home, ids["classifier"], str(folder), "--json") == 0  # its model learned from images of any place
    assert [one["centred"] for one in json.loads(capsys.readouterr().out)["pictures"]] == [False]


def test_many_pictures_are_answered_piece_by_piece_as_all_at_once(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    home, ids, new = trained
    folder = write_folder(tmp_path / "last", {f"{n}.png": b"torn" for n in range(3)})
    told = []
    for at_once in (8_192, 3):
        monkeypatch.setattr("engine.evaluation.given.AT_ONCE", at_once)
        assert predict(home, ids["classifier"], str(new), str(folder), "--json") == 0
        answers = json.loads(capsys.readouterr().out)
        assert predict(home, ids["classifier"], str(new), str(folder), "--csv=-") == 0
        rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
        assert predict(home, ids["classifier"], str(new)) == 0
        printed = capsys.readouterr().out
        assert "weighted avg" in printed
        told.append(
            (
                [(one["picture"], one["answers"][0]["class"]) for one in answers["pictures"]],
                answers["bad"],
                [(row["picture"], row["class"], row["error"]) for row in rows],
                [line.split()[:2] for line in printed.splitlines()[:10]],
            )
        )
    assert told[0] == told[1]
    assert (len(told[0][0]), len(told[0][1]), len(told[0][2])) == (10, 3, 13)


def test_where_no_picture_can_be_read_the_exit_code_says_so(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    folder = write_folder(tmp_path / "torn", {"a.png": b"torn"})
    assert predict(home, ids["classifier"], str(folder), "--json") == 1
    assert json.loads(capsys.readouterr().out)["pictures"] == []
    assert predict(home, ids["classifier"], str(folder)) == 1
    assert "a.png is not in a picture format that can be read" in capsys.readouterr().err


def test_answers_that_are_given_up_leave_no_file(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.evaluation.model import Model

    home, ids, new = trained
    whole = Model.probabilities
    asked: list[int] = []

    def given_up_later(self: Model, images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        if len(asked) > 1:
            raise KeyboardInterrupt
        return whole(self, images)

    monkeypatch.setattr("engine.evaluation.given.AT_ONCE", 4)
    monkeypatch.setattr(Model, "probabilities", given_up_later)
    assert predict(home, ids["classifier"], str(new), "--csv", str(tmp_path / "out.csv")) == 130
    assert asked == [4, 4]
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_and_an_empty_name_are_refused_at_once(
    trained: tuple[Home, dict[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    os.mkfifo(tmp_path / "pipe.png")
    assert predict(home, ids["classifier"], str(tmp_path / "pipe.png")) == 2
    assert "is neither a file nor a folder: save what comes from it first" in capsys.readouterr().err
    assert predict(home, " ", str(new)) == 2
    assert "The name of the model is empty: name a run, or a model file." in capsys.readouterr().err
