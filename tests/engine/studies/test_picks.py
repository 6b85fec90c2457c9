"""The rules that take one value of a study, on the 2020 report's own tables."""

import math

import pytest

from engine.errors import StudyError
from engine.studies.picks import Point, enough_epochs, pick

# Value, validation loss of the last epoch, seconds an epoch, milliseconds a step: as the report prints them.
LAYERS = (("10", 0.0020, 6, 34), ("12", 0.0021, 8, 43), ("14", 0.0020, 10, 51), ("18", 0.0026, 19, 102))
KERNEL_SIZE = (("1", 0.6703, 4, 22), ("2", 0.0027, 6, 33), ("3", 0.0026, 6, 34), ("4", 0.0019, 10, 56))
KERNELS = (("16", 0.0040, 3, 18), ("32", 0.0027, 6, 33), ("50", 0.0023, 11, 60), ("64", 0.0019, 14, 74))
BATCH_SIZE = (("128", 0.0011, 7, None), ("190", 0.0017, 7, None), ("256", 0.0018, 6, None), ("512", 0.0025, 6, None))

Table = tuple[tuple[str, float, int, int | None], ...]


def points(table: Table) -> list[Point]:
    return [
        Point(value=value, loss=loss, time=seconds if ms is None else ms / 1000) for value, loss, seconds, ms in table
    ]


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms a step"


@pytest.mark.parametrize(("table", "taken"), [(LAYERS, "10"), (KERNEL_SIZE, "3"), (KERNELS, "32"), (BATCH_SIZE, "128")])
def test_the_trade_makes_the_report_s_own_picks(table: Table, taken: str) -> None:
    for turn in range(len(table)):  # in whatever order the points come
        given = points(table[turn:] + table[:turn])
        assert given[pick(given).place].value == taken


def test_the_trade_says_why_in_figures_that_can_be_checked() -> None:
    reason = pick(points(KERNELS), unit="kernels", write_time=milliseconds).reason
    assert reason == (
        "32 kernels: val_loss 0.0027, 33 ms a step. "
        "64 lowers the loss by 30 % for 2.2 × the time: not worth it at 0.64."
    )
    assert pick(points(LAYERS), write_time=milliseconds).reason.endswith("No slower value has a lower loss.")


@pytest.mark.parametrize(("exponent", "taken"), [(0.66, "16"), (0.64, "32"), (0.3, "64")])
def test_the_exponent_is_what_time_must_pay(exponent: float, taken: str) -> None:
    given = points(KERNELS)
    assert given[pick(given, exponent=exponent).place].value == taken


def test_the_other_rules() -> None:
    given = points(KERNELS)
    assert given[pick(given, "lowest").place].value == "64"
    assert given[pick(given, "tolerance", tolerance=0.25).place].value == "50"
    assert given[pick(given, "tolerance", tolerance=0.0).place].value == "64"
    within = pick(given, "budget", budget=0.04)
    assert given[within.place].value == "32"
    assert within.reason == "32: val_loss 0.0027, 0.033 s: the lowest validation loss within 0.04 s."


@pytest.mark.parametrize("rule", ["trade", "lowest", "tolerance", "budget"])
def test_a_diverged_value_is_never_taken(rule: str) -> None:
    given = [Point(value="a", loss=math.inf, time=0.1), Point(value="b", loss=0.5, time=5.0)]
    assert pick(given, rule).place == 1  # type: ignore[arg-type]  # the name of a rule, from a table
    with pytest.raises(StudyError, match="finite"):
        pick(given[:1], rule)  # type: ignore[arg-type]  # the name of a rule, from a table


def test_a_budget_that_no_value_keeps_is_said_with_the_cheapest() -> None:
    with pytest.raises(StudyError, match=r"within 0.01 s: the fastest takes 0.018 s"):
        pick(points(KERNELS), "budget", budget=0.01)


def test_equal_values_take_the_cheapest() -> None:
    given = [Point(value="a", loss=0.1, time=2.0), Point(value="b", loss=0.1, time=1.0)]
    assert pick(given).place == 1
    assert pick([Point(value="a", loss=0.0, time=1.0), Point(value="b", loss=0.0, time=2.0)]).place == 0


def test_a_long_run_is_read_off_where_it_gains_little() -> None:
    falling = [1.0 * 0.9**epoch for epoch in range(20)]
    flat = [falling[-1] * 0.995**epoch for epoch in range(1, 11)]
    epochs, reason = enough_epochs(falling + flat)
    # From epoch 20 on the loss falls by half a percent an epoch; a window that still holds one tenth gains more.
    assert epochs == 20
    assert reason.startswith("20 epochs: best val_loss 0.1351. The next 5 gain 0.5 % an epoch, less than 2 %; all 30")
    assert enough_epochs(falling)[0] == 20
    assert "a longer run may be worth it" in enough_epochs(falling)[1]


def test_one_bad_epoch_does_not_end_a_long_run() -> None:
    losses = [0.9**epoch * (3 if epoch % 4 == 3 else 1) for epoch in range(30)]
    assert enough_epochs(losses)[0] == 30
