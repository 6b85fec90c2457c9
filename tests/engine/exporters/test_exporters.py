"""Ways out of the program: each writes a file whole or not at all, and reads it back."""

import csv
import errno
import re
import sys
import types
from pathlib import Path
from typing import cast

import pytest

from engine.errors import EngineError, ExportError, RunError, StorageError
from engine.exporters import EXPORTERS, export, export_all, exporter_named, file_name
from engine.exporters.exporter import Exported, Told
from engine.exporters.model_file import ModelFileExporter
from engine.runs.checkpoint import read_model
from engine.runs.directory import Home, RunDirectory
from engine.runs.facts import facts_of
from engine.runs.report_words import report_as_text
from tests.engine.training.test_training import Trained


def contents(place: Path) -> dict[str, bytes]:
    """Of a file, or of all files of a folder."""
    return {path.name: path.read_bytes() for path in (place, *place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_file_is_named_by_what_is_in_it_and_nothing_is_overwritten(
    name: str, trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    run, exporter = autoencoder[0], exporter_named(name)
    if exporter.missing():
        pytest.skip(exporter.missing())
    done = export(trained_home, name, [run], tmp_path)
    written = done.path
    assert written == tmp_path / file_name(name, [run.id])
    assert written.name.endswith(exporter.suffix)
    assert list(tmp_path.iterdir()) == [written]
    before = contents(written)
    assert done.size == sum(map(len, before.values()))
    assert done.checked
    assert not done.checked.endswith(".")
    with pytest.raises(StorageError, match="already exists and is not overwritten: choose another name"):
        export(trained_home, name, [run], tmp_path if exporter.folder else written)
    assert contents(written) == before


@pytest.mark.parametrize("name", EXPORTERS)
def test_where_nothing_can_be_written_the_file_that_was_asked_for_is_named(
    name: str, trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    if missing := exporter_named(name).missing():
        pytest.skip(missing)
    with pytest.raises(StorageError, match=r"none/it could not be written: .*Its folder is not there"):
        export(trained_home, name, [autoencoder[0]], tmp_path / "none" / "it")


def test_what_cannot_be_read_back_is_taken_away_again(
    trained_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: object, home: object, runs: object, path: Path, told: object) -> None:
        path.write_bytes(autoencoder[0].model.read_bytes()[:-8])

    monkeypatch.setattr(ModelFileExporter, "write", write)
    with pytest.raises(StorageError, match="cannot be read back as it was written"):
        export(trained_home, "model", [autoencoder[0]], tmp_path / "it")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_damaged_is_refused_by_its_own_name(home: Home, tmp_path: Path) -> None:
    run = home.create()
    run.model.write_bytes(b"no model")
    with pytest.raises(EngineError, match=re.escape(str(run.model))):
        export(home, "model", [run], tmp_path / "it")


def test_a_run_that_was_deleted_is_left_out(trained_home: Home, autoencoder: Trained, tmp_path: Path) -> None:
    gone = RunDirectory(trained_home.runs / "0123456789")
    assert export(trained_home, "csv", [gone, autoencoder[0]], tmp_path).path.read_text().count("\n") == 2


def test_a_model_is_the_file_of_its_run(trained_home: Home, autoencoder: Trained, tmp_path: Path) -> None:
    written = export(trained_home, "model", [autoencoder[0]], tmp_path).path
    assert written.read_bytes() == autoencoder[0].model.read_bytes()
    read_model(written).build()


def test_a_run_without_a_model_or_a_report_has_none_to_write(home: Home, tmp_path: Path) -> None:
    run = home.create()
    for name in ("model", "text"):
        with pytest.raises(EngineError):
            export(home, name, [run], tmp_path)
    assert list(tmp_path.iterdir()) == [home.path]


def test_a_report_is_written_as_it_is_copied(trained_home: Home, classifier: Trained, tmp_path: Path) -> None:
    run = classifier[0]
    written = export(trained_home, "text", [run], tmp_path / "report.txt").path.read_text()
    result = run.read_result()
    assert result is not None
    assert written == report_as_text(result, facts_of(trained_home, run))
    assert "weighted avg" in written


def test_rows_are_in_the_order_of_the_list(
    trained_home: Home, autoencoder: Trained, classifier: Trained, tmp_path: Path
) -> None:
    written = export(trained_home, "csv", [autoencoder[0], classifier[0]], tmp_path / "runs.csv").path
    head, *rows = csv.reader(written.read_text().splitlines())
    assert [row[head.index("id")] for row in rows] == [
        run.id for run in trained_home.list_runs() if run.id in (autoencoder[0].id, classifier[0].id)
    ]


def test_a_stopped_run_is_told_as_one_without_a_report(home: Home, autoencoder: Trained, tmp_path: Path) -> None:
    run = home.create()
    run.write_status(autoencoder[0].read_status())
    with pytest.raises(RunError, match="has no report yet"):
        export(home, "text", [run], tmp_path / "it")


class Folder(ModelFileExporter):
    """One that writes a folder; `asked` is what is in the way of it."""

    folder = True
    suffix = ""
    asked = ""
    at: Path | None = None

    def missing(self) -> str:
        return self.asked

    def write(self, home: object, runs: object, path: Path, told: object) -> None:
        path.mkdir()
        (path / "deep").mkdir()
        (path / "one").write_text("1")
        (path / "deep" / "two").write_text("22")

    def check(self, home: object, runs: object, path: Path, told: Told) -> str:
        told(1, 2)
        if self.at is not None:
            self.at.write_text("mine")
        return "counted"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Folder:
    """That exporter, listed as `folder`."""
    made = types.ModuleType("folder_exporter")
    found = Folder()
    vars(made)["EXPORTER"] = found
    monkeypatch.setitem(sys.modules, "folder_exporter", made)
    monkeypatch.setitem(cast(dict[str, str], EXPORTERS), "folder", "folder_exporter")
    return found


def test_a_folder_is_written_whole_and_its_files_are_counted(
    folder: Folder, trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []
    done = export(trained_home, "folder", [autoencoder[0]], tmp_path, lambda *numbers: heard.append(numbers))
    assert done == Exported(path=tmp_path / f"cae-tui-{autoencoder[0].id}-folder", size=3, checked="counted")
    assert contents(done.path) == {"one": b"1", "two": b"22"}
    assert heard == [(1, 2)]
    with pytest.raises(StorageError, match="already exists and is not overwritten"):
        export(trained_home, "folder", [autoencoder[0]], tmp_path)


def test_of_a_folder_that_is_given_up_nothing_is_left(
    folder: Folder, trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    def given_up(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(trained_home, "folder", [autoencoder[0]], tmp_path / "it", given_up)
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_wrote_under_that_name_meanwhile_is_kept(
    folder: Folder, trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    folder.at = tmp_path / "it"
    with pytest.raises(StorageError, match="already exists and is not overwritten"):
        export(trained_home, "folder", [autoencoder[0]], tmp_path / "it")
    assert contents(tmp_path) == {"it": b"mine"}


def test_what_is_missing_is_told_before_anything_is_written(
    folder: Folder, trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    folder.asked = "It needs a package: pip install it."
    with pytest.raises(ExportError, match="It needs a package: pip install it"):
        export(trained_home, "folder", [autoencoder[0]], tmp_path / "it")
    assert list(tmp_path.iterdir()) == []


# -- all that can be written -----------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, folder: Folder) -> None:
    """Only those exporters that take no time, and one that is missing something."""
    folder.asked = "It needs a package: pip install it."
    names = ("model", "text", "predictions", "folder")
    monkeypatch.setattr("engine.exporters.EXPORTERS", {name: EXPORTERS[name] for name in names})


@pytest.mark.usefixtures("quick")
def test_all_of_a_run_goes_into_one_new_folder_but_for_what_is_missing(
    trained_home: Home, classifier: Trained, tmp_path: Path
) -> None:
    run = classifier[0]
    done = export_all(trained_home, run, tmp_path)
    assert done.folder == tmp_path / f"cae-tui-{run.id}"
    assert sorted(path.name for path in done.folder.iterdir()) == sorted(one.path.name for one in done.written.values())
    assert all(one.path.exists() for one in done.written.values())
    assert set(done.written) == {"model", "text", "predictions"}
    assert done.left_out == {"folder": "It needs a package: pip install it."}
    with pytest.raises(StorageError, match="already exists and is not overwritten"):
        export_all(trained_home, run, tmp_path)


@pytest.mark.usefixtures("quick")
def test_what_was_asked_for_by_name_is_not_left_out(trained_home: Home, classifier: Trained, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="It needs a package"):
        export_all(trained_home, classifier[0], tmp_path / "it", names=["model", "folder"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_of_a_run_of_which_nothing_can_be_written_it_is_said_why(home: Home, tmp_path: Path) -> None:
    run = home.create()
    with pytest.raises(ExportError, match=r"status\.json cannot be read.*It needs a package"):
        export_all(home, run, tmp_path / "it")
    assert [path for path in tmp_path.iterdir() if path != home.path] == []


@pytest.mark.usefixtures("quick")
def test_where_there_is_no_room_nothing_of_it_is_left_and_the_folder_that_was_asked_for_is_named(
    trained_home: Home, classifier: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, home: object, runs: object, path: Path, told: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ModelFileExporter, "write", full)
    with pytest.raises(
        StorageError, match=rf"^{re.escape(str(tmp_path))}/it/cae-tui-\w+.safetensors could not"
    ) as told:
        export_all(trained_home, classifier[0], tmp_path / "it")
    assert told.value.full
    assert list(tmp_path.iterdir()) == []
