"""The 2020 report's recipe in Keras: `model.fit` with Adam on mean squared error.

    python -m benchmarks.peers.keras_fit [--architecture report] [--steps 60] [--batch 128]
    python -m benchmarks.peers.keras_fit --until 0.0011 --epochs 40 --folder FOLDER

With `--until`, it trains on all images until the validation loss is no more than that. Each epoch is written into
`FOLDER/epochs.jsonl`, and a second call goes on after the last of them.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow
from keras import layers

from benchmarks.peers.mnist import split

KERNELS = 32


def block(images: object, activation: str = "relu", kind: type = layers.Conv2D, stride: int = 1) -> object:
    """Convolution, batch norm, activation."""
    images = kind(KERNELS, 3, strides=stride, padding="same")(images)
    return layers.Activation(activation)(layers.BatchNormalization()(images))


def report() -> keras.Model:
    """The 2020 report's network."""
    images = inputs = keras.Input((28, 28, 1))
    for _ in range(2):
        images = layers.MaxPooling2D(2)(block(images))
    for _ in range(6):
        images = block(images)
    images = block(layers.UpSampling2D(2)(images))
    images = layers.UpSampling2D(2)(images)
    return keras.Model(inputs, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(images))


def recommended(between: int = 6) -> keras.Model:
    """The network of this project's *Recommended* preset, or one with fewer convolutions of 7×7 images."""
    images = inputs = keras.Input((28, 28, 1))
    for _ in range(2):
        images = block(images, "silu", stride=2)
    for _ in range(between):
        images = layers.Add()([images, block(images, "silu")])
    images = block(images, "silu", layers.Conv2DTranspose, 2)
    images = layers.Conv2D(4, 3, padding="same")(images)
    return keras.Model(inputs, layers.Lambda(lambda value: tensorflow.nn.depth_to_space(value, 2))(images))


class Watch(keras.callbacks.Callback):
    """The time of each step and epoch; ends the training where it is good enough, or long enough."""

    def __init__(self, steps: int, until: float, file: Path) -> None:
        super().__init__()
        self.most, self.until, self.file = steps, until, file
        self.ends: list[float] = []  # of each step
        self.begun = time.perf_counter()

    def on_train_begin(self, logs: object = None) -> None:  # noqa: ARG002 - as Keras calls it
        """The clock starts with `fit`, the building of its graph in it."""
        self.begun = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002 - as Keras calls it
        """What was written after the epoch before is none of its time."""
        if self.ends:
            self.begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - as Keras calls it
        """A step is over."""
        self.ends.append(time.perf_counter())
        if self.most and len(self.ends) >= self.most:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """An epoch is over, its validation in it."""
        if self.until:
            now = time.perf_counter()
            loss = float((logs or {})["val_loss"])
            with self.file.open("a") as file:
                file.write(json.dumps({"epoch": epoch + 1, "seconds": now - self.begun, "val_loss": loss}) + "\n")
            if loss <= self.until:
                self.model.stop_training = True


def main() -> None:
    """Train, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=("report", "recommended"), default="report")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--until", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, default=Path("build") / "keras")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    training, validation = (part[..., None].astype("float32") / 255 for part in split())
    model = {"report": report, "recommended": recommended}[options.architecture]()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    watch = Watch(0 if options.until else options.steps, options.until, options.folder / "epochs.jsonl")
    callbacks = [watch]
    if options.until:
        options.folder.mkdir(parents=True, exist_ok=True)
        callbacks.append(keras.callbacks.BackupAndRestore(str(options.folder / "backup"), delete_checkpoint=False))
    model.fit(
        training[: None if options.until else options.steps * options.batch],
        training[: None if options.until else options.steps * options.batch],
        batch_size=options.batch,
        epochs=options.epochs if options.until else 1,
        validation_data=(validation, validation) if options.until else None,
        callbacks=callbacks,
        verbose=0,
    )
    steady = watch.ends[len(watch.ends) // 3 :]
    found = {
        "ms_per_step": 1000 * (steady[-1] - steady[0]) / (len(steady) - 1) if len(steady) > 1 else None,
        "keras": keras.__version__,
        "tensorflow": tensorflow.__version__,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
