"""What the estimators for scikit-learn have in common: their images, specs, and a training that leaves nothing."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from cae_tui.api.arrays import as_field, as_images
from cae_tui.api.model import Model
from cae_tui.api.progress import Bar
from cae_tui.api.training import alone, one_at_a_time
from engine import jobs
from engine.data.cache import load as load_set
from engine.errors import RunError
from engine.evaluation.model import Images
from engine.network.architecture import Shape
from engine.preparation import split_for
from engine.protocol.control import Flag
from engine.protocol.states import COMPLETE
from engine.runs.directory import Home
from engine.specs.base import AnySpec, Spec, preset
from engine.specs.preprocessing import SMALLEST_SIDE
from engine.text import excerpt

OWN = ("encoder", "image_shape", "random_state", "progress")
"""Parameters that are no fields of a spec, or mean something else there."""


Flat = NDArray[Any]
"""Shape (n, numbers of an image)."""


class OnImages(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both have in common: images go in as arrays (n, height, width[, channels]), or flat with `image_shape`."""

    model_: Model
    image_shape: tuple[int, ...] | None
    random_state: Any
    progress: bool

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        return tags

    def _checked(self, X: ArrayLike, y: Any = None, *, fitting: bool = False) -> tuple[Flat, tuple[int, ...], Any]:
        """X flat, the shape that its images had unless they were flat, and y where one is given.

        Raises:
            ValueError: they are no finite numbers, or not as many as `fit` had.
        """
        array: Any = X if hasattr(X, "ndim") else np.asarray(X)  # tables and sparse arrays are scikit-learn's to judge
        shape: tuple[int, ...] = array.shape[1:] if array.ndim > 2 else ()
        if shape:
            array = np.reshape(array, (len(array), math.prod(shape)))
        asked = {"reset": fitting, "ensure_min_samples": 2 if fitting else 1}
        flat, y = (validate_data(self, array, **asked), y) if y is None else validate_data(self, array, y, **asked)
        check_non_negative(flat, type(self).__name__)
        return flat, shape, y

    def _images(self, flat: Flat, shape: tuple[int, ...], *, fitting: bool = False) -> Images:
        """What `_checked` gave, as the engine has images.

        Raises:
            ValueError: they are no such images.
        """
        if fitting:
            self.image_shape_: Shape = shape_of(flat.shape[1], shape, self.image_shape)
            self.input_shape_: tuple[int, ...] = shape or flat.shape[1:]
        image = self.image_shape_
        if shape and shape not in (image, image[:2]):
            wanted = f"(n, {', '.join(map(str, self.input_shape_))})"
            raise ValueError(f"X has the shape {(len(flat), *shape)}; {wanted} was expected, as in fit.")
        return as_images(flat.reshape(len(flat), *image), image)

    def _of_fitted(self, X: ArrayLike) -> Images:
        """X as the engine has images, for a model that is there.

        Raises:
            ValueError: they are no such images as in `fit`.
        """
        check_is_fitted(self)
        flat, shape, _ = self._checked(X)
        return self._images(flat, shape)


def seed_of(random_state: Any) -> int:
    """The seed of a run: a whole number as it is, else one that is drawn."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def asked_of(estimator: OnImages, kind: type[AnySpec], seed: int, data: Path, **more: object) -> AnySpec:
    """The spec that the parameters ask for, with at most as many images a batch as there are to train on.

    Raises:
        EngineError: a parameter is wrong.
    """
    given = estimator.get_params(deep=False).items()
    values = {name: as_field(value) for name, value in given if name not in OWN}
    spec = preset(kind, "recommended", **{**values, **more, "seed": seed, "data": str(data)})
    training, _ = split_for(spec, load_set(spec.files))
    return spec.model_copy(update={"batch_size": min(spec.batch_size, len(training))})


def trained(home: Home, spec: Spec, progress: bool) -> str:
    """Train it in the thread that asks, which Ctrl+C ends; gives back the id of the run.

    Raises:
        EngineError: it cannot begin, or it failed or diverged.
    """
    bar = Bar(progress)
    try:
        result = jobs.start(home, spec, bar.hear, Flag())
    finally:
        bar.close()
    if result.state not in COMPLETE:
        raise RunError(result.message)
    return result.id


@contextmanager
def passing_home() -> Iterator[Home]:
    """A home that is deleted afterwards, and torch's random numbers as they were."""
    passing = tempfile.TemporaryDirectory(prefix="cae-tui-", ignore_cleanup_errors=True)
    with passing as folder, one_at_a_time(), alone(None):
        yield Home(Path(folder))


def shape_of(numbers: int, found: tuple[int, ...], asked: Any) -> Shape:
    """Height, width and channels of images of so many numbers.

    Args:
        found: the shape of an image as it was given; nothing where it was flat.
        asked: what `image_shape` says.

    Raises:
        ValueError: they are no images, or of another shape.
    """
    try:
        wanted = None if asked is None or isinstance(asked, str) else tuple(map(int, asked))
    except (TypeError, ValueError):
        wanted = None
    if wanted is None and asked is not None:
        raise ValueError(
            f"image_shape is {excerpt(repr(asked))}; whole numbers were expected, (height, width) or (height, width, "
            "channels)."
        )
    if wanted is not None and len(wanted) == 2:
        wanted = (*wanted, 1)
    if len(found) == 2:
        found = (*found, 1)
    if wanted is None and not found:
        wanted = next((shape for shape in _squares(numbers)), None)
        if wanted is None:
            raise ValueError(
                f"X has n_features = {numbers}, which are no square image of {SMALLEST_SIDE}×{SMALLEST_SIDE} or more: "
                "give image_shape=(height, width)."
            )
    shape = found or wanted or ()
    if len(shape) != 3 or (wanted is not None and (wanted != shape or math.prod(wanted) != numbers)):
        given = f"shape {found}" if found else f"{numbers:,} numbers"
        raise ValueError(f"X has images of {given}, and image_shape is {asked}: they must agree.")
    height, width, channels = shape
    return height, width, channels


def _squares(numbers: int) -> Iterator[Shape]:
    for channels in (1, 3):
        side = math.isqrt(numbers // channels)
        if side * side * channels == numbers and side >= SMALLEST_SIDE:
            yield side, side, channels
