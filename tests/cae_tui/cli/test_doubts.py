"""`cae-tui doubts`: a table of doubtful labels, a file to decide in, a training that takes it, a report that counts."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from engine.evaluation import folds
from engine.runs.directory import Home
from tests.cae_tui.cli.conftest import Run
from tests.pictures import OLD, write_folder

SMALL = ("--epochs", "1", "--layers", "4", "--kernels", "4", "--batch-size", "8")


def png(pixels: np.ndarray) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Upright and lying bars, a lying one among the upright, and an image of noise."""
    monkeypatch.setattr(folds, "LEAST_STEPS", 60)
    assert OLD
    drawn = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 24), ("test", 6)):
        for name in ("lying", "upright"):
            for number in range(count):
                pixels = drawn.integers(0, 60, (8, 8)).astype(np.uint8)
                lies = (name == "lying") != ((part, name, number) == ("train", "upright", 5))
                pixels[(3, slice(None)) if lies else (slice(None), 3)] = 230
                files[f"{part}/{name}/{number:02}.png"] = png(pixels)
    return write_folder(tmp_path / "bars", files)


def test_the_most_doubtful_is_told_first_and_written_to_decide_about(run: Run, pets: Path, tmp_path: Path) -> None:
    target = tmp_path / "labels.csv"
    code, out, _ = run("doubts", pets, "--top", 3, "--csv", target)
    assert code == 0
    head, _, first, *_ = out.splitlines()
    assert head.startswith("bars: 48 labels. By quick classifiers in five folds")
    assert first.split()[:3] == ["1", "train/upright/05.png", "upright"]
    assert "lying" in first
    assert "45 more: --top N shows more" in out
    assert f"3 lines were written to {target}." in out
    rows = list(csv.DictReader(target.open()))
    assert len(rows) == 3
    assert (rows[0]["file"], rows[0]["given"], rows[0]["suggested"], rows[0]["decision"]) == (
        "train/upright/05.png", "upright", "lying", "",
    )  # fmt: skip
    assert run("doubts", pets, "--csv", target)[0] == 2  # nothing is replaced unasked
    found = json.loads(run("doubts", pets, "--json")[1])
    assert found["labels"] == 48
    assert len(found["doubts"]) == 20
    assert found["doubts"][0]["file"] == "train/upright/05.png"
    assert found["doubts"][0]["score"] < 0
    assert found["doubts"] == json.loads(run("doubts", pets, "--json")[1])["doubts"]


def test_what_is_filled_in_is_trained_on_and_counted(run: Run, pets: Path, tmp_path: Path, home: Home) -> None:
    target = tmp_path / "labels.csv"
    run("doubts", pets, "--csv", target)
    lines = target.read_text().splitlines()
    lines[1] = lines[1].replace(",lying,,", ",lying,lying,")
    cells = lines[4].split(",")
    cells[5] = "leave out"
    lines[4] = ",".join(cells)
    target.write_text("\n".join(lines) + "\n")
    code, out, _ = run("autoencoder", "--data", pets, "--labels-from", target, *SMALL, "--json")
    assert code == 0
    result = json.loads(out)
    said = "1 label was changed and 1 image left out (labels.csv)."
    assert said in result["remarks"]
    assert said in run("report", result["id"])[1]
    again = tmp_path / "again.csv"
    code, out, _ = run("doubts", pets, "--labels-from", target, "--top", 2, "--csv", again)
    assert code == 0
    assert "decision" in out
    decided = [row["decision"] for row in csv.DictReader(again.open())]
    assert decided == ["lying", "", "leave out"]  # what was decided of others comes last
    code, out, err = run(
        "classifier",
        "--encoder",
        result["id"],
        "--frozen-epochs",
        "1",
        "--finetune-epochs",
        "1",
        "--batch-size",
        "8",
        "--json",
    )
    assert code == 0, err
    name = json.loads(out)["id"]
    assert said in json.loads(out)["remarks"]  # the images of its encoder, treated alike
    trained = f"Run {name} was trained with labels as labels.csv has them; these are as the set's own files have them."
    remarks = json.loads(run("evaluate", name, "--data", pets, "--json")[1])["remarks"]
    assert trained in remarks
    elsewhere = write_folder(
        tmp_path / "others", {f"{name}/0.png": png(np.eye(8, dtype=np.uint8)) for name in ("lying", "upright")}
    )
    assert trained not in json.loads(run("evaluate", name, "--data", elsewhere, "--json")[1])["remarks"]
    code, out, _ = run("doubts", "--with", name, "--of", "test")
    assert code == 0
    assert f"By run {name}, asked about its test images" in out
    assert run("doubts", "--with", result["id"])[0] == 2
    carried = tmp_path / "carried.csv"
    assert run("doubts", "--with", name, "--csv", carried)[0] == 0
    decided = [row["decision"] for row in csv.DictReader(carried.open())]
    assert sorted(filter(None, decided)) == ["leave out", "lying"]  # what the run was trained with stands
    target.unlink()
    code, out, _ = run("doubts", pets, "--with", name, "--of", "validation")  # the same images, named
    assert code == 0
    assert f"By run {name}, asked about its validation images" in out


@pytest.mark.parametrize("command", ["doubts", "data"])
def test_help_on_test_data_names_the_set(command: str, run: Run) -> None:
    words = " ".join(run(command, "--help")[1].split())
    assert "Its test images, where they lie elsewhere" in words
    assert "The same of" not in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "`doubts` needs the name or the path of a set, or --with RUN."),
        (("nowhere",), "nowhere"),
        (("digits", "--of", "all"), "--of: “all” is not known: choose training, validation or test."),
        (("digits", "--top", "0"), "--top: “0” does not fit: write a whole number from 1"),
        (("digits", "--seed", "x"), "--seed: “x” does not fit: write a whole number from 0"),
        (("digits", "--csv", " "), "--csv: This names no file"),
        (("digits", "--labels-from", ""), "--labels-from: This names no file"),
        (("--with", "zzzz", "--size", "8"), "--size: This is for a set that is named"),
        (("digits", "--with", "zzzz"), "No run begins with “zzzz”"),
        (("digits", "--depth"), "--depth"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], said: str, run: Run) -> None:
    code, out, err = run("doubts", *words)
    assert code == 2
    assert said in err
    assert not out


def test_what_is_wrong_with_a_file_of_labels_is_said_before_anything_is_trained(
    run: Run, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.evaluation.doubts.out_of_fold", lambda *_: pytest.fail("it was trained"))
    code, _, err = run("doubts", pets, "--labels-from", tmp_path / "gone.csv")
    assert code == 2
    assert "gone.csv does not exist" in err
    assert run("autoencoder", "--data", pets, "--labels-from", "", *SMALL)[0] == 2
