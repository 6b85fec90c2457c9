"""The part of the App that knows which images are in use: one set, in the top line and every form, and the last ones.

The command line never reads it: there, images that are not named are MNIST, or a classifier's its encoder's.
"""

from collections.abc import Collection, Mapping

from textual import on
from textual.reactive import reactive

from cae_tui import messages
from cae_tui.app.settings_app import SettingsApp
from cae_tui.data_sets import DataSet, with_latest
from engine.runs.directory import Home
from engine.specs.data_files import FIELDS, DataFiles


class DataApp(SettingsApp):
    """The data set in use.

    Args:
        home: the folder with the runs and the settings.
    """

    data_set: reactive[DataSet] = reactive(DataSet(), init=False)
    """The one that forms begin with."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.drafts: dict[str, dict[str, str]] = {}  # what was typed into forms, by kind and field

    def begin_with_data(self) -> None:
        """Use the set of the last time, where its files are still there."""
        known = self.settings.data
        if (gone := known.files.gone) is None:
            self.data_set = known
        else:
            self.tell(
                f"{known.name} is no longer in use: {gone} is missing. MNIST is used instead.", "warning", timeout=12
            )

    def watch_data_set(self, before: DataSet, now: DataSet) -> None:
        """Name it in the top line of every page, and have forms that had the one before take it over."""
        if before.files != now.files:
            for draft in self.drafts.values():
                for name in FIELDS:
                    draft.pop(name, None)
        for page in self.pages:
            if page.is_mounted:
                page.refresh_crumbs()
                page.post_message(messages.DataSetChanged(before.files))

    @on(messages.UseDataSet)
    def _use(self, message: messages.UseDataSet) -> None:
        found = message.data_set
        if found == self.data_set:
            return
        others = found.files != self.data_set.files
        self.data_set = found
        self.remember(data=found, last_data=with_latest(self.settings.last_data, found))
        if others:
            self.tell(f"Forms now start with {found.name}.")

    @on(messages.DataSetRead)
    def _read(self, message: messages.DataSetRead) -> None:
        if message.data_set.files == self.data_set.files:
            self._use(messages.UseDataSet(message.data_set))

    @on(messages.NoteDataSet)
    def _note_used(self, message: messages.NoteDataSet) -> None:
        last = with_latest(self.settings.last_data, message.data_set)
        if last != self.settings.last_data:
            self.remember(last_data=last)

    def keep_draft(self, form: str, values: Mapping[str, str], offered: Collection[str] = ()) -> None:
        """Keep what was typed into a form; files that are those in use follow those.

        The fields `offered` were filled in by the form: it does so anew when it opens.
        """
        values = {name: value for name, value in values.items() if name not in offered}
        if DataFiles.of(values) == self.data_set.files:
            values = {name: value for name, value in values.items() if name not in FIELDS}
        self.drafts[form] = dict(values)

    def draft(self, form: str) -> dict[str, str]:
        """What a form of that kind begins with: the files in use, and what was typed into it before."""
        return {**self.data_set.files.text, **self.drafts.get(form, {})}
