"""The plan of a study: its stages and points, and what each costs, checked before anything is trained."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial

from engine import preparation
from engine.data import cache
from engine.data.datasets import ImageData
from engine.data.remarks import for_run
from engine.data.split import SPLIT_RULE
from engine.device import choose_device
from engine.errors import RunError, SpecError, StudyError
from engine.kinds import kind_of
from engine.runs.checkpoint import read_autoencoder
from engine.runs.directory import Home
from engine.runs.encoders import find_encoder, remarks_on
from engine.runs.moved import Known, load_known
from engine.specs.base import Spec
from engine.studies.checking import first_fit, problems_with, room_of
from engine.studies.records import PointRecord, StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.resources import threads_of, workers_of
from engine.studies.spec import StudySpec, check_together, space_of, spec_of


@dataclass(frozen=True, slots=True)
class StudyData:
    """What every point is checked against."""

    images: ImageData
    encoder: Spec | None  # of a classifier
    _training: dict[object, int] = field(default_factory=dict)

    def training(self, spec: Spec) -> int:
        """How many images a point trains on.

        Raises:
            SpecError: no run could begin with it.
        """
        key = (spec.validation_fraction, spec.labelled, spec.labels_each)  # of what can be studied, what counts
        if key not in self._training:
            self._training[key] = len(preparation.split_for(spec, self.images)[0])
        if problems := preparation.misfits(spec, self.images, self._training[key], self.encoder):
            raise SpecError(problems)
        return self._training[key]

    def why(self, study: StudySpec, values: Mapping[str, str]) -> Mapping[str, str]:
        """Why a point with these values cannot be trained: a sentence for each field, none where it can."""
        return problems_with(lambda: self.training(spec_of(study.baseline, values)))


def plan(home: Home, spec: StudySpec) -> StudyRecord:
    """A study as it would begin, with every trial that is known beforehand; nothing is written.

    Raises:
        EngineError: the data cannot be read, there is no such encoder, or a point could not begin.
    """
    spec = _settled(home, spec)
    data = load(home, spec.baseline)
    if spec.mode == "worth":
        spec = spec.for_so_many(data.training(spec.baseline))
    record = StudyRecord(id="", title=spec.title, spec=spec.model_dump(mode="json"), created=time.time())
    threads = None if spec.baseline.threads == "auto" else spec.baseline.threads
    device = choose_device(spec.baseline.device, spec.baseline.precision, threads)
    record.device = device.offer if spec.baseline.threads == "auto" else device.description
    split = preparation.split_for(spec.baseline, data.images)
    seen = for_run(data.images, *split, spec.baseline)
    told = filter(None, [spec.baseline.comparison(spec.values)])
    record.data = {
        "name": data.images.name,
        "training": len(data.images.train),
        "test": 0 if data.images.test is None else len(data.images.test),
        "shape": list(data.images.shape),
        "digest": data.images.digest,
        "images_digest": data.images.images_digest,
        "part_digests": data.images.part_digests,
        "by_hand": data.images.by_hand.as_json(),
        "corrections": data.images.corrections.as_json(),
        "split": SPLIT_RULE,
        "remarks": [*told, *remarks_on(home, spec.baseline, data.images), *seen],
    }
    if spec.mode == "worth" and data.images.train.labels is not None:
        record.data["each_class"] = len(split[0]) / max(data.images.train.occurring.size, 1)
    record.data |= survey(spec, data)
    number = 0
    first: dict[str, str] = {}
    for names in spec.stages:
        stage = StageRecord(names=list(names), points=[])
        for values in [] if spec.mode == "search" else spec.combinations(names):
            # What a stage before will pick is not known: it is told for the baseline, or for the first of its values.
            base = first if first and data.why(spec, values) else {}
            stage.points.append(point_of(spec, data, base, values, number))
            number += len(stage.points[-1].trials)
        record.stages.append(stage)
        first |= {name: spec.values[name][0] for name in names}
    record.workers = workers_of(spec, record)
    record.threads = threads_of(device, record.workers) if spec.baseline.threads == "auto" else 0
    return record


def survey(spec: StudySpec, data: StudyData) -> dict[str, object]:
    """What is known beforehand of the points of a study, for its record.

    Raises:
        StudyError: one of them cannot be trained, in a sentence with its values and the reason.
    """
    why = partial(data.why, spec)
    space = space_of(spec) if spec.mode == "search" else {}
    try:
        check_together(spec, why)
    except SpecError as error:
        raise StudyError(error.problems["values"]) from None
    # A search does not know yet what it will try: it is told for the baseline, or for what can be trained instead.
    usual = {} if not why({}) else first_fit(space, why) if space else next(spec.possible())[1]
    baseline = point_of(spec, data, {}, usual, 0)
    found: dict[str, object] = {
        "baseline_weight": baseline.weight,
        "baseline_step_work": baseline.step_work,
        "baseline_memory": baseline.memory,
    }
    if space:
        found |= asdict(room_of(space, why))
    return found


def create(home: Home, spec: StudySpec) -> StudyDirectory:
    """Check everything, and write the plan.

    Raises:
        EngineError: see `plan`; or the folder cannot be written.
    """
    record = plan(home, spec)
    record.versions = preparation.versions()

    def fill(directory: StudyDirectory) -> None:
        record.id = directory.id
        directory.write(record)

    return Studies(home).create(fill)


def _settled(home: Home, spec: StudySpec) -> StudySpec:
    """The study with whole paths, and the encoder's whole id."""
    baseline = spec.baseline
    changed: dict[str, object] = baseline.files.absolute()._asdict()
    if baseline.built_on:
        changed["encoder"] = find_encoder(home, baseline.built_on)[1]
    return spec.model_copy(update={"baseline": baseline.model_copy(update=changed)})


def load(home: Home, baseline: Spec, known: Known | None = None) -> StudyData:
    """The images that a study is made on, and the encoder of a classifier's.

    Args:
        known: what is written down of the images of a study that is taken up; they have to be the same.

    Raises:
        EngineError: they cannot be read, or are others, or there is no such encoder.
    """
    images = cache.load(baseline.files) if known is None else load_known(known, baseline.files)
    kind_of(baseline).check_data(images)
    if not baseline.built_on:
        return StudyData(images, None)
    try:
        file, _ = find_encoder(home, baseline.built_on)
    except RunError as error:
        raise StudyError(f"The study needs its encoder, run {baseline.built_on}: {error}") from None
    return StudyData(images, read_autoencoder(file, images.shape).encoder_spec)


def point_of(
    spec: StudySpec,
    data: StudyData,
    base: Mapping[str, str],
    values: dict[str, str],
    number: int,
    optuna: int | None = None,
) -> PointRecord:
    """A point with its trials, which are to be numbered from `number` + 1 on.

    Raises:
        SpecError: it cannot be trained.
    """
    first = spec_of(spec.baseline, {**base, **values})
    training = data.training(first)
    network = kind_of(first).plan(first, data.images, data.encoder)
    epochs = sum(count for _, count in first.stages)
    trials = [
        Trial(number=number + repeat + 1, seed=spec.baseline.seed + repeat, planned=epochs)
        for repeat in range(spec.repeats_at(values))
    ]
    return PointRecord(
        values=values,
        trials=trials,
        parameters=network.parameters,
        latent=network.latent,
        weight=network.work * epochs * first.images_of(training),
        step_work=network.work * first.batch_size,
        memory=network.memory(first.batch_size),
        optuna=optuna,
    )
