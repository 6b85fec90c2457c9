"""`cae-tui data`: sets that are there or can be had, and sets for other programs; and a bar while one is read."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from cae_tui import formats
from cae_tui.cli.output_console import OutputConsole, table_console
from cae_tui.printing import put
from engine.errors import DatasetError
from engine.runs.directory import Home
from engine.specs.catalogue import catalogue
from engine.specs.data_files import DataFiles, shape_words
from engine.storage.files import FORMAT, absolute, delete_folder
from engine.storage.paths import path_of
from engine.text import byte_size, counted, either, excerpt, plain

if TYPE_CHECKING:
    from engine.data.by_hand import ByHand
    from engine.data.datasets import ImageData
    from engine.data.kept import Kept, Store
    from engine.protocol.control import Flag

SOON_SECONDS = 0.5
"""What takes no longer shows no bar."""
UNSEEN_WIDTH = 5000
"""Columns where no terminal shows the list: longer than any path, so that each set is a line."""
WIDE = 120
"""Columns from which on a set that is kept is a row of a table."""
SHOWN = 10
"""Files that were left out, of which the reason is printed."""


@contextmanager
def progress(words: str, flag: "Flag | None" = None, *, of_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, drawn once it takes a while; what it gives is told how many are done, and of how many.

    Args:
        words: what goes on.
        flag: what may ask for the end.
        of_bytes: whether it counts bytes, which are told with their speed.

    Raises:
        KeyboardInterrupt: `flag` asks for the end meanwhile.
    """
    console = OutputConsole(stderr=True)
    numbers = [DownloadColumn(), TransferSpeedColumn()] if of_bytes else [MofNCompleteColumn()]
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), *numbers, TimeRemainingColumn(), console=console, transient=True
    )
    task = bar.add_task(words, total=None)
    begun = time.monotonic()

    def told(done: int, total: int) -> None:
        if flag is not None and flag.asked().ends:
            raise KeyboardInterrupt
        if total and console.is_terminal and time.monotonic() - begun > SOON_SECONDS:
            bar.start()
        bar.update(task, completed=done, total=total or None)

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()


def read_images(files: DataFiles, flag: "Flag | None" = None, by_hand: "ByHand | None" = None) -> "ImageData":
    """Read an image set, with a bar where that takes a while: what follows finds it read.

    Args:
        files: which.
        flag: what may ask for the end.
        by_hand: the images to leave out; where it is None, those that a person left out by now.

    Raises:
        EngineError: it cannot be read.
    """
    from engine.data import cache

    with progress("Reading the images", flag) as told:
        return cache.load(files, told, by_hand)


def list_sets(home: Home, *, as_json: bool) -> int:
    """Print the sets that are kept decoded in the home, and the catalogue."""
    from engine.data.fetching import is_here, size_here
    from engine.data.kept import Store

    here = {name: is_here(entry, home.sets) for name, entry in catalogue().items()}
    store = Store(home.data)
    found = store.all()
    if as_json:
        sets = [
            {"name": kept.facts.name, "source": kept.facts.source, "words": kept.facts.words,
             "images": kept.facts.training + kept.facts.test, "shape": list(kept.facts.shape), "bytes": kept.size,
             "used": kept.used, "id": kept.id, "treatment": kept.facts.treatment,
             "test_data": kept.facts.test_data or None}
            for kept in found
        ]  # fmt: skip
        known = [
            {"name": name, "title": entry.title, "about": entry.about, "images": entry.images,
             "shape": list(entry.shape), "bytes": entry.size, "exact": entry.exact, "licence": entry.licence,
             "citation": entry.citation, "page": entry.page, "here": here[name],
             "come": size_here(entry, home.sets)}
            for name, entry in catalogue().items()
        ]  # fmt: skip
        put(json.dumps({"format": FORMAT, "sets": sets, "catalogue": known}))
        return 0
    _print_kept(home, store, found)
    put("")
    _print_catalogue(here)
    return 0


def _print_kept(home: Home, store: "Store", found: "Sequence[Kept]") -> None:
    if unreadable := store.unreadable():
        put(
            f"{counted(len(unreadable), 'folder')} of {home.data} cannot be read: `cae-tui data forget all` frees them."
        )
    if not found and not unreadable:
        put("No set is kept: what is read with --data will be, so that it is decoded once.")
    if not found:
        return
    console = table_console(UNSEEN_WIDTH)
    if console.width < WIDE:
        for kept in found:
            facts, images = kept.facts, counted(kept.facts.training + kept.facts.test, "image")
            about = f"{images} · {shape_words(facts.shape)} · {formats.size(kept.size)} · {formats.ago(kept.used)}"
            console.say(f"{kept.id}  {facts.name} · {about}\n          {_told(kept)}")
        return
    table = Table(box=None, pad_edge=False)
    for head in ("id", "name", "images", "shape", "size", "used", "asked", "from"):
        folds = head in ("asked", "from")  # of a path no character is left out: it may be wanted elsewhere
        table.add_column(
            head, justify="right" if head in ("images", "size") else "left", no_wrap=not folds,
            overflow="fold" if folds else "ellipsis",
        )  # fmt: skip
    for kept in found:
        facts = kept.facts
        table.add_row(
            kept.id, Text(facts.name), f"{facts.training + facts.test:,}", shape_words(facts.shape),
            formats.size(kept.size), formats.ago(kept.used), Text(kept.asked or formats.NOTHING), Text(facts.source),
        )  # fmt: skip
    console.print(table)


def _print_catalogue(here: Mapping[str, bool]) -> None:
    put("Catalogue: `cae-tui data get NAME` fetches a set, `--data NAME` trains on it.")
    table = Table(box=None, pad_edge=False)
    for head in ("name", "images", "shape", "size", "licence", ""):
        table.add_column(head, justify="right" if head in ("images", "size") else "left", overflow="ellipsis",
                         no_wrap=True)  # fmt: skip
    for name, entry in catalogue().items():
        table.add_row(
            name, f"{entry.images:,}", shape_words(entry.shape), entry.size_words, entry.licence.partition(";")[0],
            "✓ here" if here[name] else "",
        )  # fmt: skip
    table_console(UNSEEN_WIDTH).print(table)


def forget(home: Home, named: str, *, as_json: bool) -> int:
    """Free what is kept of a set, and what was fetched of it: by its id, name or path; all that is decoded with `all`.

    Raises:
        DatasetError: nothing is kept of such a set, or several sets are called so.
    """
    from engine.data.fetching import discard, size_here
    from engine.data.kept import Store

    store = Store(home.data)
    entry = catalogue().get(named.lower())
    fetched = 0 if entry is None else size_here(entry, home.sets)
    path = named.lower() if entry is not None else str(absolute(path_of(named)))
    wanted = [kept for kept in store.all() if named in ("all", kept.id, kept.facts.name) or kept.facts.source == path]
    if not wanted and not fetched and named != "all":
        raise DatasetError(f"Nothing is kept of “{excerpt(named)}”: `cae-tui data list` shows what is.", "data")
    if len({kept.facts.source for kept in wanted}) > 1 and named != "all":
        which = "; ".join(f"{kept.id} ({_told(kept)})" for kept in wanted[:SHOWN])
        raise DatasetError(
            f"Several sets are called “{excerpt(named)}”: {which}. Name the id of one, or a path.",
            "data",
        )
    for kept in wanted:
        store.forget(kept)
    for place in store.unreadable() if named == "all" else ():
        delete_folder(place)
    size = sum(kept.size for kept in wanted) + (discard(entry, home.sets) if entry is not None and fetched else 0)
    if as_json:
        put(json.dumps({"format": FORMAT, "forgotten": [kept.id for kept in wanted], "bytes": size}))
    else:
        for kept in wanted:
            put(f"{kept.id} {plain(kept.facts.name)}: {_told(kept)}")
        if fetched:
            put(f"What was fetched of {entry.title if entry else named} is deleted; `cae-tui data get` has it again.")
        put(f"{counted(max(len(wanted), 1 if fetched else 0), 'set')} forgotten, {byte_size(size)} freed."
            f"{'' if fetched else ' The pictures are untouched.'}")  # fmt: skip
    return 0


def _told(kept: "Kept") -> str:
    """Where a set came from, and what was asked of it."""
    return plain(", ".join(filter(None, (kept.facts.source, kept.asked))))


def show(files: DataFiles, *, as_json: bool) -> int:
    """Print what was found at a place: how it was understood, how many images each class has, what is odd.

    Raises:
        EngineError: it cannot be read.
    """
    from engine.data.datasets import class_counts
    from engine.data.remarks import of_data

    data = read_images(files)
    remarks = [remark.sentence for remark in of_data(data)]
    first = len(data.train) - data.validation
    labels = {"training": None, "validation": None, "test": None if data.test is None else data.test.labels}
    if data.train.labels is not None:
        labels |= {"training": data.train.labels[:first], "validation": data.train.labels[first:]}
    counts = {part: class_counts(some, data.classes) for part, some in labels.items() if some is not None and len(some)}
    numbers = {"training": first, "validation": data.validation,
               "test": 0 if data.test is None else len(data.test)}  # fmt: skip
    if as_json:
        found = {"format": FORMAT, "name": data.name, "words": data.words, "shape": list(data.shape), **numbers,
                 "classes": list(data.class_names), "counts": counts, "digest": data.digest, "notes": list(data.notes),
                 "remarks": remarks, "left_out": dict(data.left_out)}  # fmt: skip
        put(json.dumps(found))
        return 0
    told = ", ".join(f"{number:,} {part}" for part, number in numbers.items() if number)
    put(f"{data.name}: {data.words or 'IDX files'}")
    put(f"{told} · {shape_words(data.shape)}")
    for sentence in (*data.notes, *remarks):
        put(f"! {sentence}")
    if counts:
        table = Table(box=None, pad_edge=False)
        table.add_column("class", overflow="ellipsis", max_width=40)
        for part in counts:
            table.add_column(part, justify="right")
        for label, name in enumerate(data.class_names):
            table.add_row(Text(name), *(f"{counts[part][label]:,}" for part in counts))
        OutputConsole().print(table)
    if data.left_out:
        put(f"{len(data.left_out):,} left out:")
        for name, reason in list(data.left_out.items())[:SHOWN]:
            put(f"  {plain(name)} {reason}")
        if len(data.left_out) > SHOWN:
            put(f"  and {len(data.left_out) - SHOWN:,} more; --json lists them all")
    return 0


def export(files: DataFiles, to: Path, form: str, *, as_json: bool) -> int:
    """Write a set for other programs.

    Raises:
        EngineError: it cannot be read or written.
    """
    from engine.data.export import FORMATS, export_data

    if form not in FORMATS:
        raise DatasetError(f"“{excerpt(form)}” is not known: choose {either(FORMATS)}.", "as")
    data = read_images(files)
    with progress("Writing the images") as told:
        export_data(data, absolute(to), form, told)
    if as_json:
        put(json.dumps({"format": FORMAT, "file": str(absolute(to))}))
    else:
        put(f"{data.name} was written to {plain(str(absolute(to)))}.")
    return 0
