"""Pictures, archives, arrays and tables: whatever is in them, they are an image set or a sentence."""

import io
import tarfile
import zipfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from engine.data import decoder, pictures
from engine.data.datasets import ImageData, load_dataset
from engine.data.decoder import PictureError, Wish, decode
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.fuzz.mutations import damaged
from tests.fuzz.outcome import accepted_share, value_or_sentence
from tests.pictures import picture

ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
FORMS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")

one_picture = st.builds(
    lambda shade, form, mode, size: picture(shade, size, "RGB" if form in ("JPEG", "WEBP", "PPM") else mode, form),
    st.integers(0, 3), st.sampled_from(FORMS), st.sampled_from(["L", "RGB", "1", "P"]),
    st.sampled_from([(8, 8), (8, 8), (9, 12)]),
)  # fmt: skip
PICTURES = st.one_of(one_picture, one_picture.flatmap(damaged), one_picture.flatmap(damaged), st.binary(max_size=60))
names = st.sampled_from(
    ["train/a/1.png", "train/b/2.png", "train/a/3.png", "test/a/4.png", "val/b/5.png", "a/6.png", "7.png", "../8.png",
     "/9.png", "x/metadata.csv", "metadata.csv", ".git/1.png", "a/b/c/d.PNG", "\x1b[31m/1.png", "con/1.png"]
)  # fmt: skip
METADATA = st.sampled_from([b"file_name,label\n7.png,a\n", b"file_name,label\n", b"\xff\xfe", b"", b'"', b"a,b\n1,2\n"])
good_names = st.sampled_from(["a/1.png", "a/2.png", "b/3.png", "b/4.png", "c/d/5.png"])
good_members = st.lists(st.tuples(good_names, st.builds(picture, st.integers(0, 9))), min_size=3, max_size=6)
members = st.one_of(good_members, st.lists(st.tuples(names, PICTURES | METADATA), max_size=8))
arrays = st.dictionaries(
    st.sampled_from(["images", "x_train", "train_images", "train_labels", "labels", "val_images", "test_images", "z"]),
    st.builds(
        lambda shape, kind, low, high: np.asarray(np.random.default_rng(0).uniform(low, high, shape)).astype(kind),
        st.sampled_from([(6, 8, 8), (6, 8, 8, 3), (6, 3, 8, 8), (6,), (6, 1), (6, 3), (6, 64), (2, 8, 8), (), (0, 8)]),
        st.sampled_from(["u1", "i4", "f4", "f8", "?", "u2", "U3", "c8"]),
        st.sampled_from([0.0, -1.0, -1e9]), st.sampled_from([1.0, 255.0, 3.0, 65_535.0, 1e9]),
    ),
    max_size=4,
)  # fmt: skip


def zip_of(files: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in dict(files).items():
            archive.writestr(name, data)
    return out.getvalue()


def tar_of(files: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def npz_of(values: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **values)
    return out.getvalue()


def mat_of(values: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    images = np.zeros((8, 8, 3, 5), np.uint8)
    savemat(out, {"X": images, "y": np.arange(5)[:, None], **values}, do_compression=True)
    return out.getvalue()


cells = st.sampled_from(["0", "255", "1.5", "x", "-3", "nan", "1e99", "", '"', "٣"])
tables = st.builds(
    lambda head, rows: "\n".join([*head, *(",".join(row) for row in rows)]).encode(),
    st.sampled_from([[], ["label," + ",".join(map(str, range(64)))], [",".join(f"p{n}" for n in range(64))]]),
    st.lists(
        st.builds(lambda one, cell, count: [one, *([cell] * count)], cells, cells, st.sampled_from([63, 64, 64, 65])),
        max_size=4,
    ),
)  # fmt: skip
zips, tars, npzs = members.map(zip_of), members.map(tar_of), arrays.map(npz_of)
mats = st.sampled_from([{}, {"y": np.array(["a"])}, {"X": np.zeros((8, 8))}]).map(mat_of)
FILES = st.one_of(
    *(st.one_of(good, good, good.flatmap(damaged)) for good in (zips, tars, npzs, mats, tables, one_picture)),
    st.binary(max_size=200),
)
WISHES = st.sampled_from(
    [Preprocessing(), Preprocessing(size="8x8"), Preprocessing(size="8x8", colour="grey", fit="crop"),
     Preprocessing(classes="a,b", limit_per_class=2, size="9x9"),
     Preprocessing(table_shape="8x8", background="#ff0000")]
)  # fmt: skip


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode here: thousands of processes would take hours, and what they are told is the same."""

    class Here:
        """What is written to it is the head and then a chunk a time; each line that is read answers the next chunk."""

        def __init__(self) -> None:
            self.stdin = self.stdout = self
            self._given: deque[bytes] = deque()
            self._head = b""

        def write(self, data: bytes) -> None:
            if self._head:
                self._given.append(data)
            else:
                self._head = data

        def readline(self) -> bytes:
            out = io.BytesIO()
            decoder.serve(io.BytesIO(self._head + self._given.popleft()), out)
            return out.getvalue()

        def flush(self) -> None: ...

        def kill(self) -> None: ...

        def communicate(self) -> None: ...

    monkeypatch.setattr(pictures, "_started", Here)


def load(data: bytes, folder: Path, wish: Preprocessing = Preprocessing()) -> ImageData:  # noqa: B008 - immutable
    (folder / "some").write_bytes(data)
    return load_dataset(DataFiles(str(folder / "some"), preprocessing=wish))


@given(data=PICTURES, wish=st.sampled_from([Wish(), Wish((8, 8)), Wish((20, 9), "crop", "rgb", "white")]))
def test_any_bytes_are_a_picture_or_a_reason(data: bytes, wish: Wish) -> None:
    found = value_or_sentence("pictures", lambda: decode(data, wish), PictureError)
    if found is not None:
        assert found.pixels.dtype == np.uint8
        assert found.pixels.ndim == 3


@ONCE
@given(data=FILES, wish=WISHES)
def test_any_file_is_a_set_or_a_sentence(data: bytes, wish: Preprocessing, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = value_or_sentence("own images", lambda: load(data, folder, wish), DatasetError)
    if found is not None:
        assert found.train.images.dtype == np.uint8
        assert found.digest


@ONCE
@given(files=members, wish=WISHES)
def test_any_folder_is_a_set_or_a_sentence(
    files: list[tuple[str, bytes]], wish: Preprocessing, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name, data in files:
        path = folder / name.removeprefix("../").removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    value_or_sentence("own images", lambda: load_dataset(DataFiles(str(folder), preprocessing=wish)), DatasetError)


@pytest.mark.parametrize("good", [zips, npzs, PICTURES], ids=["zip", "npz", "picture"])
def test_a_good_part_is_taken(good: st.SearchStrategy[bytes], tmp_path: Path) -> None:
    def takes(data: bytes) -> bool:
        try:
            decode(data, Wish()) if good is PICTURES else load(data, tmp_path)
        except (DatasetError, PictureError):
            return False
        return True

    assert 0.005 < accepted_share(good, takes) < 0.9
