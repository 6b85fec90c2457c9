"""What is printed with rich: text as it is, and a failed write as an error. `output` needs no rich."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.text import Text

from cae_tui.printing import OutputError, as_typed, flush, let_go, refusal
from engine.text import plain


class OutputConsole(Console):
    """A console that prints text as it is, and whose failed writes are errors.

    rich would read markup and names of emoji in it, and end the program when nobody reads any more.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def on_broken_pipe(self) -> None:
        """Say so as any other failed write does."""
        raise BrokenPipeError

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does, but text as it is, its commands `as_typed`, and of it nothing that a terminal obeys.

        Raises:
            BrokenPipeError: nobody reads any more.
            OutputError: the output takes nothing more.
        """
        try:
            super().print(*map(_harmless, objects), **options)
        except OSError as error:
            raise refusal(error) from error

    def say(self, lines: str) -> None:
        """Print lines whole, however long they are.

        Raises:
            BrokenPipeError: nobody reads any more.
            OutputError: the output takes nothing more.
        """
        self.print(Text(lines), soft_wrap=True)


def table_console(unseen: int) -> OutputConsole:
    """Where tables go: stdout, `unseen` cells wide where no terminal shows it, so that nothing is cut."""
    console = OutputConsole()
    if not console.is_terminal:
        console.width = unseen
    return console


def tell(sentence: str) -> None:
    """Print plain text on stderr, as far as anybody reads it."""
    with suppress(OSError):
        OutputConsole(stderr=True).say(sentence)


@contextmanager
def printing(so_far: str) -> Iterator[None]:
    """Print what something came to, which is told by `so_far` where the output takes nothing more.

    Raises:
        OutputError: it takes nothing more.
    """
    try:
        yield
        flush()
    except BrokenPipeError:  # whoever read it has enough; it came to what it came to
        let_go()
    except OutputError as error:
        raise OutputError(f"{error} {so_far}") from None


def _harmless(shown: Any) -> Any:
    if isinstance(shown, Text):
        shown.plain = plain(as_typed(shown.plain))
    return plain(as_typed(shown)) if isinstance(shown, str) else shown
