"""What a run of a convolutional autoencoder comes to."""

from dataclasses import dataclass

from engine.results.result import Measured, Result
from engine.text import NOTHING, loss

NOTHING_LEARNED = 1.02
"""A constant image's error that is at most this many times as large: it does as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantImage:
    """See `engine.evaluation.baselines.constant_figures`."""

    mse: float
    psnr: float | None
    validation_mse: float
    validation_psnr: float | None


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
        """Its errors, and beside them those of a constant image and of PCA."""
        own = self.pair(self.validation_mse, self.validation_psnr), self.pair(self.test_mse, self.test_psnr)
        rows = [Measured("this run", *own)]
        if self.constant_image is not None:
            rows.append(self._compared("best constant image", self.constant_image))
        if self.pca is not None and self.pca.mse is not None:
            rows.append(self._compared(f"PCA, {self.pca.components:,} numbers", self.pca))
        return rows

    def _compared(self, name: str, other: ConstantImage | Pca) -> Measured:
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
        constant = self.constant_image
        return self.error is not None and constant is not None and 0 < constant.mse < NOTHING_LEARNED * self.error

    @property
    def held_against(self) -> list[str]:
        """See `Result`: the best constant image, and PCA."""
        told = []
        if self.constant_image is not None and self.error and not (self.learned_nothing and self.remarks):
            told.append(constant_sentence(self.constant_image.mse, self.error))
        return [*told, pca_sentence(self.pca, self.error)]

    @property
    def about(self) -> list[tuple[str, str]]:
        """See `Result`: its latent."""
        if not self.latent:
            return []
        return [("latent", f"{self.latent:,} numbers. {latent_sentence(self.latent, self.pixels)}".strip())]


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


def pca_sentence(pca: Pca | None, mse: float | None) -> str:
    """How the autoencoder does beside the best linear one."""
    if pca is None:
        return ""
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
