"""Labels in doubt, a line each, the most doubtful first: what was given, what is suggested, and what was decided.

Or images by how odd they are: then nothing is suggested, and the score stands there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.style import Style
from rich.text import Text

from cae_tui.bridge.doubts import KEEP, OUT, DoubtLine
from cae_tui.widgets.line_table import Head, LineTable
from engine.text import aligned, class_name, percent, shortened

MARKS = {KEEP: "✓", OUT: "✗"}
"""What stands left of a line that was decided; of a new label an arrow."""
CLASS, FULL_CLASS, IMAGE, SCORE = 9, 16, 22, 9
WITH_DECISION = 48
"""Cells from which there is room for what was decided in words."""


class DoubtTable(LineTable):
    """Lines of a ranking. Decisions are by row of the set."""

    DEFAULT_CSS = "DoubtTable { width: 1fr; }"
    MARGIN: ClassVar[int] = 2

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.lines: Sequence[DoubtLine] = ()
        self.names: Sequence[str] = ()
        self.decisions: Mapping[int, int] = {}

    @property
    def row_count(self) -> int:
        """See `LineTable`."""
        return len(self.lines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to open: what is under the cursor is shown beside it."""
        return action != "select" and super().check_action(action, parameters)

    @property
    def line(self) -> DoubtLine | None:
        """The one under the cursor."""
        return self.lines[self.cursor_row] if self.cursor_row < len(self.lines) else None

    def heads(self) -> Sequence[Head]:
        """See `LineTable`: where there is room, the image's name and what was decided."""
        room = self.room
        number = len(f"{len(self.lines):,}")
        found = [Head("place", "", number, right=True)]
        if any(line.given >= 0 for line in self.lines[:1]):
            found.append(Head("given", "given", CLASS))
        if any(line.probabilities is None for line in self.lines[:1]):
            found.append(Head("score", "score", SCORE, right=True))
        else:
            found += [Head("suggested", "suggested", CLASS), Head("sure", "sure", 6, right=True)]
        if room >= WITH_DECISION:  # else the sign in the margin tells
            found.append(Head("decision", "decision", CLASS))
        left = room - sum(head.width + self.PADDING for head in found)
        classes = [head for head in found if head.width == CLASS]
        more = min(max((left - IMAGE - self.PADDING) // max(len(classes), 1), 0), FULL_CLASS - CLASS)
        found = [replace(head, width=CLASS + more) if head in classes else head for head in found]
        left -= more * len(classes)
        if left >= IMAGE // 2 + self.PADDING:
            found.insert(1, Head("image", "image", min(left - self.PADDING, 2 * IMAGE)))
        return found

    def margin(self, row: int) -> Text:
        """See `LineTable`: a sign of what was decided."""
        decision = self.decisions.get(self.lines[row].row)
        if decision is None:
            return Text("  ")
        colour = "" if decision == KEEP else "cae-attention"
        style = Style.parse(self.app.theme_variables[colour]) if colour else Style()
        return Text(f"{MARKS.get(decision, '→')} ", style=style)

    def cells(self, row: int) -> Sequence[str | Text]:
        """See `LineTable`."""
        line = self.lines[row]
        decision = self.decisions.get(line.row)
        decided = "" if decision is None else self.decision_words(decision)
        found = {
            "place": f"{row + 1:,}",
            "image": line.called,
            "given": self.class_called(line.given),
            "suggested": self.class_called(line.suggested),
            "sure": "" if line.probabilities is None else percent(line.probabilities[1], 0),
            "score": self.score_words(line),
            "decision": decided,
        }
        return [shortened(found[head.name], head.width) for head in self.heads()]

    def decision_words(self, decision: int) -> str:
        """What was decided, as a file of labels has it."""
        words = {KEEP: "keep", OUT: "leave out"}
        return words[decision] if decision in words else self.class_called(decision)

    def score_words(self, line: DoubtLine) -> str:
        """Its score, with as many decimals as all have."""
        return aligned(line.score, self.lines[0].score)

    def class_called(self, label: int) -> str:
        """The name of a class; nothing of -1."""
        return "" if label < 0 else class_name(self.names, label)

    def decide(self, decisions: Mapping[int, int]) -> None:
        """Show these."""
        self.decisions = decisions
        self.refresh()
