"""The report of a complete run as plain text, as it is copied from its page."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import RunError
from engine.runs.directory import Home, RunDirectory
from engine.runs.facts import facts_of
from engine.runs.report_words import report_as_text


class ReportTextExporter:
    """See `Exporter`."""

    takes_many = False
    suffix = ".txt"
    title = "Write the report as text"
    asks = "Write the report of {runs} to"
    tells = "The report was written to {path}."

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path) -> None:
        """See `Exporter`."""
        (run,) = runs
        result = run.read_result()
        if result is None:
            raise RunError(f"Run {run.id} is {run.read_status().state} and has no report yet.")
        path.write_text(report_as_text(result, facts_of(home, run)), encoding="utf-8")

    def check(self, path: Path) -> bool:
        """It ends as every report does."""
        return path.read_text(encoding="utf-8").endswith("\n")


EXPORTER = ReportTextExporter()
