"""A run's result as the report's screen shows it, and as it is copied."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from cae_tui import formats
from cae_tui.widgets.remarks import fitted
from cae_tui.widgets.report_words import (
    Result,
    Told,
    about_lines,
    decibels,
    end_facts,
    latent_facts,
    learned_nothing,
    measured_lines,
    result_facts,
    run_facts,
    told_lines,
    verdicts,
    wrapped,
)
from engine.text import cell_len, class_of_title, one_line, padded, shortened

if TYPE_CHECKING:
    from engine.runs.facts import RunFacts


COPIED_WIDTH = 100


def headline(result: Result, facts: "RunFacts | None" = None, width: int = 0, most: int = 1) -> Content:
    """`Test accuracy 99.61 % · test loss 0.0142 · 9,961 correct · 39 incorrect`.

    Beneath it, in some `most` lines of `width` cells, is what was found doubtful, the run's own first; else, in one
    line, what a classifier is to be held against. Without a width it stands alone.
    """
    if "evaluated_on" not in result:
        symbol, colour = formats.state_mark(str(result.get("state", "")))
        told = f"{symbol} {result.get('state', '')}. {result.get('message', '')}".strip()
        return Content.styled(told, f"bold ${colour}") + Content(" Press e to change the spec and run it again.")
    of = "Test" if result.get("evaluated_on") == "test" else "Validation"
    if result.get("kind") == "classifier":
        parts = [
            f"{of} accuracy {formats.percent(result.get('accuracy', result.get('test_accuracy')))}",
            *(
                [f"{of.lower()} loss {formats.loss(result['test_loss'])}"]
                if result.get("test_loss") is not None
                else []
            ),
            f"{formats.count(result.get('correct'))} correct",
            f"{formats.count(result.get('incorrect'))} incorrect",
        ]
    elif of == "Test":
        parts = [f"Test MSE {formats.loss(result.get('test_mse'))}", f"PSNR {decibels(result.get('test_psnr'))}"]
    else:
        parts = [
            f"Validation MSE {formats.loss(result.get('validation_mse'))}",
            f"PSNR {decibels(result.get('validation_psnr'))}",
        ]
    if result.get("kind") == "autoencoder" and result.get("latent"):
        parts.append(f"latent {formats.count(result['latent'])}")
    colour = "cae-attention" if learned_nothing(result) else "success"
    line = Content.styled(parts[0], f"bold ${colour}") + Content(" · " + " · ".join(parts[1:]))
    if not width:
        return line
    if remarks := result.get("remarks"):
        where = "see About" if result.get("kind") == "classifier" else "see Measures"
        return line + Content.styled("\n" + "\n".join(fitted(remarks, width, most, where)), "$cae-attention")
    held = ""
    for sentence in verdicts(result, facts) if result.get("kind") == "classifier" else ():
        held = f"{held} {sentence}".strip() if len(held) + len(sentence) < width else held
    return line + Content.styled(f"\n{held}", "$foreground-muted") if held else line


def report_lines(result: Result) -> Content:
    """The classification report exactly as scikit-learn prints it, its header told apart."""
    lines = str(result.get("report", {}).get("text", "")).rstrip("\n").split("\n")
    head = Content.styled(lines[0], "bold $primary")
    return Content("\n").join([head, *(Content(line) for line in lines[1:])])


def measures(result: Result, facts: "RunFacts | None" = None, width: int = 80) -> Content:
    """An autoencoder's errors, what they are to be held against, and its latent."""
    heads, units, mine, *others = measured_lines(result, facts)
    rows = [Content.styled(heads, "$foreground-muted"), Content.styled(units, "bold $primary")]
    rows += [Content.styled(mine, "bold"), *(Content(line) for line in others)]
    return Content("\n").join(
        [
            *rows,
            Content(),
            good(verdicts(result, facts), width),
            Content(),
            _told([*end_facts(result), *latent_facts(result)], width),
        ]
    )


def about(result: Result, facts: "RunFacts | None" = None, width: int = 80) -> Content:
    """How the run came about; of a classifier also what it is to be held against, which measures have themselves."""
    told = _told([*(run_facts(facts) if facts is not None else []), *result_facts(result)], width)
    if result.get("kind") == "classifier" and (sentences := verdicts(result, facts)):
        told = Content("\n").join([told, Content(), good(sentences, width)])
    return told


def good(sentences: Sequence[str], width: int) -> Content:
    """What is to be held against a result, under a head."""
    lines = (Content(line) for sentence in sentences for line in wrapped(sentence, width))
    return Content("\n").join([Content.styled("Is this good?", "bold $primary"), *lines])


def _told(told: Told, width: int) -> Content:
    lines = (Content.assemble((name, "$foreground-muted"), text) for name, text in told_lines(told, width))
    return Content("\n").join(lines)


def as_text(result: Result, facts: "RunFacts | None" = None) -> str:
    """The whole report as plain text, a classifier's with scikit-learn's own."""
    title = f"{result.get('kind', '')} {result.get('id', '')}  {result.get('title', '')}".strip()
    parts = [title, headline(result).plain, *verdicts(result, facts), ""]
    report = result.get("report") if result.get("kind") == "classifier" else None
    parts += [report_lines(result).plain] if report else measured_lines(result, facts)
    parts += ["", *about_lines(result, facts, COPIED_WIDTH)]
    if report:
        head = "true \\ predicted"
        matrix = report["confusion"]
        names = [shortened(class_of_title(one_line(row["name"])), len(head)) for row in report["rows"]]
        width = max(cell_len(str(number)) for line in (names, *matrix) for number in line) + 2
        parts += ["", head + "".join(padded(name, width, right=True) for name in names)]
        parts += [
            padded(name, len(head), right=True) + "".join(str(count).rjust(width) for count in row)
            for name, row in zip(names, matrix, strict=True)
        ]
    return "\n".join(parts) + "\n"
