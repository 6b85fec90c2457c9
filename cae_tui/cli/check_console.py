"""`cae-tui data check`: what is wrong with a set, before it is trained on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cae_tui.cli.data_console import progress, read_images
from cae_tui.cli.output_console import OutputConsole
from cae_tui.printing import put
from engine.errors import DatasetError, SpecError
from engine.specs.data_files import DataFiles, shape_words
from engine.storage.files import FORMAT, absolute, refuse_taken
from engine.text import NOTHING as NOTHING_THERE
from engine.text import either, excerpt, plain

if TYPE_CHECKING:
    from engine.data.by_hand import ByHand
    from engine.data.checking import Check, Finding

SHOWN = 4
"""Pictures of a finding that are named."""
ALL_BACK = "none"


def check(files: DataFiles, to: Path | None, leave_out: Sequence[str], *, as_json: bool) -> int:
    """Look at every picture of a set, and print what is found.

    Args:
        files: which set.
        to: a new HTML file for it, with the pictures; none where it is None.
        leave_out: findings whose spare pictures are left out from now on; `none` takes all of them back first.
        as_json: print one JSON object.

    Raises:
        EngineError: it cannot be read, or something cannot be written.
    """
    from engine.data import checking
    from engine.data.by_hand import NOTHING, ByHand
    from engine.data.file_names import file_names
    from engine.data.leaving_out import choose, chosen, refuse_too_many

    if to is not None and to.suffix.lower() not in (".html", ".htm"):
        raise SpecError({"to": f"The page of a check is a file that ends in .html; {plain(to.name)} does not."})
    if to is not None:
        refuse_taken(absolute(to))
    data = read_images(files.as_given, by_hand=NOTHING)
    with progress("Looking at the images") as told:
        found = checking.check(data, told)
    by_hand = NOTHING if ALL_BACK in leave_out else chosen(data)
    training, test = list(by_hand.training), list(by_hand.test)
    for finding in _named(found, [name for name in leave_out if name != ALL_BACK]):
        for place in finding.spare:
            part, at = found.part_of(place)
            (training if part == "training" else test).append(at)
    by_hand = ByHand.of(training, test)
    refuse_too_many(data, by_hand)
    if to is not None:
        from engine.documents.check import write_check

        to = write_check(found, by_hand, to)
    if leave_out:  # last: what went wrong before has changed nothing
        choose(data, by_hand)
    names = file_names(data)
    if as_json:
        put(json.dumps(_as_json(found, by_hand, names) | ({"file": str(to)} if to else {})))
        return 0
    _print(found, by_hand, names)
    if to is not None:
        put(f"The page was written to {plain(str(to))}.")
    return 0


def _named(found: "Check", names: Sequence[str]) -> list["Finding"]:
    by_name = {finding.kind: finding for finding in found.findings if finding.spare}
    for name in names:
        if name not in by_name:
            there = f"choose {either([*by_name, ALL_BACK])}" if by_name else "nothing was found that could be left out"
            raise DatasetError(f"--leave-out: “{excerpt(name)}” is no finding here: {there}.", "leave_out")
    return [by_name[name] for name in names]


def _is_out(found: "Check", by_hand: "ByHand", place: int) -> bool:
    part, at = found.part_of(place)
    return at in (by_hand.training if part == "training" else by_hand.test)


def _called(found: "Check", names: tuple[tuple[str, ...], tuple[str, ...]], place: int) -> str:
    part, at = found.part_of(place)
    known = names[0] if part == "training" else names[1]
    return known[at] if known else f"{part} image {at}"


def _print(found: "Check", by_hand: "ByHand", names: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    data = found.data
    test = 0 if data.test is None else len(data.test)
    numbers = {"training": len(data.train) - data.validation, "validation": data.validation, "test": test}
    put(f"{data.name}: {data.words or 'IDX files'}")
    put(f"{', '.join(f'{many:,} {part}' for part, many in numbers.items() if many)} · {shape_words(data.shape)}")
    table = Table(box=None, pad_edge=False)
    table.add_column("class", overflow="ellipsis", max_width=40)
    parts = [part for part, many in numbers.items() if many]
    for head in (*parts, "darkest", "brightest"):
        table.add_column(head, justify="right")
    for look in found.classes:
        name = "all" if look.label is None else data.class_names[look.label]
        table.add_row(
            Text(name), *(f"{getattr(look, part):,}" for part in parts), _value(look.darkest), _value(look.brightest)
        )
    OutputConsole().print(table)
    for finding in found.findings:
        put("")
        put(f"▲ {finding.title}: {finding.number:,}" + (f"  ({finding.kind})" if finding.spare else ""))
        put(f"  {finding.sentence}")
        groups = [
            " = ".join(_called(found, names, place) for place in group[:SHOWN]) for group in finding.groups[:SHOWN]
        ]
        for line in groups:
            put(f"  {plain(line)}")
        if len(finding.groups) > SHOWN:
            put(f"  and {len(finding.groups) - SHOWN:,} more: --to FILE.html shows them, --json names them all")
    if not found.findings:
        put("Nothing was found that is out of the ordinary.")
    elif any(finding.spare for finding in found.findings):
        put("")
        put("--leave-out NAME leaves out what is spare of a finding, by the name in brackets; `none` takes all back.")
    if by_hand:
        put(f"Left out by hand: {len(by_hand.training):,} training and {len(by_hand.test):,} test images.")


def _as_json(found: "Check", by_hand: "ByHand", names: tuple[tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    data = found.data

    def picture(place: int) -> dict[str, Any]:
        part, at = found.part_of(place)
        known = names[0] if part == "training" else names[1]
        label = found.label(place)
        return {
            "part": part, "index": at, "file": known[at] if known else None,
            "class": None if label is None else data.class_names[label], "left_out": _is_out(found, by_hand, place),
        }  # fmt: skip

    return {
        "format": FORMAT,
        "name": data.name,
        "words": data.words,
        "digest": data.digest,
        "shape": list(data.shape),
        "training": len(data.train) - data.validation,
        "validation": data.validation,
        "test": 0 if data.test is None else len(data.test),
        "sizes": {f"{height}x{width}": many for (height, width), many in data.sizes.items()},
        "classes": [
            {"class": None if look.label is None else data.class_names[look.label], "training": look.training,
             "validation": look.validation, "test": look.test, "darkest": look.darkest, "brightest": look.brightest,
             "mean": round(float(look.mean.mean()), 2)}
            for look in found.classes
        ],
        "findings": [
            {"finding": one.kind, "title": one.title, "sentence": one.sentence, "number": one.number,
             "pictures": [[picture(place) for place in group] for group in one.groups],
             "spare": [picture(place) for place in one.spare]}
            for one in found.findings
        ],
        "left_out": by_hand.as_json(),
    }  # fmt: skip


def _value(pixel: int | None) -> str:
    return NOTHING_THERE if pixel is None else str(pixel)
