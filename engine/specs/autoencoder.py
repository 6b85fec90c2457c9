"""What a convolutional autoencoder is asked to be."""

from collections.abc import Collection, Mapping
from typing import ClassVar, Literal, Self

from pydantic import ValidationInfo, field_validator

from engine.specs.base import Activation, Spec
from engine.specs.fields import AutoOrPart, Halvings, Kernels, Number, Whole, asked, write_list
from engine.specs.noise import MIXED, NONE, SAME, USUAL_AMOUNTS, Asked, noise_words
from engine.specs.titles import with_changes

USUAL_HALVINGS = 2


_VALIDATED = {
    SAME: " as they are",  # of a study that an earlier version planned
    NONE: " without noise",
    MIXED: ": a quarter each without noise and with each kind",
    **{kind: f" with {noise_words((kind, amount))}" for kind, amount in USUAL_AMOUNTS.items()},
}


def most_halvings(layers: int) -> int:
    """How often so many layers, encoder and decoder together, may halve an image: in half of the encoder's."""
    return (layers // 2 + 1) // 2


class AutoencoderSpec(Spec):
    """What a training run of a convolutional autoencoder asks for."""

    kind: Literal["autoencoder"] = "autoencoder"
    epochs: Whole = asked(20, "Hyperparameters", "Epochs", "Passes over the training images.", ge=1, le=100_000)
    layers: Whole = asked(
        10,
        "Hyperparameters",
        "Convolutional layers",
        "Encoder and decoder together, mirrored: 10 is 5 + 5.",
        ge=2,
        le=40,
        multiple_of=2,
    )
    kernels: Kernels = asked(
        "32",
        "Hyperparameters",
        "Kernels per layer",
        "One number for all, or one for each layer of the encoder (16-32-64), which the decoder mirrors.",
    )
    kernel_size: Whole = asked(
        3, "Hyperparameters", "Kernel size", "Height and width of a kernel.", unit="pixels", ge=1, le=11
    )
    noise: Literal["none", "gaussian", "salt-and-pepper", "masked-squares"] = asked(
        "none",
        "Noise",
        "Noise",
        "Put on each image that the network is given in training, anew in each step; it learns to rebuild the clean "
        "one. salt-and-pepper turns pixels black or white, masked-squares covers the image in part.",
    )
    noise_amount: AutoOrPart = asked(
        "auto",
        "Noise",
        "Amount of noise",
        "The standard deviation of gaussian noise, brightness going from 0 to 1; the share of the pixels for "
        "salt-and-pepper; the share of the area for masked-squares. auto is 0.3, 0.2 or 0.25.",
    )
    validation_noise: Literal["same", "none", "gaussian", "salt-and-pepper", "masked-squares", "mixed"] = asked(
        "same",
        "Noise",
        "Validation noise",
        "Put on validation and test images, always the same for an image. same is as in training; each other kind has "
        "its usual amount; mixed is a quarter of the images each without noise and with each kind.",
    )
    augmentation: bool = asked(
        False,
        "Data",
        "Augmentation",
        "Small random shifts, turns, scalings and shears of most training images, which are rebuilt as changed.",
    )
    learning_rate: Number = asked(
        8e-3,
        "Optimisation",
        "Learning rate",
        "The highest of the run with one-cycle, otherwise the first.",
        gt=0,
        le=10,
    )
    downsampling: Literal["strided", "max-pool"] = asked(
        "strided", "Architecture", "Downsampling", "How the encoder halves height and width."
    )
    downsamplings: Halvings = asked(
        "auto",
        "Architecture",
        "Downsamplings",
        "How often the encoder halves them, from the first layer on; at most half of the encoder's layers, rounded up. "
        "auto is 2, or as many as the layers and the image allow.",
    )
    upsampling: Literal["transposed", "nearest"] = asked(
        "transposed", "Architecture", "Upsampling", "How the decoder doubles height and width."
    )
    sub_pixel: bool = asked(
        True,
        "Architecture",
        "Sub-pixel output",
        "The last layer computes four pixels at once at half of the resolution, where it has to double it.",
    )
    residual: bool = asked(
        True,
        "Architecture",
        "Residual connections",
        "Adds a layer's input to its output where both have the same shape.",
    )
    normalisation: Literal["batch", "none"] = asked(
        "batch", "Architecture", "Normalisation", "Used after each convolution except the last."
    )
    activation: Activation = asked("silu", "Architecture", "Activation", "Used after each layer except the last.")
    output: Literal["linear", "sigmoid"] = asked(
        "linear", "Architecture", "Output", "What the last layer ends in; linear output is cut to [0, 1] when drawn."
    )
    dropout: Number = asked(
        0.0,
        "Architecture",
        "Dropout",
        "The part of each hidden layer's outputs that is set to zero in training.",
        ge=0,
        le=0.9,
    )
    latent: Whole = asked(
        0,
        "Architecture",
        "Dense latent",
        "Numbers in a dense bottleneck between encoder and decoder; 0 keeps the convolutional latent.",
        ge=0,
        le=65_536,
    )

    loss_is_mse: ClassVar[bool] = True
    guided: ClassVar[Mapping[str, str]] = {
        "layers": "10,12,14,18",
        "kernel_size": "2,3,4",
        "kernels": "16,32,50,64",
        "batch_size": "128,190,256,512",
        "epochs": "50",
    }
    guided_baseline: ClassVar[Mapping[str, object]] = {
        "epochs": 15,
        "batch_size": 256,
        "layers": 10,
        "kernels": "32",
        "kernel_size": 3,
    }  # the 2020 report's
    searched: ClassVar[Mapping[str, str]] = {
        "layers": "6,8,10,12",
        "kernel_size": "2,3,4,5",
        "kernels": "16..64",
        "batch_size": "64,128,256",
        "learning_rate": "0.001..0.03",
    }
    lengths: ClassVar[tuple[str, ...]] = ("epochs", *Spec.lengths)
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "recommended": {},
        "quick": {"epochs": 1, "batch_size": 64, "steps_per_epoch": 350, "learning_rate": 0.03, "layers": 6},
        "report": {
            "downsampling": "max-pool",
            "upsampling": "nearest",
            "sub_pixel": False,
            "residual": False,
            "activation": "relu",
            "output": "sigmoid",
            "optimizer": "adam",
            "schedule": "constant",
            "learning_rate": 1e-3,
            "patience": 0,
        },
        "bottleneck-16": {"latent": 16},
        "bottleneck-32": {"latent": 32},
        "bottleneck": {"latent": 64},
        "few-labels": {"noise": "masked-squares", "noise_amount": 0.5},
    }
    preset_titles: ClassVar[Mapping[str, str]] = {
        "recommended": "Recommended",
        "quick": "Quick",
        "report": "Report 2020",
        "bottleneck-16": "Bottleneck 16",
        "bottleneck-32": "Bottleneck 32",
        "bottleneck": "Bottleneck 64",
        "few-labels": "Few labels",
    }
    preset_purposes: ClassVar[Mapping[str, str]] = {
        "recommended": "For a low loss in little time, and for the encoder of a classifier. "
        "Its latent has twice as many numbers as a grey image, so it compresses nothing.",
        "quick": "For a first look, in seconds: a small network, 350 steps of 64 images; a small set is gone through "
        "several times. On MNIST that is four tenths of an epoch.",
        "report": "For repeating the tables of the 2020 report, with the same kind of network and learning rate. "
        "It learns more slowly than Recommended, and it compresses nothing either.",
        "bottleneck-16": "For seeing how much of an image fits into 16 numbers. "
        "Of the three, it compresses the most and loses the most detail.",
        "bottleneck-32": "For a latent of 32 numbers, small enough to compare images by. "
        "It keeps more detail than 16 numbers do, and less than 64.",
        "bottleneck": "For compressing an image to 64 numbers and keeping most of what you see. "
        "On MNIST that is a twelfth of the 784 pixels.",
        "few-labels": "For the encoder of a classifier where few images have labels. It rebuilds images of which half "
        "is covered, and so learns more of what is in them; uncovered ones it rebuilds less well than Recommended.",
    }

    @field_validator("kernels")
    @classmethod
    def _one_or_each(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        half = info.data.get("layers", 0) // 2
        if half and len(value) not in (1, half):
            raise ValueError(
                f"{len(value)} numbers for {half} encoder layers: write one number for all, or {half} joined by -."
            )
        return value[:1] if len(set(value)) == 1 else value

    @field_validator("downsamplings")
    @classmethod
    def _half_of_the_encoder(cls, value: Halvings, info: ValidationInfo) -> Halvings:
        layers = info.data.get("layers", 0)
        most = most_halvings(layers)
        if layers and value != "auto" and value > most:
            raise ValueError(
                f"{value} is too many for {layers} layers: at most {most}. Choose {most} or auto, or at least "
                f"{4 * value - 2} layers."
            )
        return value

    @field_validator("noise_amount")
    @classmethod
    def _of_some_noise(cls, value: float | str, info: ValidationInfo) -> float | str:
        kind = info.data.get("noise", "")
        if kind == NONE and value not in ("auto", 0):
            raise ValueError(f"{value:g} of no noise: choose a kind in Noise, or leave this at auto.")
        if kind in USUAL_AMOUNTS and value == 0:
            raise ValueError(
                f"0 is no noise, and Noise is {kind}: give an amount above 0, as {USUAL_AMOUNTS[kind]:g}, or choose "
                "none there."
            )
        return value

    @property
    def training_noise(self) -> Asked | None:
        """See `Spec`."""
        if self.noise == NONE:
            return None
        return self.noise, USUAL_AMOUNTS[self.noise] if self.noise_amount == "auto" else self.noise_amount

    @property
    def measured_noise(self) -> Asked | None:
        """See `Spec`."""
        if self.validation_noise == SAME:
            return self.training_noise
        return (
            None
            if self.validation_noise == NONE
            else (self.validation_noise, USUAL_AMOUNTS.get(self.validation_noise, 0.0))
        )

    def augments(self, stage: str) -> bool:  # noqa: ARG002 - it has one
        """See `Spec`."""
        return self.augmentation

    def validates_alike(self, stage: str) -> bool:  # noqa: ARG002 - it has one
        """See `Spec`: with other noise than in training, a loss is another one."""
        return self.measured_noise == self.training_noise

    @classmethod
    def point(cls, values: Mapping[str, object], varied: Collection[str]) -> Mapping[str, object]:
        """See `Spec`: where the noise varies, none goes with any amount."""
        return {**values, "noise_amount": "auto"} if "noise" in varied and values.get("noise") == NONE else values

    def compared(self, names: Collection[str]) -> Self:
        """See `Spec`: where the noise varies, every trial is validated with the same."""
        if self.validation_noise == SAME and {"noise", "noise_amount"} & set(names):
            return self.model_copy(update={"validation_noise": MIXED})
        return self

    def comparison(self, names: Collection[str]) -> str:
        """See `Spec`."""
        if not {"noise", "noise_amount"} & set(names):
            return ""
        told = f"The noise varies, so all trials are validated on the same images{_VALIDATED[self.validation_noise]}."
        both = {"noise", "noise_amount"} <= set(names)
        return f"{told} Where there is no noise, the amount makes no difference." if both else told

    def halvings(self, image: tuple[int, int, int]) -> int:
        """How often it halves an image of that height, width and channels: what `auto` comes to."""
        if self.downsamplings != "auto":
            return self.downsamplings
        height, width, _ = image
        return min(USUAL_HALVINGS, most_halvings(self.layers), min(height, width).bit_length() - 1)

    def settled(self, image: tuple[int, int, int]) -> Self:
        """See `Spec`: halvings and the amount of noise are written down, so that they are seen and stay."""
        amount = {} if self.training_noise is None else {"noise_amount": self.training_noise[1]}
        return self.model_copy(update={"downsamplings": self.halvings(image), **amount})

    def misfits(self, image: tuple[int, int, int]) -> dict[str, str]:
        """See `Spec`."""
        height, width, _ = image
        if 2 ** (halvings := self.halvings(image)) <= min(height, width):
            return {}
        left = f"{halvings} downsamplings leave nothing of {height}×{width} pixels: choose fewer, or auto."
        return {"downsamplings": left}

    def rate_of(self, stage: str) -> float:  # noqa: ARG002 - it has one
        """See `Spec`."""
        return self.learning_rate

    @property
    def auto_words(self) -> Mapping[str, str]:
        """See `Spec`."""
        amount = f"{USUAL_AMOUNTS[self.noise]:g} for {self.noise}" if self.noise != NONE else "no noise"
        halvings = f"{min(USUAL_HALVINGS, most_halvings(self.layers))} for {self.layers} layers"
        return {"downsamplings": halvings, "noise_amount": amount}

    def asked_again(self) -> Self:
        """See `Spec`: `auto` in place of the numbers that it comes to."""
        usual = {
            "downsamplings": min(USUAL_HALVINGS, most_halvings(self.layers)),
            "noise_amount": USUAL_AMOUNTS.get(self.noise, 0.0),
        }
        changed = {name: "auto" for name, value in usual.items() if getattr(self, name) == value}
        return self.model_copy(update=changed) if changed else self

    @property
    def encoder_kernels(self) -> tuple[int, ...]:
        """The number of kernels of each layer of the encoder."""
        half = self.layers // 2
        return self.kernels if len(self.kernels) == half else self.kernels * half

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """See `Spec`: there is one."""
        return (("autoencoder", self.epochs),)

    @property
    def title(self) -> str:
        """As in `10 × 32, z16, 3×3, b128, lr 0.001`."""
        latent = [f"z{self.latent}"] if self.latent else []
        size = f"{self.kernel_size}×{self.kernel_size}"
        noise = [] if self.noise == NONE else [noise_words(self.training_noise)]
        essentials = [f"{self.layers} × {write_list(self.kernels)}", *latent, size, f"b{self.batch_size}", *noise]
        told = ("layers", "kernels", "kernel_size", "batch_size", "latent", "noise", "noise_amount")
        return with_changes(self, essentials, told)


SPEC = AutoencoderSpec
