"""What a classifier on the encoder of an autoencoder is asked to be."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import ValidationInfo, field_validator

from engine.specs.base import Activation, Optimizer, Spec
from engine.specs.fields import Limit, Number, Whole, asked
from engine.specs.titles import with_changes
from engine.text import counted


class ClassifierSpec(Spec):
    """What a training run of a classifier on an autoencoder's encoder asks for."""

    needs_labels: ClassVar[bool] = True

    kind: Literal["classifier"] = "classifier"
    encoder: str = asked(
        ...,
        "Hyperparameters",
        "Encoder",
        "The autoencoder whose encoder is used: a run's id, or a model file.",
        min_length=1,
        max_length=4096,
    )
    fc_units: Whole = asked(
        128, "Hyperparameters", "Fully connected units", "Units in each hidden layer of the head.", ge=1, le=65_536
    )
    fc_layers: Whole = asked(
        1,
        "Hyperparameters",
        "Fully connected layers",
        "Hidden layers of the head; 0 leaves only the output.",
        ge=0,
        le=10,
    )
    frozen_epochs: Whole = asked(
        3,
        "Hyperparameters",
        "Epochs, encoder frozen",
        "Only the head learns; 0 leaves this stage out.",
        ge=0,
        le=100_000,
    )
    finetune_epochs: Whole = asked(
        15,
        "Hyperparameters",
        "Epochs, fine-tuning",
        "Encoder and head learn; 0 leaves this stage out.",
        ge=0,
        le=100_000,
    )
    optimizer: Optimizer = asked(
        "adamw", "Optimisation", "Optimizer", "How gradients become steps. adamw applies weight decay separately."
    )
    learning_rate: Number = asked(
        2e-3, "Optimisation", "Learning rate, frozen", "Used for the head while the encoder is frozen.", gt=0, le=10
    )
    finetune_learning_rate: Number = asked(
        8e-3, "Optimisation", "Learning rate, fine-tuning", "Used for all weights afterwards.", gt=0, le=10
    )
    keep: Literal["best", "last"] = asked(
        "best",
        "Optimisation",
        "Weights kept",
        "best keeps those of the epoch with the lowest validation loss; last those of the last epoch: validation "
        "images then choose nothing, and no run stops early.",
    )
    weight_decay: Number = asked(0.01, "Optimisation", "Weight decay", "Pulls every weight towards zero.", ge=0, le=1)
    label_smoothing: Number = asked(
        0.05,
        "Optimisation",
        "Label smoothing",
        "The part of each training label that is spread over all classes.",
        ge=0,
        lt=1,
    )
    class_weights: Literal["none", "balanced"] = asked(
        "none",
        "Optimisation",
        "Class weights",
        "balanced has every class count alike, however few images it has; the best epoch is then the one of the lowest "
        "validation loss so weighted.",
    )
    dropout: Number = asked(
        0.3,
        "Architecture",
        "Dropout",
        "The part of the latent and of the head's hidden outputs that is set to zero in training.",
        ge=0,
        le=0.9,
    )
    activation: Activation = asked("relu", "Architecture", "Activation", "Used after each hidden layer of the head.")
    from_scratch: bool = asked(
        False,
        "Architecture",
        "From scratch",
        "Trains the same network without the pre-trained encoder, to show what pre-training is worth. "
        "Leaves out the frozen stage.",
    )
    augmentation: bool = asked(
        True,
        "Data",
        "Augmentation",
        "Small random shifts, turns, scalings and shears of training images while fine-tuning; the final evaluation "
        "then averages over each image as it is and shifted four ways.",
    )
    labelled_fraction: Number = asked(
        1.0,
        "Data",
        "Labelled fraction",
        "The part of the training images whose labels are used, the same in each class.",
        gt=0,
        le=1,
    )

    labels_per_class: Limit = asked(
        None,
        "Data",
        "Labels per class",
        "So many training images of each class are learned from, drawn by the seed; fewer are some of those that more "
        "would be. If left out: all.",
        unit="images",
    )

    guided: ClassVar[Mapping[str, str]] = {"fc_units": "64,128,256", "fc_layers": "1,2,3", "dropout": "0,0.3,0.5"}
    searched: ClassVar[Mapping[str, str]] = {
        "fc_units": "32..256",
        "fc_layers": "0..3",
        "dropout": "0..0.6",
        "finetune_learning_rate": "0.0005..0.01",
    }
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "recommended": {},
        "quick": {
            "frozen_epochs": 0,
            "finetune_epochs": 1,
            "batch_size": 64,
            "steps_per_epoch": 840,
            "finetune_learning_rate": 6e-3,
            "dropout": 0,
        },
        "best": {"fc_units": 256, "dropout": 0.5, "frozen_epochs": 1, "finetune_epochs": 30, "patience": 0},
    }
    preset_titles: ClassVar[Mapping[str, str]] = {"recommended": "Recommended", "quick": "Quick", "best": "Best"}
    preset_purposes: ClassVar[Mapping[str, str]] = {
        "recommended": "For a first classifier on any encoder. "
        "It trains the head alone for a few epochs, then encoder and head together.",
        "quick": "For a first answer, in seconds: encoder and head learn together for 840 steps of 64 images. "
        "On MNIST that is one epoch.",
        # With such an encoder it has fewer than a million parameters on MNIST.
        "best": "For the highest accuracy, on an encoder of 64 kernels a layer that downsamples by max-pool. "
        "Its head is wider and it fine-tunes for twice as long, so it takes twice the time.",
    }

    @field_validator("labels_per_class")
    @classmethod
    def _one_way_to_say_it(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("labelled_fraction", 1) != 1:
            raise ValueError("Labelled fraction says how many labels are used, too: leave one of the two out.")
        return value

    @field_validator("finetune_epochs")
    @classmethod
    def _some_epochs(cls, value: int, info: ValidationInfo) -> int:
        if value == 0 and info.data.get("frozen_epochs", 1) == 0:
            raise ValueError("Both stages have 0 epochs: give at least one of them 1 or more.")
        return value

    @field_validator("from_scratch")
    @classmethod
    def _something_to_train(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("finetune_epochs", 1) == 0:
            raise ValueError("From scratch has no frozen stage: give fine-tuning at least one epoch.")
        return value

    @property
    def built_on(self) -> str:
        """See `Spec`."""
        return self.encoder

    @property
    def labelled(self) -> float:
        """See `Spec`."""
        return self.labelled_fraction

    @property
    def labels_each(self) -> int | None:
        """See `Spec`."""
        return self.labels_per_class

    @property
    def is_linear_probe(self) -> bool:
        """Whether it is a linear layer on an encoder that stays as it is."""
        return not self.from_scratch and not self.finetune_epochs and not self.fc_layers

    @property
    def keeps_last(self) -> bool:
        """See `Spec`."""
        return self.keep == "last"

    def rate_of(self, stage: str) -> float:
        """See `Spec`."""
        return self.learning_rate if stage == "frozen" else self.finetune_learning_rate

    def augments(self, stage: str) -> bool:
        """See `Spec`; an evaluation of such a stage's weights averages over shifted views, as they were trained on."""
        return self.augmentation and stage in ("fine-tuning", "from scratch")

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """The encoder frozen, then everything fine-tuned; or all of it from scratch."""
        if self.from_scratch:
            return (("from scratch", self.finetune_epochs),)
        both = (("frozen", self.frozen_epochs), ("fine-tuning", self.finetune_epochs))
        return tuple(stage for stage in both if stage[1])

    @property
    def title(self) -> str:
        """As in `fc 64, from scratch, lr 0.001`; lists of runs put the encoder in front."""
        head = "fc " + "-".join([str(self.fc_units)] * self.fc_layers) if self.fc_layers else "linear head"
        essentials = [head, *(["from scratch"] * self.from_scratch)]
        if self.labelled_fraction != 1:
            essentials.append(f"{self.labelled_fraction:.3g} labelled")
        if self.labels_per_class is not None:
            essentials.append(f"{counted(self.labels_per_class, 'label')} a class")
        told = ("fc_units", "fc_layers", "from_scratch", "labelled_fraction", "labels_per_class")
        return with_changes(self, essentials, told)


SPEC = ClassifierSpec
