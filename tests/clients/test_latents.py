"""Latents in the formats of others, read by what they are for."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.exporters.latents import ParquetWriter, Rows, Shape


@pytest.mark.parametrize("classes", [None, ["bar", "dot"]])
def test_parquet_has_the_columns_of_the_table_and_its_numbers_exactly(
    classes: list[str] | None, tmp_path: Path
) -> None:
    latents = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    shape = Shape(numbers=5, most=2, has_classes=classes is not None, image=(8, 8, 1))
    with ParquetWriter(tmp_path / "it", shape) as writer:
        for row in range(2):
            own = None if classes is None else classes[row : row + 1]
            rows = slice(row, row + 1)
            writer.add(Rows([f"{row}\udcff.png"], own, latents[rows], np.zeros((1, 8, 8, 1), np.uint8)))
        writer.add(Rows([], None if classes is None else [], latents[:0], np.zeros((0, 8, 8, 1), np.uint8)))
    assert writer.check() == "read back, 2 rows of 5 numbers"
    table = pq.read_table(tmp_path / "it")
    assert table.column_names == ["picture", *(["class"] if classes else []), *(f"z{n}" for n in range(5))]
    assert table["picture"].to_pylist() == ["0\\udcff.png", "1\\udcff.png"]
    if classes:
        assert table["class"].to_pylist() == classes
    np.testing.assert_array_equal(np.stack([table[f"z{n}"].to_numpy() for n in range(5)], axis=1), latents)
