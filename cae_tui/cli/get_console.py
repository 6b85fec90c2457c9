"""`cae-tui data get`: a set of the catalogue, fetched with a bar."""

import difflib
import json

from cae_tui.cli.data_console import progress
from cae_tui.printing import put
from engine.errors import DatasetError
from engine.runs.directory import Home
from engine.specs.catalogue import CatalogueSet, catalogue
from engine.specs.data_files import shape_words
from engine.storage.files import FORMAT
from engine.text import byte_size, counted, excerpt


def get(home: Home, named: str, *, as_json: bool) -> int:
    """Fetch a set, and say before how large it is, and whose it is.

    Raises:
        EngineError: there is no such set, or it cannot be had.
        KeyboardInterrupt: with what has come by then.
    """
    from engine.data.fetching import fetch, size_here

    entry = _entry(named)
    if not as_json:
        for line in words_of(entry):
            put(line)
    try:
        with progress(f"Fetching {entry.title}", of_bytes=True) as told:
            place = fetch(entry, home.sets, told)
    except KeyboardInterrupt:
        come = size_here(entry, home.sets)
        kept = f" {byte_size(come)} have come and are kept: the same command goes on from there." if come else ""
        raise KeyboardInterrupt(f"Interrupted.{kept}") from None
    if as_json:
        put(
            json.dumps({"format": FORMAT, "name": entry.name, "file": str(place), "bytes": size_here(entry, home.sets)})
        )
    else:
        put(f"{entry.title} is here: `cae-tui autoencoder --data {entry.name}` trains on it.")
    return 0


def words_of(entry: CatalogueSet) -> tuple[str, ...]:
    """What a set is, how large, and whose, in lines."""
    classes = f", {counted(len(entry.classes), 'class')}" if entry.classes else ""
    return (
        f"{entry.title}: {entry.about}; {entry.images:,} images of {shape_words(entry.shape)}{classes}.",
        f"{counted(len(entry.files), 'file')}, {entry.size_words}, from {entry.page}; checked by {entry.checked}.",
        f"Licence: {entry.licence}. To cite: {entry.citation}.",
    )


def _entry(named: str) -> CatalogueSet:
    found = catalogue().get(named.strip().lower())
    if found is not None:
        return found
    near = difflib.get_close_matches(named.strip().lower(), catalogue(), 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise DatasetError(f"“{excerpt(named)}” is not in the catalogue: {hint}`cae-tui data list` shows what is.", "data")
