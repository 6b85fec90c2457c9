"""What a classifier took for what in the validation of its latest epoch, while it learns."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Size

from cae_tui import formats
from cae_tui.widgets.confusion_matrix import ConfusionMatrix
from engine.text import cell_len, class_name, shortened

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState
    from engine.protocol.events import MistakesCounted

BORDER = 2


class MistakeMatrix(ConfusionMatrix):
    """A confusion matrix without images behind its cells: which images they were is not kept.

    Args:
        still: whether it is only looked at, without a cursor.
    """

    DEFAULT_CSS = """
    MistakeMatrix {
        border: round $border-blurred;
        border-title-color: $foreground;
        border-subtitle-color: $text-muted;
    }
    MistakeMatrix:focus { border: round $primary; }
    """

    def __init__(self, *, still: bool, id: str) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.can_focus = not still
        self._counted: MistakesCounted | None = None

    @property
    def needed(self) -> Size:
        """The cells that all of it takes, with its border."""
        return Size(self.virtual_size.width + BORDER, self.virtual_size.height + BORDER)

    def show(self, run: "RunState", counted: "MistakesCounted | None") -> None:
        """Draw what was counted at an epoch of `run`."""
        if counted is None or counted is self._counted:
            return
        another, self._counted = self._counted is None, counted
        counts, cursor = counted.counts, self.cursor
        shown = [label for label, row in enumerate(counts) if any(row) or any(other[label] for other in counts)]
        names = [class_name(run.class_names, label) for label in shown]
        self.set_counts([[counts[true][predicted] for predicted in shown] for true in shown], shown, names)
        if self.has_focus and not another and max(cursor) < len(shown):
            self.cursor = cursor  # where a person put it
        where = formats.epoch_label(counted.stage, counted.epoch, run.epochs_of(counted.stage))
        self.border_title = f"Validation confusion · {where}"
        self._tell()

    def watch_cursor(self) -> None:
        """Keep the cell in sight and tell of it."""
        super().watch_cursor()
        if self.is_mounted:
            self._tell()

    def _tell(self) -> None:
        """The most frequent mistake, or the cell under the cursor, in words where there is room for them."""
        told = self.sentence
        if self.counts and cell_len(told) > self.size.width - 4:
            true, predicted = self.cursor
            count = formats.count(self.counts[true][predicted])
            room = max((self.size.width - len(f" taken for : {count}") - 4) // 2, 1)
            told = f"{shortened(self.names[true], room)} taken for {shortened(self.names[predicted], room)}: {count}"
        self.border_subtitle = Content(told)

    on_resize = _tell

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """There are no images to open."""
        return action != "choose"
