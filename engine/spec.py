"""What can be asked for: one frozen pydantic model a form.

A field is written once, here: the form, the command line's flags, the validation, the reference table
in the docs and `spec.json` are all made from it. `parse` turns what a person typed into a spec, or into
one sentence for each field that is wrong. Nothing here imports torch, so that a form can be drawn and
checked before the engine is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from engine.data_files import DataFiles
from engine.errors import SpecError
from engine.fields import (
    GROUPS,
    File,
    Halvings,
    Kernels,
    Number,
    SpecField,
    Whole,
    asked,
    fields_of,
    write_list,
    write_value,
)
from engine.refusals import either, problems_of, short
from engine.titles import with_changes
from engine.words import counted

Device = Literal["auto", "cuda", "mps", "cpu"]
Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
Schedule = Literal["one-cycle", "constant", "reduce-on-plateau"]
Activation = Literal["relu", "leaky-relu", "elu", "silu", "gelu"]


class Spec(BaseModel):
    """What every kind of run asks for: optimisation, data and device."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, hide_input_in_errors=True
    )
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    preset_titles: ClassVar[Mapping[str, str]] = {}
    preset_purposes: ClassVar[Mapping[str, str]] = {}  # what each is for, in two sentences

    kind: Literal["autoencoder", "classifier"]
    batch_size: Whole = asked(
        128, "Hyperparameters", "Batch size", "Images in each step.", unit="images", ge=1, le=65_536
    )
    optimizer: Optimizer = asked(
        "adam", "Optimisation", "Optimizer", "How gradients become steps. adamw applies weight decay separately."
    )
    schedule: Schedule = asked(
        "one-cycle",
        "Optimisation",
        "Schedule",
        "one-cycle rises to the learning rate and falls to nothing by the last epoch; "
        "reduce-on-plateau halves it when the validation loss stalls.",
    )
    weight_decay: Number = asked(0.0, "Optimisation", "Weight decay", "Pulls every weight towards zero.", ge=0, le=1)
    patience: Whole = asked(
        10,
        "Optimisation",
        "Early-stopping patience",
        "Stops after this many epochs without a better validation loss; 0 never stops early.",
        unit="epochs",
        ge=0,
        le=10_000,
    )
    seed: Whole = asked(
        0, "Optimisation", "Seed", "Fixes initial weights, split, shuffling and augmentation.", ge=0, le=2**31 - 1
    )
    images: File = asked(
        None,
        "Data",
        "Training images",
        "An IDX file, plain or gzip. If left out: the MNIST that comes with cae-tui.",
    )
    labels: File = asked(None, "Data", "Training labels", "An IDX file with one class for each training image.")
    test_images: File = asked(None, "Data", "Test images", "An IDX file; used once, for the final evaluation.")
    test_labels: File = asked(None, "Data", "Test labels", "An IDX file with one class for each test image.")
    validation_fraction: Number = asked(
        0.1,
        "Data",
        "Validation fraction",
        "The part of the training images that is held back for validation.",
        gt=0,
        le=0.5,
    )
    device: Device = asked("auto", "Device", "Device", "auto uses CUDA, else Apple's MPS, else the CPU.")
    precision: Precision = asked(
        "auto",
        "Device",
        "Precision",
        "How a step computes. auto is bfloat16 on CUDA devices that have it, else float32.",
    )

    @field_validator("labels", "test_images", "test_labels")
    @classmethod
    def _needs_images(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and "images" in info.data and info.data["images"] is None:
            raise ValueError(
                "A file is named here but no training images: name those too, or name none of these for MNIST."
            )
        if value is not None and info.field_name == "test_labels" and info.data.get("test_images", value) is None:
            raise ValueError("Test labels are named but no test images: name those too, or leave this empty.")
        return value

    @property
    def files(self) -> DataFiles:
        """The files of its images."""
        return DataFiles(self.images, self.labels, self.test_images, self.test_labels)

    def asked_again(self) -> Self:
        """The same as a person would ask for it: where a run wrote a number down for `auto`, that word."""
        return self

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """The stages of a run with their numbers of epochs, in order."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The essentials in a few words, for a list of runs."""
        raise NotImplementedError


USUAL_HALVINGS = 2


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

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "recommended": {},
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
    }
    preset_titles: ClassVar[Mapping[str, str]] = {
        "recommended": "Recommended",
        "report": "Report 2020",
        "bottleneck-16": "Bottleneck 16",
        "bottleneck-32": "Bottleneck 32",
        "bottleneck": "Bottleneck 64",
    }
    preset_purposes: ClassVar[Mapping[str, str]] = {
        "recommended": "For a low loss in little time, and for the encoder of a classifier. "
        "Its latent has twice as many numbers as a grey image, so it compresses nothing.",
        "report": "For repeating the tables of the 2020 report, with the same kind of network and learning rate. "
        "It learns more slowly than Recommended, and it compresses nothing either.",
        "bottleneck-16": "For seeing how much of an image fits into 16 numbers. "
        "Of the three, it compresses the most and loses the most detail.",
        "bottleneck-32": "For a latent of 32 numbers, small enough to compare images by. "
        "It keeps more detail than 16 numbers do, and less than 64.",
        "bottleneck": "For compressing an image to 64 numbers and keeping most of what you see. "
        "On MNIST that is a twelfth of the 784 pixels.",
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

    def halvings(self, image: tuple[int, int, int]) -> int:
        """How often it halves an image of that height, width and channels: what `auto` comes to."""
        if self.downsamplings != "auto":
            return self.downsamplings
        height, width, _ = image
        return min(USUAL_HALVINGS, most_halvings(self.layers), min(height, width).bit_length() - 1)

    def settled(self, image: tuple[int, int, int]) -> Self:
        """The same with a number for `auto`: what a run on such images writes down, so that it is seen and stays."""
        return self.model_copy(update={"downsamplings": self.halvings(image)})

    def asked_again(self) -> Self:
        """See `Spec`: `auto` in place of the number of halvings that it comes to."""
        usual = min(USUAL_HALVINGS, most_halvings(self.layers))
        return self.model_copy(update={"downsamplings": "auto"}) if self.downsamplings == usual else self

    @property
    def encoder_kernels(self) -> tuple[int, ...]:
        """The number of kernels of each layer of the encoder."""
        half = self.layers // 2
        return self.kernels if len(self.kernels) == half else self.kernels * half

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """One stage."""
        return (("autoencoder", self.epochs),)

    @property
    def title(self) -> str:
        """As in `10 × 32, z16, 3×3, b128, lr 0.001`."""
        latent = [f"z{self.latent}"] if self.latent else []
        size = f"{self.kernel_size}×{self.kernel_size}"
        essentials = [f"{self.layers} × {write_list(self.kernels)}", *latent, size, f"b{self.batch_size}"]
        return with_changes(self, essentials, ("layers", "kernels", "kernel_size", "batch_size", "latent"))


class ClassifierSpec(Spec):
    """What a training run of a classifier on an autoencoder's encoder asks for."""

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
    weight_decay: Number = asked(0.01, "Optimisation", "Weight decay", "Pulls every weight towards zero.", ge=0, le=1)
    label_smoothing: Number = asked(
        0.05,
        "Optimisation",
        "Label smoothing",
        "The part of each training label that is spread over all classes.",
        ge=0,
        lt=1,
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

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "recommended": {},
        "best": {"fc_units": 256, "dropout": 0.5, "frozen_epochs": 1, "finetune_epochs": 30, "patience": 0},
    }
    preset_titles: ClassVar[Mapping[str, str]] = {"recommended": "Recommended", "best": "Best"}
    preset_purposes: ClassVar[Mapping[str, str]] = {
        "recommended": "For a first classifier on any encoder. "
        "It trains the head alone for a few epochs, then encoder and head together.",
        # With such an encoder it has fewer than a million parameters on MNIST.
        "best": "For the highest accuracy, on an encoder of 64 kernels a layer that downsamples by max-pool. "
        "Its head is wider and it fine-tunes for twice as long, so it takes twice the time.",
    }

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

    def averages_views(self, stage: str) -> bool:
        """Whether an evaluation of that stage's weights averages over shifted views: they were trained on such ones."""
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
        return with_changes(self, essentials, ("fc_units", "fc_layers", "from_scratch", "labelled_fraction"))


SPECS: Mapping[str, type[Spec]] = {"autoencoder": AutoencoderSpec, "classifier": ClassifierSpec}

AnySpec = TypeVar("AnySpec", bound=Spec)


def spec_fields(kind: type[Spec]) -> tuple[SpecField, ...]:
    """Every field that can be asked for, by group and then as declared; the report's five come first."""
    first = ("encoder", "epochs", "frozen_epochs", "finetune_epochs", "batch_size")
    place = {name: position for position, name in enumerate(first)}
    return tuple(
        sorted(fields_of(kind), key=lambda field: (GROUPS.index(field.group), place.get(field.name, len(first))))
    )


def preset(kind: type[AnySpec], name: str, **values: object) -> AnySpec:
    """The spec of a preset, with `values` in place of its own.

    Raises:
        SpecError: there is no such preset, or a value is refused.
    """
    if name not in kind.presets:
        raise SpecError({"preset": f"“{short(name)}” is not known: choose {either(kind.presets)}."})
    return parse(kind, {**kind.presets[name], **values})


def preset_changes(kind: type[Spec], name: str) -> dict[SpecField, str]:
    """The fields in which a preset is not as the default, each with its value there as it is typed."""
    values = kind.presets[name]
    written = {field: write_value(values[field.name]) for field in spec_fields(kind) if field.name in values}
    return {field: value for field, value in written.items() if value != field.default}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which a spec is not as a preset; both values as they are typed."""

    field: str
    title: str
    value: str
    preset: str


_OF_NO_PRESET = ("encoder", "seed", "images", "labels", "test_images", "test_labels", "device", "precision")
"""Fields that say which run it is or where it is trained, and not how: in them no spec differs from a preset."""


def nearest_preset(spec: Spec) -> tuple[str, tuple[Difference, ...]]:
    """The name of the preset from which a spec differs in the fewest fields, and these fields."""
    spec = spec.asked_again()
    fields = [field for field in spec_fields(type(spec)) if field.name not in _OF_NO_PRESET]
    found: dict[str, tuple[Difference, ...]] = {}
    for name, values in spec.presets.items():
        usual = {field.name: write_value(values[field.name]) for field in fields if field.name in values}
        pairs = [
            (field, write_value(getattr(spec, field.name)), usual.get(field.name, field.default or ""))
            for field in fields
        ]
        found[name] = tuple(Difference(field.name, field.title, has, was) for field, has, was in pairs if has != was)
    nearest = min(found, key=lambda name: len(found[name]))
    return nearest, found[nearest]


def parse(kind: type[AnySpec], values: Mapping[str, object]) -> AnySpec:
    """A spec from values as they were typed or read from JSON.

    Raises:
        SpecError: with a sentence for each field that is wrong.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise SpecError(problems_of(kind, error)) from None


def spec_from_json(values: object) -> Spec:
    """The spec that `values`, a decoded JSON object with a `kind`, describes.

    Raises:
        SpecError: it is not one.
    """
    if not isinstance(values, dict):
        raise SpecError({"spec": f"a JSON object was expected, {type(values).__name__} found."})
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in SPECS:
        raise SpecError({"kind": f"“{short(kind)}” is not known: {either(SPECS)} was expected."})
    return parse(SPECS[kind], values)


def check_against_data(spec: Spec, shape: tuple[int, int, int], training_images: int) -> dict[str, str]:
    """What of a spec does not fit a data set: a sentence for each such field, none where all fits.

    Args:
        shape: height, width and channels of an image.
        training_images: without those held back for validation.
    """
    problems = {}
    height, width, _ = shape
    if isinstance(spec, AutoencoderSpec) and 2 ** (halvings := spec.halvings(shape)) > min(height, width):
        problems["downsamplings"] = (
            f"{halvings} downsamplings leave nothing of {height}×{width} pixels: choose fewer, or auto."
        )
    if spec.batch_size > training_images:
        problems["batch_size"] = (
            f"{spec.batch_size:,} is more than the {counted(training_images, 'image')} to train on: give at most "
            f"{training_images:,}."
        )
    return problems
