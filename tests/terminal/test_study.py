"""A study in a real terminal: begun in the app, killed in the middle, taken up from the first screen."""

from collections.abc import Callable
from pathlib import Path

from engine.runs.directory import Home
from engine.studies.records import Studies
from engine.studies.spec import study_from_json
from tests.engine.conftest import small, train
from tests.engine.studies.conftest import do, table
from tests.idx import first_of_mnist
from tests.terminal.conftest import Terminal

Open = Callable[..., Terminal]


def test_a_study_killed_in_its_second_trial_ends_as_one_left_alone(terminal: Open, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    files = first_of_mnist(tmp_path / "images", 300, 100)
    train(home, small(files, epochs=12, batch_size=16))
    app = terminal(120, 40)
    app.wait_for("Study hyperparameters", "✓ finished")
    app.press("r")
    app.wait_for("1 run")
    app.press("N")
    app.wait_for("Baseline", "‹ run ")
    app.press("down", "kernels=4,6")
    app.wait_for("2 trials", "4 kernels", "6 kernels")
    app.press("ctrl+r")

    def in_its_second_trial(_: str = "") -> bool:
        found = Studies(home).list()
        if not found or not found[0].trials[1].run:
            return False
        run = home.find(found[0].trials[1].run)
        return any(status.id == run.id and 2 <= status.epoch < 11 for status in home.list_runs())

    app.wait_until(in_its_second_trial, "the second trial")
    app.kill()
    (cut,) = Studies(home).list()
    assert cut.state == "cut off"
    runs = set(home.ids())

    again = terminal(80, 24)
    again.wait_for("■ cut off", "R resumes")
    again.press("R")
    again.wait_for("2 of 2 trials", "✓ finished", "★")
    (resumed,) = Studies(home).list()
    assert set(home.ids()) == runs
    _, alone = do(Home(tmp_path / "alone"), study_from_json(cut.spec))
    assert table(resumed) == table(alone)
    again.press("ctrl+q")
    assert again.wait_for_end() == 0
