"""How sure a classifier is: the diagram, the temperature, how many images are answered."""

import json
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import OpenRun, OpenSure
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.sure import SureScreen
from cae_tui.widgets.reliability import SURE, ReliabilityDiagram
from engine.evaluation.calibration import BINS
from engine.protocol.events import Event
from engine.results.calibration import Bin, Calibration, Covered, Reliability
from engine.runs.checkpoint import read_model
from engine.runs.directory import Home, RunDirectory
from tests.cae_tui.conftest import on_top, until
from tests.engine.conftest import autoencoder as autoencoder
from tests.engine.conftest import classifier as classifier
from tests.engine.conftest import files as files
from tests.engine.conftest import own_home as own_home
from tests.engine.conftest import trained_home as trained_home

Trained = tuple[RunDirectory, Any, list[Event]]


def diagram_of(*bins: Bin) -> Reliability:
    """The last bins of a diagram whose others are empty."""
    empty = [Bin(images=0, confidence=0, accuracy=0)] * (BINS - len(bins))
    return Reliability(ece=0.05, bins=[*empty, *bins])


FOUND = Calibration(
    temperature=0.5,
    fitted_on=6000,
    raw=diagram_of(Bin(images=40, confidence=0.9, accuracy=0.95), Bin(images=1960, confidence=0.97, accuracy=1.0)),
    tempered=diagram_of(Bin(images=2000, confidence=0.99, accuracy=0.99)),
    curve=[1.0] * 19 + [0.99],
    covered=[
        Covered(accuracy=0.999, share=0.972, threshold=0.98),
        Covered(accuracy=0.995, share=0.0, threshold=1.01),
    ],
    own_threshold=0.6,
    answered=0.99,
    answered_accuracy=0.995,
)


def write_calibration(run: RunDirectory, found: Calibration | None) -> None:
    """Put it into the result of a run, or take it out, as a version before has it."""
    from dataclasses import asdict

    values = json.loads(run.result.read_text())
    values.pop("calibration", None)
    if found is not None:
        values["calibration"] = asdict(found)
    run.result.write_text(json.dumps(values))


async def opened(app: CaeApp, pilot: Pilot[None], run: str) -> SureScreen:
    app.post_message(OpenSure(run))
    await until(pilot, on_top(app, SureScreen))
    page = app.screen
    assert isinstance(page, SureScreen)
    await until(pilot, lambda: page.view is not None)
    return page


def shows(app: CaeApp, run: str) -> bool:
    """Whether the report of that run is read and on top."""
    return isinstance(app.screen, ReportScreen) and app.screen.run_id == run and app.screen.view is not None


def told(page: SureScreen) -> str:
    return str(page.query_one("#told", Static).render())


def drawn(page: SureScreen) -> list[str]:
    return page.query_one(ReliabilityDiagram).render().plain.splitlines()


def title(page: SureScreen) -> str:
    return str(page.query_one("#diagram-card").border_title)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_page_says_how_sure_and_how_right(own_home: Home, classifier: Trained, size: tuple[int, int]) -> None:
    run = own_home.find(classifier[0].id)
    write_calibration(run, FOUND)
    app = CaeApp(own_home)
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot, run.id)
        assert "0.05" not in told(page)
        assert "ECE, 15 bins) 5.00 %" in told(page)
        assert "It answers 97.20 % of the test images at 99.9 %." in told(page)
        await until(pilot, lambda: any(SURE in line for line in drawn(page)[1:]))
        lines = [line for line in drawn(page) if " %" in line[:12]]
        assert [line.split()[:2] for line in lines] == [["87–93", "%"], ["93–100", "%"]]
        assert "1,960" in lines[1]
        assert all(SURE in line and "█" in line for line in lines)
        assert lines[0].index(SURE) < lines[1].index(SURE)
        assert "as they are" in title(page)
        await pilot.press("t")
        assert "temperature 0.50" in title(page)
        assert [line.split()[2] for line in drawn(page) if " %" in line[:12]] == ["2,000"]
        coverage = str(page.query_one("#coverage", Static).render()).splitlines()
        assert coverage[1].split() == ["99.9", "%", "97.20", "%", "98.00", "%"]
        assert coverage[2].split() == ["99.5", "%", "none", "–"]
        assert coverage[-1].split() == ["50", "%", "100.00", "%"]


async def test_u_on_the_report_of_what_tells_classes_apart_opens_it(
    own_home: Home, classifier: Trained, autoencoder: Trained
) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(100, 30)) as pilot:
        for run, is_there in ((autoencoder[0].id, False), (classifier[0].id, True)):
            app.post_message(OpenRun(run))
            await until(pilot, lambda run=run: shows(app, run))  # type: ignore[misc]
            assert bool(app.screen.check_action("ask", ("sure",))) == is_there
        await pilot.press("u")
        await until(pilot, on_top(app, SureScreen))


async def test_of_an_earlier_version_it_says_what_its_predictions_tell(own_home: Home, classifier: Trained) -> None:
    run = own_home.find(classifier[0].id)
    write_calibration(run, None)
    app = CaeApp(own_home)
    async with app.run_test(size=(100, 30)) as pilot:
        page = await opened(app, pilot, run.id)
        assert "An earlier version, which looked for no temperature" in told(page)
        assert page.view is not None
        assert page.view.calibration.raw == classifier[1].calibration.raw
        assert not page.check_action("temperature", ())


async def test_what_cannot_be_read_is_a_sentence(own_home: Home, autoencoder: Trained, classifier: Trained) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(100, 30)) as pilot:
        app.post_message(OpenSure(autoencoder[0].id))
        await until(pilot, on_top(app, SureScreen))
        page = app.screen
        assert isinstance(page, SureScreen)
        await until(pilot, lambda: "tells no classes apart" in told(page))
        run = own_home.find(classifier[0].id)
        run.predictions.unlink()
        write_calibration(run, None)
        await pilot.press("escape")
        app.post_message(OpenSure(classifier[0].id))
        await until(pilot, lambda: isinstance(app.screen, SureScreen) and app.screen is not page)
        second = app.screen
        assert isinstance(second, SureScreen)
        await until(pilot, lambda: "are gone" in told(second))


def test_a_run_measures_it_once_and_the_model_file_has_the_same_temperature(classifier: Trained) -> None:
    run, result, _ = classifier
    found = result.calibration
    facts = read_model(run.model).facts
    assert found.temperature == facts.temperature
    assert found.own_threshold == facts.unsure_below
    assert sum(each.images for each in found.raw.bins) == result.correct + result.incorrect
    right = sum(each.images * each.accuracy for each in found.raw.bins)
    assert right == pytest.approx(result.correct)
    again = run.read_result()
    assert again is not None
    assert again.calibration == found


@pytest.mark.parametrize("change", [{"temperature": -1.0}, {"curve": [2.0]}, {"tempered": None}, {"raw": None}])
def test_a_damaged_one_is_refused_with_its_result(own_home: Home, classifier: Trained, change: dict[str, Any]) -> None:
    from dataclasses import asdict

    from engine.errors import EngineError

    run = own_home.find(classifier[0].id)
    values = json.loads(run.result.read_text())
    values["calibration"] = {**asdict(FOUND), **change}
    run.result.write_text(json.dumps(values))
    with pytest.raises(EngineError, match="result"):
        run.read_result()
