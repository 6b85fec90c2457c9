"""Runs as CSV: one row each with every field of its spec and all that was measured, for pandas or a spreadsheet."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.errors import StorageError
from engine.runs.directory import Home
from engine.runs.status import RunStatus
from engine.specs.base import spec_fields
from engine.specs.fields import write_value
from engine.specs.kinds import SPECS
from engine.storage.files import absolute, write_bytes
from engine.text import moment, plain

_LEFT_OUT = ("prefix", "marks", "host", "process", "work", "updated", "started", "image_shape", "title", "kind")
_HEADS = {
    "best_loss": "best_validation_loss",
    "last_loss": "last_validation_loss",
    "last_train_loss": "last_training_loss",
    "seconds": "training_seconds",
}
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def runs_csv(runs: Sequence[RunStatus], specs: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each of `runs`; `specs` are the values of their specs as JSON, by id.

    Text that a spreadsheet would take for a formula has a `'` in front.
    """
    names = list(dict.fromkeys(field.name for kind in SPECS.values() for field in spec_fields(kind)))
    measured = [field.name for field in fields(RunStatus) if field.name not in _LEFT_OUT]
    # A field and a measurement of one name: the spec's has its flag's name in front.
    heads = [f"spec_{name}" if name in measured else name for name in names]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["kind", "title", "started", "image", "star", "tags", "note",
                     *(_HEADS.get(name, name) for name in measured), *heads])  # fmt: skip
    for run in runs:
        # A spreadsheet that guesses the encoding does not always guess well: × is an x here.
        spec = specs.get(run.id, {})
        marks = run.marks
        when = moment(run.started, "%Y-%m-%dT%H:%M:%SZ")
        first = [run.kind, run.title.replace("×", "x"), when, "x".join(map(str, run.image_shape)),
                 "yes" if marks.star else "no", " ".join(marks.tags), marks.note]  # fmt: skip
        own = [getattr(run, name) for name in measured]
        values = [write_value(spec[name]) if spec.get(name) is not None else "" for name in names]
        writer.writerow([safe(value) for value in (*first, *own, *values)])
    return out.getvalue()


def write_csv(home: Home, runs: Sequence[RunStatus], target: Path) -> Path:
    """Write `runs` to `target`, and give back where that is.

    Raises:
        StorageError: it cannot be written.
    """
    path = absolute(target)
    if path.is_file():
        raise StorageError(f"{path} already exists and is not overwritten: choose another name.")
    if path.is_dir():
        raise StorageError(f"{path} is a folder: name a file in it, as in {path / 'runs.csv'}.")
    write_bytes(path, runs_csv(runs, home.specs(run.id for run in runs)).encode())
    return path


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
