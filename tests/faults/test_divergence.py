"""A loss that is no number any more: *diverged*, the last good weights kept, and advice."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cae_tui.bridge.run_state import replay
from cae_tui.cli.main import main
from cae_tui.widgets.run_progress import advice
from engine.errors import RunError
from engine.protocol.events import BatchEnded, EpochEnded
from engine.runs.checkpoint import read_model, read_tensors
from engine.runs.directory import Home
from engine.runs.recorder import best_file
from engine.training.tasks import Outcome, Reconstruction
from tests.engine.tiny import tiny
from tests.faults.conftest import resume, train

STEPS = 6  # of an epoch: 54 training images in batches of 8
Fault = Callable[[nn.Module, Outcome], Outcome]


def lost(number: float) -> Fault:
    """A loss that is that number."""
    return lambda _, outcome: Outcome(outcome.objective * number, {"loss": outcome.metrics["loss"] * number})


def exploded(model: nn.Module, outcome: Outcome) -> Outcome:
    """A step so large that the weights are no numbers afterwards, while the loss before it still is one."""
    return Outcome(outcome.objective * 1e38 * 1e38, outcome.metrics)


FAULTS: dict[str, Fault] = {"nan": lost(math.nan), "infinite": lost(math.inf), "exploded": exploded}


@pytest.mark.parametrize("step", [1, 3, STEPS])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_whose_loss_is_no_number_any_more_keeps_its_last_good_weights_and_says_what_to_try(
    home: Home, files: dict[str, Path], fault: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, taken = Reconstruction.__call__, [0]

    def disturbed(self: Reconstruction, model: nn.Module, images: Tensor, labels: Tensor | None) -> Outcome:
        outcome = call(self, model, images, labels)
        taken[0] += model.training
        return FAULTS[fault](model, outcome) if model.training and taken[0] == STEPS + step else outcome

    monkeypatch.setattr(Reconstruction, "__call__", disturbed)
    run, result, events = train(home, tiny(files, epochs=5))
    assert result.state == run.read_status().state == "diverged"
    assert "no longer a finite number in epoch 2" in result.message
    assert "try a learning rate below 0.008" in result.message
    assert "batch normalisation" not in result.message  # which it has
    assert "The weights of epoch 1, the best, are kept." in result.message
    kept = read_tensors(run.model)[0]
    best = read_tensors(best_file(run, "autoencoder"))[0]
    assert all(torch.equal(kept[name], best[name]) for name in best)
    assert read_model(run.model).build()  # which refuses what is no finite number
    told = [event for event in events if isinstance(event, EpochEnded | BatchEnded)]
    assert [event.epoch for event in told if isinstance(event, EpochEnded)] == [1]
    assert all(math.isfinite(event.metrics["loss"]) for event in told if isinstance(event, BatchEnded))
    sentence, _ = advice(replay(run.id, run.read_events()[0]))
    assert "Diverged" in sentence
    assert "Press e to change the spec and try again." in sentence
    with pytest.raises(RunError, match="nothing left to resume"):
        resume(run)


def test_a_run_that_diverges_in_its_first_epoch_says_that_no_model_is_kept(
    home: Home, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"optimizer": "sgd", "schedule": "constant", "learning_rate": 10.0, "normalisation": "none", "layers": 20}
    flags = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    flags += [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    code = main(["--home", str(home.path), "autoencoder", "--batch-size", "8", "--downsamplings", "1", *flags])
    said = capsys.readouterr()
    assert code == 1
    assert "try a learning rate below 10 or batch normalisation" in said.err
    assert "No epoch was completed, so no model is kept." in said.err
    assert not home.find(home.ids()[0]).model.exists()
