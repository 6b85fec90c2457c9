"""Why a classifier answers: on a made-up one whose classes hang on one region, the maps lie there."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import ModelFileError
from engine.evaluation.model import Model
from engine.evaluation.why import FINE, layer_cam, occlusion, usual_layer
from engine.network.architecture import Layer, Plan
from tests.engine.evaluation.test_inside import image_of, model_of

REGION = np.s_[2:6, 9:13]
"""Where the class of an image is told."""


class Corner(nn.Module):
    """Class 1 is how bright the region is, class 0 how dark; a convolution of one weight comes first."""

    def __init__(self, image: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, channels = image
        self.convolution = nn.Conv2d(channels, 1, 1, bias=False)
        nn.init.constant_(self.convolution.weight, 1 / channels)
        self.region = torch.zeros(height, width)
        self.region[REGION] = 1 / 16
        layer = Layer(
            name="conv 1", kind="conv", inputs=channels, outputs=1, kernel=1, shape=(height, width, 1),
            parameters=channels, macs=1, numbers=1,
        )  # fmt: skip
        self.plan = Plan(
            image=image, padded=image, encoder=(layer,), decoder=(), latent_shape=layer.shape
        )  # fmt: skip
        self.layer_modules = [self.convolution]

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) to logits (n, 2)."""
        bright = (self.convolution(images)[:, 0] * self.region).sum((1, 2))
        return torch.stack([-6 * (bright - 0.5), 6 * (bright - 0.5)], 1)


def made_up(channels: int = 1) -> tuple[Model, np.ndarray]:
    """The model, and an image of class 1: bright in the region, and a brighter distraction elsewhere."""
    image = (16, 18, channels)
    real = model_of(image, classes=2)
    network: Any = Corner(image)
    shown = np.zeros(image, np.uint8)
    shown[REGION] = 220
    shown[10:15, 1:6] = 255
    return Model("corner", real.spec, image, 2, real.facts, network), shown


def share_in_region(values: np.ndarray, margin: int) -> float:
    rows, columns = REGION
    near = np.s_[max(rows.start - margin, 0) : rows.stop + margin, columns.start - margin : columns.stop + margin]
    return float(values[near].clip(0).sum() / values.clip(0).sum())


@pytest.mark.parametrize("channels", [1, 3])
def test_occlusion_finds_the_region_that_the_class_hangs_on(channels: int) -> None:
    model, shown = made_up(channels)
    told: list[tuple[int, int]] = []
    found = occlusion(model, shown, lambda *counts: told.append(counts))
    assert found.side == 4
    assert told[0] == (0, len(found.corners))
    assert set(found.corners[:, 0]) == set(range(13))  # to the very edge
    assert share_in_region(found.falls(1), found.side - 1) == pytest.approx(1)
    assert (found.falls(0) <= 1e-6).all()  # hiding what is bright makes the other more probable
    most = found.most(1)
    assert (most.top, most.left, most.side) == (2, 9, 4)
    assert most.predicted == 0
    assert most.probability < 0.5 < found.before[1]


@pytest.mark.parametrize("channels", [1, 3])
def test_layer_cam_lies_on_the_region_and_not_on_what_is_brighter(channels: int) -> None:
    model, shown = made_up(channels)
    found = layer_cam(model, shown, 1)
    assert found.shape == shown.shape[:2]
    assert share_in_region(found, 0) == pytest.approx(1)
    assert not layer_cam(model, shown, 0).any()  # nothing there speaks for the other class


@pytest.mark.parametrize("image", [(12, 12, 1), (14, 10, 3)])
def test_maps_of_a_real_network_have_the_size_of_the_image(image: tuple[int, int, int]) -> None:
    model = model_of(image, classes=3)
    shown = image_of(image)
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    for place in range(2):
        found = layer_cam(model, shown, 2, place)
        assert found.shape == image[:2]
        assert np.isfinite(found).all()
        assert (found >= 0).all()
    hidden = occlusion(model, shown)
    np.testing.assert_allclose(hidden.before, model.probabilities(shown[None])[0])
    assert hidden.falls(1).shape == image[:2]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())
    assert all(weight.grad is None for weight in model.network.parameters())


def test_an_autoencoder_has_no_answer_to_explain() -> None:
    model = model_of((12, 12, 1))
    with pytest.raises(ModelFileError, match="name a classifier"):
        occlusion(model, image_of((12, 12, 1)))
    with pytest.raises(ModelFileError, match="tells no classes apart"):
        layer_cam(model, image_of((12, 12, 1)), 0)


def test_layer_cam_looks_at_the_last_layer_whose_maps_are_fine_enough() -> None:
    sides = {28: 0, 64: 2, 8: 0}  # 14, 7, 7; 32, 16, 16; 4, 2, 2
    for side, expected in sides.items():
        plan = model_of((side, side, 1), classes=3).network.plan
        assert usual_layer(plan) == expected
        assert plan.encoder[expected].shape[0] >= FINE or expected == 0
