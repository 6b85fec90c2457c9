"""`cae-tui data check`: findings, a page of them, and what is left out by hand up to the report."""

import json
from pathlib import Path

import pytest

from engine.data import cache
from engine.documents.read_page import ReadPage
from engine.runs.directory import Home
from tests.cae_tui.cli.conftest import Run
from tests.pictures import a_set, picture, write_folder

SMALL = ("--epochs", "1", "--layers", "4", "--kernels", "4", "--batch-size", "8")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Cats and dogs, a dog twice, a cat among the test images too, a picture that cannot be read."""
    files = a_set(20, 6, ("cat", "dog"))
    files["train/dog/again.png"] = (
        files["train/dog/3.png"]
        if "train/dog/3.png" in files
        else next(content for name, content in files.items() if name.startswith("train/dog/"))
    )
    files["test/cat/again.png"] = next(content for name, content in files.items() if name.startswith("train/cat/"))
    return write_folder(tmp_path / "pets", files | {"train/cat/torn.png": picture(1)[:60]})


def test_findings_are_told_with_the_names_of_files(run: Run, pets: Path) -> None:
    code, out, _ = run("data", "check", pets)
    assert code == 0
    assert "41 training, 13 test · 8×8 grey" in out
    assert "▲ Training images in the test: 1  (leak)" in out
    assert "▲ Copies, pixel by pixel: 1  (copies)" in out
    assert "= test/cat/again.png" in out
    assert "train/dog/again.png" in out
    assert "--leave-out NAME leaves out what is spare" in out
    found = json.loads(run("data", "check", pets, "--json")[1])
    assert [one["finding"] for one in found["findings"]] == ["leak", "copies"]
    (spare,) = found["findings"][0]["spare"]
    assert (spare["part"], spare["file"], spare["class"], spare["left_out"]) == (
        "test",
        "test/cat/again.png",
        "cat",
        False,
    )
    assert [(one["class"], one["training"], one["test"]) for one in found["classes"]] == [
        ("cat", 20, 7),
        ("dog", 21, 6),
    ]
    assert found["left_out"] == {"training": [], "test": []}


def test_what_is_left_out_is_trained_without_and_counted_up_to_the_report(run: Run, pets: Path, tmp_path: Path) -> None:
    before = json.loads(run("data", "show", pets, "--json")[1])
    code, out, _ = run("data", "check", pets, "--leave-out", "leak", "--leave-out", "copies")
    assert (code, out.splitlines()[-1]) == (0, "Left out by hand: 1 training and 1 test images.")
    after = json.loads(run("data", "show", pets, "--json")[1])
    assert (after["training"], after["test"]) == (before["training"] - 1, before["test"] - 1)
    assert after["digest"] != before["digest"]
    assert after["left_out"]["test/cat/again.png"] == "was left out by hand"
    told = "1 training and 1 test images were left out by hand."
    assert told in after["remarks"]
    assert "1 file was left out, for it could not be used." in after["remarks"]
    assert run("autoencoder", "--data", pets, *SMALL)[0] == 0
    home = Home(tmp_path / "home")
    (status,) = home.list_runs()
    assert status.data_digest == after["digest"]
    code, out, _ = run("report", status.id)
    assert told in out
    page = tmp_path / "report.html"
    assert run("report", status.id, "--to", page)[0] == 0
    assert told in page.read_text()
    assert "test/cat/again.png,was left out by hand" in home.find(status.id).left_out.read_text()

    # The run keeps them out, whatever is chosen later.
    assert run("data", "check", pets, "--leave-out", "none")[1].splitlines()[-1].startswith("--leave-out NAME")
    assert json.loads(run("data", "show", pets, "--json")[1])["digest"] == before["digest"]
    assert not list((tmp_path / "home" / "left_out").iterdir())
    assert run("export", status.id, "--to", tmp_path / "out", "--as", "embeddings")[0] == 0
    cache.forget()
    assert run("data", "show", pets)[0] == 0


def test_a_page_shows_the_pictures(run: Run, pets: Path, tmp_path: Path) -> None:
    page = tmp_path / "check.html"
    code, out, _ = run("data", "check", pets, "--to", page, "--leave-out", "copies")
    assert (code, out.splitlines()[-1]) == (0, f"The page was written to {page}.")
    text = page.read_text()
    assert ReadPage(text).whole
    assert "Check of pets" in text
    assert "Left out by hand: 1 picture." in text
    assert ReadPage(text).figures == 3
    code, _, err = run("data", "check", pets, "--to", page)
    assert (code, "already" in err) == (2, True)
    code, _, err = run("data", "check", pets, "--to", tmp_path / "check.pdf")
    assert (code, "is a file that ends in .html; check.pdf does not" in err) == (2, True)


def test_what_cannot_be_left_out_is_refused(run: Run, pets: Path) -> None:
    code, _, err = run("data", "check", pets, "--leave-out", "blur")
    assert (code, "“blur” is no finding here: choose leak, copies or none" in err) == (2, True)
    code, _, err = run("data", "check", "digits", "--leave-out", "copies")
    assert (code, "“copies” is no finding here: nothing was found that could be left out" in err) == (2, True)
    assert "Nothing was found that is out of the ordinary." in run("data", "check", "digits")[1]
    code, _, err = run("data", "check", pets / "nowhere")
    assert (code, "does not exist" in err) == (2, True)


def test_what_is_refused_changes_nothing(run: Run, pets: Path, tmp_path: Path) -> None:
    run("data", "check", pets, "--leave-out", "copies")
    page = tmp_path / "page.html"
    page.write_text("mine")
    code, _, err = run("data", "check", pets, "--leave-out", "none", "--to", page)
    assert (code, "already" in err) == (2, True)
    assert json.loads(run("data", "check", pets, "--json")[1])["left_out"]["training"]
    assert page.read_text() == "mine"
    code, _, err = run("data", "show", pets, "--leave-out", "copies")
    assert (code, "--leave-out is for `data check`" in err) == (2, True)
    (note,) = (tmp_path / "home" / "left_out").iterdir()
    note.write_text("no json")
    assert run("data", "show", pets)[0] == 2
    assert run("data", "check", pets, "--leave-out", "none")[0] == 0
    assert run("data", "show", pets)[0] == 0
