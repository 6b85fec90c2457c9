"""The page of a check: findings, their pictures side by side, and what is left out by a key."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Label, OptionList, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.check import CheckScreen
from cae_tui.screens.data import DataScreen
from cae_tui.widgets.group_grid import GroupGrid
from engine.data import cache, checking
from engine.data.by_hand import NOTHING
from engine.data.leaving_out import chosen
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles
from tests.cae_tui.conftest import until
from tests.pictures import a_set, write_folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Cats and dogs: two dogs twice, and a cat among the test images too."""
    files = a_set(20, 6, ("cat", "dog"))
    dogs = [content for name, content in files.items() if name.startswith("train/dog/")]
    cats = [content for name, content in files.items() if name.startswith("train/cat/")]
    files |= {"train/dog/again.png": dogs[3], "train/dog/more.png": dogs[5], "test/cat/again.png": cats[2]}
    return write_folder(tmp_path / "pets", files)


@pytest.fixture
def app(reading_app: CaeApp, pets: Path) -> CaeApp:
    reading_app.keep_draft("data", {"data": str(pets)})
    return reading_app


async def opened(app: CaeApp, pilot: Pilot[Any]) -> CheckScreen:
    app.action_data()
    await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.crumbs == ("Data", "pets"))
    await pilot.press("k")
    await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.screen.view is not None)
    page = app.screen
    assert isinstance(page, CheckScreen)
    await read(page, pilot)
    return page


async def read(page: CheckScreen, pilot: Pilot[Any]) -> None:
    """Until every picture of the page is there."""
    grid = page.query_one(GroupGrid)
    await until(pilot, lambda: all(place in grid.pictures for line in grid.shown for place in line))


def lines(page: CheckScreen) -> list[str]:
    return [str(option.prompt) for option in page.query_one("#findings", OptionList).options]


def words(page: CheckScreen, name: str) -> str:
    return str(page.query_one(name, Label if name == "#left-out" else Static).render())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_findings_stand_beside_their_pictures(size: tuple[int, int], app: CaeApp) -> None:
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot)
        assert page.crumbs == ("Data", "pets", "Check")
        assert lines(page) == [
            "▲ Training images in the test  1", "▲ Copies, pixel by pixel  2", "  What each class looks like"
        ]  # fmt: skip
        assert "1 test image is among the training images too, pixel by pixel" in words(page, "#sentence")
        grid = page.query_one(GroupGrid)
        (group,) = grid.groups
        assert [grid.pictures[place].part for place in group] == ["training", "test"]
        assert grid.pictures[group[1]].caption.startswith("T")
        assert grid.pictures[group[1]].caption.endswith(" cat")
        assert grid.pictures[group[0]].picture == grid.pictures[group[1]].picture
        await pilot.press("down")
        await read(page, pilot)
        assert len(grid.groups) == 2
        assert "2 pictures are the same as another one of its part" in words(page, "#sentence")
        await pilot.press("down")
        await read(page, pilot)
        names = [grid.pictures[place].caption.split()[0] for line in grid.shown for place in line]
        assert names == ["cat", "dog"]
        await pilot.press("f2", "x")  # which leaves out no mean
        assert not page.out


async def test_a_key_leaves_pictures_out_and_takes_them_back(app: CaeApp, home: Home, pets: Path) -> None:
    whole = cache.load(DataFiles(str(pets)), by_hand=NOTHING)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        await pilot.press("f2", "right", "x")
        await until(pilot, lambda: len(chosen(whole)) == 1)
        assert chosen(whole).test
        assert words(page, "#left-out") == "✗ 1 picture left out by hand."
        await pilot.press("f2", "down")
        await read(page, pilot)
        await pilot.press("X")
        await until(pilot, lambda: len(chosen(whole)) == 3)
        await pilot.press("X")
        await until(pilot, lambda: len(chosen(whole)) == 1)
        await pilot.press("X")
        await until(pilot, lambda: len(chosen(whole)) == 3)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen._data is not None
                    and app.screen._data.training == len(whole.train) - 2)  # fmt: skip
        page_of_data = app.screen
        assert isinstance(page_of_data, DataScreen)
        assert page_of_data._data is not None
        assert "2 training and 1 test images were left out by hand." in page_of_data._data.remarks
        assert len(page_of_data._data.left_out) == 3
        # What is left out is still there to be taken back.
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.screen.view is not None)
        again = app.screen
        assert isinstance(again, CheckScreen)
        await read(again, pilot)
        assert words(again, "#left-out") == "✗ 3 pictures left out by hand."
        await pilot.press("f2", "right", "x")
        await until(pilot, lambda: len(chosen(whole)) == 2)


async def test_too_many_are_not_left_out(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert page.view is not None
        page._leave_out(frozenset(range(page.view.images)))
        told = "At least two training images have to stay."
        await until(pilot, lambda: any(told in note.message for note in app._notifications))
        assert not page.out


async def test_a_clean_set_says_so(app: CaeApp) -> None:
    app.keep_draft("data", {"data": "digits"})
    async with app.run_test(size=(80, 24)) as pilot:
        app.action_data()
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.crumbs == ("Data", "Digits"))
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.screen.view is not None)
        page = app.screen
        assert isinstance(page, CheckScreen)
        await until(pilot, lambda: "1,797 pictures were looked at: nothing was found" in words(page, "#sentence"))
        await pilot.press("X", "x", "n")  # which have nothing to do
        await pilot.pause()


async def test_a_check_that_is_left_ends(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[BaseException] = []

    def endless(_: Any, told: Any) -> None:
        try:
            while True:
                told(1, 10)
        except BaseException as error:
            ended.append(error)
            raise

    monkeypatch.setattr(checking, "check", endless)
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_data()
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.crumbs == ("Data", "pets"))
        await pilot.press("k")
        page = app.screen
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
        page = app.screen
        assert isinstance(page, CheckScreen)
        await until(pilot, lambda: "Looking at the pictures" in words(page, "#sentence"))
        await pilot.press("escape")
        await until(pilot, lambda: bool(ended))
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
