"""Every key has an id and can be changed in the settings; what cannot is told; palette and footer name them."""

import json
from collections import defaultdict

import pytest
from textual.actions import parse
from textual.binding import Binding
from textual.widgets import Input
from textual.widgets._footer import FooterKey

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.app.commands import shown_key
from cae_tui.app.keys import _classes, _own, check_keymap, every_key
from cae_tui.cli.main import main
from cae_tui.screens.base import Page
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.encoder_form import EncoderForm
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.runs import RunsScreen
from cae_tui.screens.studies import StudiesScreen
from cae_tui.screens.study import StudyScreen
from cae_tui.screens.study_form import StudyForm
from cae_tui.screens.training import TrainingScreen
from cae_tui.settings import change_settings
from cae_tui.widgets.fields import Group
from cae_tui.widgets.run_table import RunTable
from engine.exporters import EXPORTERS, exporter_named
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import CLASSIFIER, held, scripted_events, write_run
from tests.cae_tui.study_script import STUDY, guided, write_study

TITLES = {exporter_named(each).title for each in EXPORTERS}
OURS = [(kind, binding) for kind in _classes() for binding in _own(kind)]

# -- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "binding"), OURS, ids=lambda value: getattr(value, "id", None) or str(value))
def test_every_key_has_an_id_a_title_and_a_sentence(kind: type, binding: Binding) -> None:
    assert binding.id, f"{kind.__name__}: {binding.key}"
    assert binding.description, binding.id
    assert binding.tooltip, binding.id


def test_an_id_is_that_of_one_class_and_a_key_of_a_class_has_one_id() -> None:
    owners, keys = defaultdict(set), defaultdict(set)
    for kind, binding in OURS:
        owners[binding.id].add(kind)
        for key in binding.key.split(","):
            keys[kind, key].add(binding.id)
    assert not {name: kinds for name, kinds in owners.items() if len(kinds) > 1}
    assert not {key: ids for key, ids in keys.items() if len(ids) > 1}  # to change one would take the other away


def test_every_id_says_where_its_key_works() -> None:
    assert not [key.id for key in every_key() if key.where == "elsewhere"], "cae_tui.app.keys.PLACES"


def test_no_two_keys_of_ours_clash_as_they_are() -> None:
    assert check_keymap({key.id: key.keys for key in every_key()})[1] == []


# -- what a keymap may be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "keymap"),
    [
        ({"runs.sort": "f9"}, {"runs.sort": "f9"}),
        ({"runs.sort": "ctrl+s, f9"}, {"runs.sort": "ctrl+s,f9"}),
        ({"runs.sort": "t", "runs.tags": "s"}, {"runs.sort": "t", "runs.tags": "s"}),
        ({"runs.sort": "Z"}, {"runs.sort": "Z,shift+z"}),
        ({"runs.sort": "."}, {"runs.sort": "full_stop"}),
        ({"table.up": "up,ctrl+k"}, {"table.up": "up,ctrl+k"}),
        ({"app.commands": "f4"}, {"app.commands": "f4"}),
        ({"training.pause": "p"}, {"training.pause": "p"}),
    ],
)
def test_keys_can_be_changed(wanted: dict[str, str], keymap: dict[str, str]) -> None:
    assert check_keymap(wanted) == (keymap, [])


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"run.sort": "f9"}, "“run.sort” is not the id of a key. Did you mean “runs.sort”?"),
        ({"nope": "f9"}, "“nope” is not the id of a key. `cae-tui keys` lists them."),
        ({"runs-sort": "f9"}, "“runs-sort” is not the id of a key. Did you mean “runs.sort”?"),
        ({"": "f9"}, "“” is not the id of a key. `cae-tui keys` lists them."),
        ({"runs.sort": "crtl+s"}, "“crtl+s” for “runs.sort” is not a key."),
        ({"runs.sort": ""}, "“” for “runs.sort” is not a key."),
        ({"runs.sort": "f9,,"}, "“” for “runs.sort” is not a key."),
        ({"runs.sort": "t"}, "“runs.sort” cannot have the key t, which belongs to “runs.tags” (Tags). It keeps s."),
        ({"app.help": "a"}, "“app.help” cannot have the key a"),
        ({"form.start": "ctrl+e"}, "“form.start” cannot have the key ctrl+e, which belongs to a part of the screen"),
        ({"runs.filter": "?"}, "“runs.filter” cannot have the key question_mark, which belongs to “page.help” (Help)."),
    ],
)
def test_what_is_no_key_no_id_or_clashes_is_told_and_left_as_it_was(wanted: dict[str, str], words: str) -> None:
    keymap, (problem,) = check_keymap({**wanted, "gallery.order": "f8"})
    assert problem.startswith(words)
    assert keymap == {"gallery.order": "f8"}


def test_a_key_that_could_not_be_moved_is_still_in_the_way() -> None:
    keymap, problems = check_keymap({"runs.sort": "t", "runs.tags": "o"})
    assert keymap == {}
    assert len(problems) == 2


# -- in the app ----------------------------------------------------------------------------------------


async def test_the_keys_of_the_settings_work_in_place_of_ours(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    change_settings(home.path, keys={"runs.sort": "f9", "home.runs": "f3", "runs.tags": "f9", "nothing": "x"})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(told(app)) == 2)
        assert any("settings.json: “nothing” is not the id of a key" in sentence for sentence in told(app))
        assert any("cannot have the key f9" in sentence for sentence in told(app))
        await pilot.press("r")
        await pilot.pause()
        assert isinstance(app.screen, HomeScreen)
        await pilot.press("f3")
        await until(pilot, on_top(app, RunsScreen))
        table = app.screen.query_one(RunTable)
        await until(pilot, lambda: bool(table.rows))
        await pilot.press("s")
        await pilot.pause()
        assert table.order == "age"
        await pilot.press("f9")
        await until(pilot, lambda: table.order == "run")
        assert ("f9", "Sort") in [(shown_key(app, binding), binding.description) for _, binding in OURS]


async def test_a_paused_run_goes_on_by_the_changed_key_that_paused_it(make_app: MakeApp, home: Home) -> None:
    change_settings(home.path, keys={"training.pause": "f9"})
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.changed_keys))
        await begin(app, pilot)
        for action in ("ask('pause')", "ask('go_on')"):
            keys = [key for key, active in app.screen.active_bindings.items() if active.binding.action == action]
            assert keys in ([], ["f9"])
        assert {
            binding.action for binding in app.screen._binding_chain[0][1].key_to_bindings["f9"]
        } == {"ask('pause')", "ask('go_on')"}  # fmt: skip
        gate.set()
        await until(pilot, lambda: not app.runner.busy)


async def test_another_key_for_the_next_field_leaves_enter_to_the_title_of_a_group(
    make_app: MakeApp, home: Home
) -> None:
    change_settings(home.path, keys={"form.next": "enter,f9"})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.changed_keys))
        form = await go(app, pilot, "form")
        group = form.query(Group).first()
        form.set_focus(group.query_one("CollapsibleTitle"))
        await pilot.press("enter")
        await until(pilot, lambda: not group.collapsed)
        await pilot.press("down", "f9")
        await until(pilot, lambda: form.focused in list(group.query("Input, Choice"))[1:])


# -- the command ---------------------------------------------------------------------------------------


def test_the_command_lists_every_key_by_its_id(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home.path), "keys"]) == 0
    printed = capsys.readouterr().out
    for key in every_key():
        assert any(key.id in line and key.title in line for line in printed.splitlines()), key
    assert str(home.path / "settings.json") in printed


def test_the_command_tells_what_the_settings_have_made_of_the_keys(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(home.path, keys={"runs.sort": "f9", "runs.tags": "o"})
    assert main(["--home", str(home.path), "keys"]) == 0
    said = capsys.readouterr()
    assert any("runs.sort" in line and "f9" in line and "by default s" in line for line in said.out.splitlines())
    assert "“runs.tags” cannot have the key o" in said.err
    assert main(["--home", str(home.path), "keys", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (sort,) = [key for key in found["keys"] if key["id"] == "runs.sort"]
    assert (sort["keys"], sort["default"], sort["title"], sort["where"]) == ("f9", "s", "Sort", "runs")
    assert len(found["problems"]) == 1


# -- the palette and the footer --------------------------------------------------------------------------

WAYS: dict[str, tuple[type[Page], list[str], object]] = {
    "home": (HomeScreen, [], None),
    "form": (SpecPage, ["a"], None),
    "classifier": (EncoderForm, ["c"], None),
    "runs": (RunsScreen, ["r"], None),
    "studies": (StudiesScreen, ["s"], None),
    "study": (StudyScreen, [], messages.OpenStudy(STUDY)),
    "study form": (StudyForm, [], messages.ConfigureStudy()),
    "training": (TrainingScreen, [], messages.OpenTraining(CLASSIFIER)),
    "report": (ReportScreen, [], messages.OpenRun(CLASSIFIER)),
    "gallery": (GalleryScreen, [], messages.OpenGallery(CLASSIFIER)),
}


@pytest.fixture
def filled(home: Home) -> Home:
    """Runs and a study."""
    write_run(home, scripted_events())
    write_run(home, scripted_events("classifier"))
    write_study(home, guided())
    return home


async def go(app: CaeApp, pilot: object, name: str) -> Page:
    """To that screen."""
    kind, keys, message = WAYS[name]
    await pilot.press(*keys)  # type: ignore[attr-defined]  # a pilot
    if message is not None:
        app.post_message(message)  # type: ignore[arg-type]  # a message
    await until(pilot, on_top(app, kind))  # type: ignore[arg-type]  # a pilot
    await pilot.pause()  # type: ignore[attr-defined]  # a pilot
    assert isinstance(app.screen, Page)
    return app.screen


@pytest.mark.parametrize("name", WAYS)
async def test_the_palette_holds_every_action_of_the_screen_by_its_title(
    name: str, make_app: MakeApp, filled: Home
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await go(app, pilot, name)
        titles = [command.title for command in app.get_system_commands(screen)]
        assert len(set(titles)) == len(titles)
        for kind in type(screen).mro():
            for binding in vars(kind).get("BINDINGS", ()):
                if not isinstance(binding, Binding) or not binding.id:
                    continue
                _, action, parameters = parse(binding.action)
                if not parameters or action == "ask":
                    possible = screen.check_action(action, parameters)
                    back = binding.action == "app.back" and name == "home"
                    assert (binding.description in titles) == (bool(possible) and not back), binding


async def test_a_command_of_the_palette_does_what_its_key_does(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await go(app, pilot, "runs")
        table = screen.query_one(RunTable)
        await until(pilot, lambda: bool(table.rows))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen is not screen and app.screen.is_mounted)
        await pilot.press(*"mark all")
        await until(pilot, lambda: "Mark all" in str(app.screen.query_one("CommandList").get_option_at_index(0).prompt))  # type: ignore[attr-defined]  # a list
        await pilot.press("enter")
        await until(pilot, lambda: table.marked_count == len(table.rows) > 1)


@pytest.mark.parametrize(
    ("name", "writes"),
    [
        ("training", TITLES),
        ("report", TITLES - {"Save the model"}),  # m saves it
        ("runs", TITLES - {"Write hyperparameters and results as CSV"}),  # w does
        ("home", set()),
    ],
)
async def test_the_palette_writes_what_no_key_of_the_page_does(
    name: str, writes: set[str], make_app: MakeApp, filled: Home
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await go(app, pilot, name)
        if writes:
            await until(pilot, lambda: screen.subject is not None)  # type: ignore[attr-defined]  # a page about a run
        found = {command.title for command in app.get_system_commands(screen)}
        assert found & TITLES == writes


async def test_the_palette_holds_the_actions_of_a_screen_whose_field_takes_every_key(
    make_app: MakeApp, filled: Home
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await go(app, pilot, "runs")
        screen.query_one("#filter", Input).focus()
        await pilot.pause()
        assert "Sort" in [command.title for command in app.get_system_commands(screen)]


@pytest.mark.parametrize("name", WAYS)
async def test_the_footer_says_what_enter_does(name: str, make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await go(app, pilot, name)
        await until(pilot, lambda: any(key.key == "enter" for key in screen.query(FooterKey)))
        (enter,) = [key for key in screen.query(FooterKey) if key.key == "enter"]
        assert enter.description
        assert enter.region.right <= 80


async def test_the_footer_says_what_enter_does_in_the_filter_and_on_a_group_of_fields(
    make_app: MakeApp, filled: Home
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await go(app, pilot, "runs")
        await until(pilot, lambda: bool(screen.query_one(RunTable).rows))
        await pilot.press("slash")
        await until(pilot, lambda: ("enter", "To the list") in shown(screen))
        await pilot.press("escape", "escape")
        form = await go(app, pilot, "form")
        form.query("CollapsibleTitle").first().focus()
        await until(pilot, lambda: ("enter", "Open, close") in shown(form))
        await pilot.press("enter")
        await until(pilot, lambda: not form.query("Group").first().collapsed)  # type: ignore[attr-defined]  # a group


def shown(screen: Page) -> list[tuple[str, str]]:
    """The keys of the footer, and what it says of them."""
    return [(key.key, key.description) for key in screen.query(FooterKey)]
