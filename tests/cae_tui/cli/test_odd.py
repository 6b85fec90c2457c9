"""`cae-tui anomaly`, and `cae-tui predict` of what it gives: which pictures are odd."""

import csv
import json
from pathlib import Path

import pytest

from cae_tui.cli.main import main
from engine.data import cache
from engine.data.keeping import keep_in
from engine.runs.directory import Home
from tests.pictures import write_folder
from tests.shapes import content, drawn

SMALL = ["--layers", "4", "--kernels", "4", "--batch-size", "16", "--latent", "4", "--epochs", "8", "--device", "cpu"]


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str, Path]:
    """A home with a detector of what is no bar, its run, and new pictures of both."""
    folder = tmp_path_factory.mktemp("odd")
    files = {f"train/{name}/{n}.png": content(drawn(name, n)) for name in ("bar", "dot") for n in range(60)}
    files |= {f"test/{name}/{n}.png": content(drawn(name, 1000 + n)) for name in ("bar", "dot") for n in range(10)}
    data, home = write_folder(folder / "shapes", files), Home(folder / "home")
    words = ["--home", str(home.path), "anomaly", "--data", str(data), "--normal", "bar", *SMALL]
    assert main(words) == 0
    keep_in(None)
    cache.forget()
    new = {f"{name}/{n}.png": content(drawn(name, 2000 + n)) for name in ("bar", "dot") for n in range(5)}
    return home, home.list_runs()[0].id, write_folder(folder / "new", new)


def predict(home: Home, *words: str | Path) -> int:
    try:
        return main(["--home", str(home.path), "predict", *map(str, words)])
    finally:
        keep_in(None)


def test_a_line_a_picture_says_normal_or_odd(bars: tuple[Home, str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    home, run, new = bars
    assert predict(home, run[:4], new) == 0
    said = capsys.readouterr()
    lines = [line.split() for line in said.out.splitlines()]
    assert [line[1] for line in lines[5:]] == ["odd"] * 5
    assert [line[1] for line in lines[:5]].count("normal") >= 4
    assert all(line[2] == "score" for line in lines)
    assert "5 of 5 odd ones are found (100.00 %)" in said.err
    assert "the model's own threshold; --above is another" in said.err


def test_an_evaluation_says_what_tells_which_images_are_odd(
    bars: tuple[Home, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, run, new = bars
    try:
        assert main(["--home", str(home.path), "evaluate", run, "--data", str(new)]) == 0
    finally:
        keep_in(None)
    said = capsys.readouterr().err  # the command names the home
    assert "These are errors of reconstructions; `cae-tui " in said
    assert "predict` tells which images are odd." in said


def test_another_threshold(bars: tuple[Home, str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    home, run, new = bars
    assert predict(home, run, new, "--above", "1e9", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["odd"] == 0
    assert (told["threshold"], told["recall"], told["normal"]) == (1e9, 0, ["bar"])
    assert [one["true_class"] for one in told["pictures"]] == ["bar"] * 5 + ["dot"] * 5
    assert predict(home, run, new, "--above", "0", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["odd"], told["recall"], told["precision"], told["false_alarms"]) == (10, 1, 0.5, 1)


def test_pictures_are_taken_as_they_are_for_that_may_be_what_is_odd(
    bars: tuple[Home, str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, run, _ = bars
    picture = write_folder(tmp_path, {"dark.png": content(drawn("bar", 2000, inverted=True))}) / "dark.png"
    found = {}
    for words in ((), ("--invert", "yes")):
        assert predict(home, run, picture, *words, "--json") == 0
        (found[words],) = json.loads(capsys.readouterr().out)["pictures"]
    assert (found[()]["odd"], found[()]["inverted"]) == (True, False)
    assert found["--invert", "yes"]["inverted"]
    assert found["--invert", "yes"]["score"] < found[()]["score"]


def test_names_of_folders_say_nothing_where_none_is_called_like_what_is_normal(
    bars: tuple[Home, str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, run, _ = bars
    days = {f"{day}/{n}.png": content(drawn("bar", 2000 + n)) for day in ("monday", "tuesday") for n in range(2)}
    folder = write_folder(tmp_path / "new", days)
    assert predict(home, run, folder, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert not {"recall", "precision", "false_alarms"} & told.keys()


def test_as_csv_with_those_that_cannot_be_read(
    bars: tuple[Home, str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, run, _ = bars
    folder = write_folder(tmp_path / "mixed", {"=a.png": content(drawn("dot", 1)), "b.png": b"torn"})
    assert predict(home, run, folder, "--csv", tmp_path / "out.csv") == 0
    assert "were written to" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [row["odd"] for row in rows] == ["yes", ""]
    assert rows[1]["error"] == "is not in a picture format that can be read"
    assert predict(home, run, folder, "--csv", tmp_path / "out.csv") == 2
    assert "already exists and is not overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--above", "high"), "--above: “high” is no score: write a number"),
        (("--above", "nan"), "“nan” is no score"),
        (("--unsure", "0.9"), "--unsure cannot be used"),
    ],
)
def test_what_cannot_be_asked_of_it(
    bars: tuple[Home, str, Path], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    home, run, new = bars
    assert predict(home, run, new, *words) == 2
    assert sentence in capsys.readouterr().err


def test_a_threshold_of_scores_is_not_for_a_classifier(
    trained: tuple[Home, dict[str, str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert predict(home, ids["classifier"], new, "--above", "3") == 2
    assert "--above cannot be used" in capsys.readouterr().err


def test_the_end_of_a_run_tells_its_figures_beside_those_without_a_network(
    bars: tuple[Home, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, run, _ = bars
    try:
        assert main(["--home", str(home.path), "report", run]) == 0
    finally:
        keep_in(None)
    out = capsys.readouterr().out
    assert "AUROC" in out
    assert "pixels, no network" in out
    assert "pixels by density" in out


def test_a_class_that_is_not_there(
    bars: tuple[Home, str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{name}/{n}.png": content(drawn(name, n)) for name in ("bar", "dot") for n in range(6)}
    data = write_folder(tmp_path / "few", files)
    try:
        words = ["anomaly", "--data", str(data), "--normal", "circle", *SMALL]
        assert main(["--home", str(tmp_path / "home"), *words]) == 2
    finally:
        keep_in(None)
        cache.forget()
    assert "few has no class called circle; it has bar, dot: correct the name." in capsys.readouterr().err


def test_the_oddest_images_of_the_run_are_written_as_a_file_of_labels(
    bars: tuple[Home, str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, run, new = bars
    target = tmp_path / "labels.csv"

    def doubts(*words: str | Path) -> str:
        try:
            assert main(["--home", str(home.path), "doubts", *map(str, words)]) == 0
        finally:
            keep_in(None)
        return capsys.readouterr().out

    out = doubts("--with", run, "--csv", target, "--top", "5")
    assert f"shapes: 70 images. By run {run}, asked about its training, validation and test images" in out
    assert out.splitlines()[1].split() == ["image", "given", "score"]
    rows = list(csv.DictReader(target.open()))
    scores = [float(row["score"]) for row in rows]
    assert len(rows) == 5
    assert scores == sorted(scores, reverse=True)
    assert {(row["given"], row["suggested"], row["decision"]) for row in rows} == {("bar", "", "")}
    told = json.loads(doubts(new, "--with", run, "--size", "8", "--json"))
    assert (told["labels"], told["doubts"][0]["given"], told["doubts"][0]["suggested"]) == (10, "dot", None)
    assert told["odd"] >= 5
    assert "likely_wrong" not in told
