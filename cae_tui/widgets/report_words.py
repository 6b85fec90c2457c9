"""What a report says in words, for the app, the command line and the clipboard alike: no colours, no layout.

A loss alone says little, so every one stands beside what needs no learning, what the best linear autoencoder reaches,
and what the same spec reached here before.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cae_tui import formats
from engine.specs.data_files import shape_words
from engine.text import moment, number, views

if TYPE_CHECKING:
    from engine.runs.facts import RunFacts

Result = Mapping[str, Any]
Told = list[tuple[str, str]]
"""Names, each with its words."""

NAME_WIDTH = 12
MEASURED_UNITS = ("", "MSE", "PSNR", "MSE", "PSNR")
MEASURED_WIDTHS = (20, 9, 8, 10, 8)


def decibels(value: float | None) -> str:
    """`42.3 dB`; a reconstruction without any error has no such number."""
    return formats.NOTHING if value is None else f"{value:.1f} dB"


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of errors, images in [0, 1]: of the run, or of what it is held against."""

    name: str
    validation_mse: float | None
    validation_psnr: float | None
    test_mse: float | None
    test_psnr: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text; nothing where nothing was measured."""
        cells = [self.name]
        for mse, psnr in ((self.validation_mse, self.validation_psnr), (self.test_mse, self.test_psnr)):
            cells += [formats.NOTHING, ""] if mse is None else [formats.loss(mse), decibels(psnr)]
        return tuple(cells)


def measured(result: Result, facts: "RunFacts | None" = None) -> list[Measured]:
    """An autoencoder's errors, and beside them those of a constant image, of PCA and of the best run of its spec."""
    rows = [_measured("this run", result, "validation", "test")]
    on = "test" if result.get("evaluated_on") == "test" else "validation"
    if (constant := result.get("constant_image")) and constant.get("mse") is not None:
        rows.append(_compared("best constant image", constant, on))
    if (pca := result.get("pca")) and pca.get("mse") is not None:
        rows.append(_compared(f"PCA, {pca['components']:,} numbers", pca, on))
    if facts is not None and facts.peers is not None and facts.peers.best != result.get("id"):
        peers = facts.peers
        rows.append(Measured("best of this spec", peers.best_loss, peers.best_psnr, None, None))
    return rows


def _measured(name: str, values: Mapping[str, Any], validation: str, test: str) -> Measured:
    return Measured(name, *(values.get(f"{of}_{what}") for of in (validation, test) for what in ("mse", "psnr")))


def _compared(name: str, values: Mapping[str, Any], on: str) -> Measured:
    """What holds `mse` and `psnr` of the images the run was evaluated on, and perhaps those of validation beside."""
    if on == "validation":
        return Measured(name, values["mse"], values.get("psnr"), None, None)
    return Measured(
        name, values.get("validation_mse"), values.get("validation_psnr"), values["mse"], values.get("psnr")
    )


def measured_lines(result: Result, facts: "RunFacts | None" = None) -> list[str]:
    """The rows of `measured` under their heads, aligned; without the test columns where nothing was tested."""
    rows = measured(result, facts)
    count = 5 if any(row.test_mse is not None for row in rows) else 3
    name, *widths = MEASURED_WIDTHS[:count]
    heads = "".join(
        f"{head:>{sum(widths[at : at + 2])}}" for head, at in (("validation", 0), ("test", 2)) if widths[at:]
    )
    lines = (
        f"{cells[0]:<{name}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells[1:], widths, strict=False))
        for cells in (MEASURED_UNITS, *(row.cells for row in rows))
    )
    return [" " * name + heads, *(line.rstrip() for line in lines)]


# -- is this good? --------------------------------------------------------------------------------


def verdicts(result: Result, facts: "RunFacts | None" = None) -> list[str]:
    """What the result is to be held against, and how it does, in sentences; what cannot be told is left out."""
    told = [f"! {remark}" for remark in result.get("remarks", ())]
    if result.get("kind") == "classifier":
        if (largest := result.get("largest_class")) and not learned_nothing(result):
            share = formats.percent(largest["accuracy"])
            told.append(f"Always answering class {largest.get('name') or largest['label']} is right for {share}.")
    else:
        error = result.get("test_mse") if result.get("test_mse") is not None else result.get("validation_mse")
        constant = (result.get("constant_image") or {}).get("mse")
        if constant is not None and error and not (learned_nothing(result) and told):
            told.append(constant_sentence(constant, error))
        told.append(pca_sentence(result.get("pca") or {}, error))
    if facts is not None and "evaluated_on" in result:
        told.append(peers_sentence(result, facts))
    return list(filter(None, told))


def learned_nothing(result: Result) -> bool:
    """Whether it is no better than what needs no learning; a run's own remarks then say so in a sentence."""
    if result.get("kind") == "classifier":
        largest = (result.get("largest_class") or {}).get("accuracy", 1.0)
        return largest < 1 and (result.get("accuracy") or 0.0) <= largest and bool(result.get("remarks"))
    error = result.get("test_mse") if result.get("test_mse") is not None else result.get("validation_mse")
    constant = (result.get("constant_image") or {}).get("mse")
    return error is not None and constant is not None and 0 < constant < 1.02 * error


def constant_sentence(constant: float, error: float) -> str:
    """How an error does beside that of the best constant image."""
    ratio = constant / error
    if ratio < 1.02:
        return "The best constant image does as well: nothing was learned."
    return f"The best constant image has {_times(ratio)} this error."


def pca_sentence(pca: Result, mse: float | None) -> str:
    """How the autoencoder does beside the best linear one."""
    components, other, note = pca.get("components"), pca.get("mse"), str(pca.get("note") or "")
    if other is None:
        if note.startswith("overcomplete"):
            return "PCA with as many numbers as this latent would be exact, so there is nothing to compare with."
        return f"PCA was {note}." if note.startswith("not computed") else ""
    if not mse or other <= 0:
        return f"PCA with as many numbers, {components:,}, has an error of {formats.loss(other)}."
    ratio = other / mse
    if ratio >= 1.05:
        return f"PCA with as many numbers, {components:,}, has {_times(ratio)} this error."
    if ratio > 1 / 1.05:
        return f"PCA with as many numbers, {components:,}, does as well."
    return (
        f"PCA with {components:,} numbers does better: the error here is {_times(1 / ratio)} as large. Train for "
        "longer, or make the network larger."
    )


def peers_sentence(result: Result, facts: "RunFacts") -> str:
    """How the validation loss does beside those of the runs here that differ in nothing but the seed."""
    peers, mine = facts.peers, result.get("best_validation_loss")
    if peers is None or mine is None:
        return ""
    if peers.best == result.get("id"):
        if peers.count == 1:
            return "This is the only run here with this spec and these images."
        return f"Of {peers.count} runs of this spec here, it has the lowest validation loss, {formats.loss(mine)}."
    more = f", {100 * (mine / peers.best_loss - 1):.0f} % more" if mine >= 1.005 * peers.best_loss > 0 else ""
    return (
        f"Of {peers.count} runs of this spec here, {peers.best} (seed {peers.best_seed}) has the lowest validation "
        f"loss, {formats.loss(peers.best_loss)}; this one has {formats.loss(mine)}{more}."
    )


def _times(ratio: float) -> str:
    return f"{ratio:,.1f} times" if ratio < 9.95 else f"{ratio:,.0f} times"


# -- how it came about ----------------------------------------------------------------------------


def latent_sentence(latent: int, pixels: int) -> str:
    """The latent's size beside the image's: a loss says nothing without it."""
    if not latent or not pixels:
        return ""
    if latent > pixels:
        return f"{latent / pixels:.1f} × the image's {pixels:,} numbers: overcomplete, nothing is compressed."
    if latent == pixels:
        return f"As many as the image's {pixels:,} numbers: nothing is compressed."
    return f"The image's {pixels:,} numbers are compressed {pixels / latent:.1f} times."


def end_facts(result: Result) -> Told:
    """Why the run ended where it did, where that is to be told."""
    return [("end", str(result["message"]))] if result.get("message") else []


def latent_facts(result: Result) -> Told:
    """The latent of an autoencoder."""
    latent = int(result.get("latent") or 0)
    if result.get("kind") != "autoencoder" or not latent:
        return []
    return [("latent", f"{latent:,} numbers. {latent_sentence(latent, int(result.get('pixels') or 0))}".strip())]


def result_facts(result: Result) -> Told:
    """What the result says of the run besides errors and accuracies."""
    told = end_facts(result)
    if sentence := views(result):
        told.append(("views", sentence))
    stages = list(result.get("stages", ()))
    told += [("training" if len(stages) == 1 else str(stage["stage"]), stage_words(stage)) for stage in stages]
    if result.get("parameters") is not None:
        told.append(("parameters", formats.count(result["parameters"])))
    told.append(("time", " · ".join(filter(None, (formats.duration(result.get("seconds")), _speed(result))))))
    return told


def stage_words(stage: Mapping[str, Any]) -> str:
    """How a stage ended: its best epoch, and what that came to."""
    if not stage.get("best_epoch"):
        return "no epoch was completed"
    accuracy = stage.get("best_accuracy")
    best = formats.loss(stage.get("best_loss"))
    if accuracy is not None:
        best = f"val_accuracy {formats.percent(accuracy)}"
    return f"{best}, epoch {stage['best_epoch']}/{stage['epochs']}, {formats.duration(stage['seconds'])}"


def run_facts(facts: "RunFacts") -> Told:
    """How the run came about: data, what differs from the preset, seed, device, date, and what a person noted."""
    told: Told = []
    if facts.data:
        counts = (("training", facts.training), ("validation", facts.validation), ("test", facts.test))
        told_counts = (f"{count:,} {name}" for name, count in counts if count)
        told.append(("data", " · ".join(filter(None, (facts.data, shape_words(facts.image_shape), *told_counts)))))
    if facts.encoder:
        title = f" ({facts.encoder_title})" if facts.encoder_title else ""
        told.append(("encoder", facts.encoder + title))
    if facts.preset:
        changes = ", ".join(
            f"{_without_comma(each.title.lower())} {number(each.value)} instead of {each.preset}"
            for each in facts.differences
        )
        told.append(("preset", f"{facts.preset}, except {changes}" if changes else f"{facts.preset}, unchanged"))
    if facts.seed is not None:
        told.append(("seed", str(facts.seed)))
    if facts.device:
        told.append(("device", facts.device))
    if facts.started:
        told.append(("date", moment(facts.started, "%Y-%m-%d %H:%M UTC")))
    if facts.study:
        told.append(("study", f"trial {facts.trial} of {facts.study}"))
    tags = [*(["★"] if facts.marks.star else []), *(f"#{tag}" for tag in facts.marks.tags)]
    if tags:
        told.append(("tags", " ".join(tags)))
    if facts.marks.note:
        told.append(("note", facts.marks.note))
    return told


def _without_comma(title: str) -> str:
    """`epochs (fine-tuning)` of `epochs, fine-tuning`: in a list, commas stand between names only."""
    name, comma, part = title.partition(", ")
    return f"{name} ({part})" if comma else title


def _speed(result: Result) -> str:
    step, images = result.get("ms_per_step"), result.get("images_per_second")
    return " · ".join(
        text for value, text in ((step, f"{step or 0:.0f} ms/step"), (images, f"{images or 0:,.0f} images/s")) if value
    )


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, a number never parted from its unit; one empty line where there is none."""
    kept = re.sub(r"(?<=\d) (?=%|dB)", "\N{NO-BREAK SPACE}", text)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in textwrap.wrap(kept, width)] or [""]


def told_lines(told: Sequence[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    """Names and words in lines of at most `width`, a name on the first line of its words only."""
    for name, text in told:
        for place, line in enumerate(wrapped(text, max(width - NAME_WIDTH, 12))):
            yield f"{'' if place else name:<{NAME_WIDTH}}", line


def about_lines(result: Result, facts: "RunFacts | None", width: int, *, with_views: bool = True) -> list[str]:
    """Everything that is told of a run besides its measures, as plain lines."""
    told = [*latent_facts(result), *(run_facts(facts) if facts is not None else []), *result_facts(result)]
    told = [(name, text) for name, text in told if with_views or name != "views"]
    return [name + text for name, text in told_lines(told, width)]
