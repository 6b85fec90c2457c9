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
        """As JSON has them; none where it is something else."""
        if not isinstance(value, dict):
            return cls()
        parts = (value.get(name) or () for name in ("training", "test"))
        return cls.of(*([place for place in part if isinstance(place, int) and place >= 0] for part in parts))

    def as_json(self) -> dict[str, list[int]]:
        """For `written`."""
        return {name: list(places) for name, places in asdict(self).items()}

    def __bool__(self) -> bool:
        return bool(self.training or self.test)

    def __len__(self) -> int:
        return len(self.training) + len(self.test)


NOTHING = ByHand()
"""No image is left out."""
