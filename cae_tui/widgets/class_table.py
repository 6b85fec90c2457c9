"""How many images each class has in each part of the data, with bars; the cursor chooses a class."""

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from cae_tui import formats
from cae_tui.bridge.values import DataView, SplitView
from cae_tui.widgets.bare_table import BareTable
from engine.text import cell_len, shortened

HEADS = {"class": 6, "training": 10, "validation": 12, "test": 9}
LONGEST_NAME, LEAST_BAR, MOST_BAR = 20, 6, 32


class ClassTable(BareTable):
    """A row for all classes together, then one a class."""

    DEFAULT_CSS = "ClassTable { height: 1fr; scrollbar-size: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [  # the table's own would move a cursor across columns, unseen
        Binding(
            "left",
            "screen.step_class(-1)",
            "Previous class",
            id="classes.left",
            tooltip="The previous class",
            show=False,
        ),
        Binding(
            "right", "screen.step_class(1)", "Next class", id="classes.right", tooltip="The next class", show=False
        ),
        Binding(
            "pageup", "screen.turn(-1)", "Previous page", id="classes.pageup", tooltip="The previous images", show=False
        ),
        Binding("pagedown", "screen.turn(1)", "Next page", id="classes.pagedown", tooltip="More images", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The cursor stands on a class; None is all of them."""

        label: int | None

    def __init__(self) -> None:
        super().__init__(id="classes", cursor_type="row", cell_padding=0, cursor_foreground_priority="renderable")
        self._counted: DataView | None = None
        self._split: SplitView | None = None

    def show(self, data: DataView, split: SplitView) -> None:
        """Draw the counts of a data set that is split so."""
        self._counted, self._split = data, split
        self._draw()

    def _draw(self) -> None:
        data, split = self._counted, self._split
        if data is None or split is None:
            return
        row = self.cursor_row
        styles = {"training": self._colour("cae-training"), "validation": self._colour("cae-validation")}
        names = [shortened(data.name_of(label), LONGEST_NAME) for label in data.occurring]
        longest = max((cell_len(name) for name in names), default=0) + 1
        others = sum(HEADS.values()) - HEADS["class"] + 3
        room = max(min(longest, self.content_size.width - others - LEAST_BAR), HEADS["class"])
        cells = max(min(self.content_size.width - room - others, MOST_BAR), 0)
        with self.prevent(DataTable.RowHighlighted):
            self.clear(columns=True)
            for head, width in HEADS.items():
                text = head if head == "class" else f"{head:>{width}}"
                self.add_column(
                    Text(text, style=styles.get(head, "")), width=room if head == "class" else width, key=head
                )
            self.add_column("", width=cells + 2, key="bar")
            self.add_row(*_numbers("all", split.training, split.validation, data.test or None), Text(), key="all")
            most = max(data.training_counts, default=1) or 1
            for label in data.occurring if split.training_counts else ():
                training, validation = split.training_counts[label], split.validation_counts[label]
                test = data.test_counts[label] if data.test_counts else None
                lengths = round(training / most * cells), round((training + validation) / most * cells)
                bar = Text.assemble(
                    "  ",
                    ("▇" * lengths[0], styles["training"]),
                    ("▇" * (lengths[1] - lengths[0]), styles["validation"]),
                )
                words = shortened(data.name_of(label), room - 1)
                self.add_row(*_numbers(words, training, validation, test), bar, key=str(label))
            self.move_cursor(row=min(row, self.row_count - 1))

    on_resize = _draw

    def _colour(self, variable: str) -> str:
        return self.app.theme_variables.get(variable, "")

    def choose(self, label: int | None) -> None:
        """Put the cursor on a class."""
        key = "all" if label is None else str(label)
        if key in self.rows:
            self.move_cursor(row=self.get_row_index(key))

    @on(DataTable.RowHighlighted)
    def _highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        key = event.row_key.value
        if key is not None:
            self.post_message(self.Chosen(None if key == "all" else int(key)))


def _numbers(name: str, *counts: int | None) -> list[Text]:
    widths = list(HEADS.values())[1:]
    return [
        Text(name),
        *(Text(f"{formats.count(count):>{width}}") for count, width in zip(counts, widths, strict=True)),
    ]
