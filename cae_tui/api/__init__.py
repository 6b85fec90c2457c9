"""cae-tui from Python: load models, train, list runs, and two estimators for scikit-learn. See docs/python.md."""

from cae_tui.api.estimators import AutoencoderTransformer, EncoderClassifier
from cae_tui.api.listing import runs
from cae_tui.api.model import Model, Pictures, load
from cae_tui.api.training import Training, resume, train
from engine.errors import EngineError

__all__ = [
    "AutoencoderTransformer",
    "EncoderClassifier",
    "EngineError",
    "Model",
    "Pictures",
    "Training",
    "load",
    "resume",
    "runs",
    "train",
]
