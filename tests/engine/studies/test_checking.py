"""A plan that cannot be trained says so before anything is: which value, and why."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DatasetError, EngineError
from engine.runs.directory import Home
from engine.specs.base import parse
from engine.studies.planning import create, plan
from engine.studies.records import Studies
from engine.studies.spec import StudySpec, make_study
from tests.engine.studies.conftest import do
from tests.engine.tiny import TRAINING, tiny, tiny_classifier, write_encoder, write_files
from tests.idx import write_idx


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sixty images of eight by eight pixels; 54 are trained on."""
    return write_files(tmp_path_factory.mktemp("few"))


def planned(
    files: dict[str, Path], mode: str, values: Mapping[str, str], baseline: Mapping[str, object], **settings: object
) -> StudySpec:
    return make_study(mode, tiny(files, **{"downsamplings": 1, **baseline}), values, **settings)


@pytest.mark.parametrize(
    ("mode", "values", "baseline", "words"),
    [
        ("one", {"layers": "6,4"}, {"layers": 6, "downsamplings": 2},
         "layers=4 cannot be trained (downsamplings: 2 is too many"),
        ("one", {"downsamplings": "1,2"}, {}, "downsamplings=2 cannot be trained: 2 is too many for 4 layers"),
        ("one", {"kernels": "2,2-3-4"}, {}, "kernels=2-3-4 cannot be trained: 3 numbers for 2 encoder layers"),
        ("one", {"layers": "4,6"}, {"kernels": "2-3"},
         "layers=6 cannot be trained (kernels: 2 numbers for 3 encoder layers"),
        ("one", {"batch_size": "8,55"}, {}, "batch_size=55 cannot be trained: 55 is more than the 54 images"),
        ("one", {"batch_size": "1,8"}, {"layers": 10, "downsamplings": 3, "normalisation": "batch"},
         "batch_size=1 cannot be trained: 1 leaves batch normalisation one number"),
        ("one", {"kernels": "2,3"}, {"batch_size": 100}, "kernels=2 cannot be trained (batch_size: 100 is more than"),
        ("grid", {"layers": "4,6", "kernels": "2,2-3-4"}, {},
         "layers=4, kernels=2-3-4 cannot be trained (kernels: 3 numbers for 2 encoder layers"),
        ("grid", {"layers": "4,6", "downsamplings": "1,2"}, {}, "layers=4, downsamplings=2 cannot be trained"),
        ("grid", {"activation": "relu,silu", "batch_size": "8,55"}, {},
         "activation=relu, batch_size=55 cannot be trained (batch_size: 55 is more than the 54"),
        # What a stage picks is carried on to the next.
        ("guided", {"layers": "6,4", "downsamplings": "1,2"}, {}, "layers=4, downsamplings=2 cannot be trained"),
        ("guided", {"kernels": "2,2-3", "activation": "relu,silu", "layers": "4,6"}, {},
         "kernels=2-3, layers=6 cannot be trained (kernels: 2 numbers for 3 encoder layers"),
        ("guided", {"activation": "relu,silu", "batch_size": "8,55"}, {}, "batch_size=55 cannot be trained: 55 is"),
        # Of a search both ends of each range and each value of each list.
        ("search", {"layers": "4..8"}, {"layers": 6, "downsamplings": 2},
         "layers=4 cannot be trained (downsamplings: 2 is too many for 4 layers"),
        ("search", {"batch_size": "8..100"}, {}, "batch_size=100 cannot be trained: 100 is more than the 54 images"),
        ("search", {"learning_rate": "0.001..0.1", "batch_size": "8,55"}, {}, "batch_size=55 cannot be trained: 55"),
        ("search", {"kernels": "2,2-3-4-5", "layers": "4,6", "dropout": "0..0.5"}, {},
         "kernels=2-3-4-5 cannot be trained: 4 numbers for 2 encoder layers"),
        ("search", {"kernels": "1..900", "patience": "0..900", "layers": "4..8"}, {"layers": 6, "downsamplings": 2},
         "layers=4 cannot be trained (downsamplings: 2 is too many"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_named_with_its_reason(
    home: Home,
    few: dict[str, Path],
    mode: str,
    values: Mapping[str, str],
    baseline: Mapping[str, object],
    words: str,
) -> None:
    for begin in (plan, create):
        with pytest.raises(EngineError) as refused:
            begin(home, planned(few, mode, values, baseline))
        assert words in str(refused.value)
    assert Studies(home).ids() == []


def test_what_the_baseline_alone_could_not_do_is_planned_where_no_point_is_it(home: Home, few: dict[str, Path]) -> None:
    for mode, values in (("one", "8,16"), ("search", "8..16"), ("guided", "8,16")):
        record = plan(home, planned(few, mode, {"batch_size": values}, {"batch_size": 500}))
        assert record.data["baseline_memory"] > 0
    # The first stage is trained with the baseline, the others with what was picked before.
    planned_ = planned(few, "guided", {"downsamplings": "1,0", "layers": "6,4"}, {"layers": 6, "downsamplings": 2})
    assert plan(home, planned_).total == 4


def test_what_goes_with_some_values_only_is_left_out_of_a_search_and_told(home: Home, few: dict[str, Path]) -> None:
    values = {"layers": "4,6", "downsamplings": "0..2", "kernels": "2,1-2-3"}
    spec = planned(few, "search", values, {}, trials=40, prune="no")
    record = plan(home, spec)
    assert record.total == 8
    assert record.data["left_out"] == (
        "4 of 12 combinations cannot be trained and are left out. The first: layers=4, downsamplings=0, kernels=1-2-3 "
        "cannot be trained (kernels: 3 numbers for 2 encoder layers: write one number for all, or 2 joined by -.)"
    )
    _, done = do(home, planned(few, "search", values, {"epochs": 1}, trials=40, prune="no"))
    assert {trial.state for trial in done.trials} == {"finished"}
    assert len({tuple(point.values.values()) for point in done.stages[0].points}) == len(done.trials) == 8
    assert done.message == "All 8 combinations were tried, so the search ended early."


def test_a_classifier_s_study_without_classes_is_refused_before_it_begins(
    home: Home, few: dict[str, Path], tmp_path: Path
) -> None:
    encoder = write_encoder(tmp_path / "encoder.safetensors", few)
    same = write_idx(tmp_path / "labels", np.full(TRAINING, 5, np.uint8))
    baseline = tiny_classifier(few, encoder)
    one_class = parse(type(baseline), {**baseline.model_dump(mode="json"), "labels": str(same)})
    with pytest.raises(DatasetError, match="two or more"):
        plan(home, make_study("one", one_class, {"fc_units": "4,8"}))
    with pytest.raises(EngineError, match=r"labelled_fraction=0\.01 cannot be trained \(batch_size: 8 is more than"):
        plan(home, make_study("one", baseline, {"labelled_fraction": "1,0.01"}))


def test_what_is_to_be_known_of_images_and_encoder_is_in_the_plan(
    home: Home, few: dict[str, Path], tmp_path: Path
) -> None:
    encoder = write_encoder(tmp_path / "encoder.safetensors", few)
    dark = write_idx(tmp_path / "dark", np.random.default_rng(0).integers(0, 2, (TRAINING, 8, 8), dtype=np.uint8))
    files = {**few, "images": dark}
    values = {"activation": "relu,silu"}
    found = plan(home, make_study("one", tiny(files), values)).data["remarks"]
    assert [sentence.partition(":")[0] for sentence in found][:1] == ["The brightest pixel is 1 of 255"]
    assert plan(home, make_study("one", tiny(few), values)).data["remarks"] == []
    learned, *others = plan(home, make_study("one", tiny_classifier(files, encoder), {"fc_units": "4,8"})).data[
        "remarks"
    ]
    assert learned.startswith("The encoder learned from ")
    assert others[0] == found[0]
