"""A trained model in a program: arrays or paths go in, arrays come out.

It is a face of `engine.evaluation.model.Model`, which the command line puts to work too. What pickling it takes are
numbers, text and arrays of numpy: it is built again from its spec, as a model file is.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from cae_tui.api.arrays import Places, as_images, is_places
from engine.errors import DatasetError, ModelFileError, RunError, StorageError
from engine.evaluation import model as engine_model
from engine.evaluation.given import given_images, made_ready
from engine.network.architecture import Shape
from engine.network.network import network_of
from engine.runs.directory import Home, default_home
from engine.runs.model_facts import ModelFacts
from engine.specs.base import Spec
from engine.specs.data_files import shape_words
from engine.specs.kinds import spec_from_json
from engine.specs.listed import listed
from engine.storage.files import absolute
from engine.storage.paths import shown
from engine.text import counted, excerpt


def home_of(named: str | os.PathLike[str] | None) -> Home:
    """The home at that path; where none is named, the one that the program uses.

    Raises:
        StorageError: there is a file at that path.
    """
    place = default_home() if named is None else absolute(Path(named))
    if place.is_file():
        raise StorageError(f"{shown(place)} is a file; the folder of a home was expected: name a folder.")
    return Home(place)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images that were read for a model."""

    names: tuple[str, ...]  # of each, its path or its place in a set
    images: NDArray[np.uint8]  # (n, height, width, channels)
    labels: NDArray[np.int64] | None = None  # (n,), where the set or the folders say the classes


class Model:
    """A model that was trained; `load` gives one.

    Every method takes images as an array or as paths. An array holds whole numbers 0 to 255 or floats 0 to 1, and has
    the shape (n, height, width), (n, height, width, channels), or that of one image, which counts as n = 1; height and
    width are the model's. Paths are a picture, a folder of pictures or any other set, or a list of pictures and
    folders; what is at them is brought to the model's size and colours as its training images were.
    """

    def __init__(self, model: engine_model.Model) -> None:
        self._model = model

    def __repr__(self) -> str:
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"Model({self.name!r}, {self.kind}, {shape_words(self.image_shape)}{classes})"

    @property
    def name(self) -> str:
        """The run's id, or the path of the model file."""
        return self._model.name

    @property
    def kind(self) -> str:
        """What kind of run it comes from: autoencoder or classifier."""
        return self._model.spec.kind

    @property
    def spec(self) -> Spec:
        """What its run was asked for: `model.spec.epochs`, `model.spec.model_dump()`."""
        return self._model.spec

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each label; none of an autoencoder."""
        return self._model.class_names

    @property
    def temperature(self) -> float | None:
        """What its probabilities are told with, found on validation images; None where none was found."""
        return self._model.facts.temperature

    @property
    def image_shape(self) -> Shape:
        """Height, width and channels of an image."""
        return self._model.image

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """What a row of `encode` was before it was flattened: channels, height and width, or so many numbers."""
        return self._model.latent_shape

    @property
    def autoencoder(self) -> "Model | None":
        """The autoencoder itself; of a classifier the one that it was built on, None where its file is gone."""
        found = self._model.rebuilds
        return None if found is None else Model(found)

    def read(self, paths: Places) -> Pictures:
        """The pictures at `paths` as the model takes them, with their names: what the other methods do with paths.

        As by `cae-tui predict`, pictures that are dark on light are inverted for a model of light on dark, a set is
        inverted as a whole, and digits are centred for a model of centred ones; a warning says how many. As arrays,
        images are left as they are.

        Raises:
            DatasetError: there is no image there, or one cannot be read.
        """
        return self._read(paths, 3)

    def _read(self, paths: Places, level: int) -> Pictures:
        """See `read`; warnings are of the caller so many levels above."""
        places = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        given = given_images(self._model, [os.fspath(place) for place in places])
        if given.bad:
            name, why = next(iter(given.bad.items()))
            more = f", and {len(given.bad) - 1:,} more cannot be used" if len(given.bad) > 1 else ""
            raise DatasetError(f"{name} {why}{more}: mend or remove it, or name only what can be read.")
        ready = made_ready(self._model, given)
        counts = {"Inverted": int(ready.inverted.sum()), "centred": int(ready.centred.sum())}
        done = " and ".join(f"{what} {count:,}" for what, count in counts.items() if count)
        if done:
            learned = "dark on light" if self._model.facts.light_on_dark is False else "light on dark"
            learned += ", centred as MNIST's digits are" if counts["centred"] else ""
            warnings.warn(
                f"{done[0].upper()}{done[1:]} of {counted(len(ready.images), 'image')}: the model learned from "
                f"{learned}. Give images as arrays to have them left as they are.",
                stacklevel=level,
            )
        return Pictures(tuple(given.names), ready.images, given.labels)

    def predict(self, images: ArrayLike | Places) -> NDArray[np.int64]:
        """The label of each image, shape (n,); `class_names` has what each label is called.

        Raises:
            ValueError: the array holds no such images.
            EngineError: nothing can be read at the paths, or the model tells no classes apart.
        """
        found: NDArray[np.int64] = self._probabilities(self._given(images)).argmax(1)
        return found

    def predict_proba(self, images: ArrayLike | Places) -> NDArray[np.float32]:
        """The probability of each class, shape (n, classes); rows sum to 1: as `cae-tui predict` tells them.

        Raises:
            ValueError: the array holds no such images.
            EngineError: nothing can be read at the paths, or the model tells no classes apart.
        """
        return self._probabilities(self._given(images))

    def _probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not self._model.classes:
            raise ModelFileError(f"{self.name} is an {self.kind}, which tells no classes apart: load a classifier.")
        return self._model.softened(images)

    def encode(self, images: ArrayLike | Places) -> NDArray[np.float32]:
        """What the encoder makes of each image, shape (n, numbers); see `latent_shape`.

        Raises:
            ValueError: the array holds no such images.
            EngineError: nothing can be read at the paths.
        """
        return self._model.latent(self._given(images))

    def decode(self, latents: ArrayLike) -> NDArray[np.float32]:
        """The images that an autoencoder's decoder makes, floats 0 to 1 and (n, height, width, channels).

        Args:
            latents: as `encode` gives them, (n, numbers) or (n, *latent_shape), or a single one.

        Raises:
            ValueError: they have another shape, or are not finite.
            EngineError: the model has no decoder of its own.
        """
        if listed(self.kind).takes_encoder:
            raise ModelFileError(
                f"{self.name} is a {self.kind}, whose encoder has no decoder: use those of its autoencoder attribute."
            )
        try:
            array, shape = np.asarray(latents), self.latent_shape
        except ValueError:  # rows of different lengths
            raise ValueError("The latents have different lengths: give as many numbers for each.") from None
        numbers = int(np.prod(shape))
        if array.shape in (shape, (numbers,)):
            array = array[None]
        if array.dtype.kind not in "uif" or array.shape[1:] not in (shape, (numbers,)):
            wanted = f"numbers of the shape (n, {numbers})"
            raise ValueError(f"The latents are {array.dtype} of the shape {array.shape}; {wanted} were expected.")
        if not np.isfinite(array).all():
            raise ValueError("The latents contain NaN or infinity; finite numbers were expected: replace those first.")
        return self._model.decode(np.asarray(array, np.float32))

    def reconstruct(self, images: ArrayLike | Places) -> NDArray[np.float32]:
        """What the autoencoder gives back of each image, floats 0 to 1 and (n, height, width, channels).

        A classifier does it with the autoencoder that it was built on.

        Raises:
            ValueError: the array holds no such images.
            EngineError: nothing can be read at the paths, or the autoencoder is not there.
        """
        return self._autoencoder().rebuilt(self._given(images))

    def odd_scores(self, images: ArrayLike | Places) -> NDArray[np.float32]:
        """How odd an anomaly detector finds each image, shape (n,): above `odd_above` it is odd.

        Raises:
            ValueError: the array holds no such images.
            EngineError: nothing can be read at the paths, or the model is no such detector.
        """
        if self.odd_above is None:
            raise ModelFileError(
                f"{self.name} does not tell odd images from normal ones: load an anomaly detector that was trained to "
                "its end."
            )
        return self._model.odd_scores(self._given(images))

    @property
    def odd_above(self) -> float | None:
        """The score above which an anomaly detector tells an image as odd; None of any other model."""
        return self._model.network.odd_threshold

    def errors(self, images: ArrayLike | Places) -> NDArray[np.float32]:
        """The mean squared error of each reconstruction before it is cut to 0 to 1, shape (n,).

        Raises:
            ValueError: the array holds no such images.
            EngineError: nothing can be read at the paths, or the autoencoder is not there.
        """
        return self._autoencoder().errors(self._given(images))

    def _autoencoder(self) -> engine_model.Model:
        found = self._model.rebuilds
        if found is None:
            raise ModelFileError(
                f"{self.name} is a {self.kind} without its encoder.safetensors beside it: load the autoencoder instead."
            )
        return found

    def _given(self, images: ArrayLike | Places) -> NDArray[np.uint8]:
        if is_places(images):
            return self._read(images, 4).images  # type: ignore[arg-type]  # they are places here
        return as_images(images, self.image_shape)  # type: ignore[arg-type]  # and numbers here

    def __getstate__(self) -> dict[str, Any]:
        return _state_of(self._model)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._model = _built(state)


def load(path_or_run: str | os.PathLike[str], home: str | os.PathLike[str] | None = None) -> Model:
    """The model of a run or of a model file.

    Args:
        path_or_run: a run's id or enough of its beginning, the folder of a run, or a `model.safetensors`.
        home: where the runs are; without it the program's own home.

    Raises:
        EngineError: there is none, or it is damaged.
    """
    if not isinstance(path_or_run, str | os.PathLike):
        raise RunError(f"{excerpt(repr(path_or_run))} is no run: give its id, or the path of a model file.")
    return Model(engine_model.load_model(home_of(home), os.fspath(path_or_run)))


def _state_of(model: engine_model.Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "spec": model.spec.model_dump(mode="json"),
        "image": list(model.image),
        "classes": model.classes,
        "facts": asdict(model.facts),
        "about": model.network.about,
        "weights": {name: tensor.numpy().copy() for name, tensor in model.network.state_dict().items()},
        "encoder": None if model.encoder is None else _state_of(model.encoder),
    }


def _built(state: Mapping[str, Any]) -> engine_model.Model:
    spec = spec_from_json(state["spec"])
    encoder_spec = spec_from_json(state["about"]["encoder_spec"]) if listed(spec.kind).takes_encoder else spec
    height, width, channels = state["image"]
    with torch.device("meta"):  # no random number is drawn
        network = network_of(spec, encoder_spec, (height, width, channels), state["classes"])
    network.load_state_dict({name: torch.from_numpy(array) for name, array in state["weights"].items()}, assign=True)
    return engine_model.Model(
        name=state["name"],
        spec=spec,
        image=(height, width, channels),
        classes=state["classes"],
        facts=ModelFacts(**state["facts"]),
        network=network.eval(),
        encoder=None if state["encoder"] is None else _built(state["encoder"]),
    )
