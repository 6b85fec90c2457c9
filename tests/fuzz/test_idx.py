"""Image files: headers that lie, lengths that do not fit, gzip streams that never end."""

import gzip
import io
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.sources.idx import IdxFile
from engine.errors import DatasetError
from tests.fuzz.mutations import damaged
from tests.fuzz.outcome import accepted_share, value_or_sentence
from tests.idx import idx_bytes, load_idx, numbers, pictures

READER = "idx"
BOMB = gzip.compress(bytes(16 << 20), 1)
"""16 MiB of nothing in 70 kB."""
ROLES = ("training images", "training labels", "test images", "test labels")

sizes = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 9, 28, 256, 257, 65_536, 2**31 - 1, 2**31, 2**32 - 1])
headers = st.builds(
    lambda zeros, kind, axes, each: zeros + bytes([kind, axes]) + b"".join(size.to_bytes(4, "big") for size in each),
    st.sampled_from([b"\0\0", b"\0\0", b"\0\0", b"\0\1", b"\x1f\x8b"]),
    st.sampled_from([8, 8, 8, 8, 9, 0x0B, 0x0C, 0x0D, 0x0E, 0, 255]),
    st.sampled_from([1, 3, 3, 4, 0, 2, 5, 255]),
    st.lists(sizes, max_size=5),
)
images = st.builds(pictures, st.integers(2, 6), st.integers(8, 10), st.integers(8, 10), st.sampled_from([None, 3])).map(
    idx_bytes
)
labels = st.lists(st.integers(0, 4), min_size=1, max_size=6).map(lambda each: idx_bytes(numbers(*each)))


def files_from(good: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Good files, and such with something wrong in the header, the values or the gzip stream around them."""
    plain = st.one_of(
        good,
        good,
        good.flatmap(damaged),
        good.flatmap(lambda data: damaged(data, 24)),
        st.builds(lambda head, data: head + data[16:], headers, good),
        st.builds(lambda head, body: head + body, headers, st.binary(max_size=64)),
    )
    zipped = plain.map(lambda data: gzip.compress(data, 1, mtime=0))
    return st.one_of(plain, zipped, zipped.flatmap(damaged), st.binary(max_size=40))


IMAGE_FILES, LABEL_FILES = files_from(images), files_from(labels)
named = st.one_of(
    st.tuples(IMAGE_FILES, st.sampled_from(ROLES[::2])),
    st.tuples(LABEL_FILES, st.sampled_from(ROLES[1::2])),
    st.tuples(IMAGE_FILES | LABEL_FILES, st.sampled_from(ROLES)),
)


def read(data: bytes, role: str, folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What a file of that content holds."""
    path = folder / "file"
    path.write_bytes(data)
    return IdxFile(path, role).read()


@given(named=named)
def test_any_file_is_an_array_or_a_sentence(named: tuple[bytes, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    data, role = named
    found = value_or_sentence(READER, lambda: read(data, role, tmp_path_factory.getbasetemp()), DatasetError)
    if found is not None:
        assert found.dtype == np.uint8
        assert found.ndim in ((1,) if "labels" in role else (3, 4))


@given(head=headers, body=st.binary(max_size=64), gz=st.booleans(), role=st.sampled_from(ROLES))
def test_memory_is_taken_for_what_is_there_and_not_for_what_a_header_claims(
    head: bytes, body: bytes, gz: bool, role: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = gzip.compress(head + body, 1) if gz else head + body
    tracemalloc.start()
    try:
        value_or_sentence(READER, lambda: read(data, role, tmp_path_factory.getbasetemp()), DatasetError)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@given(head=headers | images.map(lambda data: data[: 4 + 4 * data[3]]), role=st.sampled_from(ROLES[::2]))
def test_a_gzip_bomb_takes_no_more_memory_than_its_header_asks_for(
    head: bytes, role: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Two members: a reader goes on from the first, the header, into the second.
    data = gzip.compress(head, 1) + BOMB
    path = tmp_path_factory.getbasetemp() / "bomb"
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)
    axes = head[3]
    each = [int.from_bytes(head[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes)]
    asked = min(math.prod(each), 16 << 20) if len(head) >= 4 + 4 * axes else 0
    tracemalloc.start()
    try:
        value_or_sentence(READER, lambda: IdxFile(path, role).read(), DatasetError)
        assert tracemalloc.get_traced_memory()[1] < 1.3 * asked + (4 << 20)
    finally:
        tracemalloc.stop()


def test_a_bomb_of_labels_takes_no_more_memory_than_the_images_have_labels(tmp_path: Path) -> None:
    count = 16 << 20
    (tmp_path / "images").write_bytes(idx_bytes(pictures(4, 8, 8, None)))
    (tmp_path / "labels").write_bytes(gzip.compress(b"\0\0\x08\1" + count.to_bytes(4, "big"), 1) + BOMB)
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=r"holds 4 images and .* 16,777,216 labels"):
            load_idx(tmp_path / "images", tmp_path / "labels")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@given(files=st.tuples(IMAGE_FILES, *(st.none() | each for each in (LABEL_FILES, IMAGE_FILES, LABEL_FILES))))
def test_any_four_files_are_a_data_set_or_a_sentence(
    files: tuple[bytes, bytes | None, bytes | None, bytes | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    paths: list[Path | None] = []
    for place, data in enumerate(files):
        paths.append(None if data is None else folder / f"{place}")
        if data is not None:
            (folder / f"{place}").write_bytes(data)
    found = value_or_sentence(READER, lambda: load_idx(*paths), DatasetError)
    if found is not None:
        assert len(found.train) >= 2


def test_a_good_part_of_the_files_is_taken(tmp_path: Path) -> None:
    def takes(data: bytes) -> bool:
        try:
            read(data, "training images", tmp_path)
        except DatasetError:
            return False
        return True

    assert 0.05 < accepted_share(IMAGE_FILES, takes) < 0.8


def test_the_bomb_is_one() -> None:
    assert len(BOMB) < 1 << 17
    assert len(gzip.GzipFile(fileobj=io.BytesIO(BOMB)).read()) == 16 << 20
