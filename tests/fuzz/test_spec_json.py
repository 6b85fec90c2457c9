"""`spec.json`: a spec that was changed by hand, restored by half, or sent by somebody else."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cae_tui.cli.study_cli import read_baseline
from engine.errors import EngineError, RunError, SpecError
from engine.runs.directory import Home, RunDirectory
from engine.runs.spec_file import check_unchanged, read_spec_file
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from engine.specs.kinds import SPECS, spec_from_json
from engine.studies.command import as_flags
from tests.fuzz.mutations import files_of, mutated
from tests.fuzz.outcome import accepted_share, value_or_sentence

READER = "spec.json"
AUTOENCODER = AutoencoderSpec(kernels="8-16-32-32-32", learning_rate=0.004).model_dump(mode="json")
CLASSIFIER = ClassifierSpec(encoder="a7f3000000").model_dump(mode="json")
DOCUMENTS: tuple[dict[str, Any], ...] = tuple(
    {
        "format": 1, "spec": spec, "encoder": None, "encoder_spec": AUTOENCODER if spec is CLASSIFIER else None,
        "data": {"name": "MNIST", "paths": {"images": None}, "digest": "0" * 64, "shape": [28, 28, 1], "classes": 10,
                 "training": 54_000, "validation": 6_000, "test": 10_000},
        "seed": 0, "threads": 2, "device": "cpu · 2 threads · float32", "versions": {"torch": "2.13.0"},
        "kind": spec["kind"],
    }
    for spec in (AUTOENCODER, CLASSIFIER)
)  # fmt: skip
documents = st.sampled_from(DOCUMENTS).flatmap(files_of)
specs = st.sampled_from([AUTOENCODER, CLASSIFIER]).flatmap(mutated)


def run_with(data: bytes, folder: Path) -> RunDirectory:
    """A run whose `spec.json` has that content."""
    run = RunDirectory(folder / "runs" / "a7f3000000")
    run.path.mkdir(parents=True, exist_ok=True)
    run.spec.write_bytes(data)
    return run


@given(data=documents)
def test_any_spec_json_is_a_spec_or_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    run = run_with(data, tmp_path_factory.getbasetemp())
    found = value_or_sentence(READER, lambda: read_spec_file(run), RunError)
    if found is not None:
        spec, written = found
        assert spec.seed == written["seed"]
        assert isinstance(spec.title, str)
        assert sum(epochs for _, epochs in spec.stages) >= 1
        value_or_sentence(READER, lambda: check_unchanged(run, spec, "autoencoder", written["spec"]), RunError)


@given(values=specs)
def test_any_spec_is_one_or_a_sentence_for_each_field(values: Any) -> None:
    spec = value_or_sentence(READER, lambda: spec_from_json(values), SpecError)
    if spec is not None:
        assert spec_from_json(spec.model_dump(mode="json")) == spec
        assert as_flags(spec)


@given(data=documents | specs.flatmap(files_of))
def test_any_file_is_a_baseline_or_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "baseline.json"
    path.write_bytes(data)
    found = value_or_sentence(READER, lambda: read_baseline(Home(folder / "home"), str(path)))
    assert found is None or found.kind in SPECS


@given(data=documents)
def test_a_list_of_runs_takes_what_it_can_of_any_spec_json(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = run_with(data, tmp_path_factory.getbasetemp())
    values = value_or_sentence(READER, lambda: Home(run.path.parents[1]).specs([run.id]))
    assert values is not None
    assert isinstance(values[run.id], dict)


def test_a_good_part_of_the_documents_is_taken() -> None:
    def takes(values: Any) -> bool:
        try:
            spec_from_json(values)
        except EngineError:
            return False
        return True

    assert 0.1 < accepted_share(specs, takes) < 0.8
