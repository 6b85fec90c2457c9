"""The images of a study that are elsewhere now: written down for the study and for each of its runs."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.runs.directory import Home
from engine.runs.moved import Known, by_hand_of, corrections_of, digests_written, find_images, write_place
from engine.runs.spec_file import read_spec_file
from engine.specs.data_files import DataFiles
from engine.studies.records import StudyDirectory, StudyRecord
from engine.studies.spec import study_from_json


def known_of_study(record: StudyRecord) -> Known:
    """What is written down of a study's images."""
    about: Mapping[str, Any] = record.data
    return Known(
        owner=f"study {record.id}",
        command=f"study resume {record.id}",
        digest=about.get("digest"),
        shape=tuple(about.get("shape") or ()),
        training=about.get("training"),
        test=about.get("test"),
        parts=digests_written(about),
        by_hand=by_hand_of(about),
        corrections=corrections_of(about),
    )


def relocate_study(home: Home, directory: StudyDirectory, named: Mapping[str, Path]) -> DataFiles:
    """Write down where the images of a study and of its runs are now, and give it back.

    Raises:
        MovedError: they are gone, or not the ones it began with.
        EngineError: a process works on it, its files are damaged, or cannot be written.
    """
    with directory.locked():
        record = directory.read()
        spec = study_from_json(record.spec)
        files, data = find_images(known_of_study(record), spec.baseline.files, named)
        for run in home.list_runs():
            if run.study != record.id:
                continue
            trial = home.find(run.id)
            with suppress(EngineError):  # one that is damaged or at work stays as it is
                own, written = read_spec_file(trial)
                if written["data"]["digest"] == data.digest:
                    with trial.locked():
                        write_place(trial, files, own, written)
        record.spec = {**record.spec, "baseline": {**record.spec["baseline"], **files.as_json()}}
        directory.write(record)
    return files
