"""What an encoder brings along besides its weights: the images it learned from, and how its run ended.

A classifier learns from the images of its encoder unless others are named; where it does not, or where the encoder is
of a run that did not end well, a sentence says so. What counts are the training images alone: an encoder learns
neither from labels nor from a test set.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.cache import load
from engine.data.datasets import MNIST_DIGEST
from engine.data.same_images import Images, images_digest_of
from engine.errors import EngineError, RunError, SpecError
from engine.protocol.states import DIVERGED, EARLY_STOPPED, FAILED, FINISHED, STOPPED
from engine.runs.checkpoint import read_autoencoder
from engine.runs.directory import Home, RunDirectory
from engine.specs.base import Spec
from engine.specs.data_files import MNIST_SHAPE, DataFiles, shape_words, told_apart
from engine.storage.files import absolute
from engine.storage.paths import given_path
from engine.text import counted


def find_encoder(home: Home, named: str) -> tuple[Path, str]:
    """The model file that `named`, a run's id or a path, means, and how to write it down for good.

    Raises:
        RunError: there is no such run, or it has no model yet.
    """
    named = given_path(named)
    path = absolute(Path(named))
    if path.exists() or path.suffix or len(Path(named).parts) > 1:  # no run's id has a dot
        return path, str(path)
    run = home.find(named)
    return run.find_model(), run.id


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSource:
    """Where an encoder comes from."""

    words: str  # `run a7f3000000`, or the path of a model file
    files: DataFiles  # that it learned from
    shape: tuple[int, ...]  # of an image; empty where it is not known
    data: str  # what they are called; empty where that is not known
    digest: str = ""  # of their content; empty where it is not known
    images_digest: str = ""  # of the training images alone; empty where it is not known
    state: str = FINISHED  # of its run
    epoch: int = 0  # that its run completed
    best_epoch: int = 0

    def remarks(self, data: Images, files: DataFiles) -> tuple[str, ...]:
        """What a person should know who builds a classifier on it for the images of `data`, read from `files`."""
        found = []
        if self.data and not self._same(data):
            own, its = self.files.absolute().whole, files.absolute().whole
            if own is not None and own == its:
                found.append(
                    f"{own} has changed since the encoder was trained: the encoder and the classifier learn from "
                    "different images."
                )
            else:
                learned, learns = told_apart([(self.data, own), (data.name, its)])
                found.append(f"The encoder learned from {learned}, and the classifier learns from {learns}.")
        if ended := self.ended():
            found.append(ended)
        return tuple(found)

    def ended(self) -> str:
        """How its run ended, where that was not well or before its time."""
        if self.state in (FINISHED, EARLY_STOPPED):
            return ""
        how = {DIVERGED: "diverged", STOPPED: f"was stopped after {counted(self.epoch, 'epoch')}", FAILED: "failed"}
        weights = f"It has the weights of epoch {self.best_epoch}, its best." if self.best_epoch else ""
        told = f"The encoder comes from {self.words}, which {how.get(self.state, f'is {self.state}')}"
        return f"{told}. {weights}".rstrip()

    def _same(self, data: Images) -> bool:
        known = self.images_digest
        if not known and self.digest:
            known = images_digest_of(self.files, self.digest, data)
        elif not known:  # a model file alone does not tell: its images may still be where they were
            with suppress(EngineError):
                known = load(self.files.training).images_digest
        return known == data.images_digest


def encoder_source(home: Home, named: str) -> EncoderSource:
    """Where the encoder that `named`, a run's id or a model file, means comes from.

    Raises:
        EngineError: there is none, or its files cannot be read.
    """
    path, origin = find_encoder(home, named)
    run = RunDirectory(path.parent)
    with suppress(RunError):  # a model file that was copied elsewhere
        status, written = run.read_status(), run.read_spec()
        own = written.get("spec")
        if run.model == path and status.data and isinstance(own, dict):
            return EncoderSource(
                words=f"run {run.id}", files=run.files_of(own), shape=status.image_shape, data=status.data,
                digest=status.data_digest, images_digest=status.images_digest, state=status.state, epoch=status.epoch,
                best_epoch=status.best_epoch,
            )  # fmt: skip
    model = read_autoencoder(path)
    files = model.spec.files
    if files.is_mnist and model.image != MNIST_SHAPE:
        return EncoderSource(words=origin, files=files, shape=model.image, data="")
    digest = MNIST_DIGEST if files.is_mnist else ""
    return EncoderSource(words=origin, files=files, shape=model.image, data=files.name, digest=digest)


def remarks_on(home: Home, spec: Spec, data: Images) -> tuple[str, ...]:
    """What is to be known of the encoder that a classifier's spec names, for the images of `data`.

    Of one whose weights are not taken, for the network is trained from scratch, nothing is.

    Raises:
        EngineError: there is none, or its files cannot be read.
    """
    if not spec.built_on or "from scratch" in dict(spec.stages):
        return ()
    return encoder_source(home, spec.built_on).remarks(data, spec.files)


def with_data_of_encoder(home: Home, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` of a classifier's spec, with its encoder's images, treated alike, where none are named.

    Labels and test files that are named go with the encoder's images.

    Raises:
        SpecError: the encoder's images are not known, or not there any more.
        EngineError: there is no such encoder.
    """
    if values.get("data") is not None or values.get("images") is not None or not values.get("encoder"):
        return dict(values)
    source = encoder_source(home, str(values["encoder"]))
    if not source.data:
        raise SpecError(
            {
                "data": f"{source.words} does not say which images it learned from, only that they were "
                f"{shape_words(source.shape)}, so they were not MNIST: name images of that shape."
            }
        )
    if (gone := source.files.gone) is not None:
        raise SpecError(
            {
                "data": f"The encoder learned from {source.data}, and {gone} is no longer there: name these "
                "files where they are now, or other images."
            }
        )
    own = {name: text for name, text in source.files.text.items() if text}
    return {**own, **{name: value for name, value in values.items() if value is not None}}
