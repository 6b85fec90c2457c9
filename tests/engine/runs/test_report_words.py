from typing import Any

import pytest

from engine.results.autoencoder import Pca, latent_sentence, pca_sentence
from engine.results.result import StageResult
from engine.runs.facts import Peers, RunFacts
from engine.runs.notes import Notes
from engine.runs.report_words import (
    _without_comma,
    about_lines,
    measured,
    measured_lines,
    run_facts,
    stage_words,
    verdicts,
    wrapped,
)
from engine.specs.base import Difference
from tests.cae_tui.script import AUTOENCODER, result_with

CONSTANT: dict[str, Any] = {"mse": 0.0673, "psnr": 11.72, "validation_mse": 0.0674, "validation_psnr": 11.71}
PCA: dict[str, Any] = {
    "components": 64,
    "mse": 3e-3,
    "psnr": 25.2,
    "note": "",
    "validation_mse": 3.1e-3,
    "validation_psnr": 25.1,
}


def peers(count: int, best: str, loss: float = 4.7e-4) -> RunFacts:
    return RunFacts(peers=Peers(count=count, best=best, best_loss=loss, best_psnr=33.3, best_seed=5))


@pytest.mark.parametrize(
    ("latent", "says"),
    [(64, "compressed 12.2 times"), (784, "nothing is compressed"), (1568, "2.0 × the image's 784 numbers")],
)
def test_the_latent_is_told_beside_the_image(latent: int, says: str) -> None:
    assert says in latent_sentence(latent, 784)


@pytest.mark.parametrize(
    ("mse", "says"),
    [
        (1e-3, "PCA with as many numbers, 64, has 3.0 times this error."),
        (1e-4, "PCA with as many numbers, 64, has 30 times this error."),
        (3e-3, "PCA with as many numbers, 64, does as well."),
        (6e-3, "PCA with 64 numbers does better: the error here is 2.0 times as large. Train for longer"),
        (None, "PCA with as many numbers, 64, has an error of 0.0030."),
    ],
)
def test_the_comparison_with_pca_is_in_words(mse: float | None, says: str) -> None:
    assert pca_sentence(Pca(**PCA), mse).startswith(says)


def test_where_pca_was_not_computed_the_reason_is_told() -> None:
    def without(note: str) -> Pca:
        return Pca(components=64, mse=None, psnr=None, note=note)

    assert pca_sentence(without("not computed: too large"), 0.1) == "PCA was not computed: too large."
    assert "nothing to compare with" in pca_sentence(without("overcomplete: PCA …"), 0.1)
    assert pca_sentence(None, 0.1) == ""


def test_no_number_is_parted_from_its_unit_at_the_end_of_a_line() -> None:
    assert wrapped("It gives 99.57 % of them", 14) == ["It gives", "99.57 % of", "them"]
    assert wrapped("", 14) == [""]


def test_a_stage_of_hours_is_told_in_one_line() -> None:
    stage = StageResult(
        stage="fine-tuning", state="finished", best_loss=0.1, best_accuracy=0.99, best_epoch=97, epochs=100,
        seconds=4136.0,
    )  # fmt: skip
    assert stage_words(stage) == "val_accuracy 99.00 %, epoch 97/100, 1:08:56"


def test_every_error_stands_beside_a_constant_image_pca_and_the_best_run_of_its_spec() -> None:
    result = result_with(constant_image=CONSTANT, pca=PCA)
    lines = measured_lines(result, peers(3, "b111000000"))
    assert lines[0].split() == ["validation", "test"]
    assert lines[1].split() == ["MSE", "PSNR", "MSE", "PSNR"]
    assert [line[:20].strip() for line in lines[2:]] == [
        "this run", "best constant image", "PCA, 64 numbers", "best of this spec",
    ]  # fmt: skip
    assert lines[3].split()[3:] == ["0.0674", "11.7", "dB", "0.0673", "11.7", "dB"]
    assert lines[5].split()[4:] == ["4.70e-04", "33.3", "dB", "–"]  # of other runs no test figure is looked at
    assert len({len(line) for line in lines[:1] + lines[1:5]}) == 1  # the columns end where their heads do


def test_a_run_without_test_images_is_held_against_others_of_the_validation_images() -> None:
    constant = {**CONSTANT, "mse": 0.07, "psnr": 11.5}
    result = result_with(evaluated_on="validation", test_mse=None, test_psnr=None, constant_image=constant, pca=PCA)
    assert [row.validation[0] for row in measured(result)[1:]] == ["0.0700", "0.0030"]
    assert [row.test[0] for row in measured(result)[1:]] == ["–", "–"]
    assert all("test" not in line for line in measured_lines(result))
    assert verdicts(result)[0] == "The best constant image has 133 times this error."


def test_heads_are_never_run_together() -> None:
    lines = measured_lines(result_with("classifier"))
    assert lines[1].split() == ["loss", "accuracy", "loss", "accuracy"]


def test_a_run_that_learned_nothing_is_told_so() -> None:
    result = result_with(test_mse=0.067, constant_image=CONSTANT)
    assert "The best constant image does as well: nothing was learned." in verdicts(result)


def test_the_best_run_of_the_spec_is_told_by_its_validation_loss() -> None:
    result = result_with(best_validation_loss=5.17e-4)
    assert verdicts(result, peers(3, "b111000000"))[-1] == (
        "Of 3 runs of this spec here, b111000000 (seed 5) has the lowest validation loss, 4.70e-04; this one has "
        "5.17e-04, 10 % more."
    )
    assert verdicts(result, peers(3, AUTOENCODER))[-1] == (
        "Of 3 runs of this spec here, it has the lowest validation loss, 5.17e-04."
    )
    assert verdicts(result, peers(1, AUTOENCODER))[-1] == "This is the only run here with this spec and these images."
    assert len(measured(result, peers(3, AUTOENCODER))) == 1


def test_of_an_old_result_what_is_there_is_told_and_no_more() -> None:
    result = result_with(pca=None)
    assert verdicts(result, RunFacts()) == []
    assert len(measured(result, RunFacts())) == 1


def test_a_classifier_is_held_against_always_answering_the_largest_class() -> None:
    result = result_with("classifier", largest_class={"label": 1, "accuracy": 0.1135})
    assert verdicts(result) == ["Always answering class 1 is right for 11.35 %."]


def test_a_report_names_how_its_run_came_about() -> None:
    facts = RunFacts(
        preset="Bottleneck 64", differences=(Difference("epochs", "Epochs", "3", "20"),), data="Plankton",
        image_shape=(64, 48, 3), training=900, validation=100, encoder="a7f3000000", encoder_title="10 × 32, 3×3, b128",
        seed=7, device="cuda · float32", started=1_700_000_000.0, study="k000000000", trial=3,
        notes=Notes(star=True, tags=("baseline", "wide"), note="Look again."),
    )  # fmt: skip
    assert dict(run_facts(facts)) == {
        "data": "Plankton · 64×48 colour · 900 training · 100 validation",
        "encoder": "a7f3000000 (10 × 32, 3×3, b128)",
        "preset": "Bottleneck 64, except epochs 3 instead of 20",
        "seed": "7",
        "device": "cuda · float32",
        "date": "2023-11-14 22:13 UTC",
        "study": "trial 3 of k000000000",
        "tags": "★ #baseline #wide",
        "note": "Look again.",
    }
    assert run_facts(RunFacts()) == []
    assert dict(run_facts(RunFacts(preset="Recommended")))["preset"] == "Recommended, unchanged"


def test_what_one_view_gives_is_explained_where_it_stands() -> None:
    words = " ".join(" ".join(about_lines(result_with("classifier"), None, 80)).split())
    assert (
        "Averaged over 5 views of each image: as it is, and shifted a little to each side. The image as it is, by "
        "itself, gives 99.57 %."
    ) in words


def test_what_a_remark_says_already_is_not_said_again() -> None:
    remarks = ["The test error is no better than that of the best constant image."]
    result = result_with(test_mse=0.067, constant_image=CONSTANT, remarks=remarks)
    assert result.learned_nothing
    assert sum("best constant image" in sentence for sentence in verdicts(result)) == 1
    always = {"label": 1, "accuracy": 1 - 1e-9}
    result = result_with("classifier", remarks=["It always answers 1."], largest_class=always)
    assert result.learned_nothing
    assert verdicts(result) == ["! It always answers 1."]
    sure = result_with("classifier", remarks=["It always answers 1."], largest_class={"label": 1, "accuracy": 0.5})
    assert not sure.learned_nothing


def test_a_comma_in_the_name_of_a_field_does_not_break_the_list_of_differences() -> None:
    assert _without_comma("epochs, fine-tuning") == "epochs (fine-tuning)"
    assert _without_comma("epochs") == "epochs"
