"""A look inside: layers by their names and shapes, and what a number of one sees."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.data.datasets import ImageSet
from engine.errors import ModelFileError
from engine.evaluation.heat import alone, in_grey, laid_over, of_kernels, thumbnails
from engine.evaluation.inside import (
    PATCHES,
    Field,
    cut_out,
    fields_of,
    kernels_of,
    look_inside,
    mosaics,
    patches_of,
    together,
)
from engine.evaluation.model import Model
from engine.network.network import network_of
from engine.runs.model_facts import ModelFacts
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.classifier import ClassifierSpec


def spec_of(**values: Any) -> AutoencoderSpec:
    return parse(AutoencoderSpec, {"layers": 6, "kernels": 4, "downsamplings": 2, **values})


def model_of(image: tuple[int, int, int], classes: int = 0, fc: int = 1, **values: Any) -> Model:
    """A model that has learned nothing."""
    spec = spec_of(**values)
    asked = parse(ClassifierSpec, {"encoder": "x", "fc_layers": fc, "fc_units": 6}) if classes else spec
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = network_of(asked, spec, image, classes).eval()
    return Model("one", asked, image, classes, ModelFacts(), network)


def image_of(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"latent": 7, "activation": "silu"},
        {"downsampling": "max-pool", "kernel_size": 4},
        {"upsampling": "nearest", "output": "sigmoid"},
    ],
)
@pytest.mark.parametrize("image", [(12, 12, 1), (14, 10, 3)])
def test_each_layer_of_the_plan_is_seen_as_the_next_one_gets_it(image: tuple[int, int, int], values: Any) -> None:
    model = model_of(image, **values)
    shown = image_of(image)
    found = look_inside(model, shown)
    plan = model.network.plan
    assert [seen.layer for seen in found.layers] == list(plan.layers)
    for seen in found.layers:
        height, width, maps = seen.layer.shape
        assert seen.maps.shape == (maps, height, width)
        assert together(seen, plan).shape == image[:2] or seen.is_dense
    latent = found.layers[len(plan.encoder) - 1]
    np.testing.assert_allclose(latent.maps.ravel(), model.latent(shown[None])[0], rtol=1e-5, atol=1e-6)
    last = torch.from_numpy(found.layers[-1].maps)[:, : image[0], : image[1]]
    last = last.sigmoid() if values.get("output") == "sigmoid" else last
    rebuilt = model.rebuilt(shown[None])[0]
    np.testing.assert_allclose(last.clamp(0, 1).permute(1, 2, 0).numpy(), rebuilt, rtol=1e-4, atol=1e-5)
    assert [seen.part for seen in found.layers] == ["encoder"] * len(plan.encoder) + ["decoder"] * len(plan.decoder)


@pytest.mark.parametrize("fc", [0, 2])
def test_of_a_classifier_the_head_is_seen_after_its_activation(fc: int) -> None:
    model = model_of((12, 12, 1), classes=3, fc=fc)
    shown = image_of((12, 12, 1))
    found = look_inside(model, shown)
    *hidden, answers = [seen for seen in found.layers if seen.part == "head"]
    assert [seen.layer.name for seen in hidden] == [f"fc {place + 1}" for place in range(fc)]
    assert all((seen.maps >= 0).all() and seen.is_dense for seen in hidden)  # ReLU
    values = answers.maps.ravel()
    assert answers.order.tolist() == np.argsort(-values).tolist()  # also where the smallest is the strongest
    shares = torch.from_numpy(values).softmax(0).numpy()
    np.testing.assert_allclose(shares, model.probabilities(shown[None])[0], rtol=1e-4)
    assert found.rebuilt is None  # no autoencoder is at hand


def test_maps_stand_by_their_mean_absolute_number_and_silent_ones_are_counted() -> None:
    seen = look_inside(model_of((12, 12, 1)), image_of((12, 12, 1))).layers[0]
    means = [float(np.abs(one).mean()) for one in seen.maps]
    assert [means[number] for number in seen.order] == sorted(means, reverse=True)
    row, column = seen.peak(int(seen.order[0]))
    assert abs(seen.maps[seen.order[0], row, column]) == np.abs(seen.maps[seen.order[0]]).max()
    seen.maps[:2] = 0
    assert seen.silent == 2


def test_the_difference_is_that_of_brightness_in_grey_levels() -> None:
    model = model_of((12, 12, 3))
    shown = image_of((12, 12, 3))
    rebuilt = look_inside(model, shown).rebuilt
    assert rebuilt is not None
    expected = model.reconstruct(shown[None])[0].astype(float).mean(2) - shown.astype(float).mean(2)
    np.testing.assert_allclose(rebuilt.difference, expected, atol=1e-3)
    assert rebuilt.largest == pytest.approx(np.abs(expected).max(), abs=1e-3)
    assert rebuilt.error == pytest.approx(float(model.errors(shown[None])[0]))


@pytest.mark.parametrize("values", [{}, {"kernel_size": 4}, {"downsampling": "max-pool"}, {"kernel_size": 5}])
def test_a_number_sees_the_square_that_its_gradient_reaches_and_no_more(values: Any) -> None:
    model = model_of((64, 64, 1), activation="silu", **values)
    network: Any = model.network
    for place, field in enumerate(fields_of(network.plan)[: len(network.encoder.layers)]):
        assert field is not None
        reached = torch.zeros(64, 64, dtype=torch.bool)
        for seed in range(8):  # a maximum has a gradient at one of its inputs alone
            pixels = torch.from_numpy(image_of((64, 64, 1), seed)).permute(2, 0, 1)[None].float().div(255)
            pixels.requires_grad_()
            output = network.encoder.layers[: place + 1](pixels)
            row = output.shape[2] // 2
            (gradient,) = torch.autograd.grad(output[0, :, row, row].sum(), pixels)
            reached |= gradient[0, 0] != 0
        rows = reached.any(1).nonzero().ravel()
        top, _ = field.square(row, row)
        assert top <= rows.min()
        assert rows.max() < top + field.side
        if "downsampling" not in values:
            assert (int(rows.min()), int(rows.max()) + 1) == (top, top + field.side)
    assert fields_of(network.plan)[-1] is None


def test_kernels_are_those_of_the_first_layer_with_the_sign_of_its_normalisation() -> None:
    model = model_of((12, 12, 3))
    network: Any = model.network
    first = network.encoder.layers[0]
    before = kernels_of(model)
    assert before is not None
    assert before.shape == (4, 3, 3, 3)
    with torch.no_grad():
        first.normalisation.weight[1] = -1.0
    after = kernels_of(model)
    assert after is not None
    np.testing.assert_array_equal(after[1], -before[1])
    np.testing.assert_array_equal(after[0], before[0])


def test_patches_are_where_a_map_answers_most_among_the_images() -> None:
    model = model_of((12, 12, 1))
    images = ImageSet(np.stack([image_of((12, 12, 1), seed) for seed in range(9)]), None)
    rows = np.array([1, 2, 3, 5, 7, 8])
    told: list[tuple[int, int]] = []
    found = patches_of(model, images, rows, lambda *counts: told.append(counts))
    assert told == [(0, 6)]
    assert len(found) == 3
    for place, patches in enumerate(found):
        seen = {row: look_inside(model, images.images[row]).layers[place] for row in rows}
        for number in range(4):
            peaks = {row: float(np.abs(one.maps[number]).max()) for row, one in seen.items()}
            best = sorted(peaks, key=lambda row: -peaks[row])[:PATCHES]
            assert patches.rows[number].tolist() == best
            assert patches.places[number, 0].tolist() == list(seen[best[0]].peak(number))
        field = fields_of(model.network.plan)[place]
        assert field is not None
        side = 2 * field.side + 1
        assert mosaics(patches, field, images, np.array([2, 0])).shape == (2, side, side, 1)


def test_what_is_cut_out_at_an_edge_is_black_beyond_it() -> None:
    image = np.arange(1, 17, dtype=np.uint8).reshape(4, 4, 1)
    cut = cut_out(image, Field(3, 2, -1), (0, 1))
    assert cut[..., 0].tolist() == [[0, 0, 0], [2, 3, 4], [6, 7, 8]]
    assert cut_out(image, Field(3, 2, -1), (1, 1))[..., 0].tolist() == [[6, 7, 8], [10, 11, 12], [14, 15, 16]]


def test_a_kind_that_does_not_tell_its_layers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of((12, 12, 1))
    monkeypatch.setattr(type(model.network), "layer_modules", ())
    with pytest.raises(ModelFileError, match="cannot look inside"):
        look_inside(model, image_of((12, 12, 1)))


def test_numbers_as_colours_keep_their_sign_and_go_to_the_largest() -> None:
    values = np.array([[-2.0, 0.0], [1.0, 2.0]], np.float32)
    assert in_grey(values)[..., 0].tolist() == [[0, 128], [191, 255]]
    assert in_grey(np.abs(values))[..., 0].tolist() == [[255, 0], [128, 255]]
    assert in_grey(0 * values).max() == 0
    image = np.full((2, 2, 3), 100, np.uint8)
    shown = laid_over(image, values)
    assert shown[0, 1].tolist() == [100, 100, 100]
    assert shown[0, 0, 2] > shown[0, 0, 0]  # blue below 0
    assert shown[1, 1, 0] > shown[1, 1, 2]  # orange above
    assert alone(values)[0, 1].tolist() == [0, 0, 0]
    maps = np.array([[[0, -4.0]], [[0, 0]]], np.float32)
    assert thumbnails(maps)[..., 0].tolist() == [[[0, 255]], [[0, 0]]]
    assert of_kernels(np.array([[[[-1.0], [0.5]]]], np.float32))[0, 0, :, 0].tolist() == [0, 191]
