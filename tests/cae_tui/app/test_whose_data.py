"""On the command line a classifier learns from the images of its encoder, unless others are named."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cae_tui.cli.main import _spec_of, main
from cae_tui.cli.parser import make_parser
from cae_tui.cli.study_cli import study_asked
from engine import jobs
from engine.data.datasets import load_dataset
from engine.protocol.control import Flag
from engine.runs.directory import Home, RunDirectory
from engine.runs.encoders import encoder_source
from engine.specs.data_files import DataFiles, told_apart
from engine.storage.files import read_json
from tests.engine.tiny import CLASSES, TRAINING, classes, noise, tiny, write_files
from tests.idx import write_idx

CLASSIFIER = [
    "--frozen-epochs",
    "1",
    "--finetune-epochs",
    "0",
    "--batch-size",
    "8",
    "--fc-units",
    "4",
    "--device",
    "cpu",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an autoencoder of a set called noise, whose files lie beside it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "noise").mkdir()
    files = write_files(folder / "noise")
    jobs.start(Home(folder / "home"), tiny(files, epochs=1), lambda _: None, Flag())
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home; its run's images are where they were."""
    shutil.copytree(trained / "home", tmp_path / "home")
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path / "home"))
    return tmp_path


def encoder(folder: Path) -> RunDirectory:
    home = Home(folder / "home")
    return home.find(next(run.id for run in home.list_runs() if run.kind == "autoencoder"))


def classifier(folder: Path) -> RunDirectory:
    home = Home(folder / "home")
    return home.find(next(run.id for run in home.list_runs() if run.kind == "classifier"))


def other_files(folder: Path) -> list[str]:
    """Images of the same shape, not the encoder's, as flags."""
    (folder / "other").mkdir()
    images = write_idx(folder / "other" / "images", noise(TRAINING, 7)[..., 0])
    labels = write_idx(folder / "other" / "labels", classes(TRAINING))
    return ["--images", str(images), "--labels", str(labels)]


def test_a_classifier_takes_the_images_of_its_encoder(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = encoder(folder)
    assert main(["classifier", "--encoder", run.id, *CLASSIFIER]) == 0
    made = classifier(folder)
    assert made.read_spec()["spec"]["test_labels"] == str(trained / "noise" / "test-labels")
    assert made.read_status().data_digest == run.read_status().data_digest
    out, err = capsys.readouterr()
    assert " · noise · cpu" in err
    assert "learned from" not in out + err  # nothing differs
    assert out.splitlines()[0].endswith(" · noise")


def test_where_other_images_are_named_one_line_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classifier", "--encoder", encoder(folder).id, *other_files(folder), *CLASSIFIER]) == 0
    sentence = "The encoder learned from noise, and the classifier learns from other."
    out, err = capsys.readouterr()
    assert err.count(sentence) == 1
    assert sentence in out  # of the report
    result = classifier(folder).read_result()
    assert result is not None
    assert sentence in result.remarks


def test_where_both_sets_have_one_name_their_paths_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    labels = write_idx(folder / "labels", classes(TRAINING))
    one, other = (write_idx(folder / name / "s.idx", noise(TRAINING, ord(name))[..., 0]) for name in "ab")
    home = Home(folder / "home")
    result = jobs.start(home, tiny({"images": one}, epochs=1), lambda _: None, Flag())
    asked = ["classifier", "--encoder", result.id, "--labels", str(labels), *CLASSIFIER]
    assert main([*asked, "--images", str(other)]) == 0
    sentence = "The encoder learned from a/s.idx, and the classifier learns from b/s.idx."
    assert sentence in capsys.readouterr().err
    write_idx(one, noise(TRAINING, 5)[..., 0])
    assert main(asked) == 0
    assert f"{one} has changed since the encoder was trained: the encoder and the" in capsys.readouterr().err


def test_sets_of_one_name_are_told_apart_by_paths_as_short_as_will_do() -> None:
    paths = [Path("/x/a/s.idx"), Path("/x/b/s.idx"), Path("/y/b/s.idx"), Path("/x/t.idx"), None]
    assert told_apart([("s", paths[0]), ("t", paths[3])]) == ["s", "t"]
    assert told_apart([("s", paths[0]), ("s", paths[1]), ("t", paths[3])]) == ["a/s.idx", "b/s.idx", "t"]
    assert told_apart([("s", paths[1]), ("s", paths[2])]) == ["x/b/s.idx", "y/b/s.idx"]
    assert told_apart([("MNIST", None), ("MNIST", Path("/x/MNIST"))]) == ["MNIST", "x/MNIST"]
    assert told_apart([("s", Path("/x/s.idx")), ("s", Path("/x/s.idx.gz"))]) == ["s.idx", "s.idx.gz"]
    assert told_apart([("s", paths[0]), ("s", paths[0])]) == ["s", "s"]


def test_the_same_images_at_another_path_are_the_same_data(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained / "noise", folder / "elsewhere")
    given = [word for name in ("images", "labels", "test-images", "test-labels")
             for word in (f"--{name}", str(folder / "elsewhere" / name))]  # fmt: skip
    assert main(["classifier", "--encoder", encoder(folder).id, *given, *CLASSIFIER]) == 0
    assert "learned from" not in "".join(capsys.readouterr())


@pytest.fixture(scope="module")
def trained_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an autoencoder that learned from images alone; labels and test files lie beside them."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "noise").mkdir()
    files = write_files(folder / "noise")
    jobs.start(Home(folder / "home"), tiny({"images": files["images"]}, epochs=1), lambda _: None, Flag())
    return folder


@pytest.mark.parametrize("named", [["labels"], ["labels", "test-images", "test-labels"]])
def test_labels_and_a_test_set_do_not_make_other_images(
    trained_alone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: list[str],
) -> None:
    shutil.copytree(trained_alone / "home", tmp_path / "home")
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path / "home"))
    given = [word for name in named for word in (f"--{name}", str(trained_alone / "noise" / name))]
    assert main(["classifier", "--encoder", encoder(tmp_path).id, *given, *CLASSIFIER]) == 0
    assert "learned from" not in "".join(capsys.readouterr())


def forget_images(run: RunDirectory) -> None:
    """Leave `spec.json` and `status.json` of a run as earlier versions wrote them."""
    status, written = read_json(run.status), read_json(run.spec)
    del status["images_digest"], written["data"]["images_digest"]
    run.status.write_text(json.dumps(status))
    run.spec.write_text(json.dumps(written))


def test_what_a_run_of_an_earlier_version_learned_from_is_seen_from_its_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    files = write_files(tmp_path / "own")
    run, home = encoder(folder), Home(folder / "home")
    forget_images(run)
    written = read_json(run.spec)
    written["spec"] |= {name: str(path) for name, path in files.items()}
    run.spec.write_text(json.dumps(written))
    elsewhere_files = DataFiles(images=Path(shutil.copy(files["images"], tmp_path / "elsewhere")))
    elsewhere = load_dataset(elsewhere_files)
    assert encoder_source(home, run.id).remarks(elsewhere, elsewhere_files) == ()
    write_idx(files["images"], noise(TRAINING, 7)[..., 0])  # now they are others
    (told,) = encoder_source(home, run.id).remarks(elsewhere, elsewhere_files)
    assert told == "The encoder learned from noise, and the classifier learns from elsewhere."
    files["images"].unlink()
    assert encoder_source(home, run.id).remarks(elsewhere, elsewhere_files) == (told,)
    with_files = DataFiles(
        images=tmp_path / "elsewhere", labels=files["labels"], test_images=files["test_images"],
        test_labels=files["test_labels"],
    )  # fmt: skip
    with_labels = load_dataset(with_files)
    assert (
        encoder_source(home, run.id).remarks(with_labels, with_files) == ()
    )  # the whole is the same: no file is asked


def test_labels_alone_go_with_the_encoder_s_images(folder: Path, trained: Path) -> None:
    labels = write_idx(folder / "labels", (classes(TRAINING) + 1) % CLASSES)
    assert main(["classifier", "--encoder", encoder(folder).id, "--labels", str(labels), *CLASSIFIER]) == 0
    spec = classifier(folder).read_spec()["spec"]
    assert (spec["images"], spec["labels"]) == (str(trained / "noise" / "images"), str(labels))


def test_a_model_file_that_was_copied_out_still_names_its_images(folder: Path, trained: Path) -> None:
    shutil.copy(encoder(folder).model, folder / "mine.safetensors")
    assert main(["classifier", "--encoder", str(folder / "mine.safetensors"), *CLASSIFIER]) == 0
    assert classifier(folder).read_spec()["spec"]["images"] == str(trained / "noise" / "images")


def test_a_model_file_that_names_no_images_and_has_not_the_shape_of_mnist_is_asked_about(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.network.autoencoder import ConvAutoencoder
    from engine.runs.checkpoint import write_model

    model = ConvAutoencoder(tiny({}), (8, 8, 1))
    write_model(folder / "mine.safetensors", model, dict(model.state_dict()))
    assert main(["classifier", "--encoder", str(folder / "mine.safetensors"), *CLASSIFIER]) == 2
    assert "--data:" in (told := capsys.readouterr().err)
    assert "8×8 grey, so they were not MNIST" in told


@pytest.mark.parametrize("word", ["mnist", "MNIST"])
def test_mnist_is_named_by_that_word(word: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(folder / "home")
    parser = make_parser("classifier")
    spec = _spec_of(parser.parse_args(["classifier", "--encoder", encoder(folder).id, "--images", word]), home)
    assert spec.images is None
    other = _spec_of(parser.parse_args(["classifier", "--encoder", encoder(folder).id]), home)
    assert other.images is not None
    (folder / "in" / word).mkdir(parents=True)  # as torchvision leaves one
    monkeypatch.chdir(folder / "in")
    spec = _spec_of(parser.parse_args(["classifier", "--encoder", encoder(folder).id, "--images", word]), home)
    assert spec.images is None
    monkeypatch.chdir(folder)
    (folder / word).write_bytes(b"")  # a file of that name wins
    spec = _spec_of(make_parser("autoencoder").parse_args(["autoencoder", "--images", word]), home)
    assert spec.images == Path(word)


def test_images_that_are_gone_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = encoder(folder)
    written = read_json(run.spec)
    written["spec"]["images"] = str(folder / "gone")
    run.spec.write_text(json.dumps(written))
    assert main(["classifier", "--encoder", run.id, *CLASSIFIER]) == 2
    assert (
        f"--data: The encoder learned from noise, and {folder / 'gone'} is no longer there" in capsys.readouterr().err
    )


@pytest.mark.parametrize("flag", ["--images", "--labels", "--test-images", "--test-labels"])
@pytest.mark.parametrize("command", [["autoencoder"], ["study", "layers=4,6"], ["classifier", "--encoder", "x"]])
@pytest.mark.parametrize("blank", ["", " "])
def test_a_path_that_names_nothing_is_a_mistake_and_not_mnist(
    folder: Path, capsys: pytest.CaptureFixture[str], flag: str, command: list[str], blank: str
) -> None:
    assert main([*command, flag, blank]) == 2
    assert capsys.readouterr().err == f"cae-tui: {flag}: This names no file: give a path, or leave it out.\n"


def test_a_study_of_classifiers_takes_the_images_of_their_encoder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["study", "fc_units=4,8", "--encoder", encoder(folder).id, "--batch-size", "8", "--device", "cpu", "--json"]
    assert main([*asked, "--dry-run"]) == 0
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)["plan"]
    assert plan["data"]["name"] == "noise"


def test_images_that_are_named_replace_all_files_of_a_baseline(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_idx(folder / "more.idx", noise(TRAINING + 3, 5)[..., 0])  # the baseline's labels do not belong to it
    asked = ["study", "epochs=1,2", "--baseline", encoder(folder).id, "--images", str(images), "--json", "--dry-run"]
    assert main(asked) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan["spec"]["baseline"]["labels"] is None
    assert plan["data"]["name"] == "more"


def test_mnist_replaces_all_files_of_a_baseline(folder: Path) -> None:
    words = ["study", "epochs=1,2", "--baseline", encoder(folder).id, "--images", "mnist"]
    asked = study_asked(make_parser("study").parse_args(words), Home(folder / "home"), "autoencoder")
    assert asked.baseline.files == DataFiles()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("diverged", "which diverged. It has the weights of epoch 1, its best."),
        ("stopped", "which was stopped after 1 epoch. It has the weights of epoch 1, its best."),
        ("failed", "which failed. It has the weights of epoch 1, its best."),
    ],
)
def test_an_encoder_of_a_run_that_did_not_end_well_is_taken_with_a_word(
    folder: Path, capsys: pytest.CaptureFixture[str], state: str, sentence: str
) -> None:
    run = encoder(folder)
    values = read_json(run.status)
    run.status.write_text(json.dumps({**values, "state": state}))
    assert main(["classifier", "--encoder", run.id, *CLASSIFIER]) == 0
    out, err = capsys.readouterr()
    assert f"The encoder comes from run {run.id}, {sentence}" in err
    assert sentence in out


@pytest.mark.parametrize(
    ("state", "epoch", "sentence"),
    [
        ("diverged", 0, "diverged before its first epoch was complete, so it has no model: choose another run."),
        ("pruned", 0, "was pruned before its first epoch was complete, so it has no model: choose another run."),
        ("failed", 0, "failed before its first epoch was complete, so it has no model: `cae-tui resume {}` continues"),
        (
            "failed",
            1,
            "failed and has no model: `cae-tui resume {0}` continues it, and `cae-tui finish {0}` makes one from its",
        ),
        ("stopped", 0, "was stopped before its first epoch was complete, so it has no model: `cae-tui resume {}`"),
        ("running", 0, "was cut off before its first epoch was complete, so it has no model: `cae-tui resume {}`"),
        ("finished", 1, "The model file of run {},"),
    ],
)
def test_a_run_without_a_model_says_why_it_has_none(
    folder: Path, capsys: pytest.CaptureFixture[str], state: str, epoch: int, sentence: str
) -> None:
    run = encoder(folder)
    values = read_json(run.status)
    run.status.write_text(json.dumps({**values, "state": state, "epoch": epoch, "best_epoch": epoch}))
    run.model.unlink()
    assert main(["classifier", "--encoder", run.id, *CLASSIFIER]) == 2
    assert sentence.format(run.id) in capsys.readouterr().err


def test_a_trial_without_a_model_is_continued_with_its_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = encoder(folder)
    values = read_json(run.status)
    run.model.unlink()
    for epoch in (0, 1):
        told = {"state": "stopped", "epoch": epoch, "best_epoch": epoch, "study": "s1tudy0000"}
        run.status.write_text(json.dumps({**values, **told}))
        assert main(["classifier", "--encoder", run.id, *CLASSIFIER]) == 2
        said = capsys.readouterr().err
        assert "`cae-tui study resume s1tudy0000` continues it" in said
        assert "finish" not in said


def test_a_run_that_trains_is_waited_for_where_it_has_no_model(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = encoder(folder)
    run.status.write_text(json.dumps({**read_json(run.status), "state": "running"}))
    run.model.unlink()
    with run.locked():
        assert main(["classifier", "--encoder", run.id, *CLASSIFIER]) == 2
    assert "is running and has no model yet: let it finish, or stop it after an epoch." in capsys.readouterr().err


def test_the_list_the_report_and_the_csv_name_the_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = encoder(folder)
    assert main(["runs"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    heads = "run kind spec data state epochs val loss time age"
    assert head.split() == heads.split()
    assert " noise " in line
    assert main(["runs", "data:NOISE", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert (listed["data"], listed["data_digest"]) == ("noise", run.read_status().data_digest)
    assert main(["runs", "data:mnist", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == []
    assert main(["runs", "--csv", "-"]) == 0
    rows = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert rows[1][rows[0].index("data")] == "noise"
    assert main(["report", run.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == "noise"


def test_a_result_without_the_name_of_the_data_has_it_from_the_spec(folder: Path) -> None:
    run = encoder(folder)
    values = read_json(run.result)
    del values["data"], values["data_digest"]
    run.result.write_text(json.dumps(values))
    result = run.read_result()
    assert result is not None
    assert result.data == "noise"


def test_where_an_encoder_comes_from_is_known_of_a_run_and_of_its_model_file(folder: Path, trained: Path) -> None:
    run, home = encoder(folder), Home(folder / "home")
    of_run, of_file = encoder_source(home, run.id), encoder_source(home, str(run.model))
    assert of_run == of_file
    assert of_run.files.images == trained / "noise" / "images"
    assert np.prod(of_run.shape) == 64
