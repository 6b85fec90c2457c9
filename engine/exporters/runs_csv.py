"""Runs as CSV: one row each with every field of its spec and all that was measured, for pandas or a spreadsheet."""

# ruff: noqa: ARG002 - every exporter is asked alike

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from engine.specs.base import spec_fields
from engine.specs.fields import write_value
from engine.specs.kinds import SPECS
from engine.storage.csv_text import csv_of
from engine.text import counted, moment

_LEFT_OUT = ("prefix", "marks", "host", "process", "work", "updated", "started", "image_shape", "title", "kind")
_HEADS = {
    "best_loss": "best_validation_loss",
    "last_loss": "last_validation_loss",
    "last_train_loss": "last_training_loss",
    "seconds": "training_seconds",
}


def runs_csv(runs: Sequence[RunStatus], specs: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each of `runs`; `specs` are the values of their specs as JSON, by id.

    Text that a spreadsheet would take for a formula has a `'` in front.
    """
    names = list(dict.fromkeys(field.name for kind in SPECS.values() for field in spec_fields(kind)))
    measured = [name for name in RunStatus(id="").to_json() if name not in _LEFT_OUT]
    # A field and a measurement of one name: the spec's has its flag's name in front.
    heads = [f"spec_{name}" if name in measured else name for name in names]
    rows: list[list[Any]] = [["kind", "title", "started", "image", "star", "tags", "note",
                              *(_HEADS.get(name, name) for name in measured), *heads]]  # fmt: skip
    for run in runs:
        # A spreadsheet that guesses the encoding does not always guess well: × is an x here.
        spec = specs.get(run.id, {})
        notes = run.notes
        when = moment(run.started, "%Y-%m-%dT%H:%M:%SZ")
        first = [run.kind, run.title.replace("×", "x"), when, "x".join(map(str, run.image_shape)),
                 "yes" if notes.star else "no", " ".join(notes.tags), notes.note]  # fmt: skip
        status = run.to_json()
        own = [status[name] for name in measured]
        values = [write_value(spec[name]) if spec.get(name) is not None else "" for name in names]
        rows.append([*first, *own, *values])
    return csv_of(rows)


class RunsCsvExporter:
    """See `Exporter`."""

    takes_many = True
    folder = False
    suffix = ".csv"
    title = "Write hyperparameters and results as CSV"
    asks = "Write {runs} as CSV to"
    tells = "The CSV of {runs} was written to {path}."

    def missing(self) -> str:
        """Nothing."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`; the rows are in the order of the list."""
        asked = {run.id for run in runs}
        listed = [run for run in home.list_runs() if run.id in asked]
        path.write_bytes(runs_csv(listed, home.specs(asked)).encode())

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """Every row has a cell for each column."""
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        if any(len(row) != len(head) for row in rows):
            raise StorageError(NOT_READ_BACK)
        return f"read back, {counted(len(rows), 'row')} of {len(head)} columns"


EXPORTER = RunsCsvExporter()
