"""Files that were damaged, or cannot be written, and what is said of them; whose they are, and where links lead."""

import errno
import os
from pathlib import Path

import pytest

from engine.errors import DatasetError, EngineError, RunError, SpecError, StorageError
from engine.protocol.events import EventFormat
from engine.runs.directory import Home
from engine.storage.files import delete_folder, read_json, storage_error, write_bytes, write_json
from engine.studies.records import Studies

DEEP = "[" * 200_000


def test_a_file_that_is_nested_too_deeply_is_refused_as_any_other_damage(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(DEEP)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "f")
    run = Home(tmp_path).create()
    run.status.write_text(DEEP)
    with pytest.raises(RunError, match="nested too deeply"):
        run.read_status()
    assert Home(tmp_path).list_runs() == []


def test_an_event_that_is_nested_too_deeply_is_passed_over() -> None:
    assert EventFormat.read(DEEP) is None


@pytest.mark.parametrize("found", ["null", '"1"', "0", "true", "1.0"])
def test_a_format_that_no_version_has_is_not_called_newer(tmp_path: Path, found: str) -> None:
    (tmp_path / "f").write_text(f'{{"format": {found}}}')
    with pytest.raises(ValueError, match="has no format number") as refused:
        read_json(tmp_path / "f")
    assert "newer" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room, or choose another folder, then try again."),
        (errno.EDQUOT, "Make room, or choose another folder, then try again."),
        (errno.EACCES, "Choose another folder, or make this one writable, then try again."),
        (errno.EROFS, "Choose another folder, or make this one writable, then try again."),
        (errno.ENOTDIR, "A file is where a folder is needed: choose another folder, then try again."),
        (errno.EEXIST, "A file is where a folder is needed: choose another folder, then try again."),
        (errno.EIO, "Choose another folder, then try again."),
    ],
)
def test_what_to_do_about_a_failed_write_depends_on_why_it_failed(number: int, advice: str) -> None:
    sentence = str(storage_error(Path("/some/file"), OSError(number, os.strerror(number))))
    assert sentence == f"/some/file could not be written: {os.strerror(number)}. {advice}"


# -- whose files are, and where they are while they are written ---------------------------------------


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_is_for_whom_the_umask_of_its_owner_says(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "file", b"x")
        run = Home(tmp_path).create()
        with run.locked():
            write_json(run.notes, "marks", {})
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask
    for path in (run.path, run.samples, run.checkpoints):
        assert path.stat().st_mode & 0o777 == 0o777 & ~mask
    assert run.notes.stat().st_mode & 0o777 == 0o666 & ~mask
    assert run.lock.stat().st_mode & mask == 0


def test_a_file_is_written_beside_its_target_and_never_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"precious")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "status.json").symlink_to(mine)
    beside: list[Path] = []
    replace = os.replace

    def kept(source: Path, target: Path) -> None:
        beside.append(source.parent)
        replace(source, target)

    monkeypatch.setattr("os.replace", kept)
    write_bytes(folder / "status.json", b"new")
    assert beside == [folder]
    assert mine.read_bytes() == b"precious"
    assert not (folder / "status.json").is_symlink()
    assert (folder / "status.json").read_bytes() == b"new"

    # Somebody who guesses the name of the temporary file lays a link there: it is not written through.
    monkeypatch.setattr("os.urandom", bytes)
    (folder / ".status.json.00000000").symlink_to(mine)
    with pytest.raises(StorageError):
        write_bytes(folder / "status.json", b"newer")
    assert mine.read_bytes() == b"precious"
    assert (folder / "status.json").read_bytes() == b"new"


def test_what_a_link_in_the_home_leads_to_stays_when_it_is_deleted(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "inner").mkdir(parents=True)
    (mine / "inner" / "photo").write_bytes(b"precious")
    home = Home(tmp_path / "home")
    run = home.create()
    (run.path / "linked").symlink_to(mine, target_is_directory=True)
    (run.samples / "photo").symlink_to(mine / "inner" / "photo")
    home.delete(run)
    assert (mine / "inner" / "photo").read_bytes() == b"precious"

    # A whole run, or study, that is itself a link to elsewhere: the link is what goes.
    linked = home.runs / "aaaa000000"
    linked.symlink_to(mine, target_is_directory=True)
    home.delete(home.find("aaaa"))
    studies = Studies(home)
    studies.folder.mkdir()
    (studies.folder / "bbbb000000").symlink_to(mine, target_is_directory=True)
    studies.delete(studies.find("bbbb"))
    assert (mine / "inner" / "photo").read_bytes() == b"precious"
    assert list(home.runs.iterdir()) == list(studies.folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="none"):
        delete_folder(tmp_path / "none")


def test_a_pipe_or_a_folder_in_place_of_a_json_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match="not a regular file"):
            read_json(path)


def test_a_name_that_is_not_utf_8_survives_a_json_file(tmp_path: Path) -> None:
    path = os.fsdecode(b"/data/\xff\xfe.idx")
    write_json(tmp_path / "spec.json", "autoencoder", {"images": path, "ball": "×"})
    assert read_json(tmp_path / "spec.json")["images"] == path
    text = (tmp_path / "spec.json").read_bytes().decode("utf-8")
    assert "×" in text
    assert "\\udcff" in text


# -- what is said of them -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "a\x9b31mb", "\u202egnp.exe", "\ud800", "a\rb", "\x00"])
def test_no_refusal_has_anything_in_it_that_a_terminal_obeys(text: str) -> None:
    for error in (EngineError(text), RunError(f"{text}/x"), DatasetError(text), SpecError({text: text})):
        assert str(error).replace("\n", "").isprintable()
        assert "�" in str(error)
    assert all(name.isprintable() for name in SpecError({text: text}).problems)
