"""The short form of the soak: after a tour of the screens the program holds what it held before, to the last one."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs.directory import Home
from tests.endurance import seeds
from tests.endurance.person import HOME, Person
from tests.endurance.soak import open_program

EXACT = ("threads", "descriptors", "queued", "screens", "widgets", "mounted", "workers", "timers")


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    home = Home(tmp_path / "home")
    seeds.plant(home, tmp_path / "images")
    terminal = open_program(home, tmp_path)
    try:
        terminal.wait_for(HOME, "60,000")
        yield Person(terminal, home, tmp_path, random.Random(0))
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    finally:
        terminal.close()


def test_a_tour_of_the_screens_leaves_nothing_behind(person: Person) -> None:
    tour = (Person.train, Person.compare, Person.look_at_data, Person.look_at_study, Person.resize)
    for action in tour:  # whatever is loaded or begun once
        person.do(action)
    before = person.figures()
    for action in tour:
        person.do(action)
    after = person.figures()
    for name in ("mounted_kinds", "python_threads"):  # first what tells by name who is left
        assert after[name] == before[name]
    assert {name: after[name] for name in EXACT} == {name: before[name] for name in EXACT}
    assert after["stack"] == ["HomeScreen"]
