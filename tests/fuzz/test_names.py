"""Names of runs, studies and tags, and notes: what people type, and what lies on a disk under those names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RunError, StudyError
from engine.exporters.runs_csv import runs_csv
from engine.runs.directory import Home
from engine.runs.filter import parse_filter
from engine.runs.notes import (
    LONGEST_NOTE,
    LONGEST_TAG,
    MOST_TAGS,
    Notes,
    parse_note,
    parse_tags,
    read_notes,
    write_notes,
)
from engine.runs.status import RunStatus
from engine.storage.files import read_json
from engine.studies.records import Studies
from tests.fuzz.mutations import files_of, nasty_texts
from tests.fuzz.outcome import CONTROL, accepted_share, value_or_sentence

READER = "names"
typed = st.one_of(
    nasty_texts,
    st.lists(nasty_texts | st.text("abc-./+_#, ", max_size=12), max_size=4).map(" ".join),
    st.text(st.characters(categories=["L", "N", "M", "Cf", "Zs"]), max_size=12),
    st.sampled_from(["baseline", "#talk, 2020-report", "İstanbul", "ﬁ", "ẞ", "a7f3", "../a7f3000000", "A7F3"]),
)
MARKS = {"format": 1, "kind": "marks", "star": True, "hidden": False, "tags": ["baseline", "talk"], "note": "the one"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one run and one study."""
    home = Home(tmp_path_factory.mktemp("names"))
    for folder in ("runs/a7f3000000", "studies/4s6y000000", "runs/.a7f3000000.12345678", "outside"):
        (home.path / folder).mkdir(parents=True)
    return home


@given(text=typed)
def test_any_name_is_that_of_a_run_or_a_sentence(text: str, home: Home) -> None:
    found = value_or_sentence(READER, lambda: home.find(text), RunError)
    assert found is None or found.path == home.runs / "a7f3000000"


@given(text=typed)
def test_any_name_is_that_of_a_study_or_a_sentence(text: str, home: Home) -> None:
    found = value_or_sentence(READER, lambda: Studies(home).find(text), StudyError)
    assert found is None or found.path == home.path / "studies" / "4s6y000000"


@given(text=typed, note=typed)
def test_any_tags_and_notes_are_kept_as_they_were_taken_or_refused_in_a_sentence(
    text: str, note: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tags = value_or_sentence(READER, lambda: parse_tags(text), RunError)
    kept = value_or_sentence(READER, lambda: parse_note(note), RunError)
    if tags is None or kept is None:
        return
    assert len(tags) <= MOST_TAGS
    assert all(0 < len(tag) <= LONGEST_TAG for tag in tags)
    assert len(kept) <= LONGEST_NOTE
    assert not CONTROL.search("".join(tags) + kept)
    path = tmp_path_factory.getbasetemp() / "marks.json"
    notes = Notes(tags=tags, note=kept)
    write_notes(path, notes)
    assert read_notes(path) == notes
    run = RunStatus(id="a7f3000000", started=1.0, notes=notes)
    for tag in tags:
        assert parse_filter(f'tag="{tag}"').matches(run)
    runs_csv([run], {}).encode()


@given(data=files_of(MARKS))
def test_any_file_of_marks_is_read_or_refused_in_a_sentence(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "marks.json"
    path.write_bytes(data)
    notes = value_or_sentence(READER, lambda: read_notes(path), RunError)
    if notes is not None:
        assert not CONTROL.search("".join(notes.tags) + notes.note)
        write_notes(path, notes)
        assert read_notes(path) == notes
        assert read_json(path)["kind"] == "marks"


def test_a_good_part_of_the_tags_is_taken() -> None:
    def takes(text: str) -> bool:
        try:
            return bool(parse_tags(text))
        except RunError:
            return False

    assert 0.1 < accepted_share(typed, takes) < 0.8


def test_a_name_never_leads_out_of_its_folder(home: Home, tmp_path: Path) -> None:
    for text in ("../outside", "..", ".", "/", str(home.path / "outside"), ".a7f3000000.12345678"):
        with pytest.raises(RunError):
            home.find(text)
