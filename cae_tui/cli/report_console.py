"""What a run came to, printed: at its end, and by `cae-tui report`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cae_tui import formats
from cae_tui.cli.output_console import OutputConsole
from cae_tui.output import put
from cae_tui.widgets.report_words import about_lines, measured_lines, verdicts
from engine.errors import RunError
from engine.protocol.states import COMPLETE
from engine.runs.directory import Home, RunDirectory
from engine.text import best_epoch, counted, views

if TYPE_CHECKING:
    from engine.runs.facts import RunFacts

WIDEST_LINE = 100
"""Sentences are broken there where the output has no width of its own."""


def print_report(home: Home, run: RunDirectory, *, as_json: bool, as_text: bool = False) -> int:
    """Print a complete run's result, and how the run came about.

    Args:
        home: where the runs are that it is held against.
        run: its directory.
        as_json: as one JSON object: `result.json`, and `about` besides.
        as_text: print a classifier's report as scikit-learn does, not as a table.

    Raises:
        RunError: the run is not complete.
    """
    result = run.read_result()
    if result is None:
        status = run.read_status()
        hint = "Wait until it ends, or watch it."
        if status.resumable:
            finish = f", `cae-tui finish {run.id}` evaluates its best weights" if status.best_epoch else ""
            hint = f"`cae-tui resume {run.id}` continues it{finish}."
        raise RunError(f"Run {run.id} is {status.state} and has no report yet. {hint}")
    from engine.runs.facts import facts_of

    facts = facts_of(home, run)
    if as_json:
        put(json.dumps({**result, "about": asdict(facts)}))
        return 0

    console = OutputConsole()
    draw_result(console, result, facts, as_text=as_text)
    width = min(console.width, WIDEST_LINE) if console.is_terminal else WIDEST_LINE
    console.print(Text("\n".join(["", *about_lines(result, facts, width, with_views=False)])), soft_wrap=True)
    return 0


def draw_result(
    console: OutputConsole, result: Mapping[str, Any], facts: "RunFacts | None", *, as_text: bool = False
) -> None:
    """Print a result: its essentials, its errors or its classification report, and what they are to be held against."""
    in_one_line = not console.is_terminal  # which breaks lines anywhere, and not between words
    console.print(Text("\n".join(_essentials(result))), soft_wrap=in_one_line)
    if result["kind"] == "classifier" and result.get("report"):
        if as_text:
            console.print(Text(f"\n{result['report']['text'].rstrip()}"), soft_wrap=True)
        else:
            from cae_tui.widgets.report_table import PrintedReport

            console.print(Text())
            console.print(PrintedReport(result["report"]), crop=False)
    elif result["kind"] == "autoencoder" and "evaluated_on" in result:
        console.print(Text("\n".join(["", *measured_lines(result, facts)])), soft_wrap=True)
    if told := verdicts(result, facts):
        console.print(Text("\n".join(["", *told])), soft_wrap=in_one_line)


def _essentials(result: Mapping[str, Any]) -> Iterator[str]:
    data = f" · {result['data']}" if result.get("data") else ""
    yield f"{result['kind']} {result['id']}: {result['state']}, {result['title']}{data}"
    if result["state"] in COMPLETE and result["message"]:
        yield result["message"]
    if result["best_validation_loss"] is not None:
        epochs = result["epochs"]
        yield (
            f"best validation loss {formats.loss(result['best_validation_loss'])} at {best_epoch(result)}, "
            f"{formats.duration(result['seconds'])} for {counted(epochs, 'epoch')}"
        )
    tested = result.get("evaluated_on") == "test"
    if result["kind"] == "classifier" and result.get("report"):
        where = "Test" if tested else "Validation (there are no test images)"
        loss = "" if result["test_loss"] is None else f" · test loss {formats.loss(result['test_loss'])}"
        yield (
            f"{where} accuracy {formats.percent(result['accuracy'])} · {result['correct']:,} correct · "
            f"{result['incorrect']:,} incorrect{loss}"
        )
        if told := views(result):
            yield told
    elif result["kind"] == "autoencoder" and "evaluated_on" in result and not tested:
        yield "there are no test images: it was evaluated on the validation images"
