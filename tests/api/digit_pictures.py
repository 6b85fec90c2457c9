"""A few of scikit-learn's digits as pictures."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def write(folder: str, count: int = 4) -> None:
    """Write so many into a new folder."""
    Path(folder).mkdir()
    for number, image in enumerate(load_digits().images[:count]):
        Image.fromarray(np.rint(image * 255 / 16).astype(np.uint8)).save(Path(folder) / f"{number}.png")
