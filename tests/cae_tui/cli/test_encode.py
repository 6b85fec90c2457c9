"""`cae-tui encode` and `cae-tui reconstruct`: latents and reconstructions of new pictures, as files."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cae_tui.cli.main import main
from engine.data.keeping import keep_in
from engine.evaluation.given import given_images
from engine.evaluation.model import Model, load_model
from engine.runs.directory import Home
from tests.pictures import write_folder
from tests.shapes import NAMES, content, drawn

Trained = tuple[Home, dict[str, str], Path]


def command(home: Home, *words: object) -> int:
    try:
        return main(["--home", str(home.path), *map(str, words)])
    finally:
        keep_in(None)


def latents_of(home: Home, named: str, *paths: Path) -> np.ndarray:
    model = load_model(home, named)
    return model.latent(given_images(model, [str(path) for path in paths]).images)


# -- encode ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_an_array_has_a_row_a_picture_and_the_names_are_beside_it(
    kind: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert command(home, "encode", ids[kind], new, "--to", tmp_path / "z.npy") == 0
    found = np.load(tmp_path / "z.npy", allow_pickle=False)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, latents_of(home, ids[kind], new))
    rows = list(csv.DictReader((tmp_path / "z.names.csv").open()))
    assert [row["picture"] for row in rows] == [str(new / name / f"{n}.png") for name in NAMES for n in range(5)]
    assert [row["class"] for row in rows] == [name for name in NAMES for _ in range(5)]
    assert "names in z.names.csv" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["z.names.csv", "z.npy"]


def test_a_table_has_the_same_numbers_exactly(trained: Trained, tmp_path: Path) -> None:
    home, ids, new = trained
    assert command(home, "encode", ids["autoencoder"], new, "--to", tmp_path / "z.csv") == 0
    heads, *rows = csv.reader((tmp_path / "z.csv").open())
    expected = latents_of(home, ids["autoencoder"], new)
    assert heads == ["picture", "class", *(f"z{n}" for n in range(expected.shape[1]))]
    np.testing.assert_array_equal(np.array([row[2:] for row in rows], np.float64).astype(np.float32), expected)


def test_where_nobody_says_what_pictures_show_there_is_no_class(trained: Trained, tmp_path: Path) -> None:
    home, ids, new = trained
    assert command(home, "encode", ids["autoencoder"], new / "bar", "--to", tmp_path / "z.csv") == 0
    assert (tmp_path / "z.csv").read_text().startswith("picture,z0,")
    assert command(home, "encode", ids["autoencoder"], new / "bar", "--to", tmp_path / "p") == 0
    # By the projector's rules a single column has no head.
    assert (tmp_path / "p" / "metadata.tsv").read_text().splitlines()[0] == str(new / "bar" / "0.png")


def test_the_projector_gets_vectors_names_and_one_picture_of_all(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert command(home, "encode", ids["autoencoder"], new, "--to", f"{tmp_path}/projector/") == 0
    assert "tensorboard --logdir" in capsys.readouterr().out
    folder = tmp_path / "projector"
    expected = latents_of(home, ids["autoencoder"], new)
    found = np.loadtxt(folder / "tensors.tsv", delimiter="\t", ndmin=2).astype(np.float32)
    np.testing.assert_array_equal(found, expected)
    heads, first, *_ = (folder / "metadata.tsv").read_text().splitlines()
    assert heads == "picture\tclass"
    assert first == f"{new / 'bar' / '0.png'}\tbar"
    with Image.open(folder / "sprite.png") as sprite:
        assert (sprite.mode, sprite.size) == ("RGB", (4 * 8, 3 * 8))  # ten images in rows of four
        pixels = np.asarray(sprite)
    images = given_images(load_model(home, ids["autoencoder"]), [str(new)]).images
    np.testing.assert_array_equal(pixels[8:16, 8:16, 0], images[5, :, :, 0])
    config = (folder / "projector_config.pbtxt").read_text()
    for line in ('tensor_path: "tensors.tsv"', 'metadata_path: "metadata.tsv"', 'image_path: "sprite.png"'):
        assert line in config
    assert config.count("single_image_dim: 8") == 2


def test_a_part_of_a_set_is_taken_where_it_is_named_and_else_the_test_images(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    images = np.stack([np.asarray(drawn(name, n)) for n in range(4) for name in NAMES])
    np.savez(tmp_path / "set.npz", train_images=images, test_images=images[:3])
    for part, count in (([], 3), (["--part", "train"], 8), (["--part", "all"], 11)):
        to = tmp_path / f"{count}.npy"
        assert command(home, "encode", ids["autoencoder"], tmp_path / "set.npz", "--to", to, *part) == 0
        assert len(np.load(to)) == count
    told = capsys.readouterr().err
    assert "These are the 3 test images of set (--part takes others)." in told
    assert "These are the 8 training and 3 test images of set" in told
    none = ["--to", tmp_path / "none.npy", "--part", "validation"]
    assert command(home, "encode", ids["autoencoder"], tmp_path / "set.npz", *none) == 2
    assert "set has no validation images of its own: choose all, train or test (--part)." in capsys.readouterr().err


def test_a_part_of_a_folder_of_pictures_is_taken_by_its_folders(trained: Trained, tmp_path: Path) -> None:
    home, ids, new = trained
    data = new.parent / "shapes"
    assert command(home, "encode", ids["autoencoder"], data, "--to", tmp_path / "z.csv", "--part", "test") == 0
    names = [row["picture"] for row in csv.DictReader((tmp_path / "z.csv").open())]
    assert len(names) == 20
    assert all(name.startswith(str(data / "test")) for name in names)


def test_mnist_by_its_name_is_what_comes_along(trained: Trained, tmp_path: Path) -> None:
    home, ids, _ = trained
    assert command(home, "encode", ids["autoencoder"], "mnist", "--to", tmp_path / "z.npy") == 0
    assert len(np.load(tmp_path / "z.npy")) == 10_000


def test_as_json_it_is_told_what_was_written_and_how_it_was_checked(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    folder = write_folder(tmp_path / "mixed", {"a.png": content(drawn("bar", 1)), "b.png": b"torn"})
    assert command(home, "encode", ids["autoencoder"], folder, "--to", tmp_path / "z.npy", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [str(tmp_path / "z.npy"), str(tmp_path / "z.names.csv")]
    assert told["bytes"] == sum(Path(file).stat().st_size for file in told["files"])
    assert told["checked"].startswith("read back, 1 row of ")
    assert told["bad"] == {str(folder / "b.png"): "is not in a picture format that can be read"}


@pytest.mark.parametrize("to", ["z.npy", "z.csv", "p/"])
def test_what_is_given_up_or_cannot_be_read_leaves_nothing(
    to: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    out = tmp_path / "out"
    out.mkdir()
    torn = write_folder(tmp_path / "torn", {"a.png": b"torn"})
    assert command(home, "encode", ids["autoencoder"], torn, "--to", f"{out}/{to}") == 2
    assert "None of the pictures can be read, so nothing was written." in capsys.readouterr().err

    def given_up(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "latent", given_up)
    assert command(home, "encode", ids["autoencoder"], new, "--to", f"{out}/{to}") == 130
    assert list(out.iterdir()) == []


def test_what_was_not_written_as_it_should_be_is_not_left(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.exporters import latents

    home, ids, new = trained
    monkeypatch.setattr(latents, "_digits", lambda row: ["0.5"] * len(row))
    assert command(home, "encode", ids["autoencoder"], new, "--to", tmp_path / "z.csv") == 2
    assert "cannot be read back as it was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_it_is_said_what_to_install(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert command(home, "encode", ids["autoencoder"], new, "--to", tmp_path / "z.parquet") == 2
    assert "pip install 'cae-tui[parquet]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "`encode` needs --to FILE: a new file that ends in .npy"),
        (["--to", "{out}/z.npz"], "Latents are not written as .npz: end the name in .npy, .csv or .parquet, or in /"),
        (["--to", "{out}/taken.npy"], "taken.npy already exists and is not overwritten"),
        (["--to", "{out}/half.npy"], "half.names.csv already exists and is not overwritten"),
        (["--to", "{out}/z.npy", "--part", "some"], "--part: “some” is not known: choose all, train, validation or"),
        (["--to", "{out}/z.npy", "--centre", "so"], "--centre: “so” is not known: choose auto, yes or no."),
    ],
)
def test_bad_input_is_a_sentence(
    words: list[str], sentence: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    write_folder(tmp_path, {"taken.npy": b"", "half.names.csv": b""})
    assert command(home, "encode", ids["autoencoder"], new, *[word.format(out=tmp_path) for word in words]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "Traceback" not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half.names.csv", "taken.npy"]


# -- reconstruct ----------------------------------------------------------------------------------


def test_each_picture_is_rebuilt_under_its_own_name_and_its_error_is_told(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    to = tmp_path / "out"
    assert command(home, "reconstruct", ids["autoencoder"], new / "bar", "--to", to) == 0
    model = load_model(home, ids["autoencoder"])
    given = given_images(model, [str(new / "bar")])
    assert sorted(path.name for path in to.iterdir()) == [f"{n}.png" for n in range(5)]
    rebuilt = model.reconstruct(given.images)
    for row in range(5):
        np.testing.assert_array_equal(np.asarray(Image.open(to / f"{row}.png")), rebuilt[row, :, :, 0])
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[:5]] == list(given.names)
    assert "The reconstructions of 5 images were written to" in out


def test_pictures_of_one_name_keep_their_folders_and_nothing_leaves_the_folder(
    trained: Trained, tmp_path: Path
) -> None:
    home, ids, new = trained
    to = tmp_path / "out"
    assert command(home, "reconstruct", ids["autoencoder"], new / "bar" / ".." / "bar", new / "dot", "--to", to) == 0
    found = sorted(str(path.relative_to(to)) for path in to.rglob("*.png"))
    assert found == [f"{name}/{n}.png" for name in NAMES for n in range(5)]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    twice = tmp_path / "twice"
    folder = write_folder(tmp_path / "both", {f"a.{end}": content(drawn("bar", 1)) for end in ("png", "bmp")})
    assert command(home, "reconstruct", ids["autoencoder"], folder, folder, "--to", twice) == 0
    assert len(list(twice.iterdir())) == 4


def test_images_stand_beside_their_reconstructions_as_light_and_dark_as_they_were_given(
    trained: Trained, tmp_path: Path
) -> None:
    home, ids, _ = trained
    folder = write_folder(tmp_path / "in", {"a.png": content(drawn("bar", 3, inverted=True))})
    assert command(home, "reconstruct", ids["autoencoder"], folder, "--to", tmp_path / "out", "--beside") == 0
    found = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert found.shape == (8, 16)
    np.testing.assert_array_equal(found[:, :8], np.asarray(drawn("bar", 3, inverted=True)))
    assert found[:, 8:].mean() > 128


def test_the_errors_go_to_a_table_or_to_json(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    folder = write_folder(tmp_path / "in", {"a.png": content(drawn("bar", 3)), "b.png": b"torn"})
    table = tmp_path / "errors.csv"
    assert command(home, "reconstruct", ids["autoencoder"], folder, "--to", tmp_path / "1", "--csv", table) == 0
    capsys.readouterr()
    assert command(home, "reconstruct", ids["autoencoder"], folder, "--to", tmp_path / "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader(table.open()))
    assert [row["reconstruction"] for row in rows] == ["a.png", ""]
    assert rows[1]["error"] == "is not in a picture format that can be read"
    assert float(rows[0]["mse"]) == pytest.approx(told["pictures"][0]["mse"])
    assert told["mse"] == told["pictures"][0]["mse"]
    assert told["bad"] == {str(folder / "b.png"): "is not in a picture format that can be read"}


def test_a_classifier_has_its_encoders_autoencoder_rebuild_them_and_a_file_alone_has_none(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert command(home, "reconstruct", ids["classifier"], new, "--to", tmp_path / "out") == 0
    assert "the autoencoder that its encoder comes from rebuilds the images" in capsys.readouterr().err
    alone = tmp_path / "mine.safetensors"
    shutil.copy(home.find(ids["classifier"]).model, alone)
    assert command(home, "reconstruct", alone, new, "--to", tmp_path / "none") == 2
    assert "is not with it: name an autoencoder, or the run" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_there_is_not_written_into_and_what_is_given_up_leaves_none(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    assert command(home, "reconstruct", ids["autoencoder"], new, "--to", tmp_path) == 2
    assert "already exists and is not overwritten" in capsys.readouterr().err

    def given_up(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "errors", given_up)
    words = ["--to", tmp_path / "out", "--csv", tmp_path / "out.csv"]
    assert command(home, "reconstruct", ids["autoencoder"], new, *words) == 130
    assert list(tmp_path.iterdir()) == []


def test_new_images_get_no_noise_of_a_denoiser_and_that_is_said(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    spec = home.find(ids["autoencoder"]).read_spec()["spec"]
    flags = ["--images", spec["images"]] if spec["images"] else ["--data", spec["data"]]
    small = ["--epochs", "1", "--layers", "2", "--kernels", "2", "--batch-size", "8", "--threads", "1"]
    own = Home(tmp_path / "home")
    assert command(own, "autoencoder", *flags, *small, "--noise", "gaussian", "--json") == 0
    run = json.loads(capsys.readouterr().out)["id"]
    folder = write_folder(tmp_path / "in", {"a.png": content(drawn("bar", 3))})
    said = "The model was trained with gaussian noise 0.3 on its images; these were given to it as they are."
    for where, named, told in ((own, run, True), (home, ids["autoencoder"], False)):
        assert command(where, "reconstruct", named, folder, "--to", tmp_path / named) == 0
        assert (said in " ".join(capsys.readouterr().err.split())) is told
        assert command(where, "evaluate", named, "--data", *flags[1:]) == 0
        assert (said in " ".join(capsys.readouterr().err.split())) is told
    assert command(own, "autoencoder", *flags, *small, "--validation-noise", "mixed", "--json") == 0
    judged = json.loads(capsys.readouterr().out)["id"]
    said = "The model was validated with mixed noise on its images; these were given to it as they are."
    assert command(own, "reconstruct", judged, folder, "--to", tmp_path / judged) == 0
    assert said in " ".join(capsys.readouterr().err.split())
    assert command(own, "evaluate", judged, "--data", *flags[1:]) == 0
    assert said in " ".join(capsys.readouterr().err.split())
    model = load_model(own, run)
    images = given_images(model, [str(folder / "a.png")]).images
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / run / "a.png")), model.reconstruct(images)[0, :, :, 0]
    )
