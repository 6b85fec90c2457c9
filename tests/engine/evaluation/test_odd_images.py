"""Images that do not belong: planted ones come first, those that the detector was trained on among them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine import jobs
from engine.data import cache
from engine.data.cache import load
from engine.data.keeping import keep_in
from engine.data.label_file import Decision, Row, write_labels
from engine.errors import DatasetError, ModelFileError
from engine.evaluation.doubts import Doubts
from engine.evaluation.model import load_model
from engine.evaluation.odd_images import odd_of_others, odd_of_run
from engine.preparation import images_of
from engine.protocol.control import Asked, AskedToEndError, Flag
from engine.runs.directory import Home, RunDirectory
from engine.specs.anomaly import AnomalySpec
from engine.specs.base import preset
from engine.specs.data_files import DataFiles
from tests.engine.tiny import do_nothing
from tests.pictures import write_folder
from tests.shapes import content, drawn

SMALL = {"epochs": 6, "layers": 4, "kernels": 4, "batch_size": 16, "latent": 4, "threads": 1}
FOREIGN = ("train/bar/70.png", "train/bar/71.png", "test/bar/72.png")


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars, three dots among them; and a class of dots in which all are."""
    files = {f"train/bar/{n:02}.png": content(drawn("bar", n)) for n in range(60)}
    files |= {f"test/bar/{n:02}.png": content(drawn("bar", 1000 + n)) for n in range(10)}
    files |= {name: content(drawn("dot", n)) for n, name in enumerate(FOREIGN)}
    files |= {f"{part}/dot/{n:02}.png": content(drawn("dot", 50 + n)) for part in ("train", "test") for n in range(8)}
    return write_folder(tmp_path_factory.mktemp("shapes") / "shapes", files)


@pytest.fixture(autouse=True)
def forgotten(tmp_path: Path) -> Iterator[None]:
    keep_in(tmp_path / "kept")
    yield
    keep_in(None)
    cache.forget()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> tuple[Home, RunDirectory]:
    """A detector to which bars are normal; look, but do not touch."""
    home = Home(tmp_path_factory.mktemp("home"))
    spec = preset(AnomalySpec, "recommended", data=str(bars), normal="bar", **SMALL)
    return home, home.find(jobs.start(home, spec, do_nothing, Flag()).id)


def looked(home: Home, run: RunDirectory, of: str | None = None, flag: Flag | None = None) -> Doubts:
    return odd_of_run(load_model(home, run.id), *images_of(run), of, flag or Flag(), do_nothing)


def called(found: Doubts, bars: Path, count: int) -> set[str]:
    """The files of the first ones: places are by class and name."""
    names = {
        part: sorted(str(path.relative_to(bars)) for path in (bars / folder).rglob("*.png"))
        for part, folder in (("training", "train"), ("test", "test"))
    }
    return {names[part][place] for part, place in map(found.part_of, found.rows[:count].tolist())}


def test_what_does_not_belong_comes_first_among_all_images_of_the_normal_classes(
    trained: tuple[Home, RunDirectory], bars: Path
) -> None:
    home, run = trained
    found = looked(home, run)
    assert len(found) == 60 + 10 + len(FOREIGN)
    assert called(found, bars, 3) == set(FOREIGN)
    assert np.all(np.diff(found.scores) <= 0)
    assert (found.suggested == -1).all()
    assert found.probabilities is None
    assert {found.whole.class_names[label] for label in found.given} == {"bar"}
    assert found.odd_above == load_model(home, run.id).network.odd_threshold
    assert found.odd_above is not None
    assert found.likely == (found.scores > found.odd_above).sum() >= 3
    assert "are odd: the score is above" in found.likely_words
    assert found.how == (
        f"By run {run.id}, asked about its training, validation and test images of the classes that are normal: bar."
    )


def test_an_image_that_was_trained_on_is_not_compared_with_itself(trained: tuple[Home, RunDirectory]) -> None:
    home, run = trained
    model = load_model(home, run.id)
    data, training, _ = images_of(run)
    plain = model.odd_scores(data.train.take(training))
    others = model.odd_scores(data.train.take(training), learned=True)
    assert (others > plain).all()
    found = looked(home, run, "training")
    assert sorted(found.scores.tolist()) == pytest.approx(sorted(others.tolist()))


def test_a_part_alone(trained: tuple[Home, RunDirectory]) -> None:
    home, run = trained
    _, training, validation = images_of(run)
    counts = {of: len(looked(home, run, of)) for of in ("training", "validation", "test")}
    assert counts == {"training": len(training), "validation": len(validation), "test": 11}


def test_places_are_those_of_the_whole_set_whatever_was_left_out(home: Home, bars: Path, tmp_path: Path) -> None:
    files = DataFiles(str(bars))
    label = tmp_path / "labels.csv"
    out = Decision(keep=False)
    write_labels(label, load(files), [Row("training", place, 0, -1, None, out) for place in (0, 3, 61)])
    spec = preset(AnomalySpec, "recommended", data=str(bars), normal="bar", labels_from=str(label), **SMALL)
    found = looked(home, home.find(jobs.start(home, spec, do_nothing, Flag()).id))
    assert len(found) == 60 + 10 + len(FOREIGN) - 3
    assert not {0, 3, 61} & set(found.rows.tolist())
    rest = set(FOREIGN) - called(found, bars, len(found))
    assert len(rest) == 1  # place 61 is one of them
    assert called(found, bars, 2) == set(FOREIGN) - rest


def test_other_images_are_looked_at_whatever_their_class(trained: tuple[Home, RunDirectory], tmp_path: Path) -> None:
    home, run = trained
    new = {f"{name}/{n}.png": content(drawn(name, 3000 + n)) for name in ("bar", "dot", "third") for n in range(4)}
    folder = write_folder(tmp_path / "new", new)
    found = odd_of_others(load_model(home, run.id), DataFiles(str(folder)), None, Flag(), do_nothing, do_nothing)
    assert len(found) == 12
    assert found.how == f"By {run.id}."
    assert {found.whole.class_names[label] for label in found.given[:8]} == {"dot", "third"}
    larger = write_folder(tmp_path / "larger", {f"bar/{n}.png": content(drawn("bar", n, size=16)) for n in range(4)})
    for of, error, sentence in (
        (None, ModelFileError, "add --size 8x8 --colour grey"), ("test", DatasetError, "has no test images"),
    ):  # fmt: skip
        files = DataFiles(str(folder if of else larger))
        with pytest.raises(error, match=sentence):
            odd_of_others(load_model(home, run.id), files, of, Flag(), do_nothing, do_nothing)


def test_images_without_classes(home: Home, tmp_path: Path) -> None:
    flat = write_folder(
        tmp_path / "flat", {f"{n:02}.png": content(drawn("dot" if n == 7 else "bar", n)) for n in range(40)}
    )
    spec = preset(AnomalySpec, "recommended", data=str(flat), **SMALL)
    found = looked(home, home.find(jobs.start(home, spec, do_nothing, Flag()).id))
    assert (found.given == -1).all()
    assert found.rows[0] == 7
    assert found.line(0)[:4] == ("training", 7, -1, -1)
    with pytest.raises(DatasetError, match="flat has no test images"):
        looked(home, home.find(home.list_runs()[0].id), "test")


def test_it_is_given_up_between_pieces(trained: tuple[Home, RunDirectory]) -> None:
    flag = Flag()
    flag.ask(Asked.STOP)
    with pytest.raises(AskedToEndError):
        looked(*trained, None, flag)
