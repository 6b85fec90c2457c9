"""A trained model in a program."""

import copy
import pickle
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cae_tui.api import EngineError, Model, load, runs
from engine.evaluation.given import given_images, made_ready
from tests.api.conftest import NAMES, Trained, drawn


@pytest.fixture(scope="module")
def autoencoder(trained: Trained) -> Model:
    return load(trained.autoencoder, trained.home)


@pytest.fixture(scope="module")
def classifier(trained: Trained) -> Model:
    return load(trained.classifier, trained.home)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of 16×16, in a folder for each class."""
    for number, (image, label) in enumerate(zip(*drawn(6, 3), strict=True)):
        path = tmp_path / "pictures" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((16, 16), Image.Resampling.NEAREST).save(path)
    return tmp_path / "pictures"


def test_a_model_says_what_it_is(autoencoder: Model, classifier: Model, trained: Trained) -> None:
    assert (classifier.name, classifier.kind) == (trained.classifier, "classifier")
    assert classifier.class_names == NAMES
    assert autoencoder.class_names == ()
    assert classifier.image_shape == (8, 8, 1)
    assert autoencoder.latent_shape == (6,)
    assert autoencoder.spec.model_dump()["latent"] == 6
    assert classifier.autoencoder is not None
    assert classifier.autoencoder.kind == "autoencoder"
    assert repr(classifier) == f"Model('{trained.classifier}', classifier, 8×8 grey, 2 classes)"


def test_a_model_is_found_by_the_beginning_of_an_id_by_its_folder_and_by_its_file(trained: Trained) -> None:
    run = trained.home / "runs" / trained.autoencoder
    images, _ = drawn(3)
    wanted = load(trained.autoencoder[:6], trained.home).encode(images)
    for place in (run, run / "model.safetensors", str(run / "model.safetensors")):
        assert np.array_equal(load(place).encode(images), wanted)


def test_a_classifier_tells_bars_from_dots_that_it_has_not_seen(classifier: Model) -> None:
    images, labels = drawn(40, 7)
    predicted = classifier.predict(images)
    assert predicted.dtype == np.int64
    assert (np.array(classifier.class_names)[predicted] == labels).mean() > 0.9
    probabilities = classifier.predict_proba(images)
    assert probabilities.shape == (40, 2)
    assert np.allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == predicted).all()


def test_whole_numbers_floats_and_every_shape_mean_the_same_images(classifier: Model) -> None:
    images, _ = drawn(5)
    wanted = classifier.predict_proba(images)
    for same in (
        images[..., None],
        images.astype(np.int64),
        images / 255,
        (images / 255).astype(np.float32),
        list(images),
    ):
        assert np.array_equal(classifier.predict_proba(same), wanted)
    for single in (images[0], images[0][..., None], images[0] / 255):
        assert np.allclose(classifier.predict_proba(single), wanted[:1], atol=1e-6)


def test_a_latent_is_decoded_to_what_the_autoencoder_rebuilds(autoencoder: Model) -> None:
    images, _ = drawn(300)  # more than go through the network at once
    latents = autoencoder.encode(images)
    assert latents.shape == (300, 6)
    rebuilt = autoencoder.reconstruct(images)
    assert rebuilt.shape == (300, 8, 8, 1)
    assert rebuilt.dtype == np.float32
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1
    assert np.allclose(autoencoder.decode(latents), rebuilt, atol=1e-6)
    assert np.allclose(autoencoder.decode(latents[0]), rebuilt[:1], atol=1e-6)
    cut = ((rebuilt[..., 0] - images / 255) ** 2).mean((1, 2))
    errors = autoencoder.errors(images)
    assert (errors > 0.99 * cut).all()  # for cut to 0 to 1 an image is only closer
    assert errors.mean() < 1.5 * cut.mean()


def test_a_convolutional_latent_is_decoded_flat_and_in_its_own_shape(tmp_path: Path) -> None:
    from cae_tui.api import train

    images, _ = drawn(30)
    training = train(
        "autoencoder",
        data=images,
        epochs=1,
        layers=4,
        kernels=3,
        batch_size=8,
        device="cpu",
        home=tmp_path,
        progress=False,
    )
    training.wait()
    model = training.model
    assert model.latent_shape == (3, 4, 4)
    latents = model.encode(images)
    assert latents.shape == (30, 48)
    wanted = model.reconstruct(images)
    assert np.allclose(model.decode(latents), wanted, atol=1e-6)
    assert np.allclose(model.decode(latents.reshape(30, 3, 4, 4)), wanted, atol=1e-6)


def test_paths_are_read_as_the_training_images_were_and_keep_their_names(classifier: Model, folder: Path) -> None:
    found = classifier.read(folder)
    assert [Path(name).name for name in found.names] == ["0.png", "2.png", "4.png", "1.png", "3.png", "5.png"]
    assert found.images.shape == (6, 8, 8, 1)
    assert found.labels is not None
    assert (classifier.predict(folder) == found.labels).all()
    assert np.array_equal(classifier.predict_proba(folder), classifier.predict_proba(found.images))
    one = folder / "bar" / "0.png"
    for same in (one, str(one), [one], [str(one)]):
        assert np.array_equal(classifier.encode(same), classifier.encode(found.images[:1]))
    assert classifier.predict("digits").shape == (1797,)


def test_dark_drawings_on_light_are_inverted_with_a_warning_and_arrays_are_left_alone(
    classifier: Model, folder: Path
) -> None:
    one = folder / "bar" / "0.png"
    light = Image.open(one)
    inverted = Image.eval(light, lambda shade: 255 - shade)
    wanted = classifier.predict_proba(one)
    inverted.save(folder / "inverted.png")
    asked: tuple[Callable[[Path], Any], ...] = (
        classifier.predict_proba, classifier.predict, classifier.encode, classifier.read,
    )  # fmt: skip
    for ask in asked:
        with pytest.warns(UserWarning, match="Inverted 1 of 1 image: the model learned from light on dark") as warned:
            found = ask(folder / "inverted.png")
        assert [warning.filename for warning in warned] == [__file__]  # where one looks for it
        if ask == classifier.predict_proba:
            assert np.allclose(found, wanted, atol=0.01)  # which was rounded
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.allclose(classifier.predict_proba(np.asarray(inverted.resize((8, 8)))), wanted, atol=0.01)


def test_pictures_are_centred_with_a_warning_for_a_model_of_centred_ones_as_the_command_does(
    classifier: Model, folder: Path
) -> None:
    engine = classifier._model
    centred = Model(replace(engine, facts=replace(engine.facts, centred=True)))
    page = np.full((64, 64), 255, np.uint8)
    page[5:25, 8:14] = 20  # a bar of ink, off the middle
    Image.fromarray(page).save(folder / "page.png")
    sentence = (
        "Inverted 1 and centred 1 of 1 image: the model learned from light on dark, centred as MNIST's digits are"
    )
    with pytest.warns(UserWarning, match=sentence):
        found = centred.read(folder / "page.png")
    wanted = made_ready(centred._model, given_images(centred._model, [str(folder / "page.png")]))
    assert np.array_equal(found.images, wanted.images)
    with pytest.warns(UserWarning, match=sentence):
        assert np.array_equal(centred.predict_proba(folder / "page.png"), centred.predict_proba(wanted.images))


def test_a_set_of_dark_on_light_is_inverted_as_a_whole(classifier: Model, tmp_path: Path) -> None:
    images, labels = drawn(30, 5)
    images[:1] = 255 - images[:1]  # which of itself is the other way round
    np.savez(tmp_path / "turned.npz", images=255 - images, labels=(labels == "dot").astype(int))
    with pytest.warns(UserWarning, match="Inverted 30 of 30 images: the model learned from light on dark"):
        found = classifier.read(tmp_path / "turned.npz")
    assert np.array_equal(found.images[..., 0], images)


def test_a_picture_that_cannot_be_read_is_named_and_nothing_is_answered(classifier: Model, folder: Path) -> None:
    whole = (folder / "bar" / "0.png").read_bytes()
    (folder / "bar" / "0.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dot" / "1.png").write_bytes(b"nothing")
    with pytest.raises(EngineError, match=r"0\.png .*, and 1 more cannot be used: mend or remove it"):
        classifier.predict(folder)


pytestmark = pytest.mark.filterwarnings("ignore:The validation")  # that so little is learned

GREY = np.zeros((2, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((2, 9, 9), np.uint8), r"shape \(2, 9, 9\); \(n, 8, 8\) or \(n, 8, 8, 1\) was expected"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"shape \(2, 8, 8, 3\); \(n, 8, 8\) or \(n, 8, 8, 1\) was expected"),
        (np.zeros(64, np.uint8), r"shape \(64,\)"),
        (GREY[:0], "There are no images: give at least one"),
        ([], r"shape \(0,\)"),
        (GREY.astype(float) + 200, "floats from 0 to 200; 0 to 1 were expected: divide them by 255"),
        (GREY.astype(float) + 16, "floats from 0 to 16; 0 to 1 were expected: divide them by their largest, 16"),
        (GREY.astype(float) + 300, "floats from 0 to 300; 0 to 1 were expected: divide them by their largest, 300"),
        (GREY - 0.5, "floats from -0.5 to 0; 0 to 1 were expected: scale them first"),
        (GREY + np.nan, "contain NaN or infinity"),
        (GREY.astype(int) - 1, "whole numbers from -1 to 0; 0 to 255 were expected"),
        (GREY.astype(int) + 256, "whole numbers from 0 to 256; 0 to 255 were expected"),
        (GREY + 1, "whole numbers from 0 to 1; 0 to 255 were expected: multiply them by 255"),
        (GREY.astype(bool), "of type bool; whole numbers 0 to 255 or floats 0 to 1 were expected"),
        (GREY.astype("U1"), "of type <U1"),
        ([GREY[0], GREY[0, 1:]], "different sizes"),
        (None, "shape"),
    ],
)
def test_wrong_images_are_refused_in_a_sentence(classifier: Model, images: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        classifier.predict(images)


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_whole_numbers_of_nearly_black_images_are_told_of_where_they_are_given(classifier: Model, kind: type) -> None:
    images: np.ndarray = np.minimum(drawn(4)[0] // 12, 16).astype(kind)
    with pytest.warns(UserWarning, match="nearly black where 255 is white: if 16 is white, divide them by 16") as told:
        classifier.predict(images)
    assert [warning.filename for warning in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict(GREY)  # a black image is one
        classifier.predict((GREY + 17).astype(kind))
        classifier.predict(images / 255)


def test_what_a_model_cannot_do_is_refused_in_a_sentence(
    autoencoder: Model, classifier: Model, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="is an autoencoder, which tells no classes apart: load a classifier"):
        autoencoder.predict(GREY)
    with pytest.raises(EngineError, match="whose encoder has no decoder: use those of its autoencoder attribute"):
        classifier.decode(np.zeros((1, 6)))
    for wrong in (np.zeros((2, 5)), np.zeros((2, 6), bool), np.float64(3)):
        with pytest.raises(ValueError, match=r"numbers of the shape \(n, 6\) were expected"):
            autoencoder.decode(wrong)
    with pytest.raises(ValueError, match="The latents have different lengths"):
        autoencoder.decode([[1], [1, 2]])
    with pytest.raises(ValueError, match="The latents contain NaN or infinity"):
        autoencoder.decode(np.full((1, 6), np.nan))
    with pytest.raises(EngineError, match="does not exist"):
        classifier.predict("no/such/place")
    with pytest.raises(ValueError, match="Among the paths is something of type int"):
        classifier.predict(["scans", 3])  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(EngineError, match="None is no run: give its id, or the path of a model file"):
        load(None)  # type: ignore[arg-type]  # wrong on purpose
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="file is a file; the folder of a home was expected"):
        runs(home=tmp_path / "file")
    with pytest.raises(EngineError, match="No run begins with"):
        load("zzzz", trained.home)
    shutil.copy(trained.home / "runs" / trained.classifier / "model.safetensors", tmp_path / "alone.safetensors")
    alone = load(tmp_path / "alone.safetensors")
    assert alone.autoencoder is None
    with pytest.raises(EngineError, match=r"without its encoder\.safetensors beside it"):
        alone.reconstruct(GREY)


def test_a_model_that_was_pickled_or_copied_answers_the_same(classifier: Model) -> None:
    images, _ = drawn(9)
    for other in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        assert np.array_equal(other.predict_proba(images), classifier.predict_proba(images))
        assert np.array_equal(other.reconstruct(images), classifier.reconstruct(images))
        assert repr(other) == repr(classifier)
        assert other.spec == classifier.spec


def test_what_is_pickled_of_a_model_is_text_numbers_and_arrays(classifier: Model) -> None:
    def leaves(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for one in value.values() for leaf in leaves(one)]
        return [leaf for one in value for leaf in leaves(one)] if isinstance(value, list | tuple) else [value]

    assert {type(leaf) for leaf in leaves(classifier.__getstate__())} <= {
        str, int, float, bool, type(None), np.ndarray,
    }  # fmt: skip
