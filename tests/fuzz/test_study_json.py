"""`study.json`: a study that was changed by hand or damaged."""

import io
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cae_tui.cli.output_console import OutputConsole
from cae_tui.cli.study_tables import print_study
from engine.documents.study import trials_csv
from engine.errors import EngineError, SpecError, StudyError
from engine.storage.files import FORMAT
from engine.storage.typed_json import finite
from engine.studies.command import as_command
from engine.studies.records import StudyDirectory, StudyRecord
from engine.studies.spec import study_from_json
from engine.studies.tables import rows
from tests.cae_tui.study_script import grid, guided, long_run, repeated
from tests.fuzz.mutations import files_of, mutated
from tests.fuzz.outcome import CONTROL, accepted_share, value_or_sentence

READER = "study.json"


def document(record: StudyRecord) -> dict[str, Any]:
    """What `StudyDirectory.write` puts into the file."""
    values: dict[str, Any] = finite(asdict(record))
    del values["prefix"]
    return {"format": FORMAT, **values, "kind": "study"}


DOCUMENTS = tuple(
    document(record)
    for record in (guided(), guided(state="running"), guided(state="waiting"), long_run(), grid(), repeated())
)
documents = st.sampled_from(DOCUMENTS).flatmap(lambda each: files_of(each))
specs = st.sampled_from([each["spec"] for each in DOCUMENTS]).flatmap(mutated)


@given(data=documents)
def test_any_study_can_be_shown_or_is_refused_in_a_sentence(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = StudyDirectory(tmp_path_factory.getbasetemp())
    directory.study.write_bytes(data)

    def shown() -> StudyRecord:
        record = directory.read()
        out = io.StringIO()
        print_study(record, OutputConsole(file=out, width=120))
        assert not CONTROL.search(out.getvalue())
        record.to_json()
        assert record.eta is None or record.eta == record.eta
        assert record.done <= record.total
        for stage in record.stages:
            rows(stage, record.spec["baseline"]["kind"])
        return record

    value_or_sentence(READER, shown, StudyError)


@given(data=documents)
def test_a_study_that_can_be_taken_up_can_be_written_as_csv_and_as_a_command(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = StudyDirectory(tmp_path_factory.getbasetemp())
    directory.study.write_bytes(data)

    def written() -> None:
        record = directory.read()
        spec = study_from_json(record.spec)
        trials_csv(record, spec).encode()
        assert not CONTROL.search(as_command(spec))

    value_or_sentence(READER, written, EngineError)


@given(values=specs)
def test_any_spec_of_a_study_is_one_or_a_sentence(values: Any) -> None:
    spec = value_or_sentence(READER, lambda: study_from_json(values), SpecError)
    if spec is not None:
        assert spec.title
        assert spec.points >= 1
        if spec.mode != "search":
            assert all(spec.combinations(names) for names in spec.stages)
        assert study_from_json(spec.model_dump(mode="json")) == spec


def test_a_good_part_of_the_studies_is_taken() -> None:
    def takes(values: Any) -> bool:
        try:
            study_from_json(values)
        except SpecError:
            return False
        return True

    assert 0.1 < accepted_share(specs, takes) < 0.9
