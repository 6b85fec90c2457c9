"""The classifier on the screen."""

from cae_tui.kinds.view import KindView

VIEW = KindView(
    title="Train a classifier",
    key="c",
    about="Uses the encoder of an autoencoder",
    command="train a classifier on an autoencoder's encoder",
    form_help="Choose what the classifier is like. It is built on the encoder of an autoencoder: choose its run in the "
    "table with Enter, or type the path of a model file. `Ctrl+N` opens the form of an autoencoder.",
)
