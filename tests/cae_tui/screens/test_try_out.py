"""The page that one draws on: what a model makes of it, live."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.trying import MOVED_OUT, NOTHING, UNIFORM, Asked, Nearest, Tried, TriedModel, Trying
from cae_tui.bridge.values import Picture
from cae_tui.messages import TryModel
from cae_tui.screens import try_out
from cae_tui.screens.home import HomeScreen
from cae_tui.screens.open_dialog import OpenScreen
from cae_tui.screens.try_out import TryScreen
from engine.errors import DatasetError, MovedError, RunError
from engine.runs.directory import Home, RunDirectory
from tests.cae_tui.conftest import CLASSIFIER, MakeApp, on_top, told, until
from tests.cae_tui.script import scripted_events, write_run
from tests.engine.conftest import autoencoder as autoencoder
from tests.engine.conftest import classifier as classifier
from tests.engine.conftest import files as files
from tests.engine.conftest import own_home as own_home
from tests.engine.conftest import trained_home as trained_home

NAMES = tuple(map(str, range(10)))
MODEL = TriedModel(
    run=CLASSIFIER, kind="classifier", shape=(28, 28, 1), class_names=NAMES, light_on_dark=True, centres=True,
    unsure_below=0.9, rebuilds=True,
)  # fmt: skip


class Scripted(Trying):
    """Answers at once: the class is the number of bright pixels, modulo ten; each question is kept."""

    def __init__(
        self, model: TriedModel = MODEL, error: Exception | None = None, moved: Exception | None = None
    ) -> None:
        self.model, self.error, self.moved = model, error, moved
        self.asked: list[Asked] = []
        self.wait = asyncio.Event()
        self.wait.set()
        self.progress = (0, 0)
        self.closed = False
        self.neighbours = False
        self.looked = 0  # how often the nearest were looked for
        self.latest: Picture | None = None

    def close(self) -> None:
        self.closed = True

    async def open(self) -> TriedModel:
        if self.error is not None:
            raise self.error
        return self.model

    async def answer(self, asked: Asked) -> Tried:
        self.asked.append(asked)
        await self.wait.wait()
        blank = max(asked.picture.pixels) == min(asked.picture.pixels)
        if blank:
            return Tried(changed=asked.picture, seen=asked.picture, blank=NOTHING)
        label = sum(value > 128 for value in asked.picture.pixels) % 10
        shares = tuple(0.91 if place == label else 0.01 for place in range(10)) if self.model.class_names else ()
        turned = Picture(28, 28, 1, bytes(reversed(asked.picture.pixels)))
        self.latest = asked.picture
        return Tried(
            changed=turned, seen=turned, probabilities=shares, unsure=label > 4, unlike=label > 4,
            reconstruction=turned if self.model.rebuilds else None, error=0.0012 if self.model.rebuilds else None,
        )  # fmt: skip

    async def nearest(self) -> Nearest:
        self.looked += 1
        if not self.neighbours or self.latest is None:
            return Nearest()
        return Nearest(pictures=tuple((self.latest, NAMES[place]) for place in range(3)), nearer_than=0.25)

    async def read_neighbours(self) -> None:
        if self.moved is not None:
            raise self.moved
        self.neighbours = True

    async def read(self, path: str, *, centred: bool) -> tuple[Picture, str]:
        if "missing" in path:
            raise DatasetError(f"{path} does not exist: check the path.")
        return Picture(28, 28, 1, bytes([7]) * 400 + bytes([250]) * 384), "x.png, dark and light exchanged"


Opened = Callable[..., AbstractAsyncContextManager[tuple[TryScreen, Pilot[None]]]]


@pytest.fixture
def opened(make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The page on a scripted model."""

    @asynccontextmanager
    async def open_page(
        script: Scripted | None = None, size: tuple[int, int] = (120, 40)
    ) -> AsyncIterator[tuple[TryScreen, Pilot[None]]]:
        write_run(home, scripted_events())
        app, trying = make_app(), script or Scripted()
        monkeypatch.setattr(app.runner, "trying", lambda run: trying)
        async with app.run_test(size=size) as pilot:
            page = TryScreen(CLASSIFIER)
            await app.push_screen(page)
            await until(pilot, lambda: page.ready or trying.error is not None)
            await settled(page, pilot)
            yield page, pilot

    return open_page


async def settled(page: TryScreen, pilot: Pilot[None]) -> None:
    """Until the model has answered on what is drawn now, and that is shown."""
    await pilot.pause()  # what was drawn is told to the page by a message
    await until(pilot, lambda: page.answered == page.drawn and not page.asking)
    await until(pilot, lambda: page.near == page.answered or not page.ready)
    await pilot.pause()


def shown(page: TryScreen, name: str) -> str:
    """The text of a widget, line by line."""
    widget = page.query_one(name)
    return "\n".join(widget.render_line(y).text for y in range(widget.size.height))


def how(page: TryScreen) -> str:
    return str(page.query_one("#how", Static).render())


async def test_an_empty_canvas_says_so_and_names_no_class(opened: Opened) -> None:
    async with opened() as (page, _pilot):
        assert shown(page, "AnswerBars").startswith("Nothing is drawn yet.")
        assert "%" not in shown(page, "AnswerBars")
        assert "Nothing is drawn yet." in shown(page, "#pair")
        assert "arrows move the pen, space puts it down" in how(page)


async def test_what_is_drawn_is_answered_by_bars_pictures_and_neighbours(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("space", *["right"] * 6, *["down"] * 6)
        await settled(page, pilot)
        view = page.view
        assert view is not None
        label = view.probabilities.index(max(view.probabilities))
        bars = shown(page, "AnswerBars").splitlines()
        assert bars[0].startswith(f"Class {label}, 91.0 %")
        assert bars[1 + label].startswith(f"{label} ▸")
        assert [line[0] for line in bars[1:11]] == list(NAMES)
        assert "error 0.0012" in shown(page, "#pair")
        assert "centred" in shown(page, "#pair")
        assert shown(page, "#neighbours").splitlines()[-1].split() == ["0", "1", "2"]
        assert "25 % of the validation images" in str(page.query_one("#nearest").border_subtitle)


async def test_what_is_doubtful_is_told_in_words(opened: Opened) -> None:
    async with opened() as (page, pilot):
        for _ in range(40):  # until the script answers a class that is doubtful
            await pilot.press("space", "right", "space")
            await settled(page, pilot)
            if page.view is not None and page.view.unsure:
                break
        assert "▲ unsure, unlike training" in shown(page, "AnswerBars")


async def test_while_the_model_is_busy_only_the_latest_is_asked_for(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        script.wait.clear()
        before = len(script.asked)
        await pilot.press("space", *["right"] * 8)
        await until(pilot, lambda: len(script.asked) == before + 1)
        script.wait.set()
        await settled(page, pilot)
        assert len(script.asked) <= before + 3
        assert script.asked[-1].picture == page.canvas.picture


async def test_the_nearest_are_looked_for_when_the_hand_rests_and_not_before(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        before, at_rest = script.looked, try_out.REST_SECONDS
        monkeypatch.setattr(try_out, "REST_SECONDS", 3600)  # no rest is so long
        await pilot.press("space", *["right"] * 4)
        await until(pilot, lambda: page.answered == page.drawn and "error 0.0012" in shown(page, "#pair"))
        assert script.looked == before
        script.wait.clear()
        await pilot.press("down")  # and the model has not answered on this yet
        await until(pilot, lambda: page.asking)
        page.look_near()
        await pilot.pause()
        assert script.looked == before
        monkeypatch.setattr(try_out, "REST_SECONDS", at_rest)
        script.wait.set()
        await settled(page, pilot)
        assert script.looked == before + 1
        assert page.near == page.drawn


async def test_changes_are_asked_for_told_and_taken_back(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        await pilot.press("space", "right", "right", "space", "m", "right", "right", "up", "r", "n", "n")
        await settled(page, pilot)
        asked = script.asked[-1]
        assert (asked.right, asked.down, asked.turn, asked.noise) == (2, -1, 15, 20)
        assert "2 right, 1 up, turned 15°, noise 20 % (x as drawn)" in how(page)
        assert page.canvas.shown == page.view.changed if page.view else None
        await pilot.press("R", "R")
        await settled(page, pilot)
        assert script.asked[-1].turn == -15
        await pilot.press("x")
        await settled(page, pilot)
        asked = script.asked[-1]
        assert (asked.right, asked.down, asked.turn, asked.noise) == (0, 0, 0, 0)
        assert page.canvas.shown is None
        assert not page.canvas.shifts


async def test_noise_comes_round_and_turning_goes_all_the_way(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("space", *["n"] * 7, *["r"] * 13)
        await settled(page, pilot)
        assert page.noise == 0
        assert page.angle == -165
        await pilot.press(*["r"] * 11)
        assert page.angle == 0


async def test_who_draws_on_a_changed_picture_keeps_what_is_seen(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("space", "right", "right", "space", "r")
        await settled(page, pilot)
        seen = page.canvas.shown
        assert seen is not None
        await pilot.press("space")
        await settled(page, pilot)
        assert page.changes == ""
        assert page.canvas.picture.pixels != bytes(784)
        kept = sum(a == b for a, b in zip(page.canvas.picture.pixels, seen.pixels, strict=True))
        assert kept > 784 - 60  # but for one more dot


async def test_centring_is_on_for_mnist_and_switched_off_by_a_key(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (page, pilot):
        await pilot.press("space")
        await settled(page, pilot)
        assert "centred as in MNIST" in how(page)
        await pilot.press("z")
        await settled(page, pilot)
        assert [script.asked[place].centred for place in (1, -1)] == [True, False]
        assert "not centred" in how(page)
        assert "as drawn" in shown(page, "#pair")


async def test_a_model_of_other_images_has_no_centring(opened: Opened) -> None:
    script = Scripted(TriedModel(**{**{name: getattr(MODEL, name) for name in MODEL.__slots__}, "centres": False}))
    async with opened(script) as (page, pilot):
        await pilot.press("space", "z")
        await settled(page, pilot)
        assert not script.asked[-1].centred
        assert "centred" not in how(page)


async def test_an_autoencoder_tells_no_class_but_rebuilds(opened: Opened) -> None:
    values = {name: getattr(MODEL, name) for name in MODEL.__slots__}
    script = Scripted(TriedModel(**{**values, "class_names": (), "kind": "autoencoder"}))
    async with opened(script) as (page, pilot):
        await pilot.press("space")
        await settled(page, pilot)
        assert not page.query_one("#answer").display
        assert "error 0.0012" in shown(page, "#pair")


async def test_brush_eraser_thickness_undo_and_clear_have_keys(opened: Opened) -> None:
    async with opened() as (page, pilot):
        canvas = page.canvas
        await pilot.press("plus", "plus", "space", "space")
        thick = sum(canvas.pixels)
        await pilot.press("u", *["minus"] * 4, "space", "space")
        assert 0 < sum(canvas.pixels) < thick
        await pilot.press("e")
        assert "eraser" in how(page)
        await pilot.press("b")
        assert "brush" in how(page)
        await pilot.press("c")
        assert canvas.is_empty
        await settled(page, pilot)
        assert page.view is not None
        assert page.view.blank


async def test_a_picture_is_opened_by_name_or_pasted_as_a_path(opened: Opened) -> None:
    async with opened() as (page, pilot):
        page.post_message(events.Paste("/pictures/x.png\n"))
        await until(pilot, lambda: not page.canvas.is_empty)
        await settled(page, pilot)
        assert "x.png, dark and light exchanged" in how(page)
        await pilot.press("c")
        assert page.canvas.is_empty
        assert "x.png" not in how(page)
        await pilot.press("o")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, OpenScreen) and pilot.app.screen.query_one(Input).has_focus
        )
        pilot.app.screen.dismiss("/pictures/x.png")
        await until(pilot, lambda: not page.canvas.is_empty)


async def test_what_was_done_to_a_picture_can_be_read_where_rows_are_few(opened: Opened) -> None:
    async with opened(size=(80, 22)) as (page, pilot):  # as many as the line of the tour leaves of 24
        page.post_message(events.Paste("/pictures/x.png\n"))
        await until(pilot, lambda: not page.canvas.is_empty)
        await settled(page, pilot)
        assert "dark and light exchanged" in " ".join(shown(page, "#how").split())


async def test_of_a_folder_that_is_typed_the_pictures_are_listed_for_one_is_wanted(
    opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    for name in ("x.png", "notes.txt", "set.zip", "labels"):
        (tmp_path / "scans" / name).touch()
    (tmp_path / "scans" / "none").mkdir()

    def listed() -> list[str]:
        entries = pilot.app.screen.query_one(OptionList)
        return [str(entries.get_option_at_index(at).prompt) for at in range(entries.option_count)]

    async with opened() as (page, pilot):
        await pilot.press("o")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, OpenScreen) and pilot.app.screen.query_one(Input).has_focus
        )
        pilot.app.screen.query_one(Input).value = str(tmp_path / "scans")
        await pilot.press("enter")
        await until(pilot, lambda: listed() == ["↑ ..", "▸ none/", "  x.png"])
        pilot.app.screen.query_one(Input).value = str(tmp_path / "scans" / "none") + "/"
        await until(
            pilot,
            lambda: "There is no folder or picture here." in str(pilot.app.screen.query_one("#more", Label).render()),
        )
        pilot.app.screen.query_one(Input).value = str(tmp_path / "scans") + "/"
        await until(pilot, lambda: listed() == ["↑ ..", "▸ none/", "  x.png"])
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: not page.canvas.is_empty)
        assert "x.png" in how(page)


async def test_a_picture_that_cannot_be_read_is_told_and_what_is_drawn_stays(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("space")
        before = page.canvas.picture
        page.post_message(events.Paste("/missing.png"))
        await until(pilot, lambda: told(pilot.app) != [])  # type: ignore[arg-type]  # it is a CaeApp
        assert told(pilot.app) == ["/missing.png does not exist: check the path."]  # type: ignore[arg-type]  # it is ours
        assert page.canvas.picture == before


async def test_where_the_training_images_are_gone_all_else_works(opened: Opened) -> None:
    gone = MovedError("gone.", "/data does not exist.", ["data"])
    async with opened(Scripted(moved=gone)) as (page, pilot):
        await pilot.press("space")
        await settled(page, pilot)
        assert "gone." in shown(page, "#neighbours")
        assert "91.0 %" in shown(page, "AnswerBars")


async def test_a_model_that_cannot_be_read_is_told_and_no_key_draws(opened: Opened) -> None:
    async with opened(Scripted(error=RunError("Its model file is damaged: train it again."))) as (page, pilot):
        assert "Its model file is damaged" in str(page.query_one("#waiting", Static).render())
        await pilot.press("c", "r", "n", "z", "m", "space")
        assert not page.query_one("#panes").display


async def test_who_leaves_ends_what_is_under_way(opened: Opened) -> None:
    script = Scripted()
    async with opened(script) as (_page, pilot):
        await pilot.press("escape")
        await until(pilot, lambda: on_top(pilot.app, HomeScreen)())  # type: ignore[arg-type]  # it is ours
    assert script.closed


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (200, 60)])
async def test_at_every_size_all_of_it_is_on_the_screen(opened: Opened, size: tuple[int, int]) -> None:
    async with opened(size=size) as (page, pilot):
        await pilot.press("space", "right", "right")
        await settled(page, pilot)
        room = page.query_one("#page").region
        for name in ("#drawn", "#how", "#answer", "#rebuilt", "#nearest"):
            assert room.contains_region(page.query_one(name).region), name
        area = page.canvas.area
        assert area.width >= 28
        assert "Class" in shown(page, "AnswerBars")
        assert "error" in shown(page, "#pair")
        words = shown(page, "#neighbours") + str(page.query_one("#nearest").border_subtitle)
        assert "25 % of" in words.replace("\n", " ")
        assert "images" in words.replace("\n", " ").split("25 % of")[1]


# -- with a model ---------------------------------------------------------------------------------

Trained = tuple[RunDirectory, Any, Any]


async def real_page(app: CaeApp, pilot: Pilot[None], run: str) -> TryScreen:
    app.post_message(TryModel(run))
    await until(pilot, lambda: isinstance(app.screen, TryScreen) and app.screen.ready)
    assert isinstance(app.screen, TryScreen)
    return app.screen


async def test_a_real_model_answers_as_it_does_elsewhere(own_home: Home, classifier: Trained, tmp_path: Path) -> None:
    from engine.evaluation.model import load_model
    from engine.preparation import reopen

    data = reopen(classifier[0]).data
    image = data.train.take(np.array([3]))
    Image.fromarray(image[0, :, :, 0]).save(tmp_path / "three.png")
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        await pilot.press("z")  # as it is
        page.post_message(events.Paste(str(tmp_path / "three.png")))
        await until(pilot, lambda: page.view is not None and not page.view.blank)
        await settled(page, pilot)
        view = page.view
        assert view is not None
        model = load_model(own_home, classifier[0].id)
        assert view.probabilities == pytest.approx(model.softened(image)[0].tolist(), abs=1e-5)
        assert model.encoder is not None
        assert view.error == pytest.approx(float(model.encoder.errors(image)[0]), rel=1e-4)
        assert data.train.labels is not None
        assert page.nearest.pictures[0][1] == str(data.train.labels[3])
        assert torch.get_num_threads() == THREADS


THREADS = torch.get_num_threads()


async def test_the_first_screen_tries_the_best_model_by_its_validation_images(
    own_home: Home, autoencoder: Trained, classifier: Trained
) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TryScreen) and app.screen.ready)
        assert isinstance(app.screen, TryScreen)
        assert app.screen.run_id == classifier[0].id
        await pilot.press("escape")
        own_home.delete(own_home.find(classifier[0].id))
        await until(pilot, on_top(app, HomeScreen))
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TryScreen) and app.screen.ready)
        assert isinstance(app.screen, TryScreen)
        assert app.screen.run_id == autoencoder[0].id


async def test_without_a_model_it_is_said_how_to_get_one(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("T")
        await until(pilot, lambda: told(app) != [])
        assert "no trained model yet" in told(app)[0]
        assert isinstance(app.screen, HomeScreen)


# -- what a model is not asked ------------------------------------------------------------------------


async def real_view(own_home: Home, run: str, *keys: str, picture: Picture | None = None) -> Tried:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, run)
        if picture is not None:
            page.canvas.put(picture)
        await pilot.press(*keys)
        await settled(page, pilot)
        assert page.view is not None
        return page.view


async def test_an_empty_canvas_is_no_class_whatever_noise_there_is(own_home: Home, classifier: Trained) -> None:
    view = await real_view(own_home, classifier[0].id, "n", "n", "r")
    assert (view.blank, view.probabilities) == (NOTHING, ())


async def test_a_picture_of_one_brightness_is_no_class_centred_or_not(own_home: Home, classifier: Trained) -> None:
    for keys in ((), ("z",)):
        picture = Picture(28, 28, 1, bytes([90]) * 784)
        view = await real_view(own_home, classifier[0].id, *keys, picture=picture)
        assert (view.blank, view.probabilities) == (UNIFORM, ())


async def test_what_is_shifted_out_of_the_picture_is_told(own_home: Home, classifier: Trained) -> None:
    view = await real_view(own_home, classifier[0].id, "z", "space", "space", "m", *["left"] * 20)
    assert (view.blank, view.probabilities) == (MOVED_OUT, ())


async def test_a_folder_is_no_picture(own_home: Home, classifier: Trained, tmp_path: Path) -> None:
    app = CaeApp(own_home)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await real_page(app, pilot, classifier[0].id)
        page.post_message(events.Paste(str(tmp_path)))
        await until(pilot, lambda: told(app) != [])
        assert "is a folder: name one picture in it." in told(app)[0]
        assert page.canvas.is_empty


async def test_a_change_lifts_the_pen_and_what_is_drawn_next_goes_onto_what_is_seen(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("space", "down", "down", "r")
        assert not page.canvas.pen_down
        await settled(page, pilot)
        await pilot.press("space", "right")
        await settled(page, pilot)
        assert page.changes == ""


async def test_clearing_ends_the_eraser_and_the_shifting(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("e")
        assert "eraser (b: brush)" in how(page)
        await pilot.press("m", "c")
        assert not page.canvas.erases
        assert not page.canvas.shifts
        assert "arrows move the pen" in how(page)
        await pilot.press("plus")
        await pilot.press("space")
        assert "brush 1.2×" in how(page)


async def test_undoing_ends_the_stroke(opened: Opened) -> None:
    async with opened() as (page, pilot):
        await pilot.press("space", "right", "right", "u")
        assert page.canvas.is_empty
        assert not page.canvas.pen_down
        await pilot.press("right", "space", "right")
        await pilot.press("u")
        assert page.canvas.is_empty
