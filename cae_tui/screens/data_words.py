"""What was found of an image set, in a line or two."""

from cae_tui.bridge.values import DataView
from engine.specs.data_files import shape_words


def found_words(data: DataView) -> str:
    """What was found, which rule applied, and what was done: a line."""
    left_out = f"{len(data.left_out):,} left out  [s]" if data.left_out else ""
    validation = "validation images of its own" if data.validation else ""
    return " · ".join(filter(None, (data.words, validation, data.sizes, left_out)))


def summary(data: DataView) -> str:
    """`MNIST · 28×28 grey · 10 classes`."""
    many = len(data.occurring)
    classes = "no classes" if not many else "1 class" if many == 1 else f"{many:,} classes"
    return f"{data.name} · {shape_words(data.shape)} · {classes}"
