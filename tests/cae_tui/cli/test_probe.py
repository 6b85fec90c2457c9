"""`cae-tui probe`: a latent in numbers."""

import json
from pathlib import Path

import pytest

from cae_tui.cli.main import main
from engine.data.keeping import keep_in
from engine.runs.directory import Home
from tests.cae_tui.cli.conftest import Run

Trained = tuple[Home, dict[str, str], Path]


def probe(home: Home, *words: str) -> int:
    try:
        return main(["--home", str(home.path), "probe", *words])
    finally:
        keep_in(None)


def test_it_prints_a_table_of_the_latent_beside_pca_and_pixels(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    assert probe(home, ids["autoencoder"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["latent", "PCA", "pixels"]
    for words in ("accuracy, 5 nearest", "silhouette", "effective dimensions", "validation images, with classifiers"):
        assert words in out


def test_as_json_it_names_what_was_measured(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    home, ids, _ = trained
    assert probe(home, ids["autoencoder"], "--of", "test", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["kind"], told["of"]) == (ids["autoencoder"], "autoencoder", "test")
    assert [one["space"] for one in told["spaces"]] == ["latent", "PCA", "pixels"]
    assert 0 <= told["spaces"][0]["knn_accuracy"] <= 1
    assert told["spaces"][2]["effective_dimensions"] > 1
    assert any("test images" in remark for remark in told["remarks"])


def test_what_it_cannot_measure_is_refused_in_a_sentence(run: Run) -> None:
    code, _, err = run("probe", "zz")
    assert code == 2
    assert "zz" in err


def test_images_that_are_not_known_are_refused(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    home, ids, _ = trained
    assert probe(home, ids["autoencoder"], "--of", "own") == 2
    assert "--of: “own” is not known: choose validation, test or training." in capsys.readouterr().err
