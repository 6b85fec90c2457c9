"""A look inside a model: an image on its way through it, and why a classifier answers as it does, as plain values.

What is asked about one image is done in one thread, in turn; what takes longer and needs the training images in
another, by a copy of the model, for whoever listens to its layers hears every pass through them. Both compute with one
thread of torch, and give up where nobody waits any more.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from cae_tui.bridge.values import Picture
from engine.errors import RunError
from engine.runs.directory import Home

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.data.datasets import ImageData
    from engine.evaluation.inside import Inside, Patches, SeenLayer
    from engine.evaluation.model import Model, Told
    from engine.evaluation.neighbours import Neighbours
    from engine.evaluation.why import Occlusion

T = TypeVar("T")

NEAREST = 3
"""Training images of a class that are shown."""
OCCLUSION, LAYER_CAM = "occlusion", "LayerCAM"
WAYS = (OCCLUSION, LAYER_CAM)
"""How an answer is explained; the first is the usual one: see docs/inside.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLine:
    """A layer in the list of them."""

    name: str
    part: str  # encoder, decoder or head
    kind: str  # conv, transposed or dense
    symbol: str  # how it changes height and width
    shape: tuple[int, int, int]  # height, width, maps; (1, 1, n) of a dense layer
    parameters: int
    latent: bool = False  # whether what it gives is the latent


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideView:
    """An image, what is rebuilt of it, and the layers that it passes."""

    picture: Picture
    layers: tuple[LayerLine, ...]
    kernels: tuple[Picture, ...]  # of the first layer, in the order of its maps; empty where it has none
    kernel_numbers: tuple[int, ...]  # which maps they make, from 1
    class_names: tuple[str, ...]  # empty where it tells no classes apart
    probabilities: tuple[float, ...]  # of the classes
    clean: Picture | None = None  # the image before noise was put on it, where the run was measured so
    reconstruction: Picture | None = None
    difference: Picture | None = None  # of brightness, signed
    error: float | None = None  # mean squared
    largest: float = 0.0  # difference, in grey levels


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """What a layer makes of the image."""

    maps: tuple[Picture, ...]  # the strongest first; empty of a dense layer
    numbers: tuple[int, ...]  # of maps or units, from 1
    strengths: tuple[float, ...]  # of a map its mean absolute number; of a unit its number, with its sign
    together: Picture | None  # where all its maps answer, laid over the image
    field: int = 0  # the side of the square of pixels that a number sees; 0 where that is no square
    whole: bool = False  # whether that may be the whole image
    silent: int = 0  # maps that answer nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class NearOf:
    """The training images of a class nearest to the image, and how far away their latents are."""

    label: int
    pictures: tuple[tuple[Picture, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyView:
    """What an answer hangs on."""

    way: str  # one of `WAYS`
    label: int  # the class that it is about
    predicted: int
    probabilities: tuple[float, ...]
    over: Picture  # laid over the image
    map: Picture  # alone, in grey
    falls: float  # occlusion: by how much the class becomes less probable where that is most, on the map
    rises: float  # and more probable; not negative
    layer: str  # whose maps LayerCAM takes
    hidden: tuple[int, int, int, int]  # the most important square: first and last row, first and last column, from 1
    without: float  # the probability of the class with that hidden
    then: int  # what it is taken for then


class Looking:
    """A model that one looks into.

    Args:
        home: where its run is.
        run: its id.
        colours: whether the terminal has any; else signs of numbers are told by brightness.
    """

    def __init__(self, home: Home, run: str, *, colours: bool = True) -> None:
        self._home, self._run, self._colours = home, run, colours
        self._answers = ThreadPoolExecutor(1, "looks", _compute_alone)
        self._reads = ThreadPoolExecutor(1, "reads", _compute_alone)
        self._model: Model | None = None
        self._other: Model | None = None  # for the thread that reads
        self._data: ImageData | None = None
        self._training: NDArray[np.int64] | None = None
        self._near: dict[int, Neighbours] = {}  # by class
        self._patches: list[Patches] | None = None
        self._image: NDArray[np.uint8] | None = None  # that is looked at, (height, width, channels)
        self._inside: Inside | None = None
        self._occlusion: Occlusion | None = None  # of that image
        self.progress = (0, 0)  # of what takes long: how many of how many images
        self._left = False

    def close(self) -> None:
        """Nobody looks any more: what is under way is given up."""
        self._left = True
        for threads in (self._answers, self._reads):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _in(self, threads: ThreadPoolExecutor, work: "Callable[[Told], T]") -> T:
        given_up = Event()

        def told(done: int, of: int) -> None:
            if self._left or given_up.is_set():
                raise RunError("The look inside was given up.")
            self.progress = done, of

        def do() -> T:
            self.progress = (0, 0)
            return work(told)

        try:
            return await asyncio.wrap_future(threads.submit(do))
        except asyncio.CancelledError:
            given_up.set()
            raise

    # -- an image --------------------------------------------------------------------------------

    async def look(self, asked: int | Picture) -> InsideView:
        """Send an image through the model: one that the run was measured on, by its index, or a picture.

        The former gets the noise that it was measured with.

        Raises:
            EngineError: the model or the image is gone or damaged, or its kind cannot be looked into.
        """
        if isinstance(asked, int):
            image = await self._in(self._reads, lambda told: self._measured(asked, told))
        else:
            image = _array(asked)
        return await self._in(self._answers, lambda _: self._look(image, measured=isinstance(asked, int)))

    def _measured(self, index: int, told: "Told") -> "NDArray[np.uint8]":
        import numpy as np

        from engine.evaluation.results import read_predictions

        data = self._read(told)
        found: NDArray[np.uint8] = (
            read_predictions(self._home.find(self._run)).images(data).take(np.array([index], np.int64))[0]
        )
        return found

    def _look(self, image: "NDArray[np.uint8]", *, measured: bool) -> InsideView:
        from cae_tui.bridge.plain import pictures
        from engine.data.noise import noise_of
        from engine.evaluation.heat import alone, in_grey, of_kernels
        from engine.evaluation.inside import look_inside
        from engine.evaluation.model import load_model

        if self._model is None:
            self._model = load_model(self._home, self._run)
        model = self._model
        noise = noise_of(model.spec.measured_noise) if measured else None
        clean = None if noise is None else pictures(image[None])[0]
        if noise is not None:
            image = noise.fixed_pixels(image[None], model.spec.seed)[0]
        self._image, self._occlusion = image, None
        inside = self._inside = look_inside(model, image)
        order = inside.layers[0].order
        kernels = () if inside.kernels is None else pictures(of_kernels(inside.kernels)[order])
        rebuilt = inside.rebuilt
        encoder = len(model.network.plan.encoder)
        differs = alone if self._colours else in_grey
        return InsideView(
            picture=pictures(image[None])[0],
            layers=tuple(_line(seen, place == encoder - 1) for place, seen in enumerate(inside.layers)),
            kernels=kernels,
            kernel_numbers=tuple(int(number) + 1 for number in order) if kernels else (),
            class_names=model.class_names if model.classes else (),
            probabilities=tuple(model.probabilities(image[None])[0].tolist()) if model.classes else (),
            clean=clean,
            reconstruction=None if rebuilt is None else pictures(rebuilt.image[None])[0],
            difference=None if rebuilt is None else pictures(differs(rebuilt.difference)[None])[0],
            error=None if rebuilt is None else rebuilt.error,
            largest=0.0 if rebuilt is None else rebuilt.largest,
        )

    async def layer(self, place: int) -> LayerView:
        """What a layer, by its place from 0, makes of the image that was looked at last."""
        return await self._in(self._answers, lambda _: self._layer(place))

    def _layer(self, place: int) -> LayerView:
        from cae_tui.bridge.plain import pictures
        from engine.evaluation.heat import in_grey, laid_over, thumbnails
        from engine.evaluation.inside import together

        assert self._inside is not None, "look() comes first"
        assert self._model is not None
        seen, image = self._inside.layers[place], self._inside.image
        order = seen.order
        numbers = tuple(int(number) + 1 for number in order)
        if seen.is_dense:
            values = seen.maps[order, 0, 0]
            return LayerView(maps=(), numbers=numbers, strengths=tuple(values.tolist()), together=None)
        all_of_them = together(seen, self._model.network.plan)
        shown = laid_over(image, all_of_them) if self._colours else in_grey(all_of_them)
        height, width, _ = image.shape
        return LayerView(
            maps=pictures(thumbnails(seen.maps[order])),
            numbers=numbers,
            strengths=tuple(seen.strengths[order].tolist()),
            together=pictures(shown[None])[0],
            field=0 if seen.field is None else seen.field.side,
            whole=seen.field is not None and seen.field.covers(height, width),
            silent=seen.silent,
        )

    # -- what maps look for ----------------------------------------------------------------------

    async def patches(self, place: int) -> tuple[Picture, ...]:
        """For each map of a convolution of the encoder, the strongest first, what it answers to most: four in a square.

        Raises:
            EngineError: the training images are gone, or others.
        """
        found, order = await self._in(self._reads, self._find_patches), self._order(place)
        return await self._in(self._answers, lambda _: self._mosaics(found[place], place, order))

    def _order(self, place: int) -> "NDArray[np.int64]":
        assert self._inside is not None, "look() comes first"
        return self._inside.layers[place].order

    def _find_patches(self, told: "Told") -> "list[Patches]":
        from engine.evaluation.inside import LOOKED_THROUGH, patches_of
        from engine.evaluation.neighbours import evenly

        if self._patches is None:
            data = self._read(told)
            assert self._training is not None
            rows = evenly(self._training, LOOKED_THROUGH)
            self._patches = patches_of(self._other_model(), data.train, rows, told)
        return self._patches

    def _mosaics(self, found: "Patches", place: int, order: "NDArray[np.int64]") -> tuple[Picture, ...]:
        from cae_tui.bridge.plain import pictures
        from engine.evaluation.inside import mosaics

        assert self._inside is not None
        assert self._data is not None
        field = self._inside.layers[place].field
        assert field is not None, "a convolution of the encoder"
        return pictures(mosaics(found, field, self._data.train, order))

    # -- why -------------------------------------------------------------------------------------

    async def why(self, way: str, label: int | None) -> WhyView:
        """What the answer on the image hangs on, in one of `WAYS`; about the class `label`, or the predicted one.

        Raises:
            EngineError: the model tells no classes apart.
        """
        return await self._in(self._answers, lambda told: self._why(way, label, told))

    def _why(self, way: str, label: int | None, told: "Told") -> WhyView:
        from cae_tui.bridge.plain import pictures
        from engine.evaluation.heat import in_grey, laid_over
        from engine.evaluation.why import layer_cam, occlusion, usual_layer

        model, image = self._model, self._image
        assert model is not None, "look() comes first"
        assert image is not None
        hidden = self._occlusion = self._occlusion or occlusion(model, image, told)
        predicted = int(hidden.before.argmax())
        label = predicted if label is None else label
        plan = model.network.plan
        found = hidden.falls(label) if way == OCCLUSION else layer_cam(model, image, label)
        most = hidden.most(label)
        return WhyView(
            way=way,
            label=label,
            predicted=predicted,
            probabilities=tuple(hidden.before.tolist()),
            over=pictures(laid_over(image, found)[None])[0],
            map=pictures(in_grey(found)[None])[0],
            falls=max(float(found.max()), 0.0),
            rises=max(-float(found.min()), 0.0),
            layer="" if way == OCCLUSION else plan.layers[usual_layer(plan)].name,
            hidden=(most.top + 1, most.top + most.side, most.left + 1, most.left + most.side),
            without=most.probability,
            then=most.predicted,
        )

    async def near(self, label: int) -> NearOf:
        """The training images of a class that are nearest to the image that was looked at last.

        Raises:
            EngineError: they are gone, or others.
        """
        image = self._image
        assert image is not None, "look() comes first"
        return await self._in(self._reads, lambda told: self._find_near(label, image, told))

    def _find_near(self, label: int, image: "NDArray[np.uint8]", told: "Told") -> NearOf:
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.evaluation.neighbours import neighbours_of

        data, model = self._read(told), self._other_model()
        labels, training = data.train.labels, self._training
        if labels is None or training is None:
            return NearOf(label=label, pictures=())
        rows = training[labels[training] == label]
        if not len(rows):
            return NearOf(label=label, pictures=())
        if label not in self._near:
            self._near[label] = neighbours_of(model, data.train, rows, rows[:0], told)
        latent = model.latent(image[None])[0]
        nearest, distances = self._near[label].nearest(latent, NEAREST)
        shown = zip(pictures(data.train.take(nearest.astype(np.int64))), distances.tolist(), strict=True)
        return NearOf(label=label, pictures=tuple(shown))

    # -- what it learned from --------------------------------------------------------------------

    def _other_model(self) -> "Model":
        from engine.evaluation.model import load_model

        if self._other is None:
            self._other = load_model(self._home, self._run)
        return self._other

    def _read(self, told: "Told") -> "ImageData":
        from engine.preparation import images_of

        if self._data is None:
            self._data, self._training, _ = images_of(self._home.find(self._run))
            told(0, 0)
        return self._data


def _compute_alone() -> None:
    from engine.device import compute_alone

    compute_alone()


def _array(picture: Picture) -> "NDArray[np.uint8]":
    import numpy as np

    return np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, picture.channels)


def _line(seen: "SeenLayer", latent: bool) -> LayerLine:
    layer = seen.layer
    return LayerLine(
        name=layer.name, part=seen.part, kind=layer.kind, symbol=layer.symbol, shape=layer.shape,
        parameters=layer.parameters, latent=latent,
    )  # fmt: skip
