"""The part of the app that knows which images are in use: one set, in the top line and every form, and the last ones.

The command line never reads it: there, images that are not named are MNIST, or a classifier's its encoder's.
"""

from collections.abc import Collection, Mapping

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.app.remembered import Remembered
from cae_tui.data_sets import DataSet, with_latest
from cae_tui.formats import without_flags
from engine.errors import EngineError
from engine.specs.data_files import FIELDS, DataFiles


class DataInUse:
    """The data set in use, and what was typed into forms."""

    def __init__(self, app: BaseApp, remembered: Remembered) -> None:
        self._app, self._remembered = app, remembered
        self._current = DataSet()
        self.drafts: dict[str, dict[str, str]] = {}  # what was typed into forms, by kind and field

    def begin(self) -> None:
        """Use the set of the last time, where its files are still there."""
        known = self._remembered.settings.data
        labels = known.files.labels_from
        if (gone := known.files.gone) is None and labels is not None and not labels.exists():
            self.current = DataSet.of(known.files.as_given, known.name, known.shape)
            self._app.tell(f"{known.name} is used with its own labels: {labels} is missing.", "warning", timeout=12)
        elif gone is None:
            self.current = known
        else:
            self._app.tell(
                f"{known.name} is no longer in use: {gone} is missing. MNIST is used instead.", "warning", timeout=12
            )

    @property
    def current(self) -> DataSet:
        """The one that forms begin with."""
        return self._current

    @current.setter
    def current(self, now: DataSet) -> None:
        """Name it in the top line of every page, and have forms that had the one before take it over."""
        before, self._current = self._current, now
        if before == now:
            return
        if before.files != now.files:
            for draft in self.drafts.values():
                for name in FIELDS:
                    draft.pop(name, None)
        for page in self._app.pages:
            if page.is_mounted:
                page.refresh_crumbs()
                page.post_message(messages.DataSetChanged(before.files))

    @acts_on(messages.UseDataSet)
    def _use(self, message: messages.UseDataSet) -> None:
        found = message.data_set
        if found == self.current:
            return
        before = self.current.files
        self.current = found
        self._remembered.remember(data=found, last_data=with_latest(self._remembered.settings.last_data, found))
        if before == found.files:
            return
        labels = found.files.labels_from
        if labels is not None and before.as_given == found.files.as_given:
            self._app.tell(f"Forms now start with {found.name} and its labels from {labels.name}.")
        else:
            self._app.tell(f"Forms now start with {found.name}.")

    @acts_on(messages.DataSetRead)
    def _read(self, message: messages.DataSetRead) -> None:
        if message.data_set.files == self.current.files:
            self._use(messages.UseDataSet(message.data_set))

    @acts_on(messages.NoteDataSet)
    def _note_used(self, message: messages.NoteDataSet) -> None:
        last = with_latest(self._remembered.settings.last_data, message.data_set)
        if last != self._remembered.settings.last_data:
            self._remembered.remember(last_data=last)

    @acts_on(messages.TryFiles, group="files")
    async def _try_files(self, message: messages.TryFiles) -> None:
        before = self.current
        try:
            data = await self._app.runner.data(message.files)
        except EngineError as error:
            if self.current is before:
                why = without_flags(str(error))
                self._app.tell(f"The files on the Data screen are not in use: {why}", "warning", timeout=12)
        else:
            if self.current is before:  # nobody has chosen others while these were read
                self._app.post_message(messages.UseDataSet(DataSet.of(message.files, data.name, data.shape)))

    def keep_draft(self, form: str, values: Mapping[str, str], offered: Collection[str] = ()) -> None:
        """Keep what was typed into a form; files that are those in use follow those.

        The fields `offered` were filled in by the form: it does so anew when it opens.
        """
        values = {name: value for name, value in values.items() if name not in offered}
        if DataFiles.of(values) == self.current.files:
            values = {name: value for name, value in values.items() if name not in FIELDS}
        self.drafts[form] = dict(values)

    def draft(self, form: str) -> dict[str, str]:
        """What a form of that kind begins with: the files in use, and what was typed into it before."""
        return {**self.current.files.text, **self.drafts.get(form, {})}
