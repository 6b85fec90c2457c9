"""The two-minute tour: an autoencoder and a classifier are trained, and at each page a line says what one sees.

It asks for nothing that a person could not, and its runs are runs like any other. What the line says follows from the
page on top and from the run it is about; one who goes elsewhere finds it again on the way.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.screens.base import Page
from engine.errors import RunError
from engine.protocol.states import COMPLETE
from engine.specs.listed import kinds_that_give_encoders, listed

if TYPE_CHECKING:
    from engine.specs.base import Spec

STEPS = 6
LEFT = "The tour is over. Its runs stay, and t on the first screen starts it again."
LEFT_TRAINING = "The tour is over. Its run goes on: Ctrl+T shows it, and s there stops it."


class Tour:
    """Where a person is on the tour, and what is told there."""

    def __init__(self, app: BaseApp) -> None:
        self._app = app
        self._on = False
        self._encoder = self._classifier = ""  # its runs, once they have begun
        self._step = 1  # the latest that a line was about

    @property
    def is_on(self) -> bool:
        """Whether somebody is on the tour."""
        return self._on

    @acts_on(messages.BeginTour)
    def _begin(self, message: messages.BeginTour) -> None:  # noqa: ARG002 - as every act
        if self._app.runner.busy:
            raise RunError("A run is training: stop it, or wait until it ends, before you start the tour.")
        self._on, self._encoder, self._classifier, self._step = True, "", "", 1
        self._app.runner.start(first_spec(), alone=True)  # the next run is the tour's
        from cae_tui.screens.training import TrainingScreen

        self._app.go(("training", ""), lambda: TrainingScreen(""))
        self.tell()

    def leave(self) -> None:
        """No more lines; a run that is training goes on."""
        self._on = False
        self.tell()
        self._app.tell(LEFT_TRAINING if self._app.runner.busy else LEFT)

    def tell(self) -> None:
        """Write the line of the page on top."""
        if (page := self._app.page) is not None:
            page.show_tour(*self.line_of(page))

    def values_for(self, kind: str, values: Mapping[str, str]) -> dict[str, str]:
        """What a form of that kind is filled in with on the tour, besides `values`: what is done in seconds."""
        if not self._on or values.get("encoder", "") != self._encoder:
            return {}
        from engine.specs.fields import write_value
        from engine.specs.kinds import SPECS

        return {name: write_value(value) for name, value in SPECS[kind].presets["quick"].items()}

    # -- what is told ----------------------------------------------------------------------------

    def line_of(self, page: Page) -> tuple[str, str]:
        """Where on the tour a page is, `2 of 6`, and what is to be said there; nothing off the tour."""
        if not self._on:
            return "", ""
        current = self._app.runner.current
        if current is not None and current.id:
            if not self._encoder:
                self._encoder = current.id
            elif current.id != self._encoder and listed(current.kind).takes_encoder:
                self._classifier = current.id
        step, words = self._words(page)
        return f"{step} of {STEPS}", words

    def _words(self, page: Page) -> tuple[int, str]:
        found = self._on_the_way(page)
        if found is None:
            return self._step, _ELSEWHERE
        self._step = found[0]
        return found

    def _on_the_way(self, page: Page) -> tuple[int, str] | None:
        """The step that a page is, and what is to be said there; None where it is about something else."""
        kind, name = page.place
        known = {self._encoder, self._classifier} - {""}
        match kind:
            case "training" if not name or name in known:
                return self._while_training(name)
            case "report" if name and name == self._classifier:
                return 5, _SECOND_REPORT
            case "report" if name and name == self._encoder:
                return 3, _FIRST_REPORT
            case "try" if name and name == self._classifier:
                return 6, _DRAW
            case "" if listed(getattr(page, "kind", "")).takes_encoder:
                return 4, _FORM
        return None

    def _while_training(self, name: str) -> tuple[int, str]:
        run = self._app.runner.current
        second = bool(self._encoder) and (run is None or run.id != self._encoder) and name != self._encoder
        if run is None or run.started is None:
            return (5, _SECOND_BEGINS) if second else (1, _FIRST_BEGINS)
        if run.state in COMPLETE:
            return (5, _SECOND_ENDED) if second else (2, _FIRST_ENDED)
        if not run.live:
            return (5 if second else 2), _FAILED
        return (5, _SECOND_TRAINS) if second else (1, _FIRST_TRAINS)


def first_spec() -> "Spec":
    """The autoencoder: a bottleneck of 64 numbers, for one epoch, on MNIST."""
    from engine.specs.base import preset
    from engine.specs.kinds import SPECS

    return preset(SPECS[kinds_that_give_encoders()[0]], "bottleneck", epochs=1)


_FIRST_BEGINS = (
    "PyTorch is being loaded. Then an autoencoder learns to squeeze each handwritten digit into 64 numbers, and to "
    "rebuild it from them."
)
_FIRST_TRAINS = (
    "The network squeezes each digit into 64 numbers and rebuilds it. The curve is its error, which falls while "
    "it sees each image once."
)
_FIRST_ENDED = (
    "Trained. i shows or hides images beside what was rebuilt from their 64 numbers. Press Enter for the report."
)
_FIRST_REPORT = (
    "The error on test images, and what it is worth: PCA is the best that a linear method does with 64 numbers. "
    "Press n to put the encoder to work in a classifier."
)
_FORM = "The form of a classifier on this encoder, filled in with what is done in seconds. Press Ctrl+R to start it."
_SECOND_BEGINS = "Encoder and a small head are put together, and learn to tell the ten digits apart."
_SECOND_TRAINS = (
    "Encoder and head learn together, from images that are shifted and turned a little each time. After the epoch "
    "validation images say how many are told right."
)
_SECOND_ENDED = "Trained. Press Enter for the report."
_SECOND_REPORT = (
    "How many test images it tells right, digit by digit, and which ones it takes for which. Press T to draw one "
    "yourself."
)
_DRAW = (
    "Draw a digit with the mouse, or with the arrows and space: the bars say what it is taken for. "
    "Runs lists both runs."
)
_FAILED = "The run has ended without a model; the page says why. Esc leaves the tour."
_ELSEWHERE = "This page is not on the way: Ctrl+T goes back to the run of the tour."
