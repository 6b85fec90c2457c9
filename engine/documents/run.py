"""The document of a run: what was asked, of which images, how it was trained, what it came to, and how to repeat it.

A page that a student hands in or a colleague reads. A run that has not ended, or of which files are gone, gets what
there is, and a sentence where something is missing.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Drawing

from engine.documents import run_pictures
from engine.documents.document import (
    Block,
    Bullets,
    Code,
    Facts,
    Figure,
    Heading,
    Paragraph,
    Table,
    as_html,
    as_markdown,
)
from engine.documents.network_figure import network
from engine.documents.network_words import layer_rows, network_sentence
from engine.documents.report_blocks import class_errors_figure, class_table, confusion_figure, sure_figure
from engine.documents.run_figures import curves
from engine.documents.run_pictures import Pictured
from engine.documents.run_read import ReadRun
from engine.documents.style import svg
from engine.errors import EngineError, RunError, SpecError
from engine.evaluation import results
from engine.protocol.states import COMPLETE
from engine.results.result import Result
from engine.runs.class_errors import class_errors
from engine.runs.directory import Home, RunDirectory
from engine.runs.report_words import end_facts, headline, measured, peers_sentence, run_facts
from engine.specs.base import Spec, spec_fields
from engine.specs.data_files import FIELDS, LABELS_FROM, PATHS, shape_words
from engine.specs.fields import show_value
from engine.specs.kinds import spec_again
from engine.specs.listed import listed
from engine.studies.command import as_flags
from engine.text import counted, duration, epoch_words, loss, moment, number, percent

Told = Callable[[int, int], None]
_TOLD_ELSEWHERE = (*FIELDS, "encoder", "seed", "device", "threads", "validation_fraction", "labelled_fraction")
"""Fields of a spec that stand with the data, or with time and machine."""


class RunDocument:
    """The blocks of a run's document and its figures as `<svg>` elements by name, made at once.

    Args:
        told: is told how many sections are done, and of how many; what it raises ends the work.

    Raises:
        RunError: `status.json` cannot be read.
    """

    def __init__(self, home: Home, run: RunDirectory, told: Told) -> None:
        self.home, self.run = home, run
        self.figures: dict[str, str] = {}
        read = self.read = ReadRun(home, run)
        data = f" on {read.status.data}" if read.status.data else ""
        self.title = f"{read.status.kind.capitalize()}{data}"
        sections: Sequence[Callable[[], Iterator[Block]]] = (
            self._summary, self._asked, self._data, self._network, self._training, self._result, self._images,
            self._epochs, self._machine, self._again,
        )  # fmt: skip
        self.blocks: list[Block] = [Heading(1, self.title)]
        for place, section in enumerate(sections):
            told(place, len(sections))
            self._hear = lambda place=place: told(place, len(sections))
            self.blocks += section()
        told(len(sections), len(sections))

    def as_html(self) -> str:
        """As one page, which needs nothing else."""
        return as_html(self.blocks, self.figures, self.title)

    def as_markdown(self, folder: str) -> str:
        """As Markdown, with its figures as files in `folder`."""
        return as_markdown(self.blocks, folder)

    def _figure(self, pictured: Pictured) -> Figure:
        figure, drawing = pictured
        self.figures[figure.name] = svg(drawing, f"{self.run.id}-{figure.name}")
        return figure

    def _drawn(self, name: str, drawing: Drawing, caption: str, alt: str = "") -> Figure:
        return self._figure((Figure(name, caption, alt), drawing))

    # -- what it is -------------------------------------------------------------------------------

    def _summary(self) -> Iterator[Block]:
        status, result = self.read.status, self.read.result
        if result is not None and result.evaluated_on:
            yield Paragraph(" · ".join(headline(result)), lead=True)
        elif status.best_loss is not None:
            best = epoch_words(status.best_stage, status.best_epoch)
            yield Paragraph(f"Best validation loss {loss(status.best_loss)}, {best}", lead=True)
        started = f", begun on {moment(status.started, '%Y-%m-%d')}" if status.started else ""
        yield Paragraph(f"Run {status.id}{started}: {status.title or status.kind}.")
        if status.state not in COMPLETE:
            why = f" {status.message}" if status.message else ""
            yield Paragraph(
                f"The run has not finished ({status.state}, {status.epoch} of {counted(status.epochs, 'epoch')}): this "
                f"document shows what there is so far.{why}"
            )
        if result is not None:
            facts = self.read.facts
            told = [remark for remark in result.remarks if remark not in self.read.data_remarks]
            told += [*result.held_against, result.images_words]
            if facts.peers is not None and facts.peers.count > 1:
                told.append(peers_sentence(result, facts))
            if any(told):
                yield Bullets([sentence for sentence in told if sentence])
        note = self.read.facts.notes.note
        if note:
            yield Paragraph(f"Note: {note}")

    def _asked(self) -> Iterator[Block]:
        spec, facts = self.read.spec, self.read.facts
        yield Heading(2, "What was asked")
        if spec is None:
            yield Paragraph("The hyperparameters cannot be told, for `spec.json` of the run cannot be read.")
            return
        usual = {each.field: each.preset for each in facts.differences}
        if not usual:
            yield Paragraph(f"The preset {facts.preset}, as it is.")
        else:
            yield Paragraph(
                f"The nearest preset is {facts.preset}. In {counted(len(usual), 'value')} the run differs from it: "
                "they are marked, with the preset's value beside them."
            )
        rows: list[list[str]] = []
        marked: set[int] = set()
        for field in spec_fields(type(spec)):
            if field.name in _TOLD_ELSEWHERE:
                continue
            unit = f" {field.unit}" if field.unit and field.unit != "epochs" else ""
            row = [field.title, (show_value(getattr(spec, field.name)) or "–") + unit]
            if usual:
                differs = field.name in usual
                row.append(number(usual[field.name]) or "–" if differs else "")
                if differs:
                    marked.add(len(rows))
            rows.append(row)
        head = ["hyperparameter", "value", *([f"preset {facts.preset}"] if usual else [])]
        yield Table(head, rows, picked=frozenset(marked), words=frozenset({0, 1, 2}))

    # -- data -------------------------------------------------------------------------------------

    def _data(self) -> Iterator[Block]:
        facts, spec = self.read.facts, self.read.spec
        yield Heading(2, "Data")
        counts = {"training": facts.training, "validation": facts.validation, "test": facts.test}
        rows = [
            ("set", facts.data),
            ("images", " · ".join(filter(None, (
                shape_words(facts.image_shape), *(f"{count:,} {part}" for part, count in counts.items() if count)
            )))),
        ]  # fmt: skip
        about = self.read.written.get("data")
        words = about.get("words") if isinstance(about, dict) else None
        rows += [("format", words)] if isinstance(words, str) and words else []
        rows += [("labels", facts.corrected)]
        if spec is not None:
            shown = (
                "validation_fraction",
                "labelled_fraction",
                "labels_per_class",
                *(name for name in FIELDS if name not in (*PATHS, LABELS_FROM)),
            )
            for field in spec_fields(type(spec)):
                value = show_value(getattr(spec, field.name)) if field.name in shown else ""
                if value and value != field.default:
                    rows.append((field.title.lower(), value + (f" {field.unit}" if field.unit else "")))
        digest = self.read.status.data_digest
        rows += [("SHA-256", digest)] if digest else []
        yield Facts([(name, words) for name, words in rows if words])
        try:
            data = self.read.data
            training, validation = self.read.split
        except EngineError as error:
            yield Paragraph(f"No examples: {error}")
            return
        if data.notes:
            yield Bullets(list(data.notes))
        if remarks := [remark for remark in self.read.data_remarks if not facts.corrected.startswith(remark)]:
            yield Bullets(remarks)
        labels = data.train.labels
        if labels is not None:
            parts = {"training": labels[training], "validation": labels[validation]}
            if data.test is not None and data.test.labels is not None:
                parts["test"] = data.test.labels
            counted_by = [np.bincount(each, minlength=data.classes) for each in parts.values()]
            lines = [
                [name, *(f"{counts[place]:,}" for counts in counted_by)] for place, name in enumerate(data.class_names)
            ]
            lines.append(["all", *(f"{int(counts.sum()):,}" for counts in counted_by)])
            yield Table(["class", *parts], lines, words=frozenset({0}))
        noisy = spec is not None and spec.training_noise is not None
        yield self._figure(run_pictures.examples(data, training, noisy=noisy))

    # -- network ----------------------------------------------------------------------------------

    def _network(self) -> Iterator[Block]:
        yield Heading(2, "Network")
        plan, spec = self.read.plan, self.read.spec
        if plan is None or spec is None:
            yield Paragraph("The layers cannot be told, for `spec.json` of the run cannot be read.")
            return
        yield Paragraph(network_sentence(plan))
        if self.read.facts.encoder:
            title = f" ({self.read.facts.encoder_title})" if self.read.facts.encoder_title else ""
            yield Paragraph(f"The encoder is that of {self.read.facts.encoder}{title}.")
        shapes = ", ".join(
            f"{layer.name} {'×'.join(map(str, layer.shape)) if layer.kind != 'dense' else layer.outputs}"
            for layer in plan.layers
        )
        yield self._drawn(
            "network",
            network(plan),
            "The image and what each layer gives: height and width as drawn, channels as thickness. Blue is the "
            "encoder, orange its last layer, which gives the latent, and green what comes after it.",
            f"Drawing of the network from left to right: image {'×'.join(map(str, plan.image))}, {shapes}.",
        )
        head = ["layer", "what it does", "output", "parameters", "multiply-adds"]
        yield Table(head, layer_rows(plan, spec, self.read.encoder_spec), words=frozenset({0, 1}))

    # -- training ---------------------------------------------------------------------------------

    def _training(self) -> Iterator[Block]:
        read, result = self.read, self.read.result
        yield Heading(2, "Training")
        if not read.epochs:
            yield Paragraph("No epoch was completed.")
        else:
            main = listed(read.status.kind).main
            shown = main if main.name != "loss" and any(main.name in e.validation for e in read.epochs) else None
            first, last = read.epochs[0], read.epochs[-1]
            kept = [place for place, epoch in enumerate(read.epochs, start=1) if epoch.best]
            star = f" The star is the epoch whose weights were kept, {kept[-1]}." if kept else ""
            what = "Loss" if shown is None else f"Loss and {shown.name}"
            alt = (
                f"{what} over {counted(len(read.epochs), 'epoch')}. The validation loss goes from "
                f"{loss(first.validation['loss'])} to {loss(last.validation['loss'])}, the training loss from "
                f"{loss(first.train['loss'])} to {loss(last.train['loss'])}."
            )
            if shown is not None:
                alt += f" The validation {shown.name} ends at {shown.write(last.validation.get(shown.name))}."
            caption = f"{what} of training (blue) and validation images (orange) by epoch.{star}"
            yield self._drawn("curves", curves(read.epochs, shown), caption, alt)
        if errors := class_errors(read.epochs, read.counted):
            yield self._figure(class_errors_figure(errors, read.class_names))
        if result is not None and result.stages:
            accurate = any(stage.best_accuracy is not None for stage in result.stages)
            rows = [
                [stage.stage, stage.state, f"{stage.epochs}", f"{stage.best_epoch or '–'}", loss(stage.best_loss),
                 *([percent(stage.best_accuracy)] if accurate else []), duration(stage.seconds)]
                for stage in result.stages
            ]  # fmt: skip
            accuracy = ["val_accuracy"] if accurate else []
            head = ["stage", "state", "epochs", "best epoch", "best val_loss", *accuracy, "time"]
            yield Table(head, rows, words=frozenset({0, 1}))
            if told := [words for _, words in end_facts(result)]:
                yield Bullets(told)
        known = {*read.data_remarks, *([] if result is None else result.remarks)}
        if warned := [sentence for sentence in read.warnings if sentence not in known]:
            yield Bullets(warned)

    # -- result -----------------------------------------------------------------------------------

    def _result(self) -> Iterator[Block]:
        result = self.read.result
        yield Heading(2, "Result")
        if result is None or not result.evaluated_on:
            yield Paragraph("None yet: a run is measured when it finishes.")
            return
        of = "test" if result.evaluated_on == "test" else "validation"
        lacks = "the test images have no labels" if self.read.facts.test else "there are no test images"
        why = "" if of == "test" else f": {lacks}"
        yield Paragraph(f"Measured once, with the weights that were kept, on the {of} images{why}.")
        if result.averaging:
            yield Paragraph(result.averaging)
        if result.report is None:
            yield self._measures(result)
            if result.hangs_on:
                yield Facts(result.hangs_on)
        else:
            yield class_table(result.report)
            yield self._figure(confusion_figure(result.report, of))
        if result.calibration is not None:
            yield Heading(3, "How sure it is")
            yield Bullets(result.calibration.sentences(of))
            yield self._figure(sure_figure(result.calibration, of))

    def _measures(self, result: Result) -> Table:
        rows = measured(result, self.read.facts)
        tested = result.evaluated_on == "test"
        heads = [head for head in result.heads if head]
        head = ["", *(f"validation {name}" for name in heads), *(f"test {name}" for name in heads if tested)]
        lines = [[row.name, *row.validation[: len(heads)], *(row.test[: len(heads)] if tested else ())] for row in rows]
        return Table(head, lines, picked=frozenset({0}), words=frozenset({0}))

    def _images(self) -> Iterator[Block]:
        if self.read.result is None or not self.read.result.evaluated_on:
            return
        yield Heading(2, "Best and worst images")
        try:
            found = results.read_predictions(self.run)
            told = run_pictures.predictions(self.read.data, found) if found.probabilities is not None else None
            pictured = [told] if told is not None else run_pictures.reconstructions(self.read, found, self._hear)
        except EngineError as error:
            yield Paragraph(f"None are shown: {error}")
            return
        for each in pictured:
            yield self._figure(each)
        if not pictured:
            yield Paragraph("None are shown: this kind of run keeps nothing to show of an image.")

    def _epochs(self) -> Iterator[Block]:
        try:
            pictured = run_pictures.over_epochs(self.run)
        except RunError as error:
            yield Heading(2, "Reconstructions over the epochs")
            yield Paragraph(f"None are shown: {error}")
            return
        if pictured is not None:
            yield Heading(2, "Reconstructions over the epochs")
            yield self._figure(pictured)

    # -- again ------------------------------------------------------------------------------------

    def _machine(self) -> Iterator[Block]:
        read, status, facts = self.read, self.read.status, self.read.facts
        yield Heading(2, "Time and machine")
        step = status.ms_per_step
        speed = [
            f"{step:.0f} ms a step" if step else "",
            f"{status.images_per_second or 0:,.0f} images/s" if step else "",
        ]
        told = dict(run_facts(facts))
        versions = read.written.get("versions")
        lines = [
            ("training", " · ".join(filter(None, (duration(status.seconds), counted(status.epoch, "epoch"), *speed)))),
            ("device", facts.device),
            ("started", told.get("date", "")),
            ("seed", told.get("seed", "")),
            ("study", told.get("study", "")),
            ("tags", told.get("tags", "")),
            ("versions", _versions(versions)),
        ]
        yield Facts([(name, words) for name, words in lines if words])

    def _again(self) -> Iterator[Block]:
        if self.read.spec is None:
            return
        spec = spec_again(self.read.written)
        yield Heading(2, "How to repeat it")
        before = command_of(self.home, spec.built_on) if spec.built_on else []
        if before:
            yield Paragraph(
                f"The first line makes the encoder: --encoder is the id that it prints, here {spec.built_on}."
            )
        elif spec.built_on:
            yield Paragraph("The encoder is not among the runs here: --encoder is to name it, or its model file.")
        yield Code("\n".join([*before, _command(spec)]))


def command_of(home: Home, name: str) -> list[str]:
    """The command that makes a run again; none for one that is gone, or for a file."""
    try:
        return [_command(spec_again(home.find(name).read_spec()))]
    except (EngineError, SpecError, KeyError):
        return []


def _command(spec: Spec) -> str:
    return shlex.join(["cae-tui", spec.kind, *as_flags(spec.asked_again())])


def _versions(versions: Any) -> str:
    if not isinstance(versions, dict):
        return ""
    return ", ".join(f"{name} {version}" for name, version in versions.items() if isinstance(version, str))
