"""The forms: what a run of any kind shall be, before it begins.

What was typed is kept by the app for each kind of form (`Host.drafts`), so that going back and opening the form
again loses nothing; what the form filled in itself is found out anew. What a field means is the spec's affair; the page
adds what only the data, the encoder or earlier runs can tell, from a worker that starts again with each change.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.widget import Widget

from cae_tui.data_sets import DataSet
from cae_tui.kinds import view_of
from cae_tui.messages import DataSetChanged, NoteDataSet, Refused, Start
from cae_tui.screens.form_page import FormPage
from cae_tui.screens.typing_pause import typing_rests
from cae_tui.widgets.architecture_table import ArchitectureTable
from cae_tui.widgets.noise_preview import NoisePreview
from cae_tui.widgets.presets import about_preset
from cae_tui.widgets.remarks import Remarks
from cae_tui.widgets.run_progress import reading_line
from cae_tui.widgets.spec_form import SpecForm
from engine.errors import DatasetError
from engine.specs.base import Spec, spec_fields
from engine.specs.data_files import FIELDS, LABELS_FROM, PATHS, DataFiles
from engine.specs.kinds import SPECS
from engine.specs.noise import noise_words

if TYPE_CHECKING:
    from cae_tui.bridge.values import DataView, Picture
    from engine.network.architecture import Plan
    from engine.specs.noise import Asked

PAUSE_SECONDS = 0.25
"""How long typing must rest before the data are asked."""


def help_on(kind: type[Spec], what: str) -> str:
    """The help of a form: what it is for, its keys, and every field with its description."""
    lines = [what, "", _KEYS, "## Presets", "", "| preset | what it is for, and what it changes |", "|---|---|"]
    lines += [f"| {kind.preset_titles[name]} | {about_preset(kind, name)} |" for name in kind.presets]
    group = ""
    for field in spec_fields(kind):
        if field.group != group:
            group = field.group
            lines += ["", f"## {group}", "", "| field | what it is |", "|---|---|"]
        words = f" One of: {', '.join(field.choices)}." if field.choices else ""
        lines.append(f"| {field.title} | {field.description}{words} |")
    return "\n".join(lines)


_KEYS = """
| key | what it does |
|---|---|
| `Enter` `↓` `↑` | the next, the previous field |
| `←` `→` | another choice; on the title of a group: open or close it |
| `Ctrl+R` | start; if a field is wrong, go to that field |
| `F2` | show the architecture, or the form again |
| `F3` | choose a folder of pictures, an archive or a file; `→` takes what a field of files offers in grey |
| `F5` | reset every field to the preset; again: undo that |

A • marks a field that differs from the preset. What you typed is kept when you go back.
"""


class SpecPage(FormPage):
    """What a run shall be.

    Args:
        kind: of run.
        values: text by field, put over what was typed before.
    """

    CSS_PATH = ["form_page.tcss", "configure.tcss"]  # noqa: RUF012 - declared as Textual does
    BESIDE = "-architecture"
    AUTO_FOCUS = "SpecForm Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", id="form.start", tooltip="Start the run"),
        Binding("f2", "other_pane", "Layers", id="form.architecture", tooltip="Show the layers, or the form again"),
        Binding("f5", "defaults", "Reset", id="form.defaults", tooltip="Reset every field to the preset, or undo that"),
        Binding("f3", "open", "Open", id="form.open", tooltip="Choose a folder of pictures, an archive or a file"),
        Binding("up", "to_form", "Last field", id="form.to_form", tooltip="From the button to the form", show=False),
    ]

    def __init__(self, kind: str, values: Mapping[str, str]) -> None:
        super().__init__()
        self.kind, self.kind_view = kind, view_of(kind)
        self._given = dict(values)
        self._plan: Plan | None = None
        self._data: DataView | None = None
        self._files: tuple[str, ...] = ()  # the files that `_data` was read from, as they were typed
        self._pace = 0.0  # seconds for one unit of `Plan.work` of one image; 0 where it is not known
        self._picked: DataFiles | None = None  # what was chosen from a list, and is not yet read
        self._noise_shown: object = None  # which noise on which images is seen beneath its fields
        self._before_defaults: dict[str, str] = {}
        self._field: Widget | None = None  # the field that one was at before looking at the architecture

    @property
    def HELP(self) -> str:  # type: ignore[override]  # noqa: N802 - as every page has it
        """What the form is for, and every field."""
        return help_on(SPECS[self.kind], self.kind_view.form_help)

    @property
    def crumbs(self) -> tuple[str, ...]:
        return (self.kind_view.title,)

    # -- what it looks like ----------------------------------------------------------------------

    def compose_page(self) -> Iterator[Widget]:
        """The form, and the architecture beside it."""
        yield from self.around(self.make_form({**self.cae.draft(self.kind), **self._given}), ArchitectureTable())

    def make_form(self, values: Mapping[str, str]) -> SpecForm:
        noisy = "noise" in SPECS[self.kind].model_fields
        return SpecForm(SPECS[self.kind], values, below={"validation_noise": NoisePreview()} if noisy else None)

    def on_mount(self) -> None:
        """Look at the values that the form opened with."""
        self.set_interval(0.25, self._tell_progress)
        self._look()

    @property
    def form(self) -> SpecForm:
        return self.query_one(SpecForm)

    @property
    def data_words(self) -> tuple[str, ...]:
        """The images that the form names."""
        if self._data is not None and self.data_fits:
            return DataSet.of(self.form.files, self._data.name, self._data.shape).words
        files = self.form.files if self.query(SpecForm) else self.cae.data_set.files
        return self.cae.data_set.words if files == self.cae.data_set.files else (files.name,)

    # -- what is typed ---------------------------------------------------------------------------

    @on(DataSetChanged)
    def take_over(self, message: DataSetChanged) -> None:
        """A form that had the images in use has those that came into use elsewhere meanwhile."""
        if self.form.files == message.before:
            self.form.put(self.cae.data_set.files.text)

    @on(SpecForm.Changed)
    def changed(self) -> None:
        """Keep what was typed, draw what follows from it at once, and ask the data about it."""
        self.keep()
        self.show_values()
        self.draw()
        self._look()

    def keep(self) -> None:
        """Keep what was typed, for the next time that the form opens."""
        self.cae.keep_draft(self.kind, self.form.values)

    def _look(self) -> None:
        spec = self.form.spec
        self._say()
        if spec is None:
            self.workers.cancel_group(self, "check")
            self.query_one(ArchitectureTable).tell("Shown for the last valid values; a field is wrong now.")
        else:
            self._ask(spec)

    @work(exclusive=True, group="check")
    async def _ask(self, spec: Spec, start: bool = False) -> None:
        """What the data say to `spec`; then begin it, where `start` and nothing is wrong."""
        if not start:
            await typing_rests(self.form, PAUSE_SECONDS if self._data else 0)
        problems = await self.runner.check(spec)
        if not problems.keys() & set(FIELDS):
            try:
                self._data = await self.runner.data(spec.files)
                self._files = self._file_names()
                self.refresh_crumbs()
                problems |= await self.ask_more(spec, self._data)
            except DatasetError as error:
                problems[error.field] = str(error)
        self.form.show_data_problems(problems)
        if self._picked == spec.files:
            self._picked = None
            if self.form.problems:  # what a person is asked for can be typed at once
                self.form.focus_problem()
        self.draw()
        self._say()
        if not self.plan_fits:
            self.query_one(ArchitectureTable).tell("Shown for the last valid values; a field is wrong now.")
        if start and self._may_start():
            if self._data is not None:
                self.post_message(NoteDataSet(DataSet.of(spec.files, self._data.name, self._data.shape)))
            self.post_message(Start(spec))
        elif not problems.keys() & set(FIELDS):
            with suppress(DatasetError):  # a file was changed a moment ago; the next look tells of it
                self.query_one(Remarks).sentences = await self.runner.remarks(spec)

    async def ask_more(self, spec: Spec, data: "DataView") -> dict[str, str]:
        """What else there is to ask: its layers, where they cannot be told at once, and how long an epoch takes here.

        Gives back problems by field.
        """
        plan = self._plan = self.kind_view.plan(spec, data.shape) or await self.runner.plan(spec)
        images = self._training_images(spec, data)
        seconds = await asyncio.to_thread(self.runner.seconds_an_epoch, spec, plan.work, images)
        self._pace = (seconds or 0.0) / max(plan.work * spec.images_of(images), 1)
        return {}

    def show_values(self) -> None:
        """Show elsewhere than in the form what was typed."""

    def draw(self) -> None:
        """Draw the layers again, at once where all that they need is known."""
        spec, data = self.form.spec, self._data
        self._show_noise(spec)
        if spec is None or data is None or not self.data_fits:
            self.form.show_latent(0, 0)
            return
        plan = self._plan = self.kind_view.plan(spec, data.shape) or self._plan
        if plan is not None:
            epochs, images = sum(epochs for _, epochs in spec.stages), self._training_images(spec, data)
            seconds = self._pace * plan.work * spec.images_of(images) or None
            self.form.show_latent(plan.latent, plan.pixels)
            self.query_one(ArchitectureTable).show(plan, batch_size=spec.batch_size, epochs=epochs, seconds=seconds)

    def _show_noise(self, spec: Spec | None) -> None:
        """What the noise of the form does to images of its set; nothing where it names none."""
        for preview in self.query(NoisePreview):
            noise = spec.training_noise if spec is not None and self.data_fits else None
            if noise is None:
                self.workers.cancel_group(self, "noise")
                preview.pairs, self._noise_shown = (), None
            elif self._data is not None and self._noise_shown != (noise, self._data.digest):
                self._noise_shown = noise, self._data.digest
                self._read_noise(preview, self._data.examples, noise)

    @work(exclusive=True, group="noise")
    async def _read_noise(self, preview: NoisePreview, examples: "tuple[Picture, ...]", noise: "Asked") -> None:
        noisy = await self.runner.with_noise(examples, noise)
        first = not preview.pairs
        preview.pairs, preview.words = tuple(zip(examples, noisy, strict=True)), noise_words(noise)
        if first and self.focused is not None and "group-noise" in [each.id for each in self.focused.ancestors]:
            self.call_after_refresh(self._keep_noise_in_sight, preview)

    def _keep_noise_in_sight(self, preview: NoisePreview) -> None:
        """The images come beneath what has the focus, which stays in sight itself."""
        preview.scroll_visible(animate=False)
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def _training_images(self, spec: Spec, data: "DataView") -> int:
        return data.training - (data.validation or round(data.training * spec.validation_fraction))

    def _file_names(self) -> tuple[str, ...]:
        return tuple(self.form.values[name] for name in FIELDS)

    @property
    def data_fits(self) -> bool:
        """Whether the data that were read are those that the form names now."""
        return self._data is not None and self._files == self._file_names()

    @property
    def plan_fits(self) -> bool:
        """Whether everything that the layers depend on could be read."""
        return not {*FIELDS, "encoder"} & self.form.problems.keys()

    def _tell_progress(self) -> None:
        """How far a set is that takes a while."""
        done, of = self.runner.progress.get(self.form.files, (0, 0))
        if of:
            self.say(reading_line(done, of))

    def _say(self) -> None:
        """What hinders the start, in a sentence; how to start where nothing does."""
        titles = {name: field.title for name, field in self.form.presets.fields.items()}
        missing = self.form.missing
        wrong = [titles.get(name, name) for name in self.form.problems if name not in missing]
        if missing and not wrong:
            self.say(f"Still needed: {', '.join(titles[name] for name in missing)}.")
        elif wrong:
            many = "1 field is wrong" if len(wrong) == 1 else f"{len(wrong)} fields are wrong"
            strange = [text for name, text in self.form.problems.items() if name not in titles]
            self.say(f"{many}: {', '.join(wrong)}. {' '.join(strange)}".rstrip(), wrong=True)
        else:
            self.say("Ctrl+R starts.")

    # -- what keys do ----------------------------------------------------------------------------

    def action_to_form(self) -> None:
        """From the button beneath the form back into it."""
        if self.focused is not self.query_one("#start"):
            raise SkipAction
        self.form.focus_last()

    @work
    async def action_open(self) -> None:
        """Choose a set on the disk: in the place of the path that is being typed, else in that of all."""
        from cae_tui.screens.open_dialog import OpenScreen

        name = next((name for name in (*PATHS, LABELS_FROM) if self.form.rows[name].control is self.focused), "data")
        chosen = await self.app.push_screen_wait(OpenScreen(self.form.values[name] or self.form.values["data"]))
        if chosen is not None:
            self.form.show_field((name,))
            self.form.put(
                {name: chosen} if name != "data" else {**dict.fromkeys((*PATHS, LABELS_FROM), ""), "data": chosen}
            )
            self._picked = self.form.files

    def action_start(self) -> None:
        """Begin, once the data were asked; or go to what is wrong."""
        if self._may_start() and self.form.spec is not None:
            self.say("Looking at the data …")
            self._ask(self.form.spec, start=True)

    def _may_start(self) -> bool:
        if self.form.problems:
            self.form.show_missing()
        self._say()
        if not self.form.problems:
            return True
        self.remove_class("-architecture")
        self.form.focus_problem()
        return False

    @on(Refused)
    def refused(self, message: Refused) -> None:
        """The run could not begin: show why, at its fields where it names some."""
        self.form.show_data_problems(message.problems)
        self._may_start()
        if not message.problems:
            self.say(message.error, wrong=True)

    def action_other_pane(self) -> None:
        """To the architecture, or back to the field where one was."""
        layers = self.query_one("#layers")
        there = self.has_class("-architecture") if self.has_class("-narrow") else layers.has_focus
        self.set_class(not there, "-architecture")
        if there:
            self.call_after_refresh((self._field or self.query_one("SpecForm Input")).focus)
        else:
            self._field = self.focused
            self.call_after_refresh(layers.focus)

    def offer(self) -> dict[str, str]:
        """What a new form fills in itself, by field."""
        return {}

    def action_defaults(self) -> None:
        """Every field as the preset has it; a second time, as it was before."""
        before = dict(self.form.values)
        self.form.defaults(self.offer())
        if self.form.values != before:
            self._before_defaults = before
        elif self._before_defaults:
            self.form.put(self._before_defaults)
            self._before_defaults = {}
