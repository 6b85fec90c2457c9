"""The document that people write by hand after a study: what was tried, what it came to, what was taken and why.

Markdown with its figures beside it, one HTML file that needs nothing else, and every trial as CSV.
"""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.documents import run_pictures, study_figures
from engine.documents.document import (
    Block,
    Code,
    Figure,
    Heading,
    Links,
    Paragraph,
    Table,
    as_html,
    as_markdown,
)
from engine.documents.report_blocks import class_table, confusion_figure
from engine.documents.run import RunDocument, Told, command_of
from engine.documents.run_pictures import Pictured
from engine.documents.run_read import ReadRun
from engine.documents.study_worth import worth_blocks
from engine.documents.style import standing_alone, svg
from engine.errors import EngineError, RunError, SpecError, StudyError
from engine.evaluation import results
from engine.protocol.states import FAILED, FINISHED
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import TEST, VALIDATION, key_of
from engine.specs.base import spec_fields
from engine.specs.data_files import FIELDS
from engine.specs.fields import show_value, write_value
from engine.specs.listed import every_measure, listed
from engine.storage.csv_text import csv_of
from engine.storage.files import absolute, storage_error, write_bytes
from engine.studies.chart_data import BEST_CURVES, MOST_CURVES
from engine.studies.command import as_command, as_flags
from engine.studies.optuna_trials import importances
from engine.studies.records import StageRecord, StudyDirectory, StudyRecord, Trial
from engine.studies.spec import MODES, StudySpec, describe, spec_of, study_from_json
from engine.studies.tables import columns, failures, rows, time_column
from engine.text import counted, duration, loss, moment, numbers, percent

FIGURES, RUNS = "figures", "runs"
MOST_RUNS = 8
"""Runs whose documents are written with that of their study: each takes a second or two."""


def write_report(
    home: Home, directory: StudyDirectory, record: StudyRecord, to: Path | None = None, told: Told = lambda *_: None
) -> list[Path]:
    """Write a study's document into `to`, by default `report/` in the study's directory; gives back its files.

    The documents of the runs that were picked are written beside it, into `runs/`. What is there already under these
    names is replaced. `told` is told how much is done, and of how much; what it raises ends the work.

    Raises:
        EngineError: the study is damaged, or nothing can be written there.
    """
    try:
        spec = study_from_json(record.spec)
    except SpecError as error:
        raise StudyError(f"{directory.study} is damaged ({error}): restore the file.") from None
    folder = directory.report if to is None else absolute(to)
    writer = _Writer(home, record, spec)
    names = ", ".join(name.replace("_", " ") for name in spec.values)
    title = spec.title.capitalize() if spec.mode == "worth" else f"{MODES[spec.mode]}: {names}"
    blocks: list[Block] = [Heading(1, title), *writer.blocks()]
    pages = _of_runs(home, writer, told)
    if pages:
        links = [(words, f"{RUNS}/{name}.html") for name, (words, _) in pages.items()]
        blocks += [Heading(2, "Documents of its runs"), Links(links)]
    try:
        for needed in [FIGURES, *([RUNS] if pages else [])]:
            (folder / needed).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    drawn = {name: svg(figure, f"{record.id}-{name}") for name, figure in writer.figures.items()}
    texts = {
        "report.md": as_markdown(blocks, FIGURES),
        "report.html": as_html(blocks, drawn, title),
        "trials.csv": trials_csv(record, spec),
    }
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    for name, text in drawn.items():
        write_bytes(folder / FIGURES / f"{name}.svg", standing_alone(text).encode())
    for name, (_, page) in pages.items():
        write_bytes(folder / RUNS / f"{name}.html", page.encode())
    return [folder / name for name in texts]


def _of_runs(home: Home, writer: "_Writer", told: Told) -> dict[str, tuple[str, str]]:
    """The documents of the runs that were picked, as pages by id, each after the words that lead to it."""
    pages = {}
    runs = list(writer.shown_runs().items())[:MOST_RUNS]
    for place, (name, words) in enumerate(runs):
        with suppress(EngineError):  # a run that is gone, or damaged: there is no document to lead to
            document = RunDocument(home, home.find(name), lambda *_, place=place: told(place, len(runs)))
            pages[name] = words, document.as_html()
    return pages


class _Writer:
    """Collects the blocks and figures of one study's document."""

    def __init__(self, home: Home, record: StudyRecord, spec: StudySpec) -> None:
        self.home, self.record, self.spec = home, record, spec
        self.kind = spec.baseline.kind
        self.remarks: list[str] = record.data.get("remarks", [])
        self.figures: dict[str, Any] = {}
        self.shown_classifier = ""  # the run whose report is in the document

    def blocks(self) -> list[Block]:
        """All of it but its title."""
        found = self._what()
        if self.spec.mode == "worth":
            return [*found, *worth_blocks(self.record, self.figures), *self._again()]
        for number, stage in enumerate(self.record.stages, start=1):
            if any(trial.ended for point in stage.points for trial in point.trials):
                found += self._stage(number, stage)
        return [*found, *self._final(), *self._classifier(), *self._again()]

    def _figure(self, pictured: Pictured) -> Figure:
        figure, drawing = pictured
        self.figures[figure.name] = drawing
        return figure

    def _what(self) -> list[Block]:
        record, spec = self.record, self.spec
        data = record.data
        height, width, channels = data.get("shape", (0, 0, 0))
        tested = f" and {counted(data['test'], 'test image')}" if data.get("test") else ""
        rule = {
            "trade": f"From the fastest value to the slowest, a slower one is picked where "
            f"ln(loss now / its loss) ≥ {spec.exponent:g} × ln(its time / time now).",
            "lowest": "The value with the lowest loss is picked.",
            "tolerance": f"The fastest value whose loss is within {100 * spec.tolerance:g} % of the lowest is picked.",
            "budget": f"The value with the lowest loss within {spec.budget:g} s is picked.",
        }[spec.rule]
        ended = f" {record.message}" if record.message else ""
        if record.state != FINISHED:
            why = ended if record.state == FAILED else ""
            ended = f" The study is {record.state}, so these are its results so far.{why}"
        seeds = (
            f" Each point was trained with {spec.repeats} seeds: mean ± standard deviation." if spec.repeats > 1 else ""
        )
        if self.spec.mode == "worth":
            rule = (
                "Every run keeps its last weights after a number of epochs that is fixed, so no validation image "
                "chooses anything: all of them measure each run, and test images do once. A seed draws the same labels "
                "for every way to train, and those of few are some of those of many."
            )
        varied = [
            [
                name.replace("_", " "),
                ", ".join(numbers(values)),
                show_value(getattr(spec.baseline, name)),
            ]
            for name, values in spec.values.items()
        ]
        return [
            Paragraph(
                f"{record.done} of {counted(record.total, 'trial')} of a convolutional {self.kind} "
                f"on {data.get('name', '?')} "
                f"({data.get('training', 0):,} training images of {height}×{width}×{channels}{tested}), "
                f"{duration(record.seconds)} on {record.machine}.{seeds}{ended}"
            ),
            *(Paragraph(remark) for remark in self.remarks),
            *(
                []
                if self.spec.mode == "worth"
                else [Table(["hyperparameter", "values", "baseline"], varied, words=frozenset({0, 1}))]
            ),
            Paragraph(rule)
            if self.spec.mode == "worth"
            else Paragraph(
                f"{rule} The loss is that of the validation images at a run's best epoch; test images are measured "
                "once, at its end, and nothing is chosen by them."
            ),
        ]

    def _stage(self, number: int, stage: StageRecord) -> list[Block]:
        names = ", ".join(name.replace("_", " ") for name in stage.names)
        title = f"Stage {number}: {names}" if len(self.record.stages) > 1 else f"Results: {names}"
        found: list[Block] = [Heading(2, title[:1].upper() + title[1:])]
        if stage.base:
            found.append(Paragraph(f"With what was picked before: {describe(stage.base)}."))
        shown = columns(stage, self.kind)
        listed = rows(stage, self.kind)
        found.append(
            Table(
                [column.title for column in shown],
                [[row.cells[column.name] for column in shown] for row in listed],
                picked=frozenset() if stage.pick is None else frozenset({stage.pick}),
                words=frozenset(place for place, column in enumerate(shown) if not column.numeric),
            )
        )
        if stage.reason or stage.problem:
            found.append(Paragraph(f"{'Picked: ' if stage.reason else 'No pick: '}{stage.reason or stage.problem}"))
        for reason, points in failures(stage).items():
            named = "; ".join(describe(point.values) for point in points)
            found.append(Paragraph(f"Not trained to the end: {named}. {reason}"))
        found += self._seeds(stage)
        found += self._figures(number, stage, names)
        return found

    def _seeds(self, stage: StageRecord) -> list[Block]:
        if self.spec.repeats < 2:
            return []
        listed = [
            [describe(point.values), str(trial.seed), loss(trial.best_loss), trial.best_at, trial.state]
            for point in stage.points
            for trial in point.trials
        ]
        return [Heading(3, "Each seed"), Table(["point", "seed", "best val_loss", "best epoch", "state"], listed,
                                               words=frozenset({0, 3, 4}))]  # fmt: skip

    def _figures(self, number: int, stage: StageRecord, names: str) -> list[Block]:
        drawn = study_figures.stage_figures(self.spec, stage, time_column(self.kind, stage))
        many = len(stage.points) > MOST_CURVES
        several = f" ({' · '.join(names.split(', '))})" if len(stage.names) > 1 else ""
        each = f"each point{several}" if several else f"each value of {names}"
        which = f"the {BEST_CURVES} best points{several}" if many else each
        captions = {
            "curves": f"Validation loss by epoch, {which}; ★ is the pick.",
            "each": f"Training (blue) and validation loss (orange) by epoch, {which}.",
            "loss-by-value": f"Best validation loss against {names}; ★ is the pick.",
            "loss-by-time": "Best validation loss against time; the dashed line joins points that none beats in both.",
            "parallel": "Every point as a line over its hyperparameters to its loss; the darker, the better.",
        }
        found: list[Block] = []
        for name, figure in drawn.items():
            self.figures[f"stage-{number}-{name}"] = figure
            found.append(Figure(f"stage-{number}-{name}", captions[name]))
        if shares := importances(self.record, self.spec):
            self.figures["importance"] = study_figures.importance(shares)
            said = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
            found.append(Figure("importance", f"How much of the loss's variance each hyperparameter explains: {said}."))
        return found

    # -- what was taken ---------------------------------------------------------------------------

    def _final(self) -> list[Block]:
        final = spec_of(self.spec.baseline, self.record.final)
        picked = self.record.final
        listed = [
            [
                field.title,
                show_value(getattr(final, field.name)) or "–",
                "picked" if field.name in picked else "",
            ]
            for field in spec_fields(type(final))
            if field.name not in FIELDS  # the data are told elsewhere
        ]
        found: list[Block] = [
            Heading(2, "Final hyperparameters"),
            Table(["hyperparameter", "value", ""], listed, words=frozenset({0, 1, 2})),
        ]
        trial = self._best_trial()
        if trial is not None:
            found += self._reconstructions(trial)
        return found

    def _best_trial(self) -> Trial | None:
        """The trial whose run has what was picked last."""
        for stage in reversed(self.record.stages):
            if stage.pick is not None:
                return next((trial for trial in stage.points[stage.pick].trials if trial.complete), None)
        return None

    def _run(self, name: str) -> RunDirectory | None:
        return self.home.find(name) if name in self.home.ids() else None

    def _reconstructions(self, trial: Trial) -> list[Block]:
        run = self._run(trial.run)
        try:
            pictured = None if run is None else run_pictures.over_epochs(run)
        except RunError as error:
            return [Paragraph(f"No reconstructions: {error}")]
        return [] if pictured is None else [Heading(3, f"Run {trial.run}"), self._figure(pictured)]

    def shown_runs(self) -> dict[str, str]:
        """The runs that a reader may want to see more of, in words by id: each stage's pick, and the classifier."""
        found = {}
        for number, stage in enumerate(self.record.stages, start=1):
            picked = [] if stage.pick is None else stage.points[stage.pick].trials
            for trial in [trial for trial in picked if trial.complete][:1]:
                at = f"stage {number}, " if len(self.record.stages) > 1 else ""
                found[trial.run] = f"Run {trial.run}: {at}{describe(stage.points[stage.pick or 0].values)}"
        if self.shown_classifier:
            found.setdefault(self.shown_classifier, f"Run {self.shown_classifier}: the classifier")
        return found

    # -- the classifier ---------------------------------------------------------------------------

    def _classifier(self) -> list[Block]:
        """The classifier of the study, or the latest that was trained on one of its encoders, if there is one."""
        trial = self._best_trial()
        if not listed(self.kind).gives_encoder:
            run = self._run(trial.run) if trial is not None else None
        else:
            mine = {trial.run for trial in self.record.trials}
            found = (run for run in self.home.list_runs() if run.encoder in mine)
            status = next((run for run in found if run.state in ("finished", "early-stopped")), None)
            run = None if status is None else self.home.find(status.id)
        try:
            result = None if run is None else run.read_result()
        except RunError as error:
            return [Paragraph(f"No classifier: {error}")]
        if run is None or result is None or result.report is None:
            return []
        self.shown_classifier, report = run.id, result.report
        of = "test" if result.evaluated_on == "test" else "validation"
        trained = f", trained on {result.data}" if result.data else ""  # which may be other images than the study's
        blocks: list[Block] = [
            Heading(2, "Classifier"),
            Paragraph(
                f"Run {run.id}, {result.title}{trained}: {of} accuracy {percent(report.accuracy)}, "
                f"{report.correct:,} correct, {report.incorrect:,} incorrect."
            ),
            *([Paragraph(result.averaging)] if result.averaging else []),
            *(Paragraph(remark) for remark in result.remarks if remark not in self.remarks),
            class_table(report),
            self._figure(confusion_figure(report, of)),
        ]
        return blocks + self._predictions(run)

    def _predictions(self, run: RunDirectory) -> list[Block]:
        """Some right and some wrong predictions with their images, where the images are still there."""
        try:
            pictured = run_pictures.predictions(ReadRun(self.home, run).data, results.read_predictions(run))
        except EngineError as error:
            return [Paragraph(f"No sample predictions: {error}")]
        return [] if pictured is None else [self._figure(pictured)]

    # -- again ------------------------------------------------------------------------------------

    def _again(self) -> list[Block]:
        final = spec_of(self.spec.baseline, self.record.final)
        lines = [as_command(self.spec)]
        if self.spec.mode != "worth":
            lines.append(shlex.join(["cae-tui", self.kind, *as_flags(final)]))
        other = ""
        if final.built_on:
            lines = [*command_of(self.home, final.built_on), *lines]
            where = "behind `worth` stands" if self.spec.mode == "worth" else "--encoder is"
            other = f" The first line makes the encoder: {where} the id that it prints, here {final.built_on}."
        elif self.shown_classifier:
            lines += command_of(self.home, self.shown_classifier)
            other = " The last line is the classifier's: --encoder is the id of the autoencoder it is built on."
        versions = ", ".join(f"{name} {version}" for name, version in self.record.versions.items())
        day = moment(self.record.created, "%Y-%m-%d")
        return [
            Heading(2, "How to repeat it"),
            Paragraph(f"The study{'' if self.spec.mode == 'worth' else ', and one run with what was picked'}.{other}"),
            Code("\n".join(lines)),
            Paragraph(f"Study {self.record.id} of {day}, {self.record.machine}; {versions}."),
        ]


# -- CSV ------------------------------------------------------------------------------------------

_HEADS = {
    "best_loss": "best_validation_loss",
    "last_loss": "last_validation_loss",
    "train_loss": "last_training_loss",
    "seconds": "training_seconds",
}


def trials_csv(record: StudyRecord, spec: StudySpec) -> str:
    """Every trial, one a row: where it stands in the study, every field of its spec, every metric."""
    fields = [field.name for field in spec_fields(type(spec.baseline))]
    head = ["study", "stage", "trial", "run", "state", "picked", "data", "data_digest"]
    head += [f"spec_{name}" if name in head else name for name in fields]
    head += ["parameters", "latent"]
    validation, test = ([key_of(of, measure.name) for measure in every_measure()] for of in (VALIDATION, TEST))
    losses = ("epochs", "best_epoch", "best_stage", "best_loss", "last_loss", "train_loss")
    told = (*losses, *validation, "test_loss", *test, "ms_per_step", "epoch_seconds", "seconds")
    head += [*(_HEADS.get(name, name) for name in told), "reason"]
    rows: list[list[Any]] = [head]
    for number, stage in enumerate(record.stages, start=1):
        for place, point in enumerate(stage.points):
            for repeat, trial in enumerate(point.trials):
                try:
                    full = spec_of(spec.baseline, {**stage.base, **point.values}, repeat)
                    values = [write_value(getattr(full, name)) for name in fields]
                except SpecError:  # a point that was refused: its values are all there is
                    values = [point.values.get(name, "") for name in fields]
                measured: list[Any] = [trial.measured(name) for name in told]
                mine = [record.id, number, trial.number, trial.run, trial.state, "yes" if stage.pick == place else "no"]
                images = [str(record.data.get(name, "")) for name in ("name", "digest")]
                rows.append([*mine, *images, *values, point.parameters, point.latent, *measured, trial.reason])
    return csv_of(rows)
