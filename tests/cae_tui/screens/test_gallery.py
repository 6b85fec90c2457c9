import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.values import ImageView, Picture, Prediction, PredictionsView
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.widgets.card_grid import CardGrid
from engine.errors import RunError
from engine.runs.directory import Home
from tests.cae_tui.conftest import CLASSIFIER, MakeApp
from tests.cae_tui.script import picture
from tests.engine.conftest import files as files
from tests.engine.conftest import small, small_classifier, train

SMALL, LARGE = (80, 24), (120, 40)

Open = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def classified(count: int = 39, classes: int = 10, of: str = "test") -> PredictionsView:
    """Classes in turn; every seventh is taken for the class after it, a 4 always for a 9. Indices begin at 100."""
    rows = []
    for place in range(count):
        true = place % classes
        predicted = 9 if true == 4 and classes > 9 else (true + 1) % classes if place % 7 == 0 else true
        rows.append(
            Prediction(
                index=100 + place,
                true=true,
                predicted=predicted,
                confidence=0.5 + 0.5 * (place * 17 % 39) / 39,
                error=None,
            )
        )
    return PredictionsView(run=CLASSIFIER, kind="classifier", classes=classes, of=of, predictions=tuple(rows))


def reconstructed(count: int = 12, classes: int = 10) -> PredictionsView:
    rows = tuple(
        Prediction(
            index=place,
            true=place % classes if classes else None,
            predicted=None,
            confidence=None,
            error=1e-4 * (1 + place * 5 % 12),
        )
        for place in range(count)
    )
    return PredictionsView(run=CLASSIFIER, kind="autoencoder", classes=classes, of="test", predictions=rows)


@pytest.fixture
def opened(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> Open:
    """The gallery on scripted predictions and pictures."""

    @asynccontextmanager
    async def with_gallery(
        view: PredictionsView,
        size: tuple[int, int] = SMALL,
        draw: Callable[[int], Picture] = lambda index: picture(index % 10),
        autoencoder: bool = True,
        **filters: Any,
    ) -> AsyncIterator[Pilot[None]]:
        app = make_app()
        prepare(app, view, monkeypatch, draw, autoencoder)
        async with app.run_test(size=size) as pilot:
            await app.push_screen(GalleryScreen(CLASSIFIER, **filters))
            await settle(pilot)
            yield pilot

    return with_gallery


def prepare(
    app: CaeApp,
    view: PredictionsView,
    monkeypatch: pytest.MonkeyPatch,
    draw: Callable[[int], Picture] = lambda index: picture(index % 10),
    autoencoder: bool = True,
) -> None:
    """Have the runner give back `view`, and pictures by `draw`."""

    async def predictions(run: str) -> PredictionsView:
        return view

    async def images(run: str, indices: Sequence[int]) -> tuple[Picture, ...]:
        return tuple(draw(index) for index in indices)

    async def image(run: str, index: int) -> ImageView:
        of = next(one for one in view.predictions if one.index == index)
        rest = (1 - (of.confidence or 0)) / max(view.classes - 1, 1)
        shares = [of.confidence or 0 if name == of.predicted else rest for name in range(view.classes)]
        return ImageView(
            picture=draw(index),
            reconstruction=draw(index) if autoencoder else None,
            probabilities=tuple(shares) if view.kind == "classifier" else (),
        )

    for name, answer in (("predictions", predictions), ("images", images), ("image", image)):
        monkeypatch.setattr(app.runner, name, answer)


async def settle(pilot: Pilot[None]) -> None:
    while any(not worker.is_finished for worker in pilot.app.workers):
        with suppress(WorkerCancelled):  # newer news make a worker superfluous
            await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def lines(pilot: Pilot[None]) -> list[str]:
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def text(pilot: Pilot[None]) -> str:
    return ("\n".join(lines(pilot))).replace("\xa0", " ")


CAPTION = re.compile(r"(?:\d+ → )?\d+  [✓✗] \d+ %|(?:\d+  )?err \S+")


def captions(pilot: Pilot[None]) -> list[str]:
    """The captions of the cards that are on the screen, in order."""
    return CAPTION.findall(text(pilot))


def gallery(pilot: Pilot[None]) -> GalleryScreen:
    assert isinstance(pilot.app.screen, GalleryScreen)
    return pilot.app.screen


async def test_a_card_tells_the_class_the_mistake_and_how_sure_it_was(opened: Open) -> None:
    async with opened(classified()) as pilot:
        assert captions(pilot)[:5] == ["0 → 1  ✗ 50 %", "1  ✓ 72 %", "2  ✓ 94 %", "3  ✓ 65 %", "4 → 9  ✗ 87 %"]
        assert "page 1 of 4 · 39 " in text(pilot)
        assert "Sample predictions" in lines(pilot)[0]


async def test_an_autoencoders_cards_tell_the_error_and_know_no_mistakes(opened: Open) -> None:
    async with opened(reconstructed()) as pilot:
        assert "err 1.00e-04" in text(pilot)
        assert "incorrect" not in text(pilot)
        await press(pilot, "i")
        assert "12 test images" in text(pilot) or "12 images" in text(pilot)


async def test_correct_and_incorrect_ones_are_filtered_by_a_key(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, "i")
        assert captions(pilot)
        assert all("✗" in caption for caption in captions(pilot))
        await press(pilot, "c")
        assert all("✓" in caption for caption in captions(pilot))
        await press(pilot, "a")
        assert "39 " in text(pilot)


async def test_the_words_of_the_filter_can_be_clicked(opened: Open) -> None:
    async with opened(classified()) as pilot:
        row = next(number for number, line in enumerate(lines(pilot)) if "incorrect" in line)
        await pilot.click(offset=(lines(pilot)[row].index("incorrect") + 2, row))
        await settle(pilot)
        assert all("✗" in caption for caption in captions(pilot))


async def test_a_digit_shows_one_class_and_x_every_class(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, "7")
        assert [caption[0] for caption in captions(pilot)] == ["7"] * 4
        assert "class 7" in text(pilot)
        await press(pilot, "x")
        assert "39 " in text(pilot)


async def test_brackets_reach_classes_that_have_no_key(opened: Open) -> None:
    async with opened(classified(60, classes=30)) as pilot:
        await press(pilot, "9", "right_square_bracket")
        assert "class 10" in text(pilot)
        assert captions(pilot)[0].startswith("10")
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert "class 8" in text(pilot)


async def test_a_digit_of_no_class_changes_nothing(opened: Open) -> None:
    async with opened(classified(9, classes=3)) as pilot:
        await press(pilot, "7")
        assert len(captions(pilot)) == 9


async def test_the_class_before_and_after_are_those_that_an_image_is_of(opened: Open) -> None:
    view = classified(classes=2)
    rows = [replace(one, true=(one.true or 0) * 200, predicted=(one.predicted or 0) * 200) for one in view.predictions]
    async with opened(replace(view, classes=201, predictions=tuple(rows))) as pilot:
        screen = gallery(pilot)
        for key, name in (
            ("right_square_bracket", 0), ("right_square_bracket", 200), ("right_square_bracket", 0),
            ("left_square_bracket", 200), ("left_square_bracket", 0),
        ):  # fmt: skip
            await press(pilot, key)
            assert screen.filter.true_class == name
        screen.refilter(true_class=7)
        await press(pilot, "left_square_bracket")
        assert screen.filter.true_class == 0


async def test_a_cell_of_the_confusion_matrix_shows_its_images(opened: Open) -> None:
    async with opened(classified(), true_class=4, predicted_class=9) as pilot:
        found = captions(pilot)
        assert len(found) == 4
        assert all(caption.startswith("4 → 9") for caption in found)
        await press(pilot, "x")
        assert "39 " in text(pilot)


async def test_orders_follow_confidence(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, "o")
        sure = [int(caption.split()[-2]) for caption in captions(pilot)]
        assert sure == sorted(sure, reverse=True)
        await press(pilot, "o")
        sure = [int(caption.split()[-2]) for caption in captions(pilot)]
        assert sure == sorted(sure)
        await press(pilot, "o")
        assert captions(pilot)[0] == "0 → 1  ✗ 50 %"


async def test_the_order_is_remembered_for_the_same_kind_of_run(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, "o", "o")
    async with opened(classified()) as pilot:
        sure = [int(caption.split()[-2]) for caption in captions(pilot)]
        assert sure == sorted(sure)
        assert "least confident" in text(pilot)
    async with opened(reconstructed()) as pilot:
        assert "image order" in text(pilot)


async def test_an_order_that_is_asked_for_too_early_is_passed_over(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def predictions(run: str) -> PredictionsView:
        await gate.wait()
        return reconstructed()

    app = make_app()
    prepare(app, reconstructed(), monkeypatch)
    monkeypatch.setattr(app.runner, "predictions", predictions)
    async with app.run_test(size=SMALL) as pilot:
        await app.push_screen(GalleryScreen(CLASSIFIER))
        await pilot.press("o", "i", "n", "right", "enter", "x", "4")
        assert "Reading the predictions" in text(pilot)
        gate.set()
        await settle(pilot)
        await press(pilot, "o")
        assert "worst error" in text(pilot)


async def test_orders_of_an_autoencoder_follow_the_error(opened: Open) -> None:
    async with opened(reconstructed(10)) as pilot:
        await press(pilot, "o")
        errors = [float(caption.split()[-1]) for caption in captions(pilot)]
        assert errors == sorted(errors, reverse=True)
        await press(pilot, "o")
        errors = [float(caption.split()[-1]) for caption in captions(pilot)]
        assert errors == sorted(errors)


async def test_nothing_found_says_what_to_press(opened: Open) -> None:
    async with opened(classified(3)) as pilot:
        await press(pilot, "i", "1")
        assert "There is no" in text(pilot)
        assert "Press a" in text(pilot)
        assert "x" in text(pilot)
        await press(pilot, "enter", "right", "n", "end")  # nothing to open, nowhere to go
        await press(pilot, "a", "x")
        assert len(captions(pilot)) == 3


async def test_pages_are_turned_and_stop_at_the_ends(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, "pageup")
        assert "page 1 of 4" in text(pilot)
        await press(pilot, "n", "pagedown", "n")
        assert "page 4 of 4" in text(pilot)
        await press(pilot, "n")
        assert "page 4 of 4" in text(pilot)
        await press(pilot, "p")
        assert "page 3 of 4" in text(pilot)


async def test_the_cursor_goes_on_to_the_next_page_at_the_edge(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, *["right"] * 10)
        assert "page 2 of 4" in text(pilot)
        assert pilot.app.screen.query_one(CardGrid).cursor == 0
        await press(pilot, "left")
        assert "page 1 of 4" in text(pilot)
        assert pilot.app.screen.query_one(CardGrid).cursor == 9
        await press(pilot, "down")
        assert "page 2 of 4" in text(pilot)
        assert pilot.app.screen.query_one(CardGrid).cursor == 4
        await press(pilot, "up")
        assert "page 1 of 4" in text(pilot)
        assert pilot.app.screen.query_one(CardGrid).cursor == 9


async def test_a_click_chooses_a_card_and_a_second_one_opens_it(opened: Open) -> None:
    async with opened(classified()) as pilot:
        grid = pilot.app.screen.query_one(CardGrid)
        await pilot.click(CardGrid, offset=(20, 4))
        await settle(pilot)
        assert grid.cursor == 1
        await pilot.click(CardGrid, offset=(20, 4))
        await settle(pilot)
        assert "image 101" in text(pilot)


async def test_a_large_image_shows_every_class_and_its_reconstruction(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, *["right"] * 4, "enter")
        shown = text(pilot)
        assert "image 104" in shown
        assert "5 of 39" in shown
        assert "true 4" in shown
        assert "predicted 9" in shown
        assert "reconstruction" in shown
        assert "28×28" in shown
        assert "drawn" not in shown  # every pixel is there
        assert len(re.findall(r"\d\.\d %", shown)) >= 10
        assert "✓ true class" in shown
        assert "✗ predicted" in shown


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_large_image_of_28_by_28_is_exact_beside_its_reconstruction(
    opened: Open, size: tuple[int, int]
) -> None:
    async with opened(classified(), size) as pilot:
        await press(pilot, "enter")
        for name in ("#original", "#reconstruction"):
            view = pilot.app.screen.query_one(name)
            assert view.content_size == (28, 14)
            assert view.region.right <= size[0]
            assert view.region.bottom <= size[1] - 1


async def test_left_and_right_go_through_what_the_filter_lets_pass_and_escape_back(opened: Open) -> None:
    async with opened(classified(), true_class=4) as pilot:
        await press(pilot, "enter", "right", "right")
        assert "3 of 4" in text(pilot)
        assert "image 124" in text(pilot)
        await press(pilot, "left")
        assert "image 114" in text(pilot)
        await press(pilot, "escape")
        assert gallery(pilot).query_one(CardGrid).cursor == 1
        assert len(captions(pilot)) == 4
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, GalleryScreen)


async def test_without_an_autoencoder_there_is_no_reconstruction(opened: Open) -> None:
    async with opened(classified(), autoencoder=False) as pilot:
        await press(pilot, "enter")
        assert "no autoencoder at hand" in text(pilot)


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(64, 64, 1), (32, 32, 3), (20, 100, 1), (100, 20, 3), (8, 8, 1), (1, 1, 1)]
)
async def test_images_of_any_shape_and_colour_are_drawn(opened: Open, height: int, width: int, channels: int) -> None:
    def draw(index: int) -> Picture:
        return Picture(height, width, channels, bytes([index % 256]) * (height * width * channels))

    async with opened(classified(), draw=draw) as pilot:
        assert len(captions(pilot)) == 10
        await press(pilot, "enter")
        assert f"{height}×{width}" in text(pilot)
        if height * width > 28 * 28:
            assert "drawn" in text(pilot)


async def test_sets_of_many_classes_show_the_likeliest(opened: Open) -> None:
    async with opened(classified(200, classes=100)) as pilot:
        await press(pilot, "right", "enter")
        shown = lines(pilot)
        assert any("true 1" in line or "class 1" in line for line in shown)
        assert len([line for line in shown if re.search(r"\d\.\d %", line)]) < 20


async def test_images_without_labels_have_no_class_to_choose(opened: Open) -> None:
    async with opened(reconstructed(12, classes=0)) as pilot:
        await press(pilot, "3", "right_square_bracket", "x")
        assert "class" not in text(pilot)
        assert len(captions(pilot)) == 10


async def test_validation_images_are_called_so(opened: Open) -> None:
    async with opened(classified(of="validation")) as pilot:
        assert "validation images" in text(pilot)


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (60, 20), (200, 60)])
async def test_no_size_of_the_terminal_is_too_small_or_too_large(opened: Open, size: tuple[int, int]) -> None:
    async with opened(classified(), size) as pilot:
        await press(pilot, "right", "down", "n", "enter", "right", "escape", "i", "o")
        await pilot.resize_terminal(*SMALL)
        await settle(pilot)
        assert "page 1 of" in text(pilot)


async def test_another_size_keeps_the_image_that_was_looked_at(opened: Open) -> None:
    async with opened(classified()) as pilot:
        await press(pilot, "n", "n", "right")  # the 22nd
        await pilot.resize_terminal(*LARGE)
        await settle(pilot)
        await press(pilot, "enter")
        assert "22 of 39" in text(pilot)


async def test_what_the_engine_refuses_stands_on_the_page(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def predictions(run: str) -> PredictionsView:
        raise RunError("Run c01b has no predictions: it did not come to its end.")

    app = make_app()
    monkeypatch.setattr(app.runner, "predictions", predictions)
    async with app.run_test(size=SMALL) as pilot:
        await app.push_screen(GalleryScreen(CLASSIFIER))
        await settle(pilot)
        assert "it did not come to its end." in text(pilot)
        await press(pilot, "enter", "i", "o", "n", "right", "3")


async def test_images_that_cannot_be_read_say_why(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(run: str, what: object) -> tuple[Picture, ...]:
        raise RunError("The images of this run are gone.")

    app = make_app()
    prepare(app, classified(), monkeypatch)
    monkeypatch.setattr(app.runner, "images", refuse)
    monkeypatch.setattr(app.runner, "image", refuse)
    async with app.run_test(size=SMALL) as pilot:
        await app.push_screen(GalleryScreen(CLASSIFIER))
        await settle(pilot)
        assert "The images of this run are gone." in text(pilot)
        await press(pilot, "enter")
        assert "The images of this run are gone." in text(pilot)


async def test_a_real_run_is_shown(home: Home, files: dict[str, Path], make_app: MakeApp) -> None:
    encoder = train(home, small(files))[0]
    run = train(home, small_classifier(files, encoder.id))[0]
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        for name in (run.id, encoder.id):
            await app.push_screen(GalleryScreen(name))
            await settle(pilot)
            assert "page 1 of 20 · 200 " in text(pilot)
            assert len(captions(pilot)) == 10
            await press(pilot, "enter")
            assert "1 of 200" in text(pilot)
            assert "reconstruction" in text(pilot)
            await press(pilot, "escape", "escape")


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("keys", [(), ("right", "right", "right", "right", "enter")], ids=["cards", "large"])
def test_it_looks_right(
    snap_compare: Callable[..., bool],
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    keys: tuple[str, ...],
) -> None:
    app = make_app()
    prepare(app, classified(), monkeypatch)

    async def look(pilot: Pilot[None]) -> None:
        await app.push_screen(GalleryScreen(CLASSIFIER))
        await settle(pilot)
        await press(pilot, *keys)
        await asyncio.sleep(0.2)

    assert snap_compare(app, terminal_size=size, run_before=look)


# -- many classes ---------------------------------------------------------------------------------


def shown_class(pilot: Pilot[None]) -> int | None:
    return gallery(pilot).filter.true_class


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_class_of_two_hundred_is_reached_by_typing_its_number(opened: Open, size: tuple[int, int]) -> None:
    async with opened(classified(400, classes=200), size) as pilot:
        for name in (0, 7, 10, 19, 99, 100, 173, 199):
            await press(pilot, *str(name), "enter")
            assert shown_class(pilot) == name
            assert captions(pilot)[0].split()[0] == str(name)
            assert not gallery(pilot).large
        await press(pilot, "enter")
        assert gallery(pilot).large


async def test_every_class_of_two_hundred_is_reached_by_brackets(opened: Open) -> None:
    async with opened(classified(200, classes=200), (40, 12)) as pilot:
        reached = []
        for key, number in (("right_square_bracket", 200), ("left_square_bracket", 3)):
            for _ in range(number):
                await pilot.press(key)
                reached.append(shown_class(pilot))
        assert reached == [*range(200), 198, 197, 196]


async def test_a_number_that_is_typed_stands_there_and_is_taken_back_or_cancelled(opened: Open) -> None:
    async with opened(classified(400, classes=200)) as pilot:
        await press(pilot, "4", "2", "enter", "1")
        assert "class 1▏ of 0–199" in text(pilot).replace("\N{NO-BREAK SPACE}", " ")
        assert shown_class(pilot) == 1
        await press(pilot, "7")
        assert "class 17▏" in text(pilot).replace("\N{NO-BREAK SPACE}", " ")
        await press(pilot, "9", "9")  # 1799 is no class, and 1,799 neither
        assert shown_class(pilot) == 179
        await press(pilot, "backspace")
        assert shown_class(pilot) == 17
        await press(pilot, "escape")
        assert shown_class(pilot) == 42
        assert "▏" not in text(pilot)
        await press(pilot, "1", "backspace")
        assert (shown_class(pilot), gallery(pilot).typed) == (42, "")
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, GalleryScreen)


@pytest.mark.parametrize("key", ["o", "i", "x", "right_square_bracket", "right", "n"])
async def test_another_key_ends_the_typing(opened: Open, key: str) -> None:
    async with opened(classified(4000, classes=200)) as pilot:
        await press(pilot, "1", "7", key)
        assert gallery(pilot).typed == ""
        await press(pilot, "3", "enter")
        assert shown_class(pilot) == 3


async def test_a_number_can_be_typed_over_a_large_image(opened: Open) -> None:
    async with opened(classified(400, classes=200)) as pilot:
        await press(pilot, "enter", "1", "9", "8", "enter")
        assert "image 298" in text(pilot)
        assert gallery(pilot).large
        await press(pilot, "0", "escape")
        assert gallery(pilot).large
        assert shown_class(pilot) == 198


@pytest.mark.parametrize("classes", [11, 200])
async def test_leading_zeros_and_numbers_of_no_class_change_nothing(opened: Open, classes: int) -> None:
    async with opened(classified(400, classes=classes)) as pilot:
        await press(pilot, "0", "0", "7", "enter")
        assert shown_class(pilot) == 7
        await press(pilot, *str(classes), "enter")
        assert shown_class(pilot) == int(str(classes)[:-1])


# -- large images ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "view", "autoencoder", "scale"),
    [
        (LARGE, classified(), True, 1),
        (LARGE, classified(), False, 2),
        (LARGE, reconstructed(), True, 2),
        ((200, 60), classified(), True, 2),
        ((200, 60), classified(), False, 3),
        ((200, 60), reconstructed(), True, 3),
        ((250, 70), reconstructed(), True, 4),
    ],
)
async def test_a_large_image_is_drawn_larger_where_there_is_room(
    opened: Open, size: tuple[int, int], view: PredictionsView, autoencoder: bool, scale: int
) -> None:
    async with opened(view, size, autoencoder=autoencoder) as pilot:
        await press(pilot, "enter")
        pictures = [name for name in ("#original", "#reconstruction") if autoencoder or name == "#original"]
        for name in pictures:
            drawn = pilot.app.screen.query_one(name)
            assert drawn.content_size == (28 * scale, 14 * scale)
            assert drawn.region.right <= size[0]
            assert drawn.region.bottom <= size[1] - 1
        assert ("drawn" in text(pilot)) is (scale > 1)
        assert scale == 1 or f"28×28 pixels, drawn {scale}× as large" in text(pilot)
        if view.kind == "classifier":
            bars = pilot.app.screen.query_one("#bars").region
            assert bars.width >= 30
            assert bars.right <= size[0]
