"""Which runs learned from the same training images, whatever labels and test images were named with them.

A run writes down the digest of its training images. Earlier versions wrote down only the digest of everything; what
they learned from is found out from their files, where these are still there. Nothing here loads torch.
"""

from contextlib import suppress
from typing import Protocol

from engine.data.cache import load
from engine.data.datasets import MNIST_DIGEST, MNIST_IMAGES_DIGEST
from engine.errors import EngineError
from engine.specs.data_files import DataFiles


class Images(Protocol):
    """What is asked of an image set: an `ImageData`, or a view of one."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def digest(self) -> str:
        """Of all of its content."""

    @property
    def images_digest(self) -> str:
        """Of its training images alone."""


def images_digest_of(files: DataFiles, whole: str, data: Images) -> str:
    """The digest of the training images alone, of a run that wrote down only `whole`, the digest of all its `files`.

    Where it is the one of `data`, that is seen without reading a file. Empty where the files no longer tell.
    """
    if whole in (data.digest, data.images_digest):  # the same set, or a set of these images without anything else
        return data.images_digest
    if whole == MNIST_DIGEST:
        return MNIST_IMAGES_DIGEST
    if not files.is_mnist and files.gone is None:
        with suppress(EngineError):
            found = load(files)
            return found.images_digest if found.digest == whole else ""
    return ""
