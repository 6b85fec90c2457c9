from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.runs.directory import Home, RunDirectory
from engine.runs.facts import Peers, facts_of
from engine.runs.notes import Notes, write_notes
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, nearest_preset, parse, preset
from engine.specs.classifier import ClassifierSpec
from tests.cae_tui.script import BEGAN, scripted_events, scripted_result, scripted_status, write_run

MINE, OTHER, THIRD = "a7f3000000", "b111000000", "c222000000"


def made(
    home: Home, run: str = MINE, spec: Spec | None = None, *, digest: str = "d" * 16, **status: Any
) -> RunDirectory:
    """A complete autoencoder, or a classifier where `spec` is one's."""
    spec = spec or AutoencoderSpec()
    events = scripted_events(spec.kind, run)
    told = replace(scripted_status(events), data="MNIST", data_digest=digest, parameters=75_748, **status)
    return write_run(home, events, spec=spec, status=told)


def peers(home: Home, run: RunDirectory) -> Peers:
    found = facts_of(home, run).peers
    assert found is not None
    return found


# -- the nearest preset ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", AutoencoderSpec.presets)
def test_a_preset_is_nearest_to_itself(name: str) -> None:
    assert nearest_preset(preset(AutoencoderSpec, name)) == (name, ())


def test_what_differs_from_the_nearest_preset_is_told_as_it_is_typed() -> None:
    spec = preset(AutoencoderSpec, "report", epochs=3, residual=True, seed=9, device="cpu", images=Path("/x"))
    name, differences = nearest_preset(spec)
    assert name == "report"
    assert [(each.field, each.value, each.preset) for each in differences] == [
        ("epochs", "3", "20"), ("residual", "yes", "no"),
    ]  # fmt: skip


def test_a_latent_of_no_preset_is_told_as_a_difference() -> None:
    name, differences = nearest_preset(AutoencoderSpec(latent=20))
    assert (name, [each.field for each in differences]) == ("recommended", ["latent"])


# -- how a run came about -------------------------------------------------------------------------


def test_the_facts_of_a_run_are_those_of_its_files(home: Home) -> None:
    run = made(home, spec=parse(AutoencoderSpec, {"epochs": 3, "seed": 7}), study="k000000000", trial=2)
    notes = Notes(star=True, tags=("baseline",), note="Look again.")
    write_notes(run.notes, notes)
    facts = facts_of(home, run)
    assert (facts.preset, [each.field for each in facts.differences]) == ("Recommended", ["epochs"])
    assert (facts.data, facts.image_shape, facts.seed) == ("MNIST", (28, 28, 1), 7)
    assert (facts.started, facts.study, facts.trial, facts.notes) == (BEGAN, "k000000000", 2, notes)
    assert facts.device == "cpu · 2 threads · float32"


@pytest.mark.parametrize("damage", ["{", '{"format": 1, "spec": 7, "data": [1], "device": 3}', '{"format": 1}'])
def test_of_a_damaged_spec_and_damaged_marks_what_is_left_is_told(home: Home, damage: str) -> None:
    run = made(home)
    run.spec.write_text(damage)
    run.notes.write_text("{")
    facts = facts_of(home, run)
    assert (facts.preset, facts.differences, facts.seed, facts.peers) == ("", (), None, None)
    assert facts.data == "MNIST"


# -- the runs it is held against ------------------------------------------------------------------


def test_runs_that_differ_in_the_seed_alone_are_held_against_each_other_by_validation_loss(home: Home) -> None:
    run = made(home, best_loss=5e-4, test_loss=1e-9)
    made(home, OTHER, AutoencoderSpec(seed=3, device="cpu"), best_loss=4e-4, test_loss=1.0)
    made(home, THIRD, AutoencoderSpec(seed=4), best_loss=6e-4, test_loss=0.0)
    found = peers(home, run)
    assert (found.count, found.best, found.best_loss, found.best_seed) == (3, OTHER, 4e-4, 3)
    assert found.best_psnr == pytest.approx(33.98, abs=0.01)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        (AutoencoderSpec(seed=3, kernel_size=5), {}),
        (AutoencoderSpec(seed=3), {"digest": "e" * 16}),
        (AutoencoderSpec(seed=3), {"state": "diverged"}),
        (AutoencoderSpec(seed=3), {"state": "stopped"}),
        (AutoencoderSpec(seed=3), {"best_loss": None}),
        (ClassifierSpec(encoder=MINE), {}),
    ],
)
def test_runs_of_another_spec_of_other_images_or_not_complete_do_not_count(
    home: Home, spec: Spec, status: dict[str, Any]
) -> None:
    run = made(home, best_loss=5e-4)
    made(home, OTHER, spec, **{"best_loss": 1e-9, **status})
    assert (peers(home, run).count, peers(home, run).best) == (1, MINE)


def test_classifiers_on_other_encoders_are_others(home: Home) -> None:
    run = made(home, MINE, ClassifierSpec(encoder="aaaa"), encoder="aaaa000000", best_loss=0.1)
    made(home, OTHER, ClassifierSpec(encoder="aaaa000000", seed=1), encoder="aaaa000000", best_loss=0.05)
    made(home, THIRD, ClassifierSpec(encoder="aaaa", seed=2), encoder="bbbb000000", best_loss=0.01)
    found = peers(home, run)
    assert (found.count, found.best, found.best_psnr) == (2, OTHER, None)


def test_a_run_whose_images_are_not_known_is_held_against_none(home: Home) -> None:
    run = made(home, digest="")
    made(home, OTHER, digest="")
    assert facts_of(home, run).peers is None


def test_a_damaged_run_in_the_home_hinders_no_report(home: Home) -> None:
    run = made(home, best_loss=5e-4)
    made(home, OTHER, best_loss=1e-4).spec.write_text("{")
    made(home, THIRD, best_loss=1e-4).status.write_text("{")
    assert peers(home, run).count == 1


def test_a_result_of_a_run_is_no_fact_that_it_needs(home: Home) -> None:
    events = scripted_events(state="diverged", run=MINE)
    run = write_run(home, events, result=scripted_result(state="diverged", run=MINE))
    assert facts_of(home, run).peers is None
