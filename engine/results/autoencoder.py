"""What a run of a convolutional autoencoder comes to."""

from dataclasses import dataclass

from engine.results.result import Measured, Result
from engine.text import NOTHING, loss

NOTHING_LEARNED = 1.02
"""A constant image's error that is at most this many times as large: it does as well; noisy images' likewise."""
LEAST_NOISE = 0.01
"""Noise whose error is less than this part of what a network loses of clean images: what it adds is not to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BothErrors:
    """Mean squared errors with their ratios in dB: of the images that the run was evaluated on, and of validation."""

    mse: float
    psnr: float | None
    validation_mse: float
    validation_psnr: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantImage(BothErrors):
    """That of the best constant image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pca:
    """Principal components analysis with as many components as the latent has numbers, on the same images."""

    components: int
    mse: float | None  # None where the note says why
    note: str
    psnr: float | None
    validation_mse: float | None = None
    validation_psnr: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderResult(Result):
    """Mean squared errors of pixels in [0, 1], and their peak signal-to-noise ratios in dB."""

    validation_mse: float | None = None
    validation_psnr: float | None = None
    test_mse: float | None = None
    test_psnr: float | None = None
    pca: Pca | None = None
    constant_image: ConstantImage | None = None
    noise: str = ""  # on training images, in words; empty where neither these nor those it was measured on had any
    measured_noise: str = ""  # on validation and test images
    noisy_image: BothErrors | None = None  # of images with that noise, as they are
    clean_input: BothErrors | None = None  # of what the network makes of images without noise

    @property
    def whole(self) -> bool:
        """See `Result`: versions before the first release did not say what they were evaluated on."""
        return self.pca is None or bool(self.evaluated_on)

    @property
    def error(self) -> float | None:
        """Of the test images, where there are any; else of the validation images."""
        return self.validation_mse if self.test_mse is None else self.test_mse

    @property
    def headline(self) -> list[str]:
        """See `Result`."""
        tested = self.evaluated_on == "test"
        mse, ratio = (self.test_mse, self.test_psnr) if tested else (self.validation_mse, self.validation_psnr)
        told = [f"{self.of} MSE {loss(mse)}", f"PSNR {decibels(ratio)}"]
        return [*told, f"latent {self.latent:,}"] if self.latent else told

    @property
    def heads(self) -> tuple[str, str]:
        """See `Result`."""
        return "MSE", "PSNR"

    @property
    def measured(self) -> list[Measured]:
        """Its errors, and beside them those of a constant image, of PCA, and of noisy images as they are."""
        own = self.pair(self.validation_mse, self.validation_psnr), self.pair(self.test_mse, self.test_psnr)
        rows = [Measured("this run", *own)]
        if self.noisy_image is not None:
            rows.append(self._compared("noisy image itself", self.noisy_image))
        if self.constant_image is not None:
            rows.append(self._compared("best constant image", self.constant_image))
        if self.pca is not None and self.pca.mse is not None:
            rows.append(self._compared(f"PCA, {self.pca.components:,} numbers", self.pca))
        if self.clean_input is not None:
            rows.append(self._compared("this run, no noise", self.clean_input))
        return rows

    def _compared(self, name: str, other: BothErrors | Pca) -> Measured:
        """`mse` and `psnr` of it are of the images that the run was evaluated on."""
        if self.evaluated_on != "test":
            return Measured(name, self.pair(other.mse, other.psnr))
        return Measured(name, self.pair(other.validation_mse, other.validation_psnr), self.pair(other.mse, other.psnr))

    def pair(self, value: float | None, ratio: float | None = None) -> tuple[str, str]:
        """A mean squared error and its ratio in dB."""
        return (NOTHING, "") if value is None else (loss(value), decibels(ratio))

    @property
    def learned_nothing(self) -> bool:
        """See `Result`."""
        if self.error is None:
            return False
        constant, noisy = self.constant_image, self.noisy_image
        if constant is not None and 0 < constant.mse < NOTHING_LEARNED * self.error:
            return True
        return noisy is not None and keeps_noise(self.error, noisy.mse, self._clean)

    @property
    def _clean(self) -> float:
        """The error that it makes of images without noise; 0 where it is not known."""
        return 0.0 if self.clean_input is None else self.clean_input.mse

    @property
    def held_against(self) -> list[str]:
        """See `Result`: the best constant image, noisy images as they are, and PCA."""
        told = []
        if self.error and not (self.learned_nothing and self.remarks):
            if self.noisy_image is not None:
                small = self.latent if self.latent < self.pixels else 0
                told.append(noisy_sentence(self.noisy_image.mse, self.error, self._clean, small))
            if self.constant_image is not None:
                told.append(constant_sentence(self.constant_image.mse, self.error))
        told.append(pca_sentence(self.pca, self.error, noisy=self.noisy_image is not None))
        if self.clean_input is not None:
            told.append(f"Of images without noise, the error is {loss(self.clean_input.mse)}.")
        return told

    @property
    def about(self) -> list[tuple[str, str]]:
        """See `Result`: its latent, and its noise."""
        told = []
        if self.latent:
            told.append(("latent", f"{self.latent:,} numbers. {latent_sentence(self.latent, self.pixels)}".strip()))
        return [*told, *([("noise", self.images_words)] if self.noise else [])]

    @property
    def images_words(self) -> str:
        """See `Result`: noise was put on them."""
        if not self.noise:
            return ""
        of = "Validation and test images" if self.evaluated_on == "test" else "Validation images"
        measured = "such noise too" if self.measured_noise == self.noise else self.measured_noise or "no noise"
        told = f"{of} have {measured}, always the same for an image."
        start = self.noise[:1].upper() + self.noise[1:]
        return f"{start} on training images; what is to be rebuilt is the clean image. {told} New images get none."


RESULT = AutoencoderResult


def decibels(value: float | None) -> str:
    """`42.3 dB`; a reconstruction without any error has no such number."""
    return NOTHING if value is None else f"{value:.1f} dB"


def constant_sentence(constant: float, error: float) -> str:
    """How an error does beside that of the best constant image."""
    ratio = constant / error
    if ratio < NOTHING_LEARNED:
        return "The best constant image does as well: nothing was learned."
    return f"The best constant image has {_times(ratio)} this error."


def keeps_noise(error: float, noisy: float, clean: float) -> bool:
    """Whether a network that is given noisy images removes none of the noise.

    What counts is what the noise adds to the error: a bottleneck loses much of an image that has no noise at all.

    Args:
        error: of what it makes of noisy images.
        noisy: of these as they are; 0 where there is no noise.
        clean: of what it makes of images without noise.
    """
    return LEAST_NOISE * clean < noisy < NOTHING_LEARNED * (error - clean)


def noisy_sentence(noisy: float, error: float, clean: float, small: int) -> str:
    """How an error does beside that of noisy images as they are, which is what one has without a network.

    Args:
        noisy: see `keeps_noise`; the others likewise.
        small: the latent's numbers where they are fewer than an image has; else 0.
    """
    if noisy <= 0:
        return "So little noise changes none of these images."
    ratio = noisy / error
    if ratio >= NOTHING_LEARNED:
        return f"The noisy images themselves have {_times(ratio)} this error."
    told = f"The noisy images themselves have an error of {loss(noisy)}"
    if keeps_noise(error, noisy, clean):
        return f"{told}: the network is no better than none."
    if noisy > clean:
        return f"{told}: the network loses as much of the images as it removes of the noise."
    loses = f"{small:,} numbers lose" if small else "the network loses"
    return f"{told}: so little noise is less than what {loses} of any image."


def pca_sentence(pca: Pca | None, mse: float | None, *, noisy: bool = False) -> str:
    """How the autoencoder does beside the best linear one, which is given the same noisy images, where they are."""
    if pca is None:
        return ""
    if noisy and pca.note.startswith("overcomplete"):
        return "PCA with as many numbers as this latent would give the noisy images back as they are."
    if pca.mse is None:
        if pca.note.startswith("overcomplete"):
            return "PCA with as many numbers as this latent would be exact, so there is nothing to compare with."
        return f"PCA was {pca.note}." if pca.note.startswith("not computed") else ""
    if not mse or pca.mse <= 0:
        return f"PCA with as many numbers, {pca.components:,}, has an error of {loss(pca.mse)}."
    ratio = pca.mse / mse
    if ratio >= 1.05:
        return f"PCA with as many numbers, {pca.components:,}, has {_times(ratio)} this error."
    if ratio > 1 / 1.05:
        return f"PCA with as many numbers, {pca.components:,}, does as well."
    return (
        f"PCA with {pca.components:,} numbers does better: the error here is {_times(1 / ratio)} as large. Train for "
        "longer, or make the network larger."
    )


def latent_sentence(latent: int, pixels: int) -> str:
    """The latent's size beside the image's: a loss says nothing without it."""
    if not latent or not pixels:
        return ""
    if latent > pixels:
        return f"{latent / pixels:.1f} × the image's {pixels:,} numbers: overcomplete, nothing is compressed."
    if latent == pixels:
        return f"As many as the image's {pixels:,} numbers: nothing is compressed."
    return f"The image's {pixels:,} numbers are compressed {pixels / latent:.1f} times."


def _times(ratio: float) -> str:
    return f"{ratio:,.1f} times" if ratio < 9.95 else f"{ratio:,.0f} times"
