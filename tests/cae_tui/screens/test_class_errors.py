"""The errors of each class over the epochs, on the page of a run."""

import pytest
from textual.pilot import Pilot

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.class_errors import MOST, NONE_KEPT, ClassErrorChart
from engine.protocol.events import EpochEnded, MistakesCounted
from engine.runs.directory import Home
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, scripted_events, until, write_run


async def opened(app: CaeApp, pilot: Pilot[None], run: str) -> TrainingScreen:
    app.post_message(messages.OpenTraining(run))
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.state is not None)
    assert isinstance(app.screen, TrainingScreen)
    return app.screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_c_shows_them_in_place_of_the_curves_and_the_cursor_tells_those_of_its_epoch(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    events = scripted_events("classifier")
    counted = [event for event in events if isinstance(event, MistakesCounted)]
    write_run(home, events)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot, CLASSIFIER)
        await pilot.press("c")
        chart = page.query_one(ClassErrorChart)
        await until(pilot, lambda: chart.display and "%" in chart.text)
        assert not page.query_one("#charts").display
        latest = counted[-1].counts
        wrong = {label: 1 - row[label] / sum(row) for label, row in enumerate(latest)}
        worst = max(wrong, key=lambda label: wrong[label])
        assert f"● {worst} {100 * wrong[worst]:.1f} %" in chart.text
        assert f"Those of {len(latest)} classes with the most errors." in chart.text
        await pilot.press("home")
        first = counted[0].counts[worst]
        await until(pilot, lambda: f"● {worst} {100 * (1 - first[worst] / sum(first)):.1f} %" in chart.text)
        await pilot.press("c")
        await until(pilot, lambda: page.query_one("#charts").display)


async def test_few_classes_are_all_drawn(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events("classifier", classes=3))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        page = await opened(app, pilot, CLASSIFIER)
        await pilot.press("c")
        chart = page.query_one(ClassErrorChart)
        await until(pilot, lambda: all(f" {label} " in chart.text for label in range(3)))
        assert "classes with the most" not in chart.text
        assert MOST == 8


async def test_a_run_that_counted_none_says_so(make_app: MakeApp, home: Home) -> None:
    events = [event for event in scripted_events("classifier") if not isinstance(event, MistakesCounted)]
    assert any(isinstance(event, EpochEnded) for event in events)
    write_run(home, events)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        page = await opened(app, pilot, CLASSIFIER)
        await pilot.press("c")
        chart = page.query_one(ClassErrorChart)
        await until(pilot, lambda: NONE_KEPT in " ".join(chart.text.split()))


async def test_what_tells_no_classes_apart_has_no_such_key(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events("autoencoder"))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        page = await opened(app, pilot, AUTOENCODER)
        assert not page.check_action("show", ("classes",))
