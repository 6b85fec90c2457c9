"""What was found in images and labels, wherever a person first meets them."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.runner import Runner
from cae_tui.cli.main import main
from cae_tui.screens import configure, data
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.widgets.data_card import DataCard
from cae_tui.widgets.remarks import Remarks, fitted
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.classifier import ClassifierSpec
from tests.cae_tui.bridge.test_runner import Heard
from tests.cae_tui.conftest import DEVICE, MakeApp, until
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


# -- on screens -----------------------------------------------------------------------------------


@pytest.fixture
def app(home: Home, monkeypatch: pytest.MonkeyPatch) -> CaeApp:
    """An app that knows its device at once."""
    made = CaeApp(home)

    async def device() -> str:
        return DEVICE

    monkeypatch.setattr(made.runner, "device", device)
    monkeypatch.setattr(data, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(configure, "PAUSE_SECONDS", 0.0)
    return made


async def found(pilot: Pilot[Any]) -> tuple[str, ...]:
    """The sentences on the screen, once there are some."""
    widget = pilot.app.screen.query_one(Remarks)
    await until(pilot, lambda: bool(widget.sentences and widget.size.height))
    assert widget.size.height == len(fitted(widget.sentences, widget.size.width, 1000, ""))
    return widget.sentences


async def test_the_data_screen_tells_of_pixels_and_of_the_split(app: CaeApp, dark: Path, tmp_path: Path) -> None:
    labels = write_idx(tmp_path / "labels", np.repeat(np.arange(20, dtype=np.uint8), 3))
    app.drafts["data"] = {"images": str(dark), "labels": str(labels)}
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(DataScreen())
        pixels, split = await found(pilot)
        assert pixels.startswith(DARK)
        assert "(14 in all) have no validation image with this split" in split


async def test_a_form_tells_of_them_before_a_run(app: CaeApp, dark: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(SpecPage("autoencoder", {"images": str(dark), "batch_size": "16"}))
        (sentence,) = await found(pilot)
        assert sentence.startswith(DARK)


def test_a_form_is_told_what_concerns_its_kind(home: Home, tmp_path: Path) -> None:
    files = {
        "images": write_idx(tmp_path / "images", noise(60)[..., 0]),
        "labels": write_idx(tmp_path / "labels", np.repeat(np.array([1, 2], np.uint8), 30)),
    }
    runner = Runner(home, Heard())
    assert asyncio.run(runner.remarks(parse(AutoencoderSpec, files))) == ()
    (sentence,) = asyncio.run(runner.remarks(parse(ClassifierSpec, {**files, "encoder": "abc"})))
    assert sentence.startswith("Class 0 has no image")


async def test_the_examples_of_a_data_set_bear_the_numbers_of_their_classes(
    make_app: MakeApp, home: Home, tmp_path: Path
) -> None:
    files = {
        "images": write_idx(tmp_path / "images", noise(60)[..., 0]),
        "labels": write_idx(tmp_path / "labels", np.repeat(np.array([4, 200], np.uint8), 30)),
    }
    found = await Runner(home, Heard()).data(parse(AutoencoderSpec, files).files)
    assert found.occurring == found.example_classes == (4, 200)
    assert len(found.examples) == 2
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        card = app.screen.query_one(DataCard)
        await until(pilot, lambda: card.data is not None)
        card.data = found
        assert "8×8 grey · 2 classes" in card.render().plain
        numbers = [word for word in card.render().plain.partition("classes")[2].split() if word.isdecimal()]
        assert numbers == ["4", "30", "200", "30"]


def test_sentences_that_do_not_fit_are_counted() -> None:
    sentences = ("one two three four five six seven", "eight", "nine ten")
    assert fitted(sentences, 20, 9, "below") == ["! one two three four", "  five six seven", "! eight", "! nine ten"]
    assert fitted(sentences, 20, 3, "below") == ["! one two three four", "  five six seven", "! 2 more remarks: below."]
    assert fitted(sentences[:1], 20, 1, "below") == ["! one two three four", "  five six seven"]
