"""The form of a study: which hyperparameters with which values, around which baseline, picked by which rule.

What was typed is kept by the app, as for the other forms. The plan beside it says which trials there would be, with
the time and memory they are expected to take, before anything begins.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from cae_tui import formats
from cae_tui.messages import DataSetChanged, Refused, StartStudy
from cae_tui.screens.base import Page
from cae_tui.screens.configure import offered_encoder
from cae_tui.widgets.fields import Choice, FieldRow, Group, field_keys, is_left_by
from cae_tui.widgets.remarks import Remarks
from engine.errors import EngineError, SpecError
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, parse, preset
from engine.specs.classifier import ClassifierSpec
from engine.specs.data_files import DataFiles
from engine.specs.fields import SpecField
from engine.specs.kinds import spec_from_json
from engine.studies.records import StudyRecord
from engine.studies.spec import (
    MODES,
    StudySpec,
    describe,
    make_study,
    study_fields,
    study_from_json,
)
from engine.studies.values import studied_fields
from engine.text import counted, numbers

PAUSE_SECONDS = 0.3
DRAFT = "study"
FORM_AUTOENCODER, FORM_CLASSIFIER = "autoencoder form", "classifier form"
ABOUT = {
    "one": "One hyperparameter and its values, the rest at the baseline: layers=8,10,12",
    "guided": "One after the other, each pick carried on. Leave it empty for the order and values of the 2020 report.",
    "grid": "Every combination of several hyperparameters: layers=8,10 kernels=16,32",
    "search": "Optuna proposes from a range kernels=16..64 or a list layers=8,10. Leave it empty for a usual space.",
}


def _field(name: str, title: str, description: str, choices: tuple[str, ...] = ()) -> SpecField:
    return SpecField(
        name=name, title=title, description=description, group="Study", unit="", type=str, choices=choices,
        default="", required=False,
    )  # fmt: skip


class StudyForm(Page):
    """A study before it begins.

    Args:
        run: whose spec is the baseline; none by default.
    """

    CSS_PATH = "study_form.tcss"
    AUTO_FOCUS = "#field-mode"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", id="study_form.start", tooltip="Start the study"),
        Binding("f2", "other_pane", "Plan", id="study_form.plan", tooltip="Show the plan, or the form again"),
        *field_keys("study_form"),
    ]

    def __init__(self, run: str = "") -> None:
        super().__init__()
        self._run = run
        self._values: dict[str, str] = {}
        self._rows: dict[str, FieldRow] = {}
        self._problems: dict[str, str] = {}
        self._study: StudySpec | None = None
        self._baseline_files: DataFiles | None = None  # of the images that all trials would learn from

    @property
    def HELP(self) -> str:  # type: ignore[override]  # noqa: N802 - as every page has it
        """What a study is, and every field."""
        kinds = "\n".join(f"* **{MODES[mode]}**: {about}" for mode, about in ABOUT.items())
        fields = "\n".join(f"| {field.title} | {field.description} |" for field in study_fields())
        names = ", ".join(f"`{field.name}`" for field in studied_fields(AutoencoderSpec))
        heads = ", ".join(f"`{field.name}`" for field in studied_fields(ClassifierSpec))
        return f"""
A study tries several values of hyperparameters, one run each, and picks one by a rule.

{kinds}

## Keys

* `Ctrl+R`: start · `F2`: the plan, and back · `Enter` `↓` `↑`: the next, the previous field

## What can be studied

Of an autoencoder: {names}.

Of a classifier: {heads}.

## Fields

| field | what it is |
|---|---|
| Baseline | what all points share except for what varies: a preset, what is typed into a form, or a run |
{fields}
"""

    # -- what it looks like ----------------------------------------------------------------------

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Where this is."""
        return ("Studies", "new")

    @property
    def data_words(self) -> tuple[str, ...]:
        """The images of the baseline."""
        files = self._baseline_files
        if files is None or files == self.cae.data_set.files:
            return super().data_words
        words = self.cae.data_of_run(self._run) if self._values["baseline"].startswith("run ") else ()
        return words or (files.name,)

    @on(DataSetChanged)
    def take_over(self) -> None:
        """Other images are in use: a preset is studied on those."""
        self._look()

    def _baselines(self) -> tuple[str, ...]:
        titles = tuple(AutoencoderSpec.preset_titles.values())
        run = (f"run {self.short(self._run)}",) if self._run else ()
        return (*run, *titles, FORM_AUTOENCODER, FORM_CLASSIFIER)

    def compose_page(self) -> Iterator[Widget]:
        """The form, the plan beside it, and beneath both what hinders the start."""
        baselines = self._baselines()
        usual = {"mode": "one", "values": "", "baseline": baselines[0]}
        usual |= {field.name: field.default or "" for field in study_fields()} | {"rule": "auto"}
        self._values = {**usual, **self.cae.drafts.get(DRAFT, {})}
        if self._run or self._values["baseline"] not in baselines:
            self._values["baseline"] = baselines[0]
        fields = [
            _field("mode", "Kind", "Chooses which points are tried.", tuple(MODES)),
            _field("values", "Values", "Names hyperparameters and their values."),
            _field("baseline", "Baseline", "Sets what all points share, except for what varies.", baselines),
        ]
        for field in study_fields():
            rule = field.name == "rule"
            fields.append(_field("rule", field.title, field.description, ("auto", *field.choices)) if rule else field)
        self._rows = {field.name: FieldRow(field, self._values[field.name]) for field in fields}
        first = ("mode", "values", "baseline", "repeats", "rule", "ask")
        with Horizontal(id="panes"):
            with VerticalScroll(id="form", classes="card", can_focus=False):
                yield from (self._rows[name] for name in first)
                yield Group("More", [row for name, row in self._rows.items() if name not in first])
                yield Static("", id="about", markup=False)
            with VerticalScroll(id="plan-card", classes="card"):
                yield Static("", id="plan", markup=False)
        yield Remarks(most=5, elsewhere="the Data screen shows them", id="found")
        with Horizontal(id="start-line"):
            yield Static("", id="word", markup=False)
            yield Button("Start", id="start", variant="primary", compact=True)

    def compose(self) -> ComposeResult:
        """The frame around it."""
        yield from super().compose()

    def on_mount(self) -> None:
        """Look at the values that the form opened with."""
        self.query_one("#form").border_title = "Study"
        self.query_one("#plan-card").border_title = "Plan"
        self._rows["values"].control.placeholder = "layers=8,10,12"  # type: ignore[union-attr]  # this field is an Input
        self._look()

    # -- what is typed ---------------------------------------------------------------------------

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._take(event.input.id or "", event.input.value)

    @on(Choice.Changed)
    def _turned(self, event: Choice.Changed) -> None:
        self._take(event.choice.id or "", event.choice.value)

    def _take(self, control: str, value: str) -> None:
        self._values[control.removeprefix("field-")] = value
        self.cae.drafts[DRAFT] = {
            name: text for name, text in self._values.items() if name != "baseline" or not self._run
        }
        self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """What the values mean, at once; then, when typing rests, what the data say to them."""
        mode = self._values["mode"]
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
        kind = type(baseline) if baseline is not None else AutoencoderSpec
        names = ", ".join(field.name for field in studied_fields(kind))
        self.query_one("#about", Static).update(
            f"{ABOUT[mode]}\n\nThe baseline is a preset, or what was typed into the form of an autoencoder or a "
            f"classifier.\n\nWhat can be varied: {names}."
        )

    @property
    def _empty(self) -> bool:
        """Whether nothing was said yet of what is varied, so that there is nothing to find fault with."""
        return not self._values["values"].strip() and self._values["mode"] in ("one", "grid")

    async def _baseline(self) -> Spec | None:
        """The spec that every point starts from."""
        chosen, mode = self._values["baseline"], self._values["mode"]
        titles = {title: name for name, title in AutoencoderSpec.preset_titles.items()}
        try:
            if chosen.startswith("run "):
                return spec_from_json((await self.runner.open_run(self._run)).spec["spec"])
            if chosen in titles:
                first = AutoencoderSpec.guided_baseline if mode == "guided" else {}
                return preset(AutoencoderSpec, titles[chosen], **self.cae.data_set.files.named, **first)
            if chosen == FORM_AUTOENCODER:
                return parse(AutoencoderSpec, self.cae.draft("autoencoder"))
            values = self.cae.draft("classifier")
            if not values.get("encoder", "").strip():  # that form may not have been open since, to fill it in
                values["encoder"] = await offered_encoder(self.runner, DataFiles.of(values))
            return parse(ClassifierSpec, values)
        except EngineError as error:
            problems: Mapping[str, str] = getattr(error, "problems", {})
            words = "; ".join(f"{name}: {text}" for name, text in problems.items())
            self._problems = {"baseline": f"That form has a field to fix first. {words}" if words else str(error)}
            return None

    def _read(self, baseline: Spec) -> StudySpec | None:
        """A study of what was typed; what is wrong with it is said beneath its fields."""
        mode = self._values["mode"]
        if self._empty:
            return None
        try:
            values = split_values(self._values["values"])
            names = {field.name for field in study_fields()}
            settings = {name: text for name, text in self._values.items() if name in names}
            if settings["rule"] == "auto":
                del settings["rule"]
            return make_study(mode, baseline, values, **settings)
        except SpecError as error:
            self._refuse(error)
            return None

    def _refuse(self, error: EngineError) -> None:
        """Show what is wrong beneath the field it belongs to."""
        self._study = None
        found: dict[str, str] = {}
        for name, text in getattr(error, "problems", {"values": str(error)}).items():
            where = name if name in self._rows else "values"
            words = text if where == name else f"{name}: {text}"
            found[where] = f"{found[where]} {words}" if where in found else words
        self._problems = found
        self._say()

    def _say(self) -> None:
        for name, row in self._rows.items():
            row.tell(self._problems.get(name, ""))
        word = self.query_one("#word", Static)
        word.set_class(bool(self._problems), "-problem")
        wrong = ", ".join(self._rows[name].field.title for name in self._problems)
        hint = "Name a hyperparameter and its values: layers=8,10,12." if self._empty else "Ctrl+R starts."
        word.update(f"Check: {wrong}." if wrong else hint)
        usual = {field.name: field.default or "" for field in study_fields()}
        for name, row in self._rows.items():
            row.display = self._applies(name)
            row.mark(name in usual and name != "rule" and self._values[name] != usual[name], "")

    def _applies(self, name: str) -> bool:
        """Whether a field means something for the kind and the rule that stand."""
        mode, rule = self._values["mode"], self._values["rule"]
        match name:
            case "ask":
                return mode == "guided"
            case "trials" | "minutes" | "prune" | "search_seed":
                return mode == "search"
            case "exponent":
                return rule == "trade" or (rule == "auto" and mode != "search")
            case "tolerance" | "budget":
                return rule == name
        return True

    # -- what keys do ----------------------------------------------------------------------------

    def action_leave(self, step: int) -> None:
        """The same from a text field or a choice."""
        self.action_move(step)

    def action_pass_by(self, step: int) -> None:
        """The same from these and from the title of a group."""
        self.action_move(step)

    def action_move(self, step: int) -> None:
        """The next field, or the one before."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(Button.Pressed, "#start")
    def action_start(self) -> None:
        """Begin, or go to what is wrong."""
        if self._study is not None and not self._problems:
            self.post_message(StartStudy(self._study))
            return
        self.remove_class("-plan")
        for name in self._problems or ["values"]:
            self._rows[name].control.focus()
            break

    @on(Refused)
    def refused(self, message: Refused) -> None:
        """The study could not begin."""
        self._refuse(SpecError(message.problems) if message.problems else SpecError({"values": message.error}))

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """There may be another pane, or none, from now on."""
        self.call_after_refresh(self.refresh_keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """Other controls have their own use of the key first; where both stand side by side there is no other pane."""
        if action in ("leave", "pass_by"):
            return is_left_by(action, self.focused)
        return action != "other_pane" or not self.is_mounted or self.has_class("-narrow")

    def action_other_pane(self) -> None:
        """Show the plan, or the form again."""
        if self.has_class("-narrow"):
            self.toggle_class("-plan")
            if self.has_class("-plan"):
                self.query_one("#plan-card").focus()
            else:
                self._rows["mode"].control.focus()

    def step_back(self) -> bool:
        """From the plan, where it hides the form, to the form."""
        hidden = self.has_class("-narrow") and self.has_class("-plan")
        if hidden:
            self.action_other_pane()
        return hidden


def split_values(text: str) -> dict[str, str]:
    """`layers=8,10 kernels=16, 32` by hyperparameter.

    Raises:
        SpecError: something in it is no assignment.
    """
    found: dict[str, str] = {}
    for part in re.sub(r"\s*([=,])\s*", r"\1", text.replace(";", " ")).split():
        name, equals, values = part.partition("=")
        if not equals or not name:
            raise SpecError({"values": f"“{part[:40]}” is not a hyperparameter with its values: write layers=8,10,12."})
        name = name.replace("-", "_")
        if name in found:
            raise SpecError({"values": f"{name} is named twice: put all of its values into one list."})
        found[name] = values
    return found


def plan_words(plan: StudyRecord, seconds: float | None) -> str:
    """The plan in lines: stages, their points, and what all of it takes."""
    lines = [f"{counted(plan.total, 'trial')} on {plan.device}", ""]
    for number, stage in enumerate(plan.stages, start=1):
        names = ", ".join(name.replace("_", " ") for name in stage.names)
        lines.append(f"{number}  {names}" if len(plan.stages) > 1 else names)
        listed = stage.points[:12]
        room = max((len(describe(point.values)) for point in listed), default=0)
        lines += [f"   {describe(point.values):<{room}}  {formats.big(point.parameters):>6} params" for point in listed]
        if stage.names == ["epochs"] and study_from_json(plan.spec).is_long_run("epochs"):
            lines.append("   one run, read off at each of its epochs")
        if len(stage.points) > len(listed):
            lines.append(f"   … {len(stage.points) - len(listed):,} more")
        if not stage.points:
            spec: Mapping[str, list[str]] = plan.spec["values"]
            lines += [f"   {name}: {', '.join(numbers(values))}" for name, values in spec.items()]
    if plan.data.get("left_out"):
        lines += ["", str(plan.data["left_out"])]
    memory = max((p.memory for stage in plan.stages for p in stage.points), default=plan.data["baseline_memory"])
    known = any(stage.points for stage in plan.stages)
    size = formats.size(memory)
    lines += ["", f"{f'At most {size}' if known else f'The baseline takes {size}'} of memory at a time."]
    if seconds is None:
        lines.append("How long it takes is known once a run of similar size has been trained here.")
    else:
        lines.append(f"About {formats.duration(seconds)} in all, estimated from a run of similar size here.")
    if len(plan.stages) > 1:
        lines.append("Later stages are shown for the baseline.")
    return "\n".join(lines)
