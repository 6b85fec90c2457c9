"""The scores of an anomaly detector: bars, a threshold that keys move, and images on both sides of it."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.doubts import OUT
from cae_tui.bridge.oddity import STEPS
from cae_tui.messages import OpenRun, OpenScores
from cae_tui.screens.dialogs import AskTextScreen
from cae_tui.screens.doubts import DoubtsScreen
from cae_tui.screens.odd import OddScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.widgets.card_grid import CardGrid
from cae_tui.widgets.doubt_images import DoubtImages
from cae_tui.widgets.doubt_table import DoubtTable
from cae_tui.widgets.image_grid import PictureView
from cae_tui.widgets.score_histogram import ScoreHistogram
from engine import jobs
from engine.data.cache import load
from engine.data.label_file import read_labels
from engine.protocol.control import Flag
from engine.results.anomaly import AnomalyResult
from engine.runs.directory import Home
from engine.specs.anomaly import AnomalySpec
from engine.specs.base import preset
from engine.specs.data_files import DataFiles
from tests.cae_tui.conftest import on_top, told, until
from tests.engine.conftest import autoencoder as autoencoder
from tests.engine.conftest import files as files
from tests.engine.conftest import trained_home as trained_home

SMALL = {"epochs": 4, "layers": 4, "kernels": 8, "batch_size": 16, "threads": 1, "latent": 8}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> tuple[Home, dict[str, AnomalyResult]]:
    """Detectors of what is no 1, and of what is like no digit; look, but do not touch."""
    home = Home(tmp_path_factory.mktemp("odd"))
    found = {}
    for normal in ("1", ""):
        spec = preset(AnomalySpec, "recommended", **{**SMALL, **files, "normal": normal})
        result = jobs.start(home, spec, lambda _: None, Flag())
        assert isinstance(result, AnomalyResult)
        found[normal] = result
    return home, found


Odd = tuple[Home, dict[str, AnomalyResult]]


async def opened(app: CaeApp, pilot: Pilot[None], run: str) -> OddScreen:
    """The page, once its scores are read and its pictures are there."""
    app.post_message(OpenScores(run))
    await until(pilot, on_top(app, OddScreen))
    page = app.screen
    assert isinstance(page, OddScreen)
    await until(pilot, lambda: page.view is not None and all_read(page))
    return page


def all_read(page: OddScreen) -> bool:
    shown = [one.index for side in page.shown.values() for one in side]
    return bool(shown) and all(index in page._pictures for index in shown)


def figures(page: OddScreen) -> str:
    return str(page.query_one("#figures", Static).render()).replace("\N{NO-BREAK SPACE}", " ")


def title(page: OddScreen, side: str) -> str:
    return str(page.query_one(f"#{side}-side").border_title)


async def test_it_begins_with_the_threshold_and_the_figures_of_the_run(odd: Odd) -> None:
    home, results = odd
    result, app = results["1"], CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, result.id)
        assert page.threshold == result.threshold
        for name, share in (("recall", result.recall), ("precision", result.precision), ("AUROC", result.auroc)):
            assert share is not None
            assert f"{name} {100 * share:.2f} %" in figures(page)
        told_odd, told_normal = (title(page, side) for side in ("odd", "normal"))
        assert "Told as odd" in told_odd
        assert "Told as normal" in told_normal
        numbers = [int(words.split(":")[1].split(",")[0]) for words in (told_odd, told_normal)]
        assert sum(numbers) == 200
        for above, side in page.shown.items():
            assert all((one.score > page.threshold) == above for one in side)


async def test_the_arrows_move_the_threshold_and_what_depends_on_it(odd: Odd) -> None:
    home, results = odd
    result, app = results["1"], CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, result.id)
        assert page.view is not None
        own, low = page.view.threshold, page.view.low
        step = (page.view.high - low) / STEPS
        await pilot.press("right", "right")
        await until(pilot, lambda: page.threshold == pytest.approx(own + 2 * step))
        assert "its own" not in figures(page)
        await pilot.press("shift+left")
        await until(pilot, lambda: page.threshold == pytest.approx(own - 8 * step))
        for _ in range(25):
            await pilot.press("shift+left")
        await until(pilot, lambda: page.threshold == low)
        assert "recall 100.00 %" in figures(page)
        assert not page.shown[False] or page.shown[False][0].score <= page.threshold
        await pilot.press("t")
        await until(pilot, lambda: page.threshold == own)
        assert "its own" in figures(page)


async def test_only_those_on_the_wrong_side_at_a_key(odd: Odd) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, results["1"].id)
        for _ in range(3):
            await pilot.press("shift+right")  # there are some then
        await pilot.press("w")
        await until(pilot, lambda: page.only_wrong and bool(page.shown[False]) and all_read(page))
        assert all(one.odd for one in page.shown[False])
        assert not any(one.odd for one in page.shown[True])
        await pilot.press("w")
        await until(pilot, lambda: not page.only_wrong)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_image_is_shown_large_beside_its_reconstruction_and_what_differs(
    odd: Odd, size: tuple[int, int]
) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot, results["1"].id)
        await pilot.press("tab")
        await until(pilot, lambda: page.query_one("#normal-cards", CardGrid).has_focus)
        await pilot.press("right", "enter")
        await until(pilot, lambda: page.large is not None)
        assert page.large is page.shown[False][1]
        views = [page.query_one(f"#{part}", PictureView) for part in ("image", "rebuilt", "difference")]
        await until(pilot, lambda: all(view.picture is not None for view in views))
        pictures = [view.picture for view in views if view.picture is not None]
        assert {(one.height, one.width) for one in pictures} == {(28, 28)}
        assert [one.channels for one in pictures] == [1, 1, 3]
        await until(
            pilot, lambda: all(0 < view.region.right <= size[0] and view.region.bottom < size[1] for view in views)
        )
        assert "told as normal" in str(page.query_one("#large-line", Static).render())
        await pilot.press("left")
        await until(pilot, lambda: page.large is page.shown[False][0])
        await pilot.press("escape")
        await until(pilot, lambda: page.large is None)
        assert page.query_one("#normal-cards", CardGrid).has_focus
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not page)


async def test_farther_from_the_threshold_and_back(odd: Odd) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot, results["1"].id)
        nearest = list(page.shown[True])
        await pilot.press("n")
        await until(pilot, lambda: bool(page.shown[True]) and page.shown[True][0].score > nearest[-1].score)
        await pilot.press("p")
        await until(pilot, lambda: page.shown[True] == nearest)
        await pilot.press("tab", "tab")
        cards = page.query_one("#odd-cards", CardGrid)
        await until(pilot, lambda: cards.has_focus)
        for _ in range(len(nearest)):  # off the page is the next one
            await pilot.press("right")
        await until(pilot, lambda: page.shown[True] != nearest and page.shown[False] != [])
        await pilot.press("left")  # and back to the last of the page before, none is passed over
        await until(pilot, lambda: page.shown[True] == nearest)
        assert cards.cursor == len(nearest) - 1
        for _ in range(400):  # past the end nothing turns
            page._side_steps(True, 1)
        last, cursor = list(page.shown[True]), cards.cursor
        page._side_steps(True, 1)
        assert (page.shown[True], cards.cursor) == (last, cursor)
        assert cursor == len(last) - 1


async def test_where_nobody_knows_what_is_odd_there_is_one_side_of_bars(odd: Odd) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, results[""].id)
        assert "told as odd" in figures(page)
        assert "recall" not in figures(page)
        assert "wrongly" not in title(page, "odd")
        bars = page.query_one(ScoreHistogram)
        assert "odd" not in bars.legend
        assert "█" in bars.text
        assert not page.check_action("wrong", ())


async def test_the_bars_count_every_image(odd: Odd) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot, results["1"].id)
        assert page._oddity is not None
        assert page.view is not None
        normal, others = page._oddity.bins(page.view.low, page.view.high, 37)
        assert (sum(normal), sum(others)) == (results["1"].normal_images, results["1"].odd_images)
        assert "▲" in page.query_one(ScoreHistogram).text
        near = page.view.low + (page.view.high - page.view.low) / 10
        await pilot.click(ScoreHistogram, offset=(3, 3))
        await until(pilot, lambda: page.threshold < near)


async def test_the_report_of_such_a_run_has_a_key_for_it(odd: Odd) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(OpenRun(results["1"].id))
        await until(pilot, on_top(app, ReportScreen))
        page = app.screen
        assert isinstance(page, ReportScreen)
        await until(pilot, lambda: page.measured)
        assert "Test AUROC" in str(page.query_one("#headline", Static).render())
        numbers = str(page.query_one("#report", Static).render())
        assert "by the error" in numbers
        assert "pixels, no network" in numbers
        await pilot.press("o")
        await until(pilot, on_top(app, OddScreen))


async def test_a_run_that_has_no_scores_says_so(
    trained_home: Home, autoencoder: tuple[object, AnomalyResult, object]
) -> None:
    app = CaeApp(trained_home)
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(OpenScores(autoencoder[1].id))
        await until(pilot, on_top(app, OddScreen))
        page = app.screen
        assert isinstance(page, OddScreen)
        await until(pilot, lambda: "tells no odd images" in figures(page))
        await pilot.press("right", "t", "w", "n")
        assert not told(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_oddest_of_all_its_images_are_left_out_by_a_file_of_labels(
    odd: Odd, size: tuple[int, int], tmp_path: Path
) -> None:
    home, results = odd
    app = CaeApp(home)
    async with app.run_test(size=size) as pilot:
        app.post_message(OpenRun(results[""].id))
        await until(pilot, on_top(app, ReportScreen))
        report = app.screen
        assert isinstance(report, ReportScreen)
        await until(pilot, lambda: report.measured)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DoubtsScreen) and app.screen.view is not None)
        page = app.screen
        assert isinstance(page, DoubtsScreen)
        await until(pilot, lambda: page.query_one(DoubtImages).found is not None)
        assert page.crumbs[-1] == "Odd images"
        assert "the oddest first" in str(page.query_one("#ranked").border_title)
        table = page.query_one(DoubtTable)
        assert {"given", "score"} <= {head.name for head in table.heads()}
        assert "suggested" not in {head.name for head in table.heads()}
        scores = [line.score for line in table.lines]
        assert scores == sorted(scores, reverse=True)
        about = str(page.query_one("#about", Static).render())
        assert f"score      {table.score_words(table.lines[0])}" in about
        await pilot.press("r")  # nothing is suggested
        assert not page.decisions
        await pilot.press("x", "down", "k", "w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(tmp_path / "labels.csv")
        await pilot.press("enter")
        await until(pilot, lambda: not page.unwritten)
        whole = load(DataFiles.of(home.find(results[""].id).read_spec()["spec"]))
        kept, row, first = read_labels(tmp_path / "labels.csv", whole), table.lines[0].row, len(whole.train)
        part, place = (kept.corrections.training, row) if row < first else (kept.corrections.test, row - first)
        assert part == ((place, OUT),)
        assert len(kept.decisions) == 2
