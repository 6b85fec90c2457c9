import gc
from pathlib import Path

import pytest
from textual.widgets import Input

from cae_tui import messages
from cae_tui.bridge.run_state import RunState
from cae_tui.bridge.values import Progress
from cae_tui.messages import (
    Configure,
    ConfigureAgain,
    ContinueRun,
    DeleteRuns,
    Export,
    OpenRun,
    OpenTraining,
    PauseRun,
    ResumeRun,
    RunUpdated,
    Start,
)
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cae_tui.screens.encoder_form import EncoderForm
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.runs import RunsScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.frame import RunStrip, TopBar, strip_parts
from engine.errors import RunError, SpecError
from engine.exporters.exporter import Exported
from engine.protocol.events import BatchEnded, EpochEnded
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import AUTOENCODER, CLASSIFIER, ScriptedTrainer, held, scripted_events, write_run

# -- a run -------------------------------------------------------------------------------------------


async def test_a_run_shows_its_training_and_leads_back_home(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(Configure("autoencoder"))
        await until(pilot, on_top(app, SpecPage))
        await begin(app, pilot)
        assert app.page is not None
        assert app.page.place == ("training", AUTOENCODER)
        assert trainer.specs == [AutoencoderSpec()]
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))  # not the form, whose run is on
        assert len(app.screen_stack) == 1
        gate.set()
        await app.runner.wait_for_end()
        await pilot.pause()
        assert told(app) == ["Run a7f3: finished."]


async def test_the_strip_tells_of_the_run_and_goes_to_it(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(epochs=2), BatchEnded, 6)
    app = make_app(trainer)
    async with app.run_test(size=(120, 40)) as pilot:
        assert not app.screen.query_one(RunStrip).display
        await begin(app, pilot)
        assert not app.screen.query_one(RunStrip).display  # the screen itself tells
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        await pilot.pause()
        strip = app.screen.query_one(RunStrip)
        assert strip.display
        assert str(strip.render()).startswith("● training a7f3  epoch 2/2  val_loss 0.0011  ETA 0:")
        assert str(strip.render()).endswith("Ctrl+T shows it")
        await pilot.click(RunStrip)
        await until(pilot, on_top(app, TrainingScreen))
        await pilot.press("escape", "ctrl+t")
        await until(pilot, on_top(app, TrainingScreen))
        assert len(app.screen_stack) == 2
        await pilot.press("escape")
        gate.set()
        await app.runner.wait_for_end()
        await pilot.pause()
        assert not app.screen.query_one(RunStrip).display


async def test_a_refusal_leads_back_to_the_form_as_it_was(make_app: MakeApp) -> None:
    app = make_app(ScriptedTrainer(refusal=SpecError({"batch_size": "900 is more than the 800 images."})))
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(Configure("autoencoder", {"batch_size": "900"}))
        await until(pilot, on_top(app, SpecPage))
        form = app.screen
        form.post_message(Start(AutoencoderSpec()))
        await until(pilot, lambda: bool(told(app)))
        await until(pilot, lambda: app.screen is form)
        assert told(app) == ["batch_size: 900 is more than the 800 images."]
        assert not app.runner.busy
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))


@pytest.mark.usefixtures("errors_are_meant")
async def test_a_bug_before_the_first_event_is_told_too(make_app: MakeApp) -> None:
    app = make_app(ScriptedTrainer(refusal=ZeroDivisionError("a bug")))  # type: ignore[arg-type]  # an error that is none of ours, on purpose
    async with app.run_test() as pilot:
        app.screen.post_message(Start(AutoencoderSpec()))
        await until(pilot, lambda: bool(told(app)))
        assert "ZeroDivisionError" in told(app)[0]
        await until(pilot, on_top(app, HomeScreen))


async def test_a_run_waits_and_goes_on(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        run = app.runner.current
        assert run is not None
        app.screen.post_message(PauseRun(run.id))
        await until(pilot, lambda: run.state == "paused")
        assert strip_parts(run, "a7f3")[0].plain == "‖ paused a7f3"
        app.screen.post_message(ContinueRun(run.id))
        await until(pilot, lambda: run.state == "running")
        gate.set()
        await app.runner.wait_for_end()
        app.screen.post_message(PauseRun(run.id))
        await until(pilot, lambda: bool(told(app)))
        assert "is not training" in told(app)[-1]


async def test_what_was_stopped_goes_on(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events(state="stopped"))
    trainer = ScriptedTrainer(scripted_events())
    app = make_app(trainer)
    async with app.run_test() as pilot:
        app.screen.post_message(ResumeRun(AUTOENCODER))
        await until(pilot, on_top(app, TrainingScreen))
        await app.runner.wait_for_end()
        assert trainer.resumed == [AUTOENCODER]
        app.screen.post_message(ResumeRun("gone"))
        await until(pilot, lambda: any("No run begins with" in notice for notice in told(app)))


# -- where one goes ----------------------------------------------------------------------------------


async def test_a_complete_run_opens_its_report_and_another_its_training(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    write_run(home, scripted_events("autoencoder", "b2k9000000", state="diverged"))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.screen.post_message(OpenRun(AUTOENCODER))
        await until(pilot, on_top(app, ReportScreen))
        app.screen.post_message(OpenTraining(AUTOENCODER))
        await until(pilot, on_top(app, TrainingScreen))
        app.screen.post_message(OpenRun(AUTOENCODER))  # the one that is open already
        await until(pilot, on_top(app, ReportScreen))
        assert len(app.screen_stack) == 2
        app.screen.post_message(OpenRun("b2k9"))
        await until(pilot, on_top(app, TrainingScreen))
        app.screen.post_message(OpenRun("none"))
        await until(pilot, lambda: bool(told(app)))
        assert "No run begins with “none”" in told(app)[0]


async def test_a_run_is_configured_again_with_its_values(make_app: MakeApp, home: Home) -> None:
    write_run(
        home,
        scripted_events(),
        spec=AutoencoderSpec(epochs=7, kernels="8-16", layers=4, downsamplings=1, residual=False),
    )
    write_run(home, scripted_events("classifier"))
    app = make_app()
    asked: list[Configure] = []
    async with app.run_test(size=(120, 40)) as pilot:
        configure = app.run_acts.configure

        def remember(message: Configure) -> None:
            asked.append(message)
            configure(message)

        app.run_acts.configure = remember  # type: ignore[method-assign]  # a stand-in
        app.screen.post_message(ConfigureAgain(AUTOENCODER))
        await until(pilot, on_top(app, SpecPage))
        app.screen.post_message(ConfigureAgain(CLASSIFIER))
        await until(pilot, on_top(app, EncoderForm))
        app.screen.post_message(ConfigureAgain("none"))
        await until(pilot, lambda: bool(told(app)))
    assert [message.kind for message in asked] == ["autoencoder", "classifier"]
    values = asked[0].values
    assert (values["epochs"], values["kernels"], values["residual"], values["images"]) == ("7", "8-16", "no", "")
    assert values["downsamplings"] == "auto"  # as many as there were, and as fit another number of layers
    assert asked[1].values["encoder"] == AUTOENCODER


async def test_deleting_asks_first_and_closes_what_showed_the_run(make_app: MakeApp, home: Home) -> None:
    run = write_run(home, scripted_events(state="stopped"))
    app = make_app()
    async with app.run_test() as pilot:
        app.screen.post_message(OpenRun(AUTOENCODER))
        await until(pilot, on_top(app, TrainingScreen))
        app.screen.post_message(DeleteRuns((AUTOENCODER,)))
        await until(pilot, on_top(app, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, on_top(app, TrainingScreen))
        assert run.path.exists()
        app.screen.post_message(DeleteRuns((AUTOENCODER,)))
        await until(pilot, on_top(app, ConfirmScreen))
        await until(pilot, lambda: app.screen.query_one("#yes").region.width > 0)  # laid out, so that a click finds it
        await pilot.click("#yes")
        await until(pilot, on_top(app, HomeScreen))
        assert not run.path.exists()


async def test_saving_asks_again_with_what_was_typed(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(home, scripted_events())
    app = make_app()
    asked: list[str] = []

    async def save(exporter: str, runs: tuple[str, ...], target: str, progress: Progress) -> Exported:
        asked.append(target)
        if len(asked) == 1:
            raise RunError("[x] already exists: choose another name.")
        return Exported(path=Path("/there") / target, size=52_000, checked="read back")

    monkeypatch.setattr(app.runner, "export", save)
    async with app.run_test() as pilot:
        app.screen.post_message(Export("model", (AUTOENCODER,)))
        await until(pilot, on_top(app, AskTextScreen))
        first = app.screen
        assert app.screen.query_one(Input).value == "./cae-tui-a7f3.safetensors"
        await pilot.press("x", "enter")
        await until(pilot, lambda: on_top(app, AskTextScreen)() and app.screen is not first)
        await pilot.pause()
        assert app.screen.query_one(Input).value == "./cae-tui-a7f3.safetensorsx"
        assert str(app.screen.query_one(".problem").render()) == "✗ [x] already exists: choose another name."
        await until(pilot, lambda: app.screen.query_one("#save").region.width > 0)
        await pilot.click("#save")
        await until(pilot, lambda: bool(told(app)))
        assert told(app) == ["The model was saved to /there/cae-tui-a7f3.safetensorsx. 52 kB, read back."]
        app.screen.post_message(Export("model", (AUTOENCODER,)))
        await until(pilot, on_top(app, AskTextScreen))
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        assert len(asked) == 2


async def test_where_to_write_may_be_pasted_in_quotes(
    make_app: MakeApp, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(home, scripted_events())
    app = make_app()
    asked: list[str] = []

    async def save(exporter: str, runs: tuple[str, ...], target: str, progress: Progress) -> Exported:
        asked.append(target)
        return Exported(path=Path(target), size=52_000, checked="read back")

    monkeypatch.setattr(app.runner, "export", save)
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.post_message(Export("model", (AUTOENCODER,)))
        await until(pilot, on_top(app, AskTextScreen))
        app.screen.query_one(Input).value = f"'{tmp_path / 'my model'}' "
        await pilot.press("enter")
        await until(pilot, lambda: bool(told(app)))
        assert asked == [str(tmp_path / "my model")]


async def test_runs_are_written_though_one_was_deleted_meanwhile(make_app: MakeApp, home: Home, tmp_path: Path) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test():
        written = await app.runner.export("csv", ["0123456789", AUTOENCODER], str(tmp_path / "it.csv"), Progress())
        assert len(written.path.read_text().splitlines()) == 2


async def test_the_palette_has_every_command(make_app: MakeApp, home: Home) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test(size=(120, 40)) as pilot:
        idle = {command.title: command for command in app.get_system_commands(app.screen)}
        assert {"Train an autoencoder", "Train a classifier", "Runs", "Data", "Help", "Theme", "Quit"} <= set(idle)
        assert "Stop or finish the run" not in idle
        await begin(app, pilot)
        busy = {command.title: command for command in app.get_system_commands(app.screen)}
        assert {"Go to the run that is training", "Pause the run", "Stop or finish the run"} <= set(busy)
        assert "Write the report as text" not in busy  # there is none yet
        busy["Pause the run"].callback()
        await until(pilot, lambda: app.runner.current is not None and app.runner.current.state == "paused")
        assert "Continue the run" in [command.title for command in app.get_system_commands(app.screen)]
        await busy["Save a picture of the screen"].callback()
        await until(pilot, lambda: any("The picture was saved" in notice for notice in told(app)))
        [picture] = (home.path / "pictures").iterdir()
        text = picture.read_text()
        assert "a7f3" in text
        assert "@font-face" not in text
        assert 'url("http' not in text
        app.runner.stop_at_once()
        await app.runner.wait_for_end()


async def test_every_binding_can_be_remapped_and_is_explained(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test():
        for source in (app, app.screen):
            for binding in type(source).BINDINGS:
                assert binding.id, binding  # type: ignore[union-attr]  # it has one here
                assert binding.tooltip, binding  # type: ignore[union-attr]  # it has one here


async def test_everything_that_can_be_asked_of_the_app_is_acted_on(make_app: MakeApp) -> None:
    asked = [kind for kind in vars(messages).values() if isinstance(kind, type) and issubclass(kind, messages.ForApp)]
    assert len(asked) > 30
    acts = make_app().acts
    assert [kind.__name__ for kind in asked if kind is not messages.ForApp and kind not in acts] == []


# -- what the app is told ------------------------------------------------------------------------------


def test_only_steps_are_replaced_by_newer_ones() -> None:
    run, other = RunState("a"), RunState("b")
    step, epoch = RunUpdated(run, epoch=False), RunUpdated(run, epoch=True)
    assert step.can_replace(epoch)
    assert step.can_replace(RunUpdated(run, epoch=False))
    assert not epoch.can_replace(step)
    assert not step.can_replace(RunUpdated(other))


async def test_a_screen_that_comes_back_is_told_what_happened_meanwhile(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), BatchEnded)
    app = make_app(trainer)
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(app, pilot)
        app.action_runs()
        await until(pilot, on_top(app, RunsScreen))
        gate.set()
        await app.runner.wait_for_end()
        await pilot.pause()
        await pilot.press("escape", "escape")
        await until(pilot, on_top(app, HomeScreen))
        await pilot.pause()
        runs = app.screen.query_one("#runs")
        assert "✓ finished" in str(runs.get_option_at_index(0).prompt)  # type: ignore[attr-defined]  # it is a list of options


@pytest.mark.parametrize("by_command", [True, False])
async def test_what_was_loaded_is_left_out_of_the_search_for_garbage(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, by_command: bool
) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))
    app = make_app()
    app.device = ""
    if by_command:
        gc.disable()
    try:
        async with app.run_test() as pilot:
            await until(pilot, lambda: bool(app.device) and gc.isenabled())
            await pilot.pause()
    finally:
        gc.enable()
    # Before the search begins, and once PyTorch is there; never in a process that belongs to another program.
    assert len(frozen) == (2 if by_command else 0)


async def test_the_device_is_told_on_every_screen_once_it_is_known(make_app: MakeApp) -> None:
    app = make_app()
    app.device = ""
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_runs()
        await until(pilot, lambda: on_top(app, RunsScreen)() and bool(app.device))
        await pilot.pause()
        for screen in app.screen_stack:
            assert screen.query_one(TopBar).device == app.device == "cpu · 2 threads · float32"
        await pilot.resize_terminal(24, 10)
        await pilot.pause()
        assert str(app.screen.query_one(TopBar).render()) == "cae-tui › Runs   MNIST"  # no room for the device
