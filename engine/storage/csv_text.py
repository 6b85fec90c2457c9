"""Tables as CSV, of which no spreadsheet runs a cell."""

import csv
import io
from collections.abc import Iterable
from typing import Any, TextIO

from engine.text import plain

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def csv_of(rows: Iterable[Iterable[Any]]) -> str:
    """A line for each row; see `safe`."""
    out = io.StringIO()
    write_rows(out, rows)
    return out.getvalue()


def write_rows(file: TextIO, rows: Iterable[Iterable[Any]]) -> None:
    """Write a line for each row to a file that was opened with `newline=""`; see `safe`."""
    csv.writer(file).writerows([safe(cell) for cell in row] for row in rows)


def safe(value: Any) -> Any:
    """A cell that no spreadsheet runs: numbers as they are, text that begins like a formula with a `'` in front."""
    if isinstance(value, str):
        text = plain(value)
        return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _is_number(text) else text
    return "" if value is None else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
