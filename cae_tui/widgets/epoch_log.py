"""The log of a run: one line an epoch, the newest in sight, the older ones a scroll away."""

from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content
from textual.events import Resize
from textual.widgets import RichLog

from cae_tui.widgets.run_progress import log_line, stage_line

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState
    from engine.protocol.events import EpochEnded


LINES_KEPT = 500
"""Lines of the latest epochs; each that is written costs as much as drawing it, seen or not."""


class EpochLog(RichLog):
    """The completed epochs of a run, by stage: all of them, or as many as are kept."""

    DEFAULT_CSS = """
    EpochLog {
        border: round $border-blurred;
        border-title-color: $foreground;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        height: 1fr;
    }
    EpochLog:focus { border: round $primary; background-tint: $foreground 0%; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id, wrap=False, markup=False, highlight=False, min_width=1, max_lines=LINES_KEPT)
        self.border_title = "Epochs"
        self._run: RunState | None = None
        self._shown: list[EpochEnded] = []
        self._width = 0

    def show(self, run: "RunState") -> None:
        """Add what is new; write all of it again where earlier lines no longer hold."""
        self._run = run
        width = self.size.width - 1  # the last column is the scrollbar's, once there is one
        if not self.display or width < 10:
            return
        epochs = list(run.epochs)
        # A resume cuts epochs off; another width makes other lines.
        if self._shown != epochs[: len(self._shown)] or width != self._width:
            self.clear()
            self._shown = []
        self._width = width
        if not epochs:
            if not self.lines:
                coming = "A line comes after each epoch." if run.live else "No epoch was completed."
                self.write(Text(coming, style="dim", no_wrap=True))
            return
        if not self._shown and self.lines:
            self.clear()  # what stood there before there was anything to tell
        several = run.started is not None and len(run.started.stages) > 1
        digits = len(str(max(run.started.epochs, default=1))) if run.started else 2
        if len(epochs) - len(self._shown) > LINES_KEPT:
            self._shown = epochs[:-LINES_KEPT]  # their lines would be gone again before anyone saw them
        for epoch in epochs[len(self._shown) :]:
            if several and (not self._shown or self._shown[-1].stage != epoch.stage):
                self.write(self._coloured(stage_line(epoch.stage)))
            self.write(self._coloured(log_line(epoch, digits, width)))
            self._shown.append(epoch)

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """Write for the new width."""
        if self._run is not None:
            self.call_after_refresh(self.show, self._run)

    def notify_style_update(self) -> None:
        """Write again in the colours of another theme."""
        super().notify_style_update()
        self._width = 0
        if self._run is not None:
            self.call_after_refresh(self.show, self._run)

    def _coloured(self, content: Content) -> Text:
        """`content` with colours in place of the theme's names for them: a RichLog knows only colours."""
        text = Text(content.plain, no_wrap=True)
        variables = self.app.theme_variables
        for start, end, style in content.spans:
            value = variables.get(str(style).removeprefix("$"), "")
            text.stylize(value if value.startswith("#") else "dim", start, end)
        return text
