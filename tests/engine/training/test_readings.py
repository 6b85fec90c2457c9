"""Metrics of steps on their way from the device to the loop."""

import itertools

import torch

from engine.training.readings import GROWTH, Readings


def launch(readings: Readings, steps: range) -> None:
    for number in steps:
        readings.add(torch.tensor([float(number)]), number / 10)


def test_where_the_device_runs_ahead_a_lot_is_read_when_the_next_is_launched() -> None:
    readings = Readings(ahead=True)
    launch(readings, range(3))
    assert list(readings.read(everything=False)) == []
    launch(readings, range(3, 5))
    assert list(readings.read(everything=False)) == [([[0.0], [1.0], [2.0]], 0.2)]
    launch(readings, range(5, 6))
    assert list(readings.read(everything=True)) == [([[3.0], [4.0]], 0.4), ([[5.0]], 0.5)]
    assert list(readings.read(everything=True)) == []


def test_steps_are_waiting_until_the_last_of_them_was_read() -> None:
    readings, waiting = Readings(ahead=True), []
    for everything in (False, False, True):
        launch(readings, range(2))
        list(readings.read(everything=everything))
        waiting.append(readings.waiting)
    launch(readings, range(1))
    readings.finish()
    assert [*waiting, readings.waiting] == [True, True, False, False]


def test_elsewhere_steps_are_read_as_soon_as_it_is_time() -> None:
    readings = Readings(ahead=False)
    launch(readings, range(3))
    assert not readings.due(0.09, 0.1)
    assert readings.due(0.1, 0.1)
    assert list(readings.read(everything=False)) == [([[0.0], [1.0], [2.0]], 0.2)]
    assert not readings.waiting


def test_a_lot_grows_to_what_the_device_does_in_the_time_between_two_readings_and_not_at_once() -> None:
    readings, count = Readings(ahead=True), 0
    sizes: list[int] = []
    for _ in range(8):
        launched = 0
        while not readings.due(0.0, 0.1):
            launch(readings, range(count, count + 1))
            launched, count = launched + 1, count + 1
        sizes.append(launched)
        for _ in readings.read(everything=True):
            readings.took(launched, launched * 0.001, 0.1)
    assert sizes[0] == 1
    assert all(after <= GROWTH * before for before, after in itertools.pairwise(sizes))
    assert sizes[-3:] == [100] * 3


def test_a_lot_of_slow_steps_is_one_step() -> None:
    readings = Readings(ahead=True)
    readings.took(1, 0.0, 0.1)
    readings.took(4, 8.0, 0.1)
    launch(readings, range(1))
    assert readings.due(0.0, 0.1)
