"""Ways out, one file each: what runs are written as for a person or another program.

To add one is to add a file with an `EXPORTER` and a line here.
"""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from engine.errors import StorageError
from engine.exporters.exporter import Exporter
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import absolute, written_whole

EXPORTERS: Mapping[str, str] = {
    "csv": "engine.exporters.runs_csv",
    "model": "engine.exporters.model_file",
    "text": "engine.exporters.report_text",
}
"""Where each is: imported when it is asked for."""


def exporter_named(name: str) -> Exporter:
    """The exporter of that name."""
    exporter: Exporter = import_module(EXPORTERS[name]).EXPORTER
    return exporter


def file_name(exporter: Exporter, runs: Sequence[str]) -> str:
    """What a file of `runs`, by their names, is called where nobody says."""
    return f"cae-tui-{'runs' if exporter.takes_many else runs[0]}{exporter.suffix}"


def export(home: Home, name: str, runs: Sequence[RunDirectory], target: Path) -> Path:
    """Write `runs` by the exporter of that name to `target`, a new file or a folder, and give back where that is.

    Raises:
        EngineError: a run has nothing to write, `target` is there already, or cannot be written.
    """
    exporter = exporter_named(name)
    path = absolute(target)
    if path.is_dir():
        path /= file_name(exporter, [run.id for run in runs])
    if os.path.lexists(path):
        raise StorageError(f"{path} already exists and is not overwritten: choose another name.")
    with written_whole(path) as sibling:
        exporter.write(home, runs, sibling)
        if not exporter.check(sibling):
            raise StorageError(f"{path} cannot be read back as it was written: check the disk, then try again.")
    return path
