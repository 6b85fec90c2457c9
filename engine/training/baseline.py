"""What a run would come to that has learned nothing, and what to say while one is no better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine import text as words
from engine.results.autoencoder import keeps_noise
from engine.results.classifier import LargestClass
from engine.specs.base import Spec

CONSTANT_IMAGE = 0.98
"""An error above this part of a constant image's error has learned nothing."""
STEPS_TO_LEARN = 200
"""Fewer steps than this may be too few to learn anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the validation images give without any learning."""

    spec: Spec
    pixels: bool  # whether there are remarks on the pixels, which are to be looked at first
    constant: float | None = None  # of an autoencoder: the best constant image's mean squared error
    noisy: float | None = None  # of an autoencoder that gets noisy images: the error of these as they are
    largest: LargestClass | None = None  # of a classifier: what always answering that comes to

    def doubt(self, validation: Mapping[str, Any], steps: int) -> str:
        """A sentence where `validation`, the metrics of an epoch, is no better; else nothing.

        Args:
            steps: so many were taken.
        """
        if self.constant is not None:
            loss = validation["loss"]
            doubt = self.of_error("validation", loss, self.constant, steps)
            return doubt or self.of_noisy("validation", loss, self.noisy or 0.0, None, steps)
        if self.largest is None or validation.get("accuracy") is None or self.largest.accuracy == 1:
            return ""
        accuracy, share = validation["accuracy"], self.largest.accuracy
        if accuracy > share + 1e-6:  # it was computed in float32
            return ""
        return (
            f"The validation accuracy, {100 * accuracy:.2f} %, is no better than one answer for all images: always "
            f"answering class {self.largest.name} is right for {100 * share:.2f} %. {self._advice(steps)}"
        )

    def of_error(self, of: str, loss: float, constant: float, steps: int) -> str:
        """A sentence where an autoencoder's error is no better than a constant image's; else nothing.

        Args:
            of: validation or test: which images both errors are of.
        """
        if not loss > CONSTANT_IMAGE * constant > 0:
            return ""
        nothing = "nothing is learned yet" if steps < STEPS_TO_LEARN else "nothing is learned"
        return (
            f"The {of} error, {words.loss(loss)}, is no better than that of the best constant image, "
            f"{words.loss(constant)}: {nothing}. {self._advice(steps)}"
        )

    def of_noisy(self, of: str, loss: float, noisy: float, clean: float | None, steps: int) -> str:
        """A sentence where no noise is removed, or where that may be so; else nothing.

        Args:
            of: see `of_error`.
            noisy: the error of the noisy images as they are; 0 where there is no noise.
            clean: that of what the network makes of images without noise; None where it is not known.
        """
        if not keeps_noise(loss, noisy, clean or 0.0):
            return ""
        why = "no noise is removed yet" if steps < STEPS_TO_LEARN else "no noise is removed"
        advice = self._advice(steps)
        if clean is None:
            why += ", or the network loses more of the images than it removes of the noise"
            if getattr(self.spec, "latent", 0) and not self.pixels:  # a bottleneck: no learning rate makes up for that
                advice = "The end of the run tells which."
        return (
            f"The {of} error, {words.loss(loss)}, is no better than that of the noisy images themselves, "
            f"{words.loss(noisy)}: {why}. {advice}"
        )

    def _advice(self, steps: int) -> str:
        if self.pixels:
            return "Look at the pixels of the images first."
        ways = ["training for longer"] if steps < STEPS_TO_LEARN else []
        return f"Try {words.either([*ways, 'another learning rate', *_steadying(self.spec)])}."


def steadier(spec: Spec, rate: float) -> str:
    """What may help where the loss was no finite number."""
    return f"try {words.either([f'a learning rate below {rate:g}', *_steadying(spec)[:1]])}"


def _steadying(spec: Spec) -> list[str]:
    """What is off in an autoencoder's spec and makes training steadier."""
    off = {"normalisation": ("none", "batch normalisation"), "residual": (False, "residual connections")}
    return [words for name, (value, words) in off.items() if getattr(spec, name, None) == value]
