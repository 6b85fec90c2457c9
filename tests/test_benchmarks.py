"""What the benchmarks work out from what they measured; no time is asserted."""

import json
from pathlib import Path

import pytest

from benchmarks import time_to_loss
from benchmarks.operations import kind_of, shares
from engine.network.architecture import plan_classifier
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec


def test_a_loss_is_reached_in_the_first_epoch_that_is_low_enough_after_all_seconds_until_its_end() -> None:
    epochs = [(10.0, 0.3), (11.0, 0.1), (12.0, 0.2)]
    assert time_to_loss.reached(epochs, 0.2) == (2, 21.0)
    assert time_to_loss.reached(epochs, 0.1) == (2, 21.0)
    assert time_to_loss.reached(epochs, 0.05) is None


def test_an_epoch_that_was_cut_off_and_written_twice_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"epoch": number, "seconds": 10.0, "val_loss": 1 / number} for number in (1, 2, 2, 3)]
    (tmp_path / "epochs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(time_to_loss, "asked", lambda *_: {})
    assert time_to_loss.keras(tmp_path, 3) == [(10.0, 1.0), (10.0, 0.5), (10.0, 1 / 3)]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::native_batch_norm", "batch norm"),
        ("NativeBatchNormBackward0", "batch norm"),
        ("aten::silu_backward", "activation"),
        ("aten::clamp_min_", "activation"),
        ("aten::max_pool2d_with_indices_backward", "pooling and shuffling"),
        ("aten::pixel_shuffle", "pooling and shuffling"),
        ("aten::_fused_adam_", "optimizer"),
        ("aten::add_", "other"),
    ],
)
def test_an_operation_counts_to_its_kind(operation: str, kind: str) -> None:
    assert kind_of(operation) == kind


def test_shares_come_to_one() -> None:
    found = shares([("aten::convolution", 6.0), ("aten::convolution_backward", 12.0), ("aten::add_", 6.0)])
    assert found["convolution"] == 0.75
    assert found["other"] == 0.25
    assert sum(found.values()) == 1


def test_best_on_the_encoder_that_it_is_meant_for_has_fewer_than_a_million_parameters() -> None:
    encoder = preset(AutoencoderSpec, "recommended", kernels="64", downsampling="max-pool")
    best = preset(ClassifierSpec, "best", encoder="a7f3")
    assert 900_000 < plan_classifier(best, encoder, (28, 28, 1), 10).parameters < 1_000_000
