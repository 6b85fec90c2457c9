"""`cae-tui evaluate`: the report of a model on other data."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cae_tui.cli.main import main
from engine.data.datasets import ImageData, ImageSet, load_dataset
from engine.data.keeping import keep_in
from engine.evaluation.given import labels_for
from engine.evaluation.model import load_model
from engine.results.result import Result
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles
from tests.pictures import write_folder
from tests.shapes import NAMES, content, drawn

Trained = tuple[Home, dict[str, str], Path]


def evaluate(home: Home, *words: object) -> int:
    try:
        return main(["--home", str(home.path), "evaluate", *map(str, words)])
    finally:
        keep_in(None)


def result_of(home: Home, run: str) -> Result:
    found = home.find(run).read_result()
    assert found is not None
    return found


def test_a_classifier_on_its_own_data_comes_to_what_its_run_came_to(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert evaluate(home, ids["classifier"], "--data", new.parent / "shapes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    report = result_of(home, ids["classifier"]).report
    assert report is not None
    assert told["parts"] == ["test"]
    assert told["images"] == 20
    assert told["accuracy"] == report.accuracy
    assert told["report"]["confusion"] == report.confusion
    assert told["remarks"] == []


def test_an_autoencoder_on_its_own_data_comes_to_what_its_run_came_to_with_pca_beside_it(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert evaluate(home, ids["autoencoder"], "--data", new.parent / "shapes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    result = result_of(home, ids["autoencoder"]).to_json()
    assert told["mse"] == pytest.approx(result["test_mse"], rel=1e-4)
    assert told["constant_image"]["mse"] == pytest.approx(result["constant_image"]["mse"])
    assert told["pca"]["components"] == result["pca"]["components"]
    assert told["pca"]["mse"] == (None if result["pca"]["mse"] is None else pytest.approx(result["pca"]["mse"]))
    assert [one["class"] for one in told["by_class"]] == list(NAMES)
    assert np.mean([one["mse"] for one in told["by_class"]]) == pytest.approx(told["mse"])


def test_it_is_printed_what_was_measured_and_the_whole_report(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert evaluate(home, ids["classifier"], "--data", new) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Measured: all 10 images of new, by {ids['classifier']}; classes matched by name.")
    for words in ("Accuracy 100.00 %", "precision", "weighted avg", "true \\ predicted"):
        assert words in out
    assert evaluate(home, ids["autoencoder"], "--data", new) == 0
    out = capsys.readouterr().out
    for words in ("MSE", "PSNR", "mean training image", "bar", "of the model's own validation images"):
        assert words in out


def test_images_that_the_run_has_learned_from_are_said_to_flatter_it(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    alone = new.parent / "alone.safetensors"
    shutil.copyfile(home.find(ids["classifier"]).model, alone)
    for model in (ids["classifier"], alone):
        assert evaluate(home, model, "--data", new.parent / "shapes", "--part", "train") == 0
        told = capsys.readouterr()
        assert "the 120 training images of shapes" in told.out
        assert "the figures flatter it" in told.err
        assert evaluate(home, model, "--data", new.parent / "shapes", "--test-data", new, "--part", "train") == 0
        assert "the figures flatter it" in capsys.readouterr().err
        for others in (["--data", new.parent / "shapes"], ["--data", new]):
            assert evaluate(home, model, *others) == 0
            assert "flatter" not in capsys.readouterr().err


def test_they_are_known_in_another_order_and_in_part(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    home, ids, new = trained
    data = load_dataset(DataFiles(str(new.parent / "shapes")))
    folder = new.parent / "mixed"
    for number, row in enumerate(np.random.default_rng(0).permutation(len(data.train))[:60]):
        assert data.train.labels is not None
        place = folder / data.class_names[data.train.labels[row]] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.train.images[row, :, :, 0]).save(place)
    assert evaluate(home, ids["classifier"], "--data", folder) == 0
    assert "These are images that the model has learned from or was chosen by" in capsys.readouterr().err
    assert main(["--home", str(home.path), "predict", ids["classifier"], str(folder)]) == 0
    assert "These are images that the model has learned from or was chosen by" in capsys.readouterr().err
    shutil.copytree(new, folder, dirs_exist_ok=True)
    assert evaluate(home, ids["classifier"], "--data", folder) == 0
    assert re.search(r"About \d+ % of these images are some that the model has learned from", capsys.readouterr().err)


def test_images_that_are_the_other_way_round_are_measured_as_they_are_and_that_is_said(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    files = {f"{name}/{n}.png": content(drawn(name, n, inverted=True)) for name in NAMES for n in range(4)}
    assert evaluate(home, ids["classifier"], "--data", write_folder(tmp_path / "dark", files)) == 0
    assert "The images are dark on light, and the model learned from light on dark" in capsys.readouterr().err


def test_classes_are_matched_by_name_and_not_by_number(trained: Trained) -> None:
    home, ids, _ = trained
    model = load_model(home, ids["classifier"])
    images = ImageSet(np.zeros((3, 8, 8, 1), np.uint8), np.array([0, 1, 1], np.uint8))

    def labels(*names: str) -> list[int] | None:
        data = ImageData(name="it", train=images, test=None, files=DataFiles(), class_names=names, digest="")
        found = labels_for(model, data, images)
        return None if found is None else found.tolist()

    assert labels("bar", "dot") == [0, 1, 1]
    assert labels("dot", "bar") == [1, 0, 0]
    assert labels("dot", "bar", "cat") == [1, 0, 0]  # a class without an image needs no match
    assert labels("dot", "cat") is None


@pytest.mark.parametrize(
    ("kind", "words", "sentence"),
    [
        ("classifier", [], "`evaluate` needs --data DATA: a folder of pictures, or any other image set."),
        ("classifier", ["--data", "{here}/cats"], "cats has a class that "),
        ("classifier", ["--data", "{here}/cats"], "does not know: cat. It knows bar, dot: classes are matched by name"),
        ("classifier", ["--data", "{here}/plain"], "plain has no classes, so that answers cannot be held against"),
        ("autoencoder", ["--data", "{here}/plain", "--part", "test"], "plain has no test images of its own"),
        ("autoencoder", ["--data", "{here}/gone"], "gone does not exist"),
        ("autoencoder", ["--data", ""], "--data: This names no file"),
    ],
)
def test_bad_input_is_a_sentence(
    kind: str, words: list[str], sentence: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    picture = content(drawn("bar", 1))
    write_folder(tmp_path / "cats", {f"{name}/{n}.png": picture for name in ("bar", "cat") for n in range(2)})
    write_folder(tmp_path / "plain", {f"{n}.png": picture for n in range(2)})
    assert evaluate(home, ids[kind], *[word.format(here=tmp_path) for word in words]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "Traceback" not in told
