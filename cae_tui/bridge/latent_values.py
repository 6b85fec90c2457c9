"""What a page is told of the latent space of a run, as plain values.

The map has arrays, which other values for screens have not: it is drawn of sixty thousand points in a moment.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cae_tui.bridge.values import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentRun:
    """What a page needs to know of a run before anything is encoded."""

    parts: tuple[tuple[str, int], ...]  # which images there are, and how many; the first is shown first
    numbers: int  # of a latent
    decodes: bool  # whether there is a decoder
    borrowed: bool  # whether that is of the autoencoder that a classifier was built on, with latents of its own
    tsne_missing: str  # what to install for t-SNE; empty where it is there


@dataclass(frozen=True, kw_only=True)
class MapView:
    """All images of a part, where the map begins with them."""

    of: str
    class_names: tuple[str, ...]  # by label; empty where there are no classes
    plane: "NDArray[np.float32]"  # (n, 2)
    shares: tuple[float, ...]  # of the variance along the two directions
    labels: "NDArray[np.int64] | None"  # (n,)
    predicted: "NDArray[np.int64] | None"  # (n,)
    by: str  # who takes them for that, in words; empty where nobody does
    errors: "NDArray[np.float32] | None"  # (n,)
    confused: tuple[tuple[int, int, int], ...]  # two classes, and how many of their images are taken for each other

    @property
    def classes(self) -> "NDArray[np.int64] | None":
        """By which the points are coloured: what the images are, or are taken for where that is not known."""
        return self.predicted if self.labels is None else self.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One image of the map."""

    place: int
    name: str  # as in `Test image 1,234`, or of its file
    label: int | None  # its class, where that is known and is one of the model's
    picture: Picture
    reconstruction: Picture | None
    nearest: tuple[tuple[Picture, int | None, float], ...]  # with their classes and distances


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """Something of a latent that can be changed."""

    name: str
    start: float  # in standard deviations of the training images from their mean
    words: str = ""


Marked = tuple[str, int]
"""`("image", place)` on the map, or `("mean", label)`."""
