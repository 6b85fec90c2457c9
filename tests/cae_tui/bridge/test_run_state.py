from dataclasses import replace

import pytest

from cae_tui.bridge.run_state import BATCHES_KEPT, RunState, replay
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    Event,
    MistakesCounted,
    OverfittingSeen,
    Paused,
    RunEnded,
    RunStarted,
    SamplesSaved,
    StageEnded,
    StageStarted,
    Warned,
)
from engine.results import result_of
from tests.cae_tui.script import scripted_result


def started(stages: tuple[str, ...] = ("autoencoder",), epochs: tuple[int, ...] = (4,)) -> RunStarted:
    return RunStarted(
        run="a7f3000000", kind="autoencoder", title="10 × 32", stages=stages, epochs=epochs, batch_size=128, patience=5,
        training_images=1280, validation_images=128, test_images=128, image_shape=(28, 28, 1), parameters=1, latent=1,
        device="cpu",
    )  # fmt: skip


def stage(name: str = "autoencoder", epochs: int = 4) -> StageStarted:
    return StageStarted(stage=name, epochs=epochs, steps=10, trainable=1)


def batch(step: int, epoch: int = 1, name: str = "autoencoder") -> BatchEnded:
    return BatchEnded(
        stage=name, epoch=epoch, step=step, steps=10, metrics={"loss": 1 / step}, learning_rate=0.1, ms_per_step=100.0,
        images_per_second=1280.0, memory=1,
    )  # fmt: skip


def epoch(number: int, loss: float, name: str = "autoencoder", seconds: float = 2.0) -> EpochEnded:
    return EpochEnded(
        stage=name, epoch=number, train={"loss": loss}, validation={"loss": loss}, seconds=seconds, ms_per_step=100.0,
        images_per_second=1280.0, learning_rate=0.1, best=True, best_epoch=number, best_loss=loss, patience_left=5,
    )  # fmt: skip


def test_a_run_is_where_its_latest_batch_says() -> None:
    state = replay("a", [started(), stage(), epoch(1, 0.5), batch(5, epoch=2)])
    assert (state.epoch, state.stage_epochs, state.done_epochs, state.total_epochs) == (2, 4, 1.5, 4)
    assert state.live


def test_an_epoch_is_named_with_its_stage_where_there_are_several() -> None:
    both = started(("frozen", "fine-tuning"), (5, 15))
    state = replay("a", [both, stage("frozen", 5), epoch(1, 0.5, "frozen"), stage("fine-tuning", 15)])
    assert state.epoch_label == "fine-tuning  1/15"
    assert (state.epochs_of("frozen"), state.epochs_of("fine-tuning"), state.epochs_of("other")) == (5, 15, 0)
    state.apply(epoch(1, 0.4, "fine-tuning"))
    assert state.stage_counts() == {"frozen": 1, "fine-tuning": 1}
    assert replay("a", [started(), stage(), batch(5, epoch=2)]).epoch_label == "epoch 2/4"
    assert RunState("a").epochs_of("frozen") == 0


def test_the_latest_count_of_mistakes_is_kept() -> None:
    first = MistakesCounted(stage="frozen", epoch=1, counts=((1, 2), (0, 3)))
    state = replay("a", [started(), stage("frozen"), epoch(1, 0.5, "frozen"), first])
    assert state.mistakes == first
    state.apply(replace(first, epoch=2))
    assert state.mistakes is not None
    assert state.mistakes.epoch == 2


def test_the_eta_is_the_measured_time_of_what_is_left() -> None:
    assert RunState("a").eta is None
    assert replay("a", [started(), stage()]).eta is None
    first = replay("a", [started(), stage(), batch(5)]).eta
    assert first is not None
    assert abs(first - 3.5 * 1.1) < 1e-9  # ten steps of 100 ms an epoch, and a tenth for validation
    later = replay("a", [started(), stage(), epoch(1, 0.5, seconds=2.0), epoch(2, 0.4, seconds=4.0)]).eta
    assert later == 2 * 3.0


def test_the_eta_follows_the_pace_of_the_steps() -> None:
    """A machine that has become ten times slower is told of in the epoch under way, not after it."""
    events: list[Event] = [started(), stage(), epoch(1, 0.5, seconds=2.0)]  # its steps took 1 s, validation the other
    usual = replay("a", [*events, batch(5, epoch=2)]).eta
    assert usual is not None
    assert abs(usual - (0.5 * 2.0 + 2 * 2.0)) < 1e-9
    slow = replay("a", [*events, replace(batch(5, epoch=2), ms_per_step=1000.0)]).eta
    assert slow is not None
    assert abs(slow - (0.5 * 20.0 + 2 * (20.0 + 2.0) / 2)) < 1e-9


def test_the_share_of_a_run_counts_a_stage_that_stopped_early_as_done() -> None:
    both = started(("frozen", "fine-tuning"), (4, 4))
    state = replay("a", [both, stage("frozen"), epoch(1, 0.5, "frozen"), batch(5, epoch=2, name="frozen")])
    assert state.share == 1.5 / 8
    state.apply(stage("fine-tuning"))
    assert state.share == 4 / 8


def test_the_eta_counts_the_stages_to_come() -> None:
    both = started(("frozen", "fine-tuning"), (2, 3))
    state = replay("a", [both, stage("frozen", 2), epoch(1, 0.5, "frozen")])
    assert state.eta == 1 * 2.0 + 3 * 2.0 * 1.5


def test_stages_follow_each_other_in_one_series_but_the_best_is_the_stages_own() -> None:
    state = replay("a", [
        started(("frozen", "fine-tuning"), (1, 2)), stage("frozen", 1), epoch(1, 0.1, "frozen"),
        stage("fine-tuning", 2), epoch(1, 0.3, "fine-tuning"), epoch(2, 0.2, "fine-tuning"),
    ])  # fmt: skip
    assert state.series("validation") == [0.1, 0.3, 0.2]
    assert state.stage_ends() == [("frozen", 1), ("fine-tuning", 3)]
    assert state.best is not None
    assert state.best.validation["loss"] == 0.2


def test_a_paused_run_says_so_until_it_goes_on_and_an_ended_one_is_no_longer_live() -> None:
    state = replay("a", [started(), stage(), Paused(message="no room")])
    assert (state.state, state.message, state.live) == ("paused", "no room", True)
    state.apply(Continued())
    assert (state.state, state.message) == ("running", "")
    result = scripted_result(state="stopped")
    state.apply(RunEnded(state="stopped", message="Stopped.", result=result))
    assert (state.state, state.live, state.eta) == ("stopped", False, None)
    assert state.result == result_of(result)
    state.apply(RunEnded(state="stopped", message="Stopped.", result={"id": "a"}))  # damaged
    assert state.result is None


def test_notices_are_kept_once_and_an_overfitting_sign_only_while_it_holds() -> None:
    sign = OverfittingSeen(stage="autoencoder", epoch=2, message="rising")
    events: list[Event] = [started(), stage(), epoch(1, 0.5), epoch(2, 0.5), sign, Warned(message="rising")]
    state = replay("a", events)
    assert state.notices == ["rising"]
    assert state.overfitting == sign
    state.apply(epoch(3, 0.4))
    assert state.overfitting is None


def test_the_batch_chart_is_thinned_evenly_and_stays_bounded() -> None:
    state = replay("a", [started(), stage()])
    for number in range(20_000):
        state.apply(batch(number % 10 + 1))
    assert BATCHES_KEPT / 4 < len(state.batches) < BATCHES_KEPT


def test_an_ended_stage_has_no_batch_under_way() -> None:
    ended = StageEnded(stage="autoencoder", state="finished", epochs=4, best_epoch=4, best_loss=0.1, seconds=1.0)
    assert replay("a", [started(), stage(), batch(3), ended]).batch is None


def test_a_moment_has_what_was_known_then() -> None:
    def saved(number: int, at: str = "frozen") -> SamplesSaved:
        return SamplesSaved(stage=at, epoch=number, file=f"samples/epoch-{number:04}.npz")

    def counted(number: int, at: str = "frozen") -> MistakesCounted:
        return MistakesCounted(stage=at, epoch=number, counts=((number, 0), (0, 1)))

    state = replay("a", [started(), stage("frozen")])
    assert (state.moments("epoch"), state.epoch_at(0.5), state.mistakes_at(1.0), state.samples_at(1.0)) == (
        [], None, None, [],
    )  # fmt: skip
    for event in (
        epoch(1, 0.5, "frozen"),
        saved(1),
        counted(1),
        epoch(2, 0.4, "frozen"),
        saved(2),
        stage("fine-tuning"),
    ):
        state.apply(event)
    for event in (epoch(1, 0.3, "fine-tuning"), saved(1, "fine-tuning"), counted(1, "fine-tuning")):
        state.apply(event)
    assert state.moments("epoch") == [1.0, 2.0, 3.0]
    assert [(one.stage, one.epoch) for one in state.samples_at(2.5)] == [("frozen", 2), ("frozen", 1)]
    assert [found and (found.stage, found.epoch) for found in map(state.mistakes_at, (1.0, 2.9, 3.0))] == [
        ("frozen", 1), ("frozen", 1), ("fine-tuning", 1),
    ]  # fmt: skip
    found = state.epoch_at(2.9)
    assert found is not None
    assert (found.stage, found.epoch) == ("frozen", 2)
    steps = state.passed("step")
    assert steps == [state.stage_steps["frozen"] * place for place in range(4)] + [4 * state.stage_steps["frozen"]]
    assert state.passed("time")[3] == sum(one.seconds for one in state.epochs)


def test_of_many_large_matrices_every_second_is_kept_and_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cae_tui.bridge.run_state.COUNTS_KEPT", 16)
    state = replay("a", [started(), stage("frozen")])
    for number in range(1, 30):
        state.apply(epoch(number, 0.5, "frozen"))
        state.apply(MistakesCounted(stage="frozen", epoch=number, counts=((1, 0), (0, 1))))
    assert len(state.counted) <= 4
    assert state.counted[-1].epoch == 29
