"""The latents of a run's test images, in one folder."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.errors import StorageError
from engine.evaluation.model import load_model
from engine.exporters import export, latents
from engine.preparation import images_of
from engine.runs.directory import Home
from tests.engine.training.test_training import Trained


def test_the_folder_has_the_latents_of_the_test_images_for_every_reader(
    trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    run = autoencoder[0]
    done = export(trained_home, "embeddings", [run], tmp_path)
    data, _, _ = images_of(run)
    assert data.test is not None
    assert data.test.labels is not None
    expected = load_model(trained_home, run.id).latent(data.test.images)
    np.testing.assert_array_equal(np.load(done.path / "latents.npy", allow_pickle=False), expected)
    heads, *rows = csv.reader((done.path / "latents.csv").open())
    assert heads[:3] == ["picture", "class", "z0"]
    assert [row[1] for row in rows] == [data.class_names[label] for label in data.test.labels]
    assert sorted(path.name for path in done.path.iterdir()) == sorted(
        ["latents.npy", "latents.csv", *latents.PROJECTOR]
    )
    assert done.checked.startswith(f"compared with the run's own latents of its {len(data.test)} test images: ")


def test_of_a_run_without_test_images_it_has_the_validation_images(
    trained_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from engine import preparation

    run = autoencoder[0]
    data, training, validation = images_of(run)
    monkeypatch.setattr(preparation, "images_of", lambda _: (replace(data, test=None), training, validation))
    done = export(trained_home, "embeddings", [run], tmp_path)
    expected = load_model(trained_home, run.id).latent(data.train.take(validation))
    np.testing.assert_array_equal(np.load(done.path / "latents.npy"), expected)
    assert f"its {len(validation)} validation images" in done.checked


@pytest.mark.parametrize("name", ["latents.csv", "tensors.tsv", "latents.npy"])
def test_a_file_that_differs_is_not_left(
    name: str, trained_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = autoencoder[0]
    good = export(trained_home, "embeddings", [run], tmp_path / "good").path
    array = np.load(good / "latents.npy")
    array[1, 0] += 0.01
    if name == "latents.npy":
        np.save(good / name, array)
    else:
        text = (good / name).read_text()
        (good / name).write_text(text.replace(text.splitlines()[1], text.splitlines()[2], 1))

    def write(self: object, home: object, runs: object, path: Path, told: object) -> None:
        shutil.copytree(good, path)

    monkeypatch.setattr("engine.exporters.embeddings.EmbeddingsExporter.write", write)
    with pytest.raises(StorageError, match="cannot be read back as it was written"):
        export(trained_home, "embeddings", [run], tmp_path / "bad")
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


@pytest.mark.parametrize(("count", "side"), [(4, 28), (100_000, 25), (300_000, 14)])
def test_the_picture_of_all_images_is_never_larger_than_browsers_take(count: int, side: int, tmp_path: Path) -> None:
    shape = latents.Shape(numbers=2, most=count, has_classes=False, image=(28, 28, 1))
    writer = latents.ProjectorWriter(tmp_path / "p", shape)
    assert writer.sprite is not None
    assert max(writer.sprite.shape[:2]) <= latents.LARGEST_SPRITE
    assert writer.sprite.shape[1] // side == int(np.ceil(np.sqrt(count)))


def test_images_too_many_for_a_picture_have_none_and_that_is_said(tmp_path: Path) -> None:
    shape = latents.Shape(numbers=2, most=5_000_000, has_classes=False, image=(8, 8, 1))
    with latents.ProjectorWriter(tmp_path / "p", shape) as writer:
        rows = latents.Rows(["a\tb\nc"], None, np.array([[0.1, -2e-30]], np.float32), np.zeros((1, 8, 8, 1), np.uint8))
        writer.add(rows)
    assert writer.check().endswith("without a picture of the images, which are too many for one")
    assert not (tmp_path / "p" / "sprite.png").exists()
    assert "sprite" not in (tmp_path / "p" / "projector_config.pbtxt").read_text()
    assert (tmp_path / "p" / "metadata.tsv").read_text() == "a b c\n"


def test_fewer_rows_than_were_promised_are_as_many_as_there_are(tmp_path: Path) -> None:
    shape = latents.Shape(numbers=3, most=1000, has_classes=True, image=(8, 8, 1))
    rows = latents.Rows(["=a"], ["b"], np.full((1, 3), 0.1, np.float32), np.zeros((1, 8, 8, 1), np.uint8))
    with latents.NpyWriter(tmp_path / "z", shape, tmp_path / "names") as writer:
        writer.add(rows)
    assert writer.check() == "read back, 1 row of 3 numbers"
    np.testing.assert_array_equal(np.load(tmp_path / "z"), rows.latents)
    assert (tmp_path / "names").read_text().splitlines() == ["picture,class", "'=a,b"]
