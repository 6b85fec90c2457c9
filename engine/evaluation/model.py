"""A trained model, ready for new images."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.batches import EVALUATION_BATCH, to_pixels
from engine.errors import ModelFileError
from engine.evaluation.calibration import tempered
from engine.network.architecture import Shape
from engine.network.network import Network
from engine.network.views import views
from engine.runs.checkpoint import ModelFile, read_model
from engine.runs.directory import Home, RunDirectory
from engine.runs.model_facts import UNSURE_BELOW, ModelFacts
from engine.specs.base import Spec
from engine.specs.listed import listed
from engine.specs.preprocessing import Preprocessing
from engine.storage.files import absolute
from engine.storage.paths import given_path

Images = NDArray[np.uint8]
"""Shape (n, height, width, channels), 0 to 255."""
Told = Callable[[int, int], None]
"""Is told how many images are done, and of how many; what it raises ends the work."""


@dataclass(frozen=True)
class Model:
    """A model that was trained, with its weights, on the CPU.

    Images are given to it at its own size and number of colours; `preprocessing` says what makes them so.
    """

    name: str  # as a person named it: a run's id, or a path
    spec: Spec
    image: Shape
    classes: int  # 0 where it tells none apart
    facts: ModelFacts
    network: Network
    encoder: "Model | None" = None  # the autoencoder that it was built on, where that is there
    run: RunDirectory | None = None  # whose model it is, where a run was named by its id

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """By label; numbers where the file does not say."""
        return self.facts.class_names or tuple(map(str, range(self.classes)))

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to new pictures: what was done to those that it learned from."""
        height, width, channels = self.image
        learned = self.spec.files.preprocessing
        return Preprocessing(
            size=f"{height}x{width}",
            fit=learned.fit,
            colour="grey" if channels == 1 else "rgb",
            background=learned.background,
            table_shape=learned.table_shape,
        )

    @property
    def unsure_below(self) -> float:
        """The probability, as `softened` tells it, that an answer must reach."""
        return UNSURE_BELOW if self.facts.unsure_below is None else self.facts.unsure_below

    @property
    def rebuilds(self) -> "Model | None":
        """What rebuilds images: itself, or the autoencoder that it was built on."""
        return self.encoder if listed(self.spec.kind).takes_encoder else self

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """What a row of `latent` was before it was flattened: channels, height and width, or so many numbers."""
        plan = self.network.plan
        height, width, channels = plan.latent_shape
        dense = any(layer.kind == "dense" for layer in plan.encoder)
        return (channels,) if dense else (channels, height, width)

    def probabilities(self, images: Images, told: Told | None = None) -> NDArray[np.float32]:
        """Of each class, shape (n, classes); rows sum to 1. Averaged over views where the model was measured so."""

        def answer(batch: torch.Tensor) -> NDArray[np.float32]:
            seen = views(batch) if self.facts.views else (batch,)
            each = torch.stack([self.network(view).float() for view in seen]).double().log_softmax(2)
            found: NDArray[np.float32] = (each.logsumexp(0) - math.log(len(each))).exp().float().numpy()
            return found

        return self._each(images, answer, told, (self.classes,))

    def softened(self, images: Images) -> NDArray[np.float32]:
        """The same with the temperature that the model file has: as `predict` and *Try* tell them."""
        return tempered(self.probabilities(images), self.facts.temperature)

    def latent(self, images: Images, told: Told | None = None) -> NDArray[np.float32]:
        """What the encoder makes of them, shape (n, numbers)."""
        encode: Any = self.network.get_submodule("encoder")

        def encoded(batch: torch.Tensor) -> NDArray[np.float32]:
            found: NDArray[np.float32] = encode(batch).float().flatten(1).numpy()
            return found

        return self._each(images, encoded, told, (self.network.plan.latent,))

    def errors(self, images: Images, told: Told | None = None) -> NDArray[np.float32]:
        """The mean squared error of each reconstruction, images in [0, 1]; shape (n,). Of an autoencoder."""

        def error(batch: torch.Tensor) -> NDArray[np.float32]:
            found: NDArray[np.float32] = (self.network(batch).float() - batch).square().mean((1, 2, 3)).numpy()
            return found

        return self._each(images, error, told, ())

    def odd_scores(self, images: Images, told: Told | None = None, *, learned: bool = False) -> NDArray[np.float32]:
        """How odd they are, shape (n,), more is odder; of a model whose network has an `odd_threshold`.

        Where they are `learned`, images that it was trained on, none is compared with itself.
        """

        def score(batch: torch.Tensor) -> NDArray[np.float32]:
            found: NDArray[np.float32] = self.network.odd_scores(batch, learned=learned).float().numpy()
            return found

        return self._each(images, score, told, ())

    def rebuilt(self, images: Images) -> NDArray[np.float32]:
        """What an autoencoder gives back of them, in [0, 1]; shape as `images`."""
        return self._each(images, lambda batch: _in_range(self.network(batch)), None, self.image)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """The images, in [0, 1] and (n, height, width, channels), that an autoencoder makes of what `latent` gives."""
        decode: Any = self.network.get_submodule("decoder")
        found = np.empty((len(latents), *self.image), np.float32)
        for start in range(0, len(latents), EVALUATION_BATCH):
            part = torch.from_numpy(np.array(latents[start : start + EVALUATION_BATCH], np.float32))
            with torch.inference_mode():
                found[start : start + len(part)] = _in_range(decode(part.reshape(len(part), *self.latent_shape)))
        return found

    def reconstruct(self, images: Images) -> Images:
        """What an autoencoder gives back of them."""
        found = [images[:0].copy()]
        for batch in self._batches(images):
            with torch.inference_mode():
                found.append(to_pixels(self.network(batch)))
        return np.concatenate(found)

    def _each(
        self, images: Images, answer: Callable[[torch.Tensor], NDArray[np.float32]], told: Told | None,
        shape: tuple[int, ...],
    ) -> NDArray[np.float32]:  # fmt: skip
        found = np.empty((len(images), *shape), np.float32)
        done = 0
        for batch in self._batches(images):
            if told is not None:
                told(done, len(images))
            with torch.inference_mode():
                found[done : done + len(batch)] = answer(batch)
            done += len(batch)
        return found

    def _batches(self, images: Images) -> Iterator[torch.Tensor]:
        if images.shape[1:] != self.image:
            raise ValueError(f"images are {images.shape[1:]}, and the model is for {self.image}")
        for start in range(0, len(images), EVALUATION_BATCH):
            part = torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH]))
            yield part.permute(0, 3, 1, 2).float().div_(255)


def _in_range(images: torch.Tensor) -> NDArray[np.float32]:
    """(n, channels, height, width) cut to [0, 1], as (n, height, width, channels)."""
    found: NDArray[np.float32] = images.float().clamp(0, 1).permute(0, 2, 3, 1).numpy()
    return found


def load_model(home: Home, named: str) -> Model:
    """The model that a run's id, or enough of its beginning, or the path of a model file means.

    Raises:
        EngineError: there is none, or it is damaged.
    """
    text = given_path(named)
    if not text.strip():
        raise ModelFileError("The name of the model is empty: name a run, or a model file.")
    path = absolute(Path(text))
    if path.is_dir() and (path / "model.safetensors").exists():  # a run's folder
        path /= "model.safetensors"
    if path.exists() or path.suffix or len(Path(text).parts) > 1:  # no run's id has a dot
        beside = path.with_name("encoder.safetensors")
        return _built(read_model(path), text, beside if path.name == "model.safetensors" else None)
    run = home.find(text)
    return replace(_built(read_model(run.find_model()), run.id, run.encoder), run=run)


def _built(file: ModelFile, name: str, encoder: Path | None) -> Model:
    model = Model(name, file.spec, file.image, file.classes, file.facts, file.build())
    if not listed(file.spec.kind).takes_encoder or encoder is None or not encoder.exists():
        return model
    try:
        found = read_model(encoder)
        return replace(model, encoder=Model(name, found.spec, found.image, 0, found.facts, found.build()))
    except ModelFileError:  # what it is for is an extra: the answers do not need it
        return model
