"""An image that is shifted, turned and made noisy, to see how much of that a model bears."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def changed(
    image: NDArray[np.uint8], *, right: int = 0, down: int = 0, turn: int = 0, noise: int = 0, background: int = 0
) -> NDArray[np.uint8]:
    """The image, turned about its middle and shifted, then with noise, which is the same each time.

    Args:
        image: shape (height, width, channels), of 1 or 3 channels.
        right: pixels.
        down: pixels.
        turn: degrees, anticlockwise.
        noise: the standard deviation of what is added to each number, in per cent of the way from black to white.
        background: the brightness of what comes in at the edges.
    """
    if right or down or turn:
        grey = image.shape[2] == 1
        moved = Image.fromarray(image[:, :, 0] if grey else image).rotate(
            turn,
            resample=Image.Resampling.BILINEAR,
            translate=(right, down),
            fillcolor=background if grey else (background,) * 3,
        )
        image = np.asarray(moved).reshape(image.shape)
    if noise:
        added = np.random.default_rng(0).normal(0, 2.55 * noise, image.shape)
        image = np.clip(np.rint(image + added), 0, 255).astype(np.uint8)
    return np.array(image)
