"""`cae-tui inside`: an image on its way through a model, as text, as JSON and as pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cae_tui.cli.main import main
from engine.data.keeping import keep_in
from engine.evaluation.model import load_model
from engine.preparation import images_of
from engine.runs.directory import Home
from tests.shapes import NAMES

Trained = tuple[Home, dict[str, str], Path]


def command(home: Home, *words: object) -> int:
    try:
        return main(["--home", str(home.path), "inside", *map(str, words)])
    finally:
        keep_in(None)


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_classifier_tells_its_layers_and_what_its_answer_hangs_on(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert command(home, ids["classifier"], new / "bar" / "0.png") == 0
    said = capsys.readouterr().out
    for words in ("conv 1", "fc 1", "classes", "Reconstruction: mean squared error", "Predicted: ", "Nearest of bar"):
        assert words in said
    assert command(home, ids["classifier"], new / "bar" / "0.png", "--json") == 0
    found = as_json(capsys)
    model = load_model(home, ids["classifier"])
    assert [layer["name"] for layer in found["layers"]] == [layer.name for layer in model.network.plan.layers]
    assert [layer["shape"] for layer in found["layers"]] == [list(layer.shape) for layer in model.network.plan.layers]
    first = found["layers"][0]["strongest"]
    assert [one["mean"] for one in first] == sorted((one["mean"] for one in first), reverse=True)
    why = found["why"]
    assert why["predicted"] in NAMES
    assert 0 <= why["without"] <= why["probability"] + 1e-6
    assert why["region"]["rows"][1] - why["region"]["rows"][0] == 1  # squares of 2×2 of 8×8
    assert {one["class"] for one in why["nearest"]} == set(NAMES)
    far = [each["distance"] for each in why["nearest"][0]["images"]]
    assert far == sorted(far)


def test_images_of_the_run_are_named_by_their_numbers(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    home, ids, _ = trained
    data, _, validation = images_of(home.find(ids["autoencoder"]))
    assert data.test is not None
    assert data.test.labels is not None
    assert command(home, ids["autoencoder"], "--test", 3, "--json") == 0
    found = as_json(capsys)
    assert found["image"] == f"{data.name} test 3"
    assert found["class"] == data.class_names[data.test.labels[3]]
    assert "why" not in found
    model = load_model(home, ids["autoencoder"])
    error = float(model.errors(data.test.take(np.array([3])))[0])
    assert found["reconstruction"]["mse"] == pytest.approx(error)
    number = int(validation[1])
    assert command(home, ids["autoencoder"], "--validation", number, "--json") == 0
    assert as_json(capsys)["image"].endswith(f"validation {number}")
    assert command(home, ids["autoencoder"], "--json") == 0
    assert as_json(capsys)["image"].endswith("test 0")


def test_pictures_are_written_of_all_of_it(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    folder = tmp_path / "out"
    assert command(home, ids["classifier"], "--to", folder) == 0
    assert f"written to {folder}" in capsys.readouterr().out
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "image.png", "reconstruction.png", "difference.png", "kernels.png", "layer-01-conv-1.png",
        "layer-02-conv-2.png", "why-occlusion.png", "why-layercam.png", "nearest-0.png", "nearest-1.png",
    }  # fmt: skip
    assert Image.open(folder / "image.png").size == (224, 224)
    assert command(home, ids["classifier"], "--to", folder) == 2
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["classifier", "--test", "99"], "--test: 99 is no test image of shapes: they are numbered 0 to 19."),
        (["classifier", "--test", "-1"], "is not the number of an image"),
        (["classifier", "--validation", "10000"], "is none of the"),
        (["classifier", "new", "--test", "1"], "One image is looked at"),
        (["classifier", "nowhere.png"], "does not exist"),
        (["file", "--test", "1"], "is a model file, without images of its own: name a picture"),
        (["nothing"], "nothing"),
        (["classifier", "--invert", "maybe"], "choose auto, yes or no"),
    ],
)
def test_what_is_wrong_is_said(
    words: list[str], said: str, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    places = {**ids, "new": str(new), "file": str(home.find(ids["classifier"]).model)}
    assert command(home, *[places.get(word, word) for word in words]) == 2
    assert said in capsys.readouterr().err


def test_of_several_pictures_the_first_is_looked_at_also_by_a_model_file(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert command(home, home.find(ids["classifier"]).model, new, "--json") == 0
    said = capsys.readouterr()
    assert "the first of 10 images" in said.err
    found = json.loads(said.out)
    assert found["image"] == str(new / "bar" / "0.png")
    assert found["class"] == "bar"
    assert found["why"]["nearest"] == []  # a file does not say where they are
