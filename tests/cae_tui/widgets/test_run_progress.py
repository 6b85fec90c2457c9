"""What stands beside the curves of a run: progress, speed, the best epoch, the log, and what to do next."""

from dataclasses import replace

import pytest

from cae_tui.bridge.run_state import replay
from cae_tui.widgets.run_progress import advice, best_line, log_line, progress_line, speed_line, status
from engine.protocol.events import EpochEnded, OverfittingSeen, Paused, RunEnded, Warned
from engine.specs.measures import Measure
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, scripted_events
from tests.cae_tui.script import halfway


def test_a_progress_line_fills_its_width_and_is_full_only_at_the_end() -> None:
    assert progress_line("epoch  7/20", 0.325, 40).plain == "epoch  7/20    " + "━" * 19 + "  32 %"
    assert progress_line("epoch", 0.9999, 40).plain.endswith(" 99 %")
    assert progress_line("epoch", 1.0, 40).plain.endswith("100 %")
    assert all(len(progress_line("epoch 20/20", share / 7, 40).plain) == 40 for share in range(9))


def test_speed_and_time_left_are_told_once_they_are_known() -> None:
    started = replay("a", scripted_events(epochs=20)[:2])
    assert speed_line(started) == "ETA after the first steps"
    assert speed_line(replay("a", halfway())) == "ETA 6:28 · 50 ms/step · 2,560 images/s"


def test_a_run_that_has_ended_tells_the_speed_that_its_report_tells() -> None:
    *before, ended = scripted_events()
    assert isinstance(ended, RunEnded)
    speed = {"ms_per_step": 94.4, "images_per_second": 339.0}
    run = replay("a", [*before, replace(ended, result={**ended.result, **speed})])
    assert speed_line(run) == "94 ms/step · 339 images/s"


@pytest.mark.parametrize("width", range(38, 90))
@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_no_line_of_the_log_is_cut_and_validation_is_always_told(kind: str, width: int) -> None:
    for epoch in (event for event in scripted_events(kind, epochs=12) if isinstance(event, EpochEnded)):
        line = log_line(epoch, 2, width)
        assert line.cell_length <= max(width, 39)
        assert "val_loss" in line.plain
        assert ("val_acc" in line.plain) is (kind == "classifier")


def test_however_many_measures_a_kind_has_the_validation_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [Measure(name=name, short=name, higher=True, share=True, write=str) for name in ("close", "far")]
    monkeypatch.setattr("cae_tui.widgets.run_progress.every_measure", lambda: two)
    epoch = next(event for event in scripted_events() if isinstance(event, EpochEnded))
    own = {"close": 0.5, "far": 0.25}
    epoch = replace(epoch, train={**epoch.train, **own}, validation={**epoch.validation, **own})
    for width in range(70, 120):
        assert "val_loss" in log_line(epoch, 1, width).plain
    assert "close" not in log_line(epoch, 1, 70).plain.partition("val_loss")[0]  # what training came to goes first


def test_the_best_epoch_and_the_patience_left_are_told() -> None:
    assert best_line(replay("a", halfway())) == "best 0.0011 at epoch 1 · patience 10 of 10"
    assert "accuracy 98.20 %" in best_line(replay("a", halfway("classifier")))


def test_overfitting_stands_before_other_warnings() -> None:
    sign = OverfittingSeen(stage="autoencoder", epoch=1, message="Validation rises: a sign of overfitting.")
    run = replay("a", [*halfway(), Warned(message="The disk is nearly full."), sign])
    lines = status(run, 44).plain.splitlines()
    assert lines[-2:] == ["▲ Validation rises: a sign of overfitting.", "! The disk is nearly full."]


def test_of_the_signs_of_overfitting_only_the_latest_is_told() -> None:
    signs = [
        OverfittingSeen(stage="autoencoder", epoch=epoch, message=f"{epoch} times as much.") for epoch in (1, 2, 3)
    ]
    run = replay("a", [*halfway(), signs[0], Warned(message="The disk is nearly full."), *signs[1:]])
    lines = status(run, 60).plain.splitlines()
    assert lines[-2:] == ["▲ 3 times as much.", "! The disk is nearly full."]
    assert not any(line.endswith(" times as much.") for line in lines[:-2])


@pytest.mark.parametrize(("width", "line"), [
    (60, "2  loss 6.67e-04  val_loss 7.00e-04   21s  50ms/step ★"),
    (44, "2  loss 6.67e-04  val_loss 7.00e-04   21s ★"),
    (20, "2 loss 6.67e-04 val_loss 7.00e-04 ★"),
])  # fmt: skip
def test_the_log_is_written_in_the_report_s_manner(width: int, line: str) -> None:
    epoch = [event for event in scripted_events() if isinstance(event, EpochEnded)][1]
    assert log_line(epoch, 1, width).plain == line


def test_a_classifier_s_log_has_accuracies() -> None:
    epoch = next(event for event in scripted_events("classifier") if isinstance(event, EpochEnded))
    line = log_line(epoch, 2, 90).plain
    assert " 1  loss 0.0450    acc 0.9770  val_loss 0.0473    val_acc 0.9820   21s  50ms/step" in line


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("finished", "Press o for the report, n to build a classifier"),
        ("early-stopped", "Press o for the report"),
        ("stopped", "Press R to continue from there, F to finish it with its best weights."),
        ("diverged", "The loss is not a number. Press e to change the spec"),
        ("failed", "The loss is not a number. Press R"),
    ],
)
def test_the_end_of_a_run_says_what_to_do_next(state: str, says: str) -> None:
    run = replay("a", scripted_events(state=state, message="The loss is not a number."))
    assert says in advice(run)[0]


def test_the_end_of_a_run_that_could_not_be_written_says_once_that_it_can_be_continued() -> None:
    message = "The disk is full. Resume it to continue from the last checkpoint."
    run = replay("a", scripted_events(state="failed", message=message))
    assert advice(run)[0].startswith("✗ Failed. The disk is full. Press R to try to continue")


def test_a_run_that_waits_by_itself_is_not_asked_to_go_on() -> None:
    waiting = replay("a", [*halfway(), Paused(message="No room is left.")])
    assert "continues by itself" in advice(waiting)[0]
    assert "No room is left." in status(waiting, 60).plain
    assert "Press space to continue" in advice(replay("a", [*halfway(), Paused()]))[0]


def test_a_run_that_is_on_needs_no_advice() -> None:
    assert advice(replay("a", halfway())) == ("", "")


def test_a_classifier_shows_the_progress_of_the_whole_run() -> None:
    run = replay(CLASSIFIER, halfway("classifier"))
    plain = status(run, 46).plain
    assert "whole run" in plain
    assert "stage 1 of 2" in plain
    assert "frozen  2/20" in plain
    assert "at frozen epoch 1" in plain
    assert "whole run" not in status(replay(AUTOENCODER, halfway()), 46).plain
