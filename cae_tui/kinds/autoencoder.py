"""The convolutional autoencoder on the screen."""

from typing import TYPE_CHECKING

from cae_tui.kinds.view import KindView

if TYPE_CHECKING:
    from engine.network.architecture import Plan
    from engine.specs.autoencoder import AutoencoderSpec


def _plan(spec: "AutoencoderSpec", shape: tuple[int, int, int]) -> "Plan":
    from engine.network.architecture import plan_autoencoder

    return plan_autoencoder(spec, shape)


VIEW = KindView(
    title="Train an autoencoder",
    key="a",
    about="Choose its hyperparameters",
    command="train a convolutional autoencoder",
    form_help="Choose what the autoencoder is like. Its layers are shown beside the form as you type.",
    rebuilds_images=True,
    plan=_plan,
)
