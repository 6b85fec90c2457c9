"""A run that takes a file of labels: it learns by it, counts what it changed, and goes on when the file is gone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine import jobs
from engine.data import cache
from engine.data.by_hand import NOTHING, ByHand
from engine.data.cache import load
from engine.data.corrections import Corrections
from engine.data.datasets import load_dataset
from engine.data.keeping import keep_in
from engine.data.label_file import Decision, Row, write_labels
from engine.data.leaving_out import choose
from engine.documents.run import RunDocument
from engine.errors import DatasetError
from engine.preparation import create, images_of, reopen
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from engine.runs.encoders import remarks_on, with_data_of_encoder
from engine.runs.facts import facts_of
from engine.runs.moved import relocate
from engine.runs.report_words import report_as_text
from engine.runs.spec_file import read_spec_file
from engine.specs.data_files import DataFiles
from engine.studies.planning import plan
from engine.studies.spec import study_from_json
from tests.engine.tiny import SIDE, TRAINING, do_nothing, tiny, tiny_classifier, write_encoder, write_files
from tests.engine.training.test_training import assert_equal, start_and_stop, weights
from tests.idx import write_idx

SAID = "2 labels were changed, 1 of them of a test image, and 1 image was left out (labels.csv)."


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "set").mkdir()
    found = write_files(tmp_path / "set")
    data = load_dataset(DataFiles.of(dict(found)))
    rows = (
        Row("training", 3, 0, 2, -0.9, Decision(keep=False, label=2)),
        Row("training", 10, 1, 0, -0.8, Decision(keep=False)),
        Row("training", 11, 2, 0, -0.1, Decision()),
        Row("test", 6, 0, 1, -0.7, Decision(keep=False, label=1)),
    )
    write_labels(tmp_path / "labels.csv", data, rows)
    return found | {"labels_from": tmp_path / "labels.csv"}


def test_its_reports_count_what_the_file_changed(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder.safetensors", files)
    result = jobs.start(home, tiny_classifier(files, encoder), do_nothing, Flag())
    assert SAID in result.remarks
    assert result.report is not None
    assert [row.support for row in result.report.rows] == [6, 8, 6]  # of 7, 7, 6 images
    run = home.find(result.id)
    found = facts_of(home, run)
    assert found.corrected == f"{SAID} 0 → 2 1×, 0 → 1 1×"
    text = report_as_text(result, found)
    assert f"labels      {SAID[:60]}" in text
    assert text.count("labels were changed") == 1
    assert f"! {SAID}" in report_as_text(result)  # where how it came about is not told
    data = json.loads(run.spec.read_text())["data"]
    assert data["training"] + data["validation"] == TRAINING - 1
    assert data["corrections"] == {"training": [[3, 2], [10, -1]], "test": [[6, 1]], "file": "labels.csv"}
    words = RunDocument(home, run, do_nothing).as_markdown("")
    assert "1 image was left out (labels.csv)" in words
    assert "0 → 2 1×" in words
    assert words.count("labels were changed") == 1
    assert str(tmp_path / "labels.csv") not in words.split("How to repeat it")[0]  # where it lies is nobody's business
    assert run.labels.read_bytes() == files["labels_from"].read_bytes()
    assert run.left_out.read_text().splitlines() == [
        "file,reason",
        "training image 10,was left out by the file of labels",
    ]


def test_it_is_taken_up_with_what_it_began_with_whatever_became_of_the_file(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    whole = jobs.start(home, tiny(files), do_nothing, Flag())
    stopped, _ = start_and_stop(home, tiny(files), EpochEnded, 1)
    began = reopen(stopped).data
    files["labels_from"].write_text("of something else\n")
    jobs.resume(stopped, do_nothing, Flag())
    assert_equal(weights(stopped), weights(home.find(whole.id)))
    files["labels_from"].unlink()
    data, training, validation = images_of(stopped)
    assert data.digest == began.digest
    assert data.corrections == began.corrections != Corrections()
    assert len(training) + len(validation) == TRAINING - 1
    # A run that is asked for again, and a classifier on its encoder, take the run's own copy.
    assert stopped.files_of(stopped.read_spec()["spec"]).labels_from == stopped.labels
    values = with_data_of_encoder(home, {"encoder": stopped.id})
    assert values["labels_from"] == str(stopped.labels)
    assert create(home, tiny({**files, "labels_from": stopped.labels})).data.digest == began.digest
    with pytest.raises(DatasetError, match=r"labels\.csv does not exist: name a file of labels"):
        create(home, tiny(files))


def test_its_images_may_move_and_others_are_refused(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    stopped, _ = start_and_stop(home, tiny(files), EpochEnded, 1)
    shutil.move(tmp_path / "set", tmp_path / "elsewhere")
    files["labels_from"].unlink()
    with pytest.raises(DatasetError, match="are no longer there"):
        reopen(stopped)
    relocate(stopped, {"images": tmp_path / "elsewhere"})
    assert reopen(stopped).data.corrections
    spec, _ = read_spec_file(stopped)
    assert spec.labels_from == files["labels_from"]
    jobs.resume(stopped, do_nothing, Flag())


def test_runs_with_and_without_it_are_of_different_images(home: Home, files: dict[str, Path]) -> None:
    without = {name: path for name, path in files.items() if name != "labels_from"}
    runs = [home.find(jobs.start(home, tiny(named), do_nothing, Flag()).id) for named in (files, without)]
    digests = [run.read_status().data_digest for run in runs]
    assert digests[0] != digests[1]
    peers = [facts_of(home, run).peers for run in runs]
    assert [one.count for one in peers if one is not None] == [1, 1]


def test_labels_alone_leave_the_training_images_the_same(files: dict[str, Path], home: Home, tmp_path: Path) -> None:
    data = load_dataset(DataFiles.of(dict(files)).as_given)
    write_labels(tmp_path / "labels.csv", data, [Row("training", 3, 0, 2, None, Decision(keep=False, label=2))])
    found = create(home, tiny(files)).data
    assert found.images_digest == data.images_digest
    assert found.digest != data.digest
    assert np.array_equal(found.train.images, data.train.images)


def test_what_was_left_out_for_a_classifier_alone_is_told_and_not_that_its_images_have_changed(
    files: dict[str, Path], home: Home
) -> None:
    plain = {name: path for name, path in files.items() if name != "labels_from"}
    encoders = {name: jobs.start(home, tiny(named), do_nothing, Flag()).id for name, named in
                (("whole", plain), ("with labels", files))}  # fmt: skip

    def said(encoder: str, named: dict[str, Path]) -> tuple[str, ...]:
        spec = tiny_classifier(named, Path(encoder))
        return remarks_on(home, spec, load(spec.files))

    leaves = "labels.csv leaves 1 image out that the encoder learned from."
    back = "The classifier learns from 1 image that was left out for the encoder."
    assert said(encoders["whole"], files) == (leaves,)
    assert said(encoders["whole"], plain) == said(encoders["with labels"], files) == ()
    assert said(encoders["with labels"], plain) == (back,)
    model = str(home.find(encoders["whole"]).model.rename(home.path / "alone.safetensors"))
    assert said(model, files) == (leaves,)
    labelled = str(home.find(encoders["with labels"]).model.rename(home.path / "labelled.safetensors"))
    assert said(labelled, files) == ()
    assert said(labelled, plain) == (back,)


def test_images_left_out_by_hand_since_the_encoder_are_told(
    files: dict[str, Path], home: Home, request: pytest.FixtureRequest
) -> None:
    plain = {name: path for name, path in files.items() if name != "labels_from"}
    encoder = jobs.start(home, tiny(plain), do_nothing, Flag()).id
    spec = tiny_classifier(files, Path(encoder))
    request.addfinalizer(lambda: keep_in(None))
    keep_in(home.data)
    choose(load(spec.files.as_given, by_hand=NOTHING), ByHand.of([0, 1], []))
    told = remarks_on(home, spec, load(spec.files))
    assert told == (
        "labels.csv leaves 1 image out that the encoder learned from.",
        "2 images that the encoder learned from were left out by hand since.",
    )
    pixels = np.zeros((TRAINING, SIDE, SIDE), np.uint8)
    write_idx(plain["images"], pixels)
    cache.look_anew()
    (told_now,) = remarks_on(home, tiny_classifier(plain, Path(encoder)), load(DataFiles.of(dict(plain))))
    assert told_now.startswith(f"{plain['images']} has changed since the encoder was trained")


def test_a_study_keeps_what_it_began_with(home: Home, files: dict[str, Path]) -> None:
    spec = study_from_json(
        {"mode": "grid", "baseline": tiny(files).model_dump(mode="json"), "values": {"kernels": ["2", "3"]}}
    )
    record = plan(home, spec)
    assert record.data["corrections"]["training"] == [[3, 2], [10, -1]]
    assert f"{SAID}" in record.data["remarks"]
