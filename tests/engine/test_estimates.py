"""How long a training will take, told from the runs that are there: from those of similar size, or not at all."""

import pytest

from engine.estimates import seconds_per_work
from engine.runs.status import RunStatus

WORK, BATCH, STEPS = 14_000_000, 32, 1687


def run(*, work: int = WORK, batch: int = BATCH, steps: int = STEPS, ms: float = 77.0, **values: object) -> RunStatus:
    """A run that took so many steps of so many images, as its `status.json` tells it."""
    status = {"kind": "autoencoder", "epoch": 1, "state": "finished", **values}
    return RunStatus(
        id="a7f3000000", work=work, images_per_second=1000 * batch / ms, ms_per_step=ms, seconds=steps * ms / 1000,
        **status,  # type: ignore[arg-type]  # values of several types
    )  # fmt: skip


def told(*runs: RunStatus, kind: str = "autoencoder", work: int = WORK, steps: int = 20 * STEPS) -> float | None:
    """The milliseconds that a step of `work` is expected to take, the newest run first."""
    each = seconds_per_work(list(runs), kind, work * BATCH, steps)
    return None if each is None else 1000 * each * work * BATCH


def test_a_run_of_like_size_foretells_another() -> None:
    assert told(run()) == pytest.approx(77)
    assert told(run(), work=2 * WORK) == pytest.approx(154)


def test_a_toy_run_says_nothing_of_a_whole_one() -> None:
    toy = run(work=WORK // 40, batch=1, steps=1, ms=60.0)
    assert told(toy) is None
    assert told(toy, run()) == pytest.approx(77)


def test_a_few_steps_say_nothing_of_many_since_the_first_ones_are_slow() -> None:
    few = run(steps=1, ms=900.0)
    assert told(few) is None
    assert told(few, steps=2) == pytest.approx(900)


def test_the_run_nearest_in_size_counts_and_of_equals_the_newest() -> None:
    newest, other, nearest = run(work=3 * WORK, ms=300.0), run(ms=70.0), run(ms=90.0)
    assert told(newest, other, nearest) == pytest.approx(70)
    for ms in (93.7, 70.1, 33.3):  # one spec, whose size comes out as another number in its last digits
        assert told(run(ms=ms), run(ms=70.1), run(ms=93.7), run(ms=33.3)) == pytest.approx(ms)


def test_a_run_that_was_stopped_in_its_first_epoch_counts() -> None:
    assert told(run(epoch=0, state="stopped", steps=300)) == pytest.approx(77)


def test_a_classifier_is_told_from_an_autoencoder_where_no_classifier_is_of_like_size() -> None:
    small = run(kind="classifier", work=WORK // 100, ms=5.0)
    assert told(small, run(), kind="classifier") == pytest.approx(77)
    assert told(run(kind="classifier", ms=40.0), run(), kind="classifier") == pytest.approx(40)


def test_without_a_measured_speed_nothing_is_known() -> None:
    assert told() is None
    assert told(RunStatus(id="a7f3000000", kind="autoencoder", work=WORK)) is None
