"""What the kinds of run ask for: their specs by name, one read from JSON, and one held against an image set."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from engine.errors import SpecError
from engine.specs.base import Spec, parse
from engine.specs.listed import KINDS, module_of
from engine.text import counted, either, excerpt


class _Specs(Mapping[str, type[Spec]]):
    """The spec of each kind, imported when it is asked for."""

    def __getitem__(self, kind: str) -> type[Spec]:
        spec: type[Spec] = import_module(module_of(kind, __package__)).SPEC
        return spec

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


SPECS = _Specs()


def spec_from_json(values: object) -> Spec:
    """The spec that `values`, a decoded JSON object with a `kind`, describes.

    Raises:
        SpecError: it is not one.
    """
    if not isinstance(values, dict):
        raise SpecError({"spec": f"a JSON object was expected, {type(values).__name__} found."})
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in SPECS:
        raise SpecError({"kind": f"“{excerpt(kind)}” is not known: {either(SPECS)} was expected."})
    return parse(SPECS[kind], values)


def spec_again(written: Mapping[str, Any]) -> Spec:
    """The spec that asks for a run again, of what its `spec.json` holds.

    On a processor the same numbers come only from as many threads: where it says `auto`, as every run of versions that
    did not ask for threads, it gets the number that was written down.

    Raises:
        SpecError: it holds none.
    """
    spec, threads = spec_from_json(written.get("spec")), written.get("threads")
    if spec.threads == "auto" and type(threads) is int and str(written.get("device", "")).startswith("cpu"):
        return spec.model_copy(update={"threads": threads})
    return spec


def check_against_data(spec: Spec, shape: tuple[int, int, int], training_images: int) -> dict[str, str]:
    """What of a spec does not fit a data set: a sentence for each such field, none where all fits.

    Args:
        shape: height, width and channels of an image.
        training_images: without those held back for validation.
    """
    problems = spec.misfits(shape)
    if spec.batch_size > training_images and not spec.steps_per_epoch:
        problems["batch_size"] = (
            f"{spec.batch_size:,} is more than the {counted(training_images, 'image')} to train on: give at most "
            f"{training_images:,}, or steps per epoch, so that images are taken several times."
        )
    return problems
