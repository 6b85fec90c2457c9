"""Image sets in Parquet, as the Hub has them."""

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.datasets import ImageData, load_dataset
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.pictures import picture, pixels

NAMES = ["cat", "dog"]


def write(path: Path, shades: list[int], labels: list[object] | None, names: list[str] | None = None) -> Path:
    """Pictures in a column, as the Hub's library writes them."""
    columns: dict[str, object] = {"image": [{"bytes": picture(shade), "path": f"{shade}.png"} for shade in shades]}
    if labels is not None:
        columns["label"] = labels
    table = pa.table(columns)
    if names is not None:
        about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({b"huggingface": json.dumps(about).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def load(path: Path) -> ImageData:
    return load_dataset(DataFiles(str(path)))


def refusal(path: Path) -> str:
    with pytest.raises(DatasetError) as refused:
        load(path)
    return str(refused.value)


def test_a_set_of_the_hub_in_several_files(tmp_path: Path) -> None:
    for number in range(2):
        shades = [10 * number + n for n in range(6)]
        write(tmp_path / f"data/train-{number:05}-of-00002.parquet", shades, [n % 2 for n in range(6)], NAMES)
    write(tmp_path / "data/validation-00000-of-00001.parquet", [30, 31], [0, 1], NAMES)
    write(tmp_path / "data/test-00000-of-00001.parquet", [40, 41, 42], [1, 1, 0], NAMES)
    data = load(tmp_path)
    assert (len(data.train), data.validation, data.class_names) == (14, 2, ("cat", "dog"))
    assert data.test is not None
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [1, 1, 0]
    assert np.array_equal(data.train.images[6], pixels(picture(10)))
    assert np.array_equal(data.test.images[2], pixels(picture(42)))
    assert data.words == "Parquet, 4 files"


def test_labels_may_be_words_or_hidden(tmp_path: Path) -> None:
    path = write(tmp_path / "train.parquet", list(range(6)), ["b", "a"] * 3)
    data = load(path)
    assert data.class_names == ("a", "b")
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [1, 0] * 3
    write(tmp_path / "two" / "train.parquet", list(range(6)), [0, 1] * 3, NAMES)
    write(tmp_path / "two" / "test.parquet", [7, 8], [-1, -1], NAMES)
    hidden = load(tmp_path / "two")
    assert hidden.test is not None
    assert hidden.test.labels is None
    assert load(write(tmp_path / "none.parquet", [1, 2], None)).classes == 0


def test_bad_pictures_are_told_by_their_rows(tmp_path: Path) -> None:
    columns = {"image": [{"bytes": picture(n) if n != 4 else b"x", "path": ""} for n in range(30)]}
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    assert load(tmp_path / "train.parquet").left_out == {
        "row 5 of train.parquet": "is not in a picture format that can be read"
    }


def test_what_is_no_set_is_refused_in_words(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "text.parquet")
    assert "has the columns text; one with the bytes of pictures was expected" in refusal(tmp_path / "text.parquet")
    whole = write(tmp_path / "some.parquet", [1, 2, 3], [0, 1, 0]).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(80):
        damaged = bytearray(whole)
        damaged[random.integers(4, len(whole))] ^= 0xFF
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        with suppress(DatasetError):  # or else it is a set all the same
            load(tmp_path / "damaged.parquet")
