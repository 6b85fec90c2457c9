"""The form of what is built on an encoder, with the runs that have one and what comes along with each."""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from cae_tui.messages import Configure, RunsChanged
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.typing_pause import typing_rests
from cae_tui.widgets.architecture_table import ArchitectureTable
from cae_tui.widgets.encoder_table import EncoderPicker, EncoderTable, best_encoder, encoders
from cae_tui.widgets.spec_form import SpecForm
from engine.errors import DatasetError, EngineError, RunError
from engine.specs.base import Spec
from engine.specs.data_files import FIELDS, DataFiles
from engine.specs.kinds import SPECS
from engine.specs.listed import kinds_that_give_encoders, listed

if TYPE_CHECKING:
    from cae_tui.bridge.runner import Runner
    from cae_tui.bridge.values import DataView
    from engine.runs.status import RunStatus


async def runs_known_by(runner: "Runner", data: "DataView") -> list["RunStatus"]:
    """Every run, those that learned from the training images of `data` with their digest, whatever wrote them down."""
    return await runner.with_images_digests(await asyncio.to_thread(runner.list_runs), data)


async def offered_encoder(runner: "Runner", files: DataFiles) -> str:
    """The run whose encoder the form of a classifier offers for the images in `files`.

    Raises:
        EngineError: there is none, or the images cannot be read.
    """
    data = await runner.data(files)
    best = best_encoder(await runs_known_by(runner, data), data.images_digest)
    if best is None:
        raise RunError(
            "The classifier form has no encoder yet, and there is no finished autoencoder trained on "
            f"{data.name} to offer: train one, or choose an encoder in that form."
        )
    return best.id


class EncoderForm(SpecPage):
    """What a run of a kind that is built on an encoder shall be, and on which."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "autoencoder", "Encoder", id="form.autoencoder", tooltip="The form of an autoencoder"),
    ]

    def __init__(self, kind: str, values: Mapping[str, str]) -> None:
        super().__init__(kind, values)
        self._listed = False
        self._listed_for: tuple[str, ...] = ()  # the files whose encoders are in the table
        self._own_files: dict[str, str] = {}  # of the encoder that was chosen last, which the form took over
        self._offered = ""  # the encoder that the form filled in; empty once the person chose or typed one
        self._best = ""  # the encoder that there is to offer
        self._remarked = ""  # the encoder that the remarks are on
        self._of_these: dict[tuple[str, ...], frozenset[str]] = {}  # by files, the runs that learned from these images

    def make_form(self, values: Mapping[str, str]) -> SpecForm:
        """The form, with the table of runs beneath its first field."""
        return SpecForm(SPECS[self.kind], values, below={"encoder": EncoderPicker()})

    def on_mount(self) -> None:
        """List the autoencoders there are."""
        self._list()

    @on(RunsChanged)
    @work(exclusive=True, group="list")
    async def _list(self) -> None:
        named = self._listed_for = self._file_names()
        await typing_rests(self.form, 0)
        name, digest = self.form.files.name, ""
        try:
            data = await self.runner.data(self.form.files)
            name, digest = data.name, data.images_digest
            runs = await runs_known_by(self.runner, data)
        except DatasetError:  # it is told beneath its field
            runs = await asyncio.to_thread(self.runner.list_runs)
        found = encoders(runs, digest)
        best = best_encoder(runs, digest)
        self._of_these = {named: frozenset(run.id for run in found if digest and run.images_digest == digest)}
        self.query_one(EncoderPicker).show(found, name, best=best is not None, now=time.time())
        offer = self._best = "" if best is None else best.id
        now = self.form.values["encoder"].strip()
        if now != offer and (not now or (now == self._offered and digest)):  # of images that are wrong nothing follows
            self._offered = offer
            self.form.put({"encoder": offer})
        table = self.query_one(EncoderTable)
        table.mark(self.form.values["encoder"])
        if found and not self._listed and self.focused is self.query_one("#field-encoder"):
            self.call_after_refresh(table.focus)
        self._listed = True

    @on(EncoderTable.Chosen)
    def choose(self, message: EncoderTable.Chosen) -> None:
        """Build on that one, on its own images unless others, or these with labels, were named, and go on."""
        files = self.runner.data_files(message.run)
        has = {name: self.form.values[name] for name in FIELDS}
        # The same images stay as they are named: the encoder may have learned without their labels.
        same = message.run in self._of_these.get(self._file_names(), ())
        typed = has != self._own_files
        stays = same and typed and (not has["images"].strip() or bool(has["labels"].strip()))
        if files and not stays and (self.form.files == self.cae.data_set.files or has == self._own_files):
            self._own_files = files
            self.form.put({"encoder": message.run, **files})
        else:
            self.form.put({"encoder": message.run})
        self._offered = ""
        self.keep()
        self.form.action_move(1)

    def offer(self) -> dict[str, str]:
        """The best encoder for these images."""
        self._offered = self._best
        return {"encoder": self._best}

    def keep(self) -> None:
        """Keep what was typed; the encoder only where it was typed or chosen."""
        if self.form.values["encoder"].strip() != self._offered:
            self._offered = ""
        self.cae.keep_draft(self.kind, self.form.values, ("encoder",) if self._offered else ())

    def show_values(self) -> None:
        """Mark the run that the field names; other images have other encoders."""
        self.query_one(EncoderTable).mark(self.form.values["encoder"])
        if self.form.values["encoder"] != self._remarked:
            self.query_one(EncoderPicker).remarks = ()
        if self._file_names() != self._listed_for:
            self._list()

    async def ask_more(self, spec: Spec, data: "DataView") -> dict[str, str]:
        """The layers of the classifier, which only the encoder's file can tell."""
        picker = self.query_one(EncoderPicker)
        picker.remarks, self._remarked = (), self.form.values["encoder"]
        try:
            self._plan = await self.runner.plan(spec)
            picker.remarks = await self.runner.encoder_remarks(spec, data)
        except DatasetError as error:
            return {error.field: str(error)}
        except EngineError as error:
            return {"encoder": str(error)}
        return {}

    def draw(self) -> None:
        """The layers, once they are known."""
        spec = self.form.spec
        if spec is not None and self._plan is not None and self.data_fits and self.plan_fits:
            self.query_one(ArchitectureTable).show(self._plan, batch_size=spec.batch_size, head=True)

    def action_autoencoder(self) -> None:
        """The form of an autoencoder."""
        self.post_message(Configure(kinds_that_give_encoders()[0]))


def form_for(kind: str, values: Mapping[str, str]) -> SpecPage:
    """The form of that kind, `values` put over what was typed into it before."""
    return (EncoderForm if listed(kind).takes_encoder else SpecPage)(kind, values)
