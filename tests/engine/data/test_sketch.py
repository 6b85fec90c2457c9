"""Images are known again by a sketch of them, in whatever order and part."""

import numpy as np
import pytest

from engine.data.sketch import KEPT, share_known, sketch_of


def some(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 1), np.uint8)


def test_of_a_small_set_every_image_is_known() -> None:
    images, others = some(50, 0), some(50, 1)
    sketch = sketch_of(images)
    assert share_known(sketch, images[::-1]) == 1
    assert share_known(sketch, images[7:8]) == 1
    assert share_known(sketch, others) == 0
    assert share_known(sketch, np.concatenate([images[:10], others[:30]])) == 0.25


def test_of_a_large_set_the_share_is_an_estimate() -> None:
    images, others = some(20 * KEPT, 0), some(20 * KEPT, 1)
    sketch = sketch_of(images)
    assert len(sketch) < 12_000
    assert share_known(sketch, images[::2]) == 1
    assert share_known(sketch, others) == 0
    mixed = share_known(sketch, np.concatenate([images[:5000], others[:5000]]))
    assert mixed == pytest.approx(0.5, abs=0.1)


def test_nothing_is_told_of_too_few_or_by_what_is_damaged() -> None:
    sketch = sketch_of(some(20 * KEPT, 0))
    found = {share_known(sketch, some(1, seed)) for seed in range(100, 140)}
    assert found <= {None, 0.0}
    assert None in found
    assert share_known("no sketch", some(3, 0)) is None
    assert share_known("", some(3, 0)) is None
    assert share_known(sketch, some(0, 0)) is None
