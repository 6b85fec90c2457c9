"""A model that one picture after the other is shown to, as a person draws: what it makes of each, as plain values.

All that the model answers is done in one thread, so that answers come in the order in which they were asked for.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cae_tui.bridge.values import Picture
from engine.errors import DatasetError, RunError
from engine.runs.directory import Home
from engine.storage.paths import pasted_path, shown
from engine.text import class_name, plain, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.data.datasets import ImageData
    from engine.evaluation.model import Model
    from engine.evaluation.neighbours import Neighbours

T = TypeVar("T")

NOTHING = "Nothing is drawn yet."
UNIFORM = "All of one brightness: nothing to tell."
MOVED_OUT = "Nothing of it is left in the picture."
LONGEST_NAME = 14
"""Of a picture's file, as the page names it."""
NEAREST = 3
"""Training images that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedModel:
    """What a page needs to know of a model before anything is drawn."""

    run: str
    kind: str
    shape: tuple[int, int, int]  # of its images: height, width, channels
    class_names: tuple[str, ...]  # empty where it tells no classes apart
    light_on_dark: bool  # which way round one draws
    centres: bool  # whether drawings are centred and scaled as its training images are
    unsure_below: float
    rebuilds: bool  # whether there is an autoencoder to rebuild images by
    odd_above: float | None = None  # the score above which it tells an image as odd; None where it tells none
    why_not_centred: str = ""  # where that cannot be asked for
    noise: str = ""  # of a denoiser: what was on its training images, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a model makes of one picture."""

    changed: Picture  # as it was drawn, with what was asked of it: shifted, turned, noisy
    seen: Picture  # what the model was given
    clean: Picture | None = None  # the same before it got the noise of the model's training, where it did
    blank: str = ""  # why there is nothing to answer on, where there is not
    probabilities: tuple[float, ...] = ()  # of each class
    unsure: bool = False
    score: float | None = None  # how odd it is, of what tells that
    reconstruction: Picture | None = None
    error: float | None = None  # its mean squared error, to what is clean
    unlike: bool | None = None  # whether that is more than of nearly all validation images; None where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The training images that a picture is most like, the nearest first."""

    pictures: tuple[tuple[Picture, str], ...] = ()  # with the names of their classes
    nearer_than: float | None = None  # the share of validation images that are farther from the training images


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A picture to show to the model, and what is done to it before: see `engine.evaluation.changes`."""

    picture: Picture
    centred: bool
    right: int = 0
    down: int = 0
    turn: int = 0
    noise: int = 0
    as_trained: bool = False  # whether the model is given it with the noise of its training


def _denoises(model: "Model") -> bool:
    """Whether it learned to rebuild images from noisy ones."""
    return not model.classes and model.spec.training_noise is not None


def _with_noise(model: "Model", images: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """The images with the noise of the model's training, at the same places whatever is drawn."""
    import torch

    from engine.data.batches import to_pixels
    from engine.data.noise import noise_of

    noise = noise_of(model.spec.training_noise)
    assert noise is not None
    return to_pixels(noise.still(torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255))


class Trying:
    """A model at work on what is drawn.

    Args:
        home: where its run is.
        run: its id.
    """

    def __init__(self, home: Home, run: str) -> None:
        self._home, self._run = home, run
        self._answers, self._reads = ThreadPoolExecutor(1, "answers"), ThreadPoolExecutor(2, "reads")
        self._model: Model | None = None
        self._known: tuple[Neighbours, ImageData] | None = None
        self._seen: NDArray[np.uint8] | None = None  # what was answered on last, (1, height, width, channels)
        self.progress = (0, 0)  # of the training images that it is compared with: how many of how many are encoded
        self._left = False

    def close(self) -> None:
        """Nobody looks any more: what is under way is given up."""
        self._left = True
        for threads in (self._answers, self._reads):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _answer_in_turn(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._answers.submit(work))

    # -- the model -------------------------------------------------------------------------------

    async def open(self) -> TriedModel:
        """Read the model.

        Raises:
            EngineError: it has none yet, or its file is damaged.
        """
        return await self._answer_in_turn(self._open)

    def _open(self) -> TriedModel:
        from engine.device import compute_alone
        from engine.evaluation.centring import centres
        from engine.evaluation.model import load_model
        from engine.specs.noise import noise_words

        compute_alone()
        model = self._model = load_model(self._home, self._run)
        return TriedModel(
            run=self._run,
            kind=model.spec.kind,
            shape=model.image,
            class_names=model.class_names if model.classes else (),
            light_on_dark=model.facts.light_on_dark is not False,
            centres=centres(model),
            unsure_below=model.unsure_below,
            rebuilds=model.rebuilds is not None,
            odd_above=model.network.odd_threshold,
            noise=noise_words(model.spec.training_noise) if _denoises(model) else "",
        )

    # -- its answers -----------------------------------------------------------------------------

    async def answer(self, asked: Asked) -> Tried:
        """What the model makes of a picture of its own size."""
        return await self._answer_in_turn(lambda: self._answer(asked))

    def _answer(self, asked: Asked) -> Tried:
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.evaluation.centring import centred
        from engine.evaluation.changes import changed

        model = self._model
        assert model is not None, "open() comes first"
        dark = model.facts.light_on_dark is not False
        height, width, channels = model.image
        pixels = np.frombuffer(asked.picture.pixels, np.uint8).reshape(height, width, asked.picture.channels)
        if asked.picture.channels != channels:
            pixels = np.repeat(pixels, channels, axis=2)
        self._seen = None
        if int(pixels.max()) == int(pixels.min()):
            (shown,) = pictures(pixels[None])
            paper = int(pixels.max()) == (0 if dark else 255)
            return Tried(changed=shown, seen=shown, blank=NOTHING if paper else UNIFORM)
        image = changed(
            pixels, right=asked.right, down=asked.down, turn=asked.turn, noise=asked.noise,
            background=0 if dark else 255,
        )  # fmt: skip
        seen = image
        if asked.centred:
            ink = image[:, :, 0] if dark else 255 - image[:, :, 0]
            placed = centred(ink)
            seen = np.ascontiguousarray((placed if dark else 255 - placed)[:, :, None])
        batch = seen[None]
        values: dict[str, Any] = {"changed": pictures(image[None])[0], "seen": pictures(batch)[0]}
        if int(image.max()) == int(image.min()) or int(seen.max()) == int(seen.min()):
            return Tried(blank=MOVED_OUT, **values)
        if model.classes:
            probabilities = model.softened(batch)[0]
            values["probabilities"] = tuple(probabilities.tolist())
            values["unsure"] = bool(probabilities.max() < model.unsure_below)
        if model.network.odd_threshold is not None:
            values["score"] = float(model.odd_scores(batch)[0])
        if (autoencoder := model.rebuilds) is not None:
            given = batch
            if asked.as_trained and _denoises(model):
                given = _with_noise(model, batch)
                values |= {"seen": pictures(given)[0], "clean": pictures(batch)[0]}
            values["reconstruction"] = pictures(autoencoder.reconstruct(given))[0]
            if given is batch:
                error = values["error"] = float(autoencoder.errors(batch)[0])
                if (bound := autoencoder.facts.unlike_above) is not None:  # which is of images without noise
                    values["unlike"] = error > bound
            else:
                values["error"] = float(np.square(autoencoder.rebuilt(given) - batch / np.float32(255)).mean())
        self._seen = batch
        return Tried(**values)

    async def nearest(self) -> Nearest:
        """The training images nearest to the picture that was answered on last; none before they are read."""
        return await self._answer_in_turn(self._nearest)

    def _nearest(self) -> Nearest:
        from cae_tui.bridge.plain import pictures

        if self._known is None or self._model is None or self._seen is None:
            return Nearest()
        neighbours, data = self._known
        rows, distances = neighbours.nearest(self._model.latent(self._seen)[0], NEAREST)
        labels = data.train.labels
        names = ["" if labels is None else class_name(data.class_names, int(labels[row])) for row in rows]
        shown = tuple(zip(pictures(data.train.take(rows)), names, strict=True))
        return Nearest(pictures=shown, nearer_than=neighbours.nearer_than(float(distances[0])))

    # -- what it learned from --------------------------------------------------------------------

    async def read_neighbours(self) -> None:
        """Read and encode the training images; answers that are asked for meanwhile are given without them.

        Raises:
            EngineError: they are gone, or others.
        """
        self._known = await asyncio.wrap_future(self._reads.submit(self._read))

    def _read(self) -> "tuple[Neighbours, ImageData]":
        from engine.evaluation.neighbours import neighbours_of
        from engine.preparation import split_for
        from engine.runs.moved import known_of_run, load_known
        from engine.runs.spec_file import read_spec_file

        assert self._model is not None, "open() comes first"
        run = self._home.find(self._run)
        spec, written = read_spec_file(run)
        data = load_known(known_of_run(run.id, spec, written), spec.files)
        training, validation = split_for(spec, data, written.get("split", 1))

        def told(done: int, of: int) -> None:
            if self._left:
                raise RunError("The page was left.")
            self.progress = done, of

        return neighbours_of(self._model, data.train, training, validation, told), data

    # -- pictures from files ---------------------------------------------------------------------

    async def read(self, path: str, *, centred: bool) -> tuple[Picture, str]:
        """A picture from a file as the model takes it, and what is to be said of it.

        Args:
            path: of one picture.
            centred: whether a photograph is cut out of its paper, for a model of images that are centred.

        Raises:
            EngineError: there is none, or it cannot be read.
        """
        return await asyncio.wrap_future(self._reads.submit(lambda: self._read_picture(path, centred)))

    def _read_picture(self, path: str, centred: bool) -> tuple[Picture, str]:
        from cae_tui.bridge.plain import pictures
        from engine.evaluation.given import asked_about, made_ready

        assert self._model is not None, "open() comes first"
        if Path(pasted_path(path)).is_dir():
            raise DatasetError(f"{shown(Path(pasted_path(path)))} is a folder: name one picture in it.")
        asked = asked_about(self._model, [path])
        given = next(asked.pieces(None))
        if not len(given.images):
            name, why = next(iter(given.bad.items()))
            raise DatasetError(f"{name} {why}. Choose a whole PNG, JPEG, BMP, GIF, TIFF, WebP, PGM or PPM file.")
        ready = made_ready(self._model, given, "auto", "auto" if centred else "no")
        words = [shortened(plain(Path(given.names[0]).name), LONGEST_NAME)]
        if asked.count > 1:
            words.append(f"the first of {asked.count:,}")
        if ready.inverted[0]:
            words.append("dark and light exchanged")
        if ready.centred[0]:
            words.append("cut out of its paper")
        return pictures(ready.images[:1])[0], ", ".join(words)
