"""The form of a study: its plan as it is typed, what it refuses, what it looks like."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.study import StudyScreen
from cae_tui.screens.study_form import StudyForm
from cae_tui.widgets.fields import Choice
from cae_tui.widgets.remarks import Remarks
from cae_tui.widgets.study_fields import ABOUT
from engine.errors import EngineError
from engine.runs.directory import Home
from engine.studies.records import StudyRecord
from engine.studies.spec import StudySpec
from tests.cae_tui.conftest import AUTOENCODER, MakeApp, scripted_events, until, write_run
from tests.cae_tui.screens.test_study import text
from tests.cae_tui.study_script import ScriptedStudy, grid, guided

SIZES = [(120, 40), (80, 24)]


async def form(app: CaeApp, pilot: Pilot[Any], run: str = "") -> StudyForm:
    app.post_message(messages.ConfigureStudy(run))
    await pilot.pause()
    await pilot.pause()
    assert isinstance(app.screen, StudyForm)
    return app.screen


def plan_of(app: CaeApp, record: StudyRecord) -> None:
    async def plan(spec: object) -> StudyRecord:
        return record

    app.studies.plan = plan  # type: ignore[method-assign]  # a stand-in


async def test_the_form_shows_the_plan_and_starts_it(make_app: MakeApp) -> None:
    script = ScriptedStudy(guided(state="running"))
    app = make_app(study_trainer=script)
    plan_of(app, guided())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await form(app, pilot)
        assert text(app, "#word").startswith("Name a hyperparameter")
        screen.query_one("#field-values", Input).value = "layers=8,10"
        await until(pilot, lambda: "6 trials on cpu" in text(app, "#plan"))
        assert "32 kernels" in text(app, "#plan")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, StudyScreen))
        assert script.specs[0].values == {"layers": ("8", "10")}
        script.finish.set()
        await until(pilot, lambda: not app.studies.busy)
        await pilot.press("escape")
        await pilot.pause()
        assert app.page is not screen  # it has served
        assert app.drafts["study"]["values"] == "layers=8,10"


def tells(screen: StudyForm, sentence: str) -> Callable[[], bool]:
    return lambda: sentence in screen._problems.get("values", "")


async def test_what_is_to_be_known_of_the_images_and_the_encoder_is_shown_before_a_study(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(home, scripted_events())
    app = make_app()

    async def plan(spec: StudySpec) -> StudyRecord:
        record = guided()
        encoder = ["The encoder was stopped."] if spec.baseline.kind == "classifier" else []
        record.data["remarks"] = [*encoder, "The images are dark."]
        return record

    monkeypatch.setattr(app.studies, "plan", plan)
    app.keep_draft("classifier", {"encoder": AUTOENCODER})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await form(app, pilot)
        assert not screen.query_one(Remarks).display
        screen.query_one("#field-values", Input).value = "layers=8,10"
        await until(pilot, lambda: screen.query_one(Remarks).sentences == ("The images are dark.",))
        screen.query_one("#field-values", Input).value = "fc_units=8,10"
        screen.query_one("#field-baseline", Choice).choose("classifier form")
        both = ("The encoder was stopped.", "The images are dark.")
        await until(pilot, lambda: screen.query_one(Remarks).sentences == both)
        assert screen.query_one(Remarks).display


async def test_wrong_values_are_told_beneath_them(make_app: MakeApp) -> None:
    app = make_app()
    plan_of(app, guided())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await form(app, pilot)
        for typed, sentence in (
            ("layers", "“layers” has no values"),
            ("layers=8,9", "layers: “9” is odd"),
            ("layrs=8", "did you mean layers?"),
            ("layers=8 kernels=4", "2 hyperparameters are named"),
        ):
            screen.query_one("#field-values", Input).value = typed
            await until(pilot, tells(screen, sentence))
            await until(pilot, lambda: "Check: Values." in text(app, "#word"))
        screen.query_one("#field-mode", Choice).choose("grid")
        await until(pilot, lambda: screen._problems == {})


async def test_every_kind_that_the_form_offers_says_what_it_is(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await form(app, pilot)
        kind = screen.query_one("#field-mode", Choice)
        for mode in kind.choices:
            kind.choose(mode)
            await until(pilot, lambda mode=mode: text(app, "#about").startswith(ABOUT[mode]))  # type: ignore[misc]
        assert set(kind.choices) == {"one", "guided", "grid", "search"}
        assert "`P` on the report" in screen.HELP


async def test_a_run_is_a_baseline(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    app = make_app()
    plan_of(app, guided())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await form(app, pilot, AUTOENCODER)
        assert screen.query_one("#field-baseline", Choice).value == "run a7f3"
        screen.query_one("#field-values", Input).value = "layers=8,10"
        await until(pilot, lambda: screen._study is not None)


async def test_what_the_data_refuse_is_told(make_app: MakeApp) -> None:
    app = make_app()

    async def plan(spec: object) -> StudyRecord:
        raise EngineError("batch 600: 600 is more than the 540 images to train on.")

    app.studies.plan = plan  # type: ignore[method-assign]  # a stand-in
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await form(app, pilot)
        screen.query_one("#field-values", Input).value = "batch_size=64,600"
        await until(pilot, tells(screen, "600 is more than"))


def test_a_plan_s_time_is_told_from_runs_as_large_as_its_largest_point(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())  # a step of 128 images of 14 million took 50 ms
    studies = make_app().studies
    plan = grid(points=4)
    for point, work in zip(plan.stages[0].points, (7_000_000, 14_000_000, 7_000_000, 7_000_000), strict=True):
        point.step_work, point.weight = 128 * work, 128 * work * 400
    assert studies.seconds(plan) == pytest.approx((3 * 0.025 + 0.05) * 400)
    plan.stages[0].points[1].step_work *= 10
    plan.stages[0].points[1].weight *= 10
    assert studies.seconds(plan) is None  # the small run says nothing of it


@pytest.mark.parametrize("size", SIZES)
def test_the_form_looks_as_it_did(make_app: MakeApp, home: Home, snap_compare: Any, size: tuple[int, int]) -> None:
    app = make_app()
    plan_of(app, guided())

    async def open_it(pilot: Pilot[Any]) -> None:
        screen = await form(app, pilot)
        screen.query_one("#field-mode", Choice).choose("guided")
        await until(pilot, lambda: "6 trials on cpu" in text(app, "#plan"))
        await pilot.pause()

    assert snap_compare(app, run_before=open_it, terminal_size=size)
