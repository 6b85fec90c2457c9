"""`cae-tui predict` of an anomaly detector: which pictures are odd, printed, as CSV or as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cae_tui.cli.given_console import Told, Wanted, are, asked_for, worked, written_as_csv
from cae_tui.cli.output_console import OutputConsole, tell
from cae_tui.printing import put
from engine.storage.files import FORMAT
from engine.text import aligned, cell_len, counted, loss, padded, percent, plain, shortened

if TYPE_CHECKING:
    from engine.evaluation.answers import Verdicts
    from engine.evaluation.given import Asked
    from engine.evaluation.model import Model

LONGEST_PATH = 60


@dataclass
class _Totals(Told):
    """What is kept of all verdicts."""

    odd: int = 0
    found: int = 0  # of pictures that are odd by the name of their folder
    missed: int = 0
    knows: bool = False  # whether a folder or a class is called like a normal one: else names say nothing
    wrongly: int = 0  # of pictures that are normal by it
    passed: int = 0

    def count(self, verdicts: "Verdicts", normal: tuple[str, ...]) -> "Verdicts":
        """Add a piece, and give it back."""
        self.add(verdicts.given, verdicts.ready)
        self.odd += int(verdicts.odd.sum())
        if normal and verdicts.given.classes is not None:
            self.knows |= any(name in normal for name in verdicts.given.classes)
            for name, odd in zip(verdicts.given.classes, verdicts.odd.tolist(), strict=True):
                if name in normal:
                    self.wrongly, self.passed = self.wrongly + odd, self.passed + (not odd)
                else:
                    self.found, self.missed = self.found + odd, self.missed + (not odd)
        return verdicts

    @property
    def shares(self) -> dict[str, float]:
        """Recall, precision and false alarms, as far as there are pictures that they are shares of."""
        parts = {
            "recall": (self.found, self.found + self.missed),
            "precision": (self.found, self.found + self.wrongly),
            "false_alarms": (self.wrongly, self.wrongly + self.passed),
        }
        known = self.found + self.missed
        told = {name: part / of for name, (part, of) in parts.items() if of and (known or name == "false_alarms")}
        return told if self.knows else {}


def predict(
    model: "Model", wanted: Wanted, *, above: float | None, target: Path | None, csv: str | None, as_json: bool
) -> int:
    """Print which of what is at the paths is odd; 1 where nothing of it could be read.

    Args:
        above: the threshold; None for the model's own.
        target: where CSV goes; standard output where it is None.

    Raises:
        EngineError: there are no images, or what was asked for cannot be written.
    """
    from engine.evaluation.answers import verdicts_on

    own = model.network.odd_threshold
    assert own is not None
    threshold = own if above is None else above
    normal = model.spec.learned_classes
    asked = asked_for(model, wanted)
    totals = _Totals()
    verdicts = (
        totals.count(found, normal)
        for found in worked(
            asked,
            "Looking for odd ones",
            lambda given: verdicts_on(model, given, above=above, invert=wanted.invert, centre=wanted.centre),
        )
    )
    if as_json:
        _put_json(model, threshold, verdicts, totals)
        return 0 if totals.images else 1
    if csv is not None:
        written_as_csv(target, _rows(verdicts, totals), totals, lambda: totals.tell(model, asked))
    else:
        _print(verdicts, threshold)
    _tell(model, asked, totals, threshold, own=above is None)
    return 0 if totals.images else 1


def _marks(found: "Verdicts", row: int) -> list[str]:
    marks = (("blank", found.blank), ("inverted", found.ready.inverted), ("centred", found.ready.centred))
    return [name for name, which in marks if which[row]]


def _print(verdicts: "Iterable[Verdicts]", threshold: float) -> None:
    """A line a picture: its name, normal or odd, its score, and what was done to it."""
    console, wide = OutputConsole(), 0
    for found in verdicts:
        names = [plain(name).replace("\n", " ") for name in found.given.names]
        if console.is_terminal:
            names = [shortened(name, LONGEST_PATH) for name in names]
        wide = max(wide, *map(cell_len, names), 0)
        for row, name in enumerate(names):
            odd = bool(found.odd[row])
            line = Text(f"{padded(name, wide)}  ")
            line.append("odd   " if odd else "normal", "bold yellow" if odd else "")
            line.append(
                f"  score {aligned(float(found.scores[row]), threshold):>8}  error {loss(float(found.errors[row]))}",
                "dim",
            )
            if marks := _marks(found, row):
                line.append(f"  {', '.join(marks)}", "yellow")
            console.print(line, soft_wrap=True)


def _tell(model: "Model", asked: "Asked", totals: _Totals, threshold: float, *, own: bool) -> None:
    """What is to be known of all of them, on stderr."""
    totals.tell(model, asked)
    if totals.images:
        whose = "the model's own threshold; --above is another" if own else "--above"
        tell(
            f"{counted(totals.odd, 'picture')} of {totals.images:,} {are(totals.odd)} odd: the score is above "
            f"{threshold:.4g}, {whose}."
        )
    shares = totals.shares
    normal = ", ".join(model.spec.learned_classes)
    if "recall" in shares:
        told = f"{totals.found:,} of {totals.found + totals.missed:,} odd ones are found ({percent(shares['recall'])})"
        tell(f"By the names of their folders or classes, of which {normal} is normal: {told}.")
    if "false_alarms" in shares:
        normal_ones = totals.wrongly + totals.passed
        tell(
            f"{totals.wrongly:,} of {counted(normal_ones, 'normal one')} {are(totals.wrongly)} told as odd "
            f"({percent(shares['false_alarms'])})."
        )


def _rows(verdicts: "Iterable[Verdicts]", totals: _Totals) -> Iterator[list[list[Any]]]:
    """For CSV: a head, then a row a picture; those that could not be read stand last, with the reason."""
    yield [["picture", "odd", "score", "mse", "blank", "inverted", "centred", "true_class", "error"]]
    for found in verdicts:
        classes = found.given.classes
        yield [
            [
                name,
                _yes(found.odd[row]),
                f"{found.scores[row]:.6g}",
                f"{found.errors[row]:.6g}",
                _yes(found.blank[row]),
                _yes(found.ready.inverted[row]),
                _yes(found.ready.centred[row]),
                "" if classes is None else classes[row],
                "",
            ]
            for row, name in enumerate(found.given.names)
        ]
    yield [[name, *[""] * 7, reason] for name, reason in totals.bad.items()]


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _put_json(model: "Model", threshold: float, verdicts: "Iterable[Verdicts]", totals: _Totals) -> None:
    """One object, printed as it comes."""
    head = {"format": FORMAT, "model": model.name, "normal": list(model.spec.learned_classes), "threshold": threshold}
    between = json.dumps(head)[:-1] + ', "pictures": ['
    for found in verdicts:
        for row, name in enumerate(found.given.names):
            one: dict[str, Any] = {
                "picture": name,
                "odd": bool(found.odd[row]),
                "score": float(found.scores[row]),
                "mse": float(found.errors[row]),
                "blank": bool(found.blank[row]),
                "inverted": bool(found.ready.inverted[row]),
                "centred": bool(found.ready.centred[row]),
            }
            if found.given.classes is not None:
                one["true_class"] = found.given.classes[row]
            put(between + json.dumps(one), end="")
            between = ", "
    values = {"odd": totals.odd, **totals.shares, "bad": totals.bad}
    put(f"{'' if between == ', ' else between}], {json.dumps(values)[1:]}")
