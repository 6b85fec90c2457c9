"""What a run is measured by."""

import math


def psnr(mse: float) -> float | None:
    """Peak signal-to-noise ratio in dB of a mean squared error, images in [0, 1].

    None where it is no number that JSON can hold: for an error of exactly 0, or one that is not finite.

    Raises:
        ValueError: a negative error.
    """
    if mse < 0:
        raise ValueError(f"a mean squared error cannot be {mse}")
    return -10 * math.log10(mse) if 0 < mse < math.inf else None
