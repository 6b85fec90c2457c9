"""One picture: whatever it is stored as, it becomes what a person sees."""

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data import decoder
from engine.data.decoder import PictureError, Wish, decode, fit_array
from tests.pictures import picture, pixels

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def of(content: bytes, **wish: Any) -> np.ndarray:
    return decode(content, Wish(**wish)).pixels


def first_pixel(image: Image.Image, form: str = "PNG", **wish: Any) -> list[int]:
    found: list[int] = of(saved(image, form), **wish)[0, 0].tolist()
    return found


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "TIFF", "PPM"])
def test_every_format_without_loss_gives_the_pixels(form: str) -> None:
    grey = picture(1, (9, 12), form=form)
    assert np.array_equal(of(grey), pixels(picture(1, (9, 12))))


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_formats_with_loss_are_near(form: str) -> None:
    grey = np.full((16, 16), 77, np.uint8)
    assert np.abs(of(saved(Image.fromarray(grey), form)).astype(int) - 77).max() <= 3


def test_grey_is_what_is_equal_in_all_channels() -> None:
    grey = Image.fromarray(pixels(picture(2))[..., 0])
    for mode in ("RGB", "RGBA", "P", "LA"):
        assert of(saved(grey.convert(mode))).shape == (8, 8, 1)
    assert of(saved(grey.convert("RGB"))).tolist() == pixels(picture(2)).tolist()
    assert of(saved(grey), colour="rgb").shape == (8, 8, 3)
    assert of(picture(3, mode="RGB"), colour="grey").shape == (8, 8, 1)


def test_one_bit_and_sixteen_bits_keep_their_brightness() -> None:
    assert first_pixel(Image.new("1", (8, 8), 1)) == [255]
    wide = Image.fromarray(np.full((8, 8), 65_535 // 2, np.uint16))
    assert first_pixel(wide) == [127]
    assert first_pixel(Image.fromarray(np.full((8, 8), 0.5, np.float32)), "TIFF") == [128]
    for value in (-3.0, 200.0):  # in a set with others that is one scale for all, or none
        with pytest.raises(PictureError, match=f"has pixels from .*{value:.0f}.*, and floats 0 to 1 were expected"):
            of(saved(Image.fromarray(np.full((8, 8), value, np.float32)), "TIFF"))


def test_what_is_transparent_shows_the_background() -> None:
    clear = Image.new("RGBA", (8, 8), (*RED, 0))
    assert first_pixel(clear) == [0]
    assert first_pixel(clear, background="white") == [255]
    assert first_pixel(clear, background="#00ff00") == [*GREEN]
    half = Image.new("RGBA", (8, 8), (*RED, 128))
    assert first_pixel(half, background="white") == [255, 127, 127]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*GREEN, *RED])
    assert of(saved(palette, transparency=1), background="white")[0, 0].tolist() == [255]
    assert of(saved(palette))[0, 0].tolist() == [*RED]
    assert of(saved(Image.new("L", (8, 8), 9), transparency=9), background="white")[0, 0].tolist() == [255]


def test_cmyk_becomes_red_green_and_blue() -> None:
    found = first_pixel(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    assert found[0] > 200
    assert max(found[1:]) < 60


def test_a_picture_stands_as_its_camera_was_held() -> None:
    image = Image.new("RGB", (16, 8), WHITE)
    image.paste(RED, (0, 0, 8, 8))  # the left half
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    found = decode(saved(image, "JPEG", exif=exif, quality=95), Wish())
    assert found.size == found.pixels.shape[:2] == (16, 8)
    assert found.pixels[0, 0, 1] < 60  # red is on top now
    assert found.pixels[-1, 0, 1] > 200


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("L", (8, 8), shade) for shade in (10, 200)]
    found = decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), Wish())
    assert found.frames
    assert found.pixels[0, 0].tolist() == [10]
    assert not decode(picture(1), Wish()).frames


@pytest.mark.parametrize(("fit", "corner", "middle"), [("pad", 0, 255), ("crop", 255, 255), ("stretch", 255, 255)])
def test_other_shapes_are_padded_cropped_or_stretched(fit: str, corner: int, middle: int) -> None:
    found = of(saved(Image.new("L", (32, 16), 255)), size=(16, 16), fit=fit)
    assert found.shape == (16, 16, 1)
    assert (found[0, 0, 0], found[8, 8, 0]) == (corner, middle)
    padded = of(saved(Image.new("L", (32, 16), 255)), size=(16, 16), fit="pad", background="#ff0000")
    assert padded[0, 0, 0] == 76  # how bright red is


def test_sixteen_bits_with_a_transparent_value_show_the_background_there() -> None:
    values = np.full((8, 8), 20_000, np.uint16)
    values[:, :4] = 40_000
    content = saved(Image.fromarray(values), transparency=40_000)
    for background, shade in (("black", 0), ("white", 255)):
        found = of(content, background=background)
        assert (found[0, 0].tolist(), found[0, 7].tolist()) == ([shade], [78])


def test_a_bomb_that_pillow_itself_refuses_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for form in ("GIF", "TIFF"):
        with pytest.raises(PictureError, match=r"has more than the 64 million pixels that are read at most"):
            of(saved(Image.new("L", (100, 100)), form))


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = saved(Image.new("1", (1001, 1000)))
    monkeypatch.setattr(decoder, "MOST_PIXELS", 1_000_000)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was unpacked"))
    with pytest.raises(PictureError, match=r"has 1,001×1,000 pixels, and at most 1 million are read"):
        of(bomb)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello", "is not in a picture format that can be read"),
        (picture(1, (32, 32), "RGB")[:900], "is cut short"),
        (picture(1, (32, 32), "RGB", "JPEG")[:500], "is cut short"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(PictureError) as refused:
        of(content)
    assert str(refused.value) == reason


def test_every_single_damaged_byte_gives_pixels_or_a_reason() -> None:
    whole = picture(5, (12, 12), "RGB")
    for place in range(len(whole)):
        damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        with suppress(PictureError):
            assert of(damaged).dtype == np.uint8


def test_arrays_are_made_to_fit_as_pictures_are() -> None:
    content = picture(4, (20, 12), "RGB")
    for wish in (Wish((16, 16)), Wish((8, 24), "crop", "grey"), Wish((9, 9), "stretch", "rgb", "white")):
        assert np.array_equal(fit_array(pixels(content), wish), decode(content, wish).pixels)
