"""The errors that are written for people.

Each message is a sentence (or a few) that says what was found, what was expected and what to do.
Whatever the engine refuses is one of these; anything else that escapes it is a bug.
"""

from collections.abc import Mapping, Sequence

from engine.text import plain


class EngineError(Exception):
    """Something a person can mend; the message says how.

    It may name a file or quote what was found in one: nothing in it is obeyed by a terminal.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(plain(sentence))


class SpecError(EngineError):
    """A spec that cannot be run.

    Args:
        problems: a sentence for each field that is wrong, by the field's name.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = {plain(name): plain(sentence) for name, sentence in problems.items()}
        super().__init__("\n".join(f"{name}: {sentence}" for name, sentence in self.problems.items()))


class DatasetError(EngineError):
    """An image set that cannot be read, or whose parts do not belong together.

    Args:
        field: the field of a spec that names the file to be mended.
    """

    def __init__(self, sentence: str, field: str = "images") -> None:
        self.field = field
        super().__init__(sentence)


class MovedError(DatasetError):
    """The images of a run or a study are not where they were, or not the ones any more.

    Args:
        what: what is wrong, without what to do about it on the command line.
        gone: the fields of its spec whose files are gone.
        others: those whose files are there and hold others; none of either where it is not known which.
    """

    def __init__(self, sentence: str, what: str, gone: Sequence[str] = (), others: Sequence[str] = ()) -> None:
        self.what, self.fields = plain(what), (*gone, *others)
        self.gone = tuple(gone)
        super().__init__(sentence, self.fields[0] if self.fields else "images")


class ModelFileError(EngineError):
    """A model file that is damaged, unknown, or made for other images."""


class RunError(EngineError):
    """A run that does not exist, is busy, or cannot be taken up again."""


class StudyError(EngineError):
    """A study that cannot be made, read or taken up again."""


class ExportError(EngineError):
    """A run that cannot be written in a format, or was written and does not compare equal."""


class StorageError(EngineError):
    """A folder that cannot be written, or a disk that is full.

    Args:
        full: whether nothing but room is wanting, so that the same write may succeed later.
    """

    def __init__(self, sentence: str, *, full: bool = False) -> None:
        self.full = full
        super().__init__(sentence)
