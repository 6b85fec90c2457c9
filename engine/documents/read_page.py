"""A document that was written as a page, read back: whether all of it is there, and whether it needs anything else."""

from html.parser import HTMLParser

_EMPTY = ("meta", "link", "br", "img", "hr")
_LOADING = ("src", "href", "xlink:href", "srcset", "data", "action", "poster")


class ReadPage(HTMLParser):
    """What a page is found to be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self._in_order = True
        self._targets: set[str] = set()
        self._ids: set[str] = set()
        self.figures = self._drawings = self._captions = 0
        self.feed(text)
        self.close()

    @property
    def whole(self) -> bool:
        """Whether all is closed and all figures are there, and nothing leads out of it."""
        counts = {self.figures, self._drawings, self._captions}
        return self._in_order and not self._open and len(counts) == 1 and self._targets <= self._ids

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it, and look where it leads."""
        found = {name: value or "" for name, value in attrs}
        self.figures += tag == "figure"
        self._captions += tag == "figcaption"
        self._drawings += tag == "svg" and bool(found.get("aria-label"))
        self._in_order &= tag not in ("script", "iframe", "object", "embed", "base")
        self._ids.add(found.get("id", ""))
        for name in _LOADING:
            target = found.get(name, "")
            if target.startswith("#"):
                self._targets.add(target[1:])
            elif target and not target.startswith("data:"):
                self._in_order = False
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """The same of one that is closed at once."""
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the last one, which is to be of that name."""
        self._in_order &= bool(self._open) and self._open.pop() == tag
