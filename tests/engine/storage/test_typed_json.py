"""Records from JSON: what is refused of a file that somebody changed, and what becomes of its text."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from engine.errors import RunError, StudyError
from engine.exporters.runs_csv import runs_csv
from engine.protocol.events import BatchEnded, EpochEnded, EventFormat, Metrics, RunStarted
from engine.runs.directory import Home, RunDirectory
from engine.runs.filter import parse_filter
from engine.storage.files import read_json, write_json
from engine.storage.typed_json import finite, record_of
from tests.cae_tui.script import scripted_events, scripted_status, write_run
from tests.cae_tui.study_script import guided, write_study


@dataclass(kw_only=True)
class Inner:
    number: int = 0


@dataclass(kw_only=True)
class Part:
    number: int = 0
    inner: Inner = field(default_factory=Inner)


@dataclass(kw_only=True)
class Whole:
    name: str
    count: int = 0
    size: float = 0.0
    loss: float | None = None
    yes: bool = False
    names: tuple[str, ...] = ()
    pair: tuple[int, int] = (0, 0)
    parts: list[Part] = field(default_factory=list)
    metrics: Metrics = field(default_factory=dict)
    anything: dict[str, Any] = field(default_factory=dict)


GOOD: dict[str, Any] = {
    "name": "x", "count": 3, "size": 1, "loss": None, "yes": True, "names": ["a", "b"], "pair": [1, 2],
    "parts": [{"number": 1}], "metrics": {"loss": 0.5}, "anything": {"x": [1, None]},
}  # fmt: skip


def test_a_record_is_what_it_was_written_from_and_a_newer_field_is_passed_over() -> None:
    found = record_of(Whole, {**GOOD, "mood": "good"})
    assert found == Whole(**{**GOOD, "names": ("a", "b"), "pair": (1, 2), "parts": [Part(number=1)]})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("name", None, "name is NoneType"),
        ("name", 3, "name is int"),
        ("count", True, "count is bool"),
        ("count", 1.0, "count is float"),
        ("count", -1, "count is less than 0"),
        ("count", 2**63, "count is too large a number"),
        ("size", "1", "size is str"),
        ("size", True, "size is bool"),
        ("size", math.nan, "size is not a finite number"),
        ("size", -math.inf, "size is not a finite number"),
        ("size", 1e101, "size is too large a number"),
        ("size", 10**400, "size is too large a number"),
        ("loss", 10**400, "loss is too large a number"),
        ("yes", 1, "yes is int"),
        ("names", "ab", "names is str"),
        ("names", ["a", 1], "names is int"),
        ("pair", [1], "pair is list"),
        ("pair", [1, 2, 3], "pair is list"),
        ("parts", {}, "parts is dict"),
        ("parts", [{"number": "x"}], "^number of parts is str$"),
        ("parts", [{"number": -1}], "^number of parts is less than 0$"),
        ("parts", [{"inner": {"number": 1.5}}], "^number of inner of parts is float$"),
        ("parts", [3], "parts is int where an object was expected"),
        ("metrics", {"loss": "x"}, "metrics is str"),
        ("metrics", {"loss": 10**400}, "metrics is too large a number"),
        ("anything", [], "anything is list"),
    ],
)
def test_a_value_of_another_type_than_its_field_is_refused_with_its_name(name: str, value: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        record_of(Whole, {**GOOD, name: value})


def test_what_is_no_object_and_a_missing_field_are_refused() -> None:
    with pytest.raises(TypeError, match="list where an object was expected"):
        record_of(Whole, [])
    with pytest.raises(TypeError, match="name"):
        record_of(Whole, {})


def test_a_loss_that_is_no_number_is_none_and_a_metric_stays_one() -> None:
    found = record_of(Whole, {**GOOD, "loss": math.nan, "metrics": {"loss": math.inf}})
    assert found.loss is None
    assert found.metrics == {"loss": math.inf}


def test_text_becomes_one_line_that_no_terminal_obeys() -> None:
    found = record_of(Whole, {**GOOD, "name": "a\nb\x1b]0;owned\x07\ud800\u202e", "metrics": {"\x1b[2J": 1.0}})
    assert found.name == "a b�]0;owned���"
    assert list(found.metrics) == ["�[2J"]


def test_what_is_written_has_none_for_numbers_that_json_has_not() -> None:
    value = {"loss": math.inf, "losses": [0.5, math.nan, [-math.inf]], "epoch": 3, "name": "nan"}
    assert finite(value) == {"loss": None, "losses": [0.5, None, [None]], "epoch": 3, "name": "nan"}


# -- what the fuzzer found: each of these came through, and broke what read it ------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": None}, {"state": None}, {"started": math.inf}, {"started": math.nan}, {"started": 10**400},
        {"seconds": math.nan}, {"image_shape": "28x28"}, {"image_shape": [[]]}, {"epoch": 1.5}, {"host": None},
    ],
)  # fmt: skip
def test_a_status_that_no_list_could_show_is_refused(home: Home, wrong: dict[str, Any]) -> None:
    run = write_run(home, scripted_events())
    write_json(run.status, "autoencoder", {**read_json(run.status), **wrong})
    with pytest.raises(RunError, match=next(iter(wrong))):
        run.read_status()
    assert home.list_runs() == []


def test_a_time_that_no_calendar_has_is_a_dash_in_csv() -> None:
    status = scripted_status(scripted_events())
    for started in (1e20, -1e20):
        assert runs_csv([record_of(type(status), {**_values(status), "started": started})], {}).count("–") == 1


def _values(status: object) -> dict[str, Any]:
    values = json.loads(json.dumps(asdict(status)))  # type: ignore[call-overload]  # a status is a dataclass
    return {name: value for name, value in values.items() if name != "notes"}


STARTED, BATCH, EPOCH = (
    next(event for event in scripted_events() if isinstance(event, kind))
    for kind in (RunStarted, BatchEnded, EpochEnded)
)


@pytest.mark.parametrize(
    ("event", "wrong"),
    [
        (STARTED, {"stages": "autoencoder"}),
        (STARTED, {"epochs": [None]}),
        (STARTED, {"image_shape": [28, 28]}),
        (STARTED, {"title": 3}),
        (BATCH, {"metrics": {}}),
        (BATCH, {"metrics": None}),
        (BATCH, {"step": "4"}),
        (BATCH, {"step": -4}),
        (BATCH, {"ms_per_step": 10**400}),
        (EPOCH, {"train": {"accuracy": 1.0}}),
        (EPOCH, {"validation": {}}),
        (EPOCH, {"validation": {"loss": "low"}}),
        (EPOCH, {"seconds": math.nan}),
        (EPOCH, {"time": None}),
    ],
)
def test_an_event_that_no_screen_could_show_is_passed_over(event: Any, wrong: dict[str, Any]) -> None:
    line = json.loads(EventFormat.write(event))
    assert EventFormat.read(json.dumps(line)) == event
    assert EventFormat.read(json.dumps({**line, **wrong})) is None


def change(values: Any, path: tuple[Any, ...], to: object) -> None:
    for key in path[:-1]:
        values = values[key]
    values[path[-1]] = to


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("stages",), []),
        (("data", "shape"), [28, 28]),
        (("data", "test"), "many"),
        (("spec", "baseline"), {}),
        (("spec", "baseline", "kind"), "study"),
        (("stages", 0, "points", 0, "trials", 0, "best_loss"), 1e300),
        (("stages", 0, "points", 0, "trials", 0, "validation"), [math.inf]),
        (("stages", 0, "points", 0, "trials", 0, "number"), -1),
        (("created",), math.nan),
    ],
)
def test_a_study_that_no_table_could_show_is_refused(home: Home, path: tuple[Any, ...], to: object) -> None:
    directory = write_study(home, guided())
    values = read_json(directory.study)
    change(values, path, to)
    write_json(directory.study, "study", values)
    with pytest.raises(StudyError, match=r"study\.json cannot be read"):
        directory.read()


def test_a_number_of_kernels_with_thousands_of_digits_matches_no_filter() -> None:
    assert not parse_filter("kernels>=1").matches(scripted_status(scripted_events()), {"kernels": "9" * 5000})


def test_the_folder_of_a_run_is_read_whatever_its_title_says(home: Home) -> None:
    run = write_run(home, scripted_events())
    for title in ("[red]x[/]", "\x1b]0;owned\x07", "a\nb", "\ud800"):
        RunDirectory(run.path).write_status(
            record_of(type(run.read_status()), {**_values(run.read_status()), "title": title})
        )
        (found,) = home.list_runs()
        assert found.title.isprintable()
