"""What every kind of run asks for, and what is done with a spec of any kind.

A field is written once, in the spec that has it: the form, the command line's flags, the validation, the reference
table in the docs and `spec.json` are all made from it. `parse` turns what a person typed into a spec, or into one
sentence for each field that is wrong. Nothing here imports torch, so that a form can be drawn and checked before the
engine is loaded.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from engine.errors import SpecError
from engine.specs.data_files import FIELDS, LABELS_FROM, PATHS, DataFiles
from engine.specs.fields import (
    GROUPS,
    AutoOrMany,
    Colour,
    File,
    Limit,
    Names,
    Number,
    Place,
    Size,
    SpecField,
    Whole,
    asked,
    fields_of,
    write_value,
)
from engine.specs.noise import Asked
from engine.specs.preprocessing import PREPROCESSING, Preprocessing
from engine.specs.problems import problems_of
from engine.text import either, excerpt

DeviceName = Literal["auto", "cuda", "mps", "cpu"]
Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
Schedule = Literal["one-cycle", "constant", "reduce-on-plateau"]
Activation = Literal["relu", "leaky-relu", "elu", "silu", "gelu"]


class Spec(BaseModel):
    """What every kind of run asks for: optimisation, data and device."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, hide_input_in_errors=True
    )
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"recommended": {}}
    preset_titles: ClassVar[Mapping[str, str]] = {"recommended": "Recommended"}
    preset_purposes: ClassVar[Mapping[str, str]] = {
        "recommended": "The defaults."
    }  # what each is for, in two sentences
    lengths: ClassVar[tuple[str, ...]] = ("batch_size", "steps_per_epoch")
    """Fields that say how long one trains: those of a preset that names none are for a person to choose."""

    guided: ClassVar[Mapping[str, str]] = {}  # what a guided study varies where nobody says, in that order
    guided_baseline: ClassVar[Mapping[str, object]] = {}  # what it starts from
    searched: ClassVar[Mapping[str, str]] = {}  # what a search varies

    needs_labels: ClassVar[bool] = False  # of the training images
    loss_is_mse: ClassVar[bool] = False  # whether its loss is the mean squared error of pixels in [0, 1]

    kind: str
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
    steps_per_epoch: Limit = asked(
        None,
        "Optimisation",
        "Steps per epoch",
        "Fewer than the images give take a part of them, drawn anew for each epoch; more go through them again. "
        "If left out: once through all.",
        unit="steps",
        le=1_000_000,
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
    data: Place = asked(
        None,
        "Data",
        "Data",
        "A folder or an archive of pictures, arrays (npz, npy, csv, parquet, mat, CIFAR), IDX, or a name: mnist, "
        "digits or one that `cae-tui data list` has. If left out: MNIST.",
    )
    test_data: File = asked(
        None,
        "Data",
        "Test data",
        "The same of test images, where the data have none; used once, for the final evaluation.",
    )
    labels_from: File = asked(
        None,
        "Data",
        "Labels from",
        "A file of labels, as `cae-tui doubts` and its page write one: what was decided there of doubtful labels is "
        "taken, labels that are changed and images that are left out.",
    )
    validation_fraction: Number = asked(
        0.1,
        "Data",
        "Validation fraction",
        "The part of the training images that is held back for validation, unless the data have such a part.",
        gt=0,
        le=0.5,
    )
    size: Size = asked(
        "",
        "Images",
        "Size",
        "Height and width that all images are brought to, as 32 or 32x48. If left out: the one that they all have.",
        unit="pixels",
    )
    fit: Literal["pad", "crop", "stretch"] = asked(
        "pad",
        "Images",
        "Fit",
        "How images of another shape are brought to it: with bars, by cutting edges off, or distorted.",
    )
    colour: Literal["auto", "grey", "rgb"] = asked(
        "auto", "Images", "Colour", "auto is grey where all images are grey, else rgb."
    )
    background: Colour = asked(
        "black", "Images", "Background", "Behind what is transparent, and in the bars: black, white, or as #ff8000."
    )
    classes: Names = asked("", "Images", "Classes", "Those to take, their names separated by commas. If left out: all.")
    limit_per_class: Limit = asked(
        None, "Images", "Limit per class", "At most so many training images of each class, drawn evenly.", unit="images"
    )
    table_shape: Size = asked(
        "", "Images", "Shape in a table", "Height and width of the images of a CSV that are not square."
    )
    images: File = asked(None, "IDX files", "Training images", "An IDX file, plain or gzip; in place of data.")
    labels: File = asked(None, "IDX files", "Training labels", "An IDX file with one class for each training image.")
    test_images: File = asked(None, "IDX files", "Test images", "An IDX file; used once, for the final evaluation.")
    test_labels: File = asked(None, "IDX files", "Test labels", "An IDX file with one class for each test image.")
    device: DeviceName = asked("auto", "Device", "Device", "auto uses CUDA, else Apple's MPS, else the CPU.")
    precision: Precision = asked(
        "auto",
        "Device",
        "Precision",
        "How a step computes. auto is bfloat16 on CUDA devices that have it, else float32.",
    )
    threads: AutoOrMany = asked(
        "auto",
        "Device",
        "Threads",
        "Of the processor. auto tries a few numbers on the first images, for two seconds at most, and takes the "
        "fastest; a run writes it down. The same numbers, to the last bit, come only from as many threads.",
        unit="threads",
    )

    @field_validator("images")
    @classmethod
    def _one_way(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and (info.data.get("data") or info.data.get("test_data")):
            raise ValueError("An IDX file is named here, and a set in Data: leave one of the two empty.")
        return value

    @field_validator("test_data")
    @classmethod
    def _tests_something(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("data") is None:
            raise ValueError("Test data are named but no data to train on: name those too, or leave this empty.")
        return value

    @field_validator("labels", "test_images", "test_labels")
    @classmethod
    def _needs_images(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("data"):
            raise ValueError("A set in Data brings its own: leave this empty.")
        if value is not None and "images" in info.data and info.data["images"] is None:
            raise ValueError(
                "A file is named here but no training images: name those too, or name none of these for MNIST."
            )
        if value is not None and info.field_name == "test_labels" and info.data.get("test_images", value) is None:
            raise ValueError("Test labels are named but no test images: name those too, or leave this empty.")
        return value

    @property
    def files(self) -> DataFiles:
        """Its images, and what is done to them."""
        preprocessing = Preprocessing(*(getattr(self, name) for name in PREPROCESSING))
        paths = {name: getattr(self, name) for name in (*PATHS, LABELS_FROM)}
        return DataFiles(**paths, preprocessing=preprocessing)

    @property
    def built_on(self) -> str:
        """The run or the model file whose encoder it is built on; empty where it needs none."""
        return ""

    @property
    def learned_classes(self) -> tuple[str, ...]:
        """The classes whose images alone it trains on and validates by; none where it takes all."""
        return ()

    @property
    def labelled(self) -> float:
        """The part of the training images that it trains on, the same in each class."""
        return 1.0

    @property
    def labels_each(self) -> int | None:
        """How many training images of each class it trains on, drawn by the seed; None for all."""
        return None

    @property
    def keeps_last(self) -> bool:
        """Whether it ends with the weights of the last epoch, whatever validation says, and never stops early."""
        return False

    def steps_of(self, training: int) -> int:
        """The steps of an epoch on so many training images; of a pass a last batch that is not full is left out."""
        return self.steps_per_epoch or training // self.batch_size

    def images_of(self, training: int) -> int:
        """How many images an epoch takes of so many training images, those counted again that it takes again."""
        return self.steps_of(training) * self.batch_size if self.steps_per_epoch else training

    def settled(self, image: tuple[int, int, int]) -> Self:  # noqa: ARG002 - for kinds that settle something
        """The same as a run on images of that height, width and channels writes it down, with numbers for `auto`."""
        return self

    def misfits(self, image: tuple[int, int, int]) -> dict[str, str]:  # noqa: ARG002 - for kinds to which it matters
        """What of it does not fit such images: a sentence for each such field."""
        return {}

    def rate_of(self, stage: str) -> float:
        """The learning rate of a stage."""
        raise NotImplementedError  # each kind has its own

    def augments(self, stage: str) -> bool:  # noqa: ARG002 - for kinds that do
        """Whether the images of a stage are changed at random."""
        return False

    @property
    def training_noise(self) -> Asked | None:
        """The kind of noise on images in training, and how much of it; for kinds that have it."""
        return None

    @property
    def measured_noise(self) -> Asked | None:
        """That on validation and test images; of mixed noise the amount says nothing."""
        return None

    def validates_alike(self, stage: str) -> bool:  # noqa: ARG002 - for kinds that do otherwise
        """Whether training and validation losses of a stage are of the same thing, so that they can be compared."""
        return True

    @classmethod
    def point(cls, values: Mapping[str, object], varied: Collection[str]) -> Mapping[str, object]:  # noqa: ARG003 - as `compared`
        """The values of a study's point of which those in `varied` vary, without what counts nothing beside others."""
        return values

    def compared(self, names: Collection[str]) -> Self:  # noqa: ARG002 - for kinds whose loss depends on what varies
        """The same as the baseline of a study in which those fields vary: the losses of its trials can be compared."""
        return self

    def comparison(self, names: Collection[str]) -> str:  # noqa: ARG002 - as `compared`
        """By what the trials of such a study are compared, in a sentence, where that has to be told."""
        return ""

    @property
    def auto_words(self) -> Mapping[str, str]:
        """What `auto` comes to, in words, by field; for those of which that can be told without the images."""
        return {}

    def asked_again(self) -> Self:
        """The same as a person would ask for it: where a run wrote a number down for `auto`, that word."""
        return self

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """The stages of a run with their numbers of epochs, in order."""
        raise NotImplementedError  # each kind has its own

    @property
    def title(self) -> str:
        """The essentials in a few words, for a list of runs."""
        raise NotImplementedError  # each kind has its own


AnySpec = TypeVar("AnySpec", bound=Spec)
Model = TypeVar("Model", bound=BaseModel)


def spec_fields(kind: type[Spec]) -> tuple[SpecField, ...]:
    """Every field that can be asked for, by group and then as declared; the report's five come first."""
    first = ("encoder", "normal", "epochs", "frozen_epochs", "finetune_epochs", "batch_size")
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
        raise SpecError({"preset": f"“{excerpt(name)}” is not known: choose {either(kind.presets)}."})
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


_OF_NO_PRESET = ("encoder", "normal", "seed", "device", "precision", "threads", *FIELDS)
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


def parse(kind: type[Model], values: Mapping[str, object]) -> Model:
    """A spec, or another model, from values as they were typed or read from JSON.

    Raises:
        SpecError: with a sentence for each field that is wrong.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise SpecError(problems_of(kind, error)) from None
