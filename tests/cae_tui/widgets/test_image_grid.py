import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.style import Style
from rich.text import Text

from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import beside, cells_of, fitting, half_blocks, largest, scale_of, scale_words
from tests.cae_tui.script import picture


def styles(text: Text) -> list[list[Style]]:
    """The style of each cell of a drawn picture, line by line."""
    return [[span.style for span in line.spans for _ in range(span.start, span.end)] for line in text.split("\n")]  # type: ignore[misc]  # drawn with styles, not with their names


def style_at(text: Text, row: int, column: int) -> Style:
    """The style of a cell of a drawn picture."""
    return styles(text)[row][column]


def grey(value: int) -> Color:
    return Color.from_rgb(value, value, value)


def test_a_picture_at_its_own_size_is_exact() -> None:
    digit = picture(3)
    text = half_blocks(digit)
    assert [len(line) for line in text.plain.split("\n")] == [28] * 14
    drawn = styles(text)
    for row in range(14):
        for column in range(28):
            style = drawn[row][column]
            assert style.color == grey(digit.pixels[2 * row * 28 + column])
            assert style.bgcolor == grey(digit.pixels[(2 * row + 1) * 28 + column])


def test_the_last_row_of_an_odd_height_has_no_lower_half() -> None:
    text = half_blocks(Picture(3, 2, 1, bytes([0, 10, 20, 30, 40, 50])))
    assert text.plain == "▀▀\n▀▀"
    assert style_at(text, 1, 1).color == grey(50)
    assert style_at(text, 1, 1).bgcolor is None


def test_colours_are_kept() -> None:
    text = half_blocks(Picture(2, 1, 3, bytes([1, 2, 3, 4, 5, 6])))
    assert style_at(text, 0, 0) == Style(color=Color.from_rgb(1, 2, 3), bgcolor=Color.from_rgb(4, 5, 6))


def test_a_smaller_picture_has_the_mean_of_the_area_under_each_pixel() -> None:
    # Three pixels on two: the middle one belongs half to each.
    text = half_blocks(Picture(2, 3, 1, bytes([0, 90, 255, 30, 30, 30])), width=2, height=1)
    assert style_at(text, 0, 0).color == grey(30)  # (0 + 90 / 2) / 1.5
    assert style_at(text, 0, 1).color == grey(200)  # (90 / 2 + 255) / 1.5
    assert style_at(text, 0, 0).bgcolor == grey(30)


def test_the_other_side_follows_from_the_shape() -> None:
    assert [len(line) for line in half_blocks(picture(), width=14).plain.split("\n")] == [14] * 7
    assert [len(line) for line in half_blocks(picture(), height=7).plain.split("\n")] == [14] * 7


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
    wanted=st.tuples(st.integers(1, 50), st.integers(1, 25)),
    value=st.integers(0, 255),
)
def test_any_picture_fills_any_size_and_an_even_one_stays_even(
    shape: tuple[int, int, int], wanted: tuple[int, int], value: int
) -> None:
    height, width, channels = shape
    even = Picture(height, width, channels, bytes([value]) * (height * width * channels))
    text = half_blocks(even, width=wanted[0], height=wanted[1])
    assert [len(line) for line in text.plain.split("\n")] == [wanted[0]] * wanted[1]
    assert {span.style.color for span in text.spans} == {grey(value)}  # type: ignore[union-attr]  # drawn with styles, not with their names


@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)), room=st.tuples(st.integers(1, 80), st.integers(1, 40))
)
def test_a_picture_fits_and_is_never_larger_than_exact(shape: tuple[int, int], room: tuple[int, int]) -> None:
    height, width = shape
    columns, rows = fitting(Picture(height, width, 1, bytes(height * width)), *room)
    assert 1 <= columns <= min(room[0], width)
    assert 1 <= rows <= min(room[1], (height + 1) // 2)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (5, 7, 3), (1, 1, 1), (3, 2, 1)])
def test_an_enlarged_picture_has_each_pixel_as_a_square(scale: int, height: int, width: int, channels: int) -> None:
    image = Picture(height, width, channels, bytes(at * 7 % 256 for at in range(height * width * channels)))
    columns, rows = cells_of(image, scale)
    assert scale_of(image, columns, rows) == scale
    drawn = styles(half_blocks(image, width=columns, height=rows))
    for y in range(scale * height):
        for x in range(columns):
            at = ((y // scale) * width + x // scale) * channels
            colour = image.pixels[at : at + channels] * (3 // channels)
            style = drawn[y // 2][x]
            assert (style.bgcolor if y % 2 else style.color) == Color.from_rgb(*colour)


def test_the_largest_whole_scale_is_taken_and_an_average_where_there_is_none() -> None:
    assert largest(picture(), 57, 28) == (56, 28)
    assert largest(picture(), 56, 27) == (28, 14)
    assert largest(picture(), 1000, 1000) == (112, 56)
    assert largest(picture(), 27, 14) == fitting(picture(), 27, 14)
    assert [scale_words(picture(), *size) for size in ((28, 14), (84, 42), (14, 7))] == [
        "exact", "3× as large", "averaged to 14×14",
    ]  # fmt: skip


def test_pictures_side_by_side_are_a_gap_apart() -> None:
    text = beside([picture(0), picture(1)], width=14, height=7, gap=2)
    assert [len(line) for line in text.plain.split("\n")] == [30] * 7
    assert text.plain.split("\n")[0][14:16] == "  "
    assert beside([], width=14, height=7).plain == ""


def test_a_drawn_picture_may_be_changed_without_spoiling_the_next() -> None:
    half_blocks(picture()).append("!")
    assert "!" not in half_blocks(picture()).plain
