"""A run's result as the report's screen shows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from cae_tui import formats
from cae_tui.widgets.remarks import fitted
from engine.results.result import Result
from engine.runs import report_words
from engine.runs.report_words import (
    Told,
    end_facts,
    measured_lines,
    result_facts,
    run_facts,
    told_lines,
    verdicts,
    wrapped,
)

if TYPE_CHECKING:
    from engine.runs.facts import RunFacts


def headline(result: Result, facts: "RunFacts | None" = None, width: int = 0, most: int = 1) -> Content:
    """`Test accuracy 99.61 % · test loss 0.0142 · 9,961 correct · 39 incorrect`.

    Beneath it, in some `most` lines of `width` cells, is what was found doubtful, the run's own first; else, in one
    line, what a classifier is to be held against. Without a width it stands alone.
    """
    parts = report_words.headline(result)
    if not result.evaluated_on:
        symbol, colour = formats.state_symbol(result.state)
        told = Content.styled(f"{symbol} {parts[0]}", f"bold ${colour}")
        return told + Content(" Press e to change the spec and run it again.")
    colour = "cae-attention" if result.learned_nothing else "success"
    line = Content.styled(parts[0], f"bold ${colour}") + Content("".join(f" · {part}" for part in parts[1:]))
    if not width:
        return line
    if remarks := report_words.remarks(result, facts) or result.remarks:
        where = "see About" if result.report is not None else "see Measures"
        return line + Content.styled("\n" + "\n".join(fitted(remarks, width, most, where)), "$cae-attention")
    held = ""
    for sentence in verdicts(result, facts) if result.report is not None else ():
        held = f"{held} {sentence}".strip() if len(held) + len(sentence) < width else held
    return line + Content.styled(f"\n{held}", "$foreground-muted") if held else line


def report_lines(result: Result) -> Content:
    """The classification report exactly as scikit-learn prints it, its header told apart."""
    text = "" if result.report is None else result.report.text
    lines = text.rstrip("\n").split("\n")
    head = Content.styled(lines[0], "bold $primary")
    return Content("\n").join([head, *(Content(line) for line in lines[1:])])


def measures(result: Result, facts: "RunFacts | None" = None, width: int = 80) -> Content:
    """A run's figures, what they are to be held against, and what there is to say of its model."""
    heads, units, mine, *others = measured_lines(result, facts)
    rows = [Content.styled(heads, "$foreground-muted"), Content.styled(units, "bold $primary")]
    rows += [Content.styled(mine, "bold"), *(Content(line) for line in others)]
    return Content("\n").join(
        [
            *rows,
            Content(),
            good(verdicts(result, facts), width),
            Content(),
            _told([*end_facts(result), *result.about], width),
        ]
    )


def about(result: Result, facts: "RunFacts | None" = None, width: int = 80) -> Content:
    """How the run came about; where no measures are shown also what it is to be held against, which they have."""
    told = _told([*(run_facts(facts) if facts is not None else []), *result_facts(result)], width)
    if result.report is not None and (sentences := verdicts(result, facts)):
        told = Content("\n").join([told, Content(), good(sentences, width)])
    return told


def good(sentences: Sequence[str], width: int) -> Content:
    """What is to be held against a result, under a head."""
    lines = (Content(line) for sentence in sentences for line in wrapped(sentence, width))
    return Content("\n").join([Content.styled("Is this good?", "bold $primary"), *lines])


def _told(told: Told, width: int) -> Content:
    lines = (Content.assemble((name, "$foreground-muted"), text) for name, text in told_lines(told, width))
    return Content("\n").join(lines)
