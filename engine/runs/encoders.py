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

from engine.data.by_hand import NOTHING, ByHand
from engine.data.cache import load
from engine.data.corrections import AS_GIVEN, Corrections
from engine.data.datasets import MNIST_DIGEST, ImageData
from engine.data.leaving_out import without
from engine.data.same_images import Images, images_digest_of
from engine.errors import EngineError, RunError, SpecError
from engine.protocol.states import DIVERGED, EARLY_STOPPED, FAILED, FINISHED, STOPPED
from engine.runs.checkpoint import read_autoencoder
from engine.runs.directory import Home, RunDirectory
from engine.runs.moved import by_hand_of, corrections_of
from engine.specs.base import Spec
from engine.specs.data_files import MNIST_SHAPE, DataFiles, shape_words, told_apart
from engine.storage.files import absolute
from engine.storage.paths import given_path
from engine.text import counted, one_line


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
    by_hand: ByHand = NOTHING  # images of the whole set that it did not learn from
    corrections: Corrections = AS_GIVEN  # the same, of a file of labels
    state: str = FINISHED  # of its run
    epoch: int = 0  # that its run completed
    best_epoch: int = 0

    def remarks(self, data: Images, files: DataFiles) -> tuple[str, ...]:
        """What a person should know who builds a classifier on it for the images of `data`, read from `files`."""
        found = []
        if self.data and (known := self._known(data)) != data.images_digest:
            mine, others = self.files.absolute(), files.absolute()
            own, its = mine.whole, others.whole
            alike = (own, mine.preprocessing) == (its, others.preprocessing)
            if alike and (left_out := self._left_out(known, files)):
                found += left_out
            elif own is not None and own == its:
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

    def _known(self, data: Images) -> str:
        """The digest of the images that it learned from, as far as it can be known; else nothing."""
        if self.images_digest:
            return self.images_digest
        if self.digest:
            return images_digest_of(self.files, self.digest, data)
        with suppress(EngineError):  # a model file alone does not tell: its images may still be where they were
            return self._as_now().images_digest
        return ""

    def _as_now(self) -> ImageData:
        """What is where it learned from. Images left out by a file of labels cannot be told without their labels."""
        return load(self.files if self.files.labels_from else self.files.training)

    def _left_out(self, known: str, files: DataFiles) -> list[str]:
        """What was left out for one of the two alone, where that is all that tells their images apart; else nothing.

        Args:
            known: the digest of the images that it learned from.
            files: those of the classifier, from the same place.
        """
        try:
            now = load(files)
            then = without(load(files.as_given, by_hand=NOTHING), self.by_hand, self.corrections)
            if then.images_digest != known:  # of a model file, which says nothing of what was left out
                then = self._as_now()
        except (EngineError, IndexError):  # such places are not in the set any more
            return []
        if then.images_digest != known:
            return []
        by_labels = set(now.corrections.left_out[0])
        out, out_then = ({*one.by_hand.training, *one.corrections.left_out[0]} for one in (now, then))
        of_file, of_hand = (len(part) for part in ((out - out_then) & by_labels, (out - out_then) - by_labels))
        again = len(out_then - out)
        found = []
        if of_file:
            file = one_line(now.corrections.file)
            found.append(f"{file} leaves {counted(of_file, 'image')} out that the encoder learned from.")
        if of_hand:
            were = "was" if of_hand == 1 else "were"
            found.append(f"{counted(of_hand, 'image')} that the encoder learned from {were} left out by hand since.")
        if again:
            were = "was" if again == 1 else "were"
            found.append(f"The classifier learns from {counted(again, 'image')} that {were} left out for the encoder.")
        return found


def encoder_source(home: Home, named: str) -> EncoderSource:
    """Where the encoder that `named`, a run's id or a model file, means comes from.

    Raises:
        EngineError: there is none, or its files cannot be read.
    """
    path, origin = find_encoder(home, named)
    run = RunDirectory(path.parent)
    with suppress(RunError):  # a model file that was copied elsewhere
        status, written = run.read_status(), run.read_spec()
        own, about = written.get("spec"), written.get("data")
        about = about if isinstance(about, dict) else {}
        if run.model == path and status.data and isinstance(own, dict):
            return EncoderSource(
                words=f"run {run.id}", files=run.files_of(own), shape=status.image_shape, data=status.data,
                digest=status.data_digest, images_digest=status.images_digest, state=status.state, epoch=status.epoch,
                best_epoch=status.best_epoch, by_hand=by_hand_of(about), corrections=corrections_of(about),
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
