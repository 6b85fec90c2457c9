"""The latents of a run's images: a map, neighbours, and the file that keeps them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.data.datasets import ImageSet
from engine.errors import DatasetError
from engine.evaluation import latent_space, projection
from engine.evaluation.aside import aside
from engine.evaluation.latent_space import (
    by_neighbours,
    confused_pairs,
    encoded,
    key_of,
    nearest,
    principal_directions,
    read_space,
    write_space,
)
from engine.evaluation.model import Model, load_model
from engine.evaluation.parts import Part, part_of, parts_of
from engine.evaluation.results import read_predictions
from engine.preparation import images_of
from engine.runs.directory import Home, RunDirectory

Trained = tuple[RunDirectory, object, object]


def opened(home: Home, run: RunDirectory) -> tuple[Model, dict[str, Part]]:
    return load_model(home, run.id), parts_of(*images_of(run))


def brute(latents: np.ndarray, place: int, count: int = 5) -> list[int]:
    distances = np.linalg.norm(latents - latents[place], axis=1)
    distances[place] = np.inf
    return [int(one) for one in np.argsort(distances)[:count]]


def test_each_part_of_a_run_has_its_own_images(trained_home: Home, autoencoder: Trained) -> None:
    run = autoencoder[0]
    data, training, validation = images_of(run)
    parts = parts_of(data, training, validation)
    assert list(parts) == ["test", "validation", "training"]
    assert parts["validation"].rows.tolist() == validation.tolist()
    assert data.train.labels is not None
    assert parts["training"].labels is not None
    assert (parts["training"].labels == data.train.labels[training]).all()
    with pytest.raises(DatasetError, match="no own images: choose test, validation or training"):
        part_of(parts, "own")


def test_what_is_kept_of_latents_is_their_principal_components_and_the_rest(
    trained_home: Home, autoencoder: Trained
) -> None:
    model, parts = opened(trained_home, autoencoder[0])
    part, told = parts["test"], list[tuple[int, int]]()
    space = latent_space.latent_space(model, part, autoencoder[0], lambda *counts: told.append(counts))
    latents = model.latent(part.take(np.arange(len(part))))
    centred = latents - latents.mean(0)
    assert np.square(centred).sum(1) == pytest.approx(np.square(space.reduced).sum(1) + space.rest, rel=1e-3)
    spread = np.linalg.svd(centred, compute_uv=False) ** 2
    assert space.shares[:2] == pytest.approx(spread[:2] / spread.sum(), rel=1e-3)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len({of for _, of in told}) == 1
    assert all(done <= of for done, of in told)
    assert space.errors is not None
    assert (space.errors == read_predictions(autoencoder[0]).errors).all()  # those of the run's report


def test_an_image_is_taken_for_what_most_of_the_five_next_to_it_are(trained_home: Home, autoencoder: Trained) -> None:
    model, parts = opened(trained_home, autoencoder[0])
    part = parts["validation"]
    space = by_neighbours(model, part, latent_space.latent_space(model, part))
    latents, labels = encoded(model, part, np.arange(len(part))), part.labels
    assert labels is not None
    assert space.compared == len(part)
    assert space.predicted is not None
    for place in range(len(part)):
        votes = np.bincount(labels[brute(latents, place)])
        assert votes[space.predicted[place]] == votes.max()
    shown = [labels[nearest(model, part, space, place)[0]] for place in range(8)]
    assert all((near == taken).sum() >= 2 for near, taken in zip(shown, space.predicted[:8], strict=True))


def test_of_a_classifier_its_own_answers_are_taken(trained_home: Home, classifier: Trained) -> None:
    model, parts = opened(trained_home, classifier[0])
    for of in ("test", "validation"):
        space = latent_space.latent_space(model, parts[of], classifier[0])
        answers = model.probabilities(parts[of].take(np.arange(len(parts[of])))).argmax(1)
        assert not space.compared
        assert space.errors is None
        assert space.predicted is not None
        assert (space.predicted == answers).mean() > 0.99  # batches of another size round differently


def test_neighbours_have_the_distances_of_whole_latents(trained_home: Home, autoencoder: Trained) -> None:
    model, parts = opened(trained_home, autoencoder[0])
    part = parts["test"]
    space = latent_space.latent_space(model, part)
    latents = encoded(model, part, np.arange(len(part)))
    for place in (0, 57, 199):
        places, distances = nearest(model, part, space, place)
        assert places.tolist() == brute(latents, place)
        assert distances == pytest.approx(np.linalg.norm(latents[places] - latents[place], axis=1), rel=1e-3)


def test_more_images_than_the_directions_are_found_from_come_to_the_same_map(
    trained_home: Home, autoencoder: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, parts = opened(trained_home, autoencoder[0])
    part = parts["test"]
    whole = latent_space.latent_space(model, part)
    monkeypatch.setattr(latent_space, "FITTED", 150)
    monkeypatch.setattr(latent_space, "AT_ONCE_BYTES", 40_000)
    drawn = by_neighbours(model, part, latent_space.latent_space(model, part))
    assert drawn.compared == 150
    assert drawn.predicted is not None
    assert part.labels is not None
    assert (drawn.predicted == part.labels).mean() > 0.5
    # Another sample gives other directions, and about the same plane.
    assert abs(np.corrcoef(whole.reduced[:, 0], drawn.reduced[:, 0])[0, 1]) > 0.95


def test_a_single_image_and_images_that_are_alike_have_a_map(trained_home: Home, autoencoder: Trained) -> None:
    model, parts = opened(trained_home, autoencoder[0])
    one = Part("test", parts["test"].images, np.array([3]), parts["test"].class_names, "")
    space = latent_space.latent_space(model, one)
    assert projection.principal(space.reduced).tolist() == [[0, 0]]
    assert len(nearest(model, one, space, 0)[0]) == 0
    images = ImageSet(np.repeat(one.take(np.array([0])), 12, axis=0))  # without classes
    alike = Part("test", images, np.arange(12), (), "")
    space = latent_space.latent_space(model, alike)
    assert np.abs(space.reduced).max() < 1e-3
    assert space.predicted is None
    with pytest.raises(ValueError, match="no neighbours"):
        by_neighbours(model, alike, space)
    assert nearest(model, alike, space, 0)[1] == pytest.approx(np.zeros(5), abs=1e-3)


def test_pairs_of_classes_that_are_confused_are_counted_both_ways() -> None:
    labels, predicted = np.array([4, 9, 4, 4, 3, 1]), np.array([9, 4, 9, 4, 5, 1])
    assert confused_pairs(labels, predicted) == [(4, 9, 3), (3, 5, 1)]
    assert confused_pairs(labels, labels) == []


# -- what is kept -----------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, autoencoder: Trained) -> tuple[Home, RunDirectory]:
    home = Home(tmp_path / "own")
    shutil.copytree(autoencoder[0].path, home.runs / autoencoder[0].id)
    return home, home.find(autoencoder[0].id)


def test_a_kept_space_is_read_again_but_not_of_another_model_or_damaged(own: tuple[Home, RunDirectory]) -> None:
    home, run = own
    model, parts = opened(home, run)
    part, key = parts["test"], key_of(run, parts["test"])
    assert read_space(run, part, model, key) is None
    space = by_neighbours(model, part, latent_space.latent_space(model, part, run))
    write_space(run, part, space, key)
    again = read_space(run, part, model, key)
    assert again is not None
    assert (again.reduced == space.reduced).all()
    assert again.errors is not None
    assert again.predicted is not None
    assert again.compared == len(part)
    assert read_space(run, part, model, "another") is None
    assert key_of(run, parts["validation"]) != key
    file = run.path / "latent" / "test.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert read_space(run, part, model, key) is None
    latent_space.keep(run, "test", key, reduced=space.reduced[:5], rest=space.rest, shares=space.shares,
                      compared=np.array(0))  # fmt: skip
    assert read_space(run, part, model, key) is None  # of fewer images
    shutil.rmtree(run.path)
    write_space(run, part, space, key)  # it was deleted: nothing is told, and nothing made
    assert not run.path.exists()
    assert key_of(run, part) == ""


# -- t-SNE ------------------------------------------------------------------------------------------


def test_without_opentsne_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    assert "pip install 'cae-tui[map]'" in projection.missing()


def test_work_that_nobody_waits_for_any_more_is_left_behind() -> None:
    from threading import Event

    going = Event()

    def meanwhile() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aside(going.wait, meanwhile)
    going.set()
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 // 0, lambda: None)


def test_directions_are_orthonormal_whatever_the_shape() -> None:
    for shape in ((3, 40), (200, 4), (150, 120)):
        rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        directions, shares = principal_directions(rows, rows.mean(0))
        assert directions @ directions.T == pytest.approx(np.eye(len(directions)), abs=1e-4)
        assert 0 < shares.sum() <= 1 + 1e-5
