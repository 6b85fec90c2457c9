"""`cae-tui export`: a run written for other programs, and a line for each thing that was."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cae_tui import formats
from cae_tui.cli.data_console import progress
from cae_tui.cli.output_console import tell
from cae_tui.printing import put
from engine.exporters import export as export_one
from engine.exporters import export_all, exporter_named
from engine.exporters.exporter import Exported
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import FORMAT
from engine.text import plain


def export(home: Home, run: RunDirectory, target: Path, names: Sequence[str], *, as_json: bool) -> int:
    """Write a run by the exporters of these names, by all where there are none; 1 where one of all failed.

    Raises:
        EngineError: nothing could be written, or not by one of these names.
    """
    left_out: Mapping[str, str] = {}
    folder = None
    with progress(f"Writing run {run.id}") as told:
        if len(names) == 1:
            written: Mapping[str, Exported] = {names[0]: export_one(home, names[0], [run], target, told)}
        else:
            done = export_all(home, run, target, told, names)
            written, left_out, folder = done.written, done.left_out, done.folder
    if as_json:
        files = [{"as": name, "path": str(one.path), "bytes": one.size, "checked": one.checked}
                 for name, one in written.items()]  # fmt: skip
        about = {"run": run.id, "folder": None if folder is None else str(folder)}
        put(json.dumps({"format": FORMAT, **about, "written": files, "left_out": dict(left_out)}))
    else:
        for name, one in written.items():
            sentence = exporter_named(name).tells.format(runs=f"run {run.id}", path=one.path)
            put(plain(formats.exported(sentence, one.size, one.checked)))
    for sentence in left_out.values():
        tell(sentence)
    return int(any(sentence != exporter_named(name).missing() for name, sentence in left_out.items()))
