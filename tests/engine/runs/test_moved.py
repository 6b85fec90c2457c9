"""Runs and studies whose images were moved: they are taken from a new place where they are the ones."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cae_tui.bridge.reader import Reader
from cae_tui.cli.main import main
from engine import jobs
from engine.errors import DatasetError, MovedError, RunError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.protocol.states import EARLY_STOPPED, STOPPED
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.moved import places, relocate
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from engine.specs.data_files import PATHS, ROLES, DataFiles
from engine.studies.planning import create
from engine.studies.records import Studies, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study
from tests.engine.studies.conftest import Watcher
from tests.engine.tiny import SIDE, TRAINING, classes, noise, tiny, tiny_classifier, write_encoder, write_files
from tests.idx import write_idx


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Four files in `old`."""
    folder = tmp_path / "old"
    folder.mkdir()
    return write_files(folder)


def move(files: dict[str, Path], folder: Path) -> dict[str, Path]:
    """The same files in `folder`, and none where they were."""
    folder.mkdir(exist_ok=True)
    return {field: Path(shutil.move(path, folder / path.name)) for field, path in files.items()}


def stopped(home: Home, spec: AutoencoderSpec | ClassifierSpec) -> RunDirectory:
    """A run that was stopped after its first epoch."""
    flag, run = Flag(), []

    def emit(event: Event) -> None:
        run.append(getattr(event, "run", ""))
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    jobs.start(home, spec, emit, flag)
    return home.find(run[0])


def nothing(event: Event) -> None:
    """Hear nothing."""


def paths_of(run: RunDirectory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where the images are, as its spec and the facts about them have it."""
    written = run.read_spec()
    found = (
        {field: place[field] for field in PATHS if place[field]}
        for place in (written["spec"], written["data"]["paths"])
    )
    return next(found), next(found)


def test_a_run_goes_on_from_the_new_place_and_ends_as_if_nothing_had_been_moved(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    whole = jobs.start(home, tiny(files, epochs=3), nothing, Flag())
    run = stopped(home, tiny(files, epochs=3))
    new = move(files, tmp_path / "new")
    relocate(run, {"images": new["images"]})
    expected = {field: str(path) for field, path in new.items()}
    assert paths_of(run) == (expected, expected)
    assert jobs.resume(run, nothing, Flag()).state == "finished"
    tensors, others = (read_tensors(home.find(name).model)[0] for name in (run.id, whole.id))
    assert all(np.array_equal(tensor, others[name]) for name, tensor in tensors.items())


def test_a_missing_file_says_how_its_new_place_is_told(home: Home, files: dict[str, Path]) -> None:
    run = stopped(home, tiny(files))
    files["test_labels"].unlink()
    with pytest.raises(MovedError) as refused:
        jobs.resume(run, nothing, Flag())
    assert str(refused.value) == (
        f"The test labels of run {run.id} are no longer there: {files['test_labels']}. If they were moved, say "
        f"where to: `cae-tui resume {run.id} --test-labels PATH`."
    )
    for field in ("images", "labels"):
        files[field].unlink()
    with pytest.raises(MovedError, match=r"images and 2 more of its files\..* --images PATH`; the others") as refused:
        jobs.resume(run, nothing, Flag())
    assert refused.value.gone == ("images", "labels", "test_labels")


def test_a_classifier_s_run_is_told_too(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "model.safetensors", files)
    run = stopped(home, tiny_classifier(files, encoder, finetune_epochs=2, labelled_fraction=0.5))
    new = move(files, tmp_path / "new")
    encoder.unlink()
    relocate(run, {"images": new["images"]})
    assert jobs.resume(run, nothing, Flag()).state in ("finished", "early-stopped")


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (noise(TRAINING + 1), classes(TRAINING + 1), "60 training images were expected, 61 were found"),
        (noise(TRAINING)[..., :-1, :].repeat(3, 3), classes(TRAINING), "8×8 grey pixels were expected, these have 8×7"),
        (noise(TRAINING, 7), classes(TRAINING), "training images are .*: their number and shape are right, but pixels"),
        (noise(TRAINING), classes(TRAINING)[::-1], "training labels are not .*: there are as many, but they differ"),
        (noise(TRAINING, 7), classes(TRAINING)[::-1], "training images and training labels are .* pixels or labels di"),
        (noise(TRAINING), classes(TRAINING) * 2, "labels of 3 classes were expected, of 5 were found"),
    ],
)  # fmt: skip
def test_other_images_are_refused_with_what_differs(
    images: Any, labels: Any, words: str, home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    if images.shape[2] != SIDE:
        images = images.repeat(2, 2)[:, :, : SIDE + 1]
        words = words.replace("8×7", "8×9 colour")
    run = stopped(home, tiny(files))
    before = run.spec.read_bytes()
    new = move(files, tmp_path / "new")
    write_idx(new["images"], images[..., 0] if images.shape[3] == 1 else images)
    write_idx(new["labels"], labels)
    if images.shape[1:] != (SIDE, SIDE, 1):
        write_idx(new["test_images"], images)
        write_idx(new["test_labels"], labels)
    with pytest.raises(MovedError, match=words):
        relocate(run, {"images": new["images"]})
    assert run.spec.read_bytes() == before


OTHERS = {
    "images": noise(TRAINING, 7)[..., 0],
    "labels": classes(TRAINING)[::-1],
    "test_images": noise(20, 7)[..., 0],
    "test_labels": classes(20)[::-1],
}
"""As many as before of each, but others."""


@pytest.mark.parametrize(
    "replaced", [["images"], ["labels"], ["test_images"], ["test_labels"], ["labels", "test_labels"]]
)
def test_the_file_that_was_replaced_is_named_with_its_flag(
    replaced: list[str], home: Home, files: dict[str, Path]
) -> None:
    run = stopped(home, tiny(files))
    directory = create(home, make_study("one", tiny(files), {"kernels": "2,3"}))
    for field in replaced:
        write_idx(files[field], OTHERS[field])
    roles = " and ".join(ROLES[field] for field in replaced)
    flags = " ".join(f"--{field.replace('_', '-')} PATH" for field in replaced)
    with pytest.raises(MovedError) as refused:
        jobs.resume(run, nothing, Flag())
    assert str(refused.value).startswith(f"The {roles} are not the ones run {run.id} began with: ")
    assert str(refused.value).endswith(f"say where they are: `cae-tui resume {run.id} {flags}`.")
    assert (refused.value.gone, refused.value.fields) == ((), tuple(replaced))
    with pytest.raises(MovedError, match=f"{roles} are not the ones study .* {flags}`") as refused:
        work_on(home, directory, Watcher(), Flag())
    assert refused.value.fields == tuple(replaced)


def forget_parts(path: Path) -> None:
    """Leave the digest of everything alone in a `spec.json` or a `study.json`, as version 0.1.0 wrote them."""
    written = json.loads(path.read_text())
    del written["data"]["images_digest"], written["data"]["part_digests"]
    path.write_text(json.dumps(written))


def test_where_the_parts_were_not_written_down_it_is_not_said_which_file_differs(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    run, alone = stopped(home, tiny(files)), stopped(home, tiny({"images": files["images"]}))
    directory = create(home, make_study("one", tiny(files), {"kernels": "2,3"}))
    for path in (run.spec, alone.spec, directory.study):
        forget_parts(path)
    kept = tmp_path / "kept"
    kept.mkdir()
    for field in ("labels", "images"):
        shutil.copy(files[field], kept)
    write_idx(files["labels"], OTHERS["labels"])
    sentence = (
        "The images or labels are not the ones {} began with: their number and shape are right, but pixels or labels "
        "differ. Restore the original files, or say where they are: `cae-tui {} --images PATH`. Its other files have "
        "flags of their own: --labels, --test-images, --test-labels."
    )
    with pytest.raises(MovedError) as refused:
        jobs.resume(run, nothing, Flag())
    assert str(refused.value) == sentence.format(f"run {run.id}", f"resume {run.id}")
    assert refused.value.fields == ()
    with pytest.raises(MovedError) as refused:
        work_on(home, directory, Watcher(), Flag())
    assert str(refused.value) == sentence.format(f"study {directory.id}", f"study resume {directory.id}")
    assert relocate(run, {"labels": kept}).images == files["images"]
    write_idx(files["images"], OTHERS["images"])
    with pytest.raises(MovedError, match="training images are not the ones"):  # it has no other files
        jobs.resume(alone, nothing, Flag())


def test_labels_that_a_run_began_without_are_not_taken_for_its_own(home: Home, files: dict[str, Path]) -> None:
    run = stopped(home, tiny({"images": files["images"]}))
    with pytest.raises(MovedError, match=f"training labels are not the ones run {run.id} began with: it had none"):
        relocate(run, {"labels": files["labels"]})


def test_labels_of_another_number_are_asked_for_too(home: Home, files: dict[str, Path]) -> None:
    run = stopped(home, tiny(files))
    write_idx(files["labels"], classes(TRAINING)[:-1])
    with pytest.raises(MovedError, match=r"labels.*`cae-tui resume \w+ --labels PATH`") as refused:
        jobs.resume(run, nothing, Flag())
    assert refused.value.fields == ("labels",)


@pytest.mark.parametrize(
    ("field", "images", "words"),
    [
        ("images", noise(TRAINING + 1), "60 training images were expected, 61 were found"),
        ("images", noise(TRAINING).repeat(2, 2), "8×8 grey pixels were expected, these have 8×16 grey"),
        ("test_images", noise(21), "20 test images were expected, 21 were found"),
    ],
)
def test_images_that_are_named_are_looked_at_before_the_labels_that_are_gone(
    field: str, images: Any, words: str, home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    move(files, tmp_path / "new")
    other = write_idx(tmp_path / "other", images[..., 0])
    with pytest.raises(MovedError, match=f"are not the ones run {run.id} began with: {words}") as refused:
        relocate(run, {field: other})
    assert not refused.value.gone
    assert f"`cae-tui resume {run.id} --{field.replace('_', '-')} PATH`" in str(refused.value)


@pytest.mark.parametrize(("fraction", "fits"), [(1, "the right number and shape"), (0.5, "the right shape")])
def test_where_only_the_labels_are_gone_it_is_told_that_the_images_that_are_named_fit(
    fraction: float, fits: str, home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    encoder = write_encoder(tmp_path / "model.safetensors", files)
    run = stopped(home, tiny_classifier(files, encoder, labelled_fraction=fraction))
    for field in ("images", "labels"):
        files[field].unlink()
    other = write_idx(tmp_path / "other one", noise(TRAINING, 7)[..., 0])
    with pytest.raises(MovedError) as refused:
        relocate(run, {"images": other})
    assert str(refused.value) == (
        f"The training images in {other} have {fits}, but the training labels of run {run.id} are no longer there: "
        f"{files['labels']}. If they were moved, say where to: "
        f"`cae-tui resume {run.id} --images '{other}' --labels PATH`."
    )
    assert refused.value.gone == ("labels",)


def test_a_run_that_is_at_work_is_left_alone(home: Home, files: dict[str, Path]) -> None:
    run = stopped(home, tiny(files))
    with run.locked(), pytest.raises(RunError, match="is being trained: stop it first"):
        relocate(run, {"images": files["images"]})


def test_files_are_found_beside_the_one_that_is_named_and_where_the_same_move_leads(tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "b"
    for place in ("train/x", "train/y", "test/x", "test/y"):
        (new / place).parent.mkdir(parents=True, exist_ok=True)
        (new / place).write_bytes(b"")
    was = DataFiles(
        images=old / "train/x", labels=old / "train/y", test_images=old / "test/x", test_labels=old / "test/y"
    )
    now = DataFiles(
        images=new / "train/x", labels=new / "train/y", test_images=new / "test/x", test_labels=new / "test/y"
    )
    assert next(places(was, {"images": new / "train/x"})) == now
    assert next(places(was, {"images": new / "train"})) == now
    assert next(places(was, {"test_labels": new / "test"})) == now


def test_a_file_that_stayed_is_kept_and_one_that_was_replaced_is_looked_for_anew(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    elsewhere = tmp_path / "new"
    moved = move({"images": files["images"]}, elsewhere)
    assert relocate(run, moved).labels == files["labels"]
    for field in ("labels", "test_images", "test_labels"):
        shutil.copy(files[field], elsewhere)
    write_idx(files["labels"], classes(TRAINING)[::-1])
    assert relocate(run, moved).labels == elsewhere / files["labels"].name


async def test_the_predictions_of_a_finished_run_are_seen_from_the_new_place(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    run = home.find(jobs.start(home, tiny(files), nothing, Flag()).id)
    reader = Reader(home)
    home.specs([run.id])
    new = move(files, tmp_path / "new")
    with pytest.raises(MovedError):
        await reader.predictions(run.id)
    assert reader.files_gone(run.id) == files
    assert await reader.relocate(run.id, {"images": new["images"].parent}) == new["images"]
    assert not reader.files_gone(run.id)
    assert len((await reader.predictions(run.id)).predictions) == 20
    assert (await reader.images(run.id, [0]))[0].height == SIDE
    assert home.specs([run.id])[run.id]["images"] == str(new["images"])


def test_the_command_line_takes_the_new_place_and_goes_on(
    home: Home, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    words = ["--home", str(home.path), "resume", run.id]
    assert main(words) == 2
    assert f"say where to: `cae-tui --home {home.path} resume {run.id} --images PATH`" in capsys.readouterr().err
    assert main([*words, "--images", new["images"].as_uri(), "--json"]) == 0
    told = capsys.readouterr()
    assert f"Run {run.id} reads its images from {new['images']} now." in told.err
    assert json.loads(told.out)["state"] == "finished"
    assert main([*words, "--labels", ""]) == 2
    assert "--labels: This names no file: give a path, or leave it out." in capsys.readouterr().err
    again = move(new, tmp_path / "again")
    assert main([*words, "--test-images", str(again["test_images"])]) == 0
    assert capsys.readouterr().out == (
        f"Run {run.id} reads its images from {again['images']} now. It is finished: there is nothing left to train.\n"
    )
    other = write_idx(tmp_path / "other", noise(TRAINING, 7)[..., 0])
    assert main([*words, "--images", str(other)]) == 2
    assert "training images are not the ones" in capsys.readouterr().err


def test_a_run_whose_images_are_gone_is_not_detached(
    home: Home,
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = stopped(home, tiny(files))
    move(files, tmp_path / "new")
    monkeypatch.setattr("cae_tui.bridge.detached.subprocess.Popen", lambda *_, **__: pytest.fail("a process was begun"))
    monkeypatch.setenv("CAE_TUI_HOME", str(home.path))
    assert main(["resume", run.id, "--detach"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cae-tui: The training images of run {run.id} are no longer there")
    assert f"say where to: `cae-tui resume {run.id} --images PATH`" in err


def test_the_command_line_finishes_a_run_from_the_new_place(
    home: Home, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = stopped(home, tiny(files)), stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    words = ["--home", str(home.path), "finish", run.id]
    assert main(words) == 2
    assert f"say where to: `cae-tui --home {home.path} finish {run.id} --images PATH`" in capsys.readouterr().err
    assert main([*words, other.id, "--images", str(new["images"])]) == 2
    assert "2 runs are named" in capsys.readouterr().err
    wrong = write_idx(tmp_path / "wrong", noise(TRAINING, 7)[..., 0])
    assert main([*words, "--images", str(wrong)]) == 2
    assert "`cae-tui resume" not in capsys.readouterr().err  # that would train on
    assert run.read_status().state == other.read_status().state == STOPPED
    assert main([*words, "--images", str(new["images"]), "--json"]) == 0
    out, err = capsys.readouterr()
    assert f"Run {run.id} reads its images from {new['images']} now." in err
    assert json.loads(out)["runs"][0]["state"] == EARLY_STOPPED


def test_a_study_goes_on_from_the_new_place_and_its_runs_are_told(
    home: Home, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flag, ended = Flag(), []

    class Stop(Watcher):
        def emit(self, trial: Trial, event: Event) -> None:
            if isinstance(event, EpochEnded):
                ended.append(event)
                if len(ended) == 3:  # in the second trial
                    flag.ask(Asked.STOP)

    directory = create(home, make_study("one", tiny(files), {"kernels": "2,3"}))
    assert work_on(home, directory, Stop(), flag).state == "stopped"
    new = move(files, tmp_path / "new")
    words = ["--home", str(home.path), "study", "resume", directory.id]
    assert main(words) == 2
    assert f"`cae-tui --home {home.path} study resume {directory.id} --images PATH`" in capsys.readouterr().err
    assert main([*words, "--images", str(new["images"])]) == 0
    assert "read their images from" in capsys.readouterr().err
    record = Studies(home).find(directory.id).read()
    assert record.state == "finished"
    assert record.spec["baseline"]["images"] == str(new["images"])
    assert [paths_of(home.find(run.id))[0]["labels"] for run in home.list_runs()] == [str(new["labels"])] * 2
    again = move(new, tmp_path / "again")
    assert main([*words, "--images", str(again["images"]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == str(again["labels"])


def test_a_file_that_cannot_be_read_at_the_new_place_is_told_as_any_other(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    run = stopped(home, tiny(files))
    new = move(files, tmp_path / "new")
    new["images"].write_text("<html>")
    with pytest.raises(DatasetError, match="is a web page"):
        relocate(run, {"images": new["images"]})
