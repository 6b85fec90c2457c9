"""The catalogue on the Data screen: fetched, ended, used, by keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Label, OptionList, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.catalogue import CatalogueScreen
from cae_tui.screens.data import DataScreen
from engine.data import transfer
from engine.data.fetching import is_here, size_here
from engine.runs.directory import Home
from engine.specs.catalogue import CatalogueSet
from tests.cae_tui.conftest import until
from tests.file_server import FileServer, serving
from tests.sets import idx_set, in_place


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as found:
        yield found


@pytest.fixture
def sets(server: FileServer, tmp_path: Path) -> Iterator[tuple[CatalogueSet, ...]]:
    found = (idx_set(server), idx_set(server, "others", title="Others", classes=(), counts=(20, 3, 6)))
    with in_place(tmp_path / "table", *found):
        yield found


@pytest.fixture
def app(reading_app: CaeApp) -> CaeApp:
    return reading_app


async def opened(app: CaeApp, pilot: Pilot[Any]) -> CatalogueScreen:
    app.action_data()
    await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen._data is not None)
    await pilot.press("g")
    await until(pilot, lambda: isinstance(app.screen, CatalogueScreen) and bool(app.screen._here))
    assert isinstance(app.screen, CatalogueScreen)
    return app.screen


def text(page: CatalogueScreen, name: str) -> str:
    return str(page.query_one(name, Label if name == "#state" else Static).render())


def lines(page: CatalogueScreen) -> list[str]:
    return [str(option.prompt) for option in page.query_one(OptionList).options]


async def test_a_set_is_fetched_and_used_by_enter(app: CaeApp, home: Home, sets: tuple[CatalogueSet, ...]) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert lines(page)[0].split()[:4] == ["Things", "26", "8×8", "grey"]
        assert "Some things, 2 classes: 20 to train on, 6 to test by." in text(page, "#about")
        assert "Licence: MIT. https://example.org/things" in text(page, "#about")
        assert text(page, "#state") == f"Enter fetches it ({sets[0].size_words}), Esc closes."
        await pilot.press("down")
        await pilot.pause()
        assert "Some things: 20 to train on, 3 to validate by, 6 to test by." in text(page, "#about")
        await pilot.press("up", "enter")
        await until(pilot, lambda: is_here(sets[0], home.sets) and "✓ here" in lines(page)[0])
        await until(pilot, lambda: "Things is here. Enter uses it, Esc closes." in text(page, "#state"))
        await pilot.press("enter")
        await until(pilot, lambda: app.data_set.name == "Things")
        assert isinstance(app.screen, DataScreen)
        assert app.screen.crumbs == ("Data", "Things")
        assert app.data_set.files.data == "things"


async def test_escape_ends_what_is_fetched_and_keeps_it_then_closes(
    app: CaeApp, home: Home, server: FileServer, sets: tuple[CatalogueSet, ...]
) -> None:
    server.manners["things/train-images-idx3-ubyte.gz"].stall_after = 100
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "Fetching" in text(page, "#state") and "100 bytes of" in text(page, "#state"))
        assert "Esc ends it." in text(page, "#state")
        await pilot.press("escape")
        assert isinstance(app.screen, CatalogueScreen)
        await until(pilot, lambda: "Ended; what has come is kept" in text(page, "#state"))
        server.manners["things/train-images-idx3-ubyte.gz"].stall_after = None
        server.go_on.set()
        await until(pilot, lambda: size_here(sets[0], home.sets) == 100)
        await pilot.press("enter")
        await until(pilot, lambda: "✓ here" in lines(page)[0])
        assert ("things/train-images-idx3-ubyte.gz", "bytes=100-") in server.asked
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))


async def test_what_cannot_be_had_is_told_in_the_dialog(
    app: CaeApp, server: FileServer, sets: tuple[CatalogueSet, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.01)
    server.files.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "(404 Not Found)" in text(page, "#state"))
        assert text(page, "#state").endswith(f"Enter fetches it ({sets[0].size_words}), Esc closes.")
        await pilot.pause()
        assert page.query_one("#state").region.bottom < page.query_one(".dialog").region.bottom
        await pilot.press("down")
        await pilot.pause()
        assert "404" not in text(page, "#state")


async def test_the_real_catalogue_fits_a_small_terminal(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        dialog = page.query_one(".dialog")
        state = page.query_one("#state")
        for _ in range(len(lines(page))):
            await pilot.press("down")
            await pilot.pause()
            assert state.region.bottom <= dialog.region.bottom - 1 <= 24
            assert page.query_one(OptionList).size.height >= 4
