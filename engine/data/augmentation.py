"""Light changes of images at random, made on the device, to train on; those to evaluate by are `network.views`."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.network.views import SHIFT

ROTATION = math.radians(10)
SCALE = 0.1
SHEAR = 0.1  # radians
UNCHANGED = 0.3  # of a batch


def augment(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """A batch to train on: its first `UNCHANGED` part as it is, the rest changed by `affine`.

    A batch is in random order, so which images are left as they are is random too. Those that a model is asked about
    later are not resampled: one that has seen none like them ends at a higher validation loss.

    Args:
        images: see `affine`.
        generator: see `affine`.

    Returns:
        Images of the same shape, type, device and memory format, in [0, 1].
    """
    kept = int(len(images) * UNCHANGED)
    changed = torch.cat((images[:kept], affine(images[kept:], generator)))
    if images.is_contiguous(memory_format=torch.channels_last):
        changed = changed.contiguous(memory_format=torch.channels_last)
    return changed


def affine(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """Each image sheared, turned, scaled and then shifted a little, by its own random amounts.

    Uniform in ±0.1 rad of shear, ±10° of rotation, 0.9 to 1.1 times in size, all about the centre, and
    ±2/28 of each side. What comes in from outside is black; values between pixels are bilinear.

    Args:
        images: shape (n, channels, height, width), floating point, in [0, 1].
        generator: where the random numbers come from, on the device of the images; None is the
            device's default one. Equal states of it change images in the same way.

    Returns:
        New images of the same shape, type, device and memory format, in [0, 1].
    """
    count, _, height, width = images.shape
    draws = torch.rand(count, 5, generator=generator, device=images.device) * 2 - 1
    grid = functional.affine_grid(_inverse_maps(draws, height, width), list(images.shape), align_corners=False)
    changed = functional.grid_sample(
        images, grid.to(images.dtype), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    if images.is_contiguous(memory_format=torch.channels_last):
        changed = changed.contiguous(memory_format=torch.channels_last)
    return changed


def _inverse_maps(draws: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel of the changed image comes from, for `affine_grid`: shape (n, 2, 3).

    Args:
        draws: shape (n, 5), in [-1, 1]: rotation, shear, scale, shift to the right and shift downwards.
        height: of the images, in pixels.
        width: likewise.
    """
    angle, shear = draws[:, 0] * ROTATION, torch.tan(draws[:, 1] * SHEAR)
    size = 1 + draws[:, 2] * SCALE
    cos, sin = torch.cos(angle), torch.sin(angle)
    # In pixels, the inverse of (size · rotation · shear). The grid's unit is half a side, which is another
    # length across than down: without the ratio, a turn would skew an image that is not square.
    linear = torch.stack(
        (
            torch.stack(((cos + shear * sin) / size, (sin - shear * cos) / size * (height / width)), dim=1),
            torch.stack((-sin / size * (width / height), cos / size), dim=1),
        ),
        dim=1,
    )
    shift = 2 * SHIFT * draws[:, 3:, None]
    return torch.cat((linear, -(linear @ shift)), dim=2)
