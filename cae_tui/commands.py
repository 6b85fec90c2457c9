"""The commands of the palette (Ctrl+P): everything that can be done from everywhere, by its name."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from cae_tui.messages import ContinueRun, PauseRun, StopRun
from engine.states import PAUSED

if TYPE_CHECKING:
    from cae_tui.app import CaeApp


def commands(app: "CaeApp") -> Iterator[SystemCommand]:
    """What can be done now."""
    yield SystemCommand(
        "Train an autoencoder", "Choose its hyperparameters", partial(app.action_configure, "autoencoder")
    )
    yield SystemCommand(
        "Train a classifier", "On the encoder of an autoencoder", partial(app.action_configure, "classifier")
    )
    run = app.runner.current
    if app.runner.busy:
        yield SystemCommand("Go to the run that is on", "Its curves and progress", app.action_go_to_run)
    if app.runner.busy and run is not None:
        if run.state == PAUSED:
            yield SystemCommand("Continue the run", "Let it go on", lambda: app.post_message(ContinueRun(run.id)))
        else:
            yield SystemCommand(
                "Pause the run", "It waits with its state kept", lambda: app.post_message(PauseRun(run.id))
            )
        yield SystemCommand("Stop or finish the run", "Asks which", lambda: app.post_message(StopRun(run.id)))
    yield SystemCommand("Study hyperparameters", "Which matter, and which value to take", app.action_studies)
    yield SystemCommand("Runs", "All that were trained here", app.action_runs)
    yield SystemCommand("Data", "The image set, its classes and splits", app.action_data)
    yield SystemCommand("Help", "What this screen is for, and its keys", app.action_help)
    yield SystemCommand("Theme", "Dark, light and others", app.action_change_theme)
    yield SystemCommand("Save a picture of the screen", "As SVG, into the program's folder", app.action_picture)
    yield SystemCommand("Quit", "Asks while a run is on", app.action_quit)
