"""What is exported as ONNX: a network whose answers have names and need nothing after them."""

import torch
from torch import Tensor, nn

from engine.network.network import Network
from engine.network.views import views


class OnnxModule(nn.Module):
    """Answers as `engine.exporters.comparison.output_names` names them, in that order.

    Args:
        network: as it was trained.
        classes: 0 of what rebuilds images.
        in_views: whether probabilities are averaged over views of an image, as the run was measured.
    """

    def __init__(self, network: Network, *, classes: int, in_views: bool) -> None:
        super().__init__()
        self.network, self.classes, self.in_views = network, classes, in_views
        self.encoder = network.get_submodule("encoder")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(n, channels, height, width) in [0, 1]; each answer is (n, …)."""
        answers = self.network(images)
        latent = self.encoder(images).flatten(1)
        if not self.classes:
            return answers, latent
        shares = answers.softmax(1)
        if self.in_views:
            _, *others = views(images)
            shares = torch.stack([shares, *(self.network(view).softmax(1) for view in others)]).mean(0)
        return shares, answers, latent
