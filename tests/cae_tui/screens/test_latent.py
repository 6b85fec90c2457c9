"""The latent space of a run: a map, what is under the cursor, decodings, numbers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.latent import Latent
from cae_tui.bridge.latent_numbers import NumbersView
from cae_tui.bridge.latent_values import LatentRun, Looked, MapView, Marked, Slider
from cae_tui.bridge.values import Picture
from cae_tui.messages import OpenLatent
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.inside import InsideScreen
from cae_tui.screens.latent import LatentScreen
from cae_tui.screens.open_dialog import OpenScreen
from cae_tui.widgets.answer import PictureRow
from cae_tui.widgets.sliders import SliderRows
from engine.errors import DatasetError, RunError
from engine.runs.directory import Home, RunDirectory
from tests.cae_tui.conftest import CLASSIFIER, MakeApp, on_top, told, until
from tests.cae_tui.script import scripted_events, write_run
from tests.engine.conftest import autoencoder as autoencoder
from tests.engine.conftest import classifier as classifier
from tests.engine.conftest import files as files
from tests.engine.conftest import own_home as own_home
from tests.engine.conftest import trained_home as trained_home
from tests.pictures import picture, write_folder
from tests.shapes import train_shapes

NAMES = tuple(map(str, range(10)))
RUN = LatentRun(
    parts=(("test", 40), ("validation", 12)), numbers=16, decodes=True, borrowed=False, tsne_missing="",
)  # fmt: skip
GREY = Picture(28, 28, 1, bytes(784))


def view_of(count: int = 40, *, labels: bool = True, errors: bool = True, of: str = "test") -> MapView:
    """Points in a row of columns; every tenth 4 is taken for a 9."""
    plane = np.stack([np.arange(count) % 8, np.arange(count) // 8], 1).astype(np.float32)
    true = np.arange(count) % 10
    taken = np.where(np.arange(count) % 20 == 4, 9, true)
    return MapView(
        of=of, class_names=NAMES if labels else (), plane=plane,
        shares=(0.3, 0.2), labels=true if labels else None, predicted=taken if labels else None,
        by="by the 5 nearest" if labels else "", errors=np.linspace(0, 1, count).astype(np.float32) if errors else None,
        confused=((4, 9, 2),) if labels else (),
    )  # fmt: skip


class Scripted(Latent):
    """Answers at once, and keeps what it was asked."""

    def __init__(self, run: LatentRun = RUN, view: MapView | None = None, error: Exception | None = None) -> None:
        self.run, self.given, self.error = run, view, error
        self.asked: list[tuple[Any, ...]] = []
        self.progress, self.growing = dict.fromkeys(("map", "t-SNE", "numbers", "neighbours"), (1, 4)), None
        self.wait = asyncio.Event()
        self.wait.set()
        self.closed = False
        self.first = False  # whether the map is there at once

    def close(self) -> None:
        self.closed = True

    async def open(self) -> LatentRun:
        if self.error is not None:
            raise self.error
        return self.run

    async def own(self, path: str) -> tuple[LatentRun, MapView, str]:
        self.asked.append(("own", path))
        await self.wait.wait()
        if "nothing" in path:
            raise DatasetError("nothing does not exist: check the path.")
        self.run = replace(self.run, parts=tuple({**dict(self.run.parts), "own": 6}.items()))
        return self.run, view_of(6, of="own"), "1 picture left out: bad.png is cut short."

    async def map(self, of: str) -> MapView:
        if not self.first:
            await self.wait.wait()
        return self.given or view_of(dict(self.run.parts)[of], of=of)

    async def neighbours(self, of: str) -> MapView:
        await self.wait.wait()
        return view_of(dict(self.run.parts)[of], of=of)

    async def tsne(self, of: str) -> Any:
        self.asked.append(("tsne", of))
        await self.wait.wait()
        return view_of().plane[:, ::-1].copy()

    async def look(self, of: str, place: int) -> Looked:
        near = tuple((GREY, None if self.given is not None and self.given.labels is None else 9, 1.5) for _ in range(5))
        label = None if self.given is not None and self.given.labels is None else place % 10
        name = f"{of.capitalize()} image {1000 + place:,}"
        return Looked(place=place, name=name, label=label, picture=GREY, reconstruction=GREY, nearest=near)

    async def between(self, of: str, first: Marked, last: Marked, count: int) -> tuple[Picture, ...]:
        self.asked.append(("between", first, last, count))
        return (GREY,) * count

    async def sliders(self, of: str, place: int) -> tuple[tuple[Slider, ...], Picture]:
        names = ("direction 1", "direction 2", "number 1")
        return tuple(Slider(name=name, start=0.5) for name in names), GREY

    async def moved(self, by: Any) -> Picture:
        self.asked.append(("moved", *by))
        await self.wait.wait()
        return GREY

    async def numbers(self, of: str) -> NumbersView:
        await self.wait.wait()
        return NumbersView(("", "latent"), (("silhouette", "0.101"),), ("Measured on 12 images.",))


Opened = Callable[..., AbstractAsyncContextManager[tuple[LatentScreen, Pilot[None]]]]


@pytest.fixture
def opened(make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The page on a scripted latent space."""

    @asynccontextmanager
    async def open_page(
        script: Scripted | None = None, size: tuple[int, int] = (120, 40)
    ) -> AsyncIterator[tuple[LatentScreen, Pilot[None]]]:
        write_run(home, scripted_events())
        app, latent = make_app(), script or Scripted()
        monkeypatch.setattr(app.runner, "latent", lambda run: latent)
        async with app.run_test(size=size) as pilot:
            page = LatentScreen(CLASSIFIER)
            await app.push_screen(page)
            await until(pilot, lambda: page.looked is not None or latent.error is not None)
            await pilot.pause()
            yield page, pilot

    return open_page


def frame(page: LatentScreen, name: str = "#map") -> str:
    card = page.query_one(name)
    return f"{card.border_title} | {card.border_subtitle}"


def words(page: LatentScreen, name: str = "#words") -> str:
    return str(page.query_one(name, Static).render())


async def pick(page: LatentScreen, pilot: Pilot[None], key: str = "right") -> None:
    """Go to a point, and wait for its image."""
    await pilot.press(key)
    await until(pilot, lambda: page.looked is not None and page.looked.place == page.scatter.cursor)
    await pilot.pause()


async def test_the_map_says_what_it_shows_and_begins_with_an_image(opened: Opened) -> None:
    async with opened() as (page, _):
        assert frame(page) == "PCA of 40 test images | 50 % of the variance"
        assert words(page).startswith("Class ")  # of an image in the middle
        assert words(page, "#legend").split() == list(NAMES)


async def test_the_legend_has_the_colours_of_the_theme(opened: Opened) -> None:
    async with opened() as (page, pilot):

        def colours() -> set[str]:
            legend = page.query_one("#legend", Static)
            return {str(segment.style.color) for line in legend.render_lines(legend.region) for segment in line
                    if segment.style and segment.text.strip()}  # fmt: skip

        before = colours()
        pilot.app.theme = "cae-light"
        await until(pilot, lambda: len(colours() & before) < 5)


async def test_the_image_under_the_cursor_is_shown_with_its_neighbours(opened: Opened) -> None:
    async with opened() as (page, pilot):
        before = page.scatter.cursor
        await pick(page, pilot)
        place = page.scatter.cursor
        assert place != before
        assert frame(page, "#image").startswith(f"Test image {1000 + place:,}")
        assert f"Class {place % 10}" in words(page)
        assert "by the 5 nearest" in words(page)
        assert "error 0." in words(page)
        assert [caption for _, caption in page.query_one("#near-first", PictureRow).pictures] == ["9 1.5"] * 3
        assert len(page.query_one("#near-last", PictureRow).pictures) == 2
        await pilot.press("r")
        assert page.query_one("#picture", PictureRow).pictures[0][1] == "reconstruction"


async def test_confused_pairs_wrong_ones_classes_and_errors_are_filters(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("x")
        assert "4 and 9 taken for each other by the 5 nearest · 2 (a all)" in frame(page)
        assert page.scatter.cursor == 4
        await pilot.press("x")
        assert page.scatter.shown is None
        await pilot.press("w")
        assert "wrong by the 5 nearest · 2" in frame(page)
        await pilot.press("a", "c", "c")
        assert "class 1 · 4" in frame(page)
        await pilot.press("C", "e")
        assert "class 0 · the tenth rebuilt worst · 0" in frame(page)
        await pilot.press("a", "e", "e")
        assert "rebuilt best · 4" in frame(page)
        assert page.scatter.cursor < 4


async def test_what_neighbours_say_comes_after_the_map(opened: Opened) -> None:
    script = Scripted(view=replace(view_of(), predicted=None, by="", confused=()))
    script.wait.clear()
    script.first = True
    async with opened(script) as (page, pilot):
        await until(pilot, lambda: "finding neighbours 25 %" in frame(page))
        await pilot.press("x")
        assert "still being found: 25 %" in told(pilot.app)[-1]  # type: ignore[arg-type]  # it is ours
        script.wait.set()
        await until(pilot, lambda: page.view is not None and page.view.predicted is not None)
        await pilot.press("x")
        assert "4 and 9 taken for each other" in frame(page)


async def test_two_marks_are_joined_by_decodings_and_a_mean_can_be_one(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        first = page.scatter.cursor
        await pilot.press("m")
        await pick(page, pilot)
        await pilot.press("m")
        await until(pilot, lambda: bool(page.query_one("#row", PictureRow).pictures))
        assert script.asked[-1] == ("between", ("image", first), ("image", page.scatter.cursor), 7)
        captions = [caption for _, caption in page.query_one("#row", PictureRow).pictures]
        assert captions == ["A", "17 %", "33 %", "50 %", "67 %", "83 %", "B"]
        await pilot.press("M")
        label = page.scatter.cursor % 10
        await until(pilot, lambda: script.asked[-1][2] == ("mean", label))
        await until(pilot, lambda: f"the mean of class {label}" in frame(page, "#between"))
        await pilot.press("u")
        assert not page.query_one("#between").display


async def test_sliders_are_decoded_the_latest_only_and_reset(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        await pick(page, pilot)
        await pilot.press("s")
        rows = page.query_one(SliderRows)
        await until(pilot, lambda: rows.has_focus)
        script.wait.clear()
        await pilot.press(*["right"] * 6)
        await until(pilot, lambda: bool(script.asked))
        script.wait.set()
        await until(pilot, lambda: script.asked[-1] == ("moved", 1.5, 0, 0))
        assert len(script.asked) <= 3
        await pilot.press("down", *["left"] * 2)
        await until(pilot, lambda: script.asked[-1] == ("moved", 1.5, -0.5, 0))
        assert "+2.00" in str(rows.render())
        await pilot.press("0")
        await until(pilot, lambda: script.asked[-1] == ("moved", 0, 0, 0))
        await pilot.press("escape")
        assert page.scatter.has_focus


async def test_numbers_are_measured_in_the_background_and_given_up_by_escape(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        script.wait.clear()
        await pilot.press("n")
        await until(pilot, lambda: "Measuring the latent… 25 %" in words(page, "#numbers"))
        await pilot.press("escape")
        assert not page.query_one("#side-numbers").display
        assert page.scatter.has_focus
        script.wait.set()
        await pilot.press("n")
        await until(pilot, lambda: "silhouette   0.101" in words(page, "#numbers"))
        assert "Measured on 12 images." in words(page, "#numbers")


async def test_tsne_is_made_on_a_key_shows_how_far_it_is_and_ends_by_escape(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        script.wait.clear()
        await pilot.press("t")
        await until(pilot, lambda: "Making t-SNE… 25 %" in frame(page))
        await pilot.press("escape")
        await until(pilot, lambda: not page.busy)
        assert frame(page).startswith("PCA")
        script.wait.set()
        await pilot.press("t")
        await until(pilot, lambda: frame(page).startswith("t-SNE of 40"))
        await pilot.press("t")
        assert frame(page).startswith("PCA")
        await pilot.press("t")  # it is there
        assert frame(page).startswith("t-SNE of 40")
        assert script.asked == [("tsne", "test")] * 2


async def test_another_part_is_encoded_and_shown(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("x", "p")
        await until(pilot, lambda: page.view is not None and page.view.of == "validation")
        assert frame(page).startswith("PCA of 12 validation images")
        assert page.scatter.shown is None


async def test_images_of_ones_own_are_mapped_and_escape_leaves_the_map_as_it_was(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        app: CaeApp = pilot.app  # type: ignore[assignment]  # it is ours
        script.wait.clear()
        page.post_message(events.Paste("/scans\n"))
        await until(pilot, lambda: "Reading and encoding your images… 25 % (Esc gives up)" in words(page, "#waiting"))
        await pilot.press("escape")
        await until(pilot, lambda: page.coming is None)
        assert not page.query_one("#waiting").display
        assert frame(page).startswith("PCA of 40 test images")
        script.wait.set()
        page.post_message(events.Paste("/nothing"))
        await until(pilot, lambda: told(app)[-1:] == ["nothing does not exist: check the path."])
        page.post_message(events.Paste("/scans"))
        await until(pilot, lambda: frame(page).startswith("PCA of 6 images of your own"))
        assert told(app)[-1] == "1 picture left out: bad.png is cut short."
        await pilot.press("p")
        await until(pilot, lambda: frame(page).startswith("PCA of 40 test images"))
        await pilot.press("o")
        await until(pilot, on_top(app, OpenScreen))


async def test_keys_meanwhile_are_of_the_images_that_are_shown(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        script.wait.clear()
        await pilot.press("p")
        await until(pilot, lambda: "Encoding the validation images… 25 %" in words(page, "#waiting"))
        await pick(page, pilot)
        assert frame(page, "#image").startswith("Test image")
        script.wait.set()
        await until(pilot, lambda: frame(page).startswith("PCA of 12 validation images"))


async def test_what_there_is_not_is_said(opened: Opened) -> None:
    run = LatentRun(parts=(("validation", 40),), numbers=16, decodes=False, borrowed=True, tsne_missing="No t-SNE.")
    async with opened(Scripted(run, view_of(labels=False, errors=False))) as (page, pilot):
        await pick(page, pilot)
        assert page.query_one("#near-first", PictureRow).pictures[0][1] == "1.5"
        expected = {
            "x": "no classes", "w": "no classes", "c": "no classes", "e": "rebuilds no images", "m": "no decoder",
            "s": "no decoder", "r": "no decoder", "t": "No t-SNE.", "p": "has validation images alone",
        }  # fmt: skip
        for key, sentence in expected.items():
            await pilot.press(key)
            assert sentence in told(pilot.app)[-1], key  # type: ignore[arg-type]  # it is ours


async def test_an_error_is_told_and_who_leaves_ends_what_is_under_way(opened: Opened) -> None:
    script = Scripted(error=RunError("Its model file is damaged: train it again."))
    async with opened(script) as (page, pilot):
        assert "Its model file is damaged" in words(page, "#waiting")
        await pilot.press("x", "m", "s", "n", "t", "right", "plus", "escape")
        await until(pilot, on_top(pilot.app, HomeScreen))  # type: ignore[arg-type]  # it is ours
    assert script.closed


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_at_every_size_all_of_it_is_on_the_screen(opened: Opened, size: tuple[int, int]) -> None:
    async with opened(size=size) as (page, pilot):
        await pick(page, pilot)
        await pilot.press("m")
        await pick(page, pilot)
        await pilot.press("m")
        await until(pilot, lambda: bool(page.query_one("#row", PictureRow).pictures))
        room = page.query_one("#page").region
        for name in ("#map", "#image", "#near", "#between"):
            assert room.contains_region(page.query_one(name).region), name
            assert page.query_one(name).region.height >= 3, name
        assert page.scatter.size.height >= 6


# -- with a model ---------------------------------------------------------------------------------

Trained = tuple[RunDirectory, Any, Any]


async def real_page(app: CaeApp, pilot: Pilot[None], run: str) -> LatentScreen:
    app.post_message(OpenLatent(run))
    await until(pilot, lambda: isinstance(app.screen, LatentScreen) and app.screen.view is not None)
    assert isinstance(app.screen, LatentScreen)
    return app.screen


async def test_a_classifier_is_mapped_by_its_own_encoder_and_decoded_by_its_autoencoders(
    own_home: Home, classifier: Trained
) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        assert page.view is not None
        assert (page.view.by, page.view.of, len(page.view.plane)) == ("by the classifier", "test", 200)
        await pick(page, pilot)
        await pilot.press("M")
        row = page.query_one("#row", PictureRow)
        await until(pilot, lambda: bool(row.pictures))
        assert "by the autoencoder it was built on" in frame(page, "#between")
        assert page.looked is not None
        from engine.evaluation.model import load_model

        model = load_model(own_home, classifier[0].id).encoder
        assert model is not None
        pixels = np.frombuffer(page.looked.picture.pixels, np.uint8).reshape(1, 28, 28, 1)
        rebuilt = model.reconstruct(pixels)
        # The first of the row is the image's own latent, decoded: its reconstruction.
        first = np.frombuffer(row.pictures[0][0].pixels, np.uint8).reshape(1, 28, 28, 1)
        assert np.abs(first.astype(int) - rebuilt.astype(int)).max() <= 1
        await pilot.press("s")
        rows = page.query_one(SliderRows)
        await until(pilot, lambda: bool(rows.sliders))
        decoded = page.query_one("#decoded", PictureRow)
        before = decoded.pictures[0][0]
        assert np.abs(np.frombuffer(before.pixels, np.uint8).astype(int) - rebuilt.ravel().astype(int)).max() <= 1
        await until(pilot, lambda: rows.has_focus)
        await pilot.press("right", "right", "right", "right")
        await until(pilot, lambda: decoded.pictures[0][0] != before)
        await pilot.press("0")
        await until(pilot, lambda: decoded.pictures[0][0] == before)
    assert (own_home.find(classifier[0].id).path / "latent" / "test.npz").exists()


async def test_a_folder_of_ones_own_is_mapped_with_the_names_of_its_classes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home, ids, _ = train_shapes(tmp_path_factory.mktemp("shapes"))
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, ids["autoencoder"])
        await pick(page, pilot)
        assert "bar" in words(page, "#legend")
        assert words(page).split()[0] in ("bar", "dot")
        await pilot.press("n")
        await until(pilot, lambda: "silhouette" in words(page, "#numbers"))


async def test_pictures_of_ones_own_are_seen_as_the_model_answers_on_them(
    own_home: Home, classifier: Trained, tmp_path: Path
) -> None:
    from engine.evaluation.given import given_images, made_ready
    from engine.evaluation.model import load_model

    files = {f"{name}/{shade}.png": picture(shade, (28, 28)) for name in ("3", "seven") for shade in range(4)}
    folder = write_folder(tmp_path / "scans", {**files, "3/bad.png": b"no picture"})
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        page.post_message(events.Paste(str(folder)))
        await until(pilot, lambda: frame(page).startswith("PCA of 8 images of your own") and page.looked is not None)
        assert told(app)[-1].startswith("1 picture left out: bad.png ")
        assert told(app)[-1].endswith(" The model does not know 1 class of them (seven): it takes them for others.")
        view, looked = page.view, page.looked
        assert view is not None
        assert looked is not None
        assert view.class_names == (*map(str, range(10)), "seven")
        assert view.labels is not None
        assert view.labels.tolist() == [3] * 4 + [10] * 4
        model = load_model(own_home, classifier[0].id)
        ready = made_ready(model, given_images(model, [str(folder)]))
        assert view.predicted is not None
        assert (view.predicted == model.probabilities(ready.images).argmax(1)).all()
        assert looked.picture.pixels == ready.images[looked.place].tobytes()
        assert looked.name == f"{looked.place % 4}.png"
        assert looked.label == (3 if looked.place < 4 else None)  # the model knows no class “seven”
    assert not (own_home.find(classifier[0].id).path / "latent" / "own.npz").exists()


async def test_pictures_without_classes_are_coloured_by_what_they_are_taken_for(
    own_home: Home, classifier: Trained, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "scans", {f"{shade}.png": picture(shade, (28, 28)) for shade in range(5)})
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        page.post_message(events.Paste(str(folder)))
        await until(pilot, lambda: frame(page).startswith("PCA of 5 images of your own") and page.looked is not None)
        assert page.view is not None
        assert page.view.labels is None
        assert words(page).startswith("taken for ")
        await pilot.press("c")
        assert "class " in frame(page)
        await pilot.press("w")
        assert "no classes" in told(app)[-1]


async def test_keys_lead_from_the_map_into_the_network(own_home: Home, classifier: Trained) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        await pick(page, pilot)
        assert page.view is not None
        assert page.view.labels is not None
        true = int(page.view.labels[page.scatter.cursor])
        for key, why in (("enter", False), ("y", True)):
            await pilot.press(key)
            await until(pilot, on_top(app, InsideScreen))
            inside = app.screen
            assert isinstance(inside, InsideScreen)
            assert (inside.true, inside.wants_why, inside.picture) == (true, why, page.looked and page.looked.picture)
            await until(pilot, lambda: inside.view is not None)  # noqa: B023 - it is waited for at once
            await pilot.press("escape")
            await until(pilot, on_top(app, LatentScreen))


async def test_images_that_cannot_be_mapped_leave_those_before(
    own_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = write_folder(tmp_path / "many", {f"{shade}.png": picture(shade, (28, 28)) for shade in range(8)})
    few = write_folder(tmp_path / "few", {f"{shade}.png": picture(shade, (28, 28)) for shade in range(2)})
    latent = Latent(own_home, autoencoder[0].id)
    try:
        await latent.open()
        await latent.own(str(many))

        def given_up(*_: object) -> None:
            raise RunError("It was given up.")

        with monkeypatch.context() as patch:
            patch.setattr("engine.evaluation.latent_space.latent_space", given_up)
            with pytest.raises(RunError):
                await latent.own(str(few))
        assert (await latent.look("own", 7)).name == "7.png"
        run, view, _ = await latent.own(str(few))
        assert (dict(run.parts)["own"], len(view.plane)) == (2, 2)
        with pytest.raises(RunError):
            await latent.look("own", 7)
        with pytest.raises(RunError):
            await latent.between("own", ("image", 7), ("image", 0), 5)
    finally:
        latent.close()


async def test_a_key_that_comes_at_once_follows_the_image_under_the_cursor(own_home: Home, classifier: Trained) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        await pick(page, pilot)
        await pilot.press("right", "right", "enter")
        place = page.scatter.cursor
        await until(pilot, on_top(app, InsideScreen))
        inside = app.screen
        assert isinstance(inside, InsideScreen)
        assert page._latent is not None
        assert inside.picture == (await page._latent.look(page.part, place)).picture


async def test_a_run_without_a_model_says_why_it_has_no_map(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(OpenLatent(CLASSIFIER))
        await until(pilot, lambda: told(app) != [])
        assert CLASSIFIER in told(app)[0]
        assert isinstance(app.screen, HomeScreen)
