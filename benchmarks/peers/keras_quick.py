"""The *Quick* presets' work in Keras: the same networks, images, batches, steps and peak learning rates.

    python -m benchmarks.peers.keras_quick [--seed 0]

Keras has no one-cycle schedule: its cosine decay after a warm-up of 30 % of the steps is nearest. Its own layers shift,
turn and scale the classifier's images. The encoder of the autoencoder is trained on with a head of 128 units.
"""

import argparse
import json
import os
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow
from keras import layers

from benchmarks.peers.keras_fit import recommended
from benchmarks.peers.mnist import labels, split, test

BATCH = 64


def schedule(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up to the peak in 30 % of the steps, then down to nothing."""
    warm = round(0.3 * steps)
    return keras.optimizers.schedules.CosineDecay(peak / 25, steps - warm, 0.0, warmup_target=peak, warmup_steps=warm)


def timed(model: keras.Model, images: np.ndarray, targets: np.ndarray) -> float:
    """Train for one pass, and give back the seconds of it."""
    begun = time.perf_counter()
    model.fit(images, targets, batch_size=BATCH, epochs=1, verbose=0)
    return time.perf_counter() - begun


def main() -> None:
    """Train both, and print what they come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--classifier-steps", type=int, default=840)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    training, validation = (part[..., None].astype("float32") / 255 for part in split())
    known, known_validation = labels()
    images, classes = test()
    tests = images[..., None].astype("float32") / 255
    autoencoder = recommended(2)
    for layer in autoencoder.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9  # as in the engine: 0.99 has not forgotten the first steps after so few
    autoencoder.compile(optimizer=keras.optimizers.Adam(schedule(0.03, options.steps)), loss="mse")
    order = np.random.default_rng(options.seed).permutation(len(training))
    first = training[order[: options.steps * BATCH]]
    seconds = timed(autoencoder, first, first)
    mse = float(autoencoder.evaluate(tests, tests, batch_size=256, verbose=0))

    inputs = keras.Input((28, 28, 1))
    changed = layers.RandomAffine(0.1, 0.1, 10) if hasattr(layers, "RandomAffine") else keras.Sequential(
        [layers.RandomTranslation(0.08, 0.08, fill_mode="constant"), layers.RandomRotation(0.03, fill_mode="constant"),
         layers.RandomZoom(0.1, 0.1, fill_mode="constant")]
    )  # fmt: skip
    latent = [layer for layer in autoencoder.layers if layer.output.shape[1:3] == (7, 7)][-1]
    encoder = keras.Model(autoencoder.input, latent.output)
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(encoder(changed(inputs))))
    classifier = keras.Model(inputs, layers.Dense(10, activation="softmax")(hidden))
    classifier.compile(
        optimizer=keras.optimizers.AdamW(schedule(6e-3, options.classifier_steps), weight_decay=0.01),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
    )
    order = np.random.default_rng(options.seed + 1).permutation(len(training))[: options.classifier_steps * BATCH]
    classifier_seconds = timed(classifier, training[order], keras.utils.to_categorical(known[order], 10))
    accuracy = float(np.mean(classifier.predict(tests, batch_size=256, verbose=0).argmax(1) == classes))
    on_validation = float(np.mean(classifier.predict(validation, verbose=0).argmax(1) == known_validation))
    print(json.dumps({
        "seconds": seconds, "classifier_seconds": classifier_seconds, "mse": mse, "accuracy": accuracy,
        "validation_accuracy": on_validation, "keras": keras.__version__, "tensorflow": tensorflow.__version__,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
