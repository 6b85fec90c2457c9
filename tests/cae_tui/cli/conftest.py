"""What tests of commands share."""

from pathlib import Path

import pytest

from engine.runs.directory import Home
from tests.shapes import train_shapes


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, str], Path]:
    """A home with an autoencoder and a classifier of bars and dots, their ids, and new pictures."""
    return train_shapes(tmp_path_factory.mktemp("shapes"))
