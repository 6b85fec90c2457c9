"""The run under a cursor at a glance: its curve, what it makes of images, and its numbers, beneath a list of runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.widgets.frame import state_content
from cae_tui.widgets.loss_chart import LossChart
from cae_tui.widgets.report_text import about
from cae_tui.widgets.sample_strip import SampleStripView

if TYPE_CHECKING:
    from cae_tui.bridge.runner import Runner
    from cae_tui.bridge.values import RunView

HIGH, WIDE = 44, 118
"""Rows and columns of a terminal from which there is room for it beneath a list."""


class RunPreview(Horizontal):
    """Curve, images and facts of one run."""

    DEFAULT_CSS = """
    RunPreview {
        height: 50%;
        max-height: 26;
        & > LossChart { width: 1fr; }
        & > SampleStripView { width: 64; }
        & > #preview-facts {
            width: 54;
            border: round $border-blurred;
            border-title-color: $foreground;
            padding: 0 1;
            scrollbar-size-vertical: 1;
        }
    }
    """

    def compose(self) -> Iterator[Widget]:
        """The curve on the left, images in the middle, facts on the right."""
        yield LossChart(id="preview-loss")
        yield SampleStripView(id="preview-images")
        with VerticalScroll(id="preview-facts", can_focus=False):
            yield Static(id="preview-text", markup=False)

    def show(self, view: "RunView", name: str, runner: "Runner", *, images: bool) -> None:
        """Draw a run, which is called `name`, with `images` where its kind rebuilds some."""
        run = view.state
        self.query_one(LossChart).show(run)
        strip = self.query_one(SampleStripView)
        strip.display = images and self.size.width >= WIDE + 40
        if strip.display:
            strip.strip = None
            if run.saved:
                strip.read(runner, run.id, run.samples_at(len(run.epochs)) or run.saved[-1:], "The images")
        facts = self.query_one("#preview-facts")
        facts.border_title = Content(f"Run {name}")
        self.query_one("#preview-text", Static).update(_facts(view, max(facts.size.width - 5, 20)))
        facts.scroll_home(animate=False)

    def complain(self, sentence: str) -> None:
        """Say why a run cannot be shown."""
        self.query_one("#preview-text", Static).update(Content(sentence))


def _facts(view: "RunView", width: int) -> Content:
    """How it ended, what it is, and what was noted; of a complete run as its report has it."""
    status = view.status
    lines = [state_content(status.state), Content(status.title)]
    notes = status.notes
    if notes.note:
        lines.append(Content.styled(notes.note, "$foreground"))
    if notes.tags:
        lines.append(Content(" ".join(f"#{tag}" for tag in notes.tags)))
    lines.append(Content(""))
    if view.result is not None:
        return Content("\n").join([*lines, about(view.result, view.facts, width)])
    told = [("data", status.data), ("epochs", f"{status.epoch}/{status.epochs}"),
            ("best val_loss", formats.loss(status.best_loss)), ("time", formats.duration(status.seconds)),
            ("device", str(view.spec.get("device", "")))]  # fmt: skip
    lines += [Content(f"{name:<14}{words}") for name, words in told if words]
    if status.message:
        lines += [Content(""), Content(status.message)]
    return Content("\n").join(lines)
