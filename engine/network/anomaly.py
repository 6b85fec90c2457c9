"""The anomaly detector: an autoencoder of normal images that keeps what it made of them, and scores others by it.

Distances are taken between embeddings, after these were whitened: turned and scaled so that those of the training
images have the unit matrix for covariance (the distance of Mahalanobis). Distances to the k nearest of what is
normal are the usual reference among detectors by features: Bergman, Cohen and Hoshen, "Deep nearest neighbor anomaly
detection", 2020. Telling turns, flips and shifts apart as what an encoder learns from: Golan and El-Yaniv, "Deep
anomaly detection using geometric transformations", 2018.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.network.architecture import SHIFTS, WAYS, Shape, plan_anomaly
from engine.network.autoencoder import ConvAutoencoder
from engine.network.views import views
from engine.specs.anomaly import AnomalySpec
from engine.specs.base import Spec

SCORES = ("nearest", "error", "both")
SHIFT_PART = 7
"""A shift is so many times shorter than a side: 4 pixels of an MNIST digit."""
_FLAT = 1e-6
"""A direction in which embeddings vary by less than this part of the most is not blown up to the size of the others."""
ITSELF = 0.01
"""A training image that is so many times nearer than the next one is the image itself."""
_SMALLEST = 1e-12
"""Below it a distance or an error counts as this, for a logarithm is taken."""


class AnomalyDetector(ConvAutoencoder):
    """An autoencoder, what it made of normal images, and scores by both.

    Until `remember` was called it knows no images, and only the error of a reconstruction scores any.

    Args:
        spec: what it is made of.
        image: height, width and channels of an image.
    """

    known: Tensor  # (n, d) whitened embeddings of training images; none until they are told
    middle: Tensor  # (d,) their mean, before
    whitening: Tensor  # (d, d)
    odd_above: Tensor  # (1,) the score from which an image is told as odd
    usual: Tensor  # (2, 2): of the logarithms of distances and of errors of held-back normal images mean and deviation
    spec: AnomalySpec

    def __init__(self, spec: AnomalySpec, image: Shape) -> None:
        super().__init__(spec, image)
        self.plan = plan_anomaly(spec, image)
        latent, (aside, head) = self.plan.latent, self.plan.aside or (None, None)
        self.turns = None if aside is None else nn.Linear(aside.inputs, aside.outputs)
        self.head = None if head is None else nn.Linear(head.inputs, head.outputs)
        numbers = latent + (0 if aside is None else aside.outputs)
        self.register_load_state_dict_pre_hook(self._make_room)  # type: ignore[no-untyped-call]  # torch has no types for it
        self.register_buffer("known", torch.empty(0, numbers))
        self.register_buffer("middle", torch.zeros(numbers))
        self.register_buffer("whitening", torch.eye(numbers))
        self.register_buffer("odd_above", torch.zeros(1))
        self.register_buffer("usual", torch.tensor([[0.0, 1.0], [0.0, 1.0]]))

    def learn(self, images: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructions of `images`, and how `changed` are turned and shifted: logits (n, ways + 2 · shifts)."""
        assert self.turns is not None
        assert self.head is not None
        convolved = self.encoder.convolved(torch.cat((images, changed)))
        upright, others = convolved[: len(images)], convolved[len(images) :].flatten(1)
        latent = upright if self.encoder.latent is None else self.encoder.latent(upright.flatten(1))
        return self.decoder(latent), self.head(functional.silu(self.turns(others)))

    def embedding(self, images: Tensor) -> Tensor:
        """What distances are taken between: the latent, and what changes are told apart by; (n, d), float32.

        With those it is the mean over `views`: what has learned to tell shifts and turns sees small ones too.
        """
        if self.turns is None:
            return self._embedded(images)
        return torch.stack([self._embedded(view) for view in views(images)]).mean(0)

    def _embedded(self, images: Tensor) -> Tensor:
        convolved = self._convolved(images)
        latent = convolved if self.encoder.latent is None else self.encoder.latent(convolved)
        parts = [latent] if self.turns is None else [latent, self.turns(convolved)]
        return torch.cat(parts, 1).float()

    def _convolved(self, images: Tensor) -> Tensor:
        return self.encoder.convolved(images).flatten(1)

    # -- scores ----------------------------------------------------------------------------------

    def remember(self, embeddings: Tensor) -> None:
        """Take these, what `embedding` made of training images, shape (n, d), n at least 1, for what is normal."""
        known = embeddings.cpu().double()  # not every accelerator has so many digits
        middle = known.mean(0)
        covariance = (known - middle).T @ (known - middle) / max(len(known) - 1, 1)
        values, directions = torch.linalg.eigh(covariance)
        values = values.clamp_min(max(float(values.max()) * _FLAT, _SMALLEST))
        device = self.middle.device
        self.middle, self.whitening = middle.float().to(device), (directions / values.sqrt()).float().to(device)
        self.known = self.whitened(embeddings.to(device))

    def settle(self, distances: Tensor, errors: Tensor) -> None:
        """Take distances and errors of held-back normal images, each (n,), for what is usual: `both` is by it."""
        logs = torch.stack((_log(distances), _log(errors)))
        spread = logs.std(1, correction=0).clamp_min(_FLAT)
        self.usual = torch.stack((logs.mean(1), spread), 1).to(self.middle.device)

    def whitened(self, embeddings: Tensor) -> Tensor:
        """Embeddings (n, d) so that those of the training images have the unit matrix for covariance."""
        return (embeddings - self.middle) @ self.whitening

    def distances(self, embeddings: Tensor, *, learned: bool = False) -> Tensor:
        """The mean distance of each, shape (n, d), to the nearest training images, but itself where `learned`; (n,)."""
        mean = mean_distances_to_others if learned else mean_distances
        return mean(self.whitened(embeddings), self.known, self.spec.neighbours)

    def scores(self, images: Tensor, *, learned: bool = False) -> dict[str, Tensor]:
        """How odd images (n, channels, height, width) in [0, 1] are, by each of `SCORES`: (n,), more is odder.

        See `Network.odd_scores` for `learned`.
        """
        errors = (self(images).float() - images).square().mean((1, 2, 3))
        if not len(self.known):
            return {"error": errors}
        distances = self.distances(self.embedding(images), learned=learned)
        return {"nearest": distances, "error": errors, "both": self.both(distances, errors)}

    def both(self, distances: Tensor, errors: Tensor) -> Tensor:
        """The sum of both logarithms, each in deviations from what is usual; (n,)."""
        logs = torch.stack((_log(distances), _log(errors)))
        found: Tensor = ((logs - self.usual[:, :1]) / self.usual[:, 1:]).sum(0)
        return found

    @property
    def odd_threshold(self) -> float | None:
        """See `Network`."""
        return float(self.odd_above) if len(self.known) else None

    def odd_scores(self, images: Tensor, *, learned: bool = False) -> Tensor:
        """See `Network`: the score that its spec asks for."""
        return self.scores(images, learned=learned)[self.spec.score]

    def _make_room(self, _: nn.Module, tensors: dict[str, Any], prefix: str, *__: Any) -> None:
        """How many images are known is told by the file that is loaded alone."""
        known = tensors.get(f"{prefix}known")
        if isinstance(known, Tensor) and known.ndim == 2 and known.shape[1] == self.known.shape[1]:
            self.known = torch.empty_like(known, device=self.known.device)


def _log(values: Tensor) -> Tensor:
    return values.float().clamp_min(_SMALLEST).log()


def mean_distances(points: Tensor, known: Tensor, count: int) -> Tensor:
    """The mean Euclidean distance of each of `points` (m, d) to its `count` nearest of `known` (n, d); (m,)."""
    nearest = torch.cdist(points, known).topk(min(count, len(known)), largest=False)
    return nearest.values.mean(1)


def mean_distances_to_others(points: Tensor, known: Tensor, count: int) -> Tensor:
    """`mean_distances` of points which may be among `known`: the nearest does not count where it is the point itself.

    Not all training images are known where there are many, and batches of other images differ in the last digits: so
    the nearest is taken for the point itself where it is a hundred times nearer than the next.
    """
    nearest = torch.cdist(points, known).topk(min(count + 1, len(known)), largest=False).values
    if nearest.shape[1] < 2:
        return nearest.mean(1)
    itself = nearest[:, 0] <= ITSELF * nearest[:, 1]
    return nearest[:, 1:].mean(1).where(itself, nearest[:, :count].mean(1))


def relative_distances(points: Tensor, known: Tensor, own: Tensor, count: int) -> Tensor:
    """`mean_distances`, each over the mean of what its `count` nearest have themselves (`own`, (n,)); (m,).

    What lies in a sparse region is usually far from its nearest: so it is not told as odd for that.
    """
    nearest = torch.cdist(points, known).topk(min(count, len(known)), largest=False)
    return nearest.values.mean(1) / own[nearest.indices].mean(1).clamp_min(_SMALLEST)


def own_distances(known: Tensor, count: int, told: Callable[[], None] = lambda: None, at_once: int = 512) -> Tensor:
    """The mean distance of each of `known` (n, d) to its `count` nearest others; (n,), all 0 where there are none.

    `told` is called before each so many: what it raises ends the work.
    """
    found = [known.new_zeros(len(known))] if len(known) < 2 else []
    for start in range(0, len(known) if len(known) > 1 else 0, at_once):
        told()
        nearest = torch.cdist(known[start : start + at_once], known).topk(min(count + 1, len(known)), largest=False)
        found.append(nearest.values[:, 1:].mean(1))  # the nearest of all is the point itself, or a copy of it
    return torch.cat(found)


def ways_of(image: Shape) -> tuple[int, ...]:
    """The `WAYS` that leave an image of that shape in its shape: half of them where it is not square."""
    return tuple(range(0, WAYS, 1 if image[0] == image[1] else 2))


def turned(images: Tensor, ways: Tensor) -> Tensor:
    """Images (n, channels, height, width), each flipped and turned in one of the `WAYS`: whole numbers, shape (n,).

    Of images that are not square only `ways_of` them.
    """
    found = images.flip(3).where((ways >= WAYS // 2)[:, None, None, None], images)
    if images.shape[2] == images.shape[3]:
        found = found.transpose(2, 3).flip(2).where((ways % 2 == 1)[:, None, None, None], found)
    return found.flip(2, 3).where((ways % 4 >= 2)[:, None, None, None], found)


def shifted(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Images (n, channels, height, width), each moved by a `SHIFT_PART`th of its sides, or not; black comes in.

    Args:
        across: which of the `SHIFTS`, whole numbers, shape (n,): to the left, not at all, to the right.
        down: likewise: upwards, not at all, downwards.
    """
    height, width = images.shape[2:]
    right, below = max(width // SHIFT_PART, 1), max(height // SHIFT_PART, 1)
    # Negative padding cuts off what leaves the image.
    for places, ahead in ((across, (right, -right, 0, 0)), (down, (0, 0, below, -below))):
        back = tuple(-side for side in ahead)
        which = places[:, None, None, None]
        moved = functional.pad(images, ahead).where(which == SHIFTS - 1, images)
        images = functional.pad(images, back).where(which == 0, moved)
    return images


def network(spec: Spec, encoder_spec: Spec, image: Shape, classes: int) -> AnomalyDetector:  # noqa: ARG001 - as every kind
    """See `engine.network.network.network_of`."""
    assert isinstance(spec, AnomalySpec)
    return AnomalyDetector(spec, image)
