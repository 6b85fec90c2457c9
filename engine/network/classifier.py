"""The classifier: fully connected layers on the encoder of an autoencoder, one logit a class."""

from typing import Any

from torch import Tensor, nn

from engine.network.architecture import Shape, plan_classifier
from engine.network.layers import ACTIVATIONS, Encoder, dense_layer
from engine.network.network import Network
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.classifier import ClassifierSpec


class ConvClassifier(Network):
    """The encoder of an autoencoder, then fully connected layers: one logit a class.

    Args:
        spec: what the head is made of.
        encoder_spec: the autoencoder's.
        image: height, width and channels of an image.
        classes: at least 2.
    """

    def __init__(self, spec: ClassifierSpec, encoder_spec: AutoencoderSpec, image: Shape, classes: int) -> None:
        super().__init__()
        self.spec = spec
        self.encoder_spec = encoder_spec
        self.plan = plan_classifier(spec, encoder_spec, image, classes)
        self.encoder = Encoder(encoder_spec, self.plan)
        # In one module, so that a head's weights have the names they had before there was dropout of the latent.
        modules: list[nn.Module] = [nn.Sequential(nn.Flatten(), nn.Dropout(spec.dropout))]
        for layer in self.plan.decoder:
            modules.append(dense_layer(layer))
            if layer.activated:
                modules += [ACTIVATIONS[spec.activation](), nn.Dropout(spec.dropout)]
        self.head = nn.Sequential(*modules)
        self.frozen = False

    @property
    def about(self) -> dict[str, Any]:
        """What a model file holds of it besides its spec and the shape of its images."""
        return {"encoder_spec": self.encoder_spec.model_dump(mode="json"), "classes": self.plan.decoder[-1].outputs}

    @property
    def layer_modules(self) -> list[nn.Module]:
        """See `Network`: of a fully connected layer the activation behind it, where it has one."""
        modules, place = self.encoder.layer_modules, 1
        for layer in self.plan.decoder:
            modules.append(self.head[place + layer.activated])
            place += 3 if layer.activated else 1  # dropout comes last
        return modules

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) in [0, 1] to logits (n, classes)."""
        logits: Tensor = self.head(self.encoder(images))
        return logits

    def freeze(self, frozen: bool) -> None:
        """Hold the encoder as it is, batch statistics too, or let it learn again.

        While no weight of it learns, torch keeps nothing of its passes for a gradient.
        """
        self.frozen = frozen
        self.encoder.requires_grad_(not frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> "ConvClassifier":
        """As in torch, but a frozen encoder stays in eval mode: its running statistics must not move."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self


def network(spec: Spec, encoder_spec: Spec, image: Shape, classes: int) -> ConvClassifier:
    """See `network_of`."""
    assert isinstance(spec, ClassifierSpec)
    assert isinstance(encoder_spec, AutoencoderSpec)
    return ConvClassifier(spec, encoder_spec, image, classes)
