"""The anomaly detector: turns, distances against scikit-learn, and what its file keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from engine.network.anomaly import (
    AnomalyDetector,
    mean_distances,
    mean_distances_to_others,
    own_distances,
    relative_distances,
    shifted,
    turned,
    ways_of,
)
from engine.network.architecture import WAYS
from engine.runs.checkpoint import read_model, write_model
from engine.specs.anomaly import AnomalySpec
from engine.specs.base import parse

IMAGE = (8, 8, 1)


def detector(image: tuple[int, int, int] = IMAGE, **values: object) -> AnomalyDetector:
    """A small one."""
    torch.manual_seed(0)
    return AnomalyDetector(parse(AnomalySpec, {"layers": 4, "kernels": 4, "latent": 6, **values}), image).eval()


def test_each_way_turns_and_flips_as_torch_does() -> None:
    images = torch.rand(WAYS, 3, 5, 5)
    found = turned(images, torch.arange(WAYS))
    for way, (image, changed) in enumerate(zip(images, found, strict=True)):
        expected = image.flip(2) if way >= WAYS // 2 else image
        assert torch.equal(changed, torch.rot90(expected, way % 4, (1, 2)))
    all_of_one = turned(images[:1].expand(WAYS, -1, -1, -1), torch.arange(WAYS))
    assert len({changed.numpy().tobytes() for changed in all_of_one}) == WAYS


def test_shifts_move_the_image_and_let_black_in() -> None:
    images = torch.rand(9, 2, 14, 7) + 0.1
    places = torch.arange(9)
    found = shifted(images, places % 3, places // 3)
    for place in range(9):
        right, below = place % 3 - 1, 2 * (place // 3 - 1)
        expected = torch.zeros(2, 14, 7)
        rows, columns = (slice(max(by, 0), size + min(by, 0)) for by, size in ((below, 14), (right, 7)))
        from_rows, from_columns = (slice(max(-by, 0), size + min(-by, 0)) for by, size in ((below, 14), (right, 7)))
        expected[:, rows, columns] = images[place, :, from_rows, from_columns]
        assert torch.equal(found[place], expected)


def test_images_that_are_not_square_keep_their_shape() -> None:
    ways = ways_of((6, 4, 1))
    images = torch.rand(1, 1, 6, 4).expand(len(ways), -1, -1, -1)
    found = turned(images, torch.tensor(ways))
    assert found.shape == images.shape
    assert len({image.numpy().tobytes() for image in found}) == len(ways) == WAYS // 2


def test_distances_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    known, points = (generator.normal(size=(count, 5)).astype(np.float32) for count in (40, 7))
    expected, _ = NearestNeighbors(n_neighbors=3).fit(known).kneighbors(points)
    found = mean_distances(torch.from_numpy(points), torch.from_numpy(known), 3)
    assert found.numpy() == pytest.approx(expected.mean(1), abs=1e-5)
    few = mean_distances(torch.from_numpy(points), torch.from_numpy(known[:2]), 3)
    assert few.shape == (7,)


def test_relative_distances_are_over_those_of_the_neighbours() -> None:
    known = torch.tensor([[0.0], [1.0], [2.0], [10.0], [14.0]])
    own = own_distances(known, 1)
    assert own.tolist() == [1, 1, 1, 4, 4]
    found = relative_distances(torch.tensor([[3.0], [16.0]]), known, own, 1)
    assert found.tolist() == [1, 0.5]
    assert own_distances(known[:1], 1).tolist() == [0]
    assert torch.isfinite(relative_distances(torch.tensor([[3.0]]), known[:1], torch.zeros(1), 1)).all()


def test_what_it_remembers_is_whitened() -> None:
    model = detector()
    embeddings = torch.randn(500, 6) @ torch.randn(6, 6)
    model.remember(embeddings)
    assert torch.cov(model.known.T) == pytest.approx(np.eye(6), abs=1e-3)
    assert model.known.mean(0) == pytest.approx(np.zeros(6), abs=1e-4)


@pytest.mark.parametrize(
    "embeddings", [torch.ones(5, 6), torch.ones(1, 6), torch.cat((torch.randn(9, 3), torch.zeros(9, 3)), 1)]
)
def test_flat_directions_give_finite_distances(embeddings: torch.Tensor) -> None:
    model = detector()
    model.remember(embeddings)
    assert torch.isfinite(model.distances(torch.randn(4, 6))).all()


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("latent", [0, 6])
def test_plan_and_network_have_as_many_parameters(turns: bool, latent: int) -> None:
    model = detector(turns=turns, latent=latent)
    assert sum(weights.numel() for weights in model.parameters()) == model.plan.parameters
    images = torch.rand(3, 1, 8, 8)
    assert model.embedding(images).shape == (3, model.middle.shape[0])
    if turns:
        rebuilt, logits = model.learn(images, images)
        assert (rebuilt.shape, logits.shape) == (images.shape, (3, WAYS + 6))
        assert rebuilt.detach() == pytest.approx(model(images).detach(), abs=1e-6)


def test_its_file_brings_everything_back(tmp_path: Path) -> None:
    model, images = detector(turns=True, score="both"), torch.rand(30, 1, 8, 8)
    assert model.odd_threshold is None
    with torch.inference_mode():
        model.remember(model.embedding(images).clone())
        found = model.scores(images)
        model.settle(found["nearest"], found["error"])
        model.odd_above.fill_(1.5)
        expected = model.odd_scores(images)
    write_model(tmp_path / "model.safetensors", model, dict(model.state_dict()))
    again = read_model(tmp_path / "model.safetensors").build()
    assert again.odd_threshold == 1.5
    with torch.inference_mode():
        assert again.odd_scores(images) == pytest.approx(expected, abs=1e-5)


def test_what_is_usual_counts_as_much_in_distance_as_in_error() -> None:
    model = detector()
    distances, errors = torch.rand(200) + 1, torch.rand(200) / 50
    model.settle(distances, errors)
    both = model.both(distances, errors)
    assert float(both.mean()) == pytest.approx(0, abs=1e-4)
    more = model.both(distances * 2, errors)
    assert (more > both).all()


def test_a_point_that_is_known_is_not_its_own_neighbour() -> None:
    known = torch.rand(40, 6)
    assert torch.allclose(mean_distances_to_others(known[:9] + 1e-5, known, 5), own_distances(known, 5)[:9], atol=1e-3)
    strangers = torch.rand(7, 6) + 2
    assert torch.equal(mean_distances_to_others(strangers, known, 5), mean_distances(strangers, known, 5))
    assert mean_distances_to_others(strangers, known[:1], 5).shape == (7,)
    assert torch.allclose(
        mean_distances_to_others(known[:1], known[:3], 5), (known[:1] - known[1:3]).norm(dim=1).mean()
    )
