"""The form of a study: which hyperparameters with which values, around which baseline, picked by which rule.

What was typed is kept by the app, as for the other forms. The plan beside it says which trials there would be, with
the time and memory they are expected to take, before anything begins.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.messages import DataSetChanged, Refused, StartStudy
from cae_tui.screens.encoder_form import offered_encoder
from cae_tui.screens.form_page import FormPage
from cae_tui.widgets.fields import field_keys, is_left_by
from cae_tui.widgets.remarks import Remarks
from cae_tui.widgets.study_fields import ABOUT, StudyFields
from cae_tui.widgets.study_words import plan_words
from engine.errors import EngineError, SpecError
from engine.specs.base import Spec, parse, preset
from engine.specs.data_files import DataFiles
from engine.specs.kinds import SPECS, spec_again
from engine.specs.listed import KINDS, listed
from engine.studies.spec import MODES, StudySpec, make_study, study_fields
from engine.studies.values import article, assignments_in, studied_fields
from engine.text import either

PAUSE_SECONDS = 0.3
DRAFT = "study"
FIRST = next(iter(KINDS))
"""The kind of run whose presets are studied."""
FORM = " form"
"""Behind a kind of run, whose form has the baseline."""


class StudyForm(FormPage):
    """A study before it begins.

    Args:
        run: whose spec is the baseline; none by default.
    """

    CSS_PATH = ["form_page.tcss", "study_form.tcss"]  # noqa: RUF012 - declared as Textual does
    BESIDE = "-plan"
    AUTO_FOCUS = "#field-mode"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", id="study_form.start", tooltip="Start the study"),
        Binding("f2", "other_pane", "Plan", id="study_form.plan", tooltip="Show the plan, or the form again"),
        *field_keys("study_form"),
    ]

    def __init__(self, run: str = "") -> None:
        super().__init__()
        self._run = run
        self._problems: dict[str, str] = {}
        self._study: StudySpec | None = None
        self._baseline_files: DataFiles | None = None  # of the images that all trials would learn from

    @property
    def HELP(self) -> str:  # type: ignore[override]  # noqa: N802 - as every page has it
        """What a study is, and every field."""
        kinds = "\n".join(f"* **{MODES[mode]}**: {about}" for mode, about in ABOUT.items())
        fields = "\n".join(f"| {field.title} | {field.description} |" for field in study_fields())
        names = "\n\n".join(
            f"Of {article(kind)}: {', '.join(f'`{field.name}`' for field in studied_fields(spec))}."
            for kind, spec in SPECS.items()
        )
        return f"""
A study tries several values of hyperparameters, one run each, and picks one by a rule.

{kinds}

What an encoder is worth is a study too: `P` on the report of its autoencoder begins it.

## Keys

* `Ctrl+R`: start · `F2`: the plan, and back · `Enter` `↓` `↑`: the next, the previous field

## What can be studied

{names}

## Fields

| field | what it is |
|---|---|
| Baseline | what all points share except for what varies: a preset, what is typed into a form, or a run |
{fields}
"""

    # -- what it looks like ----------------------------------------------------------------------

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Studies", "new")

    @property
    def data_words(self) -> tuple[str, ...]:
        """The images of the baseline."""
        files = self._baseline_files
        if files is None or files == self.cae.data_set.files:
            return super().data_words
        words = self.cae.data_of_run(self._run) if self.form.values["baseline"].startswith("run ") else ()
        return words or (files.name,)

    def _baselines(self) -> tuple[str, ...]:
        titles = tuple(SPECS[FIRST].preset_titles.values())
        run = (f"run {self.run_prefix(self._run)}",) if self._run else ()
        return (*run, *titles, *(kind + FORM for kind in SPECS))

    def compose_page(self) -> Iterator[Widget]:
        """The form, and the plan beside it."""
        baselines, values = self._baselines(), dict(self.cae.drafts.get(DRAFT, {}))
        if self._run:
            values["baseline"] = baselines[0]
        plan = VerticalScroll(Static("", id="plan", markup=False), id="plan-card", classes="card")
        yield from self.around(StudyFields(values, baselines), plan)

    def on_mount(self) -> None:
        """Look at the values that the form opened with."""
        self.query_one("#plan-card").border_title = "Plan"
        self._look()

    @property
    def form(self) -> StudyFields:
        return self.query_one(StudyFields)

    # -- what is typed ---------------------------------------------------------------------------

    @on(StudyFields.Changed)
    def changed(self) -> None:
        """Keep what was typed, and look at what it means; a run that the form was opened for is no draft."""
        self.cae.drafts[DRAFT] = {
            name: text for name, text in self.form.values.items() if name != "baseline" or not self._run
        }
        self._look()

    @on(DataSetChanged)  # a preset is studied on the images in use
    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """What the values mean, at once; then, when typing rests, what the data say to them."""
        mode = self.form.values["mode"]
        self._study, self._problems = None, {}
        baseline = await self._baseline()
        self._baseline_files = None if baseline is None else baseline.files
        self.refresh_crumbs()
        self._explain(mode, baseline)
        study = None if baseline is None else self._read(baseline)
        self._study = study
        self._say()
        if study is None:
            self.query_one(Remarks).sentences = ()
            self.query_one("#plan", Static).update("Name a hyperparameter and its values to see the plan.")
            return
        await asyncio.sleep(PAUSE_SECONDS)
        try:
            plan = await self.cae.studies.plan(study)
        except EngineError as error:
            self.query_one(Remarks).sentences = ()
            self._refuse(error)
            return
        self.query_one("#plan", Static).update(plan_words(plan, self.cae.studies.seconds(plan)))
        self.query_one(Remarks).sentences = tuple(plan.data.get("remarks", ()))

    def _explain(self, mode: str, baseline: Spec | None) -> None:
        """What the kind of study is, and which names there are."""
        kind = type(baseline) if baseline is not None else SPECS[FIRST]
        names = ", ".join(field.name for field in studied_fields(kind))
        self.query_one("#about", Static).update(
            f"{ABOUT[mode]}\n\nThe baseline is a preset, or what was typed into the form of "
            f"{either(map(article, SPECS))}.\n\nWhat can be varied: {names}."
        )

    async def _baseline(self) -> Spec | None:
        """The spec that every point starts from."""
        chosen, mode = self.form.values["baseline"], self.form.values["mode"]
        titles = {title: name for name, title in SPECS[FIRST].preset_titles.items()}
        try:
            if chosen.startswith("run "):
                return spec_again((await self.runner.open_run(self._run)).spec)
            if chosen in titles:
                first = SPECS[FIRST].guided_baseline if mode == "guided" else {}
                return preset(SPECS[FIRST], titles[chosen], **self.cae.data_set.files.named, **first)
            kind = chosen.removesuffix(FORM)
            values = self.cae.draft(kind)
            if listed(kind).takes_encoder and not values.get("encoder", "").strip():
                # That form may not have been open since, to fill it in.
                values["encoder"] = await offered_encoder(self.runner, DataFiles.of(values))
            return parse(SPECS[kind], values)
        except EngineError as error:
            problems: Mapping[str, str] = getattr(error, "problems", {})
            words = "; ".join(f"{name}: {text}" for name, text in problems.items())
            self._problems = {"baseline": f"That form has a field to fix first. {words}" if words else str(error)}
            return None

    def _read(self, baseline: Spec) -> StudySpec | None:
        """A study of what was typed; what is wrong with it is said beneath its fields."""
        if self.form.empty:
            return None
        try:
            values = assignments_in(self.form.values["values"])
            return make_study(self.form.values["mode"], baseline, values, **self.form.settings)
        except EngineError as error:
            self._refuse(error)
            return None

    def _refuse(self, error: EngineError) -> None:
        """Show what is wrong beneath the field it belongs to."""
        self._study = None
        found: dict[str, str] = {}
        for name, text in getattr(error, "problems", {"values": str(error)}).items():
            where = name if name in self.form.rows else "values"
            words = text if where == name else f"{name}: {text}"
            found[where] = f"{found[where]} {words}" if where in found else words
        self._problems = found
        self._say()

    def _say(self) -> None:
        self.form.show(self._problems)
        wrong = ", ".join(self.form.rows[name].field.title for name in self._problems)
        hint = "Name a hyperparameter and its values: layers=8,10,12." if self.form.empty else "Ctrl+R starts."
        self.say(f"Check: {wrong}." if wrong else hint, wrong=bool(wrong))

    # -- what keys do ----------------------------------------------------------------------------

    def action_move(self, step: int, by: str = "") -> None:  # noqa: ARG002 - as the keys have it
        """The next field, or the one before."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_start(self) -> None:
        """Begin, or go to what is wrong."""
        if self._study is not None and not self._problems:
            self.post_message(StartStudy(self._study))
            return
        self.remove_class("-plan")
        self.form.show_field(self._problems or ["values"])

    @on(Refused)
    def refused(self, message: Refused) -> None:
        """The study could not begin."""
        self._refuse(SpecError(message.problems) if message.problems else SpecError({"values": message.error}))

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """There may be another pane, or none, from now on."""
        self.call_after_refresh(self.refresh_keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Other controls have their own use of the key first; where both stand side by side there is no other pane."""
        if action == "move":
            return is_left_by(parameters, self.focused)
        return action != "other_pane" or not self.is_mounted or self.has_class("-narrow")

    def action_other_pane(self) -> None:
        """Show the plan, or the form again."""
        if self.has_class("-narrow"):
            self.toggle_class("-plan")
            if self.has_class("-plan"):
                self.query_one("#plan-card").focus()
            else:
                self.form.rows["mode"].control.focus()
