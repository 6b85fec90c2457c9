"""Sentences on the data, each with a mark, as many as there is room for: the rest is counted, never cut unseen."""

import textwrap
from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

MARK = "! "


def fitted(sentences: Sequence[str], width: int, most: int, elsewhere: str) -> list[str]:
    """Lines of at most `width` cells and not more than `most`: whole sentences, then how many are told `elsewhere`."""
    indent = " " * len(MARK)
    wrapped = [textwrap.wrap(f"{MARK}{sentence}", max(width, 20), subsequent_indent=indent) for sentence in sentences]
    lines: list[str] = []
    for place, part in enumerate(wrapped):
        left = len(wrapped) - place - 1
        if place and len(lines) + len(part) + bool(left) > most:
            more = "1 more remark" if left == 0 else f"{left + 1} more remarks"
            return [*lines, f"{MARK}{more}: {elsewhere}."]
        lines += part
    return lines


class Remarks(Widget):
    """What was found in images, labels or a result; nothing where there is nothing to say.

    Args:
        most: lines.
        elsewhere: where the rest is told, in words.
    """

    DEFAULT_CSS = "Remarks { height: auto; width: 1fr; color: $cae-attention; text-wrap: nowrap; display: none; }"

    sentences: reactive[tuple[str, ...]] = reactive((), layout=True)

    def __init__(self, *, most: int, elsewhere: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self._most, self._elsewhere = most, elsewhere

    def watch_sentences(self, sentences: tuple[str, ...]) -> None:
        """There only where something is to be said."""
        self.display = bool(sentences)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as Textual calls it
        """As many lines as the sentences take."""
        return len(fitted(self.sentences, width, self._most, self._elsewhere))

    def render(self) -> Content:
        """The sentences, as text: nothing of them is markup."""
        lines = fitted(self.sentences, self.content_size.width, self._most, self._elsewhere)
        return Content("\n".join(lines))
