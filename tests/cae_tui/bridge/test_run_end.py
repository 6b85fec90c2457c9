"""How a run is ended: finished now, stopped to go on later, or left alone; and one that was stopped, finished."""

from dataclasses import replace

from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import FinishRun, StopRun
from cae_tui.screens.dialogs import ConfirmScreen, StopScreen
from cae_tui.screens.training import TrainingScreen
from engine.protocol.events import BatchEnded, EpochEnded
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import AUTOENCODER, ScriptedTrainer, halfway, held, scripted_events, write_run
from tests.cae_tui.study_script import guided, write_study


def shown(app: CaeApp) -> str:
    """The screen as it is read."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def ask_to_end(app: CaeApp, pilot: Pilot[None]) -> str:
    """The question of how a run is to end, as it is read."""
    app.screen.post_message(StopRun(AUTOENCODER))
    await until(pilot, on_top(app, StopScreen))
    await pilot.pause()
    return shown(app)


async def test_how_a_run_is_to_end_is_asked_and_going_on_is_the_default(make_app: MakeApp) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        for keys in (["enter"], ["escape"], ["n"], ["g"], ["k"], ["right", "left", "enter"]):
            asked = await ask_to_end(app, pilot)
            for words in ("Finish now (f)", "Stop (s)", "Go on (g)", "the best weights so far, of epoch 1, are"):
                assert words in asked
            await pilot.press(*keys)
            if keys == ["k"]:  # of a trial alone
                await pilot.press("escape")
            await until(pilot, on_top(app, TrainingScreen))
            assert app.runner.busy
        await ask_to_end(app, pilot)
        await pilot.press("left", "enter")
        await app.runner.wait_for_end()
        assert app.runner.current is not None
        assert app.runner.current.state == "stopped"


async def test_a_run_that_trains_is_finished_with_its_best_weights(make_app: MakeApp) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(app, pilot)
        await ask_to_end(app, pilot)
        await pilot.press("f")
        await app.runner.wait_for_end()
        await until(pilot, lambda: "✓ Finished early at epoch 2 of 3, as asked. Press o for the report" in shown(app))
        assert app.runner.current is not None
        assert app.runner.current.state == "early-stopped"


async def test_before_the_first_epoch_is_over_a_finish_is_not_offered(make_app: MakeApp) -> None:
    trainer, _ = held(scripted_events(), BatchEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        asked = await ask_to_end(app, pilot)
        assert "It can be finished once its first epoch is over." in asked
        assert "Finish now" not in asked
        await pilot.press("f")
        assert isinstance(app.screen, StopScreen)
        await pilot.press("s")
        await app.runner.wait_for_end()
        assert app.runner.current is not None
        assert app.runner.current.state == "stopped"


async def test_a_trial_is_skipped_or_stopped_with_its_study_and_not_finished(make_app: MakeApp, home: Home) -> None:
    record = write_study(home, guided(state="running"))
    run = write_run(home, halfway())
    run.write_status(replace(run.read_status(), study=record.id, trial=2, best_epoch=1))
    app = make_app()
    with run.locked():
        async with app.run_test() as pilot:
            asked = await ask_to_end(app, pilot)
            assert f"a trial of study {record.id[:4]}" in asked
            assert "Finish now" not in asked
            assert "Skip trial (k)" in asked
            await pilot.press("f")
            assert isinstance(app.screen, StopScreen)
            await pilot.press("k")
            await until(pilot, run.control.exists)
            assert run.control.read_text() == "skip"
            app.screen.post_message(FinishRun(AUTOENCODER))
            await until(pilot, lambda: any("it cannot be finished early" in notice for notice in told(app)))


async def test_a_run_that_was_stopped_is_finished_once_the_person_agrees(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events(state="stopped"))
    trainer = ScriptedTrainer()
    app = make_app(trainer)
    async with app.run_test(size=(120, 40)) as pilot:
        for answer in ("enter", "y"):
            app.screen.post_message(FinishRun(AUTOENCODER))
            await until(pilot, on_top(app, ConfirmScreen))
            await pilot.pause()
            assert "The best weights so far, of epoch 2, are evaluated." in shown(app)
            await pilot.press(answer)
        await until(pilot, on_top(app, TrainingScreen))
        await app.runner.wait_for_end()
        await until(pilot, lambda: "Finished early at epoch 2 of 3, as asked." in shown(app))
        assert trainer.finished == [AUTOENCODER]
        app.screen.post_message(FinishRun(AUTOENCODER))
        await until(pilot, lambda: any("nothing left to finish" in notice for notice in told(app)))
