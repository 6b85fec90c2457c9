"""Two estimators for scikit-learn: an autoencoder that transforms images, and a classifier on its encoder.

Their parameters are the fields of the specs, with the same names and defaults; what says where images are is left out,
and `image_shape`, `random_state` and `progress` are added. They train as every run does, in a home that is deleted
afterwards; what stays is a `Model`. Images are held back for validation by `validation_fraction`, and for nothing else.
"""

import math
import os
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, TransformerMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from cae_tui.api.arrays import ARRAYS, write_set
from cae_tui.api.fitting import OnImages, asked_of, passing_home, seed_of, trained
from cae_tui.api.model import Model
from engine.data.sources.checks import MOST_CLASSES
from engine.evaluation.model import load_model
from engine.network.network import network_of
from engine.runs.checkpoint import write_model
from engine.runs.directory import Home, default_home
from engine.runs.encoders import find_encoder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec


class AutoencoderTransformer(TransformerMixin, OnImages):  # type: ignore[misc]  # scikit-learn has no types
    """A convolutional autoencoder: `transform` gives the latent of each image, `inverse_transform` images of latents.

    Args:
        image_shape: height and width, or height, width and channels, of images that are given flat; without it flat
            images are squares, grey or of three colours. Sides have 8 to 256 pixels.
        random_state: a whole number is the seed of the run.
        progress: whether tqdm shows how far it is.

    The other parameters are the fields of the spec, see docs/hyperparameters.md. X holds whole numbers 0 to 255 or
    floats 0 to 1.

    Attributes:
        model_: the trained `Model`.
        image_shape_: height, width and channels.
        input_shape_: the shape of an image as X had it, which `inverse_transform` gives back.
        n_features_in_: numbers of an image.
    """

    def __init__(
        self, *, epochs: int = 20, layers: int = 10, kernels: Any = "32", kernel_size: int = 3, batch_size: int = 128,
        learning_rate: float = 8e-3, latent: int = 0, downsampling: str = "strided", downsamplings: Any = "auto",
        upsampling: str = "transposed", sub_pixel: bool = True, residual: bool = True, normalisation: str = "batch",
        activation: str = "silu", output: str = "linear", dropout: float = 0.0, augmentation: bool = False,
        noise: str = "none", noise_amount: Any = "auto", validation_noise: str = "same", optimizer: str = "adam",
        schedule: str = "one-cycle", steps_per_epoch: int | None = None, weight_decay: float = 0.0,
        patience: int = 10, validation_fraction: float = 0.1,
        device: str = "auto", precision: str = "auto", threads: Any = "auto",
        image_shape: tuple[int, ...] | None = None, random_state: Any = None, progress: bool = False,
    ) -> None:  # fmt: skip
        self.epochs = epochs
        self.layers = layers
        self.kernels = kernels
        self.kernel_size = kernel_size
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.latent = latent
        self.downsampling = downsampling
        self.downsamplings = downsamplings
        self.upsampling = upsampling
        self.sub_pixel = sub_pixel
        self.residual = residual
        self.normalisation = normalisation
        self.activation = activation
        self.output = output
        self.dropout = dropout
        self.augmentation = augmentation
        self.noise = noise
        self.noise_amount = noise_amount
        self.validation_noise = validation_noise
        self.optimizer = optimizer
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.device = device
        self.precision = precision
        self.threads = threads
        self.image_shape = image_shape
        self.random_state = random_state
        self.progress = progress

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002 - as scikit-learn calls it
        """Train on the images `X`; `y` is not looked at.

        Raises:
            ValueError: X holds no such images.
            EngineError: a parameter is wrong, or the training failed.
        """
        flat, shape, _ = self._checked(X, fitting=True)
        images = self._images(flat, shape, fitting=True)
        with passing_home() as home:
            data = write_set(home.path / ARRAYS, images, told=True)
            spec = asked_of(self, AutoencoderSpec, seed_of(self.random_state), data)
            self.model_ = Model(load_model(home, trained(home, spec, self.progress)))
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """The latent of each image, shape (n, numbers).

        Raises:
            ValueError: X holds no such images.
        """
        images = self._of_fitted(X)
        return self.model_.encode(images)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """The image of each latent, floats 0 to 1, in the shape that images had in `fit`.

        Raises:
            ValueError: X holds no such latents.
        """
        check_is_fitted(self)
        images = self.model_.decode(X)
        return images.reshape(len(images), *self.input_shape_)

    def score(self, X: ArrayLike, y: Any = None) -> float:  # noqa: ARG002 - as scikit-learn calls it
        """The negative mean squared error of the reconstructions, pixels 0 to 1: more is better.

        Raises:
            ValueError: X holds no such images.
        """
        images = self._of_fitted(X)
        return -float(self.model_.errors(images).mean(dtype=np.float64))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002 - as scikit-learn calls it
        """The names of the latent's numbers, for tables."""
        check_is_fitted(self)
        name = type(self).__name__.lower()
        return np.array([f"{name}{at}" for at in range(math.prod(self.model_.latent_shape))], dtype=object)


class EncoderClassifier(ClassifierMixin, OnImages):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier on the encoder of an autoencoder.

    Args:
        encoder: an `AutoencoderTransformer`, which is cloned and trained first, on the same images; a run's id or the
            path of a model file, which is taken as it is; None is `AutoencoderTransformer()`.
        image_shape: see `AutoencoderTransformer`.
        random_state: a whole number is the seed of the runs.
        progress: whether tqdm shows how far it is.

    The other parameters are the fields of the spec, see docs/hyperparameters.md. X holds whole numbers 0 to 255 or
    floats 0 to 1; y may be numbers or words, of 2 to 256 classes.

    Attributes:
        model_: the trained `Model`.
        classes_: what y held, sorted: `predict` gives these.
        image_shape_: height, width and channels.
        n_features_in_: numbers of an image.
    """

    def __init__(
        self, encoder: Any = None, *, fc_units: int = 128, fc_layers: int = 1, frozen_epochs: int = 3,
        finetune_epochs: int = 15, batch_size: int = 128, optimizer: str = "adamw", learning_rate: float = 2e-3,
        finetune_learning_rate: float = 8e-3, schedule: str = "one-cycle", steps_per_epoch: int | None = None,
        weight_decay: float = 0.01,
        patience: int = 10, label_smoothing: float = 0.05, class_weights: str = "none", dropout: float = 0.3,
        activation: str = "relu", from_scratch: bool = False, augmentation: bool = True, labelled_fraction: float = 1.0,
        labels_per_class: int | None = None, keep: str = "best",
        validation_fraction: float = 0.1, device: str = "auto", precision: str = "auto", threads: Any = "auto",
        image_shape: tuple[int, ...] | None = None, random_state: Any = None, progress: bool = False,
    ) -> None:  # fmt: skip
        self.encoder = encoder
        self.fc_units = fc_units
        self.fc_layers = fc_layers
        self.frozen_epochs = frozen_epochs
        self.finetune_epochs = finetune_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.finetune_learning_rate = finetune_learning_rate
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.weight_decay = weight_decay
        self.patience = patience
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.dropout = dropout
        self.activation = activation
        self.from_scratch = from_scratch
        self.augmentation = augmentation
        self.labelled_fraction = labelled_fraction
        self.labels_per_class = labels_per_class
        self.keep = keep
        self.validation_fraction = validation_fraction
        self.device = device
        self.precision = precision
        self.threads = threads
        self.image_shape = image_shape
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on the images `X` and their classes `y`, shape (n,).

        Raises:
            ValueError: X holds no such images, or y no 2 to 256 classes.
            EngineError: a parameter is wrong, the encoder does not fit, or the training failed.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        flat, shape, y = self._checked(X, y, fitting=True)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if not 2 <= len(classes) <= MOST_CLASSES:
            number = "one class" if len(classes) == 1 else f"{len(classes):,} classes"
            raise ValueError(f"y has {number}; 2 to {MOST_CLASSES} classes were expected.")
        images = self._images(flat, shape, fitting=True)
        self.classes_: NDArray[Any] = classes
        seed = seed_of(self.random_state)
        with passing_home() as home:
            data = write_set(home.path / ARRAYS, (images, labels), told=True)
            encoder = self._encoder(home, data, seed)
            spec = asked_of(self, ClassifierSpec, seed, data, encoder=encoder)
            self.model_ = Model(load_model(home, trained(home, spec, self.progress)))
        return self

    def _encoder(self, home: Home, data: Path, seed: int) -> str:
        """The run or the model file that the classifier is built on."""
        if isinstance(self.encoder, str | os.PathLike):
            return str(find_encoder(Home(default_home()), os.fspath(self.encoder))[0])
        if self.encoder is None:
            own = {
                name: getattr(self, name)
                for name in ("validation_fraction", "device", "precision", "threads", "progress")
            }
            first = AutoencoderTransformer(**own)
        elif isinstance(self.encoder, AutoencoderTransformer):
            first = clone(self.encoder)
            seed = seed if first.random_state is None else seed_of(first.random_state)
        else:
            raise ValueError(
                f"encoder is a {type(self.encoder).__name__}; an AutoencoderTransformer, a run's id or the path of a "
                "model file was expected."
            )
        spec = asked_of(first, AutoencoderSpec, seed, data)
        if not self.from_scratch:
            return trained(home, spec, first.progress)
        spec = spec.settled(self.image_shape_)
        network = network_of(spec, spec, self.image_shape_, 0)  # of which the layers alone are taken
        path = home.path / "encoder.safetensors"
        write_model(path, network, dict(network.state_dict()))
        return str(path)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of each image, one of `classes_`, shape (n,).

        Raises:
            ValueError: X holds no such images.
        """
        check_is_fitted(self)
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(1)]
        return found

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """The probability of each of `classes_`, shape (n, classes); rows sum to 1.

        Raises:
            ValueError: X holds no such images.
        """
        images = self._of_fitted(X)
        return self.model_.predict_proba(images)
