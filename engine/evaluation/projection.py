"""Latents on a plane: along their first two principal directions at once, or by t-SNE, which keeps neighbours together.

t-SNE is openTSNE's, an optional package: 13 MB, and it can be stopped between its iterations. (UMAP needs numba and
LLVM, 208 MB, takes as long for 10,000 images, and cannot be stopped.)
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.aside import aside
from engine.evaluation.model import Told

PERPLEXITY = 30
ITERATIONS = (250, 500)
"""Of early exaggeration, and then."""
EVERY = 5
"""Iterations between two looks at whether it is to go on."""
FEWEST = 8
"""Images that t-SNE is for, at least."""

Plane = NDArray[np.float32]
"""Shape (n, 2)."""


class _Left(Exception):  # noqa: N818 - no error
    """Nobody waits for it any more."""


def missing() -> str:
    """What has to be installed for t-SNE, as a sentence; empty where it is there."""
    if find_spec("openTSNE") is not None:
        return ""
    return "t-SNE is made by openTSNE, which is not installed: pip install 'cae-tui[map]'."


def principal(reduced: NDArray[np.float32]) -> Plane:
    """The places along the first two directions; along a single one, all are in a line."""
    plane = np.zeros((len(reduced), 2), np.float32)
    plane[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    return plane


def tsne(reduced: NDArray[np.float32], told: Told, look: Callable[[Plane], None] = lambda _: None) -> Plane:
    """Where t-SNE puts images of which `reduced`, shape (n, k), are the latents' principal components.

    The same numbers give the same places: it begins with the first two components, and nothing is drawn at random.

    Args:
        told: is told how many iterations are done, and of how many; what it raises ends the work.
        look: is shown the places as they come.
    """
    if len(reduced) < FEWEST:
        return principal(reduced)
    import os

    from openTSNE import TSNE

    every = sum(ITERATIONS)
    done, left = 0, False

    def heard(_iteration: int, _error: float, embedding: NDArray[np.float64]) -> None:
        nonlocal done
        if left:
            raise _Left
        done += EVERY
        look(np.array(embedding, np.float32))

    made = TSNE(
        perplexity=min(PERPLEXITY, (len(reduced) - 1) / 3), early_exaggeration_iter=ITERATIONS[0],
        n_iter=ITERATIONS[1], initialization="pca", random_state=0, n_jobs=os.cpu_count() or 1,
        callbacks=[heard], callbacks_every_iters=EVERY,
    )  # fmt: skip
    try:
        found = aside(lambda: made.fit(np.asarray(reduced, np.float64)), lambda: told(min(done, every), every))
    except BaseException:
        left = True
        raise
    return np.array(found, np.float32)
