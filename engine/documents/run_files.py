"""The document of a run as files: Markdown with its figures beside it, or a folder with that and the page."""

from collections.abc import Mapping
from pathlib import Path

from engine.documents.read_page import ReadPage
from engine.documents.run import RunDocument, Told
from engine.documents.style import standing_alone
from engine.errors import StorageError
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import absolute, delete_folder, refuse_taken, written_whole

FIGURES = "figures"
MARKDOWN, PAGE = "report.md", "report.html"
"""What they are called in a folder, as those of a study are."""


def write_markdown(home: Home, run: RunDirectory, target: Path, told: Told) -> list[Path]:
    """Write the document to `target`, a new file, and its figures into a new folder beside it; gives back both.

    Raises:
        EngineError: `target` or that folder is there already or cannot be written, or the run cannot be read.
    """
    path = absolute(target)
    folder = path.with_name(f"{path.stem}-{FIGURES}")
    for taken in (path, folder):
        refuse_taken(taken)
    document = RunDocument(home, run, told)
    beside = False
    try:
        with written_whole(path) as sibling:
            sibling.write_bytes(document.as_markdown(folder.name).encode())
            with written_whole(folder) as drawings:
                _write_figures(drawings, document.figures)
            beside = True
            refuse_taken(path)
    except BaseException:
        if beside:
            delete_folder(folder)
        raise
    return [path, folder]


def write_folder(home: Home, run: RunDirectory, target: Path, told: Told) -> list[Path]:
    """Write the document into `target`, a new folder, as a page and as Markdown; gives back the two.

    Raises:
        EngineError: `target` is there already or cannot be written, or the run cannot be read.
    """
    path = absolute(target)
    refuse_taken(path)
    document = RunDocument(home, run, told)
    page = document.as_html()
    if not ReadPage(page).whole:
        raise StorageError(f"The document of run {run.id} did not become a whole page: please report this.")
    with written_whole(path) as sibling:
        sibling.mkdir()
        (sibling / PAGE).write_bytes(page.encode())
        (sibling / MARKDOWN).write_bytes(document.as_markdown(FIGURES).encode())
        _write_figures(sibling / FIGURES, document.figures)
        refuse_taken(path)
    return [path / PAGE, path / MARKDOWN]


def _write_figures(folder: Path, figures: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, drawn in figures.items():
        (folder / f"{name}.svg").write_bytes(standing_alone(drawn).encode())
