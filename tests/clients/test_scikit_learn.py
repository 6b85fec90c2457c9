"""scikit-learn's own checks of the estimators, on rows that are made images: half a minute of small trainings."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.utils.estimator_checks import parametrize_with_checks

from cae_tui.api import AutoencoderTransformer, EncoderClassifier

FEW: dict[str, Any] = {"epochs": 1, "layers": 2, "kernels": 2, "latent": 2, "device": "cpu"}


class AnyTable:
    """Rows of any numbers are made images, squashed and repeated, so that checks which bring such rows can pass."""

    def _images(self, flat: NDArray[Any], shape: tuple[int, ...], *, fitting: bool = False) -> NDArray[np.uint8]:
        flat = np.asarray(flat, float)
        repeated = np.tile(flat / (1 + abs(flat)), -(-64 // flat.shape[1]))[:, :64]
        found: NDArray[np.uint8] = super()._images(repeated, (), fitting=fitting)  # type: ignore[misc]  # a mixin's
        return found


class TableTransformer(AnyTable, AutoencoderTransformer):
    pass


class TableClassifier(AnyTable, EncoderClassifier):
    pass


CHECKED = [
    TableTransformer(**FEW),
    TableClassifier(
        AutoencoderTransformer(**FEW), frozen_epochs=1, finetune_epochs=15, fc_units=8, batch_size=16,
        augmentation=False, device="cpu",
    ),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(CHECKED)  # type: ignore[untyped-decorator]  # scikit-learn has no types
def test_every_check_of_scikit_learn_is_passed_on_rows_that_are_made_images(estimator: Any, check: Any) -> None:
    check(estimator)
