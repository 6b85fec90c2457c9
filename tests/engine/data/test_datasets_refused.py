"""Files that are no set of images, or not one that can be trained on: each is refused in words."""

import gzip
import os
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DatasetError, StorageError
from tests.engine.data.test_datasets import folder as folder
from tests.idx import idx_bytes, load_idx, numbers, pictures, write_idx


def refusal(
    images: Path | None = None,
    labels: Path | None = None,
    test_images: Path | None = None,
    test_labels: Path | None = None,
) -> str:
    """What `load_dataset` says when it refuses these files."""
    with pytest.raises(DatasetError) as caught:
        load_idx(images, labels, test_images, test_labels)
    return str(caught.value)


class TestRefusals:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        words = refusal(tmp_path / "nowhere")
        assert words == f"{tmp_path / 'nowhere'} does not exist: check the path of the training images."

    def test_the_field_that_names_what_is_wrong_is_told(self, folder: Path) -> None:
        images, labels, tests, gone = folder / "images", folder / "labels", folder / "test-images", folder / "gone"
        files: dict[str, list[Path | None]] = {
            "images": [gone],
            "labels": [images, gone],
            "test_images": [images, labels, gone],
            "test_labels": [images, labels, tests, gone],
        }
        for field, named in files.items():
            with pytest.raises(DatasetError) as caught:
                load_idx(*named)
            assert caught.value.field == field
        write_idx(folder / "five", np.zeros(5, np.uint8))
        files = {
            "labels": [images, folder / "five"],
            "test_labels": [images, labels, tests, folder / "five"],
        }
        for field, named in files.items():
            with pytest.raises(DatasetError, match="one label for each image") as caught:
                load_idx(*named)
            assert caught.value.field == field

    def test_each_file_is_called_by_its_role(self, folder: Path) -> None:
        images, labels, tests, gone = folder / "images", folder / "labels", folder / "test-images", folder / "gone"
        assert "path of the training labels" in refusal(images, gone)
        assert "path of the test images" in refusal(images, labels, gone)
        assert "path of the test labels" in refusal(images, labels, tests, gone)

    def test_a_folder(self, folder: Path) -> None:
        words = refusal(folder)
        assert words.startswith(str(folder))
        assert "is a folder; an IDX file of training images was expected: name the file in it." in words

    def test_something_that_is_no_file_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "is not a regular file" in refusal(tmp_path / "pipe")

    def test_a_file_that_may_not_be_read(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", denied)
        assert "images cannot be read: Permission denied. Check it, or name another file." in refusal(folder / "images")

    def test_a_file_in_a_file(self, folder: Path) -> None:
        assert "cannot be read: Not a directory" in refusal(folder / "images" / "more")

    def test_a_path_with_a_zero_byte(self) -> None:
        assert "a�b is not a path: check its spelling." in refusal(Path("a\0b"))

    def test_a_path_that_cannot_be_written_down(self) -> None:
        with pytest.raises(StorageError, match="is not valid UTF-8: rename it, or choose"):
            load_idx(Path("caf\udce9"))

    def test_a_path_is_shown_without_control_characters_and_by_its_end(self, tmp_path: Path) -> None:
        words = refusal(tmp_path / ("x" * 150 + "\x1b]0;owned\x07\n.idx"))
        assert words.isprintable()
        assert "x�]0;owned��.idx does not exist" in words
        assert words.startswith("…")

    @pytest.mark.parametrize("gz", [False, True])
    def test_an_empty_file(self, gz: bool, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(gzip.compress(b"") if gz else b"")
        assert "empty is empty; an IDX file of training images was expected" in refusal(tmp_path / "empty")

    @pytest.mark.parametrize("start", [b"\xfe", b"\0\0", b"\0\0\x07\x03" + bytes(12), b"\xdf\x10\x80\x99\0"])
    def test_a_file_that_nobody_knows_is_told_by_its_bytes(self, start: bytes, tmp_path: Path) -> None:
        (tmp_path / "other").write_bytes(start)
        words = refusal(tmp_path / "other")
        assert f"starts with the bytes {start[:4].hex(' ')};" in words
        assert "00 00 08 03 or 00 00 08 04: name another file, or convert it to IDX." in words

    def test_a_file_of_another_kind_as_labels(self, folder: Path) -> None:
        (folder / "other").write_bytes(b"\x01\x05\x00\x04")
        assert "an IDX file of training labels starts with 00 00 08 01" in refusal(folder / "images", folder / "other")

    def test_labels_given_as_images(self, folder: Path) -> None:
        words = refusal(folder / "labels", folder / "images")
        assert "labels looks like a label file: are images and labels swapped? Training images with 3 axes" in words

    def test_images_given_as_labels(self, folder: Path) -> None:
        words = refusal(folder / "images", folder / "images")
        assert "looks like an image file: are images and labels swapped? Training labels with 1 axis" in words

    @pytest.mark.parametrize("axes", [0, 2, 5, 255])
    def test_another_number_of_axes(self, axes: int, folder: Path) -> None:
        (folder / "axes").write_bytes(bytes([0, 0, 8, axes]) + bytes(2000))
        assert f"has {axes} axes. Training images with 3 axes (images, height" in refusal(folder / "axes")
        if axes != 2:
            assert f"has {axes} axes. Training labels with 1 axis" in refusal(folder / "images", folder / "axes")

    @pytest.mark.parametrize(
        ("code", "values"),
        [
            (0x09, "signed bytes"),
            (0x0B, "16-bit integers"),
            (0x0C, "32-bit integers"),
            (0x0D, "32-bit floats"),
            (0x0E, "64-bit floats"),
        ],
    )
    def test_values_of_another_type(self, code: int, values: str, folder: Path) -> None:
        (folder / "typed").write_bytes(bytes([0, 0, code, 3]) + bytes(100))
        words = refusal(folder / "typed")
        assert f"holds {values} (type code 0x{code:02X}); unsigned bytes (0x08) were expected: convert" in words
        (folder / "typed").write_bytes(bytes([0, 0, code, 1]) + bytes(100))
        assert "classes from 0" in refusal(folder / "images", folder / "typed")

    @pytest.mark.parametrize("gz", [False, True])
    def test_a_truncated_image_file_names_the_missing_bytes_and_images(self, gz: bool, tmp_path: Path) -> None:
        raw = idx_bytes(pictures())[:-65]
        (tmp_path / "images").write_bytes(gzip.compress(raw) if gz else raw)
        words = refusal(tmp_path / "images")
        assert "is cut short: its header promises 6 images (384 bytes), and 65 bytes (2 images) are missing" in words

    def test_a_truncated_label_file_names_the_missing_labels(self, folder: Path) -> None:
        (folder / "short").write_bytes(idx_bytes(numbers(0, 1, 2, 0, 1, 2))[:-2])
        assert "promises 6 labels (6 bytes), and 2 bytes (2 labels) are missing" in refusal(
            folder / "images", folder / "short"
        )

    @pytest.mark.parametrize("gz", [False, True])
    def test_a_file_that_ends_in_its_header(self, gz: bool, tmp_path: Path) -> None:
        raw = idx_bytes(pictures())[:10]
        (tmp_path / "images").write_bytes(gzip.compress(raw) if gz else raw)
        assert "ends in its header, 6 bytes of it missing" in refusal(tmp_path / "images")

    @pytest.mark.parametrize("gz", [False, True])
    def test_a_file_that_is_too_long(self, gz: bool, tmp_path: Path) -> None:
        raw = idx_bytes(pictures()) + b"!"
        (tmp_path / "images").write_bytes(gzip.compress(raw) if gz else raw)
        assert "goes on after the 384 bytes of 6 images that its header promises" in refusal(tmp_path / "images")

    def test_a_gzip_file_that_breaks_off(self, tmp_path: Path) -> None:
        whole = gzip.compress(idx_bytes(pictures()))
        for kept in (5, len(whole) // 2, len(whole) - 1):
            (tmp_path / "images").write_bytes(whole[:kept])
            assert "is a gzip file that breaks off before its end: copy or" in refusal(tmp_path / "images")

    def test_a_gzip_file_whose_checksum_is_wrong(self, tmp_path: Path) -> None:
        whole = bytearray(gzip.compress(idx_bytes(pictures())))
        whole[-8] ^= 1
        (tmp_path / "images").write_bytes(whole)
        assert re.search(r"is a damaged gzip file \(CRC check failed .*\): copy or", refusal(tmp_path / "images"))

    def test_a_gzip_file_whose_data_are_broken(self, tmp_path: Path) -> None:
        whole = gzip.compress(idx_bytes(pictures()))
        (tmp_path / "images").write_bytes(whole[:10] + b"\xff" * 50)
        assert "is a damaged gzip file (Error -3" in refusal(tmp_path / "images")

    def test_a_gzip_file_with_something_after_it(self, tmp_path: Path) -> None:
        for rest in (b"!", b"hello world"):
            (tmp_path / "images").write_bytes(gzip.compress(idx_bytes(pictures())) + rest)
            assert "is a gzip file with other bytes after its end: copy or" in refusal(tmp_path / "images")

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(position=st.integers(0, 10_000), value=st.integers(1, 255), gz=st.booleans(), cut=st.booleans())
    def test_any_damage_is_either_harmless_or_a_refusal_in_words(
        self, position: int, value: int, gz: bool, cut: bool, tmp_path: Path
    ) -> None:
        raw = bytearray(idx_bytes(pictures()))
        if gz:
            raw = bytearray(gzip.compress(raw, mtime=0))
        position %= len(raw)
        raw[position] ^= value
        (tmp_path / "damaged").write_bytes(raw[: position + 1] if cut else raw)
        try:
            found: int | str = load_idx(tmp_path / "damaged").train.images.size
        except DatasetError as error:
            found = str(error)
        # Some bytes of gzip's header and of its padding mean nothing, and a pixel can be any byte.
        assert found == 384 or (isinstance(found, str) and found.isprintable() and "damaged " in found)

    def test_more_than_fits_into_memory(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(np, "frombuffer", full)
        assert "does not fit into memory: name fewer training images." in refusal(folder / "images")

    @pytest.mark.parametrize("gz", [False, True])
    def test_a_header_that_promises_gigabytes_takes_no_memory(self, gz: bool, tmp_path: Path) -> None:
        raw = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 256, 256) + bytes(256 * 256)
        (tmp_path / "promise").write_bytes(gzip.compress(raw) if gz else raw)
        words, peak = measured(lambda: refusal(tmp_path / "promise"))
        assert "(4,294,967,294 images) are missing" in words
        assert peak < 8 << 20

    def test_a_gzip_file_that_unfolds_without_end_is_left_after_what_it_promised(self, tmp_path: Path) -> None:
        raw = idx_bytes(pictures())
        (tmp_path / "bomb").write_bytes(gzip.compress(raw + bytes(64 << 20), compresslevel=1))
        words, peak = measured(lambda: refusal(tmp_path / "bomb"))
        assert "goes on after the 384 bytes" in words
        assert peak < 8 << 20

    def test_no_images_at_all(self, folder: Path) -> None:
        none = write_idx(folder / "none", pictures(0))
        assert "holds no images: name a file with training images." in refusal(none)
        assert "holds no images: name a file with test images." in refusal(folder / "images", test_images=none)

    def test_a_single_training_image(self, folder: Path) -> None:
        one = write_idx(folder / "one", pictures(1))
        assert "holds a single image, and a set has at least 2: name more." in refusal(one)

    @pytest.mark.parametrize(("height", "width"), [(7, 8), (8, 7), (257, 8), (8, 257), (0, 8), (2**31, 2**31)])
    def test_images_that_are_too_small_or_too_large(self, height: int, width: int, tmp_path: Path) -> None:
        (tmp_path / "sized").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, height, width))
        words = refusal(tmp_path / "sized")
        assert f"holds images of {height}×{width}; height and width from 8 to 256 were expected: scale" in words

    def test_labels_of_many_numbers_each(self, folder: Path) -> None:
        many = write_idx(folder / "one-hot", np.eye(6, 10, dtype=np.uint8))
        words = refusal(folder / "images", many)
        assert "holds 10 numbers for each label; one was expected: write the number of the class alone." in words

    @pytest.mark.parametrize("colours", [2, 4, 32])
    def test_another_number_of_colours(self, colours: int, tmp_path: Path) -> None:
        images = write_idx(tmp_path / "colours", pictures(2, 9, 9, colours))
        assert "1 or 3 colours in the last place were expected" in refusal(images)

    def test_labels_of_another_number_than_images(self, folder: Path) -> None:
        five = write_idx(folder / "five", numbers(0, 1, 2, 0, 1))
        words = refusal(folder / "images", five)
        assert f"images holds 6 images and {five} 5 labels; one label for each image was expected" in words
        words = refusal(folder / "images", folder / "labels", folder / "test-images", five)
        assert "holds 3 images and" in words

    def test_test_images_of_another_shape(self, folder: Path) -> None:
        wide = write_idx(folder / "wide", pictures(3, 8, 9))
        words = refusal(folder / "images", test_images=wide)
        assert "wide holds test images of 8×9; the training images are 8×8: name test images of that shape, or" in words
        colour = write_idx(folder / "colour", pictures(3, 8, 8, 3))
        assert "holds test images in colour; the training images are grey:" in refusal(
            folder / "images", test_images=colour
        )

    def test_a_test_label_that_training_does_not_know(self, folder: Path) -> None:
        other = write_idx(folder / "other", numbers(2, 3, 7))
        words = refusal(folder / "images", folder / "labels", folder / "test-images", other)
        assert "other has the label 3 at index 1 (counted from 0); the largest training class is 2" in words

    def test_files_without_the_ones_that_they_belong_to(self, folder: Path) -> None:
        images, tests = folder / "images", folder / "test-images"
        labels, test_labels = folder / "labels", folder / "test-labels"
        assert "Test labels are named but no test images" in refusal(images, labels, None, test_labels)
        assert "Test labels are named but no training labels" in refusal(images, None, tests, test_labels)
        for given_files in ((None, labels), (None, None, tests), (None, None, None, test_labels)):
            assert "A data file is named but no training images" in refusal(*given_files)


def measured(action: Callable[[], str]) -> tuple[str, int]:
    """What `action` returns, and the most memory that it held, in bytes."""
    tracemalloc.start()
    try:
        return action(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
