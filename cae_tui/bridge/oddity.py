"""The scores of an anomaly detector for a page: how many images have which, and which are on either side of a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cae_tui.bridge.data_reader import HasThreads, works_in_thread
from cae_tui.bridge.values import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.data.datasets import ImageData
    from engine.evaluation.oddity import AtThreshold
    from engine.runs.directory import Home

T = TypeVar("T")
STEPS = 200
"""From the lowest score to the highest of the scale, the line is moved in so many steps."""
HIGHEST = 0.995
"""The scale ends at the score that this share of the images stays below: a few very odd ones would squeeze the rest."""
WIDEST = 4
"""It is at most so many times as wide as what normal images and the threshold take of it."""


@dataclass(frozen=True, slots=True)
class ScoresView:
    """The scores of the images that a run was evaluated on."""

    of: str  # test or validation: which images they are
    images: int
    odd: int  # how many of them are known to be odd
    knows: bool  # whether it is known which are
    threshold: float  # the run's own
    threshold_by: str  # what it was found by, in words
    low: float  # of the scale
    high: float
    auroc: float | None
    average_precision: float | None
    class_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """An image with its score."""

    index: int  # among those that it was evaluated on
    score: float
    error: float  # mean squared, of its reconstruction
    label: int | None
    odd: bool | None  # None where it is not known
    told_odd: bool

    @property
    def right(self) -> bool | None:
        """Whether it is on its side of the line; None where that is not known."""
        return None if self.odd is None else self.odd == self.told_odd


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An image, what the autoencoder makes of it, and where the two differ most."""

    picture: Picture
    reconstruction: Picture
    residual: Picture


class Oddity:
    """Of one run.

    Args:
        threads: to work in.
        home: where the run is.
        run: its id.
        load: its images.
        colours: whether maps are drawn in colours.
    """

    def __init__(
        self, threads: HasThreads, home: "Home", run: str, load: "Callable[[str], ImageData]", *, colours: bool
    ) -> None:
        self._threads, self._home, self._run, self._load, self._colours = threads, home, run, load, colours
        self._data: ImageData | None = None

    async def in_thread(self, read: Callable[[], T]) -> T:
        """See `HasThreads`."""
        return await self._threads.in_thread(read)

    @works_in_thread
    def read(self) -> ScoresView:
        """All scores.

        Raises:
            EngineError: the run has none, or its images are gone.
        """
        import numpy as np

        from engine.errors import RunError
        from engine.evaluation.oddity import odd_among
        from engine.evaluation.results import read_predictions
        from engine.results.anomaly import AnomalyResult

        directory = self._home.find(self._run)
        found, result = read_predictions(directory), directory.read_result()
        if not isinstance(result, AnomalyResult) or found.scores is None or result.threshold is None:
            raise RunError(f"Run {self._run} tells no odd images from normal ones, so it has no scores.")
        assert found.errors is not None  # both are written together
        data = self._data = self._load(self._run)
        images = self._images = found.images(data)
        self._indices, self._scores, self._errors = found.indices, found.scores, found.errors
        self._labels = None if images.labels is None else images.labels[found.indices]
        self._odd: NDArray[np.bool_] | None = None
        if self._labels is not None and result.normal:
            self._odd = odd_among(self._labels, data.labels_called(result.normal, "normal"))
        self._order = np.argsort(self._scores, kind="stable")
        low, high = float(self._scores.min()), float(np.quantile(self._scores, HIGHEST))
        if self._odd is not None and not self._odd.all():
            usual = max(float(np.quantile(self._scores[~self._odd], HIGHEST)), result.threshold)
            high = min(high, low + WIDEST * (usual - low))
        high = max(high, result.threshold, low + 1e-6)
        return ScoresView(
            of=found.of,
            images=len(found.indices),
            odd=0 if self._odd is None else int(self._odd.sum()),
            knows=self._odd is not None,
            threshold=result.threshold,
            threshold_by=result.threshold_by,
            low=min(low, result.threshold),
            high=high,
            auroc=result.auroc,
            average_precision=result.average_precision,
            class_names=data.class_names,
        )

    def bins(self, low: float, high: float, count: int) -> tuple[list[int], list[int]]:
        """How many normal images, and odd ones, have a score in each part of the scale; the ends take the rest.

        Where it is not known which are odd, all are among the first.
        """
        import numpy as np

        place = np.clip(((self._scores - low) / (high - low) * count).astype(np.int64), 0, count - 1)
        odd = np.zeros(len(place), bool) if self._odd is None else self._odd
        sides = (np.bincount(place[which], minlength=count).tolist() for which in (~odd, odd))
        normal, others = sides
        return normal, others

    def at(self, threshold: float) -> "AtThreshold":
        """What a threshold comes to; where it is not known which images are odd, as if none were."""
        import numpy as np

        from engine.evaluation.oddity import at_threshold

        odd = np.zeros(len(self._scores), bool) if self._odd is None else self._odd
        return at_threshold(self._scores, odd, threshold)

    def beside(self, threshold: float, count: int, start: int, *, above: bool, wrong: bool) -> list[ScoredImage]:
        """Images on one side of the line, the nearest to it first: `count` of them from the `start`-th on.

        Args:
            above: those that are told as odd; else those told as normal.
            wrong: only those on the wrong side.
        """
        import numpy as np

        at = int(np.searchsorted(self._scores[self._order], threshold, "right"))
        side = self._order[at:] if above else self._order[:at][::-1]
        if wrong and self._odd is not None:
            side = side[self._odd[side] != above]
        return [
            ScoredImage(
                index=int(self._indices[row]),
                score=float(self._scores[row]),
                error=float(self._errors[row]),
                label=None if self._labels is None else int(self._labels[row]),
                odd=None if self._odd is None else bool(self._odd[row]),
                told_odd=above,
            )
            for row in side[start : start + count].tolist()
        ]

    @works_in_thread
    def pictures(self, indices: Sequence[int]) -> tuple[Picture, ...]:
        """The images with those indices, as in `ScoredImage.index`."""
        import numpy as np

        from cae_tui.bridge.plain import pictures

        return pictures(self._images.take(np.array(indices, np.int64)))

    @works_in_thread
    def rebuilt(self, index: int) -> Rebuilt:
        """One image, what the autoencoder makes of it, and where they differ.

        Raises:
            EngineError: the model is gone.
        """
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.evaluation.heat import alone, in_grey
        from engine.evaluation.model import load_model

        image = self._images.take(np.array([index], np.int64))
        model = load_model(self._home, self._run)
        rebuilt = model.reconstruct(image)
        values = np.abs(image[0].astype(np.float32) - rebuilt[0].astype(np.float32)).mean(2)
        drawn = alone(values) if self._colours else in_grey(values)
        return Rebuilt(pictures(image)[0], pictures(rebuilt)[0], pictures(drawn[None])[0])
