import csv
import io
import os
import time
from dataclasses import replace

import pytest

from engine.errors import RunError
from engine.exporters.runs_csv import runs_csv
from engine.runs.directory import Home, RunDirectory
from engine.runs.notes import (
    LONGEST_NOTE,
    MOST_TAGS,
    NO_NOTES,
    Notes,
    change,
    parse_note,
    parse_tags,
    read_notes,
    write_notes,
)
from engine.runs.status import RunStatus
from engine.storage.csv_text import safe
from tests.engine.training.test_training import Trained


def made(home: Home, **values: object) -> RunDirectory:
    run = home.create()
    run.write_status(replace(RunStatus(id=run.id, kind="autoencoder", state="failed", started=1.0), **values))  # type: ignore[arg-type]  # values of several types
    return run


def aged(run: RunDirectory) -> None:
    """As if its directory had last changed an hour ago."""
    hour = time.time() - 3600
    os.utime(run.path, (hour, hour))


def test_marks_are_read_as_they_were_written_and_a_list_has_them(home: Home) -> None:
    run = made(home)
    assert read_notes(run.notes) == NO_NOTES
    notes = Notes(star=True, hidden=True, tags=("baseline", "2020-report"), note="[red]x[/] – the one")
    write_notes(run.notes, notes)
    assert read_notes(run.notes) == notes
    assert home.list_runs()[0].notes == notes
    assert run.read_status().notes == NO_NOTES  # the process that trains knows of none, and writes none
    assert "marks" not in run.status.read_text()


def test_tags_are_typed_with_blanks_or_commas_between_them() -> None:
    assert parse_tags(" #Baseline, talk  talk,,2020-report ") == ("baseline", "talk", "2020-report")
    assert parse_tags("") == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a:b", "is not a tag"),
        ("x" * 31, "at most 30"),
        ("\x1b[31m", "is not a tag"),
        (" ".join(map(str, range(21))), "too many"),
    ],
)
def test_a_tag_that_no_filter_could_name_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RunError, match=sentence):
        parse_tags(text)


def test_a_note_is_one_line_without_control_characters() -> None:
    assert parse_note(" a\nb\x1b]0;owned\x07 c ") == "a b ]0;owned c"
    with pytest.raises(RunError, match="shorten it"):
        parse_note("x" * (LONGEST_NOTE + 1))


def test_tags_are_added_and_taken_away() -> None:
    notes = change(Notes(tags=("a", "b")), add=("c", "a"), remove=("b",), star=True)
    assert notes == Notes(star=True, tags=("a", "c"))
    with pytest.raises(RunError, match="too many"):
        change(notes, add=[f"t{number}" for number in range(MOST_TAGS)])


@pytest.mark.parametrize("text", ["{", "[]", '{"tags": 3}', '{"tags": [1]}', '{"note": 3}', '{"format": 2}', "\xff"])
def test_a_damaged_file_of_marks_is_named_and_the_run_is_listed_all_the_same(home: Home, text: str) -> None:
    run = made(home)
    run.notes.write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"marks\.json"):
        read_notes(run.notes)
    assert [found.id for found in home.list_runs()] == [run.id]


# -- the list reads only what has changed -----------------------------------------------------------


def test_a_list_reads_again_only_what_has_changed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [made(home) for _ in range(3)]
    for run in runs:
        aged(run)
    assert len(home.list_runs()) == 3
    read: list[str] = []
    original = RunDirectory.read_status

    def kept(run: RunDirectory) -> RunStatus:
        read.append(run.id)
        return original(run)

    monkeypatch.setattr(RunDirectory, "read_status", kept)
    assert len(home.list_runs()) == 3
    assert read == []
    write_notes(runs[1].notes, Notes(star=True))
    assert sum(run.notes.star for run in home.list_runs()) == 1
    assert read == [runs[1].id]
    runs[2].write_status(replace(original(runs[2]), title="another"))
    home.delete(runs[0])
    assert {run.title for run in home.list_runs()} == {"", "another"}


def test_what_changed_a_moment_ago_is_read_again(home: Home) -> None:
    run = made(home)
    home.list_runs()
    before = run.path.stat().st_mtime
    write_notes(run.notes, Notes(star=True))
    os.utime(run.path, (before, before))  # a clock that has not moved on meanwhile
    assert home.list_runs()[0].notes.star


def test_a_run_that_is_on_is_looked_at_each_time(home: Home) -> None:
    run = made(home, state="running")
    aged(run)
    with run.locked():
        aged(run)
        assert home.list_runs()[0].state == "running"
    assert home.list_runs()[0].state == "cut off"


# -- CSV --------------------------------------------------------------------------------------------


def test_runs_as_csv_have_every_field_of_their_specs(
    trained_home: Home, autoencoder: Trained, classifier: Trained
) -> None:
    ours = {autoencoder[0].id, classifier[0].id}
    runs = [run for run in trained_home.list_runs() if run.id in ours]
    text = runs_csv(runs, trained_home.specs(run.id for run in runs))
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text))}
    first, second = rows[autoencoder[0].id], rows[classifier[0].id]
    assert (first["kind"], first["layers"], first["kernels"], first["fc_units"]) == ("autoencoder", "6", "8", "")
    assert (second["kind"], second["fc_units"], second["layers"]) == ("classifier", "16", "")
    assert second["encoder"] == autoencoder[0].id
    assert float(first["best_validation_loss"]) == autoencoder[1].best_validation_loss
    assert float(second["test_accuracy"]) == classifier[1].test_accuracy
    assert len(set(text.splitlines()[0].split(","))) == len(text.splitlines()[0].split(","))


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", " =1", "＝1"])
def test_no_cell_is_run_by_a_spreadsheet(home: Home, text: str) -> None:
    assert safe(text) == f"'{text}"
    run = replace(made(home).read_status(), notes=Notes(note=text))
    assert f"'{text.split(',')[0]}" in runs_csv([run], {})


def test_numbers_stay_numbers() -> None:
    assert [safe(value) for value in (-1.5, "-1.5", None, 3)] == [-1.5, "-1.5", "", 3]
