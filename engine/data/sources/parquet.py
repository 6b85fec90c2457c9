"""Parquet as image sets on the Hub have it: a column of encoded pictures, a column of labels, names in the metadata."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.data.pictures import Content
from engine.data.reading import Reading
from engine.data.sources.encoded import Listed, parts_of
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown
from engine.text import excerpt

_MAGIC = b"PAR1"
_PART = re.compile(r"(?<![a-z])(train|training|val|valid|validation|test|testing)(?![a-z])", re.IGNORECASE)
_ORDER = {"t": 0, "v": 1}
_ROWS = 256


class ParquetSource:
    """See `Source`."""

    endings: Sequence[str] = (".parquet",)

    def sniff(self, path: Path) -> Sniffed:
        """By the first bytes, or the endings of what is in a folder."""
        try:
            if path.is_dir():
                if _files(path):
                    return Sniffed(0.95, "it has Parquet files")
            elif path.is_file():
                with path.open("rb") as file:
                    if file.read(4) == _MAGIC:
                        return Sniffed(1, "its first bytes are those of a Parquet file")
        except (OSError, ValueError):
            pass
        return Sniffed(0, "it is no Parquet file")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Every file of the folder, or the one that is named."""
        try:
            import pyarrow.parquet  # noqa: F401 - whether it is there
        except ImportError:
            raise DatasetError(
                f"{shown(path)} is a Parquet file, which needs a package that is not installed: "
                "pip install 'cae-tui[parquet]'.",
                "data",
            ) from None
        try:
            return _read(path, preprocessing, reading)
        except OSError as error:
            raise DatasetError(
                f"{shown(path)} cannot be read ({excerpt(str(error))}): copy it again.", "data"
            ) from None


SOURCE = ParquetSource()


def _files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, or of the folder `data` in it, as the Hub has them."""
    for place in (folder, folder / "data"):
        if place.is_dir() and (found := sorted(place.glob("*.parquet"))):
            return found
    return []


def _part(path: Path) -> int:
    """0 for training, 1 for validation, 2 for the test, by the name of a file."""
    found = _PART.search(path.stem)
    word = found[1].lower() if found else "train"
    return 2 if word.startswith("test") else 1 if word.startswith("v") else 0


def _read(path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(_files(path) if path.is_dir() else [path], key=_part)
    if not files:
        raise DatasetError(f"{shown(path)} has no Parquet file: name another folder.", "data")
    names: list[str] = []
    labels: list[int | None] = []
    counts = [0, 0, 0]
    class_names: tuple[str, ...] = ()
    columns: list[tuple[Path, str]] = []
    try:
        for file in files:
            opened = pq.ParquetFile(file)
            picture, label = _columns(file, opened.schema_arrow)
            class_names = class_names or _class_names(opened.schema_arrow, label)
            rows = opened.metadata.num_rows
            columns.append((file, picture))
            counts[_part(file)] += rows
            names += [f"row {row:,} of {file.name}" for row in range(1, rows + 1)]
            told = opened.read([label])[label].to_pylist() if label else [None] * rows
            labels += [None if one == -1 else one for one in told]  # as the Hub has labels that are kept secret
    except pa.ArrowException as error:
        raise DatasetError(f"{shown(file)} is damaged ({excerpt(str(error))}): copy it again.", "data") from None

    def contents() -> Iterator[tuple[int, Content]]:
        row = 0
        for file, column in columns:
            for batch in pq.ParquetFile(file).iter_batches(_ROWS, columns=[column]):
                for value in batch.column(0).to_pylist():
                    data = value.get("bytes") if isinstance(value, dict) else value
                    yield row, data if isinstance(data, bytes) else b""
                    row += 1

    given = sorted({label for label in labels if label is not None}, key=lambda label: (str(type(label)), label))
    if given and not all(isinstance(label, int) and 0 <= label < 256 for label in given):
        class_names = tuple(map(str, given))
        place: dict[Any, int] = {label: number for number, label in enumerate(given)}
        labels = [None if label is None else place[label] for label in labels]
    listed = Listed(tuple(names), (counts[0], counts[1], counts[2]), tuple(labels), class_names,
                    f"Parquet, {len(files)} {'file' if len(files) == 1 else 'files'}", {})  # fmt: skip
    return parts_of(path, listed, contents, preprocessing, reading)


def _columns(file: Path, schema: Any) -> tuple[str, str]:
    """The columns of the pictures and of the labels; the second is empty where there is none."""
    import pyarrow as pa

    pictures = [
        field.name for field in schema
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
        or (pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0)
    ]  # fmt: skip
    if not pictures:
        raise DatasetError(
            f"{shown(file)} has the columns {excerpt(', '.join(schema.names))}; one with the bytes of pictures was "
            "expected, as image sets on the Hub have it: convert it so.",
            "data",
        )
    labels = [name for name in ("label", "labels", "fine_label", "class", "target") if name in schema.names]
    return pictures[0], labels[0] if labels else ""


def _class_names(schema: Any, label: str) -> tuple[str, ...]:
    """As the Hub's library writes them into the metadata."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        found = about["info"]["features"][label]["names"]
        return tuple(map(str, found)) if isinstance(found, list) else ()
    except (KeyError, TypeError, ValueError):
        return ()
