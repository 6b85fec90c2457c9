"""t-SNE, by openTSNE."""

import numpy as np
import pytest

from engine.evaluation import projection

pytest.importorskip("openTSNE")


def test_tsne_gives_the_same_map_again_and_ends_where_it_is_given_up() -> None:
    reduced = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    seen: list[np.ndarray] = []
    plane = projection.tsne(reduced, lambda done, of: None, seen.append)
    assert plane.shape == (60, 2)
    assert (plane == projection.tsne(reduced, lambda done, of: None)).all()
    assert len(seen) > 100

    def told(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        projection.tsne(reduced, told)


def test_few_images_are_left_where_their_components_are() -> None:
    reduced = np.arange(12, dtype=np.float32).reshape(6, 2)
    assert (projection.tsne(reduced, lambda done, of: None) == reduced).all()
    assert projection.missing() == ""
