"""What a run came to, printed: at its end, and by `cae-tui report`."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cae_tui import formats
from cae_tui.cli.data_console import progress
from cae_tui.cli.output_console import OutputConsole
from cae_tui.printing import put
from engine.errors import RunError, SpecError
from engine.protocol.states import COMPLETE
from engine.results.result import Result
from engine.runs.directory import Home, RunDirectory
from engine.runs.notes import json_names
from engine.runs.report_words import about_lines, measured_lines, verdicts
from engine.storage.files import FORMAT
from engine.text import counted, plain

if TYPE_CHECKING:
    from engine.runs.facts import RunFacts

WIDEST_LINE = 100
"""Sentences are broken there where the output has no width of its own."""
_NO_DOCUMENT = (".pdf", ".txt", ".doc", ".docx", ".odt", ".rtf", ".tex", ".rst", ".ipynb", ".json", ".csv")
"""Endings of what a document is not written as, and no folder is called."""


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
        put(json.dumps({"format": FORMAT, **result.to_json(), "about": json_names(asdict(facts))}))
        return 0

    console = OutputConsole()
    draw_result(console, result, facts, as_text=as_text)
    width = min(console.width, WIDEST_LINE) if console.is_terminal else WIDEST_LINE
    console.say("\n".join(["", *about_lines(result, facts, width, with_views=False)]))
    return 0


def write_document(home: Home, run: RunDirectory, to: Path, *, as_json: bool, as_text: bool = False) -> int:
    """Write the document of a run, and print where: one page, Markdown with its figures, or a folder with both.

    Args:
        home: where the runs are that it is held against.
        run: its directory; it need not be complete.
        to: a new file or folder; its ending says which. Into a folder that is there, a new one is put.
        as_json: print what was written as one JSON object.
        as_text: whether a report as text was asked for too, which is printed and not written.

    Raises:
        EngineError: it cannot be written there.
    """
    from engine.documents.run_files import write_folder, write_markdown
    from engine.exporters import export

    ending = to.suffix.lower()
    if as_text:
        raise SpecError({"text": "A document is written with --to, and --text prints: leave one of them out."})
    if ending in _NO_DOCUMENT and not to.is_dir():
        hint = " A browser prints the page as PDF." if ending == ".pdf" else ""
        sentence = f"A document is written as .html, as .md, or into a folder; {plain(to.name)} is none of these.{hint}"
        raise SpecError({"to": sentence})
    with progress("Writing the document") as told:
        if to.is_dir():
            files = write_folder(home, run, to / f"cae-tui-{run.id}-document", told)
        elif ending in (".html", ".htm"):
            files = [export(home, "document", [run], to, told).path]
        elif ending == ".md":
            files = write_markdown(home, run, to, told)
        else:
            files = write_folder(home, run, to, told)
    if as_json:
        put(json.dumps({"format": FORMAT, "files": [str(file) for file in files]}))
    else:
        for file in files:
            put(plain(str(file)))
    return 0


def draw_result(console: OutputConsole, result: Result, facts: "RunFacts | None", *, as_text: bool = False) -> None:
    """Print a result: its essentials, its errors or its classification report, and what they are to be held against."""
    in_one_line = not console.is_terminal  # which breaks lines anywhere, and not between words
    console.print(Text("\n".join(_essentials(result))), soft_wrap=in_one_line)
    if result.report is not None:
        if as_text:
            console.say(f"\n{result.report.text.rstrip()}")
        else:
            from cae_tui.widgets.report_table import PrintedReport

            console.print(Text())
            console.print(PrintedReport(result.report), crop=False)
    elif result.evaluated_on:
        console.say("\n".join(["", *measured_lines(result, facts)]))
    if told := verdicts(result, facts):
        console.print(Text("\n".join(["", *told])), soft_wrap=in_one_line)


def _essentials(result: Result) -> Iterator[str]:
    data = f" · {result.data}" if result.data else ""
    yield f"{result.kind} {result.id}: {result.state}, {result.title}{data}"
    if result.state in COMPLETE and result.message:
        yield result.message
    if result.best_validation_loss is not None:
        yield (
            f"validation loss {formats.loss(result.best_validation_loss)} at the best epoch, {result.best_at}; "
            f"{formats.duration(result.seconds)} for {counted(result.epochs, 'epoch')}"
        )
    tested = result.evaluated_on == "test"
    if (report := result.report) is not None:
        where = "Test" if tested else "Validation (there are no test images)"
        loss = "" if result.test_loss is None else f" · test loss {formats.loss(result.test_loss)}"
        yield (
            f"{where} accuracy {formats.percent(report.accuracy)} · {report.correct:,} correct · "
            f"{report.incorrect:,} incorrect{loss}"
        )
        if result.averaging:
            yield result.averaging
    elif result.evaluated_on and not tested:
        yield "there are no test images: it was evaluated on the validation images"
