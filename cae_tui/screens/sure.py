"""How sure a classifier is: whether it is right as often as it says, and how many images it answers how well."""

from collections.abc import Iterator
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.bridge.values import SureView
from cae_tui.printing import as_typed
from cae_tui.screens.run_page import RunPage, Subject
from cae_tui.widgets.reliability import ReliabilityDiagram
from engine.errors import EngineError, MovedError
from engine.results.calibration import Calibration
from engine.text import counted, percent

LEAST_SHARE = 0.5
"""Of the images, from which on the curve of accuracy is told."""


class SureScreen(RunPage):
    """The calibration of a run."""

    CSS_PATH = "sure.tcss"
    AUTO_FOCUS = "#diagram-card"
    HELP = """\
How sure a classifier is of an answer is the probability of its largest class. Is it right as often as it is sure?

- **The diagram** sorts the images by how sure their answers are. A bar says how often these answers are right, the mark
  `┃` how sure they are on average. Where the bar ends before the mark, the model is too sure; where it goes past it, it
  is less sure than it could be.
- **ECE**, the expected calibration error, is the mean distance between the two, each bin weighed by its images. There
  are 15 bins of equal width, as is usual.
- **The temperature** divides the network's outputs before they become probabilities. It was found on validation images,
  lies in the model file, and is used by `cae-tui predict`, *Try* and Python. Reports, sample predictions, documents and
  exported models have the probabilities as they are. No answer changes by it. `t` shows the diagram with it.
- **How many it answers**: where only answers count that are sure enough, fewer images are answered, and more of the
  answers are right. Told with the temperature, on the images that the run was evaluated on. The threshold of `predict`
  is another: validation images gave it.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "temperature", "Temperature", id="sure.temperature", tooltip="With the temperature, or without"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self.view: SureView | None = None
        self.with_temperature = False

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "How sure")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    @property
    def subject(self) -> Subject:
        return Subject(run=self.run_id)

    def compose_page(self) -> Iterator[Widget]:
        """What it comes to; the diagram; how many images it answers."""
        yield Static("Reading the answers…", id="told", markup=False)
        with VerticalScroll(id="body"):
            with VerticalScroll(id="diagram-card", classes="card"):
                yield ReliabilityDiagram()
            with VerticalScroll(id="coverage-card", classes="card"):
                yield Static(id="coverage", markup=False)

    def on_mount(self) -> None:
        self.query_one("#coverage-card").border_title = "How many it answers"
        self.query_one("#body").display = False
        self._read()

    @work(exclusive=True, group="sure")
    async def _read(self) -> None:
        try:
            self.view = await self.runner.how_sure(self.run_id)
        except EngineError as error:
            why = error.what if isinstance(error, MovedError) else as_typed(str(error))
            self.query_one("#told", Static).update(Content.styled(why, "$error"))
            if isinstance(error, MovedError) and await self.cae.ask_where_moved(error.fields, run=self.run_id):
                self._read()
            return
        self.query_one("#body").display = True
        self._draw(self.view)
        self.refresh_keys()

    def _draw(self, view: SureView) -> None:
        found, of = view.calibration, view.of
        sentences = found.sentences(of)
        if view.earlier:
            sentences[0] = (
                f"Calibration error (ECE) {percent(found.raw.ece)} on the {of} images. An earlier version, which "
                "looked for no temperature, trained the run: train it again to have one."
            )
        self.query_one("#told", Static).update("\n".join(sentences))
        shown = found.tempered if self.with_temperature and found.tempered is not None else found.raw
        how = f"temperature {found.temperature:.2f}" if shown is found.tempered else "as they are"
        card = self.query_one("#diagram-card")
        card.border_title = f"{counted(view.images, f'{of} image')}, probabilities {how}: ECE {percent(shown.ece)}"
        self.query_one(ReliabilityDiagram).show(shown)
        self.query_one("#coverage", Static).update(_coverage(found))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There may be no temperature."""
        if action == "temperature":
            return self.view is not None and self.view.calibration.tempered is not None
        return super().check_action(action, parameters)

    def action_temperature(self) -> None:
        """The other probabilities."""
        self.with_temperature = not self.with_temperature
        assert self.view is not None
        self._draw(self.view)


def _coverage(found: Calibration) -> str:
    """At which threshold how many are answered how well, then accuracy by share."""
    lines = [f"{'right':>8}{'answered':>11}{'when sure from':>17}"]
    for each in found.covered:
        at = percent(each.threshold) if each.share else "–"
        share = percent(each.share) if each.share else "none"
        lines.append(f"{100 * each.accuracy:>6g} %{share:>11}{at:>17}")
    lines += ["", f"{'the surest':>12}{'are right':>12}"]
    count = len(found.curve)
    for place, accuracy in reversed(list(enumerate(found.curve, 1))):
        if place / count >= LEAST_SHARE:
            lines.append(f"{100 * place / count:>10g} %{percent(accuracy):>12}")
    return "\n".join(lines)
