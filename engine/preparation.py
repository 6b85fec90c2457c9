"""Making a run ready: everything that can be checked before the first step is checked here.

`create` takes a spec and makes a run directory; `reopen` takes a run directory that is there. Both give
the same `Prepared`, so that a run that is taken up goes exactly the way it went the first time.
"""

import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import engine
from engine.data.by_hand import ByHand
from engine.data.cache import load
from engine.data.corrections import Corrections
from engine.data.datasets import ImageData
from engine.data.split import SPLIT_RULE, labelled_subset, so_many_of_each, split_of
from engine.device import choose_device
from engine.errors import DatasetError, ModelFileError, SpecError
from engine.kinds import kind_of
from engine.network.architecture import Plan
from engine.protocol.states import RUNNING
from engine.runs.checkpoint import ModelFile, read_autoencoder
from engine.runs.directory import Home, RunDirectory
from engine.runs.encoders import find_encoder, remarks_on
from engine.runs.moved import known_of_run, load_known
from engine.runs.prepared import Prepared
from engine.runs.spec_file import read_spec_file
from engine.runs.status import RunStatus
from engine.specs.base import Spec
from engine.specs.data_files import LABELS_FROM, DataFiles
from engine.specs.kinds import check_against_data
from engine.storage.csv_text import csv_of
from engine.storage.files import write_bytes, write_json
from engine.text import counted


def create(
    home: Home,
    spec: Spec,
    study: str = "",
    trial: int = 0,
    split_rule: int = SPLIT_RULE,
    by_hand: ByHand | None = None,
    state: str = RUNNING,
    corrections: Corrections | None = None,
) -> Prepared:
    """Check all that can be checked before training, and make the run's directory.

    Args:
        study: the id of the study that the run is a trial of; none by default.
        trial: the run's number there, from 1.
        split_rule: see `SPLIT_RULE`; a study's trials have all the same.
        by_hand: the images that are left out; where it is None, those that a person left out by now.
        state: of the new run; one that waits for its turn is `QUEUED`.
        corrections: of its labels; where it is None, those of the file of labels that the spec names.

    Raises:
        EngineError: the spec does not fit the data, a file cannot be read, the folder cannot be written.
    """
    # A run must not depend on the folder it was begun in.
    files = spec.files.absolute()
    spec = spec.model_copy(update={**files.places, LABELS_FROM: files.labels_from})
    device = choose_device(spec.device, spec.precision, None if spec.threads == "auto" else spec.threads)
    data = load(files, by_hand=by_hand, corrections=corrections)
    kind_of(spec).check_data(data)
    spec = spec.settled(data.shape)
    training, validation = split_for(spec, data, split_rule)
    encoder, origin = None, None
    if spec.built_on:
        file, origin = find_encoder(home, spec.built_on)
        encoder = read_autoencoder(file, data.shape)
        encoder.build()
    if problems := misfits(spec, data, len(training), None if encoder is None else encoder.encoder_spec):
        raise SpecError(problems)
    prepared = Prepared(  # in a directory that is yet to be made
        run=RunDirectory(home.runs), spec=spec, data=data, training=training, validation=validation, device=device,
        encoder=encoder, plan=_plan(spec, data, encoder), split_rule=split_rule,
        encoder_remarks=remarks_on(home, spec, data),
    )  # fmt: skip

    def fill(run: RunDirectory) -> None:
        if encoder is not None:
            write_bytes(run.encoder, _bytes_of(encoder.path, "encoder"))
        if files.labels_from is not None and files.labels_from.exists():  # a study may go on without it
            write_bytes(run.labels, _bytes_of(files.labels_from, "file of labels"))
        if data.left_out:
            write_bytes(run.left_out, csv_of([("file", "reason"), *data.left_out.items()]).encode())
        write_json(run.spec, spec.kind, _spec_file(prepared, origin))
        now = time.time()
        run.write_status(
            RunStatus(
                id=run.id,
                kind=spec.kind,
                title=spec.title,
                state=state,
                epochs=sum(epochs for _, epochs in spec.stages),
                started=now,
                updated=now,
                encoder=origin,
                image_shape=data.shape,
                data=data.name,
                data_digest=data.digest,
                images_digest=data.images_digest,
                study=study,
                trial=trial,
                work=prepared.plan.work,
                parameters=prepared.plan.parameters,
                latent=prepared.plan.latent,
                host=platform.node(),
            )
        )

    return replace(prepared, run=home.create(fill))


def plan_of(home: Home, spec: Spec, data: ImageData) -> Plan:
    """The layers of the network that a spec asks for, on the encoder that it names where it takes one.

    Raises:
        EngineError: there is no such encoder, it is for other images, or no run of that kind can learn from these.
    """
    kind_of(spec).check_data(data)
    encoder = read_autoencoder(find_encoder(home, spec.built_on)[0], data.shape) if spec.built_on else None
    return _plan(spec, data, encoder)


def _plan(spec: Spec, data: ImageData, encoder: ModelFile | None) -> Plan:
    return kind_of(spec).plan(spec, data, None if encoder is None else encoder.encoder_spec)


def misfits(spec: Spec, data: ImageData, training: int, encoder: Spec | None) -> dict[str, str]:
    """Why no run of `spec` could begin on `data`: a sentence for each field that does not fit, none where all do.

    Args:
        training: how many images it trains on.
        encoder: the spec of the autoencoder that it is built on.
    """
    if problems := check_against_data(spec, data.shape, training):
        return problems
    layers = kind_of(spec).plan(spec, data, encoder).encoder
    if spec.batch_size == 1 and any(layer.normalised and layer.shape[:2] == (1, 1) for layer in layers):
        return {
            "batch_size": "1 leaves batch normalisation one number to normalise: use 2 or more, or fewer downsamplings."
        }
    return {}


def _bytes_of(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:  # it was there a moment ago
        raise ModelFileError(
            f"{path} cannot be read any more ({error.strerror or error}): choose another {what}."
        ) from None


def reopen(run: RunDirectory, command: str = "resume", data: ImageData | None = None) -> Prepared:
    """What a run that was made before takes to go on.

    Args:
        run: its directory.
        command: what a refusal tells a person to ask for again.
        data: its images, where they are known to be the ones; else they are read.

    Raises:
        EngineError: its files are damaged, or the data are not the ones it began with.
    """
    spec, written = read_spec_file(run)
    if data is None:
        data = load_known(known_of_run(run.id, spec, written, command), spec.files)
    split_rule = written.get("split", 1)
    training, validation = split_for(spec, data, split_rule)
    device = choose_device(spec.device, spec.precision, written["threads"])
    encoder = read_autoencoder(run.encoder, data.shape) if spec.built_on else None
    return Prepared(
        run=run, spec=spec, data=data, training=training, validation=validation, device=device, encoder=encoder,
        plan=_plan(spec, data, encoder), split_rule=split_rule,
        encoder_remarks=tuple(written.get("encoder_remarks", ())),
    )  # fmt: skip


def with_threads(prepared: Prepared, threads: int) -> Prepared:
    """The same with the number of threads that `auto` came to; `write_threads` writes it down."""
    return replace(
        prepared,
        spec=prepared.spec.model_copy(update={"threads": threads}),
        device=replace(prepared.device, threads=threads),
    )


def write_threads(prepared: Prepared) -> None:
    """Put the number of threads into the run's `spec.json`: a resume takes it from there, and who repeats the run.

    Raises:
        EngineError: the file is gone, or cannot be written.
    """
    run, device = prepared.run, prepared.device
    told = {"spec": prepared.spec.model_dump(mode="json"), "threads": device.threads, "device": device.description}
    write_json(run.spec, prepared.spec.kind, {**run.read_spec(), **told}, run.put)


def split_for(spec: Spec, data: ImageData, rule: int = SPLIT_RULE) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices a spec trains on, and those it validates on; of `rule`, see `SPLIT_RULE`."""
    training, validation = split_of(data, spec.validation_fraction, spec.seed, rule)
    if spec.labelled < 1 and data.train.labels is not None:
        training = labelled_subset(data.train.labels, training, spec.labelled, spec.seed, rule)
    if spec.labels_each is not None and data.train.labels is not None:
        training = so_many_of_each(data.train.labels, training, spec.labels_each, spec.seed)
    if spec.learned_classes:
        training, validation = _of_classes(data, spec.learned_classes, training, validation)
    return training, validation


def _of_classes(
    data: ImageData, names: tuple[str, ...], *parts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The images of these classes among those to train on and those to validate by.

    Raises:
        DatasetError: there is no such class, or too few images of them.
    """
    wanted = data.labels_called(names, "normal")
    assert data.train.labels is not None  # else they were refused
    training, validation = (part[np.isin(data.train.labels[part], wanted)] for part in parts)
    if not len(training) and not len(validation):
        raise DatasetError(
            f"There is no training image of {', '.join(names)}: what is normal is learned from training images. Name "
            "classes that have some.",
            "normal",
        )
    if len(training) < 2 or not len(validation):
        count = counted(len(training) + len(validation), "image")
        raise DatasetError(
            f"There {'is' if count == '1 image' else 'are'} {count} of {', '.join(names)} to learn from: too few to "
            "train on some and hold others back. Name more classes, or raise the validation fraction.",
            "normal",
        )
    return training, validation


def images_of(
    run: RunDirectory, files: DataFiles | None = None
) -> tuple[ImageData, NDArray[np.int64], NDArray[np.int64]]:
    """The images of a run as they were when it began, with the indices it was trained on, and validated on.

    Args:
        files: where they are, in place of where they were then.

    Raises:
        EngineError: they are gone, or others; or what the run says of them is damaged.
    """
    spec, written = read_spec_file(run)
    data = load_known(known_of_run(run.id, spec, written), files or spec.files)
    return data, *split_for(spec, data, written.get("split", 1))


def _spec_file(prepared: Prepared, origin: str | None) -> dict[str, Any]:
    data = prepared.data
    return {
        "spec": prepared.spec.model_dump(mode="json"),
        "encoder": origin,
        "encoder_remarks": list(prepared.encoder_remarks),
        "encoder_spec": None if prepared.encoder is None else prepared.encoder.encoder_spec.model_dump(mode="json"),
        "data": {
            "name": data.name,
            "words": data.words,
            "left_out": len(data.left_out),
            "by_hand": data.by_hand.as_json(),
            "corrections": data.corrections.as_json(),
            "corrected": corrected_words(data),
            "paths": data.files.as_json(),
            "digest": data.digest,
            "images_digest": data.images_digest,
            "part_digests": data.part_digests,
            "shape": list(data.shape),
            "classes": data.classes,
            "training": len(prepared.training),
            "validation": len(prepared.validation),
            "test": 0 if data.test is None else len(data.test),
        },
        "seed": prepared.spec.seed,
        "split": prepared.split_rule,
        "threads": prepared.device.threads,
        "device": prepared.device.description,
        "versions": versions(),
    }


def corrected_words(data: ImageData) -> str:
    """What a file of labels changed of a run's images: how many labels and images, and which labels became which."""
    return " ".join(filter(None, (data.corrections.sentence, data.corrected)))


def versions() -> dict[str, str]:
    """Of what decides the numbers of a run."""
    return {
        "cae-tui": engine.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
