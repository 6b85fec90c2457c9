"""What a hyperparameter says is what a run does: from the spec through models, tasks and stages to the result."""

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional

from engine import jobs, preparation
from engine.data.augmentation import augment
from engine.data.datasets import ImageSet
from engine.data.split import split
from engine.device import Device, choose_device
from engine.exporters.runs_csv import runs_csv
from engine.kinds import kind_of
from engine.network.autoencoder import ConvAutoencoder
from engine.network.classifier import ConvClassifier
from engine.network.layers import ConvLayer
from engine.protocol.control import Asked, Flag
from engine.protocol.events import BatchEnded, EpochEnded, Event, Resumed, StageStarted
from engine.protocol.states import FINISHED
from engine.runs.checkpoint import read_model, read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse, preset
from engine.specs.classifier import ClassifierSpec
from engine.storage.files import read_json
from engine.training import loop
from engine.training.stage import Progress, Stage
from engine.training.steps import Step
from engine.training.tasks import Classification, Reconstruction, Task, balanced_weights
from tests.engine.conftest import train
from tests.engine.tiny import (
    CLASSES,
    SIDE,
    TEST,
    TRAINING,
    Watched,
    classes,
    noise,
    tiny,
    tiny_classifier,
    write_encoder,
    write_files,
)
from tests.idx import write_idx


@pytest.fixture(scope="module")
def noise_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """60 images of noise to train on and 20 to test with, in three classes."""
    return write_files(tmp_path_factory.mktemp("noise"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, noise_files: dict[str, Path]) -> Path:
    """A model file for classifiers to build on."""
    return write_encoder(tmp_path_factory.mktemp("encoder") / "model.safetensors", noise_files)


# -- the task -------------------------------------------------------------------------------------


LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.3, 0.1], [1.0, 1.0, 1.0], [-2.0, 0.0, 3.0]])
LABELS = torch.tensor([0, 2, 1, 0])


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> float:
    """By hand: each label is 1 - smoothing of its class and smoothing / classes of every class."""
    numbers = logits.double().numpy()
    log_probabilities = numbers - np.log(np.exp(numbers).sum(1, keepdims=True))
    targets = (1 - smoothing) * np.eye(numbers.shape[1])[labels.numpy()] + smoothing / numbers.shape[1]
    return float(-(targets * log_probabilities).sum(1).mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_label_smoothing_is_in_what_training_minimises_but_not_in_the_loss_that_is_told(smoothing: float) -> None:
    task, model = Classification(smoothing), nn.Identity()
    trained = task(model.train(), LOGITS, LABELS)
    assert trained.objective.item() == pytest.approx(cross_entropy(LOGITS, LABELS, smoothing), rel=1e-5)
    assert trained.metrics["loss"].item() == pytest.approx(cross_entropy(LOGITS, LABELS, 0), rel=1e-5)
    evaluated = task(model.eval(), LOGITS, LABELS)
    assert evaluated.objective.item() == evaluated.metrics["loss"].item() == trained.metrics["loss"].item()
    assert evaluated.metrics["accuracy"].item() == 0.25


def test_label_smoothing_alone_moves_a_model_that_is_sure_of_every_label() -> None:
    logits = (30 * torch.eye(CLASSES)).requires_grad_()
    for smoothing in (0.0, 0.3):
        objective = Classification(smoothing)(nn.Identity(), logits, torch.arange(CLASSES)).objective
        (gradient,) = torch.autograd.grad(objective, logits)
        assert float(gradient.abs().max()) == pytest.approx(smoothing * (CLASSES - 1) / CLASSES**2, abs=1e-6)


def test_the_task_of_a_spec_has_its_label_smoothing(
    encoder: Path, noise_files: dict[str, Path], tmp_path: Path
) -> None:
    for spec, task in (
        (tiny_classifier(noise_files, encoder, label_smoothing=0.3), Classification(0.3)),
        (tiny(noise_files), Reconstruction()),
    ):
        prepared = preparation.create(Home(tmp_path), spec)
        found = kind_of(spec).task(prepared)
        assert type(found) is type(task)
        assert getattr(found, "label_smoothing", None) == getattr(task, "label_smoothing", None)


# -- the models -----------------------------------------------------------------------------------


def constant(module: nn.Module, value: float) -> None:
    """Make a convolution or dense layer answer everything with `value`."""
    assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    nn.init.zeros_(module.weight)
    assert module.bias is not None
    nn.init.constant_(module.bias, value)


def kept_part(outputs: Tensor) -> float:
    return float((outputs != 0).float().mean())


@pytest.mark.parametrize("dropout", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("layers", [1, 2])
def test_dropout_of_a_head_puts_that_part_of_the_last_hidden_outputs_to_zero(layers: int, dropout: float) -> None:
    spec = parse(ClassifierSpec, {"encoder": "x", "fc_layers": layers, "fc_units": 2000, "dropout": dropout})
    model = ConvClassifier(spec, AutoencoderSpec(layers=2, kernels=(2,), downsamplings=1), (SIDE, SIDE, 1), CLASSES)
    dense = [module for module in model.head if isinstance(module, nn.Linear)]
    for module in dense:
        constant(module, 1.0)
    # The output is then the mean of the hidden numbers: the part that is kept, over what is expected of it.
    constant(dense[-1], 0.0)
    nn.init.constant_(dense[-1].weight, 1 / 2000)
    images = torch.rand(8, 1, SIDE, SIDE)
    torch.manual_seed(0)
    part = model.train()(images)[:, 0] * (1 - dropout)
    assert part.tolist() == pytest.approx([1 - dropout] * 8, abs=0.06)
    assert len(set(part.tolist())) > 1 or dropout == 0
    assert torch.allclose(model.eval()(images), torch.ones(8, CLASSES), atol=1e-4)


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("frozen", [False, True])
def test_dropout_of_a_head_puts_that_part_of_the_latent_to_zero(layers: int, frozen: bool) -> None:
    spec = parse(ClassifierSpec, {"encoder": "x", "fc_layers": layers, "dropout": 0.4})
    model = ConvClassifier(spec, AutoencoderSpec(kernels=(8,)), (SIDE, SIDE, 1), CLASSES)
    model.freeze(frozen)
    first = next(module for module in model.head.modules() if isinstance(module, nn.Linear))
    parts: list[float] = []
    first.register_forward_pre_hook(lambda _, inputs: parts.append(kept_part(inputs[0])))
    images = torch.rand(64, 1, SIDE, SIDE)
    torch.manual_seed(0)
    model.train()(images)
    model.eval()(images)
    assert parts == pytest.approx([0.6, 1], abs=0.02)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_dropout_of_an_autoencoder_puts_that_part_of_every_layer_s_outputs_to_zero_but_the_last_s(
    dropout: float,
) -> None:
    plain = {"normalisation": "none", "residual": False, "activation": "relu", "kernels": 16, "layers": 6}
    model = ConvAutoencoder(parse(AutoencoderSpec, {**plain, "dropout": dropout}), (SIDE, SIDE, 1))
    layers = [module for module in model.modules() if isinstance(module, ConvLayer)]
    parts: list[float] = []
    for layer in layers:
        constant(layer.convolution, 1.0)
        layer.register_forward_hook(lambda _module, _inputs, output: parts.append(kept_part(output)))
    images = torch.rand(32, 1, SIDE, SIDE)
    torch.manual_seed(0)
    model.train()(images)
    assert parts == pytest.approx([1 - dropout] * 5 + [1], abs=0.06)
    parts.clear()
    model.eval()(images)
    assert parts == [1] * 6


def test_an_encoder_with_dropout_drops_in_fine_tuning_but_not_while_it_is_frozen() -> None:
    of_encoder = parse(AutoencoderSpec, {"layers": 2, "kernels": 4, "downsamplings": 1, "dropout": 0.5})
    spec = parse(ClassifierSpec, {"encoder": "x", "dropout": 0.0})
    model = ConvClassifier(spec, of_encoder, (SIDE, SIDE, 1), CLASSES).train()
    images = torch.rand(8, 1, SIDE, SIDE)
    model.freeze(True)
    assert torch.equal(model(images), model(images))
    model.freeze(False)
    assert not torch.equal(model(images), model(images))


# -- the device -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float32", torch.float32), ("auto", torch.float32)]
)
def test_a_cpu_computes_in_the_precision_that_it_is_asked_for(precision: str, dtype: torch.dtype) -> None:
    device = choose_device("cpu", precision)
    with device.autocast():
        assert nn.Linear(4, 4)(torch.rand(2, 4)).dtype == dtype
        assert nn.Conv2d(1, 2, 3)(torch.rand(1, 1, 8, 8)).dtype == dtype
    assert device.description.endswith(str(dtype).removeprefix("torch."))


# -- the stages -----------------------------------------------------------------------------------


Handed = tuple[Task, Stage, Device, bool]


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Any], dict[str, Handed]]:
    """A function from a spec to what `fit` is handed for each stage of its run: task, stage, device, frozen or not."""

    def run(spec: AutoencoderSpec | ClassifierSpec) -> dict[str, Handed]:
        calls: dict[str, Handed] = {}

        def fit(model: nn.Module, task: Task, stage: Stage, data: object, **others: Any) -> Progress:
            still = any(not weights.requires_grad for weights in model.parameters())
            calls[stage.name] = (task, stage, others["device"], still)
            others["keeper"].keep_best(stage.name, model)
            return Progress(stage=stage.name, ended=FINISHED)

        monkeypatch.setattr("engine.jobs.fit", fit)
        jobs.start(Home(tmp_path / "home"), spec, lambda event: None, Flag())
        return calls

    return run


def test_every_setting_of_an_autoencoder_s_training_reaches_fit(
    handed: Callable[[Any], dict[str, Handed]], noise_files: dict[str, Path]
) -> None:
    of_stage = {"optimizer": "rmsprop", "learning_rate": 0.012, "weight_decay": 0.034, "schedule": "reduce-on-plateau"}
    more = {"epochs": 7, "batch_size": 5, "patience": 4, "seed": 6}
    spec = tiny(noise_files, **of_stage, **more, precision="bfloat16")
    ((name, (task, stage, device, still)),) = handed(spec).items()
    assert stage == Stage(name="autoencoder", **of_stage, **more, augment=False)  # type: ignore[arg-type]  # values of several types
    assert (name, device.precision, still) == ("autoencoder", "bfloat16", False)
    assert isinstance(task, Reconstruction)


def test_every_setting_of_a_classifier_s_training_reaches_fit_for_the_stage_that_it_is_for(
    handed: Callable[[Any], dict[str, Handed]], noise_files: dict[str, Path], encoder: Path
) -> None:
    both = {"optimizer": "sgd", "weight_decay": 0.034, "schedule": "constant", "batch_size": 5, "patience": 4}
    own = {"learning_rate": 0.012, "finetune_learning_rate": 0.056, "frozen_epochs": 2, "finetune_epochs": 3}
    spec = tiny_classifier(noise_files, encoder, **both, **own, label_smoothing=0.2, precision="bfloat16", seed=6)
    calls = handed(spec)
    stages = {name: call[1] for name, call in calls.items()}
    frozen = Stage(name="frozen", epochs=2, learning_rate=0.012, augment=False, seed=6, **both)  # type: ignore[arg-type]  # values of several types
    tuning = Stage(name="fine-tuning", epochs=3, learning_rate=0.056, augment=True, seed=1006, **both)  # type: ignore[arg-type]  # values of several types
    assert stages == {"frozen": frozen, "fine-tuning": tuning}
    assert [still for *_, still in calls.values()] == [True, False]
    for task, _, device, _ in calls.values():
        assert task == Classification(0.2)
        assert device.precision == "bfloat16"


def test_from_scratch_trains_as_fine_tuning_does(noise_files: dict[str, Path], encoder: Path) -> None:
    spec = tiny_classifier(noise_files, encoder, from_scratch=True, learning_rate=0.1, finetune_learning_rate=0.2)
    stage = jobs.stage_of(spec, "from scratch")
    assert (stage.learning_rate, stage.augment, stage.epochs) == (0.2, True, 1)


def test_without_augmentation_no_stage_augments(noise_files: dict[str, Path], encoder: Path) -> None:
    for from_scratch in (False, True):
        spec = tiny_classifier(noise_files, encoder, augmentation=False, from_scratch=from_scratch)
        assert not any(jobs.stage_of(spec, name).augment for name, _ in spec.stages)


@pytest.mark.parametrize("augmentation", [False, True])
def test_an_autoencoder_augments_where_it_is_asked_to(noise_files: dict[str, Path], augmentation: bool) -> None:
    spec = tiny(noise_files, augmentation=augmentation)
    assert [jobs.stage_of(spec, name).augment for name, _ in spec.stages] == [augmentation]
    assert ("augmentation" in spec.title) == augmentation


# -- whole runs -----------------------------------------------------------------------------------


def test_a_run_augments_what_it_fine_tunes_on_and_nothing_else(
    noise_files: dict[str, Path], encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[str] = []
    augmented: list[tuple[str, int]] = []

    def emit(event: Event) -> None:
        if isinstance(event, StageStarted):
            stages.append(event.stage)

    def watched(images: Tensor, generator: torch.Generator | None) -> Tensor:
        augmented.append((stages[-1], len(images)))
        return augment(images, generator)

    monkeypatch.setattr("engine.training.steps.augment", watched)
    result = jobs.start(Home(tmp_path), tiny_classifier(noise_files, encoder), emit, Flag())
    assert result.state == "finished"
    assert stages == ["frozen", "fine-tuning"]
    assert augmented == [("fine-tuning", 8)] * 6


@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (2, 4)])
def test_a_classifier_stopped_in_an_epoch_of_augmented_fine_tuning_ends_as_if_it_had_not_been(
    noise_files: dict[str, Path], encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int, step: int
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    spec = tiny_classifier(noise_files, encoder, finetune_epochs=2)
    whole, _, told = train(Home(tmp_path), spec)
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, BatchEnded) and (event.stage, event.epoch, event.step) == ("fine-tuning", epoch, step):
            flag.ask(Asked.STOP)

    home = Home(tmp_path)
    run = home.find(jobs.start(home, spec, stop, flag).id)
    going_on: list[Event] = []
    assert jobs.resume(run, going_on.append, Flag()).state == "finished"
    resumed = next(event for event in going_on if isinstance(event, Resumed))
    assert (resumed.stage, resumed.epoch, resumed.step) == ("fine-tuning", epoch, step)
    one, other = read_tensors(run.model)[0], read_tensors(whole.model)[0]
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert losses(run.read_events()[0]) == losses(told)


def losses(events: list[Event]) -> list[tuple[float, float]]:
    return [(event.train["loss"], event.validation["loss"]) for event in events if isinstance(event, EpochEnded)]


def test_the_speed_in_a_result_is_that_of_the_training_steps_of_all_stages(
    noise_files: dict[str, Path], encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = clock.monotonic = lambda: clock.now
    monkeypatch.setattr("engine.training.loop.time", clock)

    def look(model: nn.Module, images: Tensor) -> None:
        clock.now += (0.25 if isinstance(model, ConvClassifier) and model.frozen else 0.75) if model.training else 9

    monkeypatch.setattr("engine.kinds.classifier.ClassifierKind.task", lambda _, spec: Watched(look, Classification()))
    run, result, events = train(Home(tmp_path), tiny_classifier(noise_files, encoder))
    told = {event.stage: event.ms_per_step for event in events if isinstance(event, EpochEnded)}
    assert told == pytest.approx({"frozen": 250, "fine-tuning": 750})
    assert result.ms_per_step == pytest.approx(500)
    assert result.images_per_second == pytest.approx(8 / 0.5)
    status = run.read_status()  # what lists, comparisons and CSV show
    assert (status.ms_per_step, status.images_per_second) == pytest.approx((500, 8 / 0.5))
    assert result.seconds == pytest.approx(6 * 0.25 + 9 + 6 * 0.75 + 9)


def forward(run: RunDirectory, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    with torch.no_grad():
        outputs: Tensor = read_model(run.model).build()(torch.from_numpy(images / np.float32(255)).permute(0, 3, 1, 2))
    numbers: NDArray[np.float64] = outputs.double().numpy()
    return numbers


def test_an_autoencoder_s_result_has_the_numbers_that_numpy_and_scikit_learn_give(
    noise_files: dict[str, Path], tmp_path: Path
) -> None:
    run, result, _ = train(Home(tmp_path), tiny(noise_files, normalisation="none"))
    images = {"test": noise(TEST, 1), "train": noise(TRAINING)}
    training, validation = split(ImageSet(images["train"], classes(TRAINING)), 0.1, 0)

    def errors(chosen: NDArray[np.uint8]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.square(forward(run, chosen).transpose(0, 2, 3, 1) - chosen / 255).mean(
            (1, 2, 3)
        )
        return found

    of_test, of_validation = errors(images["test"]), errors(images["train"][validation]).mean()
    assert result.evaluated_on == "test"
    assert result.test_loss == result.test_mse == pytest.approx(of_test.mean(), rel=1e-4)
    assert result.test_psnr == pytest.approx(10 * np.log10(1 / of_test.mean()), abs=1e-3)
    assert result.validation_mse == pytest.approx(of_validation, rel=1e-4)
    assert result.validation_psnr == pytest.approx(10 * np.log10(1 / of_validation), abs=1e-3)
    with np.load(run.predictions) as arrays:
        assert arrays["errors"] == pytest.approx(of_test, rel=1e-4)
    rows, judged = (chosen.reshape(len(chosen), -1) / 255 for chosen in (images["train"][training], images["test"]))
    pca = PCA(5).fit(rows)
    expected = np.square(pca.inverse_transform(pca.transform(judged)) - judged).mean()
    assert (result.pca.components, result.pca.note) == (5, "")
    assert result.pca.mse == pytest.approx(expected, rel=1e-4)
    assert result.pca.psnr == pytest.approx(10 * np.log10(1 / expected), abs=1e-3)


def moved(images: NDArray[np.uint8], right: int, down: int) -> NDArray[np.uint8]:
    """Images (n, height, width, channels) by so many pixels; black comes in."""
    found = np.zeros_like(images)
    for row, column in itertools.product(range(SIDE), repeat=2):
        if 0 <= row - down < SIDE and 0 <= column - right < SIDE:
            found[:, row, column] = images[:, row - down, column - right]
    return found


@pytest.mark.parametrize(
    ("values", "shifts"),
    [
        ({"augmentation": True}, [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]),
        ({"augmentation": False}, [(0, 0)]),
        ({"augmentation": True, "frozen_epochs": 1, "finetune_epochs": 0}, [(0, 0)]),
    ],
)
def test_a_classifier_s_result_has_the_numbers_that_numpy_and_scikit_learn_give(
    noise_files: dict[str, Path], encoder: Path, tmp_path: Path, values: dict[str, Any], shifts: list[tuple[int, int]]
) -> None:
    run, result, _ = train(Home(tmp_path), tiny_classifier(noise_files, encoder, **values))
    images, labels = noise(TEST, 1), classes(TEST)
    each = [np.exp(forward(run, moved(images, *shift))) for shift in shifts]
    probabilities = np.mean([numbers / numbers.sum(1, keepdims=True) for numbers in each], axis=0)
    predicted = probabilities.argmax(1)
    assert result.views == len(shifts)
    assert result.one_view_accuracy == pytest.approx(metrics.accuracy_score(labels, each[0].argmax(1)))
    assert result.test_loss == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-4)
    assert result.test_accuracy == result.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert result.correct == int((labels == predicted).sum()) == TEST - result.incorrect
    assert result.report.confusion == metrics.confusion_matrix(labels, predicted).tolist()
    assert result.report.text == metrics.classification_report(
        labels, predicted, target_names=[f"Class {number}" for number in range(CLASSES)], digits=2, zero_division=0
    )
    with np.load(run.predictions) as arrays:
        assert arrays["probabilities"] == pytest.approx(probabilities, abs=1e-5)


def test_a_status_has_the_accuracy_that_the_report_tells_where_there_is_no_test_set(
    noise_files: dict[str, Path], encoder: Path, tmp_path: Path
) -> None:
    without = {name: noise_files[name] for name in ("images", "labels")}
    run, result, _ = train(Home(tmp_path), tiny_classifier(without, encoder))
    status = run.read_status()
    assert (status.measure("test", "accuracy"), status.measure("report", "accuracy")) == (None, result.accuracy)


def test_the_best_epoch_is_told_with_its_stage_of_earlier_runs_too(
    noise_files: dict[str, Path], encoder: Path, tmp_path: Path
) -> None:
    run, result, _ = train(Home(tmp_path), tiny_classifier(noise_files, encoder))
    assert (result.best_stage, result.best_epoch) == ("fine-tuning", 1)
    status = run.read_status()
    assert (status.best_stage, status.best_epoch, status.epoch) == ("fine-tuning", 1, 2)
    head, row = csv.reader(runs_csv([status], {}).splitlines())
    assert row[head.index("best_stage")] == "fine-tuning"
    for path in (run.status, run.result):  # as version 0.1.0 wrote them
        path.write_text(json.dumps({name: value for name, value in read_json(path).items() if name != "best_stage"}))
    assert run.read_status().best_stage == "fine-tuning"
    read = run.read_result()
    assert read is not None
    assert read.best_stage == "fine-tuning"


# -- classes that count alike -----------------------------------------------------------------------


def test_balanced_weights_are_those_of_scikit_learn_and_an_image_counts_one_on_average() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 8 + [2] * 3 + [3], np.uint8)
    found = balanced_weights(labels, 5)
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=labels)
    assert [found[label] for label in (0, 2, 3)] == pytest.approx(expected.tolist())
    assert (found[1], found[4]) == (0, 0)
    assert sum(found[label] for label in labels.tolist()) == pytest.approx(len(labels))


def test_weights_move_the_objective_and_the_choice_of_the_epoch_and_not_the_loss_that_is_told() -> None:
    weights = torch.tensor([1.0, 0.0, 3.0, 0.5])
    task = Classification(0.1, weights)
    outcome = task(nn.Identity().train(), LOGITS, LABELS)
    each = functional.cross_entropy(LOGITS, LABELS, label_smoothing=0.1, reduction="none")
    assert outcome.objective.item() == pytest.approx((each * weights[LABELS]).mean().item())
    plain = functional.cross_entropy(LOGITS, LABELS)
    assert outcome.metrics["loss"].item() == pytest.approx(plain.item())
    evaluated = task(nn.Identity().eval(), LOGITS, LABELS)
    weighted = (functional.cross_entropy(LOGITS, LABELS, reduction="none") * weights[LABELS]).mean().item()
    assert evaluated.metrics["weighted_loss"].item() == pytest.approx(weighted)
    assert task.rank({"loss": 1.0, "accuracy": 0.9, "weighted_loss": 2.0}) == [2.0]


def test_a_rare_class_is_recognised_more_often_where_classes_count_alike(home: Home, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.array([0] * 270 + [1] * 30, np.uint8)
    images = np.clip(random.normal(120, 40, (300, 8, 8)) + 25 * labels[:, None, None], 0, 255).astype(np.uint8)
    files = {"images": write_idx(tmp_path / "images", images), "labels": write_idx(tmp_path / "labels", labels)}
    encoder, *_ = train(home, tiny(files, epochs=1))
    recalls = {}
    for weights in ("none", "balanced"):
        spec = tiny_classifier(
            files, encoder.model, class_weights=weights, frozen_epochs=3, finetune_epochs=3, patience=0
        )
        _, result, _ = train(home, spec)
        recalls[weights] = result.report.rows[1].recall
        assert result.report.uneven.startswith("Counting every class alike, ")
        assert "of the rarest, Class 1, " in result.report.uneven
        assert result.report.uneven.endswith("% of 3 images.")
    assert recalls["balanced"] >= recalls["none"]
    assert recalls["balanced"] > 0


# -- steps per epoch ------------------------------------------------------------------------------


def seen_in(
    home: Home, spec: AutoencoderSpec | ClassifierSpec, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[list[bytes]], list[Event]]:
    """The images that each epoch of a run of `spec` trained on, in order, and what was told."""
    epochs: list[list[bytes]] = []
    taken = Step.__call__

    def watched(self: Step, indices: Tensor) -> Tensor:
        images = self.images.images.index_select(0, indices)
        epochs[-1].extend(image.numpy().tobytes() for image in images)
        return taken(self, indices)

    train_epoch = loop._Loop.train_epoch

    def begun(self: loop._Loop) -> str:
        epochs.append([])
        return train_epoch(self)

    monkeypatch.setattr(Step, "__call__", watched)
    monkeypatch.setattr(loop._Loop, "train_epoch", begun)
    _, result, events = train(home, spec)
    assert result.state == FINISHED
    return epochs, events


def test_fewer_steps_take_a_part_of_the_images_and_another_one_in_each_epoch(
    noise_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny(noise_files, epochs=3, batch_size=8, steps_per_epoch=2)
    epochs, events = seen_in(Home(tmp_path), spec, monkeypatch)
    assert [len(epoch) for epoch in epochs] == [16] * 3
    assert all(len(set(epoch)) == 16 for epoch in epochs)
    assert len({frozenset(epoch) for epoch in epochs}) == 3
    assert [event.steps for event in events if isinstance(event, StageStarted)] == [2]


def test_more_steps_than_the_images_give_go_through_all_of_them_again_in_another_order(
    noise_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny(noise_files, epochs=2, batch_size=9, steps_per_epoch=15)
    epochs, events = seen_in(Home(tmp_path), spec, monkeypatch)
    # 54 images to train on are six steps: twice all of them, and half of them again.
    assert [len(epoch) for epoch in epochs] == [135, 135]
    passes = [epoch[first : first + 54] for epoch in epochs for first in (0, 54)]
    assert all(len(set(once)) == 54 for once in passes)
    assert len({tuple(once) for once in passes}) == 4
    assert len(set(epochs[0][108:])) == 27
    assert [event.steps for event in events if isinstance(event, StageStarted)] == [15]


def test_as_many_steps_as_the_images_give_change_nothing(
    noise_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, same = seen_in(Home(tmp_path / "a"), tiny(noise_files, epochs=2, batch_size=9), monkeypatch)
    _, asked = seen_in(Home(tmp_path / "b"), tiny(noise_files, epochs=2, batch_size=9, steps_per_epoch=6), monkeypatch)
    assert losses(same) == losses(asked)


def test_quick_takes_as_many_steps_of_a_small_set_as_of_a_large_one(
    noise_files: dict[str, Path], encoder: Path
) -> None:
    for spec in (
        preset(AutoencoderSpec, "quick", **noise_files),
        preset(ClassifierSpec, "quick", encoder=str(encoder), **noise_files),
    ):
        (stage,) = spec.stages
        assert stage[1] == 1
        assert spec.steps_of(70) == spec.steps_of(54_000) == spec.steps_per_epoch
        assert spec.images_of(54_000) == 64 * spec.steps_of(54_000)
        assert jobs.stage_of(spec, stage[0]).steps == spec.steps_per_epoch


def test_a_run_of_part_epochs_that_was_stopped_ends_as_if_it_had_not_been(
    noise_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    spec = tiny(noise_files, epochs=2, batch_size=9, steps_per_epoch=15)
    whole, _, told = train(Home(tmp_path), spec)
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, BatchEnded) and (event.epoch, event.step) == (2, 8):
            flag.ask(Asked.STOP)

    home = Home(tmp_path)
    run = home.find(jobs.start(home, spec, stop, flag).id)
    assert jobs.resume(run, lambda event: None, Flag()).state == FINISHED
    one, other = read_tensors(run.model)[0], read_tensors(whole.model)[0]
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert losses(run.read_events()[0]) == losses(told)
