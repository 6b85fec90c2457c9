"""Which pictures of a folder or an archive belong to which part and which class, told by their names alone."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from engine.errors import DatasetError
from engine.text import excerpt

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
METADATA = "metadata.csv"
"""A file beside pictures that says which class each is of, as Hugging Face's image folders have it."""
MOST_UNNAMED = 0.1
"""The part of the pictures of which a `metadata.csv` may say nothing without a word of it."""
TRAINING, VALIDATION, TEST = range(3)
_PART_OF = {
    "train": TRAINING, "training": TRAINING, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
_FOLDERS = ("train", "validation", "test")
_SET = re.compile(r"[ _-]*(set|data|images|pictures)?$")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Arranged:
    """Pictures in order: those to train on, those to validate by, those to test by; each part class by class."""

    names: tuple[str, ...]  # of the pictures, as they were given
    counts: tuple[int, int, int]  # how many are for training, for validation and for the test
    labels: tuple[int | None, ...]  # of each, an index of `class_names`; all None where a part has no classes
    class_names: tuple[str, ...]
    rule: str  # `12 classes from folder names, train and test folders`
    left_out: Mapping[str, str] = field(default_factory=dict)  # names that are not among them, and why
    notes: tuple[str, ...] = ()  # sentences: what a person may have meant otherwise


def natural(name: str) -> str:
    """What to sort names by so that class 10 comes after class 9, and upper and lower case together."""
    folder, stroke, last = name.rpartition("/")
    return f"{_widened(folder)}{stroke}{_DIGITS.sub(_wide, last).lower()}\0{name}"


@lru_cache(maxsize=4096)
def _widened(folder: str) -> str:
    """The folders of a name, which it shares with many others."""
    return _DIGITS.sub(_wide, folder).lower()


def _wide(digits: re.Match[str]) -> str:
    return digits[0].zfill(20)


def is_picture(name: str) -> bool:
    """Whether a path ends as those of pictures do, and no part of it is hidden."""
    return name.lower().endswith(ENDINGS) and not any(map(is_hidden, name.split("/")))


def is_hidden(part: str) -> bool:
    """Whether a folder or a file of that name is none of the person's making."""
    return part.startswith(".") or part == "__MACOSX"


def arrange(names: Iterable[str], metadata: Mapping[str, bytes], where: str) -> Arranged:
    """Sort pictures into parts and classes.

    `train`, `val` and `test` folders on top are parts. The folder that a picture lies in is its class, where there are
    several; a `metadata.csv` says the classes in place of the folders.

    Args:
        names: of pictures, below the folder or in the archive, with `/` between folders.
        metadata: the content of each file called `metadata.csv`, by its name.
        where: the folder or archive as it stands in a refusal.

    Raises:
        DatasetError: a `metadata.csv` cannot be used, or pictures to validate by have no class and the others have.
    """
    found = sorted(names, key=natural)
    depth = len(_shared([*found, *metadata]))
    folder_of = {name: name.rpartition("/")[0] for name in found}
    below = {folder: tuple(folder.split("/")[depth:]) if folder else () for folder in set(folder_of.values())}
    # Folders are parts where nothing but parts lies on top: a set of traffic may have a class called train.
    tops = {path[0]: _part(path[0]) for path in below.values() if path}
    parted = None not in tops.values() and TRAINING in tops.values()
    if len(set(tops.values())) > 1 and None not in tops.values() and not parted:
        raise DatasetError(
            f"{where} has a validation and a test folder and no train folder: name a folder that has one.", "data"
        )
    part_in = {folder: (tops[path[0]] if path else None) if parted else TRAINING for folder, path in below.items()}
    part_of = {name: part_in[folder] for name, folder in folder_of.items()}
    left_out = {name: "lies beside the folders of the parts" for name, part in part_of.items() if part is None}
    notes = []
    if metadata:
        class_of = _classes_told(metadata, found, where, left_out)
        if len(class_of) < 2 <= len(found):
            raise DatasetError(
                f"{METADATA} in {where} gives {len(class_of):,} of {len(found):,} pictures a class: correct it, or "
                "take it away.",
                "data",
            )
        if len(class_of) < (1 - MOST_UNNAMED) * len(found):
            notes.append(
                f"{METADATA} gives {len(class_of):,} of {len(found):,} pictures a class: the others are left out."
            )
    else:
        class_in = {folder: path[-1] for folder, path in below.items() if len(path) > parted}
        class_of = {name: class_in[folder] for name, folder in folder_of.items() if folder in class_in}
        if len(set(class_of.values())) < 2:
            class_of = {}
        elif several := _several(below, class_in, parted):
            (one, other, *_), name = several
            notes.append(
                f"Folders of one name are one class, as {excerpt(one)} and {excerpt(other)} are {excerpt(name)}: give "
                "them names of their own where they are not."
            )
    with_classes = {part_of[name] for name in class_of}
    for name in found:
        if part_of[name] in with_classes and name not in class_of:
            left_out.setdefault(name, "lies beside the folders of the classes")
    class_names = tuple(sorted(set(class_of.values()), key=natural))
    label_of = {name: label for label, name in enumerate(class_names)}
    kept = [name for name in found if name not in left_out]
    kept.sort(key=lambda name: (part_of[name], label_of[class_of[name]] if name in class_of else 0))
    by_part = Counter(part_of[name] for name in kept)
    counts = [by_part[part] for part in (TRAINING, VALIDATION, TEST)]
    if TRAINING in with_classes and counts[VALIDATION] and VALIDATION not in with_classes:
        raise DatasetError(
            f"{where} has classes in its train folder and none in its validation folder: sort both by class, or take "
            "the validation folder away.",
            "data",
        )
    return Arranged(
        names=tuple(kept),
        counts=(counts[0], counts[1], counts[2]),
        labels=tuple(label_of[class_of[name]] if name in class_of else None for name in kept),
        class_names=class_names,
        rule=_rule(len(class_names), bool(metadata), parted, counts),
        left_out=left_out,
        notes=tuple(notes),
    )


def _several(
    below: Mapping[str, Sequence[str]], class_in: Mapping[str, str], parted: bool
) -> tuple[list[str], str] | None:
    """The first class whose pictures lie in several folders of a part, with these folders."""
    places: dict[str, set[str]] = {}
    for folder, name in class_in.items():
        places.setdefault(name, set()).add("/".join(below[folder][parted:]))
    return next(((sorted(paths), name) for name, paths in sorted(places.items()) if len(paths) > 1), None)


def _part(folder: str) -> int | None:
    """The part that a folder of that name is for, as `Test set` is for the test; None for any other."""
    return _PART_OF.get(_SET.sub("", folder.lower()))


def _shared(names: Sequence[str]) -> list[str]:
    """The folders that all of these lie in: archives have one round everything."""
    if not names:
        return []
    first, last = min(names).split("/")[:-1], max(names).split("/")[:-1]
    depth = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:depth]


def _rule(classes: int, told: bool, parted: bool, counts: Sequence[int]) -> str:
    if not classes:
        words = "no classes"
    else:
        words = f"{classes:,} {'class' if classes == 1 else 'classes'} from {METADATA if told else 'folder names'}"
    if parted and any(counts):
        *most, last = (folder for folder, count in zip(_FOLDERS, counts, strict=True) if count)
        words += f", {', '.join(most)} and {last} folders" if most else f", {last} folder"
    return words


def _classes_told(
    metadata: Mapping[str, bytes], names: Sequence[str], where: str, left_out: dict[str, str]
) -> dict[str, str]:
    """The class of each picture that a `metadata.csv` names; the others are added to `left_out`."""
    class_of: dict[str, str] = {}
    there = set(names)
    for place, content in metadata.items():
        try:
            rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
            columns = rows.fieldnames or ()
            if "file_name" not in columns or "label" not in columns:
                raise DatasetError(
                    f"{place} in {where} has the columns {excerpt(', '.join(columns)) or 'of an empty file'}; "
                    "file_name and label were expected: correct its first line, or take it away.",
                    "data",
                )
            folder = place.removesuffix(METADATA)
            for row in rows:
                name = folder + (row["file_name"] or "").replace("\\", "/").removeprefix("./")
                if name not in there:
                    left_out[name] = f"is named by {METADATA} and not there"
                elif not (label := (row["label"] or "").strip()):
                    left_out[name] = f"has no label in {METADATA}"
                elif class_of.setdefault(name, label) != label:
                    left_out[name] = f"has several labels in {METADATA}"
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(
                f"{place} in {where} cannot be read ({error}): save it as CSV in UTF-8, or take it away.", "data"
            ) from None
    for name in names:
        if name not in class_of:
            left_out.setdefault(name, f"is not named by {METADATA}")
    return {name: label for name, label in class_of.items() if name not in left_out}
