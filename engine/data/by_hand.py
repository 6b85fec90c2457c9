"""Which images of a set a person left out, as a value."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ByHand:
    """Which images, by their places in the whole set."""

    training: tuple[int, ...] = ()  # of the training images, those to validate by among them
    test: tuple[int, ...] = ()

    @classmethod
    def of(cls, training: Iterable[int], test: Iterable[int]) -> "ByHand":
        """Those, each once and in order."""
        return cls(tuple(sorted(set(training))), tuple(sorted(set(test))))

    @classmethod
    def written(cls, value: Any) -> "ByHand":
        """As JSON has them.

        Raises:
            ValueError: it is something else.
        """
        parts = []
        for name in ("training", "test"):
            places = value.get(name, []) if isinstance(value, dict) else None
            if not isinstance(places, list) or not all(type(place) is int and place >= 0 for place in places):
                raise ValueError(f"{name} is no list of places")
            parts.append(places)
        return cls.of(*parts)

    def as_json(self) -> dict[str, list[int]]:
        """For `written`."""
        return {name: list(places) for name, places in asdict(self).items()}

    def fits(self, training: int, test: int) -> bool:
        """Whether a set of so many images has these, and enough without them."""
        parts = ((self.training, training, 2), (self.test, test, 1))
        return all(not places or (places[-1] < many and many - len(places) >= least) for places, many, least in parts)

    def __bool__(self) -> bool:
        return bool(self.training or self.test)

    def __len__(self) -> int:
        return len(self.training) + len(self.test)


BY_HAND = "was left out by hand"
BY_LABELS = "was left out by the file of labels"
"""Why an image that could be used is not among a set's, as `ImageData.left_out` has it."""
NOTHING = ByHand()
"""No image is left out."""
