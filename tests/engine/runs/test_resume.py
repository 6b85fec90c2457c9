"""Taking up a run whose `spec.json` or checkpoints are not what they were."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import jobs, preparation
from engine.errors import RunError
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded
from engine.runs.checkpoint import read_tensors, write_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.recorder import list_checkpoints
from engine.runs.spec_file import read_spec_file
from tests.engine.conftest import small
from tests.engine.tiny import noise, tiny
from tests.engine.training.test_training import Trained, assert_equal, start_and_stop, weights
from tests.idx import write_idx


def resume(run: RunDirectory) -> Any:
    return jobs.resume(run, lambda event: None, Flag())


def change(run: RunDirectory, *path: str, to: object, delete: bool = False) -> None:
    values = json.loads(run.spec.read_text())
    inner = values
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    if delete:
        del inner[path[-1]]
    run.spec.write_text(json.dumps(values))


@pytest.fixture
def stopped(home: Home, files: dict[str, Path]) -> RunDirectory:
    return start_and_stop(home, small(files), EpochEnded, 1)[0]


def test_what_a_run_writes_of_itself_is_what_is_read(autoencoder: Trained, classifier: Trained) -> None:
    for run, *_ in (autoencoder, classifier):
        spec, written = read_spec_file(run)
        assert spec.model_dump(mode="json") == written["spec"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("momentum",), 1, "momentum: There is no such field"),
        (("threads",), "x", "threads: “x” is not a whole number."),
        (("threads",), -3, "threads: -3 is too small: at least 1."),
        (("threads",), True, "threads: True is not a whole number."),
        (("threads",), 10**9, "threads: 1000000000 is too large: at most 4,096."),
        (("seed",), 5, "seed: 5 does not match its spec, which has 0."),
        (("kind",), "classifier", "kind: “classifier” does not match its spec, which is of kind autoencoder."),
        (("device",), None, "device: None is not valid here. Expected: a device in words."),
        (("versions", "torch"), 2, "versions: torch: 2 is not valid here"),
        (("spec",), [], "spec: [] is not valid here"),
        (("spec", "epochs"), True, "spec.epochs: True is yes or no, but a number is needed."),
        (("spec", "layers"), 9, "spec.layers: 9 is odd"),
        (("spec", "momentum"), 1, "spec.momentum: There is no such field"),
        (("data", "digest"), None, "data.digest: None is not valid here. Expected: the images' digest."),
        (("data", "training"), "many", "data.training: “many” is not a whole number."),
        (("data", "colour"), 1, "data.colour: There is no such field"),
        (("split",), 3, "split: 3 is too large: at most 2."),
        (("encoder_spec",), {"kind": "autoencoder", "layers": 3}, "encoder_spec.layers: 3 is odd"),
    ],
)
def test_a_value_of_spec_json_that_cannot_be_is_named_with_its_file_and_field(
    stopped: RunDirectory, path: tuple[str, ...], value: object, sentence: str
) -> None:
    change(stopped, *path, to=value)
    before = stopped.events.read_bytes()
    with pytest.raises(RunError) as refused:
        resume(stopped)
    assert f"{stopped.spec} cannot be used. " in str(refused.value)
    assert sentence in str(refused.value)
    assert stopped.events.read_bytes() == before


def test_a_run_keeps_the_split_that_it_began_with(home: Home, tmp_path: Path) -> None:
    labels = np.repeat(np.arange(20, dtype=np.uint8), 3)  # twenty equal claims on six validation images
    files = {
        "images": write_idx(tmp_path / "images", noise(60)[..., 0]),
        "labels": write_idx(tmp_path / "labels", labels),
    }
    spec = tiny(files, seed=1)
    old, new = (preparation.create(home, spec, split_rule=rule) for rule in (1, 2))
    assert labels[old.validation].tolist() == list(range(6)) != labels[new.validation].tolist()
    change(old.run, "split", to=None, delete=True)  # version 0.1.0 wrote no rule
    for prepared, rule in ((old, 1), (new, 2), (preparation.create(home, spec), 2)):
        again = preparation.reopen(prepared.run)
        assert again.split_rule == prepared.split_rule == rule
        assert np.array_equal(again.validation, prepared.validation)
        assert np.array_equal(again.training, prepared.training)


def test_a_value_of_spec_json_that_is_missing_is_named(stopped: RunDirectory) -> None:
    values = json.loads(stopped.spec.read_text())
    del values["data"]
    stopped.spec.write_text(json.dumps(values))
    with pytest.raises(RunError, match="data: This is required"):
        resume(stopped)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("layers", 8, "layers is 8, was 6"),
        ("epochs", 9, "epochs is 9, was 2"),
        ("dropout", 0.5, "dropout is 0.5, was 0"),
    ],
)
def test_a_spec_that_was_changed_after_a_checkpoint_is_refused_and_nothing_is_touched(
    stopped: RunDirectory, field: str, value: object, words: str
) -> None:
    change(stopped, "spec", field, to=value)
    before = stopped.events.read_bytes()
    with pytest.raises(RunError, match=f"{words}.*Restore the original") as refused:
        resume(stopped)
    assert str(stopped.spec) in str(refused.value)
    assert stopped.events.read_bytes() == before
    assert stopped.read_status().state == "stopped"


def test_images_that_were_moved_and_another_precision_are_no_other_spec(
    stopped: RunDirectory, files: dict[str, Path], tmp_path: Path, autoencoder: Trained
) -> None:
    moved = tmp_path / "moved"
    moved.write_bytes(files["images"].read_bytes())
    change(stopped, "spec", "images", to=str(moved))
    change(stopped, "spec", "precision", to="float32")
    assert resume(stopped).state == "finished"
    assert_equal(weights(stopped), weights(autoencoder[0]))


def test_a_run_goes_on_on_another_kind_of_device_whose_random_states_have_another_size(stopped: RunDirectory) -> None:
    for checkpoint in list_checkpoints(stopped):
        tensors, values = read_tensors(checkpoint)
        for name in ("random.augmentation", "random.device"):
            tensors[name] = torch.zeros(16, dtype=torch.uint8)  # as CUDA has them
        write_tensors(checkpoint, values.pop("kind"), tensors, values)
    assert resume(stopped).state == "finished"


@pytest.mark.parametrize(("field", "value"), [("layers", 8), ("kernels", "4")])
def test_a_checkpoint_that_holds_no_spec_and_does_not_fit_is_refused_in_words(
    stopped: RunDirectory, field: str, value: object
) -> None:
    for checkpoint in list_checkpoints(stopped):
        tensors, values = read_tensors(checkpoint)
        del values["spec"]
        write_tensors(checkpoint, values.pop("kind"), tensors, values)
    change(stopped, "spec", field, to=value)
    result = resume(stopped)
    assert result.state == "failed"
    assert "The checkpoint does not fit what the run's spec.json asks for" in result.message
    assert "restore the original spec.json" in result.message


def test_a_run_that_begins_again_for_want_of_a_checkpoint_counts_from_nothing(
    home: Home, files: dict[str, Path]
) -> None:
    run, first = start_and_stop(home, small(files), EpochEnded, 1)
    for checkpoint in list_checkpoints(run):
        checkpoint.unlink()
    result = resume(run)
    assert first.seconds > 0
    assert result.epochs == 2
    assert result.seconds == pytest.approx(sum(stage.seconds for stage in result.stages))
