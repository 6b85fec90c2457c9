"""Ways out, one file each: what runs are written as for a person or another program.

To add one is to add a file with an `EXPORTER` and a line here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

from engine.errors import EngineError, ExportError, StorageError
from engine.exporters.exporter import Exported, Exporter, Told, told_nobody
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import absolute, refuse_taken, written_whole

EXPORTERS: Mapping[str, str] = {
    "csv": "engine.exporters.runs_csv",
    "document": "engine.exporters.document",
    "embeddings": "engine.exporters.embeddings",
    "model": "engine.exporters.model_file",
    "text": "engine.exporters.report_text",
    "onnx": "engine.exporters.onnx_file",
    "pytorch": "engine.exporters.pytorch_folder",
    "tensorboard": "engine.exporters.tensorboard",
    "predictions": "engine.exporters.predictions_csv",
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
    refuse_taken(path)
    if missing := exporter.missing():
        raise ExportError(missing)
    with written_whole(path) as sibling:
        exporter.write(home, runs, sibling, told)
        checked = exporter.check(home, runs, sibling, told)
        size = sum(file.stat().st_size for file in (sibling, *sibling.rglob("*")) if file.is_file())
        refuse_taken(path)  # by somebody else, meanwhile
    return Exported(path=path, size=size, checked=checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedAll:
    """What several exports of a run left, in one folder."""

    folder: Path
    written: Mapping[str, Exported]  # by exporter
    left_out: Mapping[str, str]  # a sentence that says why, by exporter


def _tell_part(told: Told, place: int, parts: int, done: int, of: int) -> None:
    """Of several exports, how far all of them are: each counts the same."""
    told(100 * place + (100 * done // of if of else 0), 100 * parts)


def export_all(
    home: Home,
    run: RunDirectory,
    target: Path,
    told: Told = told_nobody,
    names: Sequence[str] = (),
) -> ExportedAll:
    """Write a run by the exporters of these names into `target`, a new folder, or one in a folder that is there.

    Where none is named, by all, and what cannot be written of this run, or not here, is left out.

    Raises:
        EngineError: one that was named, or none, could be written; `target` is there already or cannot be written.
    """
    folder = absolute(target)
    if folder.is_dir():
        folder /= f"cae-tui-{run.id}"
    refuse_taken(folder)
    for name in names:
        if missing := exporter_named(name).missing():
            raise ExportError(missing)
    written: dict[str, Exported] = {}
    left_out: dict[str, str] = {}
    with written_whole(folder) as sibling:
        sibling.mkdir()
        wanted = names or tuple(EXPORTERS)
        for place, name in enumerate(wanted):
            try:
                done = export(home, name, [run], sibling, partial(_tell_part, told, place, len(wanted)))
            except StorageError as error:  # the next would meet the same; the hidden folder's name says nothing
                raise StorageError(str(error).replace(str(sibling), str(folder)), full=error.full) from None
            except EngineError as error:
                if names:
                    raise
                left_out[name] = str(error)
            else:
                written[name] = replace(done, path=folder / done.path.name)
        if not written:
            raise ExportError(" ".join(dict.fromkeys(left_out.values())))
        refuse_taken(folder)
    return ExportedAll(folder=folder, written=written, left_out=left_out)
