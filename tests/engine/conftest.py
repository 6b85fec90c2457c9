"""A slice of the real MNIST, and runs on it that several tests look at."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import jobs
from engine.protocol.control import Flag
from engine.protocol.events import Event
from engine.runs.directory import Home, RunDirectory
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec
from tests.idx import first_of_mnist

TRAINING, TEST = 600, 200

Train = Callable[..., tuple[RunDirectory, Any, list[Event]]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four IDX files: the first images of MNIST, by the names that specs give them."""
    return first_of_mnist(tmp_path_factory.mktemp("mnist"), TRAINING, TEST)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home folder."""
    return Home(tmp_path / "home")


def small(files: dict[str, Path], **values: object) -> AutoencoderSpec:
    """An autoencoder that trains in a second."""
    return preset(
        AutoencoderSpec,
        "recommended",
        **{"epochs": 2, "layers": 6, "kernels": 8, "batch_size": 64, "threads": 1, **files, **values},
    )


def small_classifier(files: dict[str, Path], encoder: str, **values: object) -> ClassifierSpec:
    """A classifier that trains in a second."""
    own = {"frozen_epochs": 1, "finetune_epochs": 1, "batch_size": 64, "fc_units": 16, "threads": 1}
    return preset(ClassifierSpec, "recommended", encoder=encoder, **{**own, **files, **values})


def train(home: Home, spec: AutoencoderSpec | ClassifierSpec) -> tuple[RunDirectory, Any, list[Event]]:
    """The run, its result and all events that were told."""
    events: list[Event] = []
    result = jobs.start(home, spec, events.append, Flag())
    return home.find(result.id), result, events


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Where the runs of a session are."""
    return Home(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def autoencoder(trained_home: Home, files: dict[str, Path]) -> tuple[RunDirectory, Any, list[Event]]:
    """A small autoencoder, trained once; look, but do not touch."""
    return train(trained_home, small(files))


@pytest.fixture(scope="session")
def classifier(
    trained_home: Home, files: dict[str, Path], autoencoder: tuple[RunDirectory, Any, list[Event]]
) -> tuple[RunDirectory, Any, list[Event]]:
    """A small classifier on it, trained once; look, but do not touch."""
    return train(trained_home, small_classifier(files, autoencoder[0].id))


@pytest.fixture
def own_home(
    tmp_path: Path,
    autoencoder: tuple[RunDirectory, Any, list[Event]],
    classifier: tuple[RunDirectory, Any, list[Event]],
) -> Home:
    """A home with copies of an autoencoder and a classifier on its encoder."""
    home = Home(tmp_path / "home")
    for run, *_ in (autoencoder, classifier):
        shutil.copytree(run.path, home.runs / run.id)
    return home
