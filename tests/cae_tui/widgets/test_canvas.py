"""What is drawn on: strokes, keys, the mouse, and how it is shown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from cae_tui.bridge.values import Picture
from cae_tui.widgets.canvas import Canvas
from cae_tui.widgets.image_grid import UPPER_HALF


class Draws(App[None]):
    """A canvas alone, and what it told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield Canvas()

    def on_canvas_changed(self) -> None:
        self.told.append("changed")

    def on_canvas_shifted(self, message: Canvas.Shifted) -> None:
        self.told.append(f"shifted {message.right} {message.down}")

    def on_canvas_took_changes(self) -> None:
        self.told.append("took changes")


@asynccontextmanager
async def canvas_of(
    image: tuple[int, int, int] = (28, 28, 1), size: tuple[int, int] = (60, 30), *, light_on_dark: bool = True
) -> AsyncIterator[tuple[Canvas, Draws, Pilot[None]]]:
    app = Draws()
    async with app.run_test(size=size) as pilot:
        canvas = app.query_one(Canvas)
        canvas.begin(image, light_on_dark=light_on_dark)
        canvas.focus()
        await pilot.pause()
        yield canvas, app, pilot


def row(canvas: Canvas, number: int) -> list[int]:
    width = canvas.image[1]
    return list(canvas.pixels[number * width : (number + 1) * width])


async def test_a_stroke_is_bright_in_its_middle_soft_at_its_edges_and_nowhere_else() -> None:
    async with canvas_of() as (canvas, app, pilot):
        canvas.stroke((5.5, 14.5))
        canvas.stroke((20.5, 14.5))
        middle = row(canvas, 14)
        assert middle[6:20] == [255] * 14
        assert 0 < row(canvas, 13)[10] <= 255
        assert 0 < row(canvas, 12)[10] < 255 or row(canvas, 12)[10] == 0
        assert row(canvas, 9) == [0] * 28
        assert middle[:3] + middle[24:] == [0] * 7
        await pilot.pause()
        assert app.told == ["changed", "changed"]


async def test_a_model_of_dark_on_light_has_white_paper_and_black_ink() -> None:
    async with canvas_of(light_on_dark=False) as (canvas, _, _pilot):
        assert set(canvas.pixels) == {255}
        assert canvas.is_empty
        canvas.stroke((14.0, 14.0))
        assert min(canvas.pixels) < 10
        assert not canvas.is_empty


async def test_on_a_picture_in_colour_one_draws_in_grey() -> None:
    async with canvas_of((16, 16, 3)) as (canvas, _, _pilot):
        canvas.put(Picture(16, 16, 3, bytes([200, 10, 60]) * 256))
        canvas.stroke((8.5, 8.5))
        first = (8 * 16 + 8) * 3
        assert list(canvas.pixels[first : first + 3]) == [255, 255, 255]
        assert list(canvas.pixels[:3]) == [200, 10, 60]


async def test_the_eraser_takes_away_and_undo_brings_back_stroke_by_stroke() -> None:
    async with canvas_of() as (canvas, app, pilot):
        canvas.action_pen()
        drawn = bytes(canvas.pixels)
        canvas.lift()
        canvas.erases = True
        canvas.action_pen()
        assert canvas.is_empty
        canvas.undo()
        assert bytes(canvas.pixels) == drawn
        canvas.undo()
        assert canvas.is_empty
        assert not canvas.can_undo
        canvas.undo()
        canvas.clear()
        await pilot.pause()
        assert app.told[-1] == "changed"


async def test_what_was_cleared_can_be_had_back() -> None:
    async with canvas_of() as (canvas, _, _pilot):
        canvas.stroke((9.0, 9.0))
        drawn = bytes(canvas.pixels)
        canvas.clear()
        assert canvas.is_empty
        canvas.undo()
        assert bytes(canvas.pixels) == drawn


async def test_arrows_move_the_pen_and_draw_only_while_it_is_down() -> None:
    async with canvas_of() as (canvas, _, pilot):
        await pilot.press("left", "left", "up")
        assert canvas.pen == (12.0, 13.0)
        assert canvas.is_empty
        await pilot.press("space", "right", "right", "right")
        assert canvas.pen == (15.0, 13.0)
        before = bytes(canvas.pixels)
        assert row(canvas, 12)[12:15] == [255] * 3
        await pilot.press("space", "down", "down")
        assert not canvas.pen_down
        assert bytes(canvas.pixels) == before
        canvas.undo()
        assert canvas.is_empty  # all that one put the pen down for is one stroke


async def test_the_pen_stays_in_the_picture() -> None:
    async with canvas_of((8, 8, 1)) as (canvas, _, pilot):
        await pilot.press(*["left"] * 12, *["up"] * 12)
        assert canvas.pen == (0.5, 0.5)
        await pilot.press(*["right"] * 12, *["down"] * 12)
        assert canvas.pen == (7.5, 7.5)


async def test_while_the_picture_is_shifted_arrows_ask_for_that() -> None:
    async with canvas_of() as (canvas, app, pilot):
        canvas.shifts = True
        await pilot.press("left", "down")
        await pilot.pause()
        assert app.told == ["shifted -1 0", "shifted 0 1"]
        assert canvas.pen == (14.0, 14.0)


@pytest.mark.parametrize(
    ("size", "area"),
    [((60, 30), (56, 28)), ((40, 20), (28, 14)), ((20, 40), (20, 10)), ((120, 60), (112, 56)), ((7, 3), (6, 3))],
)
async def test_it_is_drawn_as_large_as_there_is_room_for(size: tuple[int, int], area: tuple[int, int]) -> None:
    async with canvas_of(size=size) as (canvas, _, _pilot):
        assert canvas.area.size == area


async def test_the_mouse_draws_where_it_is_pressed_and_moved_and_the_right_button_erases() -> None:
    async with canvas_of() as (canvas, _, pilot):
        area = canvas.area
        await pilot.mouse_down(canvas, offset=(area.x + 10, area.y + 10))
        await pilot.hover(canvas, offset=(area.x + 40, area.y + 10))
        await pilot.mouse_up(canvas, offset=(area.x + 40, area.y + 10))
        # Two columns and one row a pixel: a line from pixel 5 to pixel 20.
        assert row(canvas, 10)[6:20] == [255] * 14
        before = bytes(canvas.pixels)
        await pilot.hover(canvas, offset=(area.x + 40, area.y + 20))
        assert bytes(canvas.pixels) == before  # no button is down
        await pilot.mouse_down(canvas, offset=(area.x + 20, area.y + 10), button=3)
        await pilot.mouse_up(canvas, offset=(area.x + 20, area.y + 10))
        assert row(canvas, 10)[10] == 0
        assert not canvas.erases


async def test_beside_the_picture_the_mouse_does_nothing() -> None:
    async with canvas_of(size=(80, 30)) as (canvas, app, pilot):
        await pilot.mouse_down(canvas, offset=(2, 2))
        await pilot.mouse_up(canvas, offset=(2, 2))
        assert canvas.is_empty
        assert app.mouse_captured is None


async def test_a_cell_is_its_middle_and_a_terminal_that_tells_pixels_is_taken_at_its_word() -> None:
    async with canvas_of() as (canvas, _, _pilot):
        area = canvas.area
        assert canvas.place_of(area.x + 4, area.y + 3) == (2.25, 3.5)
        assert canvas.place_of(area.x + 4.2, area.y + 3.9) == pytest.approx((2.1, 3.9))


async def test_the_pen_is_shown_by_a_sign_and_another_one_while_it_is_down() -> None:
    async with canvas_of() as (canvas, _, pilot):

        def shown() -> str:
            return "\n".join(canvas.render_line(y).text for y in range(canvas.size.height))

        assert shown().count("+") == 1
        await pilot.press("space")
        assert "+" not in shown()
        assert shown().count("●") == 1
        assert UPPER_HALF in shown()


async def test_what_is_drawn_goes_onto_what_is_shown_in_its_place() -> None:
    async with canvas_of((8, 8, 1)) as (canvas, app, pilot):
        canvas.set_reactive(Canvas.shown, Picture(8, 8, 1, bytes([90]) * 64))
        canvas.stroke((4.5, 4.5))
        assert canvas.shown is None
        assert canvas.pixels[0] == 90
        await pilot.pause()
        assert app.told == ["took changes", "changed"]
        canvas.undo()
        assert canvas.is_empty


async def test_of_a_large_picture_strokes_are_as_wide_in_proportion() -> None:
    async with canvas_of((112, 112, 1), (120, 60)) as (canvas, _, _pilot):
        canvas.stroke((56.0, 20.0))
        canvas.stroke((56.0, 90.0))
        bright = sum(value == 255 for value in row(canvas, 56))
        assert 7 <= bright <= 11
