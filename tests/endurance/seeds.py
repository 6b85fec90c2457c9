"""What a scripted person finds at the beginning: three runs and a study on a few images, each found by a tag."""

from dataclasses import replace
from pathlib import Path

from engine import jobs
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.runs.directory import Home
from engine.runs.notes import Notes, write_notes
from tests.engine.conftest import small, small_classifier, train
from tests.engine.studies.conftest import do, study
from tests.idx import first_of_mnist

TRAINING, TEST = 200, 100


def plant(home: Home, images: Path) -> None:
    """Make them; the images lie in `images`."""
    files = first_of_mnist(images, TRAINING, TEST)
    tiny = {"layers": 4, "downsamplings": 1, "kernels": 4, "batch_size": 50}
    short, _, _ = train(home, small(files, **tiny))
    classifier, _, _ = train(home, small_classifier(files, short.id))
    do(home, study(files, epochs=2))
    flag = Flag()

    def emit(event: Event) -> None:
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    result = jobs.start(home, small(files, **{**tiny, "epochs": 9999, "patience": 0}), emit, flag)
    for run, tag in ((short.id, "short"), (classifier.id, "classifier"), (result.id, "long")):
        write_notes(home.find(run).notes, Notes(tags=("seed", tag)))
    for status in home.list_runs():  # the study's trials stay too
        if status.study:
            write_notes(home.find(status.id).notes, replace(status.notes, tags=("seed",)))
