from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Tabs
from textual.worker import WorkerCancelled

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.values import SampleStrip
from cae_tui.screens.report import ReportScreen
from cae_tui.widgets.class_report import ClassReport, ClassRows
from cae_tui.widgets.confusion_matrix import ConfusionMatrix
from cae_tui.widgets.report_text import about, headline, measures, report_lines
from cae_tui.widgets.sample_strip import SampleStripView
from engine.protocol.events import SamplesSaved
from engine.runs.directory import Home
from engine.runs.facts import Peers, RunFacts
from engine.runs.notes import Notes
from engine.runs.report_words import report_as_text
from engine.specs.base import Difference
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, scripted_events, scripted_result, write_run
from tests.cae_tui.script import picture, result_with, scripted_report

SMALL, LARGE = (80, 24), (120, 40)


CONSTANT = {"mse": 0.0673, "psnr": 11.72, "validation_mse": 0.0674, "validation_psnr": 11.71}
PCA = {"components": 64, "mse": 3e-3, "psnr": 25.2, "note": "", "validation_mse": 3.1e-3, "validation_psnr": 25.1}
FACTS = RunFacts(
    preset="Recommended", differences=(Difference("epochs", "Epochs", "3", "20"),), data="MNIST",
    image_shape=(28, 28, 1), training=54_000, validation=6_000, test=10_000, seed=7, device="cpu",
    started=1_700_000_000.0, notes=Notes(star=True, tags=("baseline",), note="Sharp, and long to tell of " * 3),
    peers=Peers(count=3, best="b111000000", best_loss=4.7e-4, best_psnr=33.3, best_seed=5),
)  # fmt: skip


def large_report(classes: int) -> dict[str, Any]:
    """A report of so many classes of five images, each with another recall."""
    rows = [
        {"name": f"Class {name}", "precision": 1.0, "recall": 1 - name / 1000, "f1": 1.0, "support": 5, "label": name}
        for name in range(classes)
    ]
    mean = {"name": "macro avg", "precision": 1.0, "recall": 0.9, "f1": 0.95, "support": 5 * classes}
    confusion = [[5 * (true == predicted) for predicted in range(classes)] for true in range(classes)]
    return {
        "rows": rows, "macro": mean, "weighted": {**mean, "name": "weighted avg"}, "accuracy": 0.9, "text": "text",
        "correct": 5 * classes, "incorrect": 0, "confusion": confusion,
    }  # fmt: skip


@pytest.fixture
def filled(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A finished autoencoder with images, and a finished classifier on it."""
    write_run(home, scripted_events(samples=True))
    write_run(home, scripted_events("classifier"))

    async def read(self: object, run: str, saved: Sequence[SamplesSaved]) -> SampleStrip:
        images = tuple(picture(name) for name in range(8))
        return SampleStrip(saved[0].epoch, images, images)

    monkeypatch.setattr("cae_tui.bridge.reader.Reader.samples", read)
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
    line = headline(result_with("classifier")).plain
    assert line == "Test accuracy 99.61 % · test loss 0.0142 · 9,961 correct · 39 incorrect"


def test_an_autoencoder_s_headline_tells_the_latent_beside_the_error() -> None:
    line = headline(result_with()).plain
    assert line == "Test MSE 5.10e-04 · PSNR 32.9 dB · latent 1,568"


def test_validation_images_stand_in_for_missing_test_images() -> None:
    result = result_with(evaluated_on="validation", test_mse=None, test_psnr=None)
    assert headline(result).plain.startswith("Validation MSE 5.25e-04 · PSNR 32.8 dB")
    assert "test" not in measures(result).plain


def test_the_report_is_printed_as_scikit_learn_does() -> None:
    assert report_lines(result_with("classifier")).plain == scripted_report()["text"].rstrip("\n")


def test_no_line_of_the_measures_is_wider_than_its_pane() -> None:
    result = result_with(constant_image=CONSTANT, pca=PCA)
    assert all(len(line) <= 55 for line in measures(result, FACTS, 55).plain.splitlines())
    assert all(len(line) <= 40 for line in about(result, FACTS, 40).plain.splitlines())


def test_a_classifier_is_held_against_one_answer_in_its_headline_as_far_as_there_is_room() -> None:
    result = result_with("classifier", largest_class={"label": 1, "accuracy": 0.1135})
    assert headline(result, None, 78).plain.splitlines()[1:] == ["Always answering class 1 is right for 11.35 %."]
    assert len(headline(result, None, 40).plain.splitlines()) == 1


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_what_was_found_doubtful_stands_under_the_headline_and_whole_among_the_comparisons(kind: str) -> None:
    remarks = ["The brightest pixel is 1 of 255, which is nearly black.", "Class 3 has no image."]
    result = result_with(kind, remarks=remarks)
    first = ["! The brightest pixel is 1 of 255, which", "  is nearly black."]
    where = "About" if kind == "classifier" else "Measures"
    assert headline(result, None, 40, 2).plain.splitlines()[1:] == [*first, f"! 1 more remark: see {where}."]
    assert headline(result, None, 40, 3).plain.splitlines()[1:] == [*first, "! Class 3 has no image."]
    assert len(headline(result).plain.splitlines()) == 1
    shown = about(result, None, 78) if kind == "classifier" else measures(result, None, 78)
    assert "! The brightest pixel is 1 of 255, which is nearly black." in shown.plain


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_what_a_file_of_labels_changed_is_told_once_beside_other_remarks(kind: str) -> None:
    said = "2 labels were changed (labels.csv)."
    facts = replace(FACTS, corrected=f"{said} 0 → 2 2×")
    result = result_with(kind, remarks=[said])
    assert said in headline(result, facts, 78).plain  # where there is room
    shown = about(result, facts, 78).plain
    if kind == "autoencoder":
        shown += measures(result, facts, 78).plain
    assert shown.count(said) == 1
    more = replace(result, remarks=["Class 3 has no image.", said])
    assert headline(more, facts, 78).plain.splitlines()[1:] == ["! Class 3 has no image."]


def test_the_copied_report_has_the_confusion_matrix_too() -> None:
    copied = report_as_text(result_with("classifier"))
    assert "Test accuracy 99.61 %" in copied
    assert "weighted avg" in copied
    assert ["0", *(str(count) for count in scripted_report()["confusion"][0])] in [
        line.split() for line in copied.splitlines()
    ]


def test_the_copied_report_has_scikit_learn_s_own_text_and_how_the_run_came_about() -> None:
    copied = report_as_text(result_with("classifier"), FACTS)
    assert scripted_report()["text"].rstrip("\n") in copied
    assert "preset      Recommended, except epochs 3 instead of 20" in copied
    assert "The image as it is, by itself, gives 99.57 %." in " ".join(copied.split())


def test_the_copied_confusion_matrix_names_classes_with_gaps_between_them() -> None:
    result = scripted_result("classifier", CLASSIFIER)
    rows = [
        {**row, "label": label, "name": f"Class {label}"}
        for row, label in zip(result["report"]["rows"], (3, 200), strict=False)
    ]
    report = {**result["report"], "rows": rows, "confusion": [[5, 1], [0, 4]]}
    copied = report_as_text(result_with("classifier", report=report))
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


async def test_ten_classes_their_averages_and_the_weakest_fit_the_smallest_terminal(
    make_app: MakeApp, filled: Home
) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, CLASSIFIER)
        shown = text(app)
        for row in scripted_report()["rows"]:
            line = next(line for line in shown.splitlines() if row["name"] in line)
            assert [f"{row[score]:.4f}" for score in ("precision", "recall", "f1")] == line.split()[3:6]
        assert "weakest: 4 (recall 0.9908)" in shown
        assert "weighted avg" in shown


async def test_a_key_shows_scikit_learn_s_text_and_the_table_again(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        await pilot.press("t")
        await settle(pilot)
        assert scripted_report()["text"].splitlines()[2].strip() in text(app)
        assert "weakest" not in text(app)
        assert screen.focused is screen.query_one("#text")
        await pilot.press("t")
        await settle(pilot)
        assert "weakest" in text(app)
        assert screen.focused is screen.query_one(ClassRows)


async def test_classes_can_be_sorted_by_any_column_the_lowest_first(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        rows = screen.query_one(ClassRows)
        await pilot.press("s", "s")
        await settle(pilot)
        assert "lowest recall first" in text(app)
        assert [line.label for line in rows.lines][:2] == [4, 9]
        await pilot.press("s", "s", "s")
        assert [line.label for line in rows.lines] == list(range(10))
        await pilot.click(ClassRows, offset=(22, 0))
        assert screen.query_one(ClassReport).order == "precision"


async def test_enter_on_a_class_shows_its_images(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, CLASSIFIER)
        seen = heard(app, monkeypatch)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert seen == [messages.OpenGallery(CLASSIFIER, "all", 2)]


@pytest.mark.parametrize("size", [SMALL, LARGE, (200, 60)])
async def test_two_hundred_classes_scroll_above_their_averages(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    report = large_report(200)
    result = {**scripted_result("classifier"), "report": report}
    write_run(home, scripted_events("classifier"), result=result)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        screen.query_one(ClassRows).focus()
        await pilot.press("end")
        await settle(pilot)
        shown = text(app)
        assert "Class 199" in shown
        assert "precision" in shown
        assert "weighted avg" in shown
        assert "weakest: " in shown


async def test_no_colour_is_needed_to_see_which_class_is_weak(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await opened(app, pilot, CLASSIFIER)
        lines = {line.split()[2]: line for line in text(app).splitlines() if "Class " in line and "━" in line}
        assert min(lines, key=lambda name: lines[name].count("━")) == "4"


async def test_how_the_run_came_about_is_told_in_a_pane_of_its_own(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        assert "seed" not in text(app)
        await pilot.press("4")
        await settle(pilot)
        shown = text(app)
        for name in ("data", "encoder", "preset", "seed", "device", "date", "views", "frozen", "fine-tuning"):
            assert name in shown
        assert screen.focused is screen.query_one("#about")
        await pilot.press("end")
        await settle(pilot)
        assert "Is this good?" in text(app)


@pytest.mark.parametrize(
    ("before", "pane", "after", "has_it"),
    [
        (LARGE, "", SMALL, "#class-rows"),
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


async def test_no_head_of_two_hundred_classes_is_cut_to_another_class(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, CLASSIFIER)
        matrix = screen.query_one(ConfusionMatrix)
        matrix.set_counts([[10 if true == told else 0 for told in range(200)] for true in range(200)])
        for column in range(90, 200, 7):
            matrix.cursor = (0, column)
            await pilot.pause()
            heads = [int(head) for head in matrix.render_line(1).text.split()[1:]]
            assert heads == list(range(heads[0], heads[0] + len(heads)))
            assert column in heads


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
        (AUTOENCODER, "m", messages.Export("model", (AUTOENCODER,))),
        (AUTOENCODER, "W", messages.ChooseExport(AUTOENCODER)),
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
        assert "5.10e-04 32.9 dB" in text(app)
        assert screen.query_one(SampleStripView).strip is not None
        assert "Loss by epoch" in text(app)
        assert "Accuracy" not in text(app)


async def test_every_pair_of_images_of_a_report_is_reached_exact_by_a_key(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        screen = await opened(app, pilot, AUTOENCODER)
        picture, strip = screen.query_one("#picture"), screen.query_one(SampleStripView)
        assert strip.strip is not None
        every, seen = len(strip.strip.originals), []
        for _ in range(every):
            seen.append(str(picture.border_subtitle))
            await pilot.press("right_square_bracket")
            await pilot.pause()
        assert [told.split(" · ")[1].split(" of ")[0] for told in seen] == [str(place + 1) for place in range(every)]
        assert all(told.endswith("exact") for told in seen)


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
