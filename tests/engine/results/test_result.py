"""What a run comes to: what is read of its `result.json`, and what is written."""

from typing import Any

import pytest

from engine.results import result_of, result_so_far
from tests.cae_tui.script import result_with, scripted_result

KINDS = ("autoencoder", "classifier", "anomaly")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["finished", "diverged"])
def test_what_is_read_is_written_again(kind: str, state: str) -> None:
    result = result_of(scripted_result(kind, state=state))
    written = result.to_json()
    assert result_of(written) == result
    assert result_of(written).to_json() == written


def test_the_measures_of_every_kind_stand_beside_the_losses() -> None:
    """Programs that read runs of several kinds find the same names in all."""
    assert result_with("classifier").to_json()["test_accuracy"] == 0.9961
    assert result_with("autoencoder").to_json()["test_accuracy"] is None
    assert result_with("autoencoder").measures == {}
    assert result_with("classifier").measures == {"accuracy": 0.9961}


def test_what_was_measured_on_validation_images_is_no_test_figure() -> None:
    result = result_with("classifier", evaluated_on="validation", test_loss=None, test_accuracy=None)
    assert result.measures == {"accuracy": 0.9961}
    assert result.to_json()["test_accuracy"] is None
    assert result.headline[0] == "Validation accuracy 99.61 %"


def stage(name: str, best_epoch: int) -> dict[str, Any]:
    return {**scripted_result()["stages"][0], "stage": name, "best_epoch": best_epoch}


@pytest.mark.parametrize(
    ("stages", "best_epoch", "words"),
    [
        ([stage("frozen", 5), stage("fine-tuning", 0)], 5, "frozen epoch 5"),
        ([stage("frozen", 5), stage("fine-tuning", 2)], 2, "fine-tuning epoch 2"),
        ([stage("autoencoder", 4)], 4, "epoch 4"),
        ([], 4, "epoch 4"),
    ],
)
def test_the_best_epoch_is_that_of_the_latest_stage_that_has_one(
    stages: list[dict[str, Any]], best_epoch: int, words: str
) -> None:
    """Version 0.1.0 did not write which stage it was."""
    assert result_with("classifier", stages=stages, best_epoch=best_epoch).best_at == words


OF_0_1_0 = {
    "rows": [{"name": "Class 0", "support": 2}, {"name": "Class 1", "support": 0}], "confusion": [[2, 0], [0, 0]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("anomaly", {"auroc": 1.5}),
        ("anomaly", {"recall": -0.1}),
        ("anomaly", {"threshold": None}),
        ("anomaly", {"scored": [{"name": "nearest", "auroc": 2.0, "average_precision": 0.5}]}),
        ("anomaly", {"odd_images": -1}),
        ("classifier", {"kind": "painter"}),
        ("classifier", {"kind": None}),
        ("classifier", {"seconds": "long"}),
        ("classifier", {"accuracy": None}),
        ("classifier", {"accuracy": 1.5}),
        ("classifier", {"report": None}),
        ("autoencoder", {"evaluated_on": ""}),
        ("classifier", {"stages": [{"best_epoch": 1}]}),
        ("classifier", {"report": OF_0_1_0, "remarks": None}),
        ("classifier", {"report": OF_0_1_0, "remarks": "none"}),
    ],
)
def test_what_is_no_result_is_refused(kind: str, changes: dict[str, Any]) -> None:
    values = {**scripted_result(kind), **changes}
    with pytest.raises(TypeError):
        result_of(values)
    assert result_so_far(values) is None
