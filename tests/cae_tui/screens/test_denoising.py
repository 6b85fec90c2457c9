"""A denoiser on every page: noisy, rebuilt, clean."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.values import Picture
from cae_tui.messages import LookInside, OpenGallery, OpenRun, OpenTraining, TryModel
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.gallery import GalleryScreen
from cae_tui.screens.inside import InsideScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.screens.try_out import TryScreen
from cae_tui.widgets.answer import PictureRow
from cae_tui.widgets.image_grid import PictureView
from cae_tui.widgets.map_sheet import MapSheet
from cae_tui.widgets.noise_preview import NoisePreview
from cae_tui.widgets.sample_strip import SIDE_BY_SIDE_NOISY, STACKED_NOISY, SampleStripView
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, on_top, until
from tests.cae_tui.script import picture
from tests.engine.conftest import files as files
from tests.engine.conftest import small, train

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(scope="module")
def denoiser(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str]:
    home = Home(tmp_path_factory.mktemp("denoiser"))
    run, _, _ = train(home, small(files, noise="salt-and-pepper", epochs=1))
    return home, run.id


@pytest.fixture
def app(denoiser: tuple[Home, str]) -> CaeApp:
    return CaeApp(denoiser[0])


def strip_of(app: CaeApp) -> SampleStripView:
    return app.screen.query_one("#strip", SampleStripView)


def unlike(page: TryScreen) -> bool | None:
    return page.view.unlike if page.view is not None else None


async def settled(page: TryScreen, pilot: Pilot[None], pictures: int) -> PictureRow:
    """Until the pictures of the latest answer are shown, so many of them; gives back where."""
    row = page.query_one("#pair", PictureRow)
    await pilot.pause()  # what was drawn is told to the page by a message

    def shown() -> bool:
        answered = page.answered == page.drawn and not page.asking and page.view is not None
        return answered and len(row.pictures) == pictures and row.pictures[0][0] == page.view.seen  # type: ignore[union-attr]  # asked

    await until(pilot, shown)
    return row


async def open_page(app: CaeApp, pilot: Pilot[None], message: object, page: type) -> None:
    app.screen.post_message(message)  # type: ignore[arg-type]  # each is one
    await until(pilot, on_top(app, page))


@pytest.mark.parametrize("size", SIZES)
async def test_the_strip_of_the_training_page_and_the_report_has_three_images_of_each(
    app: CaeApp, denoiser: tuple[Home, str], size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await open_page(app, pilot, OpenTraining(denoiser[1]), TrainingScreen)
        await until(pilot, lambda: strip_of(app).strip is not None)
        strip = strip_of(app).strip
        assert strip is not None
        assert len(strip.rows) == 3
        assert strip.rows[0] == strip.noisy != strip.originals == strip.rows[2]
        await pilot.pause()
        if strip_of(app).size.area:
            assert strip_of(app).border_title in (STACKED_NOISY, SIDE_BY_SIDE_NOISY)
        await open_page(app, pilot, OpenRun(denoiser[1]), ReportScreen)
        await until(pilot, lambda: "noisy image itself" in str(app.screen.query_one("#report").render()))
        text = str(app.screen.query_one("#report").render())
        for words in ("Of images without noise, the error is", "this run, no noise"):
            assert words in " ".join(text.split())


@pytest.mark.parametrize("size", SIZES)
async def test_a_large_image_of_the_gallery_stands_between_the_noisy_and_the_clean_one(
    app: CaeApp, denoiser: tuple[Home, str], size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await open_page(app, pilot, OpenGallery(denoiser[1]), GalleryScreen)
        page = app.screen
        assert isinstance(page, GalleryScreen)
        await until(pilot, lambda: bool(page.found))
        await pilot.press("enter")
        await until(pilot, lambda: page.query_one("#noisy", PictureView).picture is not None)
        await pilot.pause()
        views = [page.query_one(f"#{name}", PictureView) for name in ("noisy", "reconstruction", "original")]
        assert [view.region.x for view in views] == sorted(view.region.x for view in views)
        assert all(view.region.right <= size[0] and view.region.width > 10 for view in views)
        assert len({view.picture for view in views}) == 3
        notes = [str(note.render()) for note in page.query(".note").results(Static) if note.region.area]
        assert notes[0] == "noisy"
        assert notes[1] == "rebuilt"
        assert notes[2].startswith("clean, 28×28")


async def test_a_drawing_is_given_to_a_denoiser_with_its_noise_or_without(
    app: CaeApp, denoiser: tuple[Home, str]
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_page(app, pilot, TryModel(denoiser[1]), TryScreen)
        page = app.screen
        assert isinstance(page, TryScreen)
        await until(pilot, lambda: page.ready)
        await pilot.press("space", *["right"] * 6, *["down"] * 6)
        row = await settled(page, pilot, 3)
        (noisy, first), (rebuilt, error), (clean, _) = row.pictures
        assert first == "noisy"
        assert error.startswith("error ")
        assert len({noisy, rebuilt, clean}) == 3
        changed = {
            place for place, pair in enumerate(zip(noisy.pixels, clean.pixels, strict=True)) if len(set(pair)) > 1
        }
        assert 0.05 < len(changed) / 784 < 0.3  # half of what turns black was so
        assert unlike(page) is None  # what that is told by is of clean images
        card = page.query_one("#rebuilt")
        assert card.border_title == "Noisy, rebuilt, clean: salt and pepper 0.2"
        await pilot.press("N")
        await settled(page, pilot, 2)
        assert card.border_title == "What the model sees, and rebuilds"
        assert card.border_subtitle == "N with salt and pepper 0.2"
        assert row.pictures[0][0] == clean
        assert unlike(page) is not None
        await pilot.press("N", "down")
        await settled(page, pilot, 3)
        again = row.pictures[0][0]
        others = [place for place in changed if again.pixels[place] != noisy.pixels[place]]
        assert not [place for place in others if row.pictures[2][0].pixels[place] == clean.pixels[place]]  # it stays


async def test_a_look_inside_is_at_the_noisy_image(app: CaeApp, denoiser: tuple[Home, str]) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_page(app, pilot, LookInside(denoiser[1], ((3, None),)), InsideScreen)
        sheet = app.screen.query_one(MapSheet)
        await until(pilot, lambda: bool(sheet.tiles))
        assert [name for _, name in sheet.tiles] == ["noisy", "rebuilt", "clean", "difference"]
        assert "to the noisy image" in str(app.screen.query_one("#caption", Static).render())


@pytest.mark.parametrize("size", SIZES)
async def test_the_form_shows_what_its_noise_does(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    app = make_app()
    asked = []

    async def with_noise(shown: tuple[Picture, ...], noise: tuple[str, float]) -> tuple[Picture, ...]:
        asked.append(noise)
        return tuple(picture(place + 1) for place in range(len(shown)))

    monkeypatch.setattr(app.runner, "with_noise", with_noise)
    async with app.run_test(size=size) as pilot:
        app.action_configure("autoencoder")
        await until(pilot, on_top(app, SpecPage))
        page = app.screen
        assert isinstance(page, SpecPage)
        preview = page.query_one(NoisePreview)
        assert not preview.display
        page.query_one("#group-noise").collapsed = False  # type: ignore[attr-defined]  # a group folds
        page.form.rows["noise"].control.focus()
        await pilot.press("right")
        await until(pilot, lambda: bool(preview.pairs))
        await pilot.pause()
        await until(pilot, lambda: preview.region.height > 0)
        assert asked == [("gaussian", 0.3)]
        told = str(preview.render()).splitlines()[0]
        assert "without and with gaussian noise 0.3" in told
        assert page.focused is page.form.rows["noise"].control
        assert page.form.region.contains_region(page.form.rows["noise"].control.region)  # it stays in sight
        page.form.put({"noise_amount": "0.1"})
        await until(pilot, lambda: asked[-1] == ("gaussian", 0.1) and preview.words.endswith("0.1"))
        page.form.put({"noise": "none", "noise_amount": "auto"})
        await until(pilot, lambda: not preview.display)


@pytest.mark.parametrize("kind", ["classifier", "autoencoder"])
async def test_a_form_of_no_noise_shows_none(make_app: MakeApp, kind: str) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_configure(kind)
        await until(pilot, on_top(app, SpecPage)) if kind == "autoencoder" else await pilot.pause()
        assert len(app.screen.query(NoisePreview)) == (kind == "autoencoder")
        assert not [preview for preview in app.screen.query(NoisePreview) if preview.display]
