"""The same images through two runs, and the comparison's charts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.both import ALL, DIFFER, FIRST, NEITHER, SECOND, counts_in_words, side_by_side
from cae_tui.bridge.values import Prediction, PredictionsView
from cae_tui.screens.both import BothScreen
from cae_tui.screens.compare import CompareScreen
from cae_tui.widgets.card_grid import CardGrid
from cae_tui.widgets.prediction_view import PredictionView
from cae_tui.widgets.study_chart import StudyChart
from engine import jobs
from engine.errors import RunError
from engine.protocol.control import Flag
from engine.protocol.events import Event
from engine.runs.directory import Home, RunDirectory
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, on_top, scripted_events, until, write_run
from tests.engine.conftest import autoencoder as autoencoder
from tests.engine.conftest import classifier as classifier
from tests.engine.conftest import files as files
from tests.engine.conftest import own_home as own_home
from tests.engine.conftest import small, small_classifier
from tests.engine.conftest import trained_home as trained_home

Trained = tuple[RunDirectory, Any, list[Event]]


def answered(*rows: tuple[int, int, int], of: str = "test") -> PredictionsView:
    """Images by index, class and answer."""
    predictions = tuple(
        Prediction(index=index, true=true, predicted=told, confidence=0.9, error=None) for index, true, told in rows
    )
    return PredictionsView(run="a", kind="classifier", classes=3, of=of, predictions=predictions)


def rebuilt(*errors: float) -> PredictionsView:
    predictions = tuple(
        Prediction(index=index, true=None, predicted=None, confidence=None, error=error)
        for index, error in enumerate(errors)
    )
    return PredictionsView(run="a", kind="autoencoder", classes=0, of="test", predictions=predictions)


def indices(view: Any, part: str) -> list[int]:
    return [pair.index for pair in view.part(part)]


def test_answers_are_told_apart_by_who_is_right() -> None:
    view = side_by_side(
        answered((0, 0, 0), (1, 1, 1), (2, 2, 0), (3, 0, 1), (4, 1, 2)),
        answered((0, 0, 0), (1, 1, 2), (2, 2, 2), (3, 0, 1), (4, 1, 0)),
    )
    assert indices(view, FIRST) == [1]
    assert indices(view, SECOND) == [2]
    assert indices(view, NEITHER) == [3, 4]
    assert indices(view, DIFFER) == [1, 2, 4]
    assert indices(view, ALL) == [0, 1, 2, 3, 4]
    assert counts_in_words(view, ("a7f3", "c01b")) == (
        "5 test images: both right 1, only a7f3 1, only c01b 1, neither 2; answers differ on 3. "
        "A difference so uneven comes by chance with p = 1 (McNemar's test)."
    )


def test_a_difference_that_is_hardly_chance_is_told_so() -> None:
    right = [(place, 0, 0) for place in range(20)]
    wrong = [(place, 0, 1) for place in range(20)]
    view = side_by_side(answered(*right), answered(*wrong))
    assert view.chance == pytest.approx(2 * 0.5**20)
    assert "p < 0.001 (McNemar's test)" in counts_in_words(view, ("a", "b"))
    alike = side_by_side(answered(*right), answered(*right))
    assert alike.chance == 1.0
    assert "McNemar" not in counts_in_words(alike, ("a", "b"))


def test_reconstructions_of_the_greatest_difference_come_first() -> None:
    view = side_by_side(rebuilt(0.1, 0.5, 0.3, 0.2), rebuilt(0.2, 0.1, 0.9, 0.2))
    assert view.parts == (FIRST, SECOND, ALL)
    assert indices(view, FIRST) == [2, 0]
    assert indices(view, SECOND) == [1]
    assert counts_in_words(view, ("a", "b")) == "4 test images: a rebuilds 2 better, b rebuilds 1 better, 1 alike."


def test_only_images_in_common_are_held_against_each_other() -> None:
    view = side_by_side(
        answered((0, 0, 0), (5, 1, 1), of="validation"), answered((5, 1, 0), (7, 1, 1), of="validation")
    )
    assert indices(view, ALL) == [5]
    assert counts_in_words(view, ("a", "b")).endswith("2 that only one was measured on are left out.")
    for other, words in (
        (answered((7, 1, 1), of="validation"), "no validation image in common"),
        (answered((0, 0, 0)), "validation images and the other on test images"),
        (replace(rebuilt(0.1), of="validation"), "tells classes apart, the other rebuilds"),
    ):
        with pytest.raises(RunError, match=words):
            side_by_side(answered((0, 0, 0), of="validation"), other)


@pytest.fixture
def two(own_home: Home, files: dict[str, Path], autoencoder: Trained) -> tuple[Home, tuple[str, str], tuple[str, str]]:
    """A home with two classifiers and two autoencoders on the same images."""
    for spec in (small_classifier(files, autoencoder[0].id), small(files)):
        jobs.start(own_home, spec.model_copy(update={"seed": 5}), lambda _: None, Flag())
    runs = own_home.list_runs()
    classifiers, autoencoders = (
        tuple(run.id for run in runs if run.kind == kind) for kind in ("classifier", "autoencoder")
    )
    return own_home, classifiers, autoencoders  # type: ignore[return-value]  # two of each


async def opened(app: CaeApp, pilot: Pilot[None], runs: tuple[str, str]) -> BothScreen:
    """By the key of the comparison."""
    app.post_message(messages.CompareRuns(runs))
    await until(pilot, lambda: isinstance(app.screen, CompareScreen) and len(app.screen._runs) == 2)
    await pilot.press("i")
    await until(pilot, on_top(app, BothScreen))
    page = app.screen
    assert isinstance(page, BothScreen)
    return page


def told(page: BothScreen) -> str:
    return str(page.query_one("#told", Static).render())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_two_classifiers_side_by_side(
    two: tuple[Home, tuple[str, str], tuple[str, str]], size: tuple[int, int]
) -> None:
    home, classifiers, _ = two
    app = CaeApp(home)
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot, classifiers)
        await until(pilot, lambda: page.view is not None)
        assert "both right" in told(page)
        view = page.view
        assert view is not None
        await pilot.press("a")
        await until(pilot, lambda: len(page.query_one(CardGrid).pictures) > 0)
        assert len(page.found) == len(view.pairs)
        pair = page.found[0]
        words, _ = page._caption(pair.first)
        assert words.split(":")[0].strip()
        assert words.count("✓") == bool(pair.first.right) + bool(pair.second.right)
        await pilot.press("enter")
        await until(pilot, lambda: pair.index in page._images)
        larges = list(page.query(PredictionView))
        assert len(larges) == 2
        assert all(large.display for large in larges)
        await pilot.press("right")
        assert page.at == 1
        await pilot.press("escape")
        assert not page.large
        assert app.screen is page
        await pilot.press("d")
        assert page.found == view.part(DIFFER)


async def test_two_autoencoders_side_by_side(two: tuple[Home, tuple[str, str], tuple[str, str]]) -> None:
    home, _, autoencoders = two
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, autoencoders)
        await until(pilot, lambda: page.view is not None)
        assert "rebuilds" in told(page)
        assert not page.check_action("part", (DIFFER,))
        assert page.check_action("part", (FIRST,))


async def test_what_cannot_be_compared_is_a_sentence(two: tuple[Home, tuple[str, str], tuple[str, str]]) -> None:
    home, classifiers, autoencoders = two
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, (classifiers[0], autoencoders[0]))
        await until(pilot, lambda: "the other rebuilds images" in told(page))
        run = home.find(classifiers[1])
        run.write_status(replace(run.read_status(), data_digest="other"))
        await pilot.press("escape")
        await until(pilot, on_top(app, CompareScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CompareScreen))
        second = await opened(app, pilot, classifiers)
        await until(pilot, lambda: "trained on different images" in told(second))


async def test_each_loss_has_a_chart_of_its_own(make_app: MakeApp, home: Home) -> None:
    for kind in ("autoencoder", "classifier"):
        write_run(home, scripted_events(kind))
    write_run(home, scripted_events(run="b222000000"))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.CompareRuns((AUTOENCODER, "b222000000", CLASSIFIER)))
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and len(app.screen._runs) == 3)
        charts = [chart for chart in app.screen.query(StudyChart) if chart.display]
        await until(pilot, lambda: all("log scale ·" in str(chart.border_title) for chart in charts))
        assert [chart.loss for chart in charts] == ["mean squared error", "cross-entropy"]
        assert "a7f3" in charts[0].text
        assert "b222" in charts[0].text
        assert "c01b" not in charts[0].text
        assert "c01b" in charts[1].text
        await pilot.press("comma")
        assert charts[0].cursor == charts[1].cursor is not None
        assert not app.screen.check_action("both", ())  # there are three
        await pilot.press("escape")
        app.post_message(messages.CompareRuns((AUTOENCODER, "b222000000")))
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and len(app.screen._runs) == 2)
        assert sum(chart.display for chart in app.screen.query(StudyChart)) == 1
