"""Views of an image, over which what a network says of it is averaged."""

from torch import Tensor
from torch.nn import functional

SHIFT = 2 / 28
"""The largest shift in training, of each side: two pixels of an MNIST digit."""
VIEWS = 5


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
