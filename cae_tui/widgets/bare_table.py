"""Textual's table without colours of its own, as it stands in a card: what is behind shows through, heads are muted."""

from rich.text import Text
from textual.widgets import DataTable


class BareTable(DataTable[Text]):
    """A table that stands in a card."""

    DEFAULT_CSS = """
    BareTable {
        background: transparent;
        & > .datatable--header { background: transparent; color: $text-muted; text-style: none; }
    }
    """
