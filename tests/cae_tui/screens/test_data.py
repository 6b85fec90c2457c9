import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from cae_tui.app.cae_app import CaeApp
from cae_tui.screens import data
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.widgets.class_table import ClassTable
from cae_tui.widgets.image_sheet import ImageSheet
from cae_tui.widgets.spec_form import SpecForm
from engine.runs.directory import Home
from tests.cae_tui.conftest import DEVICE, told, until
from tests.idx import write_idx

CLASSES = 12
SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """400 colour images of 24×16 pixels in 12 classes: a square whose place and colour tell the class."""
    labels = (np.arange(400) % CLASSES).astype(np.uint8)
    images = np.zeros((400, 24, 16, 3), np.uint8)
    for image, name in zip(images, labels, strict=True):
        image[2 + name : 10 + name, 2:12] = (20 * name, 255 - 20 * name, 120)
    return {
        "images": str(write_idx(tmp_path / "squares", images)),
        "labels": str(write_idx(tmp_path / "classes", labels)),
    }


@pytest.fixture
def app(home: Home, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> CaeApp:
    """An app whose data screen opens on those files."""
    made = CaeApp(home)

    async def device() -> str:
        return DEVICE

    monkeypatch.setattr(made.runner, "device", device)
    monkeypatch.setattr(data, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("engine.data.remarks._look", lambda found: ())  # the squares of a class are copies
    made.device = DEVICE
    made.drafts["data"] = dict(files)
    return made


async def settled(pilot: Pilot[Any]) -> None:
    """Until no worker of the screen is at work."""
    await pilot.pause(0.02)
    while any(not worker.is_finished for worker in pilot.app.workers if worker.node is pilot.app.screen):
        await asyncio.sleep(0.01)
    await pilot.pause(0.02)


async def opened(app: CaeApp, pilot: Pilot[Any]) -> DataScreen:
    app.action_data()
    await settled(pilot)
    assert isinstance(app.screen, DataScreen)
    return app.screen


def row(page: DataScreen, name: str) -> list[str]:
    return [cell.plain.strip() for cell in page.query_one(ClassTable).get_row(name)]


def shown(page: DataScreen) -> tuple[str, str]:
    """The words in the frame of the images."""
    frame = page.query_one("#sheet")
    return str(frame.border_title), str(frame.border_subtitle)


async def test_every_class_is_counted_in_each_part_of_the_data(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert page.query_one(ClassTable).row_count == 1 + CLASSES
        assert row(page, "all")[:4] == ["all", "360", "40", "–"]
        training, validation = (int(cell) for cell in row(page, "0")[1:3])
        assert training + validation == 34
        assert set(row(page, "0")[4]) == {"▇"}
        assert str(page.query_one("#balance").border_title) == "squares · 24×16 colour · 12 classes"
        assert page.crumbs == ("Data", "squares")


async def test_classes_with_gaps_between_them_keep_their_numbers(app: CaeApp, tmp_path: Path) -> None:
    labels = np.repeat(np.array([3, 200], np.uint8), 200)
    app.drafts["data"]["labels"] = str(write_idx(tmp_path / "gaps", labels))
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert str(page.query_one("#balance").border_title) == "squares · 24×16 colour · 2 classes"
        assert page.query_one(ClassTable).row_count == 3
        assert row(page, "200")[:4] == ["200", "180", "20", "–"]
        for name in ("class 3", "class 200", "all", "class 3"):
            await pilot.press("right")
            await settled(pilot)
            assert shown(page)[0].endswith(name)
        await pilot.press("0")
        await settled(pilot)
        assert shown(page)[0].endswith("class 3")  # there is no class 0


async def test_the_split_follows_the_fraction(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one("#field-validation_fraction", Input).focus()
        await pilot.press("0", ".", "5")
        await settled(pilot)
        assert row(page, "all")[1:3] == ["200", "200"]


async def test_a_wrong_fraction_is_told_and_the_counts_stay(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put({"validation_fraction": "2"})
        await settled(pilot)
        assert "validation_fraction" in page.query_one(SpecForm).problems
        assert row(page, "all")[1] == "360"
        assert str(page.query_one("#balance").border_subtitle) == "for the last valid values"


async def test_files_that_are_right_come_into_use_whatever_the_other_fields_are(
    app: CaeApp, files: dict[str, str]
) -> None:
    app.drafts["data"] = {"validation_fraction": ""}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put(files)
        await settled(pilot)
        assert app.data_set.files.text["images"] == files["images"]
        assert str(page.query_one("#balance").border_subtitle) == "for the last valid values"
        assert row(page, "all")[1] == "360"


async def test_leaving_says_which_files_are_not_in_use(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put({"images": "/nowhere/images.gz", "labels": "", "validation_fraction": ""})
        await settled(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: bool(told(app)) and told(app)[-1].startswith("The files on the Data screen are not"))
        assert "/nowhere/images.gz" in told(app)[-1]


async def test_files_that_are_left_before_they_are_read_come_into_use(
    app: CaeApp, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app.drafts.clear()
    monkeypatch.setattr(data, "PAUSE_SECONDS", 3600.0)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put(files)
        await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: app.data_set.files.text["images"] == files["images"])


async def test_a_file_that_is_not_there_is_named(app: CaeApp) -> None:
    app.drafts["data"] = {"images": "/nowhere/images.gz"}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert "/nowhere/images.gz" in page.query_one(SpecForm).problems["images"]
        assert "/nowhere/images.gz" in page.query_one(ImageSheet).word
        await pilot.press("3", "n", "left", "z")  # nothing to show, and nothing breaks


async def test_digits_and_arrows_choose_a_class(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert shown(page)[0] == "Training images · all"
        await pilot.press("3")
        await settled(pilot)
        assert shown(page)[0] == "Training images · class 3"
        await pilot.press("left")
        await settled(pilot)
        assert shown(page)[0] == "Training images · class 2"
        await pilot.press("0", "left", "left")
        await settled(pilot)
        assert shown(page)[0] == "Training images · class 11"


async def test_pages_turn_and_stop_at_the_ends(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        await pilot.press("1", "f2")
        await settled(pilot)
        first = shown(page)[1]
        count = len(page.query_one(ImageSheet).pictures)
        assert first.startswith(f"1 – {count} of 34")
        await pilot.press("n")
        await settled(pilot)
        assert shown(page)[1].startswith(f"{count + 1} – ")
        await pilot.press("p", "p")
        await settled(pilot)
        assert shown(page)[1] == first
        for _ in range(40):
            page.action_turn(1)
        await settled(pilot)
        assert " 34 of 34" in shown(page)[1]


async def test_the_images_of_a_class_are_that_class_s(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        await pilot.press("4")
        await settled(pilot)
        pictures = page.query_one(ImageSheet).pictures
        assert pictures
        assert len(set(pictures)) == 1
        assert (pictures[0].height, pictures[0].width, pictures[0].channels) == (24, 16, 3)


async def test_zoom_shows_every_pixel_where_there_is_room(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        small = len(page.query_one(ImageSheet).pictures)
        await pilot.press("z")
        await settled(pilot)
        assert shown(page)[1].endswith("every pixel")
        assert len(page.query_one(ImageSheet).pictures) < small


async def test_a_set_without_labels_shows_all_images_and_says_so(app: CaeApp, files: dict[str, str]) -> None:
    app.drafts["data"] = {"images": files["images"]}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert page.query_one(ClassTable).row_count == 1
        assert page.query_one("#no-labels").display
        assert page.query_one(ImageSheet).pictures
        await pilot.press("5", "right")
        await settled(pilot)
        assert shown(page)[0] == "Training images · all"


async def test_a_form_opens_on_the_data_that_is_looked_at(app: CaeApp, files: dict[str, str]) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put({"seed": "5"})
        await pilot.press("a")
        await settled(pilot)
        assert isinstance(app.screen, SpecPage)
        assert app.screen.form.values["images"] == files["images"]
        assert app.screen.form.values["seed"] == "5"


async def test_what_was_typed_is_there_again_after_going_back(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        page.query_one("#field-seed", Input).focus()
        await pilot.press("4", "2")
        await settled(pilot)
        await pilot.press("escape")
        assert (await opened(app, pilot)).query_one("#field-seed", Input).value == "42"


async def test_f2_shows_the_images_where_there_is_room_for_one_pane_only(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        assert not page.query_one("#sheet").display
        await pilot.press("f2")
        await settled(pilot)
        assert page.query_one("#sheet").display
        assert page.query_one(ImageSheet).pictures
        await pilot.press("f2")
        await settled(pilot)
        assert app.focused is page.query_one(ClassTable)
        await pilot.press("f2", "escape")  # one step back
        await settled(pilot)
        assert app.screen is page
        assert app.focused is page.query_one(ClassTable)


@pytest.mark.parametrize("size", [(20, 5), (8, 3)])
async def test_the_data_on_a_tiny_screen_stand(app: CaeApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot)
        await pilot.press("f2", "n", "z", "right")
        await settled(pilot)
        assert page.query_one(ClassTable).row_count == 1 + CLASSES


@pytest.mark.parametrize("size", SIZES)
def test_the_data_look_right(
    app: CaeApp, files: dict[str, str], snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(files["images"]).parent)
    app.drafts["data"] = {"images": "squares", "labels": "classes"}

    async def before(pilot: Pilot[Any]) -> None:
        await opened(app, pilot)
        await pilot.press("3")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_the_images_look_right_on_their_own(
    app: CaeApp, files: dict[str, str], snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(files["images"]).parent)
    app.drafts["data"] = {"images": "squares", "labels": "classes"}

    async def before(pilot: Pilot[Any]) -> None:
        await opened(app, pilot)
        await pilot.press("f2")
        await settled(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
