from contextlib import suppress
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Tabs
from textual.worker import WorkerCancelled

from cae_tui import messages
from cae_tui.app import CaeApp
from cae_tui.screens.report import ReportScreen
from cae_tui.views import SampleStrip
from cae_tui.widgets.confusion_matrix import ConfusionMatrix
from cae_tui.widgets.report_text import (
    as_text,
    headline,
    latent_sentence,
    measures,
    pca_sentence,
    report_lines,
    stage_lines,
)
from cae_tui.widgets.sample_strip import SampleStripView
from engine.runs import Home
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, scripted_events, scripted_result, write_run
from tests.cae_tui.script import picture, scripted_report

SMALL, LARGE = (80, 24), (120, 40)


@pytest.fixture
def filled(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A finished autoencoder with images, and a finished classifier on it."""
    write_run(home, scripted_events(samples=True))
    write_run(home, scripted_events("classifier"))

    async def read(self: object, run: str, file: str, epoch: int) -> SampleStrip:
        images = tuple(picture(name) for name in range(8))
        return SampleStrip(epoch, images, images)

    monkeypatch.setattr("cae_tui.reader.Reader.samples", read)
    return home


def text(app: CaeApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def settle(pilot: Pilot[None]) -> None:
    screen = pilot.app.screen
    while working := [worker for worker in pilot.app.workers if worker.node is screen and not worker.is_finished]:
        with suppress(WorkerCancelled):  # newer news make a worker superfluous
            await pilot.app.workers.wait_for_complete(working)
    await pilot.pause()


async def opened(app: CaeApp, pilot: Pilot[None], run: str) -> ReportScreen:
    await app.push_screen(ReportScreen(run))
    await settle(pilot)
    await settle(pilot)
    assert isinstance(app.screen, ReportScreen)
    return app.screen


def heard(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What the screen on top posts, in place of the app's doing it."""
    seen: list[Message] = []
    post = app.screen.post_message

    def keep(message: Message) -> bool:
        if type(message).__module__ == messages.__name__:
            seen.append(message)
            return True
        return post(message)

    monkeypatch.setattr(app.screen, "post_message", keep)
    return seen


# -- in words ------------------------------------------------------------------------------------


def test_a_classifier_s_headline_is_one_line() -> None:
    line = headline(scripted_result("classifier")).plain
    assert line == "Test accuracy 99.61 % · test loss 0.0142 · 9,961 correct · 39 incorrect"


def test_an_autoencoder_s_headline_tells_the_latent_beside_the_error() -> None:
    line = headline(scripted_result()).plain
    assert line == "Test MSE 5.10e-04 · PSNR 32.9 dB · latent 1,568"


def test_validation_images_stand_in_for_missing_test_images() -> None:
    result = {**scripted_result(), "evaluated_on": "validation", "test_mse": None, "test_psnr": None}
    assert headline(result).plain.startswith("Validation MSE 5.25e-04 · PSNR 32.8 dB")
    assert "\ntest " not in measures(result).plain


def test_the_report_is_printed_as_scikit_learn_does() -> None:
    assert report_lines(scripted_result("classifier")).plain == scripted_report()["text"].rstrip("\n")


@pytest.mark.parametrize(
    ("latent", "says"),
    [(64, "compressed 12.2 times"), (784, "nothing is compressed"), (1568, "2.0 × the image's 784 numbers")],
)
def test_the_latent_is_told_beside_the_image(latent: int, says: str) -> None:
    assert says in latent_sentence(latent, 784)


@pytest.mark.parametrize(
    ("mse", "says"),
    [
        (1e-3, "The autoencoder's error is 3.0 times smaller."),
        (3e-3, "The autoencoder does as well."),
        (6e-3, "The autoencoder's error is 2.0 times larger: train it longer"),
    ],
)
def test_the_comparison_with_pca_is_in_words(mse: float, says: str) -> None:
    sentence = pca_sentence({"components": 64, "mse": 3e-3, "psnr": 25.2, "note": ""}, mse)
    assert sentence.startswith("with 64 components: MSE 0.0030, PSNR 25.2 dB.")
    assert says in sentence


def test_where_pca_was_not_computed_the_reason_is_told() -> None:
    assert pca_sentence({"components": 64, "mse": None, "note": "not computed: too large"}, 0.1) == (
        "not computed: too large"
    )
    assert "no comparison" in pca_sentence({"components": 9, "mse": None, "note": "overcomplete: PCA …"}, 0.1)


def test_no_line_of_the_measures_is_wider_than_its_pane() -> None:
    assert all(len(line) <= 40 for line in measures(scripted_result(), (28, 28, 1), 40).plain.splitlines())


def test_a_stage_of_hours_is_told_in_one_line_of_its_pane() -> None:
    stage = {"stage": "fine-tuning", "best_accuracy": 0.99, "best_epoch": 97, "epochs": 100, "seconds": 4136.0}
    (line,) = stage_lines({"stages": [stage]})
    assert line.plain == "fine-tuning val_accuracy 99.00 %, epoch 97/100, 1:08:56"
    assert len(line) <= 56  # of the 60 that the pane has in 120 columns, less border and padding


def test_the_copied_report_has_the_confusion_matrix_too() -> None:
    copied = as_text(scripted_result("classifier"))
    assert "Test accuracy 99.61 %" in copied
    assert "weighted avg" in copied
    assert copied.splitlines()[-10].split() == ["0", *(str(count) for count in scripted_report()["confusion"][0])]


def test_the_copied_confusion_matrix_names_classes_with_gaps_between_them() -> None:
    result = scripted_result("classifier", CLASSIFIER)
    rows = [{**row, "label": label} for row, label in zip(result["report"]["rows"], (3, 200), strict=False)]
    copied = as_text({**result, "report": {**result["report"], "rows": rows, "confusion": [[5, 1], [0, 4]]}})
    assert [line.split() for line in copied.splitlines()[-2:]] == [["3", "5", "1"], ["200", "0", "4"]]


# -- the screen ----------------------------------------------------------------------------------


async def test_a_roomy_terminal_shows_report_confusion_and_curves_at_once(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await opened(app, pilot, CLASSIFIER)
        shown = text(app)
        assert "f1-score" in shown
        assert "Confusion matrix" in shown
        assert "Accuracy by epoch" in shown
        assert "9 of 982 images of class 4 were taken for 9 (0.92 %)." in shown


async def test_a_small_terminal_shows_one_pane_at_a_time(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, CLASSIFIER)
        assert "f1-score" in text(app)
        await pilot.press("2")
        await pilot.pause()
        assert "predicted class" in text(app)
        assert "f1-score" not in text(app)
        await pilot.press("3")
        await pilot.pause()
        assert "Loss by epoch" in text(app)
        await pilot.press("1")
        await pilot.pause()
        assert "f1-score" in text(app)


async def test_what_lies_below_a_small_pane_is_reached_by_keys(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, CLASSIFIER)
        assert "fine-tuning" not in text(app)
        await pilot.press("end")
        await settle(pilot)
        assert "fine-tuning" in text(app)


@pytest.mark.parametrize(
    ("before", "pane", "after", "has_it"),
    [
        (LARGE, "", SMALL, "#numbers"),
        (SMALL, "3", LARGE, "#confusion"),
        (SMALL, "2", LARGE, "#confusion"),
    ],
)
async def test_a_pane_that_is_shown_has_the_keyboard_after_the_terminal_changed_its_size(
    make_app: MakeApp, filled: Home, before: tuple[int, int], pane: str, after: tuple[int, int], has_it: str
) -> None:
    app = make_app()
    async with app.run_test(size=before) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        if pane:
            await pilot.press(pane)
        await pilot.resize_terminal(*after)
        await settle(pilot)
        assert screen.focused is screen.query_one(has_it)


async def test_from_the_tabs_a_key_leads_into_the_pane(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        screen.query_one(Tabs).focus()
        await pilot.press("right", "down")
        await settle(pilot)
        assert screen.focused is screen.query_one(ConfusionMatrix)


async def test_the_cursor_moves_over_the_cells_and_enter_shows_their_images(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        matrix = screen.query_one(ConfusionMatrix)
        assert matrix.has_focus
        assert matrix.cursor == (4, 9)  # the most frequent mistake
        await pilot.press("right", "down", "left")
        assert matrix.cursor == (5, 8)
        await pilot.press("home", *["up"] * 12)
        assert matrix.cursor == (0, 0)
        seen = heard(app, monkeypatch)
        await pilot.press("end", "enter")
        await pilot.pause()
        assert seen == [messages.OpenGallery(CLASSIFIER, "all", 0, 9)]


async def test_a_cell_can_be_clicked(make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        matrix = screen.query_one(ConfusionMatrix)
        seen = heard(app, monkeypatch)
        await pilot.click(ConfusionMatrix, offset=(6 + 5 * 3 + 2, 2 + 5))
        assert matrix.cursor == (5, 3)
        assert seen == []
        await pilot.click(ConfusionMatrix, offset=(6 + 5 * 3 + 2, 2 + 5))
        await pilot.pause()
        assert seen == [messages.OpenGallery(CLASSIFIER, "all", 5, 3)]


async def test_many_classes_scroll_under_the_header(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        matrix = screen.query_one(ConfusionMatrix)
        matrix.set_counts([[1000 if true == told else 0 for told in range(27)] for true in range(27)])
        await pilot.pause()
        await pilot.press("end", *["down"] * 26)
        await pilot.pause()
        assert matrix.cursor == (26, 26)
        lines = [matrix.render_line(row).text for row in range(matrix.size.height)]
        assert lines[1].split()[-1] == "26"
        assert any(line.split()[:1] == ["26"] and "1000" in line for line in lines[2:])


async def test_classes_with_gaps_between_them_keep_their_numbers(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        matrix = screen.query_one(ConfusionMatrix)
        matrix.set_counts([[5, 1], [0, 4]], [0, 200])
        seen = heard(app, monkeypatch)
        assert matrix.sentence == "1 of 6 images of class 0 was taken for 200 (16.67 %)."
        lines = [matrix.render_line(row).text.split() for row in range(4)]
        assert lines[1:] == [["true", "0", "200"], ["0", "5", "1"], ["200", "·", "4"]]
        await pilot.press("enter")
        await pilot.pause()
        assert seen == [messages.OpenGallery(CLASSIFIER, "all", 0, 200)]


@pytest.mark.parametrize(
    ("run", "key", "asked"),
    [
        (CLASSIFIER, "g", messages.OpenGallery(CLASSIFIER, "all")),
        (CLASSIFIER, "w", messages.OpenGallery(CLASSIFIER, "incorrect")),
        (AUTOENCODER, "w", None),
        (AUTOENCODER, "n", messages.Configure("classifier", {"encoder": AUTOENCODER})),
        (CLASSIFIER, "n", None),
        (CLASSIFIER, "v", messages.OpenTraining(CLASSIFIER)),
        (CLASSIFIER, "e", messages.ConfigureAgain(CLASSIFIER)),
        (AUTOENCODER, "m", messages.SaveModel(AUTOENCODER)),
    ],
)
async def test_a_key_asks_the_app_for_what_it_says(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch, run: str, key: str, asked: Message | None
) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await opened(app, pilot, run)
        seen = heard(app, monkeypatch)
        await pilot.press(key)
        await pilot.pause()
        assert seen == ([asked] if asked else [])


async def test_the_report_is_copied_as_text(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await opened(app, pilot, CLASSIFIER)
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard.startswith(f"classifier {CLASSIFIER}")


async def test_an_autoencoder_shows_measures_images_and_curves(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, AUTOENCODER)
        assert "5.10e-04     32.9 dB" in text(app)
        assert screen.query_one(SampleStripView).strip is not None
        assert "Loss by epoch" in text(app)
        assert "Accuracy" not in text(app)


async def test_a_run_that_diverged_says_why_and_shows_its_curves(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events(state="diverged", message="The loss is not a number [any] more."))
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await opened(app, pilot, AUTOENCODER)
        shown = text(app)
        assert "✗ diverged. The loss is not a number [any] more. Press e to change the spec" in shown
        assert "Loss by epoch" in shown
        await pilot.press("1", "2", "3", "g", "m", "y")
        await pilot.pause()


async def test_a_run_without_a_report_says_so(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events(state="stopped"))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, AUTOENCODER)
        assert "This run has no report: it is stopped. Press v for its curves so far." in text(app)
        await pilot.press("1", "2", "3", "g", "m", "y")
        await pilot.pause()


async def test_a_run_that_is_gone_says_so(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, "zzzz")
        assert "No run begins with" in text(app)


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (117, 60), (200, 20), (200, 60)])
@pytest.mark.parametrize("run", [AUTOENCODER, CLASSIFIER])
async def test_no_size_of_the_terminal_breaks_it(
    make_app: MakeApp, filled: Home, size: tuple[int, int], run: str
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, run)
        await pilot.press("2", "down", "3", "1")
        await pilot.resize_terminal(*SMALL)
        await pilot.pause()
        assert text(app)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("run", [AUTOENCODER, CLASSIFIER])
def test_it_looks_right(snap_compare: Any, make_app: MakeApp, filled: Home, size: tuple[int, int], run: str) -> None:
    app = make_app()

    async def prepare(pilot: Pilot[None]) -> None:
        await opened(app, pilot, run)

    assert snap_compare(app, run_before=prepare, terminal_size=size)


def test_the_confusion_matrix_looks_right_on_its_own(snap_compare: Any, make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    app.theme = "cae-light"

    async def prepare(pilot: Pilot[None]) -> None:
        await opened(app, pilot, CLASSIFIER)
        await pilot.press("2", "left")
        await pilot.pause()

    assert snap_compare(app, run_before=prepare, terminal_size=SMALL)
