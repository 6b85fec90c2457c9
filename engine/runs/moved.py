"""The images of a run or a study that was begun before: read where they were, or taken from a new place.

Files are moved, disks are mounted elsewhere. What was written down of the images, above all the digest of their
content, tells whether files that are named now are the ones; only where they are is written down anew, and nothing that
decides what is computed.
"""

import os
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.by_hand import NOTHING, ByHand
from engine.data.cache import load
from engine.data.corrections import AS_GIVEN, Corrections
from engine.data.datasets import ImageData
from engine.data.leaving_out import without
from engine.data.reading import Reading
from engine.data.sources import read
from engine.errors import DatasetError, MovedError, RunError
from engine.runs.directory import RunDirectory
from engine.runs.spec_file import read_spec_file
from engine.specs.base import Spec
from engine.specs.data_files import IDX_FIELDS, PATHS, ROLES, DataFiles, shape_words
from engine.storage.files import absolute, write_json
from engine.storage.paths import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was written down of the images of a run or a study."""

    owner: str  # `run a7f3k2xw`
    command: str  # what takes a new place for them, as in `resume a7f3k2xw`
    digest: object
    parts: Mapping[str, str]  # see `digests_written`
    by_hand: ByHand = NOTHING  # images that were left out
    corrections: Corrections = AS_GIVEN  # labels that were changed, and images that were left out for theirs
    shape: tuple[int, ...] = ()
    training: int | None = None  # with validation images; None where that is not known
    test: int | None = None
    classes: int | None = None


def digests_written(about: Mapping[str, Any]) -> dict[str, str]:
    """The digest of what each file held, by field, as far as `about`, facts of images, tells it; empty where none was.

    Version 0.1.0 wrote only the digest of everything.
    """
    images, others = about.get("images_digest"), about.get("part_digests")
    found = {"images": str(images)} if images else {}
    if isinstance(others, dict):
        found |= {name: str(others.get(name, "")) for name in IDX_FIELDS if name != "images"}
    return found


def by_hand_of(about: Mapping[str, Any]) -> ByHand:
    """The images that were left out, as facts of images tell it; none where they tell nothing of it."""
    try:
        return ByHand.written(about.get("by_hand") or {})
    except ValueError:
        return NOTHING


def corrections_of(about: Mapping[str, Any]) -> Corrections:
    """What a file of labels changed, as facts of images tell it; nothing where they tell nothing of it."""
    try:
        return Corrections.written(about.get("corrections") or {})
    except ValueError:
        return AS_GIVEN


def known_of_run(run: str, spec: Spec, written: Mapping[str, Any], command: str = "resume") -> Known:
    """What `written`, the content of a run's `spec.json`, says of its images; `command` is what a person asked for."""
    found = written.get("data")
    about: Mapping[str, Any] = found if isinstance(found, dict) else {}
    part = spec.labelled < 1 or spec.labels_each is not None  # only some images were counted
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
        parts=digests_written(about),
        by_hand=by_hand_of(about),
        corrections=corrections_of(about),
    )


def load_known(known: Known, files: DataFiles, named: Collection[str] = ()) -> ImageData:
    """The images that `known` tells of, from `files`.

    Args:
        named: the fields of those that a person has just named.

    Raises:
        MovedError: a file is gone, or they are other images.
    """
    if gone := files.all_gone:
        there = {field: path for field, path in files.named.items() if field in named and field not in gone}
        fit = ". ".join(_fit(known, field, path) for field, path in there.items() if field in ("images", "test_images"))
        raise _gone(known, gone, there, fit)
    try:
        data = load(files.as_given, by_hand=NOTHING)
    except DatasetError as error:
        if error.field not in files.named:
            raise
        raise MovedError(f"{error} {_say_where(known, [error.field])}", str(error), others=[error.field]) from None
    tests = 0 if data.test is None else len(data.test)
    fits = known.by_hand.fits(len(data.train), tests) and known.corrections.fits(len(data.train), tests, data.classes)
    if data.digest != known.digest and fits:  # else they are gone for good
        data = without(data, known.by_hand, known.corrections, files.absolute())
    if data.digest != known.digest or known.classes not in (None, data.classes):
        raise _other_content(known, files, data)
    return data


def _gone(known: Known, gone: Mapping[str, Path], there: Mapping[str, Path], fit: str) -> MovedError:
    """That files are gone, while the images that were named may be the right ones."""
    field, path = next(iter(gone.items()))
    more = f" and {len(gone) - 1} more of its files" if len(gone) > 1 else ""
    beside = "; the others are looked for beside it" if more else ""
    command = " ".join([known.command, *(f"{_flag(name)} {shlex.quote(str(place))}" for name, place in there.items())])
    begun = f"{fit}, but the" if fit else "The"
    return MovedError(
        f"{begun} {ROLES[field]} of {known.owner} are no longer there: {shown(path)}{more}. "
        f"If they were moved, say where to: `cae-tui {command} {_flag(field)} PATH`{beside}.",
        f"{shown(path)} does not exist.",
        list(gone),
    )


def _other_content(known: Known, files: DataFiles, data: ImageData) -> MovedError:
    """That files hold something else than before, and which of them, as far as what was written down tells it."""
    test = 0 if data.test is None else len(data.test)
    counted, difference = _difference(known, data.shape, len(data.train), test, data.classes)
    if files.data is not None:  # a whole set is named in one place
        counted = counted and "data"
    now = {"images": data.images_digest, **data.part_digests}
    differ = [name for name in files.named if name in known.parts and known.parts[name] != now.get(name)]
    unknown = [name for name in files.named if name not in known.parts]
    wrong = [name for name in PATHS if name in differ or name == counted]
    if not wrong and len(unknown) == 1:
        wrong = unknown
    if wrong and known.parts.get(wrong[0]) == "":
        what = f"The {ROLES[wrong[0]]} are not the ones {known.owner} began with: it had none."
        return MovedError(f"{what} Leave {_flag(wrong[0])} out.", what, others=wrong)
    if not difference:
        kinds = {ROLES[name].split()[-1] for name in wrong}
        difference = _SAME_IN_NUMBER.get(
            " ".join(kinds), "their number and shape are right, but pixels or labels differ"
        )
    if wrong:
        return _others(known, difference, wrong)
    what = f"The images or labels are not the ones {known.owner} began with: {difference}."
    first, *more = unknown or ["images"]
    flags = f" Its other files have flags of their own: {', '.join(map(_flag, more))}." if more else ""
    return MovedError(f"{what} {_say_where(known, [first])}{flags}", what)


_SAME_IN_NUMBER = {
    "images": "their number and shape are right, but pixels differ",
    "labels": "there are as many, but they differ",
}
"""How files differ that hold as much as before, where all of them hold images, or all labels."""


def _others(known: Known, difference: str, wrong: Sequence[str]) -> MovedError:
    *most, last = (ROLES[name] for name in wrong)
    roles = f"{', '.join(most)} and {last}" if most else last
    what = f"The {roles} are not the ones {known.owner} began with: {difference}."
    return MovedError(f"{what} {_say_where(known, wrong)}", what, others=wrong)


def _say_where(known: Known, wrong: Sequence[str]) -> str:
    flags = " ".join(f"{_flag(name)} PATH" for name in wrong)
    return f"Restore the original files, or say where they are: `cae-tui {known.command} {flags}`."


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _fit(known: Known, field: str, path: Path) -> str:
    """That the images in a file have the number and shape that were written down, as far as those are known.

    Raises:
        MovedError: they have not.
        DatasetError: the file cannot be read.
    """
    found = read(DataFiles().moved({field: path}), Reading())
    images = found.images if field == "images" else found.test_images
    assert images is not None  # of what is named
    out = known.by_hand  # which are still in the file, as those are that a file of labels leaves out
    labelled_out = [len(places) for places in known.corrections.left_out]
    training, test = (
        (len(images) - len(out.training) - labelled_out[0], None)
        if field == "images"
        else (None, len(images) - len(out.test) - labelled_out[1])
    )
    if difference := _difference(known, images.shape[1:], training, test)[1]:
        raise _others(known, difference, [field])
    counted = (known.training if field == "images" else known.test) is not None
    what = " and ".join(["number"] * counted + ["shape"] * bool(known.shape))
    return f"The {ROLES[field]} in {shown(path)} have the right {what}" if what else ""


def _difference(
    known: Known, shape: tuple[int, ...], training: int | None, test: int | None, classes: int | None = None
) -> tuple[str, str]:
    """What tells images from those that were written down: the field of the file that it shows in, and words for it.

    Both are empty where nothing of what is known does.
    """
    if known.shape and known.shape != shape:
        return "images", f"{shape_words(known.shape)} pixels were expected, these have {shape_words(shape)}"
    counts = (("images", known.training, training), ("test_images", known.test, test))
    for field, expected, found in counts:
        if expected is not None and found is not None and expected != found:
            return field, f"{expected:,} {ROLES[field]} were expected, {found:,} were found"
    if known.classes is not None and classes is not None and known.classes != classes:
        return "labels", f"labels of {known.classes} classes were expected, of {classes} were found"
    return "", ""


def places(files: DataFiles, named: Mapping[str, Path]) -> Iterator[DataFiles]:
    """Where `files` may be now that some of them were named anew: a file, or a folder that has it under its old name.

    The others are kept where they are, or else looked for where the same move leads; then only there.
    """
    given: dict[str, Path] = {}
    for field, path in named.items():
        place, old = absolute(path), getattr(files, field)
        within = place / Path(old or "").name  # a folder of pictures may be named itself, a file only by its folder
        inside = old is not None and os.path.isdir(place) and (field in IDX_FIELDS or within.exists())
        given[field] = within if inside else place
    for keep in (True, False):
        found = dict(given)
        for field, old in files.named.items():
            if field not in given:
                moved = [place for place in _beside(files, given, old) if os.path.exists(place)]
                found[field] = old if (keep and os.path.exists(old)) or not moved else moved[0]
        yield files.moved(found)


def _beside(files: DataFiles, given: Mapping[str, Path], old: Path) -> Iterator[Path]:
    """Where the file that was at `old` may be, when those in `given` were moved there."""
    for field, place in given.items():
        before = getattr(files, field)
        if before is None:
            continue
        before = Path(before)
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
            return found, load_known(known, found, named=named)
        except DatasetError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def relocate(run: RunDirectory, named: Mapping[str, Path], command: str = "resume") -> DataFiles:
    """Write down where the images of a run are now, and give it back; `command` is what a person asked for.

    Raises:
        MovedError: they are gone, or not the ones it began with.
        EngineError: a process is training it, its files are damaged, or cannot be written.
    """
    if run.is_held():
        raise RunError(f"Run {run.id} is being trained: stop it first.")
    spec, written = read_spec_file(run)
    files, _ = find_images(known_of_run(run.id, spec, written, command), spec.files, named)
    with run.locked():
        write_place(run, files, spec, written)
    return files


def write_place(run: RunDirectory, files: DataFiles, spec: Spec, written: Mapping[str, Any]) -> None:
    """Put `files` into the `spec.json` of a run, which holds `written`.

    Raises:
        StorageError: it cannot be written.
    """
    paths = files.as_json()
    changed = {**written, "spec": {**written["spec"], **paths}, "data": {**written["data"], "paths": paths}}
    write_json(run.spec, spec.kind, changed)
