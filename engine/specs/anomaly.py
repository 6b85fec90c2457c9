"""What a run that tells odd images from normal ones is asked to be."""

from collections.abc import Collection, Mapping
from typing import ClassVar, Literal

from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.fields import Names, Number, Whole, asked, write_list
from engine.specs.preprocessing import names_in
from engine.specs.titles import with_changes

MOST_NUMBERS = 2_048
"""Of a latent between which distances are taken: the time to whiten them grows with the cube."""
Score = Literal["nearest", "error", "both"]


class AnomalySpec(AutoencoderSpec):
    """What a training run of an anomaly detector asks for: an autoencoder of normal images, and a score by it."""

    kind: Literal["anomaly"] = "anomaly"  # type: ignore[assignment]  # it is an autoencoder, of another kind of run
    epochs: Whole = asked(8, "Hyperparameters", "Epochs", "Passes over the training images.", ge=1, le=100_000)
    normal: Names = asked(
        "",
        "Hyperparameters",
        "Normal classes",
        "Those that are normal, their names separated by commas: it trains on images of these alone. "
        "If left out: all are.",
    )
    score: Score = asked(
        "nearest",
        "Hyperparameters",
        "Score",
        "What makes an image odd: the distance to the nearest training images in the latent, the error of its "
        "reconstruction, or both.",
    )
    neighbours: Whole = asked(
        5, "Hyperparameters", "Neighbours", "The nearest training images whose mean distance counts.", ge=1, le=100
    )
    turns: bool = asked(
        False,
        "Hyperparameters",
        "Turns and shifts",
        "The encoder also learns to tell how an image was turned, flipped and, unless all are centred, shifted: "
        "distances then say more, and a step takes about twice as long.",
    )
    usual_share: Number = asked(
        0.99,
        "Hyperparameters",
        "Usual share",
        "The share of the held-back normal images that the threshold lets pass, where no odd images are held back by "
        "which it could be found.",
        ge=0.5,
        le=1,
    )
    augmentation: bool = asked(
        True,
        "Optimisation",
        "Augmentation",
        "Changes most training images a little at random: turns, shifts, sizes, shear.",
    )
    validation_noise: Literal["none"] = asked(
        "none", "Noise", "Validation noise", "None: errors and scores are of images as they are."
    )
    latent: Whole = asked(
        32,
        "Architecture",
        "Dense latent",
        "Numbers in a dense bottleneck between encoder and decoder; 0 keeps the convolutional latent.",
        ge=0,
        le=65_536,
    )

    guided: ClassVar[Mapping[str, str]] = {"latent": "16,32,64", "epochs": "8", "turns": "no,yes"}
    guided_baseline: ClassVar[Mapping[str, object]] = {}
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "recommended": {},
        "turns": {"turns": True, "epochs": 16},
        "quick": {"epochs": 2, "batch_size": 64, "layers": 6},
    }
    preset_titles: ClassVar[Mapping[str, str]] = {
        "recommended": "Recommended",
        "turns": "Turns and shifts",
        "quick": "Quick",
    }
    preset_purposes: ClassVar[Mapping[str, str]] = {
        "recommended": "For telling odd images from normal ones in little time. "
        "It compares an image with the nearest of the normal ones, by 32 numbers.",
        "turns": "For the surest scores, in about four times the time. "
        "Its encoder also learns how images look when they are turned, flipped and shifted.",
        "quick": "For a first look, in seconds. It has a small network and two epochs.",
    }

    def misfits(self, image: tuple[int, int, int]) -> dict[str, str]:
        """See `Spec`: distances are taken between latents, and take the longer the more numbers those have."""
        problems = super().misfits(image)
        height, width, _ = image
        step = 2 ** self.halvings(image)
        numbers = self.latent or -(-height // step) * -(-width // step) * self.encoder_kernels[-1]
        if not problems and numbers > MOST_NUMBERS:
            problems["latent"] = (
                f"A latent of {numbers:,} numbers is too large to take distances in: choose at most {MOST_NUMBERS:,}, "
                "as 32."
            )
        return problems

    def comparison(self, names: Collection[str]) -> str:
        """See `Spec`."""
        told = (
            "Trials are compared by the loss in training, which does not say how well odd images are told from normal "
            "ones: their reports do."
        )
        return " ".join(filter(None, (super().comparison(names), told)))

    @property
    def learned_classes(self) -> tuple[str, ...]:
        """See `Spec`."""
        return names_in(self.normal)

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """See `Spec`: there is one."""
        return (("training", self.epochs),)

    @property
    def title(self) -> str:
        """As in `normal 3, turns, 10 × 32, z32, 3×3, b128`."""
        size = f"{self.kernel_size}×{self.kernel_size}"
        latent = [f"z{self.latent}"] if self.latent else []
        essentials = [
            f"normal {self.normal or 'all'}".replace(",", " "),
            *(["turns"] * self.turns),
            *([f"by {self.score}"] * (self.score != "nearest")),
            f"{self.layers} × {write_list(self.kernels)}",
            *latent,
            size,
            f"b{self.batch_size}",
        ]
        told = ("layers", "kernels", "kernel_size", "batch_size", "latent", "normal", "turns", "score")
        return with_changes(self, essentials, told)


SPEC = AnomalySpec
