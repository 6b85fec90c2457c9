"""What pages and commands need of a kind of run besides its spec, its measures and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.network.architecture import Plan


def _no_plan(spec: Any, shape: tuple[int, int, int]) -> "Plan | None":  # noqa: ARG001 - for kinds that can
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindView:
    """A kind of run as a person meets it. All else that is shown of it follows from what it asks for and measures."""

    title: str  # of its form, and in menus: `Train an autoencoder`
    key: str = ""  # that opens its form from the first screen, whose menu names it; empty: it is in the palette alone
    about: str  # its form, in the palette
    command: str  # what its command does, in the help: `train a convolutional autoencoder`
    form_help: str  # what its form is for, over the help on its fields
    rebuilds_images: bool = False  # whether its runs show, after an epoch, what they make of images
    plan: "Callable[[Any, tuple[int, int, int]], Plan | None]" = _no_plan
    """The layers of a spec on images of a shape, where they can be told at once: the form shows them as one types."""
