"""What a model file says of its model besides weights and spec: what it needs to answer on new images."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNSURE_BELOW = 0.9
"""Where a model file of before says nothing: an answer of less probability is told as unsure."""
USUAL = 0.99
"""The share of the validation images whose error is usual."""
ALIKE = 0.95
"""The share of images that must agree for all to be called light on dark, or dark on light."""
_SAMPLE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Of a model that was trained; what is not known is None."""

    class_names: tuple[str, ...] = ()  # by label, of what tells classes apart
    views: bool = False  # whether its answers are averaged over views of an image
    temperature: float | None = None  # that softens or sharpens probabilities; found on validation images
    unsure_below: float | None = None  # the probability of an answer, so softened
    unlike_above: float | None = None  # the mean squared error of a reconstruction, images in [0, 1]
    light_on_dark: bool | None = None  # what the images show, where nearly all agree
    centred: bool = False  # whether nearly all were centred as MNIST does
    learned_from: str = ""  # a sketch of the images that it learned from and was chosen by (`engine.data.sketch`)

    def to_json(self) -> dict[str, Any]:
        """What is known, by name."""
        return {name: value for name, value in asdict(self).items() if value not in (None, (), False, "")} | (
            {"light_on_dark": False} if self.light_on_dark is False else {}
        )


def facts_names() -> tuple[str, ...]:
    """The names under which a model file may have them."""
    return tuple(ModelFacts.__dataclass_fields__)


def given_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that are facts."""
    return {name: values[name] for name in facts_names() if name in values}


def unlike_above(errors: NDArray[np.floating[Any]]) -> float:
    """The error that `USUAL` of the validation images stay below; `errors` has shape (n,)."""
    return float(np.quantile(errors, USUAL))


def shows_light_on_dark(image: NDArray[np.uint8]) -> bool:
    """Whether what differs most from the edge of an image, shape (height, width, channels), is lighter than it."""
    grey = image.mean(2)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    middle = float(np.median(edge))
    low, high = np.percentile(grey, (1, 99))
    return bool(high - middle >= middle - low)


def all_light_on_dark(images: NDArray[np.uint8]) -> bool | None:
    """What nearly all of these images, shape (n, height, width, channels), show; None where they do not agree."""
    step = max(len(images) // _SAMPLE, 1)
    share = float(np.mean([shows_light_on_dark(image) for image in images[::step][:_SAMPLE]]))
    return True if share >= ALIKE else False if share <= 1 - ALIKE else None
