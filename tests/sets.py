"""A catalogue of made sets, served on this machine, in place of the real one."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.specs import catalogue as table
from engine.specs.catalogue import CatalogueFile, CatalogueSet
from tests.file_server import FileServer
from tests.idx import idx_bytes


def file_of(server: FileServer, name: str, content: bytes, **values: Any) -> CatalogueFile:
    """A file that the server has, or will have, with its checksum."""
    known: dict[str, Any] = {
        "name": name, "url": f"{server.address}/{name}", "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content), "exact": True,
    }  # fmt: skip
    return CatalogueFile(**(known | values))


def set_of(*files: CatalogueFile, **values: Any) -> CatalogueSet:
    """An entry with these files."""
    known: dict[str, Any] = {
        "name": "things", "title": "Things", "about": "some things", "shape": (8, 8, 1), "counts": (20, 0, 6),
        "classes": ("round", "square"), "licence": "MIT", "citation": "Somebody, 2020",
        "page": "https://example.org/things", "checked": "SHA-256 of its publisher", "folder": "things",
        "opens": files[0].name, "unpack": (), "elsewhere": (), "files": files,
    }  # fmt: skip
    return CatalogueSet(**(known | values))


def idx_set(server: FileServer, name: str = "things", **values: Any) -> CatalogueSet:
    """Twenty training and six test images of 8×8 in two classes, as IDX files that the server has."""
    files = []
    for part, count in (("train", 20), ("t10k", 6)):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 8, 8), np.uint8)
        labels = (np.arange(count) % 2).astype(np.uint8)
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            content = gzip.compress(idx_bytes(array), mtime=0)
            file = f"{part}-{kind}-ubyte.gz"
            server.serve(f"{name}/{file}", content)
            files.append(file_of(server, file, content, url=f"{server.address}/{name}/{file}"))
    return set_of(*files, name=name, folder=name, **values)


@contextmanager
def in_place(folder: Path, *entries: CatalogueSet) -> Iterator[None]:
    """While the catalogue has these entries and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "catalogue.toml"
    path.write_text("\n".join(map(_written, entries)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(table, "TABLE", path)
        table.catalogue.cache_clear()
        try:
            assert tuple(table.catalogue().values()) == entries
            yield
        finally:
            table.catalogue.cache_clear()


def _written(entry: CatalogueSet) -> str:
    values = asdict(entry)
    name, files = values.pop("name"), values.pop("files")
    values["elsewhere"] = list(map(str, values["elsewhere"]))
    lines = [f"[{name}]", *(f"{word} = {json.dumps(value)}" for word, value in values.items())]
    for file in files:
        size, exact = file.pop("size"), file.pop("exact")
        file["bytes" if exact else "about"] = size
        lines += [f"[[{name}.files]]", *(f"{word} = {json.dumps(value)}" for word, value in file.items())]
    return "\n".join(lines)
