"""From the bytes of one picture to the array of an image set; as a program, for many pictures in a row.

Run as a program it is told what to do on standard input and answers on standard output, so that pictures are decoded on
every core, and one that brings its decoder down takes nothing else with it. It therefore imports nothing of ours, and
what most pictures do not need only where one does: each of these programs has to start before the first picture.
"""

import io
import json
import math
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Pillow's names of the formats that are read; an ending says nothing."""
MOST_PIXELS = 64_000_000
"""A picture of more is not decoded: a few bytes can unpack to gigabytes."""
GONE = "is no longer there"
"""Why a picture is left out that was there a moment ago."""
TINY, SMALL = 1 << 16, 4 << 20
"""Bytes of files that are read in one piece, which takes half the time that Pillow's many take."""
PIECE_BYTES = 1 << 20
"""Of images that are written at once."""
_BY_START: dict[bytes, Callable[[IO[bytes]], Image.Image]] = {
    b"\x89PNG": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.jpeg_factory,
}
_SAY_MORE = frozenset(("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"))
"""What Pillow has of a picture that may say which way up it is; it takes long to look for more."""


class Wish(NamedTuple):
    """What is to become of every picture."""

    size: tuple[int, int] | None = None  # height and width; None: as they are
    fit: str = "pad"  # pad, crop or stretch
    colour: str = "auto"  # auto, grey or rgb
    background: str = "black"  # behind what is transparent, and beside what is padded
    edge: bool = False  # whether it is padded with its own edge instead


class PictureError(Exception):
    """A picture that cannot be used; the message is the reason, `is cut short`."""


class Decoded(NamedTuple):
    """One picture."""

    data: bytes  # of the pixels, row by row
    shape: tuple[int, int, int]  # of them: (height, width, 1) or (height, width, 3)
    size: tuple[int, int]  # height and width before it was made to fit
    frames: bool  # whether it has more than the one that was taken

    @property
    def pixels(self) -> "NDArray[np.uint8]":
        """As an array of that shape, which can only be read."""
        import numpy as np

        return np.frombuffer(self.data, np.uint8).reshape(self.shape)


def decode(picture: str | bytes, wish: Wish, only: tuple[int, int] | None = None) -> Decoded:
    """The picture in a file of that path, or in those bytes.

    Grey is what has one channel, or three that are equal everywhere: many a file of a grey picture has three.

    Args:
        only: decode it only if it has this height and width, where `wish` has no size; of others there are no pixels.

    Raises:
        PictureError: it cannot be used.
    """
    try:
        if isinstance(picture, str):
            picture = _read(picture)
        if isinstance(picture, bytes):
            if not picture:
                raise PictureError("is empty")
            return _decode(_opened(picture), wish, only)
        with Image.open(picture, formats=_formats()) as opened:
            return _decode(opened, wish, only)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError("is not in a picture format that can be read") from None
    except Image.DecompressionBombError:  # Pillow's own limit, which some formats have it look at first
        raise PictureError(
            f"has more than the {MOST_PIXELS // 1_000_000} million pixels that are read at most"
        ) from None
    except FileNotFoundError:
        raise PictureError(GONE) from None
    except PermissionError:
        raise PictureError("may not be read") from None
    except MemoryError:
        raise PictureError("does not fit into memory") from None
    except Exception as error:  # Pillow's readers raise nearly anything of a damaged file
        # In ASCII, so that the answer to a chunk fits into a pipe while the next chunk waits in the other.
        words = " ".join(str(error).encode("ascii", "replace").decode().split())
        if "truncated" in words or "Truncated" in words:
            raise PictureError("is cut short") from None
        raise PictureError(f"is damaged ({words[:80] or type(error).__name__})") from None


def _decode(image: Image.Image, wish: Wish, only: tuple[int, int] | None) -> Decoded:
    if image.width * image.height > MOST_PIXELS:
        raise PictureError(
            f"has {image.width:,}×{image.height:,} pixels, and at most {MOST_PIXELS // 1_000_000} million are read"
        )
    turn = _turn(image)
    size = (image.width, image.height) if turn >= 5 else (image.height, image.width)
    frames = image.format != "MPO" and bool(
        getattr(image, "is_animated", False)
    )  # a camera's MPO has one picture twice
    if wish.size is None and only is not None and size != only:
        return Decoded(b"", (0, 0, 1), size, frames)
    if wish.size is not None and image.format in ("JPEG", "MPO"):
        # A photograph is unpacked at a half, a quarter or an eighth where that is still twice what is asked for.
        image.draft(None, (2 * max(wish.size), 2 * max(wish.size)))
    image.load()
    if turn > 1:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    flat = _flat(image, wish)
    if wish.size is not None and (flat.height, flat.width) != wish.size:
        flat = _fit(flat, wish)
    return Decoded(flat.tobytes(), (flat.height, flat.width, len(flat.getbands())), size, frames)


def _read(path: str) -> str | bytes:
    """What is in a small file; of another, its path."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        start = os.read(file, TINY)
        if len(start) < TINY:
            return start
        size = os.fstat(file).st_size
        return path if size > SMALL else start + os.read(file, size)
    finally:
        os.close(file)


def _opened(picture: bytes) -> Image.Image:
    """As `Image.open`, which takes as long to find out whose format it is as a small PNG takes to be unpacked."""
    for start, make in _BY_START.items():
        if picture.startswith(start):
            with suppress(Exception):  # of a damaged one, nearly anything; `Image.open` says what it is
                return make(io.BytesIO(picture))
    return Image.open(io.BytesIO(picture), formats=_formats())


def _formats() -> tuple[str, ...]:
    """Those that are read, known to Pillow: left to itself it would load every other one too."""
    from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401 - they tell Pillow of themselves

    return FORMATS


def _turn(image: Image.Image) -> int:
    """How it is to be turned to be the right way up, as EXIF counts: 1 for not at all, from 5 on it lies on a side."""
    if image.format == "PNG":
        image.load()  # it may say so behind its pixels
    if image.format == "TIFF" or not _SAY_MORE.isdisjoint(image.info):
        return int(image.getexif().get(0x0112, 1))
    return 1


def _flat(image: Image.Image, wish: Wish) -> Image.Image:
    """`image` in grey or in red, green and blue, eight bits each, with nothing transparent."""
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        from PIL import ImageColor

        above = image.convert("RGBA")
        below = Image.new("RGBA", above.size, ImageColor.getcolor(wish.background, "RGBA"))
        image = Image.alpha_composite(below, above).convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    if wish.colour == "rgb":
        return image.convert("RGB")
    if image.mode == "L":
        return image
    if wish.colour == "grey":
        return image.convert("L")
    middle = image.getpixel((image.width // 2, image.height // 2))
    if (
        isinstance(middle, tuple) and len(set(middle)) > 1
    ):  # most pictures with colours show them there, and looking everywhere takes long
        return image
    red, green, blue = image.split()
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, or of floats: Pillow would clip what is above 255 to white.

    One scale for every picture of a set: of a single one nobody can tell whether it is dark or counts otherwise.
    """
    import numpy as np

    values = np.asarray(image)
    low, high, most = float(values.min(initial=0)), float(values.max(initial=0)), 1 if image.mode == "F" else 65_535
    if not (low >= 0 and high <= most):  # not a number compares false
        kind = "floats " if image.mode == "F" else ""
        raise PictureError(f"has pixels from {low:.4g} to {high:.4g}, and {kind}0 to {most:,} were expected")
    found = Image.fromarray(np.rint(values * (255 / most)).astype(np.uint8))
    if isinstance(clear := image.info.get("transparency"), int):  # the one value that is transparent
        found.putalpha(Image.fromarray((values != clear).astype(np.uint8) * 255))
    return found


def _fit(image: Image.Image, wish: Wish) -> Image.Image:
    """`image`, grey or RGB, at the height and width that are wished for."""
    from PIL import ImageColor, ImageOps

    assert wish.size is not None
    height, width = wish.size
    sharp = Image.Resampling.BICUBIC
    if wish.fit == "stretch":
        return image.resize((width, height), sharp)
    if wish.fit == "crop":
        return ImageOps.fit(image, (width, height), sharp)
    scale = min(width / image.width, height / image.height)
    inside = image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)), sharp)
    if wish.edge:
        import numpy as np

        top, left = (height - inside.height) // 2, (width - inside.width) // 2
        rest = [(top, height - inside.height - top), (left, width - inside.width - left), (0, 0)]
        pixels = np.asarray(inside)
        return Image.fromarray(np.pad(pixels, rest[: pixels.ndim], mode="edge"))
    behind = Image.new(inside.mode, (width, height), ImageColor.getcolor(wish.background, inside.mode))
    behind.paste(inside, ((width - inside.width) // 2, (height - inside.height) // 2))
    return behind


def fit_array(pixels: "NDArray[np.uint8]", wish: Wish) -> "NDArray[np.uint8]":
    """An image (height, width, 1 or 3) of another source, made to fit as a picture is."""
    import numpy as np

    image = _flat(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), wish)
    if wish.size is not None and (image.height, image.width) != wish.size:
        image = _fit(image, wish)
    found = np.asarray(image)
    return found.reshape(*found.shape[:2], -1)


# -- as a program ---------------------------------------------------------------------------------


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Decode what `asked` names into an array that lies in a file, until it ends.

    The first line is JSON: the `wish`, the `file` of the array and the `shape` of an image. Every other line is a
    chunk: `items`, each the row that it goes to and its path, or its length in bytes where these follow the line; of
    one with `look`, only sizes are told. The answer to each is a line: `bad` rows with their reasons, `sizes` before
    fitting (height, width, how many pictures), how many have more `frames`, and whether one has `colour` where the
    array is grey. Such a picture is not written, nor one of another size where none is wished for.
    """
    head = json.loads(asked.readline())
    size = head["wish"]["size"]
    wish = Wish(**{**head["wish"], "size": size and tuple(size)})
    shape = tuple(head["shape"])
    each = math.prod(shape)
    piece = memoryview(bytearray(max(PIECE_BYTES // max(each, 1), 1) * each))  # always the same memory
    with open(head["file"], "r+b") as file:
        while line := asked.readline():
            chunk = json.loads(line)
            only = (-1, -1) if chunk["look"] else shape[:2]
            told = _Told(shape)
            rows: list[int] = []
            for row, what in chunk["items"]:
                pixels = told.of(row, asked.read(what) if isinstance(what, int) else what, wish, only)
                if pixels is not None:
                    piece[len(rows) * each : (len(rows) + 1) * each] = pixels
                    rows.append(row)
                    if len(rows) * each == len(piece):
                        _write(file, rows, piece, each)
                        rows.clear()
            _write(file, rows, piece, each)
            file.flush()
            answers.write(json.dumps(told.answer()).encode() + b"\n")
            answers.flush()


class _Told:
    """What is to be said of a chunk."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._bad: list[tuple[int, str]] = []
        self._sizes: dict[tuple[int, int], int] = {}
        self._frames, self._colour = 0, False

    def of(self, row: int, picture: str | bytes, wish: Wish, only: tuple[int, int]) -> bytes | None:
        """The pixels of one of its pictures, if they belong into the array."""
        try:
            pixels, (height, width, channels), size, frames = decode(picture, wish, only)
        except PictureError as error:
            self._bad.append((row, str(error)))
            return None
        self._sizes[size] = self._sizes.get(size, 0) + 1
        self._frames += frames
        self._colour = self._colour or channels > self._shape[2]
        if (height, width) != self._shape[:2] or channels > self._shape[2]:
            return None
        if channels < self._shape[2]:  # grey into three channels: the same in each
            return Image.frombytes("L", (width, height), pixels).convert("RGB").tobytes()
        return pixels

    def answer(self) -> dict[str, Any]:
        """All of it."""
        sizes = [(*size, many) for size, many in self._sizes.items()]
        return {"bad": self._bad, "sizes": sizes, "frames": self._frames, "colour": self._colour}


def _write(file: IO[bytes], rows: list[int], images: memoryview, each: int) -> None:
    """Put images into their rows of the array, those of rows in a row at once: a mapping would take a fault a page."""
    start = 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or rows[place] != rows[place - 1] + 1:
            file.seek(rows[start] * each)
            file.write(images[start * each : place * each])
            start = place


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what Pillow finds odd in a file that it reads all the same
    serve(sys.stdin.buffer, sys.stdout.buffer)
