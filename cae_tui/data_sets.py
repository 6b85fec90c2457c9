"""The image sets that the app knows by their files: the one in use, and the last ones."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from engine.specs.data_files import MNIST, MNIST_SHAPE, DataFiles, shape_words

REMEMBERED = 10
"""Sets that were used last, MNIST not among them: that is always there."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """A set, by its files, with what it was called and the shape of its images when it was last read."""

    name: str = MNIST
    shape: tuple[int, ...] = MNIST_SHAPE
    images: str = ""
    labels: str = ""
    test_images: str = ""
    test_labels: str = ""

    @classmethod
    def of(cls, files: DataFiles, name: str, shape: tuple[int, ...]) -> "DataSet":
        """The set that those files hold."""
        return cls(name, shape, **files.absolute().text)

    @property
    def files(self) -> DataFiles:
        """Its files; none for the MNIST that comes along."""
        return DataFiles.of(asdict(self))

    @property
    def words(self) -> tuple[str, ...]:
        """What it is called, and the shape of its images in words."""
        return tuple(filter(None, (self.name, shape_words(self.shape))))


def with_latest(last: Sequence[DataSet], latest: DataSet) -> tuple[DataSet, ...]:
    """The sets used last with `latest` in front, each once; one that `latest` only adds files to has served."""
    new = latest.files.named
    if not new:
        return tuple(last)
    kept = [one for one in last if not one.files.named.items() <= new.items()]
    return (latest, *kept)[:REMEMBERED]
