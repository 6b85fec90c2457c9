"""Training from a program."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cae_tui.api import AutoencoderTransformer, EngineError, Training, load, resume, runs, train, training
from cae_tui.api.arrays import write_set
from engine.data.keeping import kept_in
from engine.protocol.events import EpochEnded, Event, RunEnded, RunStarted
from tests.api.conftest import SHORT, SMALL, Trained, drawn

pytestmark = pytest.mark.filterwarnings("ignore:The validation")  # that so little is learned
ROOT = Path(__file__).parents[2]


def asked(home: Path, epochs: int = 2, **values: Any) -> Training:
    return train("autoencoder", home=home, **{"data": drawn(40), "epochs": epochs, **SMALL, **values})


def trains() -> bool:
    return any(thread.name == "cae-tui training" for thread in threading.enumerate())


def epochs_of(events: list[Event]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, EpochEnded)]


def test_the_events_of_a_run_come_in_order_and_the_run_is_like_any_other(tmp_path: Path) -> None:
    asking = asked(tmp_path, seed=np.int64(3), kernels=np.array([4, 4]))
    events = list(asking)
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert epochs_of(events) == [1, 2]
    assert asking.run == events[0].run
    assert asking.result.state == "finished"
    assert asking.result.id == asking.run
    assert asking.model.spec.seed == 3
    (run,) = runs(home=tmp_path)
    assert (run["id"], run["state"], run["epochs"]) == (asking.run, "finished", 2)
    assert not trains()


def test_waiting_gives_the_result_and_a_program_keeps_its_random_numbers(tmp_path: Path) -> None:
    before = kept_in()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    asking = asked(tmp_path)
    result = asking.wait()
    assert asking.wait() is result
    assert torch.equal(torch.rand(3), wanted)
    assert kept_in() == before


def test_the_same_arrays_are_one_file_and_the_same_seed_the_same_weights(tmp_path: Path) -> None:
    first, second = asked(tmp_path), asked(tmp_path)
    for asking in (first, second):
        asking.wait()
    assert len(list((tmp_path / "arrays").iterdir())) == 1
    images, _ = drawn(5)
    assert np.array_equal(first.model.encode(images), second.model.encode(images))
    assert asked(tmp_path, data=drawn(40)[0]).wait().data != first.result.data  # without labels it is another set


def test_test_images_are_measured_and_classes_keep_their_names(trained: Trained) -> None:
    (classifier,) = runs("kind:classifier", trained.home)
    assert classifier["test_accuracy"] > 0.8
    assert classifier["encoder"] == trained.autoencoder
    assert load(trained.classifier, trained.home).class_names == ("bar", "dot")


def test_a_list_of_images_and_labels_is_a_pair_too(tmp_path: Path) -> None:
    images, labels = drawn(40)
    for pair in ([images, labels], [images, list(labels)], [images, labels.reshape(40, 1)]):
        assert write_set(tmp_path, pair) == write_set(tmp_path, (images, labels))
    assert write_set(tmp_path, list(images[:2])) == write_set(tmp_path, images[:2])  # and two images are images


@pytest.mark.parametrize("labels", [np.array([-1, 7] * 20), np.array([3.0, 4.0] * 20), np.array([[0], [1]] * 20)])
def test_labels_may_be_any_whole_numbers(tmp_path: Path, labels: np.ndarray) -> None:
    encoder = asked(tmp_path, epochs=1)
    encoder.wait()
    asking = train(
        "classifier", encoder=encoder.run, data=(drawn(40)[0], labels), frozen_epochs=1, finetune_epochs=0,
        batch_size=16, home=tmp_path, progress=False,
    )  # fmt: skip
    asking.wait()
    names = {str(int(label)) for label in labels.ravel()}
    assert names <= set(asking.model.class_names)


def test_a_loop_that_is_left_stops_the_run_with_a_checkpoint_and_resume_trains_on(tmp_path: Path) -> None:
    asking = asked(tmp_path, epochs=3)
    for event in asking:
        if isinstance(event, EpochEnded):
            break
    assert not trains()
    assert asking.result.state == "stopped"
    assert load(asking.run, tmp_path).image_shape == (8, 8, 1)
    again = resume(asking.run[:5], tmp_path, progress=False)
    events = list(again)
    assert again.run == asking.run
    assert again.result.state == "finished"
    assert epochs_of(events)[-1] == 3
    whole = asked(tmp_path, epochs=3)
    whole.wait()
    images, _ = drawn(5)
    assert np.array_equal(again.model.encode(images), whole.model.encode(images))
    with pytest.raises(EngineError, match="nothing left to resume"):
        resume(asking.run, tmp_path)


def test_an_error_in_the_loop_stops_the_run(tmp_path: Path) -> None:
    asking = asked(tmp_path, epochs=200)

    def take() -> None:
        for _ in asking:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take()
    assert not trains()
    assert runs(home=tmp_path)[0]["state"] == "stopped"


def test_an_iterator_that_is_closed_or_never_begun_leaves_no_thread(tmp_path: Path) -> None:
    never = iter(asked(tmp_path))
    del never
    assert runs(home=tmp_path) == []
    events = iter(asked(tmp_path, epochs=200))
    next(events)
    assert trains()
    del events
    assert not trains()
    assert runs(home=tmp_path)[0]["state"] == "stopped"


def test_two_trainings_never_draw_random_numbers_in_turns(tmp_path: Path) -> None:
    events = iter(asked(tmp_path, epochs=200))
    next(events)
    with pytest.raises(EngineError, match="Another training is under way in this program"):
        asked(tmp_path).wait()
    with pytest.raises(EngineError, match="Another training is under way in this program"):
        AutoencoderTransformer(epochs=1).fit(drawn(40)[0])
    del events
    assert asked(tmp_path).wait().state == "finished"


def test_estimators_in_threads_train_one_after_the_other(tmp_path: Path) -> None:
    images, _ = drawn(40)
    own = {"epochs": 2, "layers": 2, "kernels": 2, "latent": 3, "batch_size": 8, "random_state": 0, "device": "cpu"}

    def fitted(_: int) -> np.ndarray:
        return AutoencoderTransformer(**own).fit(images).transform(images)  # type: ignore[arg-type]  # values of several types

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(fitted, range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(first, fitted(0))


def test_a_training_waits_where_its_events_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "WAITING", 1)
    assert epochs_of(list(asked(tmp_path, epochs=3))) == [1, 2, 3]


def test_a_training_is_iterated_over_once_and_has_nothing_to_show_before(tmp_path: Path) -> None:
    asking = asked(tmp_path)
    for early in (lambda: asking.run, lambda: asking.result, lambda: asking.model):
        with pytest.raises(EngineError, match=r"iterate over it|call wait\(\)"):
            early()
    asking.wait()
    with pytest.raises(EngineError, match="iterated over before"):
        iter(asking)


def test_what_cannot_begin_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    images, labels = drawn(10)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"epochs": 0}, "epochs: 0 is too small"),
        ({"epoch": 3}, "epoch: There is no such field"),
        ({"preset": "fast"}, "“fast” is not known"),
        ({"data": ""}, "names no file"),
        ({"data": images, "epochs": -1}, "too small"),
    ]
    for values, sentence in wrong:
        with pytest.raises(EngineError, match=sentence):
            train("autoencoder", **{"home": tmp_path, **values})  # type: ignore[arg-type]  # values of several types
    with pytest.raises(EngineError, match="“gan” is not known: choose autoencoder, classifier or anomaly"):
        train("gan", home=tmp_path)
    arrays: list[tuple[dict[str, object], str]] = [
        ({"data": (images, labels[:5])}, "There are 10 images and 5 labels"),
        ({"data": (images, labels.reshape(5, 2))}, "one whole number or word for each image"),
        ({"data": (images, np.arange(10) / 3)}, "labels are fractions"),
        ({"data": images[:1]}, "a single image; at least 2"),
        ({"data": images * 0}, "all black"),
        ({"data": images / 1.0}, "divide them by 255"),
        ({"data": np.moveaxis(np.stack([images] * 3), 0, 1)}, r"np\.moveaxis\(images, 1, 3\) moves them there"),
        ({"data": images[:, :4, :4]}, "4×4 pixels; height and width from 8 to 256"),
        ({"data": images.reshape(10, 64)}, "images×height×width was expected"),
        (
            {"data": images, "test_data": np.zeros((3, 9, 9), np.uint8)},
            r"test images have the shape \(9, 9, 1\); \(8, 8",
        ),
        ({"data": ["scans", 3]}, "Among the paths is something of type int"),
        ({"data": 5}, "images×height×width was expected"),
        ({"test_data": images}, "The test data are arrays and the data are not"),
        ({"data": "digits", "test_data": images}, "The test data are arrays and the data are not"),
    ]
    for values, sentence in arrays:
        with pytest.raises(ValueError, match=sentence):
            train("autoencoder", **{"home": tmp_path, **values})  # type: ignore[arg-type]  # values of several types
    assert not (tmp_path / "runs").exists()


def test_a_set_that_is_not_there_is_told_where_it_is_waited_for(tmp_path: Path) -> None:
    asking = train("autoencoder", data=tmp_path / "nothing.npz", home=tmp_path, progress=False)
    with pytest.raises(EngineError, match="does not exist"):
        asking.wait()
    assert not trains()
    for again in (asking.wait, lambda: asking.run, lambda: asking.result, lambda: iter(asking)):
        with pytest.raises(EngineError, match=r"The training could not begin\. .*does not exist"):
            again()


def test_what_does_not_fit_the_arrays_is_told_where_they_are_given(trained: Trained, tmp_path: Path) -> None:
    images, labels = drawn(40)
    with pytest.raises(EngineError, match="batch_size: 128 is more than the 36 images to train on: give at most 36"):
        asked(tmp_path, batch_size=128)
    with pytest.raises(EngineError, match="class"):
        train("classifier", data=images, encoder=trained.autoencoder, home=trained.home, **SHORT)
    larger = (np.repeat(images, 2, 1), labels)
    with pytest.raises(EngineError, match="8×8"):
        train("classifier", data=larger, encoder=trained.autoencoder, home=trained.home, **SHORT)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_fails_is_an_error_where_it_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("engine.jobs.fit", broken)
    with pytest.raises(EngineError, match=r"failed\. Unexpected error: RuntimeError: broken"):
        asked(tmp_path).wait()


def test_what_a_person_should_know_of_comes_as_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 of the 40 test images is among the training images too"):
        asked(tmp_path, test_data=(np.concatenate([drawn(39, 9)[0], drawn(40)[0][:1]]), drawn(40)[1])).wait()


@pytest.mark.parametrize("shown", [True, False])
def test_tqdm_shows_how_far_it_is_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shown: bool
) -> None:
    asked(tmp_path, progress=shown).wait()
    told = capsys.readouterr()
    assert told.out == ""
    assert ("epoch 2/2: 100%" in told.err and "val loss" in told.err) is shown
    assert bool(told.err) is shown


def test_tqdm_goes_on_where_a_run_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asking = asked(tmp_path, epochs=4)
    for event in asking:
        if isinstance(event, EpochEnded) and event.epoch == 2:
            break
    resume(asking.run, tmp_path).wait()
    told = capsys.readouterr().err
    assert "epoch 4/4: 100%" in told
    assert "epoch 1/4" not in told


def test_without_tqdm_nothing_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert asked(tmp_path, progress=True).wait().state == "finished"
    assert capsys.readouterr().err == ""


HEAD = """
import sys
from cae_tui.api import runs, train
from tests.api.conftest import SMALL, drawn

home = sys.argv[1]
training = train("autoencoder", data=drawn(40), epochs=100000, patience=0, home=home, **SMALL)
"""
CTRL_C = """
try:
    for number, event in enumerate(training):
        if number == 3:
            print("ready", flush=True)
except KeyboardInterrupt:
    print(runs(home=home)[0]["state"], training.result.state)
"""
ENDS = """
events = iter(training)
for _ in range(4):
    next(events)
print("ready", flush=True)
"""


@pytest.mark.parametrize(("code", "asks"), [(CTRL_C, True), (ENDS, False)], ids=["Ctrl+C", "the program ends"])
def test_a_program_that_is_interrupted_or_ends_leaves_a_checkpoint(tmp_path: Path, code: str, asks: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if asks:
        process.send_signal(signal.SIGINT)
    rest, _ = process.communicate()
    assert process.returncode == 0
    assert rest == ("stopped stopped\n" if asks else "")
    (run,) = runs(home=tmp_path)
    assert run["state"] == "stopped"
    assert list((tmp_path / "runs" / run["id"] / "checkpoints").iterdir())
