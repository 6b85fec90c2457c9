"""Doubtful labels for a page: ranked by classifiers, with their pictures, and a file of labels for what is decided.

Quick classifiers are trained in a thread. They draw from torch's generator as a run does, so that a page has nothing
trained while a run is on in this process: a run must come to the weights that it would have come to alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cae_tui.bridge.data_reader import HasThreads, works_in_thread
from cae_tui.bridge.values import Picture
from engine.protocol.control import Asked, Flag
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles

if TYPE_CHECKING:
    from engine.data.label_file import Decision
    from engine.evaluation.doubts import Doubts, Told

T = TypeVar("T")

KEEP, OUT = -2, -1
"""Decisions; any other is the label that the image gets."""
EXAMPLES = 6
"""Training images of each class that are shown beside one in doubt."""


@dataclass(frozen=True, slots=True)
class DoubtLine:
    """An image whose label is doubted."""

    row: int  # of the whole set, test images behind the training images
    called: str  # its file, or its part and place
    given: int  # -1 where its part has no classes
    suggested: int  # -1 where it is not by a classifier
    probabilities: tuple[float, float] | None  # of both classes
    score: float


@dataclass(frozen=True, slots=True)
class DoubtsView:
    """The labels of a set, the most doubtful first; or its images, the oddest first."""

    name: str
    class_names: tuple[str, ...]
    lines: tuple[DoubtLine, ...]
    how: str
    likely: str  # how many labels may be wrong, or images odd, in a sentence
    count: int  # how many those are
    remarks: tuple[str, ...]
    decisions: dict[int, int]  # by row, those of the set's file of labels


@dataclass(frozen=True, slots=True)
class DoubtPictures:
    """An image in doubt, and some of the two classes that it may be of."""

    image: Picture
    given: tuple[Picture, ...]
    suggested: tuple[Picture, ...]


class LabelDoubts:
    """Of one set, or of what a finished run has not learned from.

    Args:
        threads: to work in.
        home: where the run is.
        files: the set; its file of labels tells what was decided before.
        run: the classifier, or the anomaly detector, that is asked; quick ones are trained where none is named.
    """

    def __init__(self, threads: HasThreads, home: Home, files: DataFiles, run: str = "") -> None:
        self._threads, self._home, self.files, self._run = threads, home, files, run
        self._flag = Flag()
        self._found: Doubts | None = None
        self._whole_file = False  # whether its file of labels has lines that are not decided
        self._read_as = b""  # that file as it was read
        self.progress = (0, 0)  # how many steps are taken, or images looked at, and of how many
        self.reading = (0, 0)  # how many pictures are read, and of how many

    async def in_thread(self, read: Callable[[], T]) -> T:
        """See `HasThreads`."""
        return await self._threads.in_thread(read)

    def close(self) -> None:
        """Nobody waits for it any more."""
        self._flag.ask(Asked.STOP)

    @works_in_thread
    def look(self) -> DoubtsView:
        """Have every label doubted.

        Raises:
            EngineError: the set or the run cannot be read, or there is nothing to doubt; or it was given up.
        """
        from engine.data.file_names import file_names
        from engine.errors import DatasetError
        from engine.protocol.control import AskedToEndError

        try:
            if not self._run:
                self._decisions(self._read_some)  # what is wrong with the file is said before the work
            found = self._found = self._look()
        except AskedToEndError:
            raise DatasetError("The look at the labels was given up.", "data") from None
        whole, first = found.whole, len(found.whole.train)
        names = file_names(whole)
        known = {
            place + (first if part == "test" else 0): KEEP if one.keep else one.label
            for (part, place), one in self._decisions(None).items()
        }

        def called(row: int) -> str:
            part, place = found.part_of(row)
            own = names[part == "test"]
            return own[place] if own else f"{part} {place}"

        rows = zip(
            found.rows.tolist(), found.given.tolist(), found.suggested.tolist(),
            repeat(None, len(found)) if found.probabilities is None else map(tuple, found.probabilities.tolist()),
            found.scores.tolist(), strict=True,
        )  # fmt: skip
        return DoubtsView(
            name=whole.name,
            class_names=whole.class_names,
            lines=tuple(
                DoubtLine(row, called(row), given, suggested, pair, score)
                for row, given, suggested, pair, score in rows
            ),
            how=found.how,
            likely=found.likely_words,
            count=found.likely,
            remarks=found.remarks,
            decisions=known,
        )

    def _read_some(self, done: int, of: int) -> None:
        """Hear how many pictures are read; ends the reading where it was given up."""
        from engine.errors import DatasetError

        if self._flag.asked().ends:
            raise DatasetError("The look at the labels was given up.", "data")
        self.reading = done, of

    def _decisions(self, reading: "Told | None") -> "Mapping[tuple[str, int], Decision]":
        """What the set's file of labels says, or a run's own copy of it, by part and place."""
        from engine.data.by_hand import NOTHING
        from engine.data.cache import load
        from engine.data.label_file import read_labels
        from engine.storage.files import absolute

        file = self.files.labels_from
        if self._run:
            copy = self._home.find(self._run).labels
            if file is None or file == copy or not file.is_file() or file.read_bytes() != copy.read_bytes():
                self.files = self.files._replace(labels_from=None)  # the person's is gone, or another one by now
            file = copy if copy.exists() else None
        if file is None:
            return {}
        whole = load(self.files.as_given, reading, NOTHING)
        self._read_as = absolute(file).read_bytes() if absolute(file).is_file() else b""
        found = read_labels(absolute(file), whole)
        self._whole_file = bool(found.undecided)
        return found.decisions

    def _look(self) -> "Doubts":
        from engine.evaluation import doubts, odd_images

        def told(done: int, of: int) -> None:
            self.progress = done, of

        if not self._run:
            return doubts.doubts_of_set(self.files, "training", 0, self._flag, told, self._read_some)
        from engine.evaluation.model import load_model
        from engine.preparation import images_of

        directory = self._home.find(self._run)
        data, training, validation = images_of(directory)
        self.files = directory.files_of(directory.read_spec()["spec"])
        model = load_model(self._home, directory.id)
        if model.network.odd_threshold is not None:
            return odd_images.odd_of_run(model, data, training, validation, None, self._flag, told)
        return doubts.doubts_of_run(model, data, validation, None, self._flag, told)

    @works_in_thread
    def pictures(self, row: int, given: int, suggested: int) -> DoubtPictures:
        """The image at a row of the whole set, and the first training images of two classes; of -1 none."""
        import numpy as np

        from cae_tui.bridge.plain import pictures

        found = self._found
        assert found is not None
        train = found.whole.train
        examples: list[tuple[Picture, ...]] = []
        for label in (given, suggested):
            rows = np.empty(0, np.int64)
            if label >= 0 and train.labels is not None:
                rows = np.flatnonzero(train.labels == label)
            examples.append(pictures(train.take(rows[rows != row][:EXAMPLES])) if len(rows) else ())
        (image,) = pictures(found.picture(row)[None])
        return DoubtPictures(image, *examples)

    @works_in_thread
    def write(self, path: Path, decisions: Mapping[int, int], *, replaces: bool) -> Path:
        """Write what was decided, by row, as a file of labels, and give back where it is.

        Args:
            path: of the file.
            decisions: by row of the whole set.
            replaces: whether a file there may be replaced, if it is still as it was read; lines of it that are not
                decided stay.

        Raises:
            EngineError: there is a file, or it cannot be written.
        """
        from engine.data.label_file import FIELD, Decision, write_labels
        from engine.errors import DatasetError
        from engine.storage.files import absolute, refuse_taken

        found = self._found
        assert found is not None
        path = absolute(path)
        if not replaces:
            refuse_taken(path)
        elif path.exists() and path.read_bytes() != self._read_as:
            raise DatasetError(f"{path} has changed since it was read here: give another name, or look again.", FIELD)
        at = {row: place for place, row in enumerate(found.rows.tolist())}
        lines = []
        for row in sorted(decisions, key=lambda row: at.get(row, len(at))):
            line = found.line(at[row]) if row in at else found.bare(*found.part_of(row))
            decided = decisions[row]
            lines.append(line._replace(decision=Decision() if decided == KEEP else Decision(keep=False, label=decided)))
        if replaces and self._whole_file:
            lines += [found.line(place) for row, place in at.items() if row not in decisions]
        write_labels(path, found.whole, lines)
        self._read_as = path.read_bytes()
        return path
