"""Many points in braille."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from cae_tui.widgets.scatter import ALONE, FAINT, Scatter, signs_of

NAMES = ("0", "1")


class Host(App[None]):
    """A map alone."""

    def __init__(self) -> None:
        super().__init__()
        self.picked: list[int] = []

    def compose(self) -> ComposeResult:
        yield Scatter()

    def on_scatter_picked(self, message: Scatter.Picked) -> None:
        self.picked.append(message.place)


SQUARE = np.array([[0, 0], [0, 10], [10, 0], [10, 10]], np.float32)


@asynccontextmanager
async def shown(
    points: np.ndarray = SQUARE, labels: list[int] | None = None, names: tuple[str, ...] = NAMES
) -> AsyncIterator[tuple[Scatter, Pilot[None]]]:
    app = Host()
    async with app.run_test(size=(40, 20)) as pilot:
        scatter = app.query_one(Scatter)
        scatter.names_shown = False
        scatter.put(points, None if labels is None else np.array(labels), names, keep=False)
        await pilot.pause()
        yield scatter, pilot


def text(scatter: Scatter) -> list[str]:
    return [scatter.render_line(y).text for y in range(scatter.size.height)]


def cells(scatter: Scatter) -> set[tuple[int, int]]:
    return {(x, y) for y, line in enumerate(text(scatter)) for x, sign in enumerate(line) if sign != " "}


async def test_points_are_where_they_are_upwards_up_and_as_wide_as_high(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(labels=[0, 0, 1, 1]) as (scatter, _):
        assert {text(scatter)[y][x] for x, y in cells(scatter)} == {ALONE}
    monkeypatch.setattr("cae_tui.widgets.scatter.FEW", 0)
    async with shown(labels=[0, 0, 1, 1]) as (scatter, _):
        found = sorted(cells(scatter))
        assert len(found) == 4
        (left, top), (_, bottom), (right, _), _ = found
        assert 2 * (right - left) == pytest.approx(4 * (bottom - top), abs=4)
        assert all(0x2800 < ord(text(scatter)[y][x]) <= 0x28FF for x, y in found)


async def test_a_cell_has_the_colour_and_the_sign_of_most_of_its_points() -> None:
    points = np.array([[0, 0], [0, 0], [0, 0], [10, 10]], np.float32)
    async with shown(points, [1, 1, 0, 0]) as (scatter, _):
        scatter.signs = True
        assert "".join("".join(text(scatter)).split()) == "01"  # the upper right one is a 0


async def test_a_filter_leaves_the_others_faint_and_shows_few_by_their_signs() -> None:
    async with shown(labels=[0, 0, 1, 1]) as (scatter, _):
        scatter.only(np.array([False, False, True, False]))
        signs = sorted("".join("".join(text(scatter)).split()))
        assert signs == sorted([FAINT, FAINT, FAINT, "1"])


async def test_the_names_of_classes_stand_at_their_medians() -> None:
    async with shown(np.repeat(SQUARE[[0, 3]], 5, axis=0), [0] * 5 + [1] * 5, ("cat", "dog")) as (scatter, _):
        scatter.names_shown = True
        lines = text(scatter)
        assert "dog" in lines[0] + lines[1]
        assert "cat" in lines[-1] + lines[-2]


async def test_arrows_go_to_the_nearest_point_in_their_direction_and_stay_among_what_is_shown() -> None:
    async with shown(labels=[0, 0, 1, 1]) as (scatter, pilot):
        scatter.go_to(0)
        await pilot.press("right", "up", "left", "down", "down")
        assert pilot.app.picked == [0, 2, 3, 1, 0]  # type: ignore[attr-defined]  # it is a Host
        scatter.only(np.array([True, False, False, True]))
        await pilot.press("right")
        assert scatter.cursor == 3
        assert "[●]" in "".join(text(scatter)) or "[1]" in "".join(text(scatter))


async def test_zoom_keeps_the_cursor_in_place_and_ends_with_the_whole_map() -> None:
    async with shown(np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)) as (scatter, pilot):
        await pilot.press("right", "right")
        before = scatter._cells()[scatter.cursor]
        await pilot.press("plus", "plus", "plus")
        assert scatter.zoom > 3
        assert np.abs(scatter._cells()[scatter.cursor] - before).max() <= 1
        await pilot.press("shift+right", "shift+up")
        await pilot.press("home")
        assert scatter.zoom == 1
        whole = cells(scatter)
        await pilot.press("plus", "minus", "minus")
        assert cells(scatter) == whole


async def test_the_mouse_picks_what_is_nearest_drags_the_map_and_the_wheel_zooms() -> None:
    async with shown(labels=[0, 0, 1, 1]) as (scatter, pilot):
        (x, y) = max(cells(scatter))
        await pilot.click(Scatter, offset=(x - 1, y))
        assert scatter.cursor == 2
        scatter.post_message(events.MouseScrollUp(scatter, x, y, 0, 0, 0, False, False, False))
        await pilot.pause()
        assert scatter.zoom > 1
        seen = cells(scatter)
        await pilot.mouse_down(Scatter, offset=(20, 10))
        await pilot.hover(Scatter, offset=(15, 10))
        await pilot.mouse_up(Scatter, offset=(15, 10))
        assert scatter.cursor == 2  # a drag picks nothing
        assert cells(scatter) != seen


async def test_one_point_and_none_in_sight_are_no_fault() -> None:
    async with shown(np.zeros((1, 2), np.float32), None, ()) as (scatter, pilot):
        assert len(cells(scatter)) == 1
        await pilot.press("right", "left", "plus", "shift+left", "minus", "b", "l")
        assert scatter.cursor == 0
        scatter.only(np.zeros(1, bool))
        assert scatter.nearest_to(0, 0) == 0


def test_signs_are_names_where_these_are_short() -> None:
    assert signs_of(("4", "9")) == ("4", "9")
    assert signs_of(("cat", "dog")) == ("0", "1")
    assert len(signs_of(tuple(map(str, range(100))))) == 100
    assert signs_of(()) == ("0",)


async def test_names_of_classes_whose_points_lie_together_do_not_lie_over_each_other() -> None:
    points = np.array([[0, 0], [0, 0.1], [0.1, 0], [10, 10]], np.float32)
    async with shown(points, [0, 1, 2, 2], ("apple", "leaf", "sun")) as (scatter, pilot):
        scatter.names_shown = True
        await pilot.pause()
        lines = "\n".join(text(scatter))
        assert all(f" {name} " in lines for name in ("apple", "leaf", "sun"))
