"""Whether a model is asked about images that it has learned from: its figures flatter it then."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engine.data.sketch import share_known
from engine.evaluation.model import Model

ALL = 0.99


class Learned:
    """How many of the images that a model is asked about it knows, told piece after piece.

    Args:
        model: which; a file of before says nothing of its images.
    """

    def __init__(self, model: Model) -> None:
        self._sketch = model.facts.learned_from
        self._images = 0
        self._known = 0.0
        self._told = 0

    def add(self, images: NDArray[np.uint8]) -> None:
        """Look at some, of the shape (n, height, width, channels) that the model takes."""
        share = share_known(self._sketch, images) if self._sketch else None
        self._images += len(images)
        if share is not None:
            self._known += share * len(images)
            self._told += len(images)

    @property
    def sentence(self) -> str:
        """What is to be known of it; nothing where it knows none."""
        if not self._known:
            return ""
        share = self._known / self._told
        which = "These" if share >= ALL else f"About {max(100 * share, 1):.0f} % of these images"
        images = " are images" if share >= ALL else " are some"
        return f"{which}{images} that the model has learned from or was chosen by: the figures flatter it."


def learned_sentence(model: Model, parts: Iterable[NDArray[np.uint8]]) -> str:
    """The same of images that are there whole."""
    learned = Learned(model)
    for images in parts:
        learned.add(images)
    return learned.sentence
