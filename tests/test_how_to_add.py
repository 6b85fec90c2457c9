"""What docs/how-to-add.md shows is added to the program as it stands there, and used from the form to the export."""

import csv
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.widgets import Input

from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import OpenGallery, OpenRun
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.dialogs import AskTextScreen
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.widgets.loss_chart import LossChart
from cae_tui.widgets.run_table import RunTable, run_columns
from engine import jobs
from engine.errors import DatasetError
from engine.exporters import export
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.specs.base import preset
from engine.specs.kinds import SPECS
from engine.specs.listed import Listed
from engine.specs.measures import Measure
from engine.studies.planning import create
from engine.studies.records import StageRecord, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study
from engine.studies.tables import columns
from engine.text import percent
from tests.cae_tui.conftest import on_top, until

PAGE = Path(__file__).parents[1] / "docs" / "how-to-add.md"
BLOCKS = re.findall(r"```python\n# (\S+\.py)(?:, in (\w+))?\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMMAND = ("parser", "main", "study_cli", "mistakes", "completion")
"""What has the list of kinds since it was imported."""


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program with a line more in each list, and the files of the page."""
    for path, name, code in BLOCKS:
        module = path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
        if name:
            entry = eval(f"{{{code}}}", {"Listed": Listed, "Measure": Measure, "percent": percent})
            for key, value in entry.items():
                monkeypatch.setitem(getattr(importlib.import_module(module), name), key, value)
            continue
        made = types.ModuleType(module)
        monkeypatch.setitem(sys.modules, module, made)
        exec(compile(code, path, "exec"), made.__dict__)


def test_what_the_page_shows_passes_the_checks_of_all_code(tmp_path: Path) -> None:
    for name in ("engine", "cae_tui", "pyproject.toml"):
        source = PAGE.parents[1] / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    if (known := PAGE.parents[1] / ".mypy_cache").exists():  # of all that is there already, by `make check`
        shutil.copytree(known, tmp_path / known.name)
    added = [tmp_path / path for path, name, _ in BLOCKS if not name]
    for path, code in zip(added, (code for _, name, code in BLOCKS if not name), strict=True):
        assert not path.exists()
        path.write_text(code)
    for check in (["ruff", "format", "--check", "--diff"], ["ruff", "check"], ["mypy"]):
        done = subprocess.run(
            [sys.executable, "-m", *check, *map(str, added)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Training and test images in the page's format: cats are dark, dogs are bright."""
    random = np.random.default_rng(0)
    made = {}
    for field, count in (("data", 60), ("test_data", 20)):
        lines = []
        for place in range(count):
            pixels = random.integers(0, 120, 64) + 120 * (place % 2)
            lines.append(" ".join([("cat", "dog")[place % 2], *map(str, pixels)]))
        made[field] = tmp_path / f"{field}.lines"
        made[field].write_text("\n".join(lines))
    return made


def spec_of(images: dict[str, Path], **values: object) -> Any:
    return preset(SPECS["brightness"], "recommended", **{"epochs": 3, "batch_size": 9, **images, **values})


def trained(home: Home, images: dict[str, Path], **values: object) -> RunDirectory:
    return home.find(jobs.start(home, spec_of(images, **values), lambda event: None, Flag()).id)


@pytest.mark.usefixtures("added")
def test_a_run_of_the_page_s_kind_on_the_page_s_images_learns_and_is_resumed_bit_for_bit(
    home: Home, images: dict[str, Path]
) -> None:
    whole = trained(home, images)
    first, _, last = (event for event in whole.read_events()[0] if isinstance(event, EpochEnded))
    assert last.validation["loss"] < first.validation["loss"]
    assert last.validation["close"] >= 0
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 2:
            flag.ask(Asked.STOP)

    stopped = jobs.start(home, spec_of(images), stop, flag)
    assert stopped.state == "stopped"
    resumed = jobs.resume(home.find(stopped.id), lambda event: None, Flag())
    assert resumed.state == "finished"
    ours, others = (read_tensors(run.model)[0] for run in (whole, home.find(resumed.id)))
    assert all(np.array_equal(tensor, others[name]) for name, tensor in ours.items())
    result = whole.read_result()
    assert result is not None
    assert result.evaluated_on == "test"
    assert result.measures.keys() == {"close"}


@pytest.mark.usefixtures("added")
def test_damaged_images_of_the_page_s_format_are_refused_by_its_own_words(home: Home, images: dict[str, Path]) -> None:
    with images["data"].open("a") as file:
        file.write("\ncat 1 2 3")
    with pytest.raises(
        DatasetError,
        match="has no image in line 61: a class and 64 numbers from 0 to 255 were expected",
    ):
        trained(home, images)


@pytest.fixture
def command(added: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command as a process has it that begins with the page's files in their places."""
    import cae_tui.cli

    for name in COMMAND:
        monkeypatch.delitem(sys.modules, f"cae_tui.cli.{name}", raising=False)
        monkeypatch.setattr(cae_tui.cli, name, None, raising=False)
    return importlib.import_module("cae_tui.cli.main").main


def test_the_command_line_trains_lists_filters_reports_and_writes_it(
    command: Any, home: Home, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> str:
        assert command(["--home", str(home.path), *words]) == 0
        return capsys.readouterr().out

    flags = [word for field, path in images.items() for word in (f"--{field.replace('_', '-')}", str(path))]
    asked = told("brightness", *flags, "--epochs", "3", "--batch-size", "9")
    (run,) = home.list_runs()
    assert f"brightness {run.id}: finished, b9" in asked
    assert "of the images are told wrong" in asked
    assert run.measure("test", "close") is not None
    assert "test close" in told("runs")
    assert run.prefix in told("runs", "test_close>=0%", "kind:brightness", "learning_rate<1")
    assert run.prefix not in told("runs", "test_close>100%")
    head, row = csv.reader(told("runs", "--csv", "-").splitlines())
    assert float(row[head.index("test_close")]) == run.measure("test", "close")
    assert "close" in told("report", run.id)
    assert "train a teller of brightness" in told("--help")
    assert "Passes over the training images." in told("brightness", "--help")
    plan = told("study", "learning_rate=0.01,0.02", "--baseline", run.id, "--dry-run")
    assert "learning_rate" in plan


@pytest.mark.usefixtures("added")
def test_an_exporter_of_the_page_writes_it(home: Home, images: dict[str, Path], tmp_path: Path) -> None:
    runs = [trained(home, images, epochs=1, seed=seed) for seed in (0, 1)]
    assert export(home, "ids", runs, tmp_path).path.read_text().split() == [run.id for run in runs]
    assert "told wrong" in export(home, "text", runs[:1], tmp_path).path.read_text()
    assert export(home, "model", runs[:1], tmp_path).path.exists()
    document = export(home, "document", runs[:1], tmp_path).path.read_text()
    assert "Brightness on " in document
    assert "test close" in document


class Watcher:
    """Hears how a study goes."""

    def changed(self, study: StudyRecord) -> None:
        """Nothing is kept."""

    def emit(self, trial: Trial, event: Event) -> None:
        """Nothing is kept."""

    def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
        """It is not asked."""
        return stage.picked


@pytest.mark.usefixtures("added")
def test_a_study_of_the_page_s_kind_is_done_by_the_page_s_executor(home: Home, images: dict[str, Path]) -> None:
    study = make_study("one", spec_of(images, epochs=1), {"learning_rate": "0.001,0.01,0.03"})
    done = work_on(home, create(home, study), Watcher(), Flag(), executor="newest")
    assert done.state == "finished"
    began = sorted(home.list_runs(), key=lambda run: run.updated)
    assert [run.trial for run in began] == [2, 3, 1]  # of the two that there is room for, the newer first
    (stage,) = done.stages
    assert stage.pick is not None
    assert [trial.measures.keys() for trial in done.trials] == [{"validation_close", "test_close"}] * 3
    assert {column.title for column in columns(stage, "brightness")} >= {"val close", "test close"}
    search = make_study("search", spec_of(images, epochs=1), {}, trials=2)
    assert list(search.values) == ["learning_rate"]


@pytest.mark.usefixtures("added")
def test_a_kind_with_a_key_moves_no_other_of_the_first_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    view = sys.modules["cae_tui.kinds.brightness"]
    monkeypatch.setattr(view, "VIEW", replace(view.VIEW, key="b"))
    found = importlib.util.find_spec("cae_tui.screens.home")
    assert found is not None
    assert found.loader is not None
    home = importlib.util.module_from_spec(found)  # as a process has it that begins with the page's files
    found.loader.exec_module(home)
    actions = {key: action for key, _, action in home.MENU}
    assert (actions["b"], actions["s"]) == ("app.configure('brightness')", "app.studies")
    keys = {key: binding.action for binding in home.HomeScreen.BINDINGS for key in binding.key.split(",")}
    assert {key: action for key, action in keys.items() if key in actions} == {
        key: action
        for key, action in actions.items()
        if key not in "?Q"  # which every page has
    }


@pytest.mark.usefixtures("added")
async def test_the_app_takes_it_from_the_form_to_the_report_and_the_export(
    home: Home, images: dict[str, Path], tmp_path: Path
) -> None:
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "Tell brightness" in [command.title for command in app.get_system_commands(app.screen)]
        app.action_configure("brightness")
        await until(pilot, on_top(app, SpecPage))
        page: Any = app.screen
        assert page.crumbs == ("Tell brightness",)
        assert "Passes over the training images." in page.HELP
        page.form.put({**{field: str(path) for field, path in images.items()}, "epochs": "2", "batch_size": "9"})
        await until(pilot, lambda: "dense" in str(page.query_one("#layer-lines").render()))
        page.action_start()
        await until(pilot, lambda: app.runner.current is not None and app.runner.current.state == "finished")
        await until(pilot, lambda: bool(app.screen.query("#measure")) and not app.runner.busy)
        assert app.screen.query_one("#measure", LossChart).measure.name == "close"
        assert app.screen.query_one("#measure").display
        run = home.list_runs()[0].id
        app.screen.post_message(OpenRun(run))
        await until(pilot, on_top(app, ReportScreen))
        report: Any = app.screen
        await until(pilot, lambda: report.view is not None)
        assert "close" in str(report.query_one("#headline").render())
        assert "told wrong" in str(report.query_one("#report").render())
        app.screen.post_message(OpenGallery(run))
        await until(pilot, lambda: isinstance(app.screen, GalleryScreen) and len(app.screen.found) == 20)
        app.action_runs()
        await until(pilot, lambda: bool(app.screen.query(RunTable)) and bool(app.screen.query_one(RunTable).rows))
        assert "test close" in [column.name for column in run_columns()]
        found = {command.title: command.callback for command in app.get_system_commands(app.screen)}
        found["Write the ids"]()
        await until(pilot, on_top(app, AskTextScreen))
        app.screen.query_one(Input).value = str(tmp_path / "mine.ids")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "mine.ids").exists)
