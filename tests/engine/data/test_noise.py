"""Noise on images: as much of it as was asked for, and where it is fixed, the same wherever an image is met."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.noise import Noise
from engine.specs.noise import GAUSSIAN, MASKED_SQUARES, MIXED, SALT_AND_PEPPER, USUAL_AMOUNTS

NOISES = [*(Noise(kind, amount) for kind, amount in USUAL_AMOUNTS.items()), Noise(MIXED, 0.0)]
WAYS = ["drawn", "fixed"]


def grey(count: int, shape: tuple[int, int, int] = (1, 28, 28)) -> Tensor:
    """Images of middle brightness, no two alike, in steps of 1/255."""
    numbers = np.random.default_rng(0).integers(115, 140, (count, *shape))
    return torch.from_numpy(numbers).float() / 255


def put_on(noise: Noise, way: str, images: Tensor, seed: int = 0) -> Tensor:
    torch.manual_seed(0)
    return noise.drawn(images) if way == "drawn" else noise.fixed(images, seed)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("amount", [0.05, 0.1])
def test_gaussian_noise_has_no_mean_and_the_standard_deviation_that_was_asked_for(way: str, amount: float) -> None:
    images = grey(1000)
    added = put_on(Noise(GAUSSIAN, amount), way, images) - images
    assert added.mean().item() == pytest.approx(0, abs=amount / 200)
    assert added.std().item() == pytest.approx(amount, rel=0.01)
    assert (added.abs() < amount).float().mean().item() == pytest.approx(0.6827, abs=0.005)  # as a normal one


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_salt_and_pepper_turn_as_many_pixels_white_as_black(way: str, amount: float, channels: int) -> None:
    images = grey(500, (channels, 28, 28))
    noisy = put_on(Noise(SALT_AND_PEPPER, amount), way, images)
    white, black = ((noisy == value).all(1).float().mean().item() for value in (1, 0))
    assert white == pytest.approx(amount / 2, abs=0.005)
    assert black == pytest.approx(amount / 2, abs=0.005)
    untouched = (noisy == images).all(1) | (noisy == 1).all(1) | (noisy == 0).all(1)
    assert untouched.all()  # a pixel changes as a whole, and no other does


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("amount", [0.1, 0.25, 0.6])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 40, 24), (1, 8, 8)])
def test_masked_squares_cover_the_share_of_the_area(way: str, amount: float, shape: tuple[int, int, int]) -> None:
    images = grey(2000, shape)
    covered = (put_on(Noise(MASKED_SQUARES, amount), way, images) == 0).all(1).float()
    assert covered.mean().item() == pytest.approx(amount, abs=0.01)
    each = covered.mean((1, 2))
    assert each.min() > amount - 0.25  # the squares at the edges of small images are seen in part
    assert each.max() < amount + 0.25
    inside = covered[:, 1:-1, 1:-1]
    beside = covered[:, :-2, 1:-1] + covered[:, 2:, 1:-1] + covered[:, 1:-1, :-2] + covered[:, 1:-1, 2:]
    assert not (inside.bool() & (beside == 0)).any()  # squares, and no single pixels


def test_mixed_noise_is_none_and_each_kind_for_a_quarter_of_the_images() -> None:
    images = grey(2000)
    noisy = Noise(MIXED, 0.0).fixed(images, 0)
    changed = (noisy != images).flatten(1).float().mean(1)
    extreme = ((noisy == 0) | (noisy == 1)).flatten(1).float().mean(1)
    for own in (changed == 0, (changed > 0.9), (changed < 0.9) & (extreme == changed) & (changed > 0)):
        assert own.any()
    assert (changed == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert (changed > 0.9).float().mean().item() == pytest.approx(0.25, abs=0.03)  # gaussian


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.kind)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 15), (3, 64, 64)])
def test_noisy_images_are_as_the_images_are(noise: Noise, way: str, shape: tuple[int, int, int]) -> None:
    images = torch.rand(6, *shape).mul(255).round().div(255).contiguous(memory_format=torch.channels_last)
    before = images.clone()
    with torch.autocast("cpu", torch.bfloat16):
        noisy = put_on(noise, way, images)
    assert (noisy.shape, noisy.dtype) == (images.shape, torch.float32)
    assert noisy.is_contiguous(memory_format=torch.channels_last)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert torch.equal(images, before)
    assert not torch.equal(noisy, images)


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.kind)
def test_fixed_noise_is_that_of_the_image_in_any_batch_and_memory_and_draws_nothing(noise: Noise) -> None:
    images = torch.rand(40, 3, 12, 10).mul(255).round().div(255)
    state = torch.get_rng_state()
    whole = noise.fixed(images, 3)
    parts = torch.cat(
        [noise.fixed(images[:7].contiguous(memory_format=torch.channels_last), 3), noise.fixed(images[7:], 3)]
    )
    assert torch.equal(whole, parts)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(whole, noise.fixed(images, 4))
    assert len({row.numpy().tobytes() for row in (noise.fixed(torch.rand(30, 1, 8, 8), 0) > 0.5)}) > 20


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.kind)
def test_noise_is_drawn_anew_each_time_from_the_default_generator(noise: Noise) -> None:
    images = grey(20)
    torch.manual_seed(5)
    first, second = noise.drawn(images), noise.drawn(images)
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    assert torch.equal(noise.drawn(images), first)


def test_pixels_with_noise_are_those_of_the_floats_and_so_is_their_error() -> None:
    noise = Noise(GAUSSIAN, 0.3)
    pixels = np.random.default_rng(1).integers(0, 256, (300, 9, 11, 3), dtype=np.uint8)
    clean = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    noisy = noise.fixed(clean, 2)
    rounded = noisy.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(noise.fixed_pixels(pixels, 2), rounded)
    assert noise.error(pixels, 2) == pytest.approx((noisy - clean).square().mean().item(), rel=1e-5)
    assert noise.fixed_pixels(pixels[:0], 2).shape == (0, 9, 11, 3)
