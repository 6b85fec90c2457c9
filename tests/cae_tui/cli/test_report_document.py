"""`cae-tui report RUN --to …`: the document of a run as a page, as Markdown and as a folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.progress import Progress

from cae_tui.cli import data_console
from cae_tui.cli.main import main
from engine.documents.read_page import ReadPage
from engine.runs.directory import Home
from tests.engine.conftest import train
from tests.engine.tiny import tiny, write_files

Report = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """With one small run."""
    folder = tmp_path_factory.mktemp("documents")
    home = Home(folder / "home")
    train(home, tiny(write_files(folder)))
    return home


@pytest.fixture
def report(home: Home, capsys: pytest.CaptureFixture[str]) -> Report:
    """Asks for the document of the run, with those words behind."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["report", home.list_runs()[0].prefix, "--home", str(home.path), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.html", ["a.html"]),
        ("a.HTM", ["a.HTM"]),
        ("a.md", ["a.md", "a-figures"]),
        ("a", ["a/report.html", "a/report.md"]),
        ("version 1.2", ["version 1.2/report.html", "version 1.2/report.md"]),
    ],
)
def test_the_ending_says_what_is_written_and_each_file_is_told(
    name: str, written: list[str], report: Report, tmp_path: Path
) -> None:
    code, out, err = report("--to", str(tmp_path / name))
    assert (code, err) == (0, "")
    assert out.splitlines() == [str(tmp_path / path) for path in written]
    assert all((tmp_path / path).exists() for path in written)
    assert {path.name for path in tmp_path.iterdir()} == {path.split("/")[0] for path in written}
    pages = [path for path in tmp_path.rglob("*") if path.suffix.lower() in (".html", ".htm")]
    assert all(ReadPage(page.read_text()).whole for page in pages)
    code, _, err = report("--to", str(tmp_path / written[0]))
    assert code == 2
    assert "already exists and is not overwritten: choose another name." in err


def test_into_a_folder_that_is_there_a_new_one_is_put(report: Report, home: Home, tmp_path: Path) -> None:
    code, out, _ = report("--to", str(tmp_path), "--json")
    folder = tmp_path / f"cae-tui-{home.list_runs()[0].id}-document"
    assert code == 0
    assert json.loads(out)["files"] == [str(folder / "report.html"), str(folder / "report.md")]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a.pdf"], "a.pdf is none of these. A browser prints the page as PDF."),
        (["a.docx"], "A document is written as .html, as .md, or into a folder; a.docx is none of these."),
        (["none/a.html"], "Its folder is not there"),
        (["none/a.md"], "Its folder is not there"),
        (["a.html", "--text"], "--text: A document is written with --to, and --text prints"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(words: list[str], sentence: str, report: Report, tmp_path: Path) -> None:
    code, out, err = report("--to", str(tmp_path / words[0]), *words[1:])
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.html", "a.md", "a"])
def test_a_document_that_is_interrupted_leaves_nothing(
    name: str, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Progress):
        def update(self, *args: object, **values: object) -> None:
            if values.get("completed") == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(data_console, "Progress", Interrupted)
    code, out, _ = report("--to", str(tmp_path / name))
    assert (code, out) == (130, "")
    assert list(tmp_path.iterdir()) == []
