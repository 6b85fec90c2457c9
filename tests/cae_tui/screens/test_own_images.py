"""A person's own pictures, from the Data screen to a classifier's report, by keyboard."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.screens import open_dialog, typing_pause
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.screens.dialogs import LeftOutScreen
from cae_tui.screens.open_dialog import OpenScreen
from cae_tui.widgets.class_table import ClassTable
from cae_tui.widgets.image_sheet import ImageSheet
from cae_tui.widgets.path_suggester import MOST, listed
from cae_tui.widgets.spec_form import Fields, SpecForm
from engine.data import cache
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.cae_tui.conftest import until
from tests.pictures import a_set, picture, write_folder, write_zip

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def app(reading_app: CaeApp) -> CaeApp:
    return reading_app


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    files = a_set(20, 4, ("cat", "dog")) | {f"train/dog/{n}.png": picture(400 + n, (12, 9)) for n in range(3)}
    return write_folder(tmp_path / "pets", files | {"train/cat/torn.png": picture(1)[:60]})


async def opened(app: CaeApp, pilot: Pilot[Any]) -> DataScreen:
    app.action_data()
    await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen._data is not None)
    page = app.screen
    assert isinstance(page, DataScreen)
    return page


async def browse(pilot: Pilot[Any], key: str) -> Input:
    """Press a key that opens the dialog, and give back its line for a path, which has the focus."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, OpenScreen) and isinstance(pilot.app.focused, Input))
    box = pilot.app.focused
    assert isinstance(box, Input)
    return box


async def type_path(pilot: Pilot[Any], path: Path | str) -> OpenScreen:
    """Press `o`, and put a path in; its folder is listed."""
    (await browse(pilot, "o")).value = str(path)
    page = pilot.app.screen
    assert isinstance(page, OpenScreen)
    await until(pilot, lambda: page.query_one(OptionList).option_count > 0)
    return page


@pytest.mark.parametrize("size", SIZES)
async def test_a_folder_is_opened_its_sizes_are_asked_for_and_what_was_found_is_told(
    app: CaeApp, pets: Path, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot)
        await type_path(pilot, f"{pets}{os.sep}")
        await pilot.press("down", "enter")
        form = page.query_one(SpecForm)
        await until(pilot, lambda: "size" in form.problems)
        assert form.values["data"] == str(pets)
        assert "has pictures of 2 sizes, from 8×8 to 12×9 pixels" in form.problems["size"]
        await until(pilot, lambda: app.focused is form.rows["size"].control)
        await pilot.press("8")
        await until(pilot, lambda: page._data is not None and page._data.name == "pets")
        words = page.query_one("#words", Label)
        assert str(words.content) == (
            "folder of pictures, 2 classes from folder names, train and test folders · from 8×8 … 12×9, padded · "
            "1 left out  [s]"
        )
        assert [key.value for key in page.query_one(ClassTable).rows] == ["all", "0", "1"]
        assert app.data_set.files.data == str(pets)
        page.query_one(ClassTable).focus()
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, LeftOutScreen))
        assert "train/cat/torn.png is cut short" in str(app.screen.query_one(".detail Static", Static).content)


async def test_a_size_that_is_being_typed_reads_nothing_until_its_field_is_left(
    app: CaeApp, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing_pause, "TREATMENT_SECONDS", 3600.0)
    read: list[str] = []
    real = cache.load

    def load(files: DataFiles, told: Any = None) -> Any:
        if files.data is not None:
            read.append(files.preprocessing.size)
        return real(files, told)

    monkeypatch.setattr(cache, "load", load)
    app.drafts["data"] = {"data": str(pets), "size": "8"}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        box = page.query_one(SpecForm).rows["size"].control
        page.query_one(SpecForm).show_field(["size"])
        await until(pilot, partial(has_focus, app, box))
        await pilot.press("backspace", "1", "2")
        await pilot.pause(0.1)
        await pilot.press("8")
        await pilot.pause(0.1)
        assert set(read) == {"8x8"}
        await pilot.press("enter")
        await until(pilot, lambda: page._data is not None and page._data.shape == (128, 128, 1))
        assert set(read) == {"8x8", "128x128"}


async def test_what_changes_on_the_disk_is_seen_on_coming_back_and_with_f5_and_pages_stay_of_one_state(
    app: CaeApp, tmp_path: Path
) -> None:
    files = {f"{name}/{n}.png": picture(n + 50 * (name == "dog")) for name in ("cat", "dog") for n in range(30)}
    folder = write_folder(tmp_path / "pets", files | {"cat/torn.png": b"torn"})
    app.drafts["data"] = {"data": str(folder)}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        sheet = page.query_one(ImageSheet)
        await until(pilot, lambda: len(page._data.left_out) == 1 and bool(sheet.pictures))  # type: ignore[union-attr]  # it was read
        first = await app.runner.class_images(None, 59, 1, page._files, page._data.digest)  # type: ignore[union-attr]  # it was read
        (folder / "cat/torn.png").unlink()
        for number in range(20):
            (folder / f"dog/{number}.png").unlink()
        cache.forget()
        data = page._data
        assert data is not None
        again = await app.runner.class_images(None, 59, 1, page._files, data.digest)
        assert again == first  # of the set that the page tells of, and not of what is there by now
        app.action_configure("autoencoder")
        await until(pilot, lambda: isinstance(app.screen, SpecPage))
        await pilot.press("escape")
        await until(pilot, lambda: page._data is not None and page._data.training == 40 and not page._data.left_out)
        (folder / "dog/29.png").unlink()
        await pilot.press("f5")
        await until(pilot, lambda: page._data is not None and page._data.training == 39)
        app.runner._shown.clear()
        with pytest.raises(DatasetError, match="have changed since they were read: F5"):
            await app.runner.class_images(None, 0, 1, page._files, data.digest)
        await pilot.press("f5")
        await until(pilot, lambda: any("Nothing has changed" in str(one.message) for one in app._notifications))


async def test_the_sentence_of_the_field_that_is_to_be_filled_is_in_sight(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        form = await the_form(app, pilot)
        (await browse(pilot, "f3")).value = str(pets)
        await pilot.press("enter")
        row = form.rows["size"]
        await until(pilot, partial(has_focus, app, row.control))
        seen = form.query_one(Fields)
        await until(pilot, lambda: row.region.height > 2 and seen.region.contains_region(row.region))
        await pilot.press("9")  # batches are too large, which is said above it
        await until(pilot, lambda: "batch_size" in form.problems)
        await pilot.pause()
        assert seen.region.contains_region(row.region)


async def test_a_size_that_is_typed_slowly_is_never_more_than_a_sentence(app: CaeApp, pets: Path) -> None:
    app.drafts["data"] = {"data": str(pets), "size": "8"}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        form = page.query_one(SpecForm)
        for typed in ("3", "abc", ""):
            form.put({"size": typed})
            await until(pilot, lambda: "size" in form.problems)
            await pilot.pause(0.05)
            assert app.screen is page
        form.put({"size": "16"})
        await until(pilot, lambda: page._data is not None and page._data.shape == (16, 16, 1))


async def test_the_mean_of_each_class_stands_before_its_images(app: CaeApp, pets: Path) -> None:
    app.drafts["data"] = {"data": str(pets), "size": "8"}
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        sheet = page.query_one(ImageSheet)
        await until(pilot, lambda: bool(sheet.pictures))
        before = sheet.pictures
        await pilot.press("m")
        await until(pilot, lambda: sheet.pictures != before)
        across, _ = sheet.room(8, 8)
        assert len(sheet.pictures) == 2 * across
        assert str(page.query_one("#sheet").border_subtitle) == "from above: cat, dog"
        assert sheet.pictures[1] == before[0]
        await pilot.press("m")
        await until(pilot, lambda: sheet.pictures == before)


async def test_folders_are_walked_through_by_keys_and_names_completed(app: CaeApp, tmp_path: Path) -> None:
    (tmp_path / "some" / "inner").mkdir(parents=True)
    write_zip(tmp_path / "some" / "inner" / "flowers.zip", {f"{n}.png": picture(n) for n in range(5)})
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        dialog = await type_path(pilot, tmp_path / "so")
        await pilot.press("tab")
        assert dialog.query_one(Input).value == f"{tmp_path}/some/"
        entries = dialog.query_one(OptionList)
        await until(pilot, lambda: entries.option_count == 3)
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: dialog.query_one(Input).value == f"{tmp_path}/some/inner/")
        await until(pilot, lambda: "flowers" in str(entries.get_option_at_index(entries.option_count - 1).prompt))
        entries.highlighted = entries.option_count - 1
        await pilot.press("enter")
        await until(pilot, lambda: page._data is not None and page._data.name == "flowers")


@pytest.mark.parametrize("as_pasted", [str, lambda path: f"'{path}'", Path.as_uri], ids=["plain", "quoted", "uri"])
async def test_a_whole_path_pasted_behind_the_folder_begins_anew(
    app: CaeApp, tmp_path: Path, as_pasted: Callable[[Path], str]
) -> None:
    path = write_zip(tmp_path / "wild flowers.zip", {f"{n}.png": picture(n) for n in range(5)})
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        dialog = await type_path(pilot, f"{tmp_path}{os.sep}")
        box = dialog.query_one(Input)
        box.action_end()
        box.insert_text_at_cursor(as_pasted(path))
        await until(pilot, lambda: box.value == as_pasted(path))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page)
        assert page.query_one(SpecForm).values["data"] == str(path)


async def test_home_or_root_typed_behind_the_folder_begins_anew(app: CaeApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        box = (await type_path(pilot, f"{tmp_path}{os.sep}")).query_one(Input)
        box.action_end()
        await pilot.press("~", "/")
        await until(pilot, lambda: box.value == "~/")
        await pilot.press("/")
        await until(pilot, lambda: box.value == "/")


async def test_a_list_that_comes_while_one_goes_into_it_has_its_first_line_chosen(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        page = await type_path(pilot, f"{pets}{os.sep}")
        page.action_into_list()
        page._show([("cat", True)], "", page._typed)  # before the focus has been told of
        assert page.query_one(OptionList).highlighted == 0
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not page)


async def test_keys_for_a_list_that_is_yet_to_come_are_for_that_list(
    app: CaeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ant", "bee", "cat", "cow", "cub"):
        write_zip(tmp_path / f"{name}.zip", {f"{n}.png": picture(n) for n in range(5)})
    go = threading.Event()
    in_threads_that_are_waited_for = []

    def slow(folder: str, beginning: str, *, pictures: bool) -> Any:
        in_threads_that_are_waited_for.append(not threading.current_thread().daemon)
        if beginning:
            go.wait(60)
        return listed(folder, beginning, pictures=pictures)

    monkeypatch.setattr(open_dialog, "listed", slow)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        dialog = await type_path(pilot, f"{tmp_path}{os.sep}")
        await until(pilot, lambda: dialog.query_one(OptionList).option_count == 7)
        dialog.query_one(Input).action_end()
        await pilot.press("c", "down", "down", "down", "up", "enter")
        assert app.screen is dialog
        go.set()
        await until(pilot, lambda: bool(page.query_one(SpecForm).values["data"]))
        assert page.query_one(SpecForm).values["data"] == str(tmp_path / "cow.zip")
    assert not any(in_threads_that_are_waited_for)  # a folder of a network may hang, and the end with it


async def test_a_list_that_comes_late_is_not_shown_for_what_is_typed_by_then(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        dialog = await type_path(pilot, f"{pets}{os.sep}")
        await until(pilot, lambda: dialog._listed == dialog._typed)
        before = dialog.query_one(OptionList).option_count
        dialog._show([("other", True)], "", ("/elsewhere", ""))
        assert dialog.query_one(OptionList).option_count == before


async def test_a_null_byte_in_a_path_is_no_path(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        dialog = await type_path(pilot, f"{pets}{os.sep}")
        dialog.query_one(Input).value = f"{pets}\0/"
        await until(pilot, lambda: "This is no path" in str(dialog.query_one("#more", Label).content))
        await pilot.press("tab", "enter")
        assert app.screen is dialog


async def test_on_a_small_terminal_the_dialog_shows_its_keys_below_a_long_list(app: CaeApp, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.zip").touch()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        dialog = await type_path(pilot, f"{tmp_path}{os.sep}")
        await until(pilot, lambda: dialog.query_one(OptionList).option_count == 42)
        dialog._hint = f"9,500 more: type the beginning of a name. {dialog._hint}"
        dialog._tell()
        await pilot.pause()
        box, hint = dialog.query_one(".dialog"), dialog.query_one("#more")
        assert box.region.contains_region(hint.region)
        assert hint.region.height == 2


async def test_what_is_not_there_is_said_and_escape_changes_nothing(app: CaeApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        dialog = await type_path(pilot, f"{tmp_path}{os.sep}")
        dialog.query_one(Input).value = str(tmp_path / "nothing")
        await pilot.press("enter")
        await until(pilot, lambda: "nothing is not there" in str(dialog.query_one("#more", Label).content))
        await pilot.press("escape")
        assert page.query_one(SpecForm).values["data"] == ""


def test_of_a_folder_of_ten_thousand_files_the_first_are_listed_and_the_others_found(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number:05}.zip").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / ".hidden").mkdir()
    names, more = listed(str(tmp_path), "")
    assert names[0] == ("folder", True)
    assert (len(names), more) == (MOST, 10_001 - MOST)
    assert listed(str(tmp_path), "0999") == ([(f"0999{digit}.zip", False) for digit in range(10)], 0)
    assert listed(str(tmp_path), ".h") == ([(".hidden", True)], 0)


async def test_how_far_a_long_reading_is_is_told_and_leaving_ends_it(
    app: CaeApp, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, ended = asyncio.Event(), []
    real = cache.load

    def slow(files: Any, told: Any = None) -> Any:
        if files.data is None:
            return real(files, told)
        try:
            for _ in range(6_000):
                told(7, 60)
                app.call_from_thread(going.set)
                time.sleep(0.01)
        except DatasetError as error:
            ended.append(error)
            raise
        return real(DataFiles(), told)

    monkeypatch.setattr("engine.data.cache.load", slow)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put({"data": str(pets), "size": "8"})
        await going.wait()
        await until(pilot, lambda: "7 of 60" in str(page.query_one("#balance").border_title))
        await pilot.press("escape")
        await until(pilot, lambda: bool(ended))


async def test_the_forms_have_one_field_for_the_data_and_fold_the_rest_away(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_configure("autoencoder")
        await until(pilot, lambda: isinstance(app.screen, SpecPage) and bool(app.screen.query(SpecForm)))
        form = app.screen.query_one(SpecForm)
        assert {form.rows[name].field.group for name in ("data", "test_data")} == {"Data"}
        assert {form.rows[name].field.group for name in ("images", "labels")} == {"IDX files"}
        form.put({"data": str(pets), "labels": str(pets)})
        await until(pilot, lambda: "labels" in form.problems)
        form.put({"labels": "", "size": "8", "batch_size": "8"})
        await until(pilot, lambda: not form.problems)
        assert form.files.data == str(pets)


async def the_form(app: CaeApp, pilot: Pilot[Any]) -> SpecForm:
    app.action_configure("autoencoder")
    await until(pilot, lambda: isinstance(app.screen, SpecPage) and bool(app.screen.query(SpecForm)))
    return app.screen.query_one(SpecForm)


def has_focus(app: CaeApp, control: object) -> bool:
    return app.focused is control


def is_read(form: SpecForm) -> bool:
    """Whether the set that a form names was read, and nothing is wrong with it."""
    page = form.screen
    return isinstance(page, SpecPage) and page.data_fits and not form.problems


async def test_f3_in_a_form_browses_for_the_field_that_one_is_in(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        form = await the_form(app, pilot)
        form.put({"images": "gone.idx", "batch_size": "8"})
        for name in ("data", "test_data"):
            app.screen.set_focus(form.rows[name].control)
            assert app.focused is form.rows[name].control
            (await browse(pilot, "f3")).value = str(pets if name == "data" else pets / "test")
            await pilot.press("enter")
            await until(pilot, lambda: not isinstance(app.screen, OpenScreen))
            # Pictures of two sizes: the cursor goes to the field that is wrong. Of the other set nothing is.
            after = form.rows["size" if name == "data" else name].control
            await until(pilot, partial(has_focus, app, after))
            if name == "data":
                await pilot.press("8")
                await until(pilot, partial(is_read, form))
        assert (form.values["data"], form.values["test_data"]) == (str(pets), str(pets / "test"))
        assert form.values["images"] == ""  # a set has all of its parts
        app.screen.set_focus(form.rows["seed"].control)
        (await browse(pilot, "f3")).value = "digits"
        await pilot.press("enter")
        await until(pilot, lambda: form.values["data"] == "digits")


def offers(box: Input, whole: str) -> bool:
    return box._suggestion == whole


async def test_a_path_is_gone_on_with_in_grey_and_taken_with_the_right_arrow(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await the_form(app, pilot)
        box = form.rows["data"].control
        assert isinstance(box, Input)
        await until(pilot, lambda: isinstance(app.focused, Input))  # of the form itself, as it opens
        app.screen.set_focus(box)
        await pilot.pause()
        for typed, whole in ((f"{pets.parent}/pe", f"{pets}/"), (f"{pets}/tr", f"{pets}/train/"), ("dig", "digits")):
            box.value = typed
            box.action_end()
            await until(pilot, partial(offers, box, whole))
            await pilot.press("right")
            assert box.value == whole
        box.value = f"{pets}/no"
        await until(pilot, lambda: not box._suggestion)


async def test_a_form_tells_how_far_a_long_reading_is_which_ends_only_where_nobody_waits_for_it(
    app: CaeApp, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, ended = [], []
    real = cache.load
    lock = threading.Lock()  # as the cache has one for each set

    def slow(files: Any, told: Any = None) -> Any:
        if files.data is None:
            return real(files, told)
        with lock:
            try:
                for turn in range(6_000):
                    told(7, 60)
                    turns.append(turn)
                    time.sleep(0.01)
            except DatasetError as error:
                ended.append(error)
                raise
            return real(DataFiles(), told)

    monkeypatch.setattr("engine.data.cache.load", slow)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one(SpecForm).put({"data": str(pets), "size": "8"})
        await until(pilot, lambda: bool(turns))
        files = page.query_one(SpecForm).files
        form = await the_form(app, pilot)
        form.put({"data": str(pets), "size": "8"})
        await until(pilot, lambda: len(app.runner._waiting[files]) == 2)
        word = app.screen.query_one("#word", Static)
        await until(pilot, lambda: str(word.content) == f"Reading the pictures ━━╸{'━' * 17} 7 of 60")
        await pilot.press("escape")  # the Data screen still waits
        await until(pilot, lambda: app.screen is page)
        count = len(turns)
        await until(pilot, lambda: len(turns) > count + 5)
        assert not ended
        await pilot.press("escape")
        await until(pilot, lambda: bool(ended))


async def test_an_empty_path_is_not_called_missing(app: CaeApp, pets: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        box = await browse(pilot, "o")
        box.value = ""
        await pilot.pause()
        await until(pilot, lambda: "leads into the list" in str(app.screen.query_one("#more", Label).render()))
        box.value = str(pets / "none")
        await pilot.press("enter")
        await until(pilot, lambda: "is not there" in str(app.screen.query_one("#more", Label).render()))
        box.value = ""
        await until(pilot, lambda: "leads into the list" in str(app.screen.query_one("#more", Label).render()))
