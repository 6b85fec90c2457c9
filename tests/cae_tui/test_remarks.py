"""What was found in images and labels, wherever a person first meets them."""

from pathlib import Path

import numpy as np
import pytest

from cae_tui.cli import main
from engine.runs import Home
from tests.engine.tiny import noise
from tests.idx import write_idx

TINY = ("--kernels", "4", "--layers", "2", "--downsamplings", "1", "--batch-size", "16", "--device", "cpu")
DARK = "The brightest pixel is 1 of 255: were the images divided by 255 before they were saved?"


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    """Sixty images whose pixels are 0 and 1."""
    return write_idx(tmp_path / "dark", noise(60)[..., 0] % 2)


def test_dark_images_are_told_before_a_run_and_again_with_what_it_came_to(
    capsys: pytest.CaptureFixture[str], dark: Path, tmp_path: Path
) -> None:
    words = ["--home", str(tmp_path / "home")]
    assert main([*words, "autoencoder", "--epochs", "2", *TINY, "--images", str(dark)]) == 0
    said = capsys.readouterr()
    before, _, after = said.err.partition("epoch   1")
    assert f"! {DARK}" in before
    assert "is no better than that of the best constant image" in after
    (run,) = Home(tmp_path / "home").list_runs()
    main([*words, "report", run.id])
    for out in (said.out, capsys.readouterr().out):
        assert f"! {DARK}" in out
        assert "! The validation error, " in out


def test_a_study_tells_what_it_found_in_the_images_once(
    capsys: pytest.CaptureFixture[str], dark: Path, tmp_path: Path
) -> None:
    words = ["--home", str(tmp_path / "home"), "study", "--yes", "kernels=2,4", "--epochs", "1", *TINY[2:]]
    assert main([*words, "--images", str(dark)]) == 0
    assert capsys.readouterr().err.count(DARK) == 1


def test_labels_of_one_class_are_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str], dark: Path, tmp_path: Path
) -> None:
    labels = write_idx(tmp_path / "labels", np.full(60, 5, np.uint8))
    files = ["--images", str(dark), "--labels", str(labels)]
    words = ["--home", str(tmp_path / "home")]
    assert main([*words, "autoencoder", "--epochs", "1", *TINY, *files]) == 0
    (run,) = Home(tmp_path / "home").list_runs()
    capsys.readouterr()
    assert main([*words, "classifier", "--encoder", run.id, *files]) == 2
    assert "All labels of dark are 5: a classifier needs images of two or more classes." in capsys.readouterr().err
    assert main([*words, "study", "dropout=0.1,0.2", "--encoder", run.id, *files]) == 2
    assert "All labels of dark are 5" in capsys.readouterr().err
