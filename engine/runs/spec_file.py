"""`spec.json` of a run: what it holds, and whether a run can still be taken up by it.

A person may open the file and change it, or restore half of it: each value is checked before a resume touches anything,
and the spec is held against the one that the run's checkpoint was computed with. A model of its own, so that a value
of the wrong kind gets its sentence as a flag does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.data.split import SPLIT_RULE
from engine.errors import RunError, SpecError
from engine.runs.directory import RunDirectory
from engine.specs import data_files
from engine.specs.base import Spec, parse
from engine.specs.fields import write_value
from engine.specs.kinds import spec_from_json
from engine.specs.listed import KINDS
from engine.storage.files import FORMAT
from engine.text import excerpt

MAY_CHANGE = (*data_files.PATHS, data_files.LABELS_FROM, "encoder", "device", "precision")
"""Fields of a spec that say where things are: files may have been moved, and the run to another machine."""
_UNDO = "Restore the original file, or start a new run."


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _Data(_Part):
    name: str = Field(description="a name.")
    words: str = Field("", description="what was found there.")
    left_out: int = Field(0, ge=0, description="how many pictures were left out.")
    by_hand: dict[str, list[int]] = Field({}, description="the places of images that were left out by hand.")
    corrections: dict[str, Any] = Field({}, description="labels that a file of labels changed, by place.")
    corrected: str = Field("", description="the same in words.")
    paths: dict[str, str | None] = Field(description="the files, by name.")
    digest: str = Field(description="the images' digest.")
    images_digest: str = Field("", description="the digest of the training images alone.")
    part_digests: dict[str, str] = Field({}, description="the digests of labels and test images, by field.")
    shape: list[int] = Field(min_length=3, max_length=3, description="height, width and channels.")
    classes: int = Field(ge=0)
    training: int = Field(ge=1)
    validation: int = Field(ge=1)
    test: int = Field(ge=0)


class SpecFile(_Part):
    """What the file holds; `preparation.create` writes it."""

    format: int = Field(FORMAT, ge=FORMAT, le=FORMAT)
    kind: str = Field(description=f"{' or '.join(KINDS)}.")
    spec: dict[str, Any] = Field(description="a JSON object with the fields of a spec.")
    encoder: str | None = Field(None, description="the run or file that the encoder is of.")
    encoder_remarks: list[str] = Field([], description="sentences.")
    encoder_spec: dict[str, Any] | None = Field(None, description="the spec of the encoder's autoencoder.")
    data: dict[str, Any] = Field(description="a JSON object with facts of the images.")
    seed: int = Field(ge=0)
    split: int = Field(1, ge=1, le=SPLIT_RULE, description="the rule of its split into training and validation.")
    threads: int = Field(ge=1, le=4096)
    device: str = Field(description="a device in words.")
    versions: dict[str, str] = Field(description="versions, by name.")


def read_spec_file(run: RunDirectory) -> tuple[Spec, dict[str, Any]]:
    """The spec of a run, and everything that its `spec.json` holds, checked.

    Raises:
        RunError: the file is missing or damaged, or a value in it is not what it can be.
    """
    written = run.read_spec()
    problems = _problems(partial(parse, SpecFile), written, "")
    if not problems:
        problems = _problems(partial(parse, _Data), written["data"], "data.")
        problems |= _problems(spec_from_json, written["spec"], "spec.")
    if not problems and written.get("encoder_spec") is not None:
        problems = _problems(spec_from_json, written["encoder_spec"], "encoder_spec.")
    if not problems:
        spec = spec_from_json(written["spec"])
        if written["kind"] != spec.kind:
            problems["kind"] = f"“{written['kind']}” does not match its spec, which is of kind {spec.kind}."
        if written["seed"] != spec.seed:
            problems["seed"] = f"{written['seed']} does not match its spec, which has {spec.seed}."
        if not problems:
            return spec, written
    sentences = " ".join(f"{name}: {sentence}" for name, sentence in problems.items())
    raise RunError(f"{run.spec} cannot be used. {sentences} {_UNDO}")


def _problems(read: Callable[[Any], object], values: object, prefix: str) -> dict[str, str]:
    try:
        read(values)
    except SpecError as error:
        return {f"{prefix}{name}": sentence for name, sentence in error.problems.items()}
    return {}


def check_unchanged(run: RunDirectory, spec: Spec, stage: str, before: object) -> None:
    """Refuse a spec that is not the one a run's checkpoint was computed with.

    Args:
        stage: the one that the checkpoint is of.
        before: the spec in the checkpoint, as JSON has it.

    Raises:
        RunError: a field that decides what is computed has another value.
    """
    try:
        old = dict(spec_from_json(before))
    except SpecError:  # an early checkpoint holds none; whether its tensors fit is seen when they are put back
        old = {}
    differ = [
        f"{name} is {write_value(getattr(spec, name, None))}, was {write_value(value)}"
        for name, value in old.items()
        if name not in MAY_CHANGE and getattr(spec, name, None) != value
    ]
    if not differ and stage not in dict(spec.stages):
        differ = [f"it has no stage “{excerpt(stage)}” any more"]
    if differ:
        raise RunError(
            f"{run.spec} was changed since the last checkpoint of run {run.id} ({'; '.join(differ)}), so it cannot "
            f"continue. {_UNDO}"
        )
