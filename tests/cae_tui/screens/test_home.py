from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.home import HomeScreen
from cae_tui.widgets.data_card import DataCard, bar, tiles_for
from cae_tui.widgets.last_runs import LastRuns, run_lines
from engine.errors import DatasetError
from engine.runs.directory import Home
from engine.runs.notes import Notes, write_notes
from engine.runs.status import RunStatus
from tests.cae_tui.conftest import MakeApp, data_view
from tests.cae_tui.script import AUTOENCODER, BEGAN, CLASSIFIER, scripted_events, scripted_status, write_run

NOW = BEGAN + 2 * 3600 + 60


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cae_tui.widgets.last_runs.time.time", lambda: NOW)


def write_runs(home: Home) -> None:
    """One run of each way to end."""
    ids = {"finished": AUTOENCODER, "stopped": "b2k9000000", "early-stopped": "d4m1000000", "failed": "e5p7000000"}
    for place, (state, run) in enumerate(ids.items()):
        events = scripted_events("autoencoder", run, state=state)
        status = replace(scripted_status(events), started=BEGAN - 40_000 * place)
        write_run(home, events, status=status)
    events = scripted_events("classifier")
    write_run(home, events, status=replace(scripted_status(events), started=BEGAN + 60))
    events = scripted_events("autoencoder", "g9q8000000")[:12]
    write_run(home, events, status=replace(scripted_status(events), started=BEGAN + 3600))


def lines(app: CaeApp) -> list[str]:
    runs = app.screen.query_one(LastRuns)
    return [str(runs.get_option_at_index(place).prompt).rstrip() for place in range(runs.option_count)]


async def test_without_runs_it_says_what_to_do(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert lines(app) == ["No runs yet. Press Enter for the two-minute tour, or a to train an autoencoder."]
        assert not app.screen.query_one(LastRuns).can_focus
        await pilot.press("R")  # nothing to resume, and nothing happens
        assert isinstance(app.screen, HomeScreen)


async def test_the_last_runs_are_aligned_and_the_newest_is_first(make_app: MakeApp, home: Home) -> None:
    write_runs(home)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert lines(app) == [
            "g9q8  autoencoder  10 × 32, 3×3, b128  val 7.00e-04  ■ cut off at 2/3   1 h",
            "c01b  classifier   on a7f3, fc 128          99.61 %  ✓ finished         2 h",
            "a7f3  autoencoder  10 × 32, 3×3, b128  val 5.25e-04  ✓ finished         2 h",
            "b2k9  autoencoder  10 × 32, 3×3, b128  val 7.00e-04  ■ stopped at 2/3  13 h",
            "d4m1  autoencoder  10 × 32, 3×3, b128  val 7.00e-04  ✓ early-stopped   24 h",
            "e5p7  autoencoder  10 × 32, 3×3, b128  val 7.00e-04  ✗ failed at 2/3   35 h",
        ]


async def test_nothing_is_cut_in_the_middle_of_a_word_at_80_columns(make_app: MakeApp, home: Home) -> None:
    write_runs(home)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert lines(app)[:2] == [
            "g9q8  10 × 32, 3×3, b128  7.00e-04  ■ cut off",
            "c01b  on a7f3, fc 128      99.61 %  ✓ finished",
        ]
        assert app.screen.query_one("#menu").region.right <= 80


async def test_enter_opens_and_capital_r_resumes_only_what_can_be_resumed(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(home)
    app = make_app()
    resumed: list[str] = []
    opened: list[str] = []
    monkeypatch.setattr(app.runner, "resume", resumed.append)
    monkeypatch.setattr(app.run_acts, "open_training", opened.append)
    monkeypatch.setattr(app.run_acts, "_open_report", opened.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("R")  # from the menu: the latest that can be
        await pilot.pause()
        assert resumed == ["g9q8000000"]
        await pilot.press("left", "R")  # from the list: only the one under the cursor
        await pilot.pause()
        resumed.clear()
        opened.clear()
        await pilot.press("down", "R", "enter")
        await pilot.pause()
        assert resumed == []
        assert opened == [CLASSIFIER]


async def test_what_is_hidden_from_the_list_of_runs_is_not_among_the_last_ones(make_app: MakeApp, home: Home) -> None:
    write_runs(home)
    write_notes(home.find(CLASSIFIER).notes, Notes(hidden=True))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        listed = app.screen.query_one(LastRuns)
        assert listed.option_count
        assert CLASSIFIER not in [option.id for option in listed.options]


async def test_nothing_is_offered_to_be_resumed_while_a_run_is_on(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(home)
    app = make_app()
    resumed: list[str] = []
    monkeypatch.setattr(app.runner, "resume", resumed.append)
    monkeypatch.setattr("cae_tui.bridge.runner.Runner.busy", True)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("R")
        assert resumed == []
        monkeypatch.setattr("cae_tui.bridge.runner.Runner.busy", False)
        await pilot.press("R")
        assert len(resumed) == 1


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("a", "configure"),
        ("c", "configure"),
        ("o", "configure"),
        ("s", "studies"),
        ("r", "runs"),
        ("Q", "queue"),
        ("d", "data"),
    ],
)
async def test_each_line_of_the_menu_has_its_key(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, key: str, action: str
) -> None:
    app = make_app()
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(app, f"action_{action}", lambda *arguments: asked.append(arguments))
    async with app.run_test() as pilot:
        await pilot.press(key)
        await pilot.press("home", *["down"] * "acoTsrQd".index(key), "enter")
        await pilot.pause()
        assert len(asked) == 2
        assert asked[0] == asked[1]


async def test_a_click_on_the_menu_and_on_the_card_does_what_they_say(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    asked: list[str] = []
    monkeypatch.setattr(app, "action_runs", lambda: asked.append("runs"))
    monkeypatch.setattr(app, "action_data", lambda: asked.append("data"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.click("#menu", offset=(6, 6))
        await pilot.click("#data", offset=(6, 3))
        await pilot.pause()
    assert asked == ["runs", "data"]


async def test_the_cursor_stays_on_its_run_when_another_begins(make_app: MakeApp, home: Home) -> None:
    write_runs(home)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("left", "down", "down")
        runs = app.screen.query_one(LastRuns)
        assert runs.run is not None
        assert runs.run.id == AUTOENCODER
        events = scripted_events("autoencoder", "h1h1000000")
        write_run(home, events, status=replace(scripted_status(events), started=NOW))
        app.lists.tell_changed()
        await pilot.pause()
        assert runs.option_count == 7
        assert runs.run.id == AUTOENCODER


async def test_data_that_cannot_be_read_are_said_to_be(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()

    async def refuse(spec: object = None) -> None:
        raise DatasetError("mnist.gz is [red]cut[/red] off after 12 bytes.")

    monkeypatch.setattr(app.runner, "data", refuse)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert str(app.screen.query_one(DataCard).render()) == "✗ mnist.gz is [red]cut[/red] off after 12 bytes."


@pytest.mark.parametrize("size", [(120, 40), (120, 24), (80, 24), (66, 20)])
async def test_the_card_has_its_size_before_the_data_are_there(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        card = app.screen.query_one(DataCard)
        full, shown = card.region, str(card.render()).split("\n")
        card.data = None
        await pilot.pause()
        assert card.region == full
        assert len(str(card.render()).split("\n")) == len(shown) == card.content_size.height
        assert max(len(line) for line in shown) <= card.content_size.width


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 10), (300, 100)])
async def test_any_size_of_terminal_will_do(make_app: MakeApp, home: Home, size: tuple[int, int]) -> None:
    write_runs(home)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await pilot.press("down")
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert len(lines(app)) == 6


def test_a_run_without_numbers_has_a_line_too() -> None:
    run = RunStatus(id=AUTOENCODER, title="[b]x[/b]", encoder="/a/b/model.safetensors", kind="classifier")
    assert run_lines([], 80, NOW) == []
    line = run_lines([run], 78, NOW)[0].plain
    assert line.startswith("a7f3  classifier  on model.safetensors, [b]x[/b]") or "[b]x[/b]" in line
    assert "–  ● running" in line


def test_an_accuracy_on_validation_images_is_not_taken_for_one_on_test_images() -> None:
    run = RunStatus(id=CLASSIFIER, kind="classifier", measures={"validation_accuracy": 0.75})
    assert " val 75.00 %  " in run_lines([run], 78, NOW)[0].plain  # its best epoch's, while it trains
    run = replace(run, state="finished", measures={**run.measures, "report_accuracy": 0.7})
    assert " val 70.00 %  " in run_lines([run], 78, NOW)[0].plain
    assert " val 70.00 %  " in run_lines([run], 50, NOW)[0].plain
    run = replace(run, measures={"test_accuracy": 0.65, "report_accuracy": 0.65})
    assert " 65.00 %  " in run_lines([run], 78, NOW)[0].plain
    assert "val" not in run_lines([run], 78, NOW)[0].plain


def test_epochs_of_all_stages_together_are_told_as_a_number_of_epochs() -> None:
    run = RunStatus(id=CLASSIFIER, kind="classifier", state="cut off", stage="fine-tuning", epoch=7, epochs=20)
    assert "cut off after 7 of 20 epochs" in run_lines([run], 100, NOW)[0].plain
    assert "cut off at 7/20" in run_lines([replace(run, stage="from scratch")], 100, NOW)[0].plain


def test_bars_have_eighths_and_tiles_fit_their_card() -> None:
    assert [bar(share, 4) for share in (0, 0.5, 0.53, 1, 2)] == ["    ", "██  ", "██▏ ", "████", "████"]
    for width in range(1, 200):
        tiles = tiles_for(width, tall=width % 2 == 0)
        assert tiles.across * tiles.width + (tiles.across - 1) * tiles.gap <= max(width, 7)


@pytest.mark.parametrize("theme", ["cae-dark", "cae-light"])
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_home_looks_as_it_did(
    make_app: MakeApp, home: Home, snap_compare: Callable[..., bool], theme: str, size: tuple[int, int]
) -> None:
    write_runs(home)
    app = make_app()
    app._begin_with(theme)

    async def ready(pilot: Pilot[None]) -> None:
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=ready)


async def test_a_class_of_many_images_never_looks_smaller_than_one_of_few(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        card = app.screen.query_one(DataCard)
        for counts in ((300, 20, 5), (30, 20, 5), (30_000, 2, 100)):
            card.show(
                replace(
                    data_view(), classes=3, training=sum(counts), training_counts=counts, test_counts=(),
                    example_classes=(0, 1, 2), examples=data_view().examples[:3],
                )
            )  # fmt: skip
            await pilot.pause()
            tiles = tiles_for(card.content_size.width, tall=False)
            bars = [sum(cell in "█▏▎▍▌▋▊▉" for cell in card._label(tiles, place).plain) for place in range(3)]
            assert bars[0] == max(bars)
            assert {card._label(tiles, place).cell_length for place in range(3)} == {tiles.width}


def test_images_of_mnist_are_exact_where_there_is_room() -> None:
    assert (tiles_for(163, tall=True, vast=True).width, tiles_for(163, tall=True, vast=True).height) == (28, 14)
    assert tiles_for(163, tall=True).width == tiles_for(100, tall=True, vast=True).width == 14
