"""The report of a complete run as plain text, as it is copied from its page."""

# ruff: noqa: ARG002 - every exporter is asked alike

from collections.abc import Sequence
from pathlib import Path

from engine.errors import RunError, StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory
from engine.runs.facts import facts_of
from engine.runs.report_words import report_as_text


class ReportTextExporter:
    """See `Exporter`."""

    takes_many = False
    folder = False
    suffix = ".txt"
    title = "Write the report as text"
    asks = "Write the report of {runs} to"
    tells = "The report was written to {path}."

    def missing(self) -> str:
        """Nothing."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`."""
        path.write_text(self._text(home, runs), encoding="utf-8")

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """It is the text that was to be written."""
        if path.read_text(encoding="utf-8") != self._text(home, runs):
            raise StorageError(NOT_READ_BACK)
        return "read back"

    def _text(self, home: Home, runs: Sequence[RunDirectory]) -> str:
        (run,) = runs
        result = run.read_result()
        if result is None:
            raise RunError(f"Run {run.id} is {run.read_status().state} and has no report yet.")
        return report_as_text(result, facts_of(home, run))


EXPORTER = ReportTextExporter()
