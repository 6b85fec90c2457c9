"""The plan of a study: its stages and points, and what each costs, checked before anything is trained."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from engine import preparation
from engine.architecture import Plan, plan_autoencoder, plan_classifier
from engine.checkpoint import read_autoencoder
from engine.datasets import SPLIT_RULE, ImageData, load_dataset
from engine.device import choose_device
from engine.errors import RunError, SpecError, StudyError
from engine.runs import Home
from engine.spec import AutoencoderSpec, ClassifierSpec, Spec, check_against_data
from engine.studies.records import PointRecord, StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.spec import StudySpec, describe, spec_of


@dataclass(frozen=True, slots=True)
class StudyData:
    """What every point is checked against."""

    images: ImageData
    encoder: AutoencoderSpec | None  # of a classifier

    def plan(self, spec: Spec) -> Plan:
        """The network of a point."""
        if isinstance(spec, AutoencoderSpec):
            return plan_autoencoder(spec, self.images.shape)
        assert isinstance(spec, ClassifierSpec)
        assert self.encoder is not None
        return plan_classifier(spec, self.encoder, self.images.shape, self.images.classes)


def plan(home: Home, spec: StudySpec) -> StudyRecord:
    """A study as it would begin, with every trial that is known beforehand; nothing is written.

    Raises:
        EngineError: the data cannot be read, there is no such encoder, or a point could not begin.
    """
    spec = _settled(home, spec)
    data = load(home, spec.baseline)
    record = StudyRecord(id="", title=spec.title, spec=spec.model_dump(mode="json"), created=time.time())
    device = choose_device(spec.baseline.device, spec.baseline.precision)
    record.device = device.words
    record.data = {
        "name": data.images.name,
        "training": len(data.images.train),
        "test": 0 if data.images.test is None else len(data.images.test),
        "shape": list(data.images.shape),
        "digest": data.images.digest,
        "split": SPLIT_RULE,
    }
    number = 0
    for names in spec.stages:
        stage = StageRecord(names=list(names), points=[])
        for values in [] if spec.mode == "search" else spec.combinations(names):
            stage.points.append(point_of(spec, data, {}, values, number))
            number += spec.repeats
        record.stages.append(stage)
    baseline = point_of(spec, data, {}, {}, 0)
    record.data |= {"baseline_weight": baseline.weight, "baseline_memory": baseline.memory}
    return record


def create(home: Home, spec: StudySpec) -> StudyDirectory:
    """Check everything, and write the plan.

    Raises:
        EngineError: see `plan`; or the folder cannot be written.
    """
    record = plan(home, spec)
    record.versions = preparation.versions()
    directory = Studies(home).create()
    record.id = directory.id
    directory.write(record)
    return directory


def _settled(home: Home, spec: StudySpec) -> StudySpec:
    """The study with whole paths, and the encoder's whole id."""
    baseline = spec.baseline
    changed: dict[str, object] = baseline.files.absolute()._asdict()
    if isinstance(baseline, ClassifierSpec):
        changed["encoder"] = preparation.find_encoder(home, baseline.encoder)[1]
    return spec.model_copy(update={"baseline": baseline.model_copy(update=changed)})


def load(home: Home, baseline: Spec) -> StudyData:
    """The images that a study is made on, and the encoder of a classifier's.

    Raises:
        EngineError: they cannot be read, or there is no such encoder.
    """
    images = load_dataset(*baseline.files)
    if not isinstance(baseline, ClassifierSpec):
        return StudyData(images, None)
    preparation.check_classes(images)
    try:
        file, _ = preparation.find_encoder(home, baseline.encoder)
    except RunError as error:
        raise StudyError(f"The study needs its encoder, run {baseline.encoder}: {error}") from None
    return StudyData(images, read_autoencoder(file, images.shape).encoder_spec)


def point_of(
    spec: StudySpec,
    data: StudyData,
    base: Mapping[str, str],
    values: dict[str, str],
    number: int,
    optuna: int | None = None,
) -> PointRecord:
    """A point with its trials, which are to be numbered from `number` + 1 on."""
    first = spec_of(spec.baseline, {**base, **values})
    training = _check_against_data(first, data, values)
    network = data.plan(first)
    epochs = sum(count for _, count in first.stages)
    trials = [
        Trial(number=number + repeat + 1, seed=spec.baseline.seed + repeat, planned=epochs)
        for repeat in range(spec.repeats)
    ]
    return PointRecord(
        values=values,
        trials=trials,
        parameters=network.parameters,
        latent=network.latent,
        weight=network.work * epochs * training,
        memory=network.memory(first.batch_size),
        optuna=optuna,
    )


def _check_against_data(spec: Spec, data: StudyData, values: Mapping[str, str]) -> int:
    """Refuse a point that does not fit the images; gives back how many it trains on."""
    training, _ = preparation.split_for(spec, data.images)
    if problems := check_against_data(spec, data.images.shape, len(training)):
        where = f"{describe(values)}: " if values else ""
        raise SpecError({name: f"{where}{sentence}" for name, sentence in problems.items()})
    return len(training)
