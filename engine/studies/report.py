"""A study's document."""

from pathlib import Path

from engine.runs import Home
from engine.studies.records import StudyDirectory, StudyRecord


def write_report(home: Home, directory: StudyDirectory, record: StudyRecord, to: Path | None) -> list[Path]:
    """Write it."""
    raise NotImplementedError
