"""The document of a run as one HTML file, which needs no network and nothing beside it."""

# ruff: noqa: ARG002 - every exporter is asked alike

from collections.abc import Sequence
from pathlib import Path

from engine.errors import StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory
from engine.text import counted


class DocumentExporter:
    """See `Exporter`."""

    takes_many = False
    folder = False
    suffix = ".html"
    title = "Write the document"
    asks = "Write the document of {runs} to"
    tells = "The document was written to {path}."

    def missing(self) -> str:
        """Nothing."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`; a run that has not finished gets what there is."""
        from engine.documents.run import RunDocument

        (run,) = runs
        path.write_text(RunDocument(home, run, told).as_html(), encoding="utf-8")

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """It is a whole page, a drawing and words for each figure, and nothing would be loaded from elsewhere."""
        from engine.documents.read_page import ReadPage

        page = ReadPage(path.read_text(encoding="utf-8"))
        if not page.whole:
            raise StorageError(NOT_READ_BACK)
        return f"read back, {counted(page.figures, 'figure')}, and no link leads out of it"


EXPORTER = DocumentExporter()
