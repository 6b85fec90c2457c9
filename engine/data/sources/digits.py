"""scikit-learn's digits: 1,797 images of 8×8, which come along with it, for a first look in seconds."""

import numpy as np

from engine.data.sources.source import Parts


def read() -> Parts:
    """Images 0 to 255 (they are 0 to 16 there) and their labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Parts(
        images=np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None],
        labels=digits.target.astype(np.uint8),
        words="scikit-learn's digits",
    )
