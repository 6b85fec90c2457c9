import os
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.protocol.control import Asked, Flag, RunControl
from engine.protocol.events import BatchEnded, EpochEnded, Event, EventFormat, RunEnded
from engine.protocol.states import STATES
from engine.runs.directory import Home, RunDirectory, default_home
from engine.runs.status import RunStatus
from engine.storage.files import absolute, read_json, write_bytes, write_json
from tests.cae_tui.script import scripted_result
from tests.engine.training.test_training import Trained


def status(name: str, **values: object) -> RunStatus:
    return RunStatus(**{"id": name, "kind": "autoencoder", "state": "running", "started": 1.0, **values})  # type: ignore[arg-type]  # values of several types


def test_every_event_of_a_run_survives_its_line(autoencoder: Trained, classifier: Trained) -> None:
    for event in autoencoder[2] + classifier[2]:
        assert EventFormat.read(EventFormat.write(event)) == event


@pytest.mark.parametrize("line", ["", "{", "[]", "1", "null", '{"event":"Unheard"}', '{"event":"EpochEnded"}', "\xff"])
def test_a_line_that_is_no_event_is_passed_over(line: str) -> None:
    assert EventFormat.read(line) is None


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    line = '{"event":"RunEnded","time":1.0,"state":"finished","message":"","result":{},"mood":"good"}'
    assert EventFormat.read(line) == RunEnded(time=1.0, state="finished", message="", result={})


def test_a_run_that_changes_again_within_a_step_of_the_file_system_s_clock_is_read_again(home: Home) -> None:
    run = home.create()
    run.write_status(status(run.id, state="failed", epoch=1))
    changed = run.path.stat().st_mtime_ns
    assert [one.epoch for one in home.list_runs()] == [1]
    run.write_status(status(run.id, state="failed", epoch=2))
    os.utime(run.path, ns=(changed, changed))
    assert [one.epoch for one in home.list_runs()] == [2]


def test_a_list_passes_over_what_is_no_run_and_reads_only_the_status(home: Home) -> None:
    run = home.create()
    run.write_status(status(run.id, state="failed"))
    home.create()  # never began
    (home.runs / "notes.txt").write_text("mine")
    broken = home.create()
    broken.status.write_text("{")
    assert [found.id for found in home.list_runs()] == [run.id]


def test_a_list_tells_of_what_it_left_out(home: Home) -> None:
    run, broken = home.create(), home.create()
    run.write_status(status(run.id, state="failed"))
    broken.status.write_text("{")
    home.list_runs()
    (sentence,) = home.unreadable
    assert sentence.startswith(f"{broken.status} cannot be read (")
    home.delete(broken)
    home.list_runs()
    assert home.unreadable == ()


def test_a_run_is_seen_by_others_once_its_first_files_are_there(home: Home) -> None:
    def fill(run: RunDirectory) -> None:
        assert home.ids() == []
        run.write_status(status(run.id))

    run = home.create(fill)
    assert [found.id for found in home.list_runs()] == [run.id]
    assert run.checkpoints.is_dir()
    assert list(home.runs.iterdir()) == [run.path]


def test_a_running_run_that_nobody_holds_was_cut_off(home: Home) -> None:
    run = home.create()
    run.write_status(status(run.id))
    assert run.read_status().state == "cut off"
    assert run.read_status().resumable
    with run.locked():
        assert run.read_status().state == "running"
    assert run.read_status().state == "cut off"


def test_a_report_without_class_numbers_has_a_row_for_every_class(home: Home) -> None:
    run = home.create()
    result = scripted_result("classifier", run.id)
    for row in result["report"]["rows"]:
        del row["label"]
    write_json(run.result, "classifier", result)
    read = run.read_result()
    assert read is not None
    assert read.report is not None
    assert [row.label for row in read.report.rows] == list(range(10))
    assert read.remarks == []


def test_a_report_of_version_0_1_0_whose_averages_count_classes_without_images_says_so(home: Home) -> None:
    run = home.create()
    result = scripted_result("classifier", run.id)
    rows, confusion = result["report"]["rows"], result["report"]["confusion"]
    for row in rows:
        del row["label"]
    for place in (3, 7):
        rows[place]["support"] = 0
        confusion[place] = [0] * 10
        for line in confusion:
            line[place] = 0
    write_json(run.result, "classifier", result)
    read = run.read_result()
    assert read is not None
    (sentence,) = read.remarks
    assert sentence.startswith("Classes 3 and 7 have no image here, and the macro average counts them with 0")


def test_a_finished_run_without_its_result_was_cut_off_while_it_was_written(home: Home) -> None:
    run = home.create()
    run.write_status(status(run.id, state="finished"))
    assert run.read_status().state == "cut off"
    write_json(run.result, "autoencoder", {"id": run.id})
    assert run.read_status().state == "finished"


def test_deleting_takes_the_whole_run_away(home: Home) -> None:
    run = home.create()
    run.write_status(status(run.id))
    home.delete(run)
    assert list(home.runs.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    write_bytes(target, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"format": 2}')
    with pytest.raises(ValueError, match="use a newer cae-tui"):
        read_json(tmp_path / "f")


def test_every_json_file_of_a_run_carries_format_and_kind(autoencoder: Trained, classifier: Trained) -> None:
    for run, kind in ((autoencoder[0], "autoencoder"), (classifier[0], "classifier")):
        for path in (run.spec, run.status, run.result):
            values = read_json(path)
            assert (values["format"], values["kind"]) == (1, kind)


def test_a_run_directory_holds_the_files_of_the_design(autoencoder: Trained) -> None:
    run = autoencoder[0]
    names = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert names == {
        "spec.json", "status.json", "events.jsonl", "predictions.npz", "model.safetensors", "result.json", "lock",
        "best/autoencoder.safetensors", "samples/epoch-0001.npz", "samples/epoch-0002.npz",
        *(f"checkpoints/{path.name}" for path in run.checkpoints.iterdir()),
    }  # fmt: skip
    assert len(list(run.checkpoints.iterdir())) == 2


def test_a_status_tells_what_a_list_shows(autoencoder: Trained, classifier: Trained) -> None:
    shown = classifier[0].read_status()
    assert (shown.kind, shown.title, shown.encoder) == ("classifier", "fc 16, b64, frozen 1", autoencoder[0].id)
    assert (shown.epoch, shown.epochs, shown.state) == (2, 2, "finished")
    assert shown.measure("test", "accuracy") == classifier[1].test_accuracy
    assert set(STATES) >= {shown.state}


def test_events_are_read_on_from_where_one_was_and_a_torn_line_waits(home: Home, autoencoder: Trained) -> None:
    lines = autoencoder[0].events.read_bytes()
    run = home.create()
    run.events.write_bytes(lines[:-10])
    events, offset = run.read_events()
    assert not any(isinstance(event, RunEnded) for event in events)
    run.events.write_bytes(lines)
    rest, end = run.read_events(offset)
    assert [type(event) for event in rest] == [RunEnded]
    assert end == len(lines)


def test_the_words_of_another_process_are_heard_and_old_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.protocol.control.POLL_SECONDS", 0.0)
    path = tmp_path / "control"
    path.write_text("stop")
    control = RunControl(Flag(), path)
    assert control.asked() is Asked.RUN
    for word, expected in (("pause", Asked.PAUSE), ("nonsense", Asked.PAUSE), ("run", Asked.RUN), ("stop", Asked.STOP)):
        write_bytes(path, word.encode())
        assert control.asked() is expected
    write_bytes(path, b"run")
    assert control.asked() is Asked.STOP


def test_the_home_folder_is_the_named_one_else_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("CAE_TUI_HOME")
    assert default_home().name == "cae-tui"


def test_an_event_is_immutable_and_knows_its_time() -> None:
    event: Event = BatchEnded(
        stage="x", epoch=1, step=1, steps=2, metrics={"loss": 1.0}, learning_rate=0.1, ms_per_step=1.0,
        images_per_second=1.0, memory=1,
    )  # fmt: skip
    assert event.time > 1e9
    with pytest.raises(AttributeError):
        event.time = 0.0  # type: ignore[misc]  # to see that it is refused
    assert Event.kinds["EpochEnded"] is EpochEnded
    assert EpochEnded.__doc__


@pytest.mark.parametrize(
    "wrong", [{"started": "x"}, {"seconds": None}, {"title": 3}, {"best_loss": "x"}, {"epoch": []}]
)
def test_a_status_with_values_of_other_kinds_is_passed_over_by_lists(home: Home, wrong: dict[str, object]) -> None:
    good, bad = home.create(), home.create()
    for run in (good, bad):
        run.write_status(status(run.id, state="failed"))
    values = read_json(bad.status)
    write_json(bad.status, "autoencoder", {**values, **wrong})
    assert [found.id for found in home.list_runs()] == [good.id]


def test_a_user_who_is_not_here_is_told_in_words() -> None:
    with pytest.raises(StorageError, match="no user of that name"):
        absolute(Path("~nobody-of-that-name/x"))
