"""`events.jsonl` and `status.json`: what a run told, with lines that are torn, changed or somebody else's."""

import io
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from cae_tui import formats
from cae_tui.bridge.run_state import RunState, replay
from cae_tui.cli.output_console import OutputConsole
from cae_tui.cli.teller import RunTeller
from engine.errors import RunError
from engine.exporters.runs_csv import runs_csv
from engine.protocol.events import Event, EventFormat
from engine.runs.directory import Home, RunDirectory
from engine.runs.filter import parse_filter
from engine.runs.status import RunStatus
from tests.cae_tui.script import scripted_events, scripted_status, write_run
from tests.fuzz.mutations import as_json, damaged, files_of, mutated
from tests.fuzz.outcome import CONTROL, accepted_share, value_or_sentence

READER, STATUS = "events.jsonl", "status.json"
KINDS = ("autoencoder", "classifier")
EVENTS: dict[str, list[dict[str, Any]]] = {
    kind: [json.loads(EventFormat.write(event)) for event in scripted_events(kind, samples=True)] for kind in KINDS
}
ONE_OF_EACH = {event["event"]: event for kind in KINDS for event in EVENTS[kind]}
MORE = [
    {"event": "Warned", "time": 1.0, "message": "x"},
    {"event": "MistakesCounted", "time": 1.0, "stage": "frozen", "epoch": 1, "counts": [[5, 1], [0, 6]]},
    {"event": "OverfittingSeen", "time": 1.0, "stage": "autoencoder", "epoch": 2, "message": "x"},
    {"event": "Paused", "time": 1.0, "message": ""},
    {"event": "Continued", "time": 1.0},
    {"event": "Resumed", "time": 1.0, "stage": "autoencoder", "epoch": 2, "step": 1, "device": "cpu"},
]
lines = st.sampled_from([*ONE_OF_EACH.values(), *MORE]).flatmap(lambda event: mutated(event, 2))


@st.composite
def stories(draw: st.DrawFn) -> bytes:
    """A run's events, some of them changed, dropped, repeated or damaged."""
    story = list(EVENTS[draw(st.sampled_from(KINDS))])
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(story) - 1))
        match draw(st.sampled_from(["change", "change", "drop", "repeat", "more"])):
            case "change":
                story[at] = draw(mutated(story[at], 2))
            case "drop":
                del story[at]
            case "repeat":
                story.insert(at, story[draw(st.integers(0, len(story) - 1))])
            case "more":
                story.insert(at, draw(lines))
    data = b"".join(as_json(event) + b"\n" for event in story)
    return draw(damaged(data)) if draw(st.integers(0, 3)) == 0 else data


def look(state: RunState) -> None:
    """Everything that a screen asks of a run."""
    assert 0 <= state.share <= 1
    for value in (state.total_epochs, state.done_epochs, state.epoch, state.live):
        assert value == value  # a number
    formats.duration(state.eta)
    for split in ("train", "validation"):
        for loss in state.series(split):
            formats.loss(loss)
    state.stage_ends()
    assert state.best is None or formats.loss(state.best.validation["loss"])


def check_event(event: Event | None) -> Event | None:
    """Whether every text of an event can be shown, and its line be written and read."""
    if event is not None:
        for field in fields(event):
            value = getattr(event, field.name)
            assert not isinstance(value, str) or not CONTROL.search(value)
        assert EventFormat.read(EventFormat.write(event)) is not None
    return event


@given(line=lines.map(as_json) | lines.map(as_json).flatmap(damaged))
def test_any_line_is_an_event_or_is_passed_over(line: bytes) -> None:
    value_or_sentence(READER, lambda: check_event(EventFormat.read(line)))


@given(data=stories())
def test_any_file_of_events_is_a_story_that_can_be_shown(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    run = RunDirectory(tmp_path_factory.getbasetemp())
    run.events.write_bytes(data)

    out = io.StringIO()

    def told() -> RunState:
        events, offset = run.read_events()
        assert offset <= len(data)
        console = OutputConsole(file=out)
        teller = RunTeller(console, run)
        for event in events:
            for line in teller._lines(event):
                console.print(Text(line))
            teller.state.apply(event)
            look(teller.state)
        return replay(run.id, events)

    state = value_or_sentence(READER, told)
    assert state is not None
    assert not CONTROL.search(out.getvalue())


def status_document(kind: str) -> dict[str, Any]:
    """What `RunDirectory.write_status` puts into the file."""
    values = asdict(scripted_status(scripted_events(kind)))
    del values["notes"], values["prefix"]
    return {"format": 1, **values}


statuses = st.sampled_from([status_document(kind) for kind in KINDS]).flatmap(files_of)
FILTERS = [parse_filter(text) for text in ("", "x", "kernels>=1", "age<3d", "epochs>1", "state:fin", "-val_loss<1")]


@given(data=statuses)
def test_any_status_is_listed_or_refused_in_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.getbasetemp() / "listed")
    run = RunDirectory(home.runs / "a7f3000000")
    run.path.mkdir(parents=True, exist_ok=True)
    run.result.touch()
    run.status.write_bytes(data)

    def shown() -> RunStatus:
        status = run.read_status()
        for field in fields(status):
            value = getattr(status, field.name)
            assert not isinstance(value, str) or not CONTROL.search(value)
        formats.ago(status.started)
        formats.duration(status.seconds)
        formats.loss(status.best_loss)
        formats.big(status.parameters)
        formats.state_symbol(status.state)
        runs_csv([status], {})
        for wanted in FILTERS:
            wanted.matches(status, {})
        return status

    found = value_or_sentence(STATUS, shown, RunError)
    assert len(home.list_runs()) == (found is not None)


def test_a_good_part_of_the_lines_is_taken() -> None:
    assert 0.2 < accepted_share(lines.map(as_json), lambda line: EventFormat.read(line) is not None) < 0.9


def test_the_events_and_the_status_are_ones_without_a_change(home_with_a_run: RunDirectory) -> None:
    assert all(EventFormat.read(as_json(event)) for event in [*EVENTS["autoencoder"], *EVENTS["classifier"], *MORE])
    assert home_with_a_run.read_status().state == "finished"


@pytest.fixture
def home_with_a_run(tmp_path: Path) -> RunDirectory:
    return write_run(Home(tmp_path), scripted_events())
