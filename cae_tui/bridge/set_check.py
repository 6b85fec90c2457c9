"""A check of an image set for a page: what was found, the pictures of it, and what a person leaves out by hand."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from cae_tui.bridge.data_reader import HasThreads, works_in_thread
from cae_tui.bridge.values import CheckedPicture, CheckView, FindingView
from engine.specs.data_files import DataFiles

if TYPE_CHECKING:
    from engine.data.checking import Check

T = TypeVar("T")


class SetCheck:
    """Of one set, all of it: what is left out is among its pictures, so that it can be taken back.

    Args:
        threads: to work in.
        files: the set.
    """

    def __init__(self, threads: HasThreads, files: DataFiles) -> None:
        self._threads, self._files = threads, files
        self._given_up = Event()
        self._check: Check | None = None
        self.progress = (0, 0)  # how far the look at all pictures is
        self.reading = (0, 0)  # how many pictures are read, and of how many

    async def in_thread(self, read: Callable[[], T]) -> T:
        """See `HasThreads`."""
        return await self._threads.in_thread(read)

    def close(self) -> None:
        """Nobody waits for it any more."""
        self._given_up.set()

    @works_in_thread
    def look(self) -> CheckView:
        """Look at every picture.

        Raises:
            EngineError: the set cannot be read.
        """
        from engine.data.by_hand import NOTHING
        from engine.data.cache import load
        from engine.data.checking import check
        from engine.data.leaving_out import chosen

        def read(done: int, of: int) -> None:
            self._go_on()
            self.reading = done, of

        def looked(done: int, of: int) -> None:
            self._go_on()
            self.progress = done, of

        data = load(self._files.as_given, read, NOTHING)
        found = self._check = check(data, looked)
        by_hand = chosen(data)
        first = len(data.train)
        return CheckView(
            name=data.name,
            findings=tuple(
                FindingView(one.kind, one.title, one.sentence, one.number, one.groups, one.spare)
                for one in found.findings
            ),
            classes=FindingView(
                "classes",
                "What each class looks like",
                "The mean training image of each class, with its name and the darkest and the brightest of its pixels.",
                len(found.classes),
                tuple((-1 - place,) for place in range(len(found.classes))),
                (),
            ),
            out=frozenset([*by_hand.training, *(first + place for place in by_hand.test)]),
            images=first + (0 if data.test is None else len(data.test)),
        )

    def _go_on(self) -> None:
        from engine.errors import DatasetError

        if self._given_up.is_set():
            raise DatasetError("The check was given up.", "data")

    @works_in_thread
    def pictures(self, places: Sequence[int]) -> dict[int, CheckedPicture]:
        """Those at these places, each with a line about it; from -1 downwards stand the means of the classes."""
        from cae_tui.bridge.plain import pictures
        from engine.text import NOTHING, class_name

        check = self._check
        assert check is not None
        found = {}
        for place in places:
            if place < 0:
                look = check.classes[-1 - place]
                name = "all" if look.label is None else class_name(check.data.class_names, look.label)
                span = NOTHING if look.darkest is None else f"{look.darkest}–{look.brightest}"
                found[place] = CheckedPicture(pictures(look.mean[None])[0], f"{name} {span}", "", 0)
                continue
            part, at = check.part_of(place)
            label = check.label(place)
            name = "" if label is None else f" {class_name(check.data.class_names, label)}"
            (picture,) = pictures(check.picture(place)[None])
            found[place] = CheckedPicture(picture, f"{'T' if part == 'test' else ''}{at}{name}", part, at)
        return found

    @works_in_thread
    def leave_out(self, places: frozenset[int]) -> None:
        """Leave these pictures out of the set from now on, and no others.

        Raises:
            EngineError: too few would be left, or it cannot be written down.
        """
        from engine.data.by_hand import ByHand
        from engine.data.leaving_out import choose

        check = self._check
        assert check is not None
        parts: dict[str, list[int]] = {"training": [], "test": []}
        for place in places:
            part, at = check.part_of(place)
            parts[part].append(at)
        choose(check.data, ByHand.of(parts["training"], parts["test"]))
