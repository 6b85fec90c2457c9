"""The kinds of run: their specs by name, one read from JSON, and one held against an image set."""

from collections.abc import Mapping

from engine.errors import SpecError
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, parse
from engine.specs.classifier import ClassifierSpec
from engine.text import counted, either, short

SPECS: Mapping[str, type[Spec]] = {"autoencoder": AutoencoderSpec, "classifier": ClassifierSpec}


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
    problems = spec.misfits(shape)
    if spec.batch_size > training_images:
        problems["batch_size"] = (
            f"{spec.batch_size:,} is more than the {counted(training_images, 'image')} to train on: give at most "
            f"{training_images:,}."
        )
    return problems
