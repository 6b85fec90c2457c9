"""The main job in a real terminal, with the keyboard alone, on a slice of the real MNIST."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cae_tui.widgets.report_table import ReportTable, share
from engine.protocol.control import Asked
from engine.results.result import ClassificationReport
from engine.runs.directory import Home
from engine.storage.typed_json import record_of
from tests.engine.conftest import small
from tests.terminal.conftest import Terminal

Open = Callable[..., Terminal]
DATA = {  # and what the form says beneath each
    "images": "An IDX file, plain or gzip; in place of data.",
    "labels": "An IDX file with one class for each training image.",
    "test_images": "An IDX file; used once, for the final evaluation.",
    "test_labels": "An IDX file with one class for each test image.",
}


def explanation(terminal: Terminal) -> str:
    """What the form says of the field with the focus, in two lines at its end, once that no longer changes."""
    lines = terminal.text.splitlines()[-5:-3]
    for _ in range(200):
        terminal.read(0.4)
        before, lines = lines, terminal.text.splitlines()[-5:-3]
        if lines == before and any(line.strip("│ ") for line in lines):
            return "\n".join(lines)
    raise AssertionError(f"the form explains nothing, or something else all the time:\n{terminal.text}")


def go_down_to(terminal: Terminal, words: str) -> None:
    """Press down until the form explains its field with these words; never on before the last key has been shown."""
    for _ in range(30):
        before = explanation(terminal)
        if words in before:
            return
        terminal.press("down")
        terminal.wait_for_no(before)
    raise AssertionError(f"no field says {words}:\n{terminal.text}")


def name_the_files(terminal: Terminal, files: dict[str, Path]) -> None:
    """From the first field of the form open its group of IDX files, and type where each file lies."""
    for _ in range(10):
        terminal.press("down")
    terminal.press("enter")
    terminal.wait_for("Training images")
    for name, explained in DATA.items():
        go_down_to(terminal, explained)
        terminal.press(str(files[name]))
        terminal.wait_for(str(files[name])[-20:])


def test_from_launch_to_report(terminal: Open, tmp_path: Path, files: dict[str, Path]) -> None:
    home = Home(tmp_path / "home")
    app = terminal(80, 24)
    app.wait_for("Train an autoencoder", "No runs yet", "60,000")

    # An autoencoder: two epochs on a slice, chosen in the form.
    app.press("a")
    app.wait_for("Convolutional layers")
    app.press("2")
    app.wait_for("preset 20")
    name_the_files(app, files)
    app.press("ctrl+r")
    app.wait_for("● training")
    app.wait_for("✓ finished", "for the report")
    app.press("o")
    app.wait_for("Test MSE", "PCA")

    # A classifier on it; its form knows the encoder and the files.
    app.press("n")
    app.wait_for("Epochs, encoder frozen", home.list_runs()[0].id)
    go_down_to(app, "Only the head learns")
    app.press("1", "down", "1")
    app.wait_for("preset 3", "preset 15")
    app.press("ctrl+r")
    app.wait_for("frozen")
    app.wait_for("✓ finished", "for the report")
    app.press("o")
    app.wait_for("precision", "recall", "f1-score", "support", "weighted avg")
    run = home.list_runs()[0]
    assert (run.kind, run.epochs) == ("classifier", 2)
    result = json.loads(home.find(run.id).result.read_text())
    text = app.text
    assert f"{100 * result['test_accuracy']:.2f} %" in text
    assert f"{result['correct']} correct" in text
    table = ReportTable(record_of(ClassificationReport, result["report"]))
    for row in table.lines:
        line = next(line for line in text.splitlines() if row.name in line)
        assert all(share(score, table.decimals) in line for score in row.scores)
    assert table.weakest in text

    # The wrong predictions, page by page.
    app.press("w")
    app.wait_for(f"{result['incorrect']} test images", "✗")
    app.press("pagedown")
    app.wait_for("page 2 of")
    app.press("escape")
    app.wait_for("weighted avg")

    # Again, with another number of units: the form is filled in with what the run had.
    app.press("e")
    app.wait_for("Fully connected units", "preset 15")
    go_down_to(app, "Units in each hidden layer of the head.")
    app.press("16", "ctrl+r")
    app.wait_for("fc 16")
    app.wait_for("✓ finished", "for the report")
    assert home.list_runs()[0].title.startswith("fc 16")
    app.press("ctrl+q")
    assert app.wait_for_end() == 0


def test_watch_follows_and_stops_a_run_of_another_process(
    terminal: Open, tmp_path: Path, files: dict[str, Path]
) -> None:
    from cae_tui.cli.console import train

    home = Home(tmp_path / "home")
    assert train(home, small(files, epochs=9999), as_json=False, detach=True) == 0
    run = home.list_runs()[0]
    directory = home.find(run.id)
    try:
        app = terminal(80, 24, "watch", run.id[:5])
        app.wait_for(run.id[:4], "● training", "epoch")
        app.press(" ")
        app.wait_for("‖ paused")
        app.press(" ")
        app.wait_for("● training")
        app.press("s")
        app.wait_for("End run")
        app.press("s")
        app.wait_for("■ stopped")
        assert directory.read_status().state == "stopped"
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    finally:
        if directory.is_held():
            directory.ask(Asked.STOP)


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (1, 1)])
def test_no_size_of_the_terminal_ends_the_program(terminal: Open, columns: int, rows: int) -> None:
    app = terminal(columns, rows)
    app.wait_for_output()
    for key in ("a", "f2", "escape", "c", "escape", "d", "escape", "r", "escape", "f1", "escape"):
        app.press(key)
        app.read(0.4)
    app.press("ctrl+q")
    assert app.wait_for_end() == 0


def test_quitting_asks_while_a_run_is_on_and_keeps_its_checkpoint(
    terminal: Open, tmp_path: Path, files: dict[str, Path]
) -> None:
    home = Home(tmp_path / "home")
    app = terminal(80, 24)
    app.wait_for("Train an autoencoder", "60,000")
    app.press("a")
    app.wait_for("Convolutional layers")
    app.press("9999")
    name_the_files(app, files)
    app.press("ctrl+r")
    app.wait_until(lambda screen: bool(home.list_runs()) and home.list_runs()[0].epoch >= 1, "an epoch")
    app.press("ctrl+q")
    app.wait_for("A run is running")
    app.press("escape")
    app.wait_for_no("A run is running")
    app.wait_for("● training")
    app.press("ctrl+q")
    app.wait_for("A run is running")
    app.press("y")
    assert app.wait_for_end() == 0
    (run,) = home.list_runs()
    assert run.state == "stopped"
    assert run.resumable
