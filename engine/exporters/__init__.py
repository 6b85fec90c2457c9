"""Ways out, one file each: what runs are written as for a person or another program.

To add one is to add a file with an `EXPORTER` and a line here.
"""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from engine.errors import ExportError, StorageError
from engine.exporters.exporter import Exported, Exporter, Told, told_nobody
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import absolute, written_whole

EXPORTERS: Mapping[str, str] = {
    "csv": "engine.exporters.runs_csv",
    "embeddings": "engine.exporters.embeddings",
    "model": "engine.exporters.model_file",
    "text": "engine.exporters.report_text",
}
"""Where each is: imported when it is asked for."""


def exporter_named(name: str) -> Exporter:
    """The exporter of that name."""
    exporter: Exporter = import_module(EXPORTERS[name]).EXPORTER
    return exporter


def file_name(name: str, runs: Sequence[str]) -> str:
    """What the exporter of that name calls its file or folder where nobody says; `runs` are their names."""
    exporter = exporter_named(name)
    return f"cae-tui-{'runs' if exporter.takes_many else runs[0]}{f'-{name}' if exporter.folder else exporter.suffix}"


def export(home: Home, name: str, runs: Sequence[RunDirectory], target: Path, told: Told = told_nobody) -> Exported:
    """Write `runs` by the exporter of that name to `target`, a new name or a folder that is there, and check it.

    Raises:
        EngineError: a run has nothing to write, something is missing for it, `target` is there already or cannot be
            written, or what was written does not compare equal.
    """
    exporter = exporter_named(name)
    path = absolute(target)
    if path.is_dir():
        path /= file_name(name, [run.id for run in runs])
    _refuse_taken(path)
    if missing := exporter.missing():
        raise ExportError(missing)
    with written_whole(path) as sibling:
        exporter.write(home, runs, sibling, told)
        checked = exporter.check(home, runs, sibling, told)
        size = sum(file.stat().st_size for file in (sibling, *sibling.rglob("*")) if file.is_file())
        _refuse_taken(path)  # by somebody else, meanwhile
    return Exported(path=path, size=size, checked=checked)


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise StorageError(f"{path} already exists and is not overwritten: choose another name.")
