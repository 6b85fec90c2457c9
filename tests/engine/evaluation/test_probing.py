"""A latent in numbers."""

import numpy as np
import pytest

from engine.data.datasets import ImageSet
from engine.errors import DatasetError
from engine.evaluation import probing
from engine.evaluation.model import load_model
from engine.evaluation.parts import Part, parts_of
from engine.evaluation.probing import dimensions, silhouette
from engine.preparation import images_of
from engine.runs.directory import Home, RunDirectory

Trained = tuple[RunDirectory, object, object]


def do_nothing(*_: int) -> None:
    """Hear nothing."""


def test_effective_dimensions_are_those_that_rows_were_made_with() -> None:
    drawn = np.random.default_rng(0)
    flat = drawn.normal(size=(2000, 8)) @ np.linalg.qr(drawn.normal(size=(30, 8)))[0].T
    ratio, explaining = dimensions(flat.astype(np.float32))
    assert ratio == pytest.approx(8, rel=0.05)
    assert explaining == 8
    line = np.outer(np.arange(10), np.ones(50)).astype(np.float32)  # fewer rows than columns
    ratio, explaining = dimensions(line)
    assert ratio == pytest.approx(1)
    assert explaining == 1
    assert dimensions(np.ones((5, 3), np.float32)) == (None, None)


def test_the_silhouette_is_scikit_learns_and_none_where_it_is_not_defined() -> None:
    rows = np.concatenate([np.zeros((20, 2)), np.full((20, 2), 9)]).astype(np.float32)
    rows += np.random.default_rng(0).normal(size=rows.shape).astype(np.float32) / 10
    labels = np.repeat([0, 1], 20)
    assert silhouette(rows, labels) == pytest.approx(1, abs=0.1)
    assert silhouette(rows, np.zeros(40, np.int64)) is None


def test_a_latent_stands_beside_pca_of_its_size_and_the_pixels(trained_home: Home, autoencoder: Trained) -> None:
    model = load_model(trained_home, autoencoder[0].id)
    parts = parts_of(*images_of(autoencoder[0]))
    told: list[tuple[int, int]] = []
    found = probing.probe(model, parts, "validation", lambda *counts: told.append(counts))
    assert [one.space for one in found.spaces] == ["latent", "PCA", "pixels"]
    assert (found.fitted, found.measured) == (len(parts["training"]), len(parts["validation"]))
    latent, _, pixels = found.spaces
    assert latent.numbers == model.network.plan.latent
    assert pixels.numbers == 784
    assert pixels.neighbours is not None
    assert latent.neighbours is not None
    assert min(latent.neighbours, pixels.neighbours) > 0.5  # ten classes of MNIST
    assert pixels.linear is not None
    assert pixels.linear > 0.5
    assert sum(many for *_, many in found.confused) <= round((1 - latent.neighbours) * found.measured)
    assert found.remarks == ()
    assert [done for done, _ in told] == sorted(done for done, _ in told)

    from sklearn.neighbors import KNeighborsClassifier

    rows = {of: parts[of].take(np.arange(len(parts[of]))).reshape(len(parts[of]), -1) / 255 for of in parts}
    by_hand = KNeighborsClassifier(5).fit(rows["training"], parts["training"].labels)
    assert pixels.neighbours == pytest.approx(by_hand.score(rows["validation"], parts["validation"].labels), abs=0.02)


def test_training_images_are_measured_on_the_half_that_is_not_fitted_on(
    trained_home: Home, autoencoder: Trained
) -> None:
    parts = parts_of(*images_of(autoencoder[0]))
    found = probing.probe(load_model(trained_home, autoencoder[0].id), parts, "training", do_nothing)
    assert found.fitted + found.measured == len(parts["training"])
    assert "learned from all of these images" in found.remarks[0]


def test_test_images_are_told_as_such_and_a_classifiers_encoder_too(trained_home: Home, classifier: Trained) -> None:
    parts = parts_of(*images_of(classifier[0]))
    found = probing.probe(load_model(trained_home, classifier[0].id), parts, "test", do_nothing)
    assert "choose nothing by these numbers" in found.remarks[0]
    assert "belongs to a classifier" in found.remarks[1]


def test_without_classes_what_needs_none_is_told(trained_home: Home, autoencoder: Trained) -> None:
    model = load_model(trained_home, autoencoder[0].id)
    bare = {
        of: Part(of, ImageSet(part.images.images), part.rows, (), "")
        for of, part in parts_of(*images_of(autoencoder[0])).items()
    }
    found = probing.probe(model, bare, "validation", do_nothing)
    assert found.spaces[0].neighbours is None
    assert found.spaces[0].silhouette is None
    assert found.spaces[0].participation is not None
    assert "have no classes" in found.remarks[0]


def test_what_is_too_little_is_refused_and_given_up_work_ends(trained_home: Home, autoencoder: Trained) -> None:
    model = load_model(trained_home, autoencoder[0].id)
    parts = parts_of(*images_of(autoencoder[0]))
    one = Part("test", parts["test"].images, np.array([0]), parts["test"].class_names, "")
    with pytest.raises(DatasetError, match="too few test images"):
        probing.probe(model, {**parts, "test": one}, "test", do_nothing)

    def told(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probing.probe(model, parts, "test", told)
