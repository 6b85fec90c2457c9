"""What an encoder is worth: the points of such a study, the labels that are drawn, and what is said of it."""

from typing import Any

import numpy as np
import pytest
import torch

from engine import jobs
from engine.data.split import so_many_of_each
from engine.documents.study import write_report
from engine.errors import SpecError
from engine.kinds.classifier import votes
from engine.preparation import images_of
from engine.protocol.control import Flag
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec
from engine.studies import planning, worth
from engine.studies.command import as_command
from engine.studies.records import PointRecord, StageRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import StudySpec, make_study, study_from_json
from tests.engine.studies.conftest import Watcher
from tests.engine.tiny import do_nothing


def asked(encoder: str = "abcd", labels: str = "1,10,all", **settings: object) -> StudySpec:
    baseline = preset(ClassifierSpec, "recommended", encoder=encoder, data="digits", **worth.BASELINE)
    return make_study("worth", baseline, {"labels_per_class": labels}, **settings)


def stage_of(**shares: dict[str, list[float]]) -> StageRecord:
    """A stage whose trials came to these accuracies, by way and by labels a class."""
    spec = asked(labels=",".join(number or "all" for number in next(iter(shares.values()))))
    points = []
    for values in spec.combinations(()):
        name = worth.way_of(values).replace(" ", "_").replace("-", "_")
        found = shares.get(name, {}).get(values["labels_per_class"], [])
        trials = [
            Trial(number=1, seed=at, state="finished", best_loss=1.0, measures={"validation_accuracy": share})
            for at, share in enumerate(found)
        ]
        points.append(PointRecord(values=values, trials=trials))
    return StageRecord(names=list(worth.NAMES), points=points)


def test_every_way_is_tried_with_each_number_of_labels() -> None:
    spec = asked()
    points = spec.combinations(())
    assert spec.points == len(points) == 3 * len(worth.WAYS)
    assert [(worth.way_of(values), values["labels_per_class"]) for values in points] == [
        (way, labels) for labels in ("1", "10", "") for way in worth.WAYS
    ]
    assert [spec.repeats_at(values) for values in points[::4]] == [5, 5, 3]
    assert worth.said(points[2]) == "linear probe, 1 label a class"
    assert {values["steps_per_epoch"] for values in points[:8]} == {worth.STEPS}
    assert points[-1]["steps_per_epoch"] == worth.ALL
    small = spec.for_so_many(1600)  # of few images all labels take as many steps as fewer
    assert {values["steps_per_epoch"] for values in small.combinations(())} == {worth.STEPS}
    assert study_from_json(small.model_dump(mode="json")) == small
    assert study_from_json(spec.model_dump(mode="json")) == spec
    assert as_command(spec) == "cae-tui study worth abcd labels_per_class=1,10,all --data digits"


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("0", "“0” is no number of labels: write 1 or more, or all."),
        ("ten", "“ten” is no number of labels"),
        ("-1,5", "“-1” is no number of labels"),
    ],
)
def test_what_is_no_number_of_labels_is_refused(labels: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        asked(labels=labels)
    assert sentence in caught.value.problems["labels_per_class"]


def test_labels_of_few_are_some_of_those_of_many_and_drawn_by_the_seed() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 300).astype(np.uint8)
    indices = np.arange(0, 300, 2)
    drawn = {each: so_many_of_each(labels, indices, each, 3) for each in (1, 2, 10, 1000)}
    assert set(drawn[1]) < set(drawn[2]) < set(drawn[10]) < set(drawn[1000])
    assert np.array_equal(drawn[1000], indices)
    assert np.bincount(labels[drawn[10]]).tolist() == [10] * 4
    assert not np.array_equal(drawn[10], so_many_of_each(labels, indices, 10, 4))


def test_a_sentence_is_said_where_the_bars_do_not_overlap_and_else_that_no_difference_is_seen() -> None:
    stage = stage_of(
        fine_tuned={"1": [0.5, 0.6], "10": [0.9, 0.91], "100": [0.97, 0.971]},
        frozen={"1": [0.4, 0.5], "10": [0.85, 0.86], "100": [0.9, 0.91]},
        from_scratch={"1": [0.45, 0.55], "10": [0.8, 0.81], "100": [0.98, 0.981]},
    )
    found = worth.sentences(stage, "validation", 500)
    assert found["1"] == "At 1 label a class no difference is seen between fine-tuned and from scratch."
    # From scratch rises from 80.5 at 10 to 98.05 at 100: to 90.5 it takes 10 ** (1 + 10 / 17.55) labels.
    more = round(10 ** (1 + (0.905 - 0.805) / (0.9805 - 0.805)) - 10)
    assert found["10"] == (
        f"At 10 labels a class the encoder is worth 10.0 points (fine-tuned), or as much as {more} more labels."
    )
    assert found["100"] == "At 100 labels a class the encoder costs 1.0 points (fine-tuned)."


def test_half_of_a_label_is_no_whole_one() -> None:
    stage = stage_of(
        frozen={"1": [0.45, 0.46], "2": [0.5, 0.51]},
        fine_tuned={"1": [0.4, 0.41], "2": [0.5, 0.51]},
        from_scratch={"1": [0.4, 0.41], "2": [0.6, 0.61]},
    )
    found = worth.sentences(stage, "validation", 500)["1"]
    assert found.endswith("worth 5.0 points (frozen), or less than one more label.")


def test_what_lies_beyond_the_labels_that_were_tried_is_said_so() -> None:
    stage = stage_of(
        frozen={"1": [0.8, 0.81], "10": [0.9, 0.91], "": [0.99, 0.991]},
        fine_tuned={"1": [0.7, 0.71], "10": [0.8, 0.81], "": [0.9, 0.91]},
        from_scratch={"1": [0.3, 0.31], "10": [0.5, 0.51], "": [0.7, 0.71]},
    )
    found = worth.sentences(stage, "validation", 500)
    assert found["1"].endswith("worth 50.0 points (frozen), or as much as over 499 more labels.")
    assert found[""] == "At all labels the encoder is worth 28.5 points (frozen)."
    alone = stage_of(fine_tuned={"1": [0.9]}, from_scratch={"1": [0.1]})
    assert "one seed tells nothing" in worth.sentences(alone, "validation", 500)["1"]


def test_a_neighbour_counts_for_one_over_its_distance() -> None:
    known, labels = torch.tensor([[0.0], [1.0], [1.2], [9.0]]), torch.tensor([0, 1, 1, 2])
    found = votes(torch.tensor([[0.1], [0.9]]), known, labels, 3)
    assert found.argmax(1).tolist() == [0, 1]


@pytest.fixture
def encoder(home: Home) -> str:
    """A run of an autoencoder of digits that has hardly learned."""
    small = {"data": "digits", "epochs": 1, "layers": 4, "kernels": "4", "batch_size": 64, "threads": 1}
    return jobs.start(home, preset(AutoencoderSpec, "recommended", **small), do_nothing, Flag()).id


def test_the_last_weights_are_kept_whatever_validation_says(home: Home, encoder: str) -> None:
    values: dict[str, Any] = {"encoder": encoder, "data": "digits", "fc_units": 8, "threads": 1, "steps_per_epoch": 2}
    values |= {"keep": "last", "patience": 1, "finetune_epochs": 4, "frozen_epochs": 1, "labels_per_class": 2}
    result = jobs.start(home, preset(ClassifierSpec, "recommended", **values), do_nothing, Flag())
    run = home.find(result.id)
    data, training, _ = images_of(run)
    assert data.train.labels is not None
    assert np.bincount(data.train.labels[training]).tolist() == [2] * 10  # fewer than a batch takes
    assert (run.read_status().best_epoch, run.read_status().best_stage) == (4, "fine-tuning")
    assert result.state == "finished"
    with pytest.raises(SpecError, match="Labelled fraction says"):
        preset(ClassifierSpec, "recommended", encoder=encoder, labels_per_class=2, labelled_fraction=0.5)


def test_a_study_tells_what_an_encoder_is_worth(home: Home, encoder: str) -> None:
    own = {**worth.BASELINE, "fc_units": 8, "threads": 1, "data": "digits", "encoder": encoder}
    baseline = preset(ClassifierSpec, "recommended", **own)
    spec = make_study("worth", baseline, {"labels_per_class": "1,3"}, repeats=2, workers=1)
    directory = planning.create(home, spec)
    assert directory.read().total == 16
    record = work_on(home, directory, Watcher(), Flag())
    (stage,) = record.stages
    assert (record.state, stage.over, stage.pick) == ("finished", True, None)
    found = worth.measured(stage, "validation")
    assert list(found) == list(worth.SHOWN)
    assert all([each.labels for each in way] == ["1", "3"] and way[0].seeds == 2 for way in found.values())
    assert set(worth.sentences(stage, "validation", record.data["each_class"])) == {"1", "3"}
    labels: dict[int, set[bytes]] = {0: set(), 1: set()}
    for point in stage.points[:4]:
        for trial in point.trials:
            labels[trial.seed].add(images_of(home.find(trial.run))[1].tobytes())
    assert all(len(drawn) == 1 for drawn in labels.values())  # every way has the same
    assert labels[0] != labels[1]
    assert directory.read().to_json() == record.to_json()
    written = {path.name: path.read_text() for path in write_report(home, directory, record, None, do_nothing)}
    assert "nearest neighbours" in written["report.md"]
    assert "At 3 labels a class" in written["report.md"]
    assert written["trials.csv"].count("\n") == 17
