"""What a complete run leaves: `result.json`, and the arrays of its images and predictions."""

import json
import tempfile
import zipfile
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cae_tui.bridge.plain import pictures
from cae_tui.cli.output_console import OutputConsole
from cae_tui.cli.report_console import draw_result
from cae_tui.widgets.report_text import about, headline, measures, report_lines
from engine.data.datasets import ImageData, ImageSet
from engine.errors import RunError
from engine.evaluation.results import Predictions, read_predictions, read_samples
from engine.results.result import Result
from engine.runs.directory import RunDirectory
from engine.runs.report_words import about_lines, report_as_text
from engine.specs.data_files import DataFiles
from engine.storage.arrays import write_arrays
from tests.cae_tui.script import scripted_result
from tests.fuzz.mutations import damaged, files_of
from tests.fuzz.outcome import CONTROL, accepted_share, value_or_sentence

RESULT, ARRAYS = "result.json", "arrays"
RESULTS = [
    {"format": 1, **scripted_result(kind, state=state)}
    for kind in ("autoencoder", "classifier", "anomaly")
    for state in ("finished", "diverged")
]
COUNT, CLASSES = 6, 3


# -- result.json ----------------------------------------------------------------------------------

results = st.sampled_from(RESULTS).flatmap(files_of)


def show(result: Result) -> bool:
    """Everywhere that a result is shown."""
    out = StringIO()
    console = OutputConsole(file=out, width=200)
    draw_result(console, result, None)
    draw_result(console, result, None, as_text=True)
    if result.state in ("finished", "early-stopped"):
        for part in (headline(result), report_lines(result), about(result, None, 60), measures(result, None, 60)):
            out.write(part.plain)
        out.write(report_as_text(result))
    out.write("\n".join(about_lines(result, None, 100)))
    json.dumps(result.to_json())
    assert not CONTROL.search(out.getvalue())
    return True


def read_result(data: bytes, run: RunDirectory) -> bool:
    run.path.mkdir(parents=True, exist_ok=True)
    run.result.write_bytes(data)
    result = run.read_result()
    assert result is not None
    return show(result)


@given(data=results)
def test_any_result_is_shown_or_refused_in_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    run = RunDirectory(tmp_path_factory.getbasetemp() / "a7f3000000")
    value_or_sentence(RESULT, lambda: read_result(data, run), RunError)


# -- arrays -----------------------------------------------------------------------------------------


def written(**arrays: NDArray[Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(Path(folder, "arrays.npz"), **arrays)
        return Path(folder, "arrays.npz").read_bytes()


def _good() -> dict[str, dict[str, NDArray[Any]]]:
    images = np.arange(COUNT * 64, dtype=np.uint8).reshape(COUNT, 8, 8, 1)
    about = {"of": np.array("test"), "format": np.array(1), "indices": np.arange(COUNT, dtype=np.int64)}
    even = np.full((COUNT, CLASSES), 1 / CLASSES, np.float32)
    return {
        "samples": {"originals": images, "reconstructions": 255 - images, "noisy": images // 2},
        "classifier": {**about, "kind": np.array("classifier"), "probabilities": even},
        "autoencoder": {**about, "kind": np.array("autoencoder"), "errors": even[:, 0]},
        "anomaly": {**about, "kind": np.array("anomaly"), "errors": even[:, 0], "scores": even[:, 1] - 1},
    }


GOOD = _good()
FILES = {name: written(**arrays) for name, arrays in GOOD.items()}
DATA = ImageData(
    name="some", files=DataFiles(), digest="", class_names=tuple(str(number) for number in range(CLASSES)),
    train=ImageSet(GOOD["samples"]["originals"], np.arange(COUNT, dtype=np.uint8) % CLASSES),
    test=ImageSet(GOOD["samples"]["originals"], np.arange(COUNT, dtype=np.uint8) % CLASSES),
)  # fmt: skip

odd_arrays: st.SearchStrategy[NDArray[Any]] = st.one_of(
    st.sampled_from(
        [np.array("test"), np.array("\x1b]0;owned\x07"), np.array(1), np.zeros(0), np.zeros((0, 4), np.float32),
         np.full(COUNT, np.nan, np.float32), np.array([2**62] * COUNT), np.array([-1] * COUNT), np.zeros(COUNT, "V3"),
         np.zeros((COUNT, 8, 8, 0), np.uint8), np.zeros(COUNT, np.complex64), np.array([b"x"])]
    ),
    st.builds(np.zeros, st.lists(st.integers(0, 5), max_size=5), st.sampled_from(["u1", "i8", "f4", "f8", "?", "U3"])),
)  # fmt: skip


@st.composite
def other_arrays(draw: st.DrawFn, kind: str) -> bytes:
    """A good file with an array in another's place, one less or one more."""
    arrays = dict(GOOD[kind])
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(arrays)))
        match draw(st.sampled_from(["other", "drop", "more"])):
            case "other":
                arrays[name] = draw(odd_arrays)
            case "drop" if len(arrays) > 1:
                del arrays[name]
            case "more":
                arrays[draw(st.sampled_from(["x", "../x", "errors", "probabilities"]))] = draw(odd_arrays)
    return written(**arrays)


@st.composite
def other_members(draw: st.DrawFn, kind: str) -> bytes:
    """An archive whose members were changed before it was made, so that its checksums are right."""
    out = BytesIO()
    method = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    with zipfile.ZipFile(BytesIO(FILES[kind])) as source, zipfile.ZipFile(out, "w", method) as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, draw(damaged(content, 128)) if draw(st.booleans()) else content)
    return out.getvalue()


def files_like(*kinds: str) -> st.SearchStrategy[bytes]:
    """Files that were good ones of those kinds."""
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.one_of(other_arrays(kind), other_members(kind), damaged(FILES[kind]), st.binary(max_size=60))
    )


def read_samples_at(path: Path) -> bool:
    samples = read_samples(path)
    originals, reconstructions = samples.originals, samples.reconstructions
    assert all(row.shape == originals.shape for row in samples.rows)
    assert len(pictures(originals)) == len(pictures(reconstructions)) > 0
    return True


def look_at(found: Predictions) -> bool:
    labels = found.images(DATA).labels
    assert labels is not None
    for place, index in enumerate(found.indices.tolist()):
        assert 0 <= labels[index] < CLASSES
        if found.probabilities is not None:
            assert 0 <= found.probabilities[place].argmax() < CLASSES
        else:
            assert found.errors is not None
            float(found.errors[place])
    return True


def read_predictions_at(path: Path) -> bool:
    run = RunDirectory(path.parent)
    path.replace(run.predictions)
    return look_at(read_predictions(run))


READERS: tuple[Callable[[Path], bool], ...] = (read_samples_at, read_predictions_at)
Case = tuple[Callable[[Path], bool], bytes]
cases: st.SearchStrategy[Case] = st.one_of(
    st.tuples(st.just(read_samples_at), files_like("samples")),
    st.tuples(st.just(read_predictions_at), files_like("classifier", "autoencoder", "anomaly")),
)


@given(case=cases)
def test_any_arrays_are_what_they_should_be_or_refused_in_a_sentence(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    read, data = case
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    path.write_bytes(data)
    value_or_sentence(ARRAYS, lambda: read(path), RunError)


def test_a_good_part_of_the_files_is_taken(tmp_path: Path) -> None:
    def takes(read: Callable[[], bool]) -> bool:
        try:
            return read()
        except RunError:
            return False

    def takes_arrays(case: Case) -> bool:
        read, data = case
        path.write_bytes(data)
        return takes(lambda: read(path))

    run, path = RunDirectory(tmp_path / "a7f3000000"), tmp_path / "arrays.npz"
    assert 0.05 < accepted_share(results, lambda data: takes(lambda: read_result(data, run))) < 0.8
    assert 0.05 < accepted_share(cases, takes_arrays) < 0.8
