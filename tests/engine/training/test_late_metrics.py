"""Metrics of steps on their way from the device to the loop."""

import itertools

import torch

from engine.training.late_metrics import GROWTH, LateMetrics


def launch(late: LateMetrics, steps: range) -> None:
    for number in steps:
        late.add(torch.tensor([float(number)]), number / 10)


def test_where_the_device_runs_ahead_a_lot_is_read_when_the_next_is_launched() -> None:
    late = LateMetrics(ahead=True)
    launch(late, range(3))
    assert list(late.read(everything=False)) == []
    launch(late, range(3, 5))
    assert list(late.read(everything=False)) == [([[0.0], [1.0], [2.0]], 0.2)]
    launch(late, range(5, 6))
    assert list(late.read(everything=True)) == [([[3.0], [4.0]], 0.4), ([[5.0]], 0.5)]
    assert list(late.read(everything=True)) == []


def test_steps_are_waiting_until_the_last_of_them_was_read() -> None:
    late, waiting = LateMetrics(ahead=True), []
    for everything in (False, False, True):
        launch(late, range(2))
        list(late.read(everything=everything))
        waiting.append(late.waiting)
    launch(late, range(1))
    late.finish()
    assert [*waiting, late.waiting] == [True, True, False, False]


def test_elsewhere_steps_are_read_as_soon_as_it_is_time() -> None:
    late = LateMetrics(ahead=False)
    launch(late, range(3))
    assert not late.due(0.09, 0.1)
    assert late.due(0.1, 0.1)
    assert list(late.read(everything=False)) == [([[0.0], [1.0], [2.0]], 0.2)]
    assert not late.waiting


def test_a_lot_grows_to_what_the_device_does_in_the_time_between_two_readings_and_not_at_once() -> None:
    late, count = LateMetrics(ahead=True), 0
    sizes: list[int] = []
    for _ in range(8):
        launched = 0
        while not late.due(0.0, 0.1):
            launch(late, range(count, count + 1))
            launched, count = launched + 1, count + 1
        sizes.append(launched)
        for _ in late.read(everything=True):
            late.took(launched, launched * 0.001, 0.1)
    assert sizes[0] == 1
    assert all(after <= GROWTH * before for before, after in itertools.pairwise(sizes))
    assert sizes[-3:] == [100] * 3


def test_a_lot_of_slow_steps_is_one_step() -> None:
    late = LateMetrics(ahead=True)
    late.took(1, 0.0, 0.1)
    late.took(4, 8.0, 0.1)
    launch(late, range(1))
    assert late.due(0.0, 0.1)
