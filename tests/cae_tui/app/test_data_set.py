"""The data set in use: in the top line, in every form, kept for the next time."""

import asyncio
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.reader import Reader
from cae_tui.bridge.values import DataView, SplitView
from cae_tui.data_sets import REMEMBERED, DataSet, with_latest
from cae_tui.messages import Configure, ConfigureAgain, ConfigureStudy, TryFiles, UseDataSet
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.screens.dialogs import DataSetsScreen
from cae_tui.screens.encoder_form import EncoderForm
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.study_form import StudyForm
from cae_tui.settings import read_settings
from cae_tui.widgets.data_card import DataCard
from cae_tui.widgets.encoder_table import EncoderPicker, EncoderTable, best_encoder, encoders
from cae_tui.widgets.fields import Choice
from cae_tui.widgets.frame import TopBar
from cae_tui.widgets.spec_form import SpecForm
from engine.errors import DatasetError
from engine.runs.directory import Home
from engine.runs.status import RunStatus
from engine.specs.classifier import ClassifierSpec
from engine.specs.data_files import DataFiles
from engine.studies.records import StudyRecord
from engine.studies.spec import StudySpec
from tests.cae_tui.conftest import MakeApp, data_view, on_top, scripted_events, told, until, write_run
from tests.cae_tui.script import scripted_status
from tests.cae_tui.study_script import guided
from tests.engine.tiny import CLASSES, TRAINING, classes, tiny, write_files
from tests.idx import load_idx, write_idx


def a_set(folder: Path, name: str = "plankton") -> dict[str, Path]:
    """Four small files in a folder of that name."""
    (folder / name).mkdir()
    return write_files(folder / name)


def in_use(app: CaeApp, files: dict[str, Path], name: str = "plankton") -> None:
    app.post_message(UseDataSet(DataSet.of(DataFiles().moved(files), name, (8, 8, 1))))


async def test_files_that_are_read_late_do_not_undo_a_newer_choice(
    make_app: MakeApp, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, newer = DataFiles().moved(a_set(tmp_path)), a_set(tmp_path, "newer")
    app = make_app()
    begun, gate, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def data(files: DataFiles = DataFiles()) -> DataView:  # noqa: B008 - a value
        if files == slow:
            begun.set()
            await gate.wait()
            over.set()
        return replace(data_view(), name=files.name)

    monkeypatch.setattr(app.runner, "data", data)
    async with app.run_test() as pilot:
        app.post_message(TryFiles(slow))
        await until(pilot, begun.is_set)
        in_use(app, newer, "newer")
        await until(pilot, lambda: app.data_set.name == "newer")
        gate.set()
        await until(pilot, over.is_set)
        await until(pilot, lambda: not [worker for worker in app.workers if worker.group == "files"])
        await pilot.pause()
        assert app.data_set.name == "newer"


@pytest.fixture
def read(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Apps that read images by the name of their files alone; a digest is the name."""

    async def data(files: DataFiles = DataFiles()) -> DataView:  # noqa: B008 - a value
        if files.images is None:
            return replace(data_view(), digest="MNIST", images_digest="MNIST images")
        if not files.images.exists():
            raise DatasetError(f"{files.images} does not exist.")
        counts = {"classes": 3, "training_counts": (20,) * 3, "test_counts": (7, 7, 6), "example_classes": (0, 1, 2)}
        own = {"name": files.name, "digest": files.name, "images_digest": f"{files.name} images", "shape": (8, 8, 1)}
        return replace(data_view(), **own, **counts)  # type: ignore[arg-type]  # each has its own type

    def make(trainer: object = None, study_trainer: object = None) -> CaeApp:
        app = make_app()
        real = app.runner.split

        async def split(fraction: float, seed: int, files: DataFiles, digest: str) -> SplitView:
            return await real(fraction, seed, files)  # whose digest is a true one

        monkeypatch.setattr(app.runner, "data", data)
        monkeypatch.setattr(app.runner, "split", split)
        return app

    return make


def top(app: CaeApp) -> str:
    return app.screen.query_one(TopBar).render().plain


async def test_what_is_typed_on_the_data_screen_is_in_use_and_forms_begin_with_it(
    read: MakeApp, home: Home, tmp_path: Path
) -> None:
    files = a_set(tmp_path)
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("d")
        await until(pilot, on_top(app, DataScreen))
        app.screen.query_one(SpecForm).put({name: str(path) for name, path in files.items()})
        await until(pilot, lambda: app.data_set.files == DataFiles().moved(files))
        await until(pilot, lambda: "plankton · 8×8 grey" in top(app))
        assert told(app)[-1] == "Forms now start with plankton."
        await pilot.press("escape", "a")
        await until(pilot, on_top(app, SpecPage))
        form = app.screen.query_one(SpecForm)
        assert form.files == DataFiles().moved(files)
        assert "plankton" in top(app)
        await pilot.press("f5")  # what a preset has says nothing of the images
        assert form.files == DataFiles().moved(files)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        card = app.screen.query_one(DataCard)
        await until(pilot, lambda: str(card.border_title) == "plankton")
    assert read_settings(home.path)[0].data.files == DataFiles().moved(files)
    again = read()
    async with again.run_test(size=(120, 40)) as pilot:
        assert "plankton · 8×8 grey" in top(again)


async def test_a_set_whose_files_are_gone_is_named_and_mnist_shown(read: MakeApp, home: Home, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.idx")
    home.path.mkdir()
    (home.path / "settings.json").write_text(json.dumps({"data": {"name": "plankton", "images": gone}}))
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert f"plankton is no longer in use: {gone} is missing. MNIST is used instead." in told(app)
        assert "MNIST · 28×28 grey" in top(app)
        await pilot.press("a")
        await until(pilot, on_top(app, SpecPage))
        assert app.screen.query_one(SpecForm).values["images"] == ""
    assert read_settings(home.path)[0].data.files.images == Path(gone)  # the disk may come back


async def test_a_form_that_is_open_takes_the_new_set_over_unless_it_names_another(
    read: MakeApp, tmp_path: Path
) -> None:
    files, other = a_set(tmp_path), a_set(tmp_path, "other")
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(Configure("autoencoder"))
        await until(pilot, on_top(app, SpecPage))
        form = app.screen.query_one(SpecForm)
        in_use(app, files)
        await until(pilot, lambda: form.files == DataFiles().moved(files))
        form.put({"images": str(other["images"]), "labels": "", "test_images": "", "test_labels": ""})
        await until(pilot, lambda: "other" in top(app))
        in_use(app, other, "other")
        await pilot.pause()
        in_use(app, files)
        await pilot.pause()
        assert form.files == DataFiles(images=other["images"])


async def test_what_was_typed_into_a_form_stays_until_another_set_is_in_use(read: MakeApp, tmp_path: Path) -> None:
    files, other = a_set(tmp_path), a_set(tmp_path, "other")
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("a")
        await until(pilot, on_top(app, SpecPage))
        app.screen.query_one(SpecForm).put({"images": str(other["images"]), "epochs": "7"})
        await pilot.press("escape", "a")
        await until(pilot, on_top(app, SpecPage))
        assert app.screen.query_one(SpecForm).files == DataFiles(images=other["images"])
        await pilot.press("escape")
        in_use(app, files)
        await until(pilot, lambda: app.data_set.name == "plankton")
        await pilot.press("a")
        await until(pilot, on_top(app, SpecPage))
        form = app.screen.query_one(SpecForm)
        assert (form.files, form.values["epochs"]) == (DataFiles().moved(files), "7")


async def test_a_run_that_is_repeated_keeps_its_own_images(read: MakeApp, home: Home, tmp_path: Path) -> None:
    run = write_run(home, scripted_events())  # of MNIST
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        in_use(app, a_set(tmp_path))
        app.post_message(ConfigureAgain(run.id))
        await until(pilot, on_top(app, SpecPage))
        assert app.screen.query_one(SpecForm).files == DataFiles()
        await until(pilot, lambda: "MNIST" in top(app))


async def test_a_preset_is_studied_on_the_set_in_use(read: MakeApp, tmp_path: Path) -> None:
    files = a_set(tmp_path)
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        in_use(app, files)
        await until(pilot, lambda: app.data_set.name == "plankton")
        app.push_screen(StudyForm())
        await until(pilot, on_top(app, StudyForm))
        screen = app.screen
        assert isinstance(screen, StudyForm)
        baseline = await screen._baseline()
        assert baseline is not None
        assert baseline.files == DataFiles().moved(files)
        await until(pilot, lambda: "plankton" in top(app))


async def test_one_of_the_last_sets_is_used_again(read: MakeApp, tmp_path: Path) -> None:
    files, other = a_set(tmp_path), a_set(tmp_path, "other")
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        in_use(app, files)
        in_use(app, other, "other")
        await until(pilot, lambda: app.data_set.name == "other")
        await pilot.press("d")
        await until(pilot, on_top(app, DataScreen))
        await pilot.press("l")
        await until(pilot, on_top(app, DataSetsScreen))
        listed = [str(option.prompt).strip() for option in app.screen.query_one(OptionList).options]
        assert [line.split(" ")[0] for line in listed] == ["MNIST", "●", "plankton"]
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.data_set.name == "plankton")
        await pilot.press("l")
        await until(pilot, on_top(app, DataSetsScreen))
        await pilot.press("home", "enter")
        await until(pilot, lambda: app.data_set.files == DataFiles())


def test_the_last_sets_are_kept_each_once_and_mnist_is_not_among_them() -> None:
    def one(name: str, **files: str) -> DataSet:
        return DataSet(name, (8, 8, 1), DataFiles.of(files))

    known: tuple[DataSet, ...] = ()
    for number in range(REMEMBERED + 3):
        known = with_latest(known, one(str(number), images=f"/{number}"))
    assert [each.name for each in known] == [str(number) for number in range(REMEMBERED + 2, 2, -1)]
    assert with_latest(known, DataSet()) == known
    again = with_latest(known, known[4])
    assert (again[0], len(again)) == (known[4], REMEMBERED)
    labelled = one("12", images="/12", labels="/labels")
    assert with_latest(known, labelled)[:2] == (labelled, known[1])  # the same with labels is the same set


# -- encoders ---------------------------------------------------------------------------------------


def status(run: str, **values: object) -> RunStatus:
    usual = {"kind": "autoencoder", "state": "finished", "best_loss": 0.5, "data": "MNIST", "images_digest": "MNIST"}
    return RunStatus(id=run, **{**usual, **values})  # type: ignore[arg-type]  # each test names fields and their types


def test_the_best_finished_autoencoder_of_the_images_is_offered() -> None:
    runs = [
        status("newest", images_digest="other", best_loss=0.01),
        status("diverged", state="diverged", best_loss=0.02),
        status("stopped", state="stopped", best_loss=0.03),
        status("trial", study="s", best_loss=0.1),
        status("good", best_loss=0.2),
        status("better", best_loss=0.15, state="early-stopped"),
        status("failed", state="failed", best_loss=0.01),
        status("no model", best_loss=None),
        status("classifier", kind="classifier"),
    ]
    best = best_encoder(runs, "MNIST")
    assert best is not None
    assert best.id == "better"
    order = ["better", "good", "trial", "diverged", "stopped", "newest"]
    assert [run.id for run in encoders(runs, "MNIST")] == order
    assert (best_encoder([run for run in runs if run.study], "MNIST") or best).id == "trial"
    assert best_encoder(runs[:3], "MNIST") is None
    assert best_encoder(runs, "") is None


def write_encoder(home: Home, run: str, data: str, files: dict[str, Path] | None = None, **values: object) -> None:
    events = scripted_events("autoencoder", run)
    own = {"data": data, "data_digest": data, "image_shape": (28, 28, 1) if files is None else (8, 8, 1)}
    about = replace(scripted_status(events), **{**own, **values})  # type: ignore[arg-type]  # as above
    write_run(home, events, status=about, spec=None if files is None else tiny(files))


async def test_the_form_of_a_classifier_offers_the_best_encoder_of_the_set_in_use(
    read: MakeApp, home: Home, tmp_path: Path
) -> None:
    files = a_set(tmp_path)
    write_encoder(home, "a7f3000000", "MNIST", best_loss=0.001, started=3.0)
    write_encoder(home, "b222000000", "plankton", files, best_loss=0.2, started=2.0)
    write_encoder(home, "d4m1000000", "plankton", files, best_loss=0.1, started=1.0)
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        in_use(app, files)
        await until(pilot, lambda: app.data_set.name == "plankton")
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        form = app.screen.query_one(SpecForm)
        await until(pilot, lambda: form.values["encoder"] == "d4m1000000")
        assert form.files == DataFiles().moved(files)


async def test_an_encoder_that_learned_without_labels_and_tests_is_one_of_the_set_in_use(
    make_app: MakeApp, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, other = a_set(tmp_path), a_set(tmp_path, "other")
    alone = load_idx(files["images"])
    write_idx(other["labels"], (classes(TRAINING) + 1) % CLASSES)  # beside the same images
    write_encoder(home, "a7f3000000", "MNIST", best_loss=0.001)
    known = {"data_digest": "?", "images_digest": alone.images_digest}
    write_encoder(home, "b222000000", "plankton", {"images": files["images"]}, best_loss=0.1, **known)
    # Of earlier versions: of the images alone, and of other labels too.
    write_encoder(home, "c333000000", "plankton", files, best_loss=0.2, data_digest=alone.digest)
    relabelled = load_idx(**other).digest
    write_encoder(home, "d4m1000000", "other", other, best_loss=0.3, data_digest=relabelled)
    app = make_app()
    monkeypatch.setattr(app.runner, "data", partial(Reader.data, app.runner))
    async with app.run_test(size=(120, 40)) as pilot:
        in_use(app, files)
        await until(pilot, lambda: app.data_set.name == "plankton")
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        form, screen = app.screen.query_one(SpecForm), app.screen
        await until(pilot, lambda: form.values["encoder"] == "b222000000")
        data = await app.runner.data(DataFiles().moved(files))
        runs = await app.runner.with_images_digests(app.runner.list_runs(), data)
        of_these = [run.id for run in runs if run.images_digest == data.images_digest]
        assert sorted(of_these) == ["b222000000", "c333000000", "d4m1000000"]
        screen.post_message(EncoderTable.Chosen("b222000000"))
        await until(pilot, lambda: app.drafts.get("classifier", {}).get("encoder") == "b222000000")
        assert form.files == DataFiles().moved(files)  # not without its labels


async def test_a_study_of_classifiers_is_on_the_encoder_that_the_form_of_one_would_offer(
    read: MakeApp, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = a_set(tmp_path)
    write_encoder(home, "a7f3000000", "MNIST", images_digest="MNIST images")
    write_encoder(home, "b222000000", "plankton", files, images_digest="plankton images")
    app, studied = read(), []

    async def plan(spec: StudySpec) -> StudyRecord:
        assert isinstance(spec.baseline, ClassifierSpec)
        studied.append(spec.baseline.encoder)
        return guided()

    monkeypatch.setattr(app.studies, "plan", plan)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(ConfigureStudy())
        await until(pilot, on_top(app, StudyForm))
        form = app.screen
        assert isinstance(form, StudyForm)
        form.query_one("#field-baseline", Choice).choose("classifier form")
        form.query_one("#field-values", Input).value = "fc_units=8,10"
        await until(pilot, lambda: studied == ["a7f3000000"])
        in_use(app, files)
        await until(pilot, lambda: studied[1:] == ["b222000000"])
        in_use(app, a_set(tmp_path, "other"), "other")
        await until(pilot, lambda: "no finished autoencoder trained on other" in form._problems.get("baseline", ""))
        app.keep_draft("classifier", {"encoder": "b222"})  # typed into that form
        in_use(app, files)
        await until(pilot, lambda: studied[2:] == ["b222"])


async def test_an_encoder_that_nobody_chose_is_offered_anew(read: MakeApp, home: Home, tmp_path: Path) -> None:
    files, none = a_set(tmp_path), a_set(tmp_path, "none")
    write_encoder(home, "a7f3000000", "MNIST", best_loss=0.2)
    write_encoder(home, "b222000000", "plankton", files)
    app = read()

    async def opened() -> SpecForm:
        app.post_message(Configure("classifier"))
        await until(pilot, on_top(app, EncoderForm))
        return app.screen.query_one(SpecForm)

    async with app.run_test(size=(120, 40)) as pilot:
        form = await opened()
        await until(pilot, lambda: form.values["encoder"] == "a7f3000000")
        form.put({"fc_units": "7"})
        await until(pilot, lambda: app.drafts.get("classifier", {}).get("fc_units") == "7")
        assert "encoder" not in app.drafts["classifier"]
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        write_encoder(home, "c333000000", "MNIST", best_loss=0.1)  # a better one
        form = await opened()
        await until(pilot, lambda: form.values["encoder"] == "c333000000")
        in_use(app, files)  # while the form is open
        await until(pilot, lambda: form.values["encoder"] == "b222000000")
        assert form.values["fc_units"] == "7"
        in_use(app, none, "none")
        await until(pilot, lambda: form.values["encoder"] == "")


@pytest.mark.parametrize("typed", [True, False])
async def test_an_encoder_that_was_typed_or_chosen_stays(
    read: MakeApp, home: Home, tmp_path: Path, typed: bool
) -> None:
    write_encoder(home, "a7f3000000", "MNIST", best_loss=0.1)
    write_encoder(home, "b222000000", "MNIST", best_loss=0.2)
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        form = app.screen.query_one(SpecForm)
        await until(pilot, lambda: form.values["encoder"] == "a7f3000000")
        mine = "b222" if typed else "a7f3000000"  # the one that is offered can be chosen too
        if typed:
            form.put({"encoder": mine})
        else:
            app.screen.post_message(EncoderTable.Chosen(mine))
        await until(pilot, lambda: app.drafts.get("classifier", {}).get("encoder") == mine)
        await pilot.press("escape")
        await until(pilot, on_top(app, HomeScreen))
        write_encoder(home, "c333000000", "MNIST", best_loss=0.01)
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        picker, form = app.screen.query_one(EncoderTable), app.screen.query_one(SpecForm)
        await until(pilot, lambda: picker.row_count == 3)
        in_use(app, a_set(tmp_path))
        await until(pilot, lambda: form.values["images"] != "")
        await until(pilot, lambda: app.screen.query_one("#no-encoder").display)
        assert form.values["encoder"] == mine


async def test_where_there_is_no_encoder_of_the_set_in_use_the_form_says_what_to_do(
    read: MakeApp, home: Home, tmp_path: Path
) -> None:
    write_encoder(home, "a7f3000000", "MNIST")
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        in_use(app, a_set(tmp_path))
        await until(pilot, lambda: app.data_set.name == "plankton")
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        label = app.screen.query_one("#no-encoder")
        await until(pilot, lambda: label.display)
        assert "No finished autoencoder of plankton yet: press Ctrl+N" in str(label.render())
        assert app.screen.query_one(SpecForm).values["encoder"] == ""


async def test_an_encoder_that_is_chosen_brings_its_images_unless_others_were_named(
    read: MakeApp, home: Home, tmp_path: Path
) -> None:
    files, other = a_set(tmp_path), a_set(tmp_path, "other")
    write_encoder(home, "a7f3000000", "MNIST")
    write_encoder(home, "b222000000", "plankton", files)
    app = read()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        form, screen = app.screen.query_one(SpecForm), app.screen
        await until(pilot, lambda: form.values["encoder"] == "a7f3000000")
        screen.post_message(EncoderTable.Chosen("b222000000"))
        await until(pilot, lambda: form.files == DataFiles().moved(files))
        screen.post_message(EncoderTable.Chosen("a7f3000000"))  # as those of the encoder before were not named by hand
        await until(pilot, lambda: form.files == DataFiles())
        form.put({"images": str(other["images"])})
        screen.post_message(EncoderTable.Chosen("b222000000"))
        await until(pilot, lambda: form.values["encoder"] == "b222000000")
        assert form.files == DataFiles(images=other["images"])


async def test_remarks_on_the_encoder_stand_beneath_the_table(
    read: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_encoder(home, "a7f3000000", "MNIST")
    app = read()

    async def nothing(spec: object) -> dict[str, str]:
        return {}

    async def plan(spec: object) -> None:
        return None

    async def remarks(spec: object, data: DataView) -> tuple[str, ...]:
        return ("The encoder is of run a7f3000000, which diverged.",)

    monkeypatch.setattr(app.runner, "check", nothing)
    monkeypatch.setattr(app.runner, "plan", plan)
    monkeypatch.setattr(app.runner, "encoder_remarks", remarks)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        await until(pilot, on_top(app, EncoderForm))
        picker = app.screen.query_one(EncoderPicker)
        await until(pilot, lambda: bool(picker.remarks))
        label = app.screen.query_one("#encoder-remarks")
        assert label.display
        assert "which diverged" in str(label.render())


async def test_a_set_that_came_into_use_while_home_read_another_stays(
    read: MakeApp, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = a_set(tmp_path)
    app = read()
    at_once = app.runner.data
    asked: list[DataFiles] = []

    async def data(which: DataFiles = DataFiles()) -> DataView:  # noqa: B008 - a value
        if not asked:  # Home has read MNIST, and has not said so yet
            in_use(app, files)
        asked.append(which)
        return await at_once(which)

    monkeypatch.setattr(app.runner, "data", data)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: DataFiles().moved(files) in asked)
        await until(pilot, lambda: "plankton · 8×8 grey" in top(app))
        await until(pilot, lambda: all(worker.is_finished for worker in app.workers if worker.group == "data"))
        await pilot.pause()
        assert app.data_set.files == DataFiles().moved(files)
        assert asked == [DataFiles(), DataFiles().moved(files)]
