"""The look inside a model: an image layer by layer, what maps look for, and why a classifier answers as it does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import torch
from textual.pilot import Pilot
from textual.widgets import Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.looking import LAYER_CAM, OCCLUSION, Looking, WhyView
from cae_tui.bridge.values import Picture
from cae_tui.messages import LookInside, TryModel
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.inside import InsideScreen
from cae_tui.screens.try_out import TryScreen
from cae_tui.widgets.layer_list import LayerList
from cae_tui.widgets.map_sheet import MapSheet, UnitBars
from cae_tui.widgets.why_pane import WhyPane, why_words
from engine import preparation
from engine.errors import DatasetError, RunError
from engine.evaluation.model import load_model
from engine.preparation import images_of
from engine.runs.directory import Home, RunDirectory
from tests.cae_tui.conftest import on_top, told, until
from tests.engine.conftest import autoencoder as autoencoder
from tests.engine.conftest import classifier as classifier
from tests.engine.conftest import files as files
from tests.engine.conftest import own_home as own_home
from tests.engine.conftest import trained_home as trained_home

Trained = tuple[RunDirectory, Any, Any]
THREADS = torch.get_num_threads()


@asynccontextmanager
async def looked(
    home: Home, asked: LookInside, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[InsideScreen, Pilot[None]]]:
    app = CaeApp(home)
    async with app.run_test(size=size) as pilot:
        app.post_message(asked)
        await until(pilot, on_top(app, InsideScreen))
        page = app.screen
        assert isinstance(page, InsideScreen)
        await settled(page, pilot)
        yield page, pilot


async def settled(page: InsideScreen, pilot: Pilot[None]) -> None:
    """Until all that was asked for is shown."""
    await pilot.pause()

    def done() -> bool:
        return not [worker for worker in page.workers if worker.node is page and not worker.is_finished]

    await until(pilot, lambda: done() and bool(page.shown))
    await pilot.pause()


async def press(page: InsideScreen, pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settled(page, pilot)


def caption(page: InsideScreen) -> str:
    return str(page.query_one("#caption", Static).render())


def names(page: InsideScreen) -> list[str]:
    return [entry.name.split("/")[0].split("×")[0].strip() for entry in page.query_one(LayerList).entries]


async def test_the_arrows_lead_through_the_layers_of_a_classifier(own_home: Home, classifier: Trained) -> None:
    run = classifier[0]
    async with looked(own_home, LookInside(run.id, ((3, None), (5, None)))) as (page, pilot):
        assert names(page) == [
            "why", "image", "kernels", "conv 1", "conv 2", "conv 3", "fc 1", "classes",
        ]  # fmt: skip
        sheet = page.query_one(MapSheet)
        assert page.shown == "image"
        assert [words for _, words in sheet.tiles] == ["original", "rebuilt", "difference"]
        assert "grey levels" in caption(page)
        await press(page, pilot, "down")
        assert (len(sheet.tiles), sheet.tiles[0][0].height) == (8, 3)
        order = [words for _, words in sheet.tiles]
        await press(page, pilot, "down")
        assert sheet.tiles[0][1] == "all maps"
        assert [words.split()[0] for _, words in sheet.tiles[1:]] == order  # kernels are in the order of the maps
        means = [float(words.split()[1]) for _, words in sheet.tiles[1:]]
        assert means == sorted(means, reverse=True)
        assert "8 maps of 14×14" in caption(page)
        assert "A point sees 3×3 pixels" in caption(page)
        await press(page, pilot, "down", "down")
        assert "The latent: 392 numbers." in caption(page)
        await press(page, pilot, "down")
        bars = page.query_one(UnitBars)
        assert bars.display
        assert not sheet.display
        assert len(bars.units) == 16
        await press(page, pilot, "down")
        model = load_model(own_home, run.id)
        image = images_of(run)[0].test
        assert image is not None
        answer = int(model.probabilities(image.take(np.array([3])))[0].argmax())
        assert bars.units[0][0] == str(answer)
        await press(page, pilot, "right")
        assert (page.at, page.shown) == (1, "classes")  # another image, the same layer
        assert "image 5" in str(page.query_one("#about", Static).render())
        assert torch.get_num_threads() == THREADS


async def test_t_shows_what_maps_look_for_in_training_images_and_the_maps_again(
    own_home: Home, autoencoder: Trained
) -> None:
    async with looked(own_home, LookInside(autoencoder[0].id, ((0, None),))) as (page, pilot):
        assert names(page)[:3] == ["image", "kernels", "conv 1"]
        assert names(page)[-1] == "conv 6"  # the decoder's too
        await press(page, pilot, "down", "down")
        maps = page.query_one(MapSheet).tiles
        await press(page, pilot, "t")
        patches = page.query_one(MapSheet).tiles
        assert [words for _, words in patches] == [words.split()[0] for _, words in maps[1:]]
        assert patches[0][0].height == 2 * 3 + 1
        assert "what they have in common" in caption(page)
        await press(page, pilot, "t")
        assert page.query_one(MapSheet).tiles == maps
        await press(page, pilot, "end", "t")  # a decoder's layers see no part of an image
        assert "1 map of 28×28" in caption(page)
        assert not page.check_action("patches", ())
        assert not page.check_action("why", ())


async def test_what_has_no_room_is_on_pages_and_z_zooms(own_home: Home, autoencoder: Trained) -> None:
    async with looked(own_home, LookInside(autoencoder[0].id, ((0, None),)), (80, 24)) as (page, pilot):
        await press(page, pilot, "down", "down")
        sheet = page.query_one(MapSheet)
        first = sheet.capacity
        assert 3 < first < len(sheet.tiles)
        assert page.query_one("#shown").border_subtitle == f"1–{first} of 9 · n p"
        await press(page, pilot, "pagedown")
        assert sheet.first == first
        await press(page, pilot, "left_square_bracket")
        assert sheet.first == 0
        await press(page, pilot, "z")
        assert sheet.capacity < first
        lines = ["".join(segment.text for segment in sheet.render_line(y)) for y in range(sheet.size.height)]
        assert "all maps" in "\n".join(lines)
        assert max(map(len, lines)) == sheet.size.width


async def test_why_tells_what_the_answer_hangs_on_and_the_nearest_of_two_classes(
    own_home: Home, classifier: Trained
) -> None:
    data, training, _ = images_of(classifier[0])
    assert data.test is not None
    assert data.test.labels is not None
    model = load_model(own_home, classifier[0].id)
    predicted = model.probabilities(data.test.images).argmax(1)
    wrong = int((predicted != data.test.labels).argmax())
    true = int(data.test.labels[wrong])
    asked = LookInside(classifier[0].id, ((wrong, true),), why=True)
    async with looked(own_home, asked) as (page, pilot):
        pane = page.query_one(WhyPane)
        assert page.shown == "why"
        assert pane.display
        view = pane.view
        assert view is not None
        assert (view.way, view.label) == (OCCLUSION, predicted[wrong])
        assert pane.labels == (true, predicted[wrong])
        for label in pane.labels:
            found = pane.near[label].pictures
            assert len(found) == 3
            rows = [row for row in training if data.train.labels is not None and data.train.labels[row] == label]
            own = data.train.take(np.array(rows))
            far = np.linalg.norm(model.latent(own) - model.latent(data.test.take(np.array([wrong]))), axis=1)
            assert [distance for _, distance in found] == pytest.approx(sorted(far)[:3], rel=1e-3)
            assert found[0][0].pixels == own[int(far.argmin())].tobytes()
        before = view.over
        await press(page, pilot, "m")
        assert pane.view is not None
        assert pane.view.way == LAYER_CAM
        assert pane.view.over != before
        assert "LayerCAM" in caption(page)
        await press(page, pilot, "m", "c")
        assert (pane.view.way, pane.view.label) == (OCCLUSION, true)
        await press(page, pilot, "c")
        assert pane.view.label == predicted[wrong]


def seen(**values: Any) -> WhyView:
    picture = Picture(4, 4, 1, bytes(16))
    own: dict[str, Any] = {
        "way": OCCLUSION, "label": 0, "predicted": 0, "probabilities": (0.9, 0.1), "over": picture, "map": picture,
        "falls": 0.4, "rises": 0.0, "layer": "", "hidden": (2, 3, 1, 2), "without": 0.3, "then": 1,
    }  # fmt: skip
    return WhyView(**{**own, **values})


def test_the_sentence_says_which_square_matters_or_that_none_does() -> None:
    words = why_words(seen(), ("cat", "dog"), colours=True)
    assert "rows 2–3, columns 1–2. With these hidden cat has 30.0 % in place of 90.0 %, and dog is predicted." in words
    assert "Orange speaks for cat: by up to 40.0 points a pixel, the mean of all squares that it is in." in words
    words = why_words(seen(without=0.895, then=0, rises=0.2), (), colours=False)
    assert "No square of 2×2 pixels decides: with any of them hidden class 0 keeps 89.5 % at least." in words
    assert "White in the second picture speaks for class 0, black against it: by up to 40.0 points a pixel" in words


async def test_without_colours_the_map_is_a_picture_of_its_own(
    own_home: Home, classifier: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with looked(own_home, LookInside(classifier[0].id, ((0, 7),), why=True)) as (page, _pilot):
        assert page.query_one("#map").display
        assert "second picture" in caption(page)


async def test_sample_predictions_lead_inside_and_back(own_home: Home, classifier: Trained) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        gallery = GalleryScreen(classifier[0].id)
        await app.push_screen(gallery)
        await until(pilot, lambda: bool(gallery.found))
        await pilot.press("right", "y")
        await until(pilot, on_top(app, InsideScreen))
        page = app.screen
        assert isinstance(page, InsideScreen)
        await settled(page, pilot)
        assert (page.shown, page.at, len(page.images)) == ("why", 1, len(gallery.found))
        await pilot.press("escape")
        await until(pilot, on_top(app, GalleryScreen))
        await pilot.press("enter", "l")
        await until(pilot, on_top(app, InsideScreen))
        assert isinstance(app.screen, InsideScreen)
        await settled(app.screen, pilot)
        assert app.screen.shown == "image"


async def test_what_is_drawn_can_be_looked_at_from_inside(own_home: Home, classifier: Trained) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(TryModel(classifier[0].id))
        await until(pilot, lambda: isinstance(app.screen, TryScreen) and app.screen.ready)
        trying = app.screen
        assert isinstance(trying, TryScreen)
        assert not trying.check_action("look", (False,))  # nothing is drawn
        await pilot.press("space", *["down"] * 6)
        await until(pilot, lambda: trying.answered == trying.drawn and bool(trying.view and not trying.view.blank))
        await pilot.press("l")
        await until(pilot, on_top(app, InsideScreen))
        page = app.screen
        assert isinstance(page, InsideScreen)
        await settled(page, pilot)
        assert trying.view is not None
        assert page.query_one(MapSheet).tiles[0][0] == trying.view.seen


async def test_the_words_of_what_was_given_up_are_gone_with_it(
    own_home: Home, classifier: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()

    async def why(self: Looking, way: str, label: int | None) -> WhyView:
        await never.wait()
        raise AssertionError

    monkeypatch.setattr(Looking, "why", why)
    async with looked(own_home, LookInside(classifier[0].id, ((0, None),))) as (page, pilot):
        await pilot.press("y")
        await until(pilot, lambda: "Hiding one square after another" in caption(page))
        await press(page, pilot, "down")
        page._tell_progress()
        assert "grey levels" in caption(page)
        await pilot.press("up")
        await until(pilot, lambda: "Hiding one square after another" in caption(page))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(page.app.screen, InsideScreen))


async def test_what_was_left_or_asked_anew_is_given_up(own_home: Home, classifier: Trained) -> None:
    looking = Looking(own_home, classifier[0].id)
    await looking.look(0)
    begun, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(heard: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            while True:
                heard(1, 2)
        finally:
            loop.call_soon_threadsafe(ended.set)

    task = asyncio.create_task(looking._in(looking._answers, work))
    await begun.wait()
    task.cancel()
    await ended.wait()
    assert (await looking.why(OCCLUSION, None)).probabilities  # the thread is free for what comes next
    begun.clear()
    ended.clear()
    task = asyncio.create_task(looking._in(looking._answers, work))
    await begun.wait()
    looking.close()
    await ended.wait()
    with pytest.raises(RunError, match="given up"):
        await task


async def test_a_model_and_predictions_that_are_gone_are_told(
    own_home: Home, classifier: Trained, autoencoder: Trained
) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        own_home.find(autoencoder[0].id).model.unlink()
        for best in (own_home.find(autoencoder[0].id).path / "best").glob("*"):
            best.unlink()
        app.post_message(LookInside(autoencoder[0].id, ((0, None),)))
        await until(pilot, lambda: told(app) != [])
        own_home.find(classifier[0].id).predictions.unlink()
        app.post_message(LookInside(classifier[0].id, ((0, None),)))
        await until(pilot, on_top(app, InsideScreen))
        page = app.screen
        assert isinstance(page, InsideScreen)
        about = page.query_one("#about", Static)
        await until(pilot, lambda: "are gone: restore the file" in str(about.render()))
        assert not page.query_one("#panes").display


async def test_without_the_training_images_all_is_told_but_what_needs_them(
    own_home: Home, classifier: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(run: RunDirectory) -> Any:
        raise DatasetError("/data/images is gone: name it again.", "images")

    monkeypatch.setattr(preparation, "images_of", gone)
    drawn = Picture(28, 28, 1, bytes(range(196)) * 4)
    async with looked(own_home, LookInside(classifier[0].id, picture=drawn, why=True)) as (page, pilot):
        assert "the picture that was tried" in str(page.query_one("#about", Static).render())
        pane = page.query_one(WhyPane)
        assert pane.view is not None
        assert pane.note == "/data/images is gone: name it again."
        await press(page, pilot, "down", "down", "down", "t")
        assert caption(page) == "/data/images is gone: name it again."
        await press(page, pilot, "t")
        assert "8 maps of 14×14" in caption(page)
