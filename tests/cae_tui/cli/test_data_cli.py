"""`--data` and `cae-tui data`: a person's own images by one command each."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runs.directory import Home
from tests.cae_tui.cli.conftest import Run
from tests.file_server import serving
from tests.pictures import a_set, picture, write_folder, write_zip
from tests.sets import idx_set, in_place

SMALL = ("--epochs", "1", "--layers", "4", "--kernels", "4", "--batch-size", "8")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", a_set(20, 6, ("cat", "dog"), mode="RGB") | {"train/cat/torn.png": b"torn"})


def test_from_a_zip_to_a_classifiers_report_with_class_names(run: Run, tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "pets.zip", a_set(20, 6, ("cat", "dog", "axolotl"), mode="RGB") | {"train/cat/x.png": b""}
    )
    code, out, err = run("autoencoder", "--data", path, "--class", "cat", "--class", "axolotl", *SMALL)
    assert code == 0
    assert "pets" in out
    (encoder,) = Home(tmp_path / "home").list_runs()
    assert (encoder.data, encoder.image_shape) == ("pets", (8, 8, 3))
    assert (Home(tmp_path / "home").find(encoder.id).left_out).read_text().splitlines() == [
        "file,reason", "train/cat/x.png,is empty"
    ]  # fmt: skip
    words = ("--frozen-epochs", "1", "--finetune-epochs", "1", "--batch-size", "8", "--class-weights", "balanced")
    code, out, err = run("classifier", "--encoder", encoder.id, *words)
    assert (code, err.count("val_accuracy")) == (0, 2)
    assert "axolotl" in out
    assert "dog" not in out  # the classes of the encoder are taken


def test_what_is_found_at_a_place_is_shown(run: Run, pets: Path) -> None:
    code, out, _ = run("data", "show", pets)
    assert code == 0
    assert out.startswith("pets: folder of pictures, 2 classes from folder names, train and test folders\n")
    assert "40 training, 12 test · 8×8 colour" in out
    assert "1 left out:\n  train/cat/torn.png is not in a picture format that can be read" in out
    code, out, _ = run("data", "show", pets, "--size", "16", "--colour", "grey", "--json")
    found = json.loads(out)
    assert (found["shape"], found["classes"], found["counts"]["test"]) == ([16, 16, 1], ["cat", "dog"], [6, 6])


def test_what_is_kept_is_listed_and_forgotten(run: Run, pets: Path, tmp_path: Path) -> None:
    assert "No set is kept" in run("data")[1]
    run("data", "show", pets)
    run("data", "show", pets, "--size", "16")
    listed = json.loads(run("data", "list", "--json")[1])["sets"]
    assert [(one["name"], one["images"], one["source"]) for one in listed] == [("pets", 52, str(pets))] * 2
    assert "pets" in run("data", "list")[1]
    assert [one["treatment"] for one in listed] == [{"size": "16x16"}, {}]
    code, out, _ = run("data", "forget", listed[0]["id"])
    assert (code, out.splitlines()[0]) == (0, f"{listed[0]['id']} pets: {pets}, size 16x16")
    assert out.splitlines()[1].startswith("1 set forgotten, ")
    assert run("data", "forget", pets)[1].splitlines()[1].startswith("1 set forgotten, ")
    assert os.listdir(tmp_path / "home" / "data") == []
    code, _, err = run("data", "forget", "pets")
    assert (code, "Nothing is kept of “pets”" in err) == (2, True)


def test_what_is_kept_is_told_apart_with_whole_paths_wherever_it_is_printed(
    run: Run, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = pets.rename(pets.with_name("a folder with a long name, so that no list has room for all of its path"))
    asked = ("--size", "16", "--limit-per-class", "5", "--test-data", tests)
    run("data", "show", tests)
    run("data", "show", tests, *asked)
    lines = run("data", "list")[1].splitlines()
    assert [str(tests) in line for line in lines[:4]] == [False, True, True, False]
    assert f"size 16x16, limit per class 5, test data {tests}" in lines[1]
    monkeypatch.setattr("cae_tui.cli.data_console.UNSEEN_WIDTH", 80)
    lines = run("data", "list")[1].splitlines()
    assert lines[1].strip() == f"{tests}, size 16x16, limit per class 5, test data {tests}"
    assert lines[3].strip() == str(tests)


def test_of_sets_with_one_name_one_is_asked_for(run: Run, pets: Path, tmp_path: Path) -> None:
    other = write_zip(tmp_path / "pets.zip", {f"{n}.png": picture(n) for n in range(5)})
    for path in (pets, other):
        run("data", "show", path)
    code, _, err = run("data", "forget", "pets")
    assert code == 2
    assert "Several sets are called “pets”: " in err
    assert all(f"({path})" in err for path in (pets, other))
    assert len(os.listdir(tmp_path / "home" / "data")) == 2
    assert run("data", "forget", other)[0] == 0
    assert run("data", "forget", "pets")[0] == 0


@pytest.mark.parametrize(("action", "said"), [("show", "nothing was kept"), ("export", "nothing was written")])
def test_a_reading_that_is_interrupted_is_told_as_what_it_was(
    action: str, said: str, run: Run, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.data.cache.load", interrupted)
    code, _, err = run("data", action, pets, *(("--to", tmp_path / "x") if action == "export" else ()))
    assert (code, err) == (130, f"cae-tui: Interrupted: {said}.\n")


def test_a_set_is_written_as_another(run: Run, pets: Path, tmp_path: Path) -> None:
    for words in (("--to", tmp_path / "a.npz"), ("--to", tmp_path / "b"), ("--to", tmp_path / "c", "--as", "idx")):
        assert run("data", "export", pets, *words)[0] == 0
        shown = json.loads(run("data", "show", words[1], "--json")[1])
        assert shown["digest"] == json.loads(run("data", "show", pets, "--json")[1])["digest"]
    code, _, err = run("data", "export", pets, "--to", tmp_path / "b")
    assert (code, "is there already" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("autoencoder", "--data", "PETS", "--images", "x"), "--images: An IDX file is named here, and a set in Data"),
        (("autoencoder", "--data", "nowhere"), "nowhere does not exist"),
        (("autoencoder", "--data", ""), "--data: This names no file"),
        (("autoencoder", "--test-data", "PETS"), "--test-data: Test data are named but no data to train on"),
        (("autoencoder", "--data", "PETS", "--size", "7"), "--size: 7x7 is out of bounds"),
        (("autoencoder", "--data", "PETS", "--size", "huge"), "--size: “huge” is no size: write 32"),
        (("autoencoder", "--data", "PETS", "--background", "mauve"), "--background: “mauve” is no colour"),
        (("autoencoder", "--data", "PETS", "--class", "elk"), "has no class called elk; it has cat, dog"),
        (
            ("autoencoder", "--data", "PETS", "--limit-per-class", "0"),
            "--limit-per-class: “0” is too small: at least 1",
        ),
        (("data", "list2"), "`data` does not know “list2”: choose list, get, forget, show, check or export"),
        (("data", "show"), "`data show` needs the name or the path of a set"),
        (("data", "show", " "), "`data show` needs the name or the path of a set"),
        (("data", "export", "PETS"), "`data export` needs --to PATH"),
        (("data", "export", "PETS", "--to", "x", "--as", "gif"), "“gif” is not known: choose folder, npz or idx"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words: tuple[str, ...], said: str, run: Run, pets: Path) -> None:
    code, out, err = run(*(str(pets) if word == "PETS" else word for word in words))
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_run_finds_its_pictures_where_they_are_now(run: Run, pets: Path, tmp_path: Path) -> None:
    assert run("autoencoder", "--data", pets, *SMALL)[0] == 0
    (status,) = Home(tmp_path / "home").list_runs()
    moved = pets.rename(tmp_path / "moved")
    other = write_folder(tmp_path / "other", {f"{n}.png": picture(n) for n in range(9)})
    code, _, err = run("resume", status.id, "--data", other)
    assert (code, f"are not the ones run {status.id} began with" in err) == (2, True)
    code, out, err = run("resume", status.id, "--data", moved)
    assert f"reads its images from {moved} now" in out + err


def test_digits_come_along_for_a_first_look(run: Run) -> None:
    code, out, _ = run("data", "show", "digits")
    assert (code, out.splitlines()[1]) == (0, "1,797 training · 8×8 grey")


def test_a_set_is_got_from_the_catalogue_trained_on_by_its_name_and_forgotten(run: Run, tmp_path: Path) -> None:
    with serving() as server, in_place(tmp_path / "table", idx_set(server), idx_set(server, "others")):
        listed = json.loads(run("data", "--json")[1])["catalogue"]
        assert [(one["name"], one["here"], one["come"]) for one in listed] == [
            ("things", False, 0),
            ("others", False, 0),
        ]
        code, _, err = run("autoencoder", "--data", "things", *SMALL)
        assert (code, "data get things`, or Catalogue on the page Data, fetches it (" in err) == (2, True)
        code, out, _ = run("data", "get", "Things")
        assert code == 0
        head, files, licence, end = out.splitlines()
        assert head == "Things: some things; 26 images of 8×8 grey, 2 classes."
        assert files.startswith("4 files, ")
        assert files.endswith("from https://example.org/things; checked by SHA-256 of its publisher.")
        assert licence == "Licence: MIT. To cite: Somebody, 2020."
        assert end == "Things is here: `cae-tui autoencoder --data things` trains on it."
        known = json.loads(run("data", "get", "things", "--json")[1])
        assert Path(known["file"]).parent == tmp_path / "home" / "sets" / "things"
        assert len(server.asked) == 4
        assert run("autoencoder", "--data", "THINGS", *SMALL)[0] == 0
        (status,) = Home(tmp_path / "home").list_runs()
        assert status.data == "Things"
        spec = json.loads((Home(tmp_path / "home").find(status.id).path / "spec.json").read_text())
        assert spec["spec"]["data"] == "things"  # and no path: on another machine it is got there
        row = next(line for line in run("data")[1].splitlines() if line.startswith("things"))
        assert row.split() == ["things", "26", "8×8", "grey", *known_size(known["bytes"]), "MIT", "✓", "here"]
        code, out, _ = run("data", "forget", "things")
        assert code == 0
        assert "What was fetched of Things is deleted; `cae-tui data get` has it again." in out
        assert out.splitlines()[-1].startswith("1 set forgotten, ")
        assert not (tmp_path / "home" / "sets" / "things").exists()
        assert run("data", "forget", "things")[0] == 2


def known_size(number: int) -> list[str]:
    return [str(number), "bytes"] if number < 1000 else [f"{number / 1e3:.0f}", "kB"]


def test_names_of_classes_stand_with_commas_or_one_after_the_other(run: Run, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pets", a_set(4, 0, ("cat", "dog", "a, b")))
    for words, names in (
        (("--classes", "dog,cat"), ["cat", "dog"]),
        (("--classes", '"a, b", dog'), ["a, b", "dog"]),
        (("--class", "a, b", "--classes", "cat", "--class", "dog"), ["a, b", "cat", "dog"]),
    ):
        code, out, err = run("data", "show", folder, *words, "--json")
        assert (code, sorted(json.loads(out)["classes"]) if not code else err) == (0, names)
    assert "no class called elk" in run("data", "show", folder, "--classes", "elk,dog")[2]


def test_what_is_not_in_the_catalogue_is_told_with_what_may_be_meant(run: Run) -> None:
    code, _, err = run("data", "get", "fasion-mnist")
    assert (code, "“fasion-mnist” is not in the catalogue: did you mean fashion-mnist?" in err) == (2, True)
    code, _, err = run("data", "get")
    assert (code, "`data get` needs the name" in err) == (2, True)
    for name in ("fashion-mnist", "emnist-byclass", "svhn", "chestmnist"):
        assert name in run("data")[1]


def test_getting_that_is_interrupted_keeps_what_has_come(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object, folder: Path, told: Callable[[int, int], None]) -> Path:
        raise KeyboardInterrupt

    with serving() as server, in_place(tmp_path / "table", idx_set(server)):
        part = tmp_path / "home" / "sets" / "things" / "train-images-idx3-ubyte.gz.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"1234")
        monkeypatch.setattr("engine.data.fetching.fetch", interrupted)
        code, _, err = run("data", "get", "things")
        assert code == 130
        assert "Interrupted. 4 bytes have come and are kept: the same command goes on from there." in err
