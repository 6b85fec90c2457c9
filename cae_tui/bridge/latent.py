"""The latent space of a run as a page shows it: the map, the image under the cursor, decodings, numbers.

What is short (an image, its neighbours, a decoding) is done in one thread, in the order in which it was asked for; what
is long (encoding, t-SNE, the numbers) in others, and ends where it is asked for anew or the page is left.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from cae_tui.bridge.latent_numbers import NumbersView, numbers_view
from cae_tui.bridge.latent_values import LatentRun, Looked, MapView, Marked, Slider
from cae_tui.bridge.values import Picture
from engine.errors import RunError
from engine.runs.directory import Home
from engine.text import counted, percent, plain, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.evaluation.latent_space import LatentSpace
    from engine.evaluation.model import Model
    from engine.evaluation.parts import Part

T = TypeVar("T")

OWN = "own"
"""The part of images that a person names."""
LONG = 3
"""Things that take long and are done at once."""
SLIDERS = 8
"""Principal directions that can be moved along."""
MOST_NUMBERS = 256
"""Numbers of a dense latent that can be changed one by one."""
SAMPLE = 2_000
"""Training images that these directions, and what is usual of each number, are found from."""
LONGEST_NAME = 30
"""Of a picture's file, as the page names it."""
OF_A_MEAN = 500
"""Images of a class that its mean is taken of."""


class Latent:
    """A run's latent space.

    Args:
        home: where the run is.
        run: its id.
    """

    def __init__(self, home: Home, run: str) -> None:
        self._home, self._run = home, run
        self._answers, self._work = ThreadPoolExecutor(1, "answers"), ThreadPoolExecutor(LONG, "latent")
        self._given_up: dict[str, Event] = {}  # by what is long and under way
        self.progress: dict[str, tuple[int, int]] = {}  # the same: how much is done, and of how much
        self.growing: NDArray[np.float32] | None = None  # the places that t-SNE has come to so far
        self._model: Model | None = None
        self._names: tuple[str, ...] = ()  # of the classes that the run has
        self._described: LatentRun | None = None
        self._parts: dict[str, Part] = {}
        self._spaces: dict[str, LatentSpace] = {}
        self._keys: dict[str, str] = {}
        self._base: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None  # a latent, and what sliders add

    def close(self) -> None:
        """Nobody looks any more: what is under way is given up."""
        for given_up in self._given_up.values():
            given_up.set()
        for threads in (self._answers, self._work):
            threads.shutdown(wait=False, cancel_futures=True)

    def how_far(self, what: str) -> str:
        """As in `40 %`, of what is long and under way."""
        done, of = self.progress.get(what, (0, 0))
        return f"{100 * done // of if of else 0} %"

    async def _soon(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._answers.submit(work))

    async def _later(self, what: str, work: Callable[[Callable[[int, int], None]], T]) -> T:
        if what in self._given_up:  # as it was asked for before
            self._given_up[what].set()
        given_up = self._given_up[what] = Event()
        self.progress[what] = 0, 0

        def told(done: int, of: int) -> None:
            if given_up.is_set():
                raise RunError("It was given up.")
            self.progress[what] = done, of

        try:
            return await asyncio.wrap_future(self._work.submit(lambda: work(told)))
        except asyncio.CancelledError:
            given_up.set()
            raise

    # -- the map ---------------------------------------------------------------------------------

    async def open(self) -> LatentRun:
        """Read the model and the images.

        Raises:
            EngineError: the run has no model yet, its file is damaged, or its images are gone or others.
        """
        return await self._later("map", lambda _: self._open())

    def _open(self) -> LatentRun:
        from engine.evaluation.model import load_model
        from engine.evaluation.parts import parts_of
        from engine.evaluation.projection import missing
        from engine.preparation import images_of
        from engine.specs.listed import listed

        model = load_model(self._home, self._run)
        data, training, validation = images_of(self._home.find(self._run))
        self._parts = parts_of(data, training, validation)
        self._model, self._names = model, data.class_names
        self._described = LatentRun(
            parts=tuple((of, len(part)) for of, part in self._parts.items()),
            numbers=model.network.plan.latent,
            decodes=model.rebuilds is not None,
            borrowed=listed(model.spec.kind).takes_encoder,
            tsne_missing=missing(),
        )
        return self._described

    async def own(self, path: str) -> tuple[LatentRun, MapView, str]:
        """The map of images of a person's own, in place of those before; with what became of them, in words.

        Until it is made, the other answers are of those before.

        Raises:
            EngineError: there are no images at `path`; or it was given up.
        """
        return await self._later("map", lambda told: self._own(path, told))

    def _own(self, path: str, told: Callable[[int, int], None]) -> tuple[LatentRun, MapView, str]:
        from engine.evaluation.latent_space import latent_space
        from engine.evaluation.parts import own_part

        assert self._model is not None, "open() comes first"
        assert self._described is not None
        part = own_part(self._model, [path], told)
        space = latent_space(self._model, part, None, told)
        self._parts[OWN], self._spaces[OWN] = part, space
        self._described = replace(self._described, parts=tuple((of, len(each)) for of, each in self._parts.items()))
        return self._described, self._view(OWN), " ".join(_remarks(part, self._model))

    async def map(self, of: str) -> MapView:
        """The map of a part along its first two principal directions; from then on the other answers are of that part.

        Raises:
            EngineError: the run has no such images.
        """
        return await self._later("map", lambda told: self._map(of, told))

    def _map(self, of: str, told: Callable[[int, int], None]) -> MapView:
        from engine.evaluation.latent_space import key_of, latent_space, read_space, write_space
        from engine.evaluation.parts import part_of

        assert self._model is not None, "open() comes first"
        part, run = part_of(self._parts, of), self._home.find(self._run)
        key = self._keys[of] = self._keys.get(of) or key_of(run, part)
        space = self._spaces.get(of) or read_space(run, part, self._model, key)
        if space is None:
            space = latent_space(self._model, part, run, told)
            write_space(run, part, space, key)
        self._spaces[of] = space
        return self._view(of)

    def _view(self, of: str) -> MapView:
        from engine.evaluation.latent_space import confused_pairs
        from engine.evaluation.projection import principal

        space, part = self._spaces[of], self._parts[of]
        labels = part.labels
        pairs = confused_pairs(labels, space.predicted) if labels is not None and space.predicted is not None else []
        return MapView(
            of=of, class_names=part.class_names if labels is not None or space.predicted is not None else (),
            plane=principal(space.reduced), shares=tuple(space.shares[:2].tolist()), labels=labels,
            predicted=space.predicted, by=_by(space), errors=space.errors, confused=tuple(pairs),
        )  # fmt: skip

    async def neighbours(self, of: str) -> MapView:
        """The same map of a part whose images have classes, with what each is taken for by its neighbours.

        Raises:
            RunError: it was given up.
        """
        return await self._later("neighbours", lambda told: self._neighbours(of, told))

    def _neighbours(self, of: str, told: Callable[[int, int], None]) -> MapView:
        from engine.evaluation.latent_space import by_neighbours, write_space

        assert self._model is not None, "open() comes first"
        part = self._parts[of]
        before = self._spaces[of]
        space = by_neighbours(self._model, part, before, told)
        if self._spaces[of] is before:  # else these are other images, of a person's own
            self._spaces[of] = space
            write_space(self._home.find(self._run), part, space, self._keys.get(of, ""))
        return self._view(of)

    async def tsne(self, of: str) -> "NDArray[np.float32]":
        """Where t-SNE puts the images of a part, whose map was made; `growing` has the places as they come.

        Raises:
            RunError: it was given up.
        """
        return await self._later("t-SNE", lambda told: self._tsne(of, told))

    def _tsne(self, of: str, told: Callable[[int, int], None]) -> "NDArray[np.float32]":
        import numpy as np

        from engine.evaluation.latent_space import keep, kept
        from engine.evaluation.projection import tsne

        run, space, key = self._home.find(self._run), self._spaces[of], self._keys.get(of, "")
        plane = kept(run, f"{of}-tsne", key).get("plane")
        whole = plane is not None and plane.shape == (len(space), 2) and plane.dtype == np.float32
        if plane is not None and whole and np.isfinite(plane).all():
            return plane

        def look(places: "NDArray[np.float32]") -> None:
            self.growing = places

        try:
            plane = tsne(space.reduced, told, look)
        finally:
            self.growing = None
        keep(run, f"{of}-tsne", key, plane=plane)
        return plane

    # -- an image --------------------------------------------------------------------------------

    async def look(self, of: str, place: int) -> Looked:
        """The image at a place of the map, with its reconstruction and its neighbours in the same part."""
        return await self._soon(lambda: self._look(of, place))

    def _look(self, of: str, place: int) -> Looked:
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.device import compute_alone
        from engine.evaluation.latent_space import nearest

        compute_alone()
        model, part, space = self._model, self._part_with(of, place), self._spaces[of]
        assert model is not None, "open() comes first"
        image = part.take(np.array([place]))
        places, distances = nearest(model, part, space, place)
        labels = part.labels
        near = zip(pictures(part.take(places)), places.tolist(), distances.tolist(), strict=True)
        rebuilds = model.rebuilds
        return Looked(
            place=place,
            name=_name(part, place),
            label=None if labels is None or int(labels[place]) >= len(self._names) else int(labels[place]),
            picture=pictures(image)[0],
            reconstruction=None if rebuilds is None else pictures(rebuilds.reconstruct(image))[0],
            nearest=tuple((one, None if labels is None else int(labels[at]), far) for one, at, far in near),
        )

    def _part_with(self, of: str, place: int) -> "Part":
        """A part that has an image at that place: what is asked of a person's own may be of those before."""
        part = self._parts[of]
        if place >= len(part):
            raise RunError("There are other images now.")
        return part

    # -- decodings -------------------------------------------------------------------------------

    async def between(self, of: str, first: Marked, last: Marked, count: int) -> tuple[Picture, ...]:
        """Decodings on the straight line between two latents, these among them."""
        return await self._soon(lambda: self._between(of, first, last, count))

    def _between(self, of: str, first: Marked, last: Marked, count: int) -> tuple[Picture, ...]:
        import numpy as np

        start, end = self._latent(of, first), self._latent(of, last)
        steps = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        return self._decoded(start + steps * (end - start))

    def _latent(self, of: str, marked: Marked) -> "NDArray[np.float32]":
        """The latent of an image, or the mean of a class; by the encoder that the decoder was trained with."""
        import numpy as np

        from engine.evaluation.latent_space import encoded, evenly

        what, at = marked
        part = self._parts[of] if what == "mean" else self._part_with(of, at)
        places = evenly(np.flatnonzero(part.labels == at), OF_A_MEAN) if what == "mean" else np.array([at])
        found: NDArray[np.float32] = encoded(self._decoder, part, places).mean(0)
        return found

    @property
    def _decoder(self) -> "Model":
        assert self._model is not None, "open() comes first"
        rebuilds = self._model.rebuilds
        if rebuilds is None:
            raise RunError(
                "There is no decoder: the autoencoder that this classifier was built on is not kept with it."
            )
        return rebuilds

    def _decoded(self, latents: "NDArray[np.float32]") -> tuple[Picture, ...]:
        import numpy as np

        from cae_tui.bridge.plain import pictures

        return pictures(np.rint(self._decoder.decode(latents) * 255).astype(np.uint8))

    async def sliders(self, of: str, place: int) -> tuple[tuple[Slider, ...], Picture]:
        """What of the latent of the image at a place can be changed, and what is decoded of it before it is."""
        return await self._soon(lambda: self._sliders(of, place))

    def _sliders(self, of: str, place: int) -> tuple[tuple[Slider, ...], Picture]:
        import numpy as np

        from engine.evaluation.latent_space import encoded, evenly, principal_directions

        decoder, fit = self._decoder, self._parts.get("training") or self._parts[of]
        latents = encoded(decoder, fit, evenly(np.arange(len(fit)), SAMPLE))
        mean = latents.mean(0)
        directions, shares = principal_directions(latents, mean)
        directions = directions[:SLIDERS]
        names = [f"direction {place + 1}" for place in range(len(directions))]
        words = [f"{percent(float(share), 0)} of the variance" for share in shares]
        ways = directions
        if len(decoder.latent_shape) == 1:
            numbers = min(latents.shape[1], MOST_NUMBERS)
            ways = np.concatenate([directions, np.eye(numbers, latents.shape[1], dtype=np.float32)])
            names += [f"number {place + 1}" for place in range(numbers)]
            words = [*words[: len(directions)], *[""] * numbers]
        spread = ((latents - mean) @ ways.T).std(0)
        latent = self._latent(of, ("image", place))
        starts = ((latent - mean) @ ways.T) / np.where(spread > 0, spread, 1)
        self._base = latent, ways * spread[:, None]
        told = zip(names, starts.tolist(), words, strict=False)
        return tuple(Slider(name=name, start=start, words=about) for name, start, about in told), self._decoded(
            latent[None]
        )[0]

    async def moved(self, by: Sequence[float]) -> Picture:
        """What is decoded where each of the sliders is moved by so many standard deviations."""
        return await self._soon(lambda: self._moved(by))

    def _moved(self, by: Sequence[float]) -> Picture:
        import numpy as np

        assert self._base is not None, "sliders() comes first"
        latent, ways = self._base
        return self._decoded((latent + np.array(by, np.float32) @ ways)[None])[0]

    # -- numbers ---------------------------------------------------------------------------------

    async def numbers(self, of: str) -> NumbersView:
        """The latent in numbers; see `engine.evaluation.probing.probe`.

        Raises:
            EngineError: there are no such images, or too few; or it was given up.
        """
        return await self._later("numbers", lambda told: self._numbers(of, told))

    def _numbers(self, of: str, told: Callable[[int, int], None]) -> NumbersView:
        from engine.evaluation.probing import probe

        assert self._model is not None, "open() comes first"
        return numbers_view(probe(self._model, self._parts, of, told))


def _name(part: "Part", place: int) -> str:
    if not part.names:
        return f"{part.of.capitalize()} image {int(part.rows[place]):,}"
    name = part.names[place]
    return shortened(plain(os.path.basename(name) if os.path.sep in name else name), LONGEST_NAME)


def _remarks(part: "Part", model: "Model") -> Iterator[str]:
    """What a person should know of images of their own."""
    if part.bad:
        name, why = next(iter(part.bad.items()))
        name = shortened(plain(os.path.basename(name)), LONGEST_NAME)
        yield f"{counted(len(part.bad), 'picture')} left out: {name} {why}{', say' * (len(part.bad) > 1)}."
    if model.classes and (unknown := part.class_names[model.classes :]):
        names = ", ".join(shortened(name, LONGEST_NAME) for name in unknown[:3]) + ", …" * (len(unknown) > 3)
        yield f"The model does not know {counted(len(unknown), 'class')} of them ({names}): it takes them for others."


def _by(space: "LatentSpace") -> str:
    """Who takes the images for a class."""
    if not space.compared:
        return "" if space.predicted is None else "by the classifier"
    among = "" if space.compared >= len(space) else f" of {space.compared:,}"
    return f"by the 5 nearest{among}"
