"""The image sets that the app knows by their files: the one in use, and the last ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.specs.data_files import MNIST, MNIST_SHAPE, DataFiles, shape_words

REMEMBERED = 10
"""Sets that were used last, MNIST not among them: that is always there."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """A set by its files, with what it was called and the shape of its images when it was last read."""

    name: str = MNIST
    shape: tuple[int, ...] = MNIST_SHAPE
    files: DataFiles = field(default_factory=DataFiles)

    @classmethod
    def of(cls, files: DataFiles, name: str, shape: tuple[int, ...]) -> "DataSet":
        """The set that is meant so, whatever folder it is named from."""
        return cls(name, shape, files.absolute())

    @property
    def words(self) -> tuple[str, ...]:
        """What it is called, and the shape of its images in words."""
        return tuple(filter(None, (self.name, shape_words(self.shape))))


def with_latest(last: Sequence[DataSet], latest: DataSet) -> tuple[DataSet, ...]:
    """The sets used last with `latest` in front, each once; one that `latest` only adds files to has served."""
    if latest.files.is_mnist:
        return tuple(last)
    new = _asked(latest)
    kept = [one for one in last if not _asked(one) <= new]
    return (latest, *kept)[:REMEMBERED]


def _asked(one: DataSet) -> set[tuple[str, str]]:
    return {(field, value) for field, value in one.files.text.items() if value}
