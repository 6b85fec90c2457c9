"""What tests of commands share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cae_tui.cli.main import main
from engine.data import cache
from engine.data.keeping import keep_in
from engine.runs.directory import Home
from tests.shapes import train_shapes

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, str], Path]:
    """A home with an autoencoder and a classifier of bars and dots, their ids, and new pictures."""
    return train_shapes(tmp_path_factory.mktemp("shapes"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Calls the command in an empty home; gives back its exit code and what it wrote to both streams."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = main(["--home", str(tmp_path / "home"), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    yield call
    keep_in(None)
    cache.forget()
