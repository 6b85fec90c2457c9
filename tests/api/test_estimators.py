"""The estimators, as scikit-learn uses them."""

import inspect
import pickle
import tempfile
import warnings
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from cae_tui.api import AutoencoderTransformer, EncoderClassifier, EngineError, load
from engine import jobs
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.classifier import ClassifierSpec
from engine.specs.data_files import FIELDS
from tests.api.conftest import NAMES, SHORT, SMALL, Trained, drawn

IMAGES, WORDS = drawn(80)


def transformer(**values: Any) -> AutoencoderTransformer:
    return AutoencoderTransformer(**{"epochs": 3, **SMALL, "random_state": 0, **values})


def classifier(**values: Any) -> EncoderClassifier:
    own = {**SHORT, "batch_size": 16, "random_state": 0, "encoder": transformer(random_state=None), **values}
    return EncoderClassifier(**own)


# -- scikit-learn's own checks --------------------------------------------------------------------


NO_IMAGES = {
    "check_dict_unchanged", "check_dont_overwrite_parameters", "check_dtype_object", "check_estimators_dtypes",
    "check_estimators_fit_returns_self", "check_estimators_nan_inf", "check_estimators_overwrite_params",
    "check_estimators_pickle", "check_f_contiguous_array_estimator", "check_fit2d_predict1d",
    "check_fit_check_is_fitted", "check_fit_idempotent", "check_fit_score_takes_y",
    "check_methods_sample_order_invariance", "check_methods_subset_invariance", "check_n_features_in",
    "check_n_features_in_after_fitting", "check_pipeline_consistency", "check_readonly_memmap_input",
}  # fmt: skip
"""Checks whose rows are no images: two to ten numbers each, which no picture has."""
OF_ONE = {
    AutoencoderTransformer: {
        "check_transformer_data_not_an_array", "check_transformer_general", "check_transformer_preserve_dtypes",
    },
    EncoderClassifier: {
        "check_classifier_data_not_an_array", "check_classifiers_classes", "check_classifiers_train",
        "check_supervised_y_2d",
    },
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", OF_ONE)
def test_the_checks_that_do_not_apply_are_those_whose_rows_are_no_images(kind: type) -> None:
    expected = NO_IMAGES | OF_ONE[kind]
    estimator = kind(device="cpu")
    failed = {}
    for checked, check in estimator_checks_generator(estimator):
        try:
            check(checked)
        except SkipTest:
            pass
        except Exception as error:  # as the check or the estimator has it
            failed[check.func.__name__] = str(error)
    assert failed.keys() == expected
    for name, sentence in failed.items():
        assert "no square image of 8×8 or more: give image_shape" in sentence, name


# -- what they promise ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "spec", "more"),
    [(AutoencoderTransformer, AutoencoderSpec, set()), (EncoderClassifier, ClassifierSpec, {"encoder"})],
)
def test_the_parameters_are_the_fields_of_the_spec_with_its_defaults(
    kind: type, spec: type[Spec], more: set[str]
) -> None:
    own = {"image_shape": None, "random_state": None, "progress": False, **dict.fromkeys(more)}
    left_out = {"kind", "seed", "encoder", *FIELDS}
    fields = {name: field.default for name, field in spec.model_fields.items() if name not in left_out}
    parameters = inspect.signature(kind).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == {**fields, **own}


def test_a_transformer_encodes_decodes_and_scores_images_in_every_shape() -> None:
    fitted = transformer().fit(IMAGES)
    latents = fitted.transform(IMAGES)
    assert latents.shape == (80, 6)
    assert fitted.n_features_in_ == 64
    assert fitted.image_shape_ == (8, 8, 1)
    rebuilt = fitted.inverse_transform(latents)
    assert rebuilt.shape == IMAGES.shape
    assert fitted.score(IMAGES) == pytest.approx(-fitted.model_.errors(IMAGES).mean())
    assert list(fitted.get_feature_names_out())[:2] == ["autoencodertransformer0", "autoencodertransformer1"]
    flat = IMAGES.reshape(80, 64)
    assert np.array_equal(fitted.transform(flat / 255), latents)
    on_flat = transformer().fit(flat)
    assert np.array_equal(on_flat.transform(flat), latents)
    assert on_flat.inverse_transform(latents).shape == (80, 64)
    with pytest.raises(ValueError, match=r"shape \(80, 4, 16\); \(n, 8, 8\) was expected, as in fit"):
        fitted.transform(IMAGES.reshape(80, 4, 16))


def test_flat_images_that_are_no_squares_have_the_shape_that_is_given() -> None:
    flat = np.tile(IMAGES.reshape(80, 64), 3)
    wide = transformer(image_shape=(8, 24), epochs=1).fit(flat)
    assert wide.image_shape_ == (8, 24, 1)
    colours = transformer(epochs=1).fit(flat)  # 8×8 pixels of three
    assert colours.image_shape_ == (8, 8, 3)
    assert transformer(image_shape=(24, 8), epochs=1).fit(flat.reshape(80, 24, 8)).image_shape_ == (24, 8, 1)
    with pytest.raises(ValueError, match=r"192 numbers, and image_shape is \(9, 24\): they must agree"):
        transformer(image_shape=(9, 24)).fit(flat)
    with pytest.raises(ValueError, match=r"images of shape \(24, 8, 1\), and image_shape is \(8, 24\)"):
        transformer(image_shape=(8, 24)).fit(flat.reshape(80, 24, 8))
    for wrong in (8, "8x8", "88", (8, "x")):
        with pytest.raises(ValueError, match=r"image_shape is .*; whole numbers were expected, \(height, width\)"):
            transformer(image_shape=wrong).fit(flat)


def test_an_estimator_tells_of_nearly_black_images_once_and_of_dark_floats_not_at_all() -> None:
    with pytest.warns(UserWarning, match="nearly black") as told:
        transformer(epochs=1).fit(np.minimum(IMAGES // 12, 16))
    assert [warning.filename for warning in told if "nearly black" in str(warning.message)] == [__file__]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*nearly black")
        transformer(epochs=1).fit(IMAGES / 255 / 20)


def test_a_classifier_learns_words_and_answers_with_them() -> None:
    fitted = classifier().fit(IMAGES, WORDS)
    new, truth = drawn(40, 5)
    assert is_classifier(fitted)
    assert list(fitted.classes_) == list(NAMES)
    assert fitted.predict(new).dtype == WORDS.dtype
    assert fitted.score(new, truth) > 0.9
    probabilities = fitted.predict_proba(new)
    assert np.allclose(probabilities.sum(1), 1)
    assert (fitted.classes_[probabilities.argmax(1)] == fitted.predict(new)).all()
    numbers = classifier().fit(IMAGES, np.where(WORDS == "bar", -3, 400))
    assert np.array_equal(numbers.predict_proba(new), probabilities)
    assert set(numbers.predict(new)) == {-3, 400}


def test_the_same_random_state_gives_the_same_weights_and_another_gives_others() -> None:
    first, same, other, drawn_state = (
        transformer(random_state=state).fit(IMAGES).transform(IMAGES) for state in (1, 1, 2, np.random.RandomState(1))
    )
    assert np.array_equal(first, same)
    assert not np.allclose(first, other)
    assert not np.allclose(first, drawn_state)


def test_an_encoder_is_trained_first_or_taken_from_a_run_as_it_is(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = trained.home / "runs" / trained.autoencoder / "model.safetensors"
    own = {"finetune_epochs": 0, "frozen_epochs": 1}
    taken = classifier(encoder=file, **own).fit(IMAGES, WORDS)
    learned = load(file)
    assert np.allclose(taken.model_.encode(IMAGES), learned.encode(IMAGES), atol=1e-5)
    monkeypatch.setenv("CAE_TUI_HOME", str(trained.home))
    by_id = classifier(encoder=trained.autoencoder, **own).fit(IMAGES, WORDS)
    assert np.array_equal(by_id.predict_proba(IMAGES), taken.predict_proba(IMAGES))
    first = transformer(random_state=7)
    built = classifier(encoder=first, **own).fit(IMAGES, WORDS)
    assert not hasattr(first, "model_")  # it is cloned
    beside = classifier(encoder=first, random_state=1, **own).fit(IMAGES, WORDS)
    assert np.array_equal(built.model_.encode(IMAGES), beside.model_.encode(IMAGES))
    assert not np.array_equal(built.predict_proba(IMAGES), beside.predict_proba(IMAGES))
    with pytest.raises(ValueError, match="encoder is a int; an AutoencoderTransformer"):
        classifier(encoder=5).fit(IMAGES, WORDS)
    with pytest.raises(EngineError, match="No run begins with"):
        classifier(encoder="zzzz").fit(IMAGES, WORDS)


def test_from_scratch_trains_no_autoencoder_first() -> None:
    slow = transformer(epochs=100_000)
    fitted = classifier(encoder=slow, from_scratch=True, finetune_epochs=2).fit(IMAGES, WORDS)
    assert fitted.model_.spec.stages == (("from scratch", 2),)


def test_images_are_held_back_by_the_validation_fraction_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    start = jobs.start

    def watched(home: Any, spec: Any, emit: Any, flag: Any) -> Any:
        def hear(event: Any) -> None:
            if type(event).__name__ == "RunStarted":
                begun.append((event.training_images, event.validation_images, event.test_images, spec.batch_size))
            emit(event)

        return start(home, spec, hear, flag)

    monkeypatch.setattr(jobs, "start", watched)
    classifier(validation_fraction=0.25, encoder=transformer(batch_size=1000), finetune_epochs=1).fit(IMAGES, WORDS)
    assert begun == [(72, 8, 0, 72), (60, 20, 0, 16)]


def test_nothing_is_left_of_a_training_and_a_program_keeps_its_random_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "passing"))
    (tmp_path / "passing").mkdir()
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path / "home"))
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    classifier(finetune_epochs=1).fit(IMAGES, WORDS)
    assert torch.equal(torch.rand(3), wanted)
    assert list((tmp_path / "passing").iterdir()) == []
    assert not (tmp_path / "home").exists()
    with pytest.raises(EngineError, match="too small"):
        classifier(fc_units=0).fit(IMAGES, WORDS)
    assert list((tmp_path / "passing").iterdir()) == []

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    torch.manual_seed(5)
    monkeypatch.setattr("cae_tui.api.fitting.Bar.hear", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(IMAGES, WORDS)
    assert torch.equal(torch.rand(3), wanted)
    assert list((tmp_path / "passing").iterdir()) == []


def test_a_fitted_estimator_that_was_pickled_answers_the_same() -> None:
    for fitted in (transformer().fit(IMAGES), classifier(finetune_epochs=1).fit(IMAGES, WORDS)):
        other = pickle.loads(pickle.dumps(fitted))
        method = "transform" if hasattr(fitted, "transform") else "predict_proba"
        assert np.array_equal(getattr(other, method)(IMAGES), getattr(fitted, method)(IMAGES))
        assert not hasattr(clone(fitted), "model_")


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (IMAGES.astype(float), WORDS, "divide them by 255"),
        (IMAGES * 0, WORDS, "all black"),
        (IMAGES[:, :6, :6], WORDS, "6×6 pixels; height and width from 8 to 256"),
        (IMAGES.reshape(80, 2, 2, 4, 4), WORDS, "they must agree"),
        (IMAGES.reshape(80, 2, 8, 4), WORDS, "1 or 3 colours were expected"),
        (IMAGES, np.full(80, "bar"), "y has one class; 2 to 256 classes"),
        (np.tile(IMAGES, (8, 1, 1)), np.arange(640) // 2, "y has 320 classes; 2 to 256 classes"),
        (IMAGES, WORDS[:79], "inconsistent numbers of samples"),
        (IMAGES, None, "requires y to be passed"),
        (IMAGES[:1], WORDS[:1], "minimum of 2"),
    ],
)
def test_wrong_images_and_classes_are_refused_in_a_sentence(images: Any, labels: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        classifier().fit(images, labels)


def test_an_estimator_that_was_not_fitted_says_so() -> None:
    for ask in (
        lambda: transformer().transform(IMAGES),
        lambda: transformer().inverse_transform(np.zeros((1, 6))),
        lambda: transformer().score(IMAGES),
        lambda: classifier().predict(IMAGES),
        lambda: classifier().predict_proba(IMAGES),
    ):
        with pytest.raises(NotFittedError):
            ask()


def test_tqdm_shows_how_far_a_fit_is_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    transformer(progress=True).fit(IMAGES)
    assert "epoch 3/3: 100%" in capsys.readouterr().err
    transformer().fit(IMAGES)
    assert capsys.readouterr().err == ""


# -- in scikit-learn ------------------------------------------------------------------------------


def test_a_pipeline_puts_anything_behind_an_autoencoder_and_anything_in_front() -> None:
    pipeline = make_pipeline(
        FunctionTransformer(lambda images: images / 255), transformer(latent=0), LogisticRegression(max_iter=500)
    )
    new, truth = drawn(40, 5)
    assert pipeline.fit(IMAGES, WORDS).score(new, truth) > 0.7
    scores = cross_val_score(
        make_pipeline(transformer(latent=0), LogisticRegression(max_iter=500)), IMAGES, WORDS, cv=3
    )
    assert scores.mean() > 0.7


def test_a_grid_is_searched_in_other_processes_also_among_the_encoder_s_parameters() -> None:
    search = GridSearchCV(
        classifier(finetune_epochs=10),
        {"fc_units": [4, 8], "encoder__latent": [6]},
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(IMAGES.reshape(80, 64), WORDS)
    assert search.best_params_["encoder__latent"] == 6
    assert search.best_score_ > 0.7
    assert search.best_estimator_.model_.latent_shape == (6,)
    assert set(search.predict(IMAGES.reshape(80, 64))) <= set(NAMES)


def test_an_autoencoder_is_searched_by_its_own_score_among_numpy_s_numbers() -> None:
    grid = {"epochs": np.array([1, 12]), "kernels": np.array([4]), "learning_rate": np.array([8e-3])}
    search = GridSearchCV(transformer(), {**grid, "residual": [np.bool_(True)]}, cv=2, error_score="raise").fit(IMAGES)
    assert search.best_params_["epochs"] == 12
    assert search.best_score_ < 0
