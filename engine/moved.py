"""The images of a run or a study that was begun before: read where they were, or taken from a new place.

Files are moved, disks are mounted elsewhere. What was written down of the images, above all the digest of their
content, tells whether files that are named now are the ones; only where they are is written down anew, and nothing that
decides what is computed.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data_files import ROLES, DataFiles, shape_words
from engine.datasets import ImageData, load_dataset
from engine.errors import DatasetError, MovedError, RunError
from engine.files import absolute, write_json
from engine.idx import shown
from engine.runs import RunDirectory
from engine.spec import ClassifierSpec, Spec
from engine.spec_file import read_spec_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was written down of the images of a run or a study."""

    owner: str  # `run a7f3k2xw`
    command: str  # what takes a new place for them, as in `resume a7f3k2xw`
    digest: object
    shape: tuple[int, ...] = ()
    training: int | None = None  # with validation images; None where that is not known
    test: int | None = None
    classes: int | None = None


def known_of_run(run: str, spec: Spec, written: Mapping[str, Any], command: str = "resume") -> Known:
    """What `written`, the content of a run's `spec.json`, says of its images; `command` is what a person asked for."""
    found = written.get("data")
    about: Mapping[str, Any] = found if isinstance(found, dict) else {}
    part = isinstance(spec, ClassifierSpec) and spec.labelled_fraction < 1  # only some images were counted
    numbers = [about.get(name) for name in ("training", "validation", "test", "classes")]
    training, validation, test, classes = (number if isinstance(number, int) else None for number in numbers)
    return Known(
        owner=f"run {run}",
        command=f"{command} {run}",
        digest=about.get("digest"),
        shape=tuple(about.get("shape") or ()),
        training=None if part or training is None or validation is None else training + validation,
        test=test,
        classes=classes,
    )


Load = Callable[[DataFiles], ImageData]


def _load(files: DataFiles) -> ImageData:
    return load_dataset(*files)


def load_known(known: Known, files: DataFiles, load: Load = _load) -> ImageData:
    """The images that `known` tells of, from `files`.

    Raises:
        MovedError: a file is gone, or they are other images.
        DatasetError: a file cannot be read.
    """
    gone = list(files.all_gone)
    if gone:
        first = shown(getattr(files, gone[0]))
        more = f" and {len(gone) - 1} more of its files" if len(gone) > 1 else ""
        beside = "; the others are looked for beside it" if more else ""
        raise MovedError(
            f"The {ROLES[gone[0]]} of {known.owner} are no longer there: {first}{more}. If they were moved, say "
            f"where to: `cae-tui {known.command} --{gone[0].replace('_', '-')} PATH`{beside}.",
            f"{first} does not exist.",
            gone,
        )
    data = load(files)
    if data.digest != known.digest:
        what = f"The images are not the ones {known.owner} began with: {_difference(known, data)}."
        raise MovedError(
            f"{what} Restore the original files, or say where they are: `cae-tui {known.command} --images PATH`.", what
        )
    return data


def _difference(known: Known, data: ImageData) -> str:
    """What tells `data` from the images that were written down, in words."""
    test = 0 if data.test is None else len(data.test)
    if known.shape and known.shape != data.shape:
        return f"{shape_words(known.shape)} pixels were expected, these have {shape_words(data.shape)}"
    if known.training is not None and known.training != len(data.train):
        return f"{known.training:,} training images were expected, {len(data.train):,} were found"
    if known.test is not None and known.test != test:
        return f"{known.test:,} test images were expected, {test:,} were found"
    if known.classes is not None and known.classes != data.classes:
        return f"labels of {known.classes} classes were expected, of {data.classes} were found"
    return "their number and shape are right, but pixels or labels differ"


def places(files: DataFiles, named: Mapping[str, Path]) -> Iterator[DataFiles]:
    """Where `files` may be now that some of them were named anew: a file, or a folder that has it under its old name.

    The others are kept where they are, or else looked for where the same move leads; then only there.
    """
    given: dict[str, Path] = {}
    for field, path in named.items():
        place, old = absolute(path), getattr(files, field)
        given[field] = place / old.name if old is not None and os.path.isdir(place) else place
    for keep in (True, False):
        found = dict(given)
        for field, old in files.named.items():
            if field not in given:
                moved = [place for place in _beside(files, given, old) if os.path.exists(place)]
                found[field] = old if (keep and os.path.exists(old)) or not moved else moved[0]
        yield DataFiles(**found)


def _beside(files: DataFiles, given: Mapping[str, Path], old: Path) -> Iterator[Path]:
    """Where the file that was at `old` may be, when those in `given` were moved there."""
    for field, place in given.items():
        before = getattr(files, field)
        if before is None:
            continue
        # /a/train/x became /b/train/x: what was at /a/test/y is at /b/test/y.
        for above_before, above in zip(before.parents, place.parents, strict=False):
            if above_before != above and old.is_relative_to(above_before):
                yield above / old.relative_to(above_before)
            if above_before.name != above.name:
                break
        yield place.parent / old.name


def find_images(known: Known, files: DataFiles, named: Mapping[str, Path]) -> tuple[DataFiles, ImageData]:
    """The images that `known` tells of, from where `named` says that they were moved to.

    Args:
        files: where they were.
        named: by field of a spec, a file or the folder that it is in.

    Raises:
        MovedError: they are gone, or others.
        DatasetError: a file cannot be read.
    """
    refused: DatasetError | None = None
    for found in dict.fromkeys(places(files, named)):
        try:
            return found, load_known(known, found)
        except DatasetError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def relocate(run: RunDirectory, named: Mapping[str, Path]) -> DataFiles:
    """Write down where the images of a run are now, and give it back.

    Raises:
        MovedError: they are gone, or not the ones it began with.
        EngineError: a process is training it, its files are damaged, or cannot be written.
    """
    if run.is_held():
        raise RunError(f"Run {run.id} is being trained: stop it first.")
    spec, written = read_spec_file(run)
    files, _ = find_images(known_of_run(run.id, spec, written), spec.files, named)
    with run.locked():
        write_place(run, files, spec, written)
    return files


def as_json(files: DataFiles) -> dict[str, str | None]:
    """The paths as a spec's JSON has them."""
    return {field: None if path is None else str(path) for field, path in files._asdict().items()}


def write_place(run: RunDirectory, files: DataFiles, spec: Spec, written: Mapping[str, Any]) -> None:
    """Put `files` into the `spec.json` of a run, which holds `written`.

    Raises:
        StorageError: it cannot be written.
    """
    paths = as_json(files)
    changed = {**written, "spec": {**written["spec"], **paths}, "data": {**written["data"], "paths": paths}}
    write_json(run.spec, spec.kind, changed)
