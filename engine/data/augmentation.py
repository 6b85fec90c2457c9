"""Light changes of images, made on the device: random ones to train on, fixed ones to evaluate by."""

import math

import torch
from torch import Tensor
from torch.nn import functional

ROTATION = math.radians(10)
SHIFT = 2 / 28  # of each side: two pixels of an MNIST digit
SCALE = 0.1
SHEAR = 0.1  # radians
UNCHANGED = 0.3  # of a batch
VIEWS = 5


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


def views(images: Tensor) -> tuple[Tensor, ...]:
    """Each image as it is, then shifted a little to the left, to the right, up and down: test-time augmentation.

    The shift is a pixel of an MNIST digit, half of the largest that is trained on; what comes in is black. An encoder
    whose first layer takes every second pixel sees others in each shifted view.

    Args:
        images: shape (n, channels, height, width).

    Returns:
        `VIEWS` tensors of that shape.
    """
    height, width = images.shape[2:]
    across, down = (max(round(side * SHIFT / 2), 1) for side in (width, height))
    shifts = ((0, 0), (-across, 0), (across, 0), (0, -down), (0, down))
    # Negative padding cuts off what leaves the image.
    return tuple(functional.pad(images, (right, -right, down, -down)) for right, down in shifts)


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
