"""The random choices made of images, each from its own stream of the run's seed, so that none moves another."""

import numpy as np

ORDER, SPLIT, SUBSET, SPLIT_TIES, SUBSET_TIES, LIMIT, FOLDS, EACH_CLASS = range(8)


def generator(seed: int, *stream: int) -> np.random.Generator:
    """numpy's PCG64, whose SeedSequence is made of `seed` and `stream` (all at least 0) alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream)))
