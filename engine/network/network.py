"""What a network is to the rest of the engine, and the one that a spec asks for."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from engine.network.architecture import Plan, Shape
from engine.specs.base import Spec
from engine.specs.listed import module_of


class Network(nn.Module):
    """A network that was built from a spec: images (n, channels, height, width) in [0, 1] go in."""

    spec: Spec
    plan: Plan

    @property
    def about(self) -> dict[str, Any]:
        """What a model file holds of it besides its spec and the shape of its images."""
        return {}

    @property
    def layer_modules(self) -> Sequence[nn.Module]:
        """For each layer of the plan the module that gives what the next one gets; none where that is not told."""
        return ()

    @property
    def odd_threshold(self) -> float | None:
        """The score above which an image is odd; None where it does not tell, or was not evaluated."""
        return None

    def odd_scores(self, images: Tensor, *, learned: bool = False) -> Tensor:
        """How odd images, as they go in, are: (n,), more is odder; of what has a threshold for it.

        Where they are `learned`, images that it was trained on, none is compared with itself.
        """
        raise NotImplementedError  # there is none else


def network_of(spec: Spec, encoder_spec: Spec, image: Shape, classes: int) -> Network:
    """The network of a spec of any kind; `encoder_spec` is that of the autoencoder that it is, or is built on."""
    network: Network = import_module(module_of(spec.kind, __package__)).network(spec, encoder_spec, image, classes)
    return network
