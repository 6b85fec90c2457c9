import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget
from textual.worker import WorkerCancelled

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.run_state import replay
from cae_tui.bridge.values import SampleStrip
from cae_tui.screens.compare import CompareScreen
from cae_tui.screens.training import LOADING, TrainingScreen
from cae_tui.widgets.epoch_log import EpochLog
from cae_tui.widgets.loss_chart import LossChart
from cae_tui.widgets.mistake_matrix import MistakeMatrix
from cae_tui.widgets.sample_strip import SampleStripView
from cae_tui.widgets.study_chart import StudyChart
from engine.protocol.events import BatchEnded, EpochEnded, Event, MistakesCounted, Paused, RunStarted, SamplesSaved
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.measures import LOSS
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, ScriptedTrainer, held, scripted_events, write_run
from tests.cae_tui.conftest import until as wait
from tests.cae_tui.script import halfway, picture, until

SMALL, LARGE = (80, 24), (120, 40)


def text(app: CaeApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def heard(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What the screen on top posts, in place of the app's doing it."""
    seen: list[Message] = []
    post = app.screen.post_message

    def keep(message: Message) -> bool:
        if type(message).__module__ == messages.__name__ and not isinstance(message, messages.RunUpdated):
            seen.append(message)
            return True
        return post(message)

    monkeypatch.setattr(app.screen, "post_message", keep)
    return seen


async def settle(pilot: Pilot[None]) -> None:
    screen = pilot.app.screen
    while working := [worker for worker in pilot.app.workers if worker.node is screen and not worker.is_finished]:
        with suppress(WorkerCancelled):  # newer news make a worker superfluous
            await pilot.app.workers.wait_for_complete(working)
    await pilot.pause()


async def opened(app: CaeApp, pilot: Pilot[None], run: str = AUTOENCODER) -> TrainingScreen:
    app.post_message(messages.OpenTraining(run))
    await pilot.pause()
    await settle(pilot)
    assert isinstance(app.screen, TrainingScreen)
    return app.screen


def strip_of(epoch: int = 3) -> SampleStrip:
    images = tuple(picture(name) for name in range(8))
    return SampleStrip(epoch, images, images)


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Reconstructions as the engine would have saved them; the files that were asked for."""
    asked: list[str] = []

    async def read(self: object, run: str, saved: Sequence[SamplesSaved]) -> SampleStrip:
        asked.append(saved[0].file)
        return strip_of(saved[0].epoch)

    monkeypatch.setattr("cae_tui.bridge.reader.Reader.samples", read)
    return asked


async def test_a_run_that_is_being_prepared_says_what_is_waited_for(make_app: MakeApp) -> None:
    gate = threading.Event()
    app = make_app(ScriptedTrainer([gate, *scripted_events()]))
    async with app.run_test(size=SMALL) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await pilot.pause()
        assert LOADING in text(app)
        gate.set()
        await app.runner.wait_for_end()
        await settle(pilot)
        assert LOADING not in text(app)
        assert "✓ finished" in text(app)


async def test_news_of_the_run_that_is_on_are_drawn(make_app: MakeApp, samples: list[str]) -> None:
    trainer, gate = held(scripted_events(epochs=20, samples=True), BatchEnded, 6)
    app = make_app(trainer)
    async with app.run_test(size=LARGE) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await pilot.pause()
        await settle(pilot)
        shown = text(app)
        assert "● training" in shown
        assert "epoch  2/20" in shown
        assert "step 2/4" in shown
        assert "1 loss 0.0010   val_loss 0.0011" in shown.replace("    ", "   ")
        assert samples == ["samples/epoch-0001.npz"]
        assert not app.screen.query_one("RunStrip").display
        gate.set()
        await app.runner.wait_for_end()
        await settle(pilot)
        assert "✓ finished" in text(app)
        assert "Press o for the report" in text(app)


async def test_news_of_a_batch_neither_lay_out_the_screen_nor_make_the_footer_again(
    make_app: MakeApp, samples: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, gate = held(scripted_events(epochs=20, samples=True), BatchEnded, 6)
    app = make_app(trainer)
    async with app.run_test(size=LARGE) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await pilot.pause()
        await settle(pilot)
        asked: list[str] = []
        refresh = Widget.refresh

        def count(widget: Widget, *regions: Any, layout: bool = False, recompose: bool = False, **rest: Any) -> Any:
            # A page beneath may still be read; it is not drawn.
            if (layout or recompose) and widget.is_attached and widget.screen is app.screen:
                asked.append(repr(widget))
            return refresh(widget, *regions, layout=layout, recompose=recompose, **rest)

        monkeypatch.setattr(Widget, "refresh", count)
        run = app.runner.current
        assert run is not None
        assert run.batch is not None
        run.apply(replace(run.batch, step=3))
        app.screen.post_message(messages.RunUpdated(run, epoch=False))
        await pilot.pause()
        assert "step 3/4" in text(app)
        assert asked == []
        gate.set()
        await app.runner.wait_for_end()
        await settle(pilot)
        assert asked


async def test_leaving_the_screen_does_not_stop_the_run(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), BatchEnded, 2)
    app = make_app(trainer)
    async with app.run_test(size=SMALL) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app.runner.busy
        await pilot.press("ctrl+t")
        await settle(pilot)
        assert isinstance(app.screen, TrainingScreen)
        assert "step 2/4" in text(app)
        gate.set()
        await app.runner.wait_for_end()


async def test_space_pauses_and_goes_on(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), BatchEnded, 2)
    app = make_app(trainer)
    async with app.run_test(size=SMALL) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await settle(pilot)
        for said in ("‖ paused", "● training"):
            await pilot.press("space")
            for _ in range(50):
                await pilot.pause(0.02)
                if said in text(app):
                    break
            assert said in text(app)
        gate.set()
        await app.runner.wait_for_end()


@pytest.mark.parametrize(
    ("state", "key", "asked"),
    [
        ("finished", "o", messages.OpenRun(AUTOENCODER)),
        ("finished", "enter", messages.OpenRun(AUTOENCODER)),
        ("finished", "g", messages.OpenGallery(AUTOENCODER)),
        ("finished", "n", messages.Configure("classifier", {"encoder": AUTOENCODER})),
        ("finished", "e", messages.ConfigureAgain(AUTOENCODER)),
        ("stopped", "R", messages.ResumeRun(AUTOENCODER)),
        ("finished", "R", None),
        ("stopped", "F", messages.FinishRun(AUTOENCODER)),
        ("finished", "F", None),
        ("finished", "s", None),
        ("stopped", "o", None),
        ("diverged", "n", None),
    ],
)
async def test_a_key_asks_for_what_can_be_done(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch, state: str, key: str, asked: Message | None
) -> None:
    write_run(home, scripted_events(state=state))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot)
        seen = heard(app, monkeypatch)
        await pilot.press(key)
        await pilot.pause()
        assert seen == ([asked] if asked else [])


async def test_stopping_is_asked_of_the_app(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, gate = held(scripted_events(), BatchEnded, 2)
    app = make_app(trainer)
    async with app.run_test(size=SMALL) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await settle(pilot)
        seen = heard(app, monkeypatch)
        await pilot.press("s")
        assert seen == [messages.StopRun(AUTOENCODER)]
        gate.set()
        await app.runner.wait_for_end()


async def test_a_run_of_another_process_is_followed_while_it_is_looked_at(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[tuple[str, str]] = []
    monkeypatch.setattr("cae_tui.bridge.runner.Runner.follow", lambda self, run: followed.append(("follow", run)))
    monkeypatch.setattr("cae_tui.bridge.runner.Runner.unfollow", lambda self, run: followed.append(("unfollow", run)))
    run = write_run(home, halfway())
    app = make_app()
    with run.locked():
        async with app.run_test(size=SMALL) as pilot:
            await opened(app, pilot)
            assert followed == [("follow", AUTOENCODER)]
            assert "● training" in text(app)
            await pilot.press("escape")
            await pilot.pause()
    assert followed[1:] == [("unfollow", AUTOENCODER)]


async def test_a_cut_off_run_says_how_to_go_on(make_app: MakeApp, home: Home) -> None:
    write_run(home, halfway())
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot)
        assert "■ Cut off" in text(app)
        assert "Press R to continue from there, F to finish it with its best weights." in " ".join(text(app).split())


async def test_a_run_that_is_gone_says_so(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await app.push_screen(TrainingScreen("zzzz"))  # as where it is deleted while its page opens
        await settle(pilot)
        assert "No run begins with" in text(app)
        await pilot.press("l", "b", "i", "h", "space", "s")
        await pilot.pause()


async def test_scale_and_batches_are_switched_by_keys(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot)
        chart = screen.query_one("#loss", LossChart)
        seen = [(chart.logarithmic, chart.shown_by)]
        for key in ("l", "b", "b"):
            await pilot.press(key)
            seen.append((chart.logarithmic, chart.shown_by))
        assert seen == [(True, "epoch"), (False, "epoch"), (False, "batch"), (False, "epoch")]


async def test_where_room_is_little_images_and_log_are_behind_keys(
    make_app: MakeApp, home: Home, samples: list[str]
) -> None:
    write_run(home, scripted_events(samples=True))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot)
        assert screen.query_one("#charts").display
        assert not screen.query_one(SampleStripView).display
        await pilot.press("i")
        await pilot.pause()
        strip = screen.query_one(SampleStripView)
        assert strip.display
        assert str(strip.border_subtitle) == "epoch 3 · 1 of 8, [ ] for more · exact"
        await pilot.press("h")
        await pilot.pause()
        assert screen.query_one("#long-log", EpochLog).display
        assert "3  loss 5.00e-04  val_loss 5.25e-04" in text(app)
        await pilot.press("h")
        await pilot.pause()
        assert screen.query_one("#charts").display


async def test_before_two_epochs_a_key_chooses_epochs_or_batches_too(make_app: MakeApp, home: Home) -> None:
    write_run(home, until(scripted_events(), EpochEnded)[0])
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot)
        chart = screen.query_one("#loss", LossChart)
        seen = [chart.shown_by]
        for _ in range(2):
            await pilot.press("b")
            seen.append(chart.shown_by)
        assert seen == ["batch", "epoch", "batch"]


async def test_a_single_point_is_drawn(make_app: MakeApp, home: Home) -> None:
    write_run(home, until(scripted_events(), BatchEnded)[0])
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot)
        chart = screen.query_one("#loss", LossChart)
        assert len(screen.state.batches if screen.state else []) == 1
        assert "●" in chart.text


async def test_the_log_says_when_its_first_line_comes_and_has_room_for_the_time_of_a_step(
    make_app: MakeApp, home: Home
) -> None:
    trainer, gate = held(scripted_events(), BatchEnded)
    app = make_app(trainer)
    async with app.run_test(size=LARGE) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await wait(pilot, lambda: bool(app.screen.query("#log")))
        log = app.screen.query_one("#log", EpochLog)
        await wait(pilot, lambda: [line.text.strip() for line in log.lines] == ["A line comes after each epoch."])
        gate.set()
        await wait(pilot, lambda: len(log.lines) == 3)
        assert all("ms/step" in line.text for line in log.lines)


@pytest.mark.parametrize("size", [LARGE, (200, 60)])
async def test_a_classifier_s_charts_have_the_width_and_the_log_and_confusion_stand_beside_them(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    write_run(home, scripted_events("classifier"))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        loss, accuracy, log = (screen.query_one(name).region for name in ("#loss", "#measure", "#log"))
        matrix = screen.query_one("#mistakes", MistakeMatrix)
        assert not screen.query_one(SampleStripView).display
        assert loss.width == accuracy.width >= size[0] / 2
        assert accuracy.y == loss.bottom
        assert log.x == matrix.region.x == loss.right
        assert (log.right, matrix.region.right) == (size[0], size[0])
        assert "── fine-tuning ──" in text(app)
        assert "val_acc 0.9920" in text(app)
        assert str(matrix.border_title) == "Validation confusion · fine-tuning 3/3"
        assert matrix.region.height == 14
        assert "592" in text(app)
        await pilot.press("tab", "tab", "tab")
        assert not matrix.has_focus
        await pilot.press("h")
        await pilot.pause()
        assert screen.query_one("#long-log").region.width == loss.width
        assert not screen.query_one("#charts").display


@pytest.mark.parametrize("size", [SMALL, LARGE, (200, 60)])
async def test_a_key_shows_the_confusion_of_the_latest_epoch_in_place_of_the_curves(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    write_run(home, scripted_events("classifier"))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        await pilot.press("m")
        await pilot.pause()
        matrix = screen.query_one("#long-mistakes", MistakeMatrix)
        assert matrix.has_focus
        assert not screen.query_one("#charts").display
        assert not screen.query_one("#mistakes").display
        assert "2 of 596 images of class 4 were taken for 9" in text(app)
        await pilot.press("home", *["up"] * 4)
        await pilot.pause()
        assert "590 of 590 images of class 0 were taken for 0" in text(app)
        await pilot.press("m")
        await pilot.pause()
        assert screen.query_one("#charts").display
        assert screen.focused is None


async def test_news_keep_the_cell_that_was_chosen_and_count_anew(make_app: MakeApp, home: Home) -> None:
    trainer, gate = held(scripted_events("classifier"), MistakesCounted, 2)
    app = make_app(trainer)
    async with app.run_test(size=SMALL) as pilot:
        app.post_message(messages.Start(AutoencoderSpec()))
        await wait(pilot, lambda: app.runner.current is not None and app.runner.current.mistakes is not None)
        await settle(pilot)
        await pilot.press("m", "home", "down")
        matrix = app.screen.query_one("#long-mistakes", MistakeMatrix)
        await wait(pilot, lambda: "frozen 2/3" in str(matrix.border_title))
        chosen = matrix.cursor
        gate.set()
        await app.runner.wait_for_end()
        await wait(pilot, lambda: "fine-tuning 3/3" in str(matrix.border_title))
        assert (matrix.cursor, matrix.counts[4][9]) == (chosen, 2)


async def test_many_classes_stand_under_the_charts_where_there_is_room_and_else_behind_the_key(
    make_app: MakeApp, home: Home
) -> None:
    write_run(home, scripted_events("classifier", classes=26))
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        charts, matrix = screen.query_one("#charts"), screen.query_one("#long-mistakes", MistakeMatrix)
        assert charts.display
        assert matrix.display
        assert matrix.region.height == matrix.needed.height == 30
        assert matrix.region.y == charts.region.bottom
        await pilot.resize_terminal(*LARGE)
        await pilot.pause()
        shown = [(charts.display, matrix.display)]
        await pilot.press("m")
        await pilot.pause()
        assert [*shown, (charts.display, matrix.display)] == [(True, False), (False, True)]
        assert matrix.size.width >= 112


async def test_a_run_in_which_nothing_was_counted_has_no_key_for_it(make_app: MakeApp, home: Home) -> None:
    write_run(home, [event for event in scripted_events("classifier") if not isinstance(event, MistakesCounted)])
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        for run in (CLASSIFIER, AUTOENCODER):
            screen = await opened(app, pilot, run)
            assert not screen.query_one("#mistakes").display
            await pilot.press("m")
            await pilot.pause()
            assert screen.query_one("#charts").display
            assert "Confusion" not in text(app)
            await pilot.press("escape")


@pytest.mark.parametrize(("size", "pages"), [(SMALL, 8), (LARGE, 4), ((200, 60), 2)])
async def test_every_pair_of_images_is_reached_exact_by_a_key(
    make_app: MakeApp, home: Home, samples: list[str], size: tuple[int, int], pages: int
) -> None:
    write_run(home, scripted_events(samples=True))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot)
        strip = screen.query_one(SampleStripView)
        if not strip.display:
            await pilot.press("i")
            await pilot.pause()
        seen = []
        for _ in range(pages):
            seen.append(strip.told)
            await pilot.press("right_square_bracket")
        assert all("exact" in told for told in seen)
        assert len(set(seen)) == pages
        assert seen[0] == strip.told  # round again
        await pilot.press("left_square_bracket")
        assert seen[-1] == strip.told


async def test_a_log_that_a_resume_cut_back_is_written_again(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events(epochs=5))
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot)
        log = screen.query_one("#log", EpochLog)
        assert len(log.lines) == 5
        screen.show_run(replay(AUTOENCODER, until(scripted_events(epochs=5), EpochEnded, 2)[0]))
        await wait(pilot, lambda: len(log.lines) == 2)


async def test_what_a_file_or_a_person_wrote_is_not_read_as_markup(make_app: MakeApp, home: Home) -> None:
    events = scripted_events(state="failed", message="[bold]no[/nonsense] $x")
    events[0] = replace(next(event for event in events if isinstance(event, RunStarted)), title="[red]10[/] × 32")
    write_run(home, events)
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await opened(app, pilot)
        assert "[bold]no[/nonsense] $x" in text(app)
        assert "[red]10[/] × 32" in text(app)


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (60, 50), (200, 20), (200, 60)])
@pytest.mark.parametrize("run", [AUTOENCODER, CLASSIFIER])
async def test_no_size_of_the_terminal_breaks_it(
    make_app: MakeApp, home: Home, samples: list[str], size: tuple[int, int], run: str
) -> None:
    write_run(home, scripted_events(samples=True))
    write_run(home, scripted_events("classifier"))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, run)
        await pilot.press("i", "h", "h", "b", "l")
        await pilot.resize_terminal(*SMALL)
        await pilot.pause()
        assert text(app)


def scripted(kind: str, ending: str) -> Sequence[Event]:
    if ending == "on":
        events = halfway(kind, number=9)
        return [*events, Paused(message="")] if kind == "classifier" else events
    return scripted_events(kind, epochs=8, samples=True)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(("kind", "ending"), [("autoencoder", "on"), ("autoencoder", "over"), ("classifier", "on")])
def test_it_looks_right(
    snap_compare: Any, make_app: MakeApp, home: Home, samples: list[str], size: tuple[int, int], kind: str, ending: str
) -> None:
    run = write_run(home, scripted(kind, ending))
    app = make_app()

    async def prepare(pilot: Pilot[None]) -> None:
        await opened(app, pilot, run.id)

    if ending == "on":
        with run.locked():
            assert snap_compare(app, run_before=prepare, terminal_size=size)
    else:
        assert snap_compare(app, run_before=prepare, terminal_size=size)


async def test_no_chart_is_drawn_twice_at_any_moment_of_a_wide_run(make_app: MakeApp, samples: list[str]) -> None:
    for place, expected in ((2, ["Loss by batch"]), (6, ["Loss by epoch", "Loss by batch"])):
        trainer, gate = held(scripted_events(epochs=20, samples=True), BatchEnded, place)
        app = make_app(trainer)
        async with app.run_test(size=(200, 60)) as pilot:
            app.post_message(messages.Start(AutoencoderSpec()))
            await wait(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.state is not None)  # noqa: B023 - at once
            screen = app.screen
            assert isinstance(screen, TrainingScreen)
            await wait(pilot, lambda: titles(screen) == expected)  # noqa: B023 - at once
            await pilot.press("b")
            await pilot.pause()
            assert len(set(titles(screen))) == len(titles(screen))
            gate.set()
            await app.runner.wait_for_end()


async def test_the_log_in_place_of_the_curves_has_them_beside_it(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events("autoencoder"))
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("h")
        await settle(pilot)
        assert screen.query_one("#long-log").display
        side = screen.query_one("#side-loss", LossChart)
        assert side.region.height > 10
        before = side.shown_by
        await pilot.press("b")
        await wait(pilot, lambda: side.shown_by != before)


def titles(screen: TrainingScreen) -> list[str]:
    """What the charts of a loss that are to be seen show."""
    charts = [chart for chart in screen.query(LossChart) if chart.region and chart.measure is LOSS]
    return [str(chart.border_title).split(",")[0] for chart in charts]


async def test_keys_and_the_mouse_go_back_in_time(make_app: MakeApp, home: Home, samples: list[str]) -> None:
    """The legend tells the values there, the images turn back; a cursor behind the latest follows what comes."""
    write_run(home, scripted_events(epochs=20, samples=True))
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot)
        await wait(pilot, lambda: bool(samples))
        chart = screen.query_one("#loss", LossChart)

        async def told(*keys: str) -> tuple[float | None, str, str]:
            await pilot.press(*keys)
            await wait(pilot, lambda: not chart.stale)
            await settle(pilot)
            return screen.moment, str(chart.border_subtitle).partition("[")[0].strip(), samples[-1]

        assert await told() == (None, "", "samples/epoch-0020.npz")
        assert await told("left", "comma") == (18.0, "epoch 18/20", "samples/epoch-0018.npz")
        assert "training 1" in str(chart.border_subtitle)
        assert "│" in chart.text
        assert (await told("shift+left"))[0] == 8.0
        assert (await told("x"))[1] == "step 32"
        assert (await told("x"))[1] == "2:48"
        assert (await told("x", "home"))[0] == 1.0
        assert (await told("left"))[0] == 1.0
        assert (await told("shift+right", "right"))[0] == 12.0
        assert (await told("end"))[0] is None
        await pilot.click(chart, offset=(chart.size.width // 2, 5))
        await settle(pilot)
        assert screen.moment in (9.0, 10.0, 11.0)
        await told("b", "left")
        assert chart.shown_by == "batch"
        assert screen.moment == replay(AUTOENCODER, scripted_events(epochs=20)).batches[-2][0]
        assert str(chart.border_subtitle).startswith("epoch 19.75")
        await told("u")
        assert (chart.smoothing, "smoothed 0.6" in str(chart.border_title)) == (0.6, True)


async def test_the_confusion_turns_back_to_the_epoch_under_the_cursor(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events("classifier", epochs=3))
    app = make_app()
    async with app.run_test(size=(160, 48)) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        matrix = screen.query_one("#mistakes", MistakeMatrix)
        assert matrix.counts[4][9] == 2
        await pilot.press("home")
        await settle(pilot)
        assert matrix.counts[4][9] == 14
        assert "frozen 1/3" in str(matrix.border_title)


async def test_two_runs_go_back_in_step(make_app: MakeApp, home: Home, samples: list[str]) -> None:
    for run, epochs in ((AUTOENCODER, 20), ("b222000000", 5)):
        write_run(home, scripted_events(epochs=epochs, samples=True, run=run))
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        app.post_message(messages.CompareRuns((AUTOENCODER, "b222000000")))
        await wait(pilot, lambda: isinstance(app.screen, CompareScreen) and len(samples) == 2)
        chart = app.screen.query_one(StudyChart)
        await pilot.press("less_than_sign", "less_than_sign", "full_stop", "full_stop")
        await wait(pilot, lambda: chart.cursor == 3 and samples[-2:] == ["samples/epoch-0003.npz"] * 2)
        assert chart.border_subtitle == "epoch 3"
        await pilot.press("greater_than_sign")
        await wait(pilot, lambda: samples[-2:] == ["samples/epoch-0013.npz", "samples/epoch-0005.npz"])
        assert "ended before" in chart.text
        await pilot.press("greater_than_sign")
        await wait(pilot, lambda: chart.cursor is None)
