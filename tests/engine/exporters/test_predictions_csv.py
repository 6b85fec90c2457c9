"""Predictions as CSV: a line an image, with every digit that the run's own file has."""

import csv
from pathlib import Path

import numpy as np
import pytest

from engine import jobs
from engine.errors import RunError, StorageError
from engine.evaluation.results import read_predictions
from engine.exporters import export, predictions_csv
from engine.protocol.control import Flag
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from tests.engine.training.test_training import Trained
from tests.pictures import a_set, write_folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_classifiers_lines_have_the_probability_of_every_class(
    trained_home: Home, classifier: Trained, tmp_path: Path
) -> None:
    run, result, _ = classifier
    done = export(trained_home, "predictions", [run], tmp_path)
    rows = rows_of(done.path)
    found = read_predictions(run)
    assert found.probabilities is not None
    shares = np.array([[row[f"p_{label}"] for label in range(10)] for row in rows], dtype=np.float32)
    assert np.array_equal(shares, found.probabilities)
    assert [row["predicted_class"] for row in rows] == [str(label) for label in found.probabilities.argmax(1)]
    assert sum(row["correct"] == "yes" for row in rows) == result.report.correct
    assert {row["of"] for row in rows} == {"test"}
    assert done.checked == "read back, 200 lines compared with the run's own"


def test_an_autoencoders_lines_have_the_error_of_each_image(
    trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    rows = rows_of(export(trained_home, "predictions", [autoencoder[0]], tmp_path).path)
    found = read_predictions(autoencoder[0])
    assert found.errors is not None
    assert np.array_equal(np.array([row["error"] for row in rows], dtype=np.float32), found.errors)
    assert all(row["true_class"].isdigit() for row in rows)


def test_where_the_images_are_gone_what_the_model_made_of_them_is_written_all_the_same(
    home: Home, tmp_path: Path
) -> None:
    pets = write_folder(tmp_path / "pets", a_set(20, 6, ("cat", "=dog"), mode="L"))
    values = {"data": str(pets), "epochs": 1, "layers": 4, "kernels": "4", "batch_size": 8}
    run = home.find(jobs.start(home, preset(AutoencoderSpec, "recommended", **values), lambda event: None, Flag()).id)
    named = rows_of(export(home, "predictions", [run], tmp_path / "named.csv").path)
    assert {row["true_class"] for row in named} == {"cat", "'=dog"}  # no spreadsheet takes it for a formula
    folders = {"cat": "cat", "'=dog": "=dog"}
    assert [row["file"].rpartition("/")[0] for row in named] == [f"test/{folders[row['true_class']]}" for row in named]
    assert len({row["file"] for row in named}) == len(named) == 12
    pets.rename(tmp_path / "moved")
    gone = rows_of(export(home, "predictions", [run], tmp_path / "gone.csv").path)
    assert [row["error"] for row in gone] == [row["error"] for row in named]
    assert not {"true_class", "file"} & gone[0].keys()


def test_a_run_that_is_not_complete_has_none(home: Home, autoencoder: Trained, tmp_path: Path) -> None:
    run = home.create()
    run.write_status(autoencoder[0].read_status())
    with pytest.raises(RunError, match="has no predictions: they are made when a run finishes"):
        export(home, "predictions", [run], tmp_path / "it")


def test_a_number_that_lost_a_digit_is_not_kept(
    trained_home: Home, classifier: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions_csv, "_exact", lambda number: f"{number:.4f}")
    with pytest.raises(StorageError, match="cannot be read back as it was written"):
        export(trained_home, "predictions", [classifier[0]], tmp_path / "it")
    assert list(tmp_path.iterdir()) == []
