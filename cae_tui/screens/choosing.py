"""Which image set a page is about, chosen from the disk, the catalogue, or those that were used last."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from cae_tui.data_sets import DataSet
from cae_tui.screens.base import Page
from cae_tui.widgets.spec_form import SpecForm
from engine.specs.data_files import DataFiles


class ChoosesSet(Page):
    """A page whose form names a set."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o,f3", "open", "Open", id="data.open", tooltip="Open a folder of pictures, an archive or a file"),
        Binding("g", "catalogue", "Catalogue", id="data.catalogue", tooltip="Get a well-known image set"),
        Binding("l", "last_used", "Recent", id="data.last_used", tooltip="The data sets used last"),
    ]
    picked: DataFiles | None = None  # the files that were chosen from a list

    @work
    async def action_open(self) -> None:
        """Choose a set on the disk."""
        from cae_tui.screens.open_dialog import OpenScreen

        values = self.query_one(SpecForm).values
        chosen = await self.app.push_screen_wait(OpenScreen(values["data"] or values["images"]))
        if chosen is not None:
            self.choose({**DataFiles().text, "data": chosen})

    @work
    async def action_catalogue(self) -> None:
        """Choose among well-known sets, or fetch one."""
        from cae_tui.screens.catalogue import CatalogueScreen

        chosen = await self.app.push_screen_wait(CatalogueScreen())
        if chosen is not None:
            self.choose({**DataFiles().text, "data": chosen})

    @work
    async def action_last_used(self) -> None:
        """Choose among the sets that were used last."""
        from cae_tui.screens.dialogs import DataSetsScreen

        known = (DataSet(), *self.cae.settings.last_data)
        chosen = await self.app.push_screen_wait(DataSetsScreen(known, self.cae.data_set))
        if chosen is not None:
            self.choose(chosen.files.text)

    def choose(self, values: dict[str, str]) -> None:
        """Put a set into the form."""
        form = self.query_one(SpecForm)
        form.put(values)
        self.picked = form.files
