import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.runner import Runner
from cae_tui.bridge.values import DataView
from cae_tui.screens import configure
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.encoder_form import form_for
from cae_tui.widgets.architecture_table import ArchitectureTable, about, compression, layer_lines, millions, sum_lines
from cae_tui.widgets.encoder_table import EncoderPicker, EncoderTable
from cae_tui.widgets.fields import FieldRow, Group
from cae_tui.widgets.spec_form import Fields, SpecForm
from engine.data.datasets import assets_folder
from engine.errors import RunError
from engine.network.architecture import plan_autoencoder, plan_classifier
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.classifier import ClassifierSpec
from engine.specs.kinds import SPECS, check_against_data
from tests.cae_tui.conftest import AUTOENCODER, BEGAN, MakeApp, data_view, scripted_events, until, write_run
from tests.cae_tui.script import scripted_status

IMAGE = (28, 28, 1)
SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def app(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> CaeApp:
    """An app whose data fit at once, and whose one encoder has five layers."""
    made = make_app()

    async def check(spec: Spec) -> dict[str, str]:
        return check_against_data(spec, IMAGE, 54_000)

    async def classifier_plan(spec: ClassifierSpec) -> object:
        if not AUTOENCODER.startswith(spec.encoder):
            raise RunError(f"No run begins with “{spec.encoder}”.")
        return plan_classifier(spec, AutoencoderSpec(), IMAGE, 10)

    async def encoder_remarks(spec: Spec, data: object) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(configure, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(made.runner, "encoder_remarks", encoder_remarks)
    monkeypatch.setattr("cae_tui.screens.encoder_form.time.time", lambda: BEGAN + 7200)
    monkeypatch.setattr(made.runner, "check", check)
    monkeypatch.setattr(made.runner, "plan", classifier_plan)
    return made


@pytest.fixture
def started(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> list[Spec]:
    """The specs that were to be trained; each is refused, so that the form stays."""
    specs: list[Spec] = []

    def start(spec: Spec) -> None:
        specs.append(spec)
        raise RunError("A run is on already.")

    monkeypatch.setattr(app.runner, "start", start)
    return specs


async def settled(pilot: Pilot[Any]) -> None:
    """Until no worker is at work."""
    await pilot.pause(0.01)
    while any(not worker.is_finished for worker in pilot.app.workers):
        await asyncio.sleep(0.01)
    await pilot.pause(0.01)


async def opened(app: CaeApp, pilot: Pilot[Any], kind: str = "autoencoder", **values: str) -> SpecPage:
    app.post_message(messages.Configure(kind, values))
    await settled(pilot)
    page = app.screen
    assert isinstance(page, SpecPage)
    return page


def panes(page: SpecPage) -> tuple[bool, bool]:
    """Whether the form and the architecture are to be seen."""
    return page.form.display, page.query_one(ArchitectureTable).display


def text(page: SpecPage, place: str) -> str:
    return text_of(page.query_one(place, Static))


def text_of(place: Static) -> str:
    return str(place.render())


# -- the table, without a screen ------------------------------------------------------------------


def test_the_table_shows_each_layer_and_the_latent_between_encoder_and_decoder() -> None:
    lines = [line.plain for line in layer_lines(plan_autoencoder(AutoencoderSpec(), IMAGE))]
    assert len(lines) == 11
    assert lines[0].split() == ["conv", "1", "/2", "14×14×32", "352", "0.06", "M"]
    assert lines[5].split() == ["latent", "7×7×32", "=", "1,568", "numbers"]
    assert lines[-1].split()[:4] == ["conv", "10", "×2", "28×28×1"]


def test_the_columns_of_the_table_line_up() -> None:
    plan = plan_autoencoder(AutoencoderSpec(kernels=(1024,), kernel_size=11), (256, 256, 3))
    layers = [line.plain for line in layer_lines(plan) if "numbers" not in line.plain]
    assert len({len(line) for line in layers}) == 1


def test_a_dense_latent_is_one_line() -> None:
    plan = plan_autoencoder(AutoencoderSpec(latent=64), IMAGE)
    assert [line.plain.split()[:2] for line in layer_lines(plan) if "latent" in line.plain] == [["latent", "64"]]


def test_the_latent_is_compared_to_the_image_in_words() -> None:
    assert compression(2.0) == "2.0 × the image: overcomplete"
    assert compression(1.0) == "as large as the image"
    assert compression(64 / 784) == "0.082 × the image: compresses 12:1"


def test_the_sums_tell_what_is_not_known() -> None:
    plan = plan_autoencoder(AutoencoderSpec(), IMAGE)
    assert "speed: unknown until a run of similar size here" in [line.plain for line in sum_lines(plan, batch_size=128)]
    known = [line.plain for line in sum_lines(plan, batch_size=128, epochs=20, seconds=21.0)]
    assert "about 21 s an epoch here · 7:00 in all" in known


def test_images_whose_sides_do_not_divide_are_said_to_be_padded() -> None:
    plan = plan_autoencoder(AutoencoderSpec(), (30, 28, 1))
    assert "images are padded from 30×28 to 32×28" in [line.plain for line in sum_lines(plan, batch_size=1)]


def test_times_and_counts_are_short() -> None:
    assert [about(0.43), about(21.4), about(200)] == ["0.4 s", "21 s", "3:20"]
    assert [millions(0), millions(640), millions(60_000)] == ["0.00 M", "<0.01 M", "0.06 M"]
    assert [millions(1_200_000_000), millions(2_078_764_000_000)] == ["1.2 G", "2,079 G"]


# -- the form of an autoencoder -------------------------------------------------------------------


async def test_the_layers_follow_what_is_typed(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert text(page, "#layer-lines").count("conv") == 10
        page.query_one("#field-layers", Input).focus()
        await pilot.press("1", "4")
        assert text(page, "#layer-lines").count("conv") == 14


async def test_a_wrong_field_leaves_the_last_layers_and_says_so(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, kernel_size="5")
        table = page.query_one(ArchitectureTable)
        before = text(page, "#layer-lines")
        page.form.put({"kernel_size": "13"})
        await settled(pilot)
        assert table.has_class("-stale")
        assert text(page, "#layer-lines") == before
        page.form.put({"kernel_size": "3"})
        await settled(pilot)
        assert not table.has_class("-stale")


async def test_ctrl_r_starts_what_was_typed(app: CaeApp, started: list[Spec]) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        assert app.focused is page.query_one("#field-epochs")
        await pilot.press("7", "enter", "6", "4", "ctrl+r")
        await settled(pilot)
        assert started == [AutoencoderSpec(epochs=7, batch_size=64)]
        assert app.screen is page


async def test_the_start_button_starts_too(app: CaeApp, started: list[Spec]) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.click("#start")
        await settled(pilot)
        assert len(started) == 1


async def test_up_leads_from_the_start_button_back_into_the_form(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        page.query_one("#start").focus()
        await pilot.press("up")
        assert app.focused is not None
        assert page.query_one(SpecForm) in app.focused.ancestors


async def test_a_wrong_field_gets_the_focus_instead_of_a_start(app: CaeApp, started: list[Spec]) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, seed="x", kernel_size="13")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert started == []
        assert app.focused is page.query_one("#field-kernel_size")
        assert text(page, "#word") == "2 fields are wrong: Kernel size, Seed."


async def test_what_the_data_do_not_allow_is_no_start_either(app: CaeApp, started: list[Spec]) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, batch_size="60000")
        assert "54,000" in page.form.problems["batch_size"]
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert started == []
        page.form.put({"batch_size": "100"})
        await settled(pilot)
        assert page.form.problems == {}


async def test_what_is_wrong_with_a_file_is_said_at_its_own_field(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Runner(app.home, app)
    monkeypatch.setattr(app.runner, "data", real.data)
    monkeypatch.setattr(app.runner, "check", real.check)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, images=__file__, test_images="/nowhere/gone.gz")
        assert list(page.form.problems) == ["images"]
        page.form.put({"images": str(assets_folder() / "mnist" / "t10k-images-idx3-ubyte.gz")})
        await settled(pilot)
        assert list(page.form.problems) == ["test_images"]
        assert page.form.problems["test_images"].startswith("/nowhere/gone.gz does not exist")
        page.form.put({"test_images": ""})
        await settled(pilot)
        assert page.form.problems == {}


async def test_what_was_typed_is_there_again_after_going_back(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("x", "y", "escape")
        page = await opened(app, pilot)
        assert page.query_one("#field-epochs", Input).value == "xy"
        assert page.form.values["epochs"] == "xy"


async def test_values_of_a_run_stand_over_what_was_typed(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        first = await opened(app, pilot)
        first.form.put({"epochs": "3", "seed": "9"})
        await settled(pilot)
        await pilot.press("escape")
        page = await opened(app, pilot, epochs="50")
        assert (page.form.values["epochs"], page.form.values["seed"]) == ("50", "9")


async def test_the_form_says_that_recommended_compresses_nothing_and_how_much_a_bottleneck_does(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        said = page.query_one("#latent", Static)
        assert str(said.content) == "784 → 1,568: compresses nothing"
        page.query_one("#preset").focus()
        await pilot.press("right", "right", "right")
        await settled(pilot)
        assert str(said.content) == "784 → 16: compresses 49 times"
        page.form.put({"kernels": "many"})
        await settled(pilot)
        assert str(said.content) == "–"


def test_the_help_of_a_form_lists_what_each_preset_is_for_and_changes() -> None:
    for kind, spec in SPECS.items():
        for name, title in spec.preset_titles.items():
            lines = form_for(kind, {}).HELP.splitlines()
            line = next(line for line in lines if line.startswith(f"| {title} |"))
            assert spec.preset_purposes[name] in line
            assert ("It sets" in line) == (name != "recommended")


async def test_f5_gives_the_preset_s_values_and_then_one_s_own_again(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, epochs="3", seed="9")
        await pilot.press("f5")
        assert (page.form.values["epochs"], page.form.values["seed"]) == ("20", "0")
        await pilot.press("f5")
        assert (page.form.values["epochs"], page.form.values["seed"]) == ("3", "9")


async def test_f2_shows_the_architecture_where_there_is_room_for_one_pane_only(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        assert panes(page) == (True, False)
        await pilot.press("down", "f2")
        await pilot.pause()
        assert panes(page) == (False, True)
        await pilot.press("f2")
        await pilot.pause()
        assert panes(page) == (True, False)
        assert app.focused is page.query_one("#field-batch_size")
        await pilot.press("f2", "escape")  # one step back: what was typed is not lost
        await pilot.pause()
        assert app.screen is page
        assert panes(page) == (True, False)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is not page


async def test_a_refusal_is_shown_at_its_field(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        page.post_message(messages.Refused("refused", {"batch_size": "Too many for this memory."}))
        await settled(pilot)
        assert page.form.problems == {"batch_size": "Too many for this memory."}
        assert app.focused is page.query_one("#field-batch_size")


async def test_a_refusal_without_a_field_is_read_as_it_is(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        page.post_message(messages.Refused("The disk [b]is[/b] full."))
        await settled(pilot)
        assert text(page, "#word") == "The disk [b]is[/b] full."


async def test_the_speed_is_told_from_an_earlier_run(app: CaeApp, home: Home) -> None:
    write_run(home, scripted_events())
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        assert "s an epoch here" in text(page, "#sums")


async def test_help_explains_every_field(app: CaeApp) -> None:
    for kind, spec in SPECS.items():
        for info in spec.model_fields.values():
            assert (info.description or "") in form_for(kind, {}).HELP


# -- the form of a classifier ---------------------------------------------------------------------


async def test_without_an_autoencoder_the_form_says_what_to_do(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier")
        assert page.query_one("#no-encoder").display
        assert text(page, "#no-encoder") == "No autoencoder yet. Press Ctrl+N to train one."
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert isinstance(app.screen, SpecPage)


async def test_keys_that_come_in_one_burst_are_taken_in_their_order(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        page.query_one("#field-kernel_size").focus()
        await pilot.pause()
        for key in ("down", "down", "down", "down", "enter"):  # over the titles of three groups to a fourth
            app.post_message(Key(key, None))
        await until(pilot, lambda: not page.query_one("#group-data", Group).collapsed)
        assert page.query_one("#group-optimisation", Group).collapsed
        for key in ("up", "up", "enter"):
            app.post_message(Key(key, None))
        await until(pilot, lambda: not page.query_one("#group-optimisation", Group).collapsed)
        assert page.query_one("#group-architecture", Group).collapsed


async def test_a_new_form_says_what_it_still_needs_and_calls_nothing_wrong(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier")
        assert text(page, "#word") == "Still needed: Encoder."
        assert not page.query_one("#word").has_class("-problem")
        assert not page.query(".-problem")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert text(page, "#word") == "1 field is wrong: Encoder."
        assert [row.field.name for row in page.query(FieldRow) if row.has_class("-problem")] == ["encoder"]


async def test_defaults_offer_the_encoder_that_a_new_form_does(
    app: CaeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def encoder_remarks(spec: Spec, data: object) -> tuple[str, ...]:
        return () if getattr(spec, "encoder", "") == AUTOENCODER else ("That run was stopped.",)

    async def data(files: object = None) -> DataView:
        return replace(data_view(), images_digest="these")

    monkeypatch.setattr(app.runner, "encoder_remarks", encoder_remarks)
    monkeypatch.setattr(app.runner, "data", data)
    events = scripted_events("autoencoder")
    write_run(home, events, status=replace(scripted_status(events), images_digest="these"))
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, "classifier")
        assert page.form.values["encoder"] == AUTOENCODER
        page.form.put({"encoder": AUTOENCODER[:4]})
        await settled(pilot)
        assert page.query_one(EncoderPicker).remarks == ("That run was stopped.",)
        await pilot.press("f5")
        await settled(pilot)
        assert page.form.values["encoder"] == AUTOENCODER
        assert page.query_one(EncoderPicker).remarks == ()
        assert text(page, "#word") == "Ctrl+R starts."


async def test_defaults_without_an_encoder_to_offer_call_nothing_wrong(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier", encoder="gone")
        await pilot.press("f5")
        await settled(pilot)
        assert text(page, "#word") == "Still needed: Encoder."
        assert not page.query(".-problem")


def in_sight(page: SpecPage) -> bool:
    """Whether what has the focus is in the visible part of the form."""
    focused = page.focused
    return focused is not None and focused.region.intersection(page.query_one(Fields).region) == focused.region


@pytest.fixture
def without_labels(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images in use that have no labels, as the engine says it."""

    async def check(spec: Spec) -> dict[str, str]:
        if isinstance(spec, ClassifierSpec) and spec.labels is None:
            return {"labels": "dark has no labels. Name a file of training labels (--labels)."}
        return {}

    monkeypatch.setattr(app.runner, "check", check)


async def test_a_new_form_on_images_without_labels_asks_for_them_and_calls_nothing_wrong(
    app: CaeApp, home: Home, without_labels: None
) -> None:
    write_run(home, scripted_events("autoencoder"))
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier", encoder=AUTOENCODER)
        assert text(page, "#word") == "Still needed: Training labels."
        assert not page.query(".-problem")
        assert in_sight(page)
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert text(page, "#word") == "1 field is wrong: Training labels."
        row = next(row for row in page.query(FieldRow) if row.has_class("-problem"))
        assert text_of(row.query_one(".problem", Static)) == "dark has no labels. Name a file of training labels."
        assert page.focused is row.control
        assert in_sight(page)


async def test_a_group_that_opens_for_what_is_wrong_in_it_leaves_the_focus_in_sight(
    app: CaeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(spec: Spec) -> dict[str, str]:
        return {"test_images": "It is damaged."}

    monkeypatch.setattr(app.runner, "check", check)
    write_run(home, scripted_events("autoencoder"))
    app.animation_level = "none"
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier", test_images="/no.idx")
        await pilot.pause()
        assert not page.query_one("#group-idx-files", Group).collapsed
        assert in_sight(page)


async def test_a_field_that_was_emptied_is_wrong_at_once(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier")
        page.form.put({"encoder": "a"})
        page.form.put({"encoder": ""})
        await settled(pilot)
        assert text(page, "#word") == "1 field is wrong: Encoder."


async def test_the_newest_autoencoder_is_chosen_and_its_head_shown(app: CaeApp, home: Home) -> None:
    write_run(home, scripted_events())
    write_run(home, scripted_events("classifier"))
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, "classifier")
        assert page.query_one(EncoderTable).row_count == 1
        assert page.form.values["encoder"] == AUTOENCODER
        assert page.form.problems == {}
        assert "classes" in text(page, "#layer-lines")
        assert "head" in text(page, "#sums")


async def test_enter_chooses_a_run_and_passing_by_does_not(app: CaeApp, home: Home) -> None:
    write_run(home, scripted_events())
    write_run(home, scripted_events(run="b222000000"))
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier", encoder=AUTOENCODER)
        table = page.query_one(EncoderTable)
        await pilot.pause()
        assert app.focused is table
        other = 1 - table.cursor_row
        await pilot.press("down" if other else "up")
        assert page.form.values["encoder"] == AUTOENCODER
        await pilot.press("enter")
        await settled(pilot)
        assert page.form.values["encoder"] == "b222000000"
        assert app.focused is page.query_one("#field-frozen_epochs")
        assert "b222" in page.form.problems["encoder"]  # this test's runner knows only the other one


async def test_the_arrows_pass_through_the_table_of_runs(app: CaeApp, home: Home) -> None:
    write_run(home, scripted_events())
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, "classifier")
        await pilot.pause()
        await pilot.press("up")
        assert app.focused is page.query_one("#field-encoder")
        await pilot.press("down", "down")
        assert app.focused is page.query_one("#field-frozen_epochs")


async def test_a_classifier_starts_on_the_chosen_run(app: CaeApp, home: Home, started: list[Spec]) -> None:
    write_run(home, scripted_events())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "classifier")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert started == [ClassifierSpec(encoder=AUTOENCODER)]


# -- what they look like --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
@pytest.mark.parametrize("size", [(20, 5), (8, 3)])
async def test_a_form_on_a_tiny_screen_stands(app: CaeApp, home: Home, kind: str, size: tuple[int, int]) -> None:
    write_run(home, scripted_events())
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot, kind)
        await pilot.press("f2", "f2", "down")
        assert page.form.spec is not None


@pytest.mark.parametrize("size", SIZES)
def test_an_autoencoder_s_form_looks_right(app: CaeApp, snap_compare: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await opened(app, pilot, kernel_size="13", schedule="constant")
        page.query_one("#preset").focus()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_a_classifier_s_form_looks_right(app: CaeApp, home: Home, snap_compare: Any, size: tuple[int, int]) -> None:
    for run in (AUTOENCODER, "b222000000"):
        write_run(home, scripted_events(run=run))

    async def before(pilot: Pilot[Any]) -> None:
        page = await opened(app, pilot, "classifier", encoder=AUTOENCODER)
        while not page.query_one(EncoderTable).has_focus:
            await pilot.pause(0.01)
        await settled(pilot)
        page.query_one(Fields).scroll_home(animate=False)  # the table may have grown before it had the focus, or after
        await pilot.pause(0.05)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_the_architecture_looks_right_on_its_own(app: CaeApp, snap_compare: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(app, pilot, layers="40", latent="64")
        await pilot.press("f2")

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (126, 40)])
async def test_the_state_of_an_encoder_is_not_cut(app: CaeApp, home: Home, size: tuple[int, int]) -> None:
    for place in range(8):
        events = scripted_events("autoencoder", f"d{place}m1000000", state="early-stopped")
        write_run(home, events, status=replace(scripted_status(events), data=f"plankton {place % 2}"))
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot, "classifier")
        table = page.query_one(EncoderTable)
        await until(pilot, lambda: table.row_count == 8)
        await pilot.pause()
        columns = sum(column.get_render_width(table) for column in table.ordered_columns)
        assert columns <= table.scrollable_content_region.width
