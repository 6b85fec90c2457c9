"""The convolutional autoencoder: images to images of exactly the same shape."""

from torch import Tensor, nn

from engine.network.architecture import Shape, plan_autoencoder
from engine.network.layers import Decoder, Encoder
from engine.network.network import Network
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec


class ConvAutoencoder(Network):
    """A convolutional autoencoder: the same number of layers in encoder and decoder, mirrored.

    Args:
        spec: what it is made of.
        image: height, width and channels of an image.
    """

    def __init__(self, spec: AutoencoderSpec, image: Shape) -> None:
        super().__init__()
        self.spec = spec
        self.plan = plan_autoencoder(spec, image)
        self.encoder = Encoder(spec, self.plan)
        self.decoder = Decoder(spec, self.plan)

    @property
    def layer_modules(self) -> list[nn.Module]:
        """See `Network`."""
        return [*self.encoder.layer_modules, *self.decoder.layer_modules]

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) in [0, 1] to reconstructions of the same shape."""
        reconstructions: Tensor = self.decoder(self.encoder(images))
        return reconstructions


def network(spec: Spec, encoder_spec: Spec, image: Shape, classes: int) -> ConvAutoencoder:  # noqa: ARG001 - as every kind
    """See `network_of`."""
    assert isinstance(encoder_spec, AutoencoderSpec)
    return ConvAutoencoder(encoder_spec, image)
