"""The anomaly detector on the screen."""

from typing import TYPE_CHECKING

from cae_tui.kinds.view import KindView

if TYPE_CHECKING:
    from engine.network.architecture import Plan
    from engine.specs.anomaly import AnomalySpec


def _plan(spec: "AnomalySpec", shape: tuple[int, int, int]) -> "Plan":
    from engine.network.architecture import plan_anomaly

    return plan_anomaly(spec, shape)


VIEW = KindView(
    title="Find odd images",
    key="o",
    about="Learns what is normal, tells what is not",
    command="train an anomaly detector, which tells odd images from normal ones",
    form_help="Choose which classes are normal, and by what an image is told as odd. An autoencoder learns from normal "
    "images alone; a new image is odd where the autoencoder has seen nothing like it.",
    rebuilds_images=True,
    plan=_plan,
)
