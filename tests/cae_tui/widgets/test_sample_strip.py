"""Validation images and their reconstructions: how many pairs fit, how large, and which are in sight."""

import pytest
from textual.app import App, ComposeResult

from cae_tui.bridge.values import Picture, SampleStrip
from cae_tui.widgets.image_grid import cells_of
from cae_tui.widgets.sample_strip import TITLES, Arrangement, SampleStripView, arrangement
from tests.cae_tui.script import picture


def blank(size: int) -> Picture:
    return Picture(size, size, 1, bytes(size * size))


@pytest.mark.parametrize(
    ("room", "found"),
    [
        ((78, 19), Arrangement((28, 14), False, 1, 1)),
        ((118, 15), Arrangement((28, 14), False, 2, 1)),
        ((64, 28), Arrangement((28, 14), True, 2, 1)),
        ((198, 29), Arrangement((28, 14), True, 6, 1)),
        ((198, 55), Arrangement((28, 14), False, 3, 3)),
        ((50, 15), Arrangement((14, 7), True, 3, 1)),
        ((2, 2), None),
        ((0, 0), None),
    ],
)
def test_as_many_pairs_as_fit_and_every_pixel_before_averages(room: tuple[int, int], found: Arrangement | None) -> None:
    assert arrangement(picture(), *room, 10) == found


@pytest.mark.parametrize(("size", "scale"), [(8, 4), (10, 3), (14, 2), (28, 1)])
def test_where_all_pairs_fit_they_are_drawn_larger(size: int, scale: int) -> None:
    found = arrangement(blank(size), 170, 66, 10)
    assert found is not None
    assert found.size == cells_of(blank(size), scale)


@pytest.mark.parametrize("each", [2, 3])
@pytest.mark.parametrize("image", [1, 2, 3, 28, 64, 256])
def test_what_is_arranged_fits(image: int, each: int) -> None:
    for width in range(0, 210, 7):
        for height in range(0, 62, 3):
            found = arrangement(blank(image), width, height, 10, each)
            if found is None:
                continue
            columns, rows = found.size
            assert found.count
            pair = (columns, each * rows) if found.stacked else (each * (columns + 1) - 1, rows)
            assert found.across * pair[0] + (found.across - 1) * (1 if found.stacked else 3) <= width
            assert found.down * (pair[1] + 1) - 1 <= height


class Host(App[None]):
    """A screen with nothing but the images."""

    def compose(self) -> ComposeResult:
        yield SampleStripView(turned=True)


def told(app: App[None]) -> str:
    return app.query_one(SampleStripView).told


@pytest.mark.parametrize("size", [(80, 24), (120, 17), (120, 40), (200, 60)])
async def test_pages_show_every_pair_once_and_begin_again(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        view = app.query_one(SampleStripView)
        images = tuple(picture(name) for name in range(10))
        view.strip = SampleStrip(3, images, images)
        await pilot.pause()
        plan = view._plan()
        assert plan is not None
        shown: list[int] = []
        for _ in range(-(-10 // plan.count)):
            start, end = view._page(plan)
            shown += range(start, end)
            view.turn(1)
        assert shown == list(range(10))
        assert view.first == 0
        view.turn(-1)
        assert view._page(plan)[1] == 10


async def test_another_size_and_fewer_images_keep_what_is_in_sight() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.query_one(SampleStripView)
        images = tuple(picture(name) for name in range(10))
        view.strip = SampleStrip(3, images, images)
        await pilot.pause()
        view.turn(7)
        assert told(app) == "epoch 3 · 8 of 10, \\[ ] for more · exact"
        await pilot.resize_terminal(120, 17)
        await pilot.pause()
        assert told(app) == "epoch 3 · 7–8 of 10, \\[ ] for more · exact"
        view.strip = SampleStrip(4, images[:4], images[:4])
        assert told(app) == "epoch 4 · 3–4 of 4, \\[ ] for more · exact"
        view.strip = SampleStrip(5, images[:1], images[:1])
        await pilot.pause()
        assert told(app) == "epoch 5 · exact"


async def test_averages_and_enlargements_say_how_large_they_are() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        view = app.query_one(SampleStripView)
        images = (picture(),)
        view.strip = SampleStrip(3, images, images)
        await pilot.pause()
        assert told(app) == "epoch 3 · averaged to 14×14"
        await pilot.resize_terminal(200, 60)
        await pilot.pause()
        assert told(app) == "epoch 3 · 3× as large"


@pytest.mark.parametrize("size", [(80, 24), (120, 17), (120, 40), (200, 60), (40, 12)])
async def test_of_a_denoiser_three_images_stand_over_or_beside_one_another(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        view = app.query_one(SampleStripView)
        noisy, rebuilt, clean = (tuple(picture(3 * name + part) for name in range(4)) for part in range(3))
        view.strip = SampleStrip(3, clean, rebuilt, noisy)
        assert view.strip.rows == (noisy, rebuilt, clean)
        await pilot.pause()
        plan = view._plan()
        assert plan is not None
        assert view.border_title == TITLES[3][0 if plan.stacked else 1]
        lines = view.render().plain.split("\n")
        assert len(lines) <= view.size.height
        assert max(map(len, lines)) <= view.size.width
