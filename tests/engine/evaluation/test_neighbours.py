"""The training images nearest to a new one, and how unusual that is."""

import numpy as np
import pytest

from engine.data.datasets import ImageSet
from engine.evaluation import neighbours
from engine.evaluation.model import load_model
from engine.evaluation.neighbours import Neighbours, neighbours_of
from engine.preparation import reopen
from engine.runs.directory import Home, RunDirectory


def some(count: int = 50, numbers: int = 6) -> Neighbours:
    latents = np.random.default_rng(0).normal(size=(count, numbers)).astype(np.float32)
    return Neighbours(10 * np.arange(count), latents, np.array([1, 2, 3, 4], np.float32))


def test_the_nearest_are_those_that_a_look_at_every_distance_finds() -> None:
    known = some()
    for seed in range(5):
        asked = np.random.default_rng(100 + seed).normal(size=6).astype(np.float32)
        distances = np.linalg.norm(known.latents - asked, axis=1)
        order = np.argsort(distances)[:3]
        rows, found = known.nearest(asked)
        assert rows.tolist() == (10 * order).tolist()
        assert found == pytest.approx(distances[order], rel=1e-3)


def test_what_is_there_already_is_nearest_to_itself_and_fewer_than_asked_are_all() -> None:
    known = some(2)
    rows, distances = known.nearest(known.latents[1], 3)
    assert rows.tolist() == [10, 0]
    assert distances[0] == pytest.approx(0, abs=1e-3)


def test_how_usual_a_distance_is_is_told_by_those_of_validation_images() -> None:
    known = some()
    assert [known.nearer_than(distance) for distance in (0.5, 2.5, 9)] == [1.0, 0.5, 0.0]
    assert Neighbours(known.rows, known.latents, np.empty(0, np.float32)).nearer_than(1.0) is None


Trained = tuple[RunDirectory, object, object]


def test_of_a_model_they_are_its_training_images(trained_home: Home, classifier: Trained) -> None:
    prepared = reopen(classifier[0])
    model = load_model(trained_home, classifier[0].id)
    told: list[tuple[int, int]] = []
    images = prepared.data.train
    known = neighbours_of(model, images, prepared.training, prepared.validation, lambda *counts: told.append(counts))
    every = len(prepared.training) + len(prepared.validation)
    assert {of for _, of in told} == {every}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert known.rows.tolist() == prepared.training.tolist()
    assert len(known.usual) == len(prepared.validation)
    assert (np.diff(known.usual) >= 0).all()
    row = int(prepared.training[7])
    assert known.nearest(model.latent(images.take(np.array([row])))[0], 1)[0].tolist() == [row]


def test_of_many_images_some_are_drawn_evenly(
    trained_home: Home, autoencoder: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, model = reopen(autoencoder[0]), load_model(trained_home, autoencoder[0].id)
    monkeypatch.setattr(neighbours, "MOST_IMAGES", 20)
    monkeypatch.setattr(neighbours, "MOST_VALIDATION", 5)
    known = neighbours_of(model, prepared.data.train, prepared.training, prepared.validation)
    assert (len(known.rows), len(known.usual)) == (20, 5)
    assert known.rows[0] == prepared.training[0]
    assert known.rows[-1] == prepared.training[-1]
    gaps = np.diff(np.searchsorted(prepared.training, known.rows))
    assert gaps.max() - gaps.min() <= 1
    monkeypatch.setattr(neighbours, "MOST_BYTES", 4 * 9 * model.network.plan.latent)
    assert len(neighbours_of(model, prepared.data.train, prepared.training, prepared.validation).rows) == 9


def test_it_is_given_up_where_nobody_looks_any_more(trained_home: Home, autoencoder: Trained) -> None:
    prepared, model = reopen(autoencoder[0]), load_model(trained_home, autoencoder[0].id)

    class LeftError(Exception):
        pass

    def told(done: int, of: int) -> None:
        if done:
            raise LeftError

    with pytest.raises(LeftError):
        neighbours_of(model, prepared.data.train, prepared.training, prepared.validation, told)


def test_without_validation_images_nothing_is_said_of_what_is_usual(trained_home: Home, autoencoder: Trained) -> None:
    prepared, model = reopen(autoencoder[0]), load_model(trained_home, autoencoder[0].id)
    images = ImageSet(prepared.data.train.images[:9], None)
    known = neighbours_of(model, images, np.arange(9), np.empty(0, np.int64))
    assert known.nearer_than(0.0) is None
