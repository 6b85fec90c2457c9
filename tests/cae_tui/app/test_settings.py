"""What is remembered between two uses: each part by itself, and nothing that somebody else wrote is lost."""

import json
from pathlib import Path

import pytest

from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import OpenStudy
from cae_tui.screens.runs import RunsScreen
from cae_tui.screens.study import StudyScreen
from cae_tui.settings import Order, Settings, change_settings, read_settings
from cae_tui.widgets.run_table import RunTable
from cae_tui.widgets.study_table import TRIED, StudyTable
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, on_top, told, until
from tests.cae_tui.script import scripted_events, write_run
from tests.cae_tui.study_script import STUDY, guided, write_study


def write(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.json").write_text(text)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == (Settings(), [])


def test_settings_of_version_0_1_are_read(tmp_path: Path) -> None:
    write(tmp_path, '{"format": 1, "theme": "cae-light", "kind": "settings"}')
    assert read_settings(tmp_path) == (Settings("cae-light"), [])


@pytest.mark.parametrize(
    ("part", "default"),
    [
        ('"theme": 3', Settings().theme),
        ('"keys": ["runs.sort"]', {}),
        ('"keys": {"runs.sort": 3, "runs.open": "o"}', {"runs.open": "o"}),
        ('"orders": "age"', {}),
        ('"orders": {"runs": "age", "study": {"column": "loss"}}', {"study": Order("loss")}),
        ('"orders": {"runs": {"column": "age", "backwards": "yes"}}', {}),
        ('"orders": {"runs": {"backwards": true}}', {}),
    ],
)
def test_a_damaged_part_is_told_and_the_rest_holds(tmp_path: Path, part: str, default: object) -> None:
    name = part.split('"')[1]
    rest = {
        "theme": '"theme": "cae-light"',
        "keys": '"keys": {"app.help": "f2"}',
        "orders": '"orders": {"runs": {"column": "age", "backwards": true}}',
    }
    write(tmp_path, "{" + ", ".join([part, *(other for key, other in rest.items() if key != name)]) + "}")
    settings, (problem,) = read_settings(tmp_path)
    assert problem.startswith(f"{tmp_path / 'settings.json'}: “")
    assert "it is ignored" in problem
    assert getattr(settings, name) == default
    whole = Settings("cae-light", {"app.help": "f2"}, {"runs": Order("age", True)})
    assert all(getattr(settings, key) == getattr(whole, key) for key in rest if key != name)


def test_only_what_changes_is_written(tmp_path: Path) -> None:
    write(tmp_path, '{"theme": "cae-light", "keys": {"runs.sort": 3}, "of a newer version": [1, {"a": null}]}')
    change_settings(tmp_path, orders={"runs": Order("kind")})
    kept = json.loads((tmp_path / "settings.json").read_text())
    assert kept["of a newer version"] == [1, {"a": None}]
    assert kept["keys"] == {"runs.sort": 3}  # a person may still mend it
    assert kept["theme"] == "cae-light"
    assert read_settings(tmp_path)[0].orders == {"runs": Order("kind")}


@pytest.mark.parametrize("text", ['{"keys": {"runs.sort": "f9",}}', '{"format": 99, "keys": {}}'])
def test_a_file_that_cannot_be_read_is_kept_aside(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    settings, (problem,) = read_settings(tmp_path)
    assert settings == Settings()
    assert "settings-damaged.json" in problem
    change_settings(tmp_path, theme="cae-light")
    assert read_settings(tmp_path) == (Settings("cae-light"), [])
    assert (tmp_path / "settings-damaged.json").read_text() == text


async def test_every_damaged_part_is_told_on_the_screen(make_app: MakeApp, home: Home) -> None:
    write(home.path, '{"theme": 3, "keys": 4}')
    app = make_app()
    async with app.run_test():
        assert len([sentence for sentence in told(app) if "settings.json" in sentence]) == 2


async def test_a_theme_of_another_window_outlives_an_order_of_this_one(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test() as pilot:
        change_settings(home.path, theme="cae-light")
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        await pilot.press("s")
        await until(pilot, lambda: "runs" in read_settings(home.path)[0].orders)
    assert read_settings(home.path)[0].theme == "cae-light"


async def order_of_runs(app: CaeApp, *keys: str) -> Order:
    """How the list is sorted once it opens and the keys were pressed."""
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        table = app.screen.query_one(RunTable)
        await until(pilot, lambda: bool(table.rows))
        await pilot.press(*keys)
        await pilot.pause()
        return Order(table.order, table.backwards)


async def test_the_order_of_the_runs_is_remembered(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    sorted_by = await order_of_runs(make_app(), "s", "s", "S")
    assert sorted_by == Order("kind", True)
    assert await order_of_runs(make_app()) == sorted_by


async def test_an_order_that_no_column_has_is_the_default(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    change_settings(home.path, orders={"runs": Order("gone", True)})
    assert await order_of_runs(make_app()) == Order("age")


async def test_the_order_of_a_study_is_remembered_where_its_table_has_the_column(make_app: MakeApp, home: Home) -> None:
    write_study(home, guided())
    assert await order_of_study(make_app(), "s", "s", "S") == Order("loss", True)
    assert await order_of_study(make_app()) == Order("loss", True)
    change_settings(home.path, orders={"study": Order("kernels")})
    assert await order_of_study(make_app()) == Order(TRIED)  # the stage that is shown tries batch sizes


async def order_of_study(app: CaeApp, *keys: str) -> Order:
    """How the table is sorted once it opens and the keys were pressed."""
    async with app.run_test(size=(160, 40)) as pilot:
        app.post_message(OpenStudy(STUDY))
        await until(pilot, on_top(app, StudyScreen))
        table = app.screen.query_one(StudyTable)
        await until(pilot, lambda: table.row_count > 0)
        await pilot.press(*keys)
        await pilot.pause()
        return Order(table.order, table.backwards)
