"""A document of headings, sentences, tables, figures and code, as Markdown and as one self-contained HTML file."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.text import plain


@dataclass(frozen=True, slots=True)
class Heading:
    """Of level 1, 2 or 3."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be copied, or a table that is aligned by blanks."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words, the picked row bold, numbers to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    picked: int | None = None
    words: frozenset[int] = field(default_factory=frozenset)  # columns that are no numbers


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure by its file's name, with the words for who cannot see it."""

    name: str
    caption: str


_SIGNS = re.compile(r"[\\`*_|<>\[\]~&$]")
_BEGINNING = re.compile(r"^(\d*)(#+(?=\s|$)|[+-](?=[-+\s]*$|\s)|(?<=\d)[.)](?=\s|$))")
"""What makes a heading, a rule or an item of a list of a line."""

Block = Heading | Paragraph | Code | Table | Figure

_CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #1a1f26; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccd3db; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #e3e7ec; white-space: nowrap; }
th { border-bottom: 2px solid #8a97a5; } .w { text-align: left; }
tr.picked td { font-weight: 700; background: #eef5fc; }
pre { background: #f4f6f8; padding: .75rem 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.35; }
figure { margin: 1.25rem 0; break-inside: avoid; } figure svg { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .85rem; color: #4a5561; margin-top: .25rem; }
@media (max-width: 40rem) { body { font-size: 15px; } figure { overflow-x: auto; } figure svg { max-width: none; } }
@page { size: A4; margin: 16mm; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .wide, pre { overflow: visible; }
  table { font-size: 8pt; } th, td { padding: 1mm 1.5mm; } pre { white-space: pre-wrap; font-size: 7.5pt; }
  h2, h3 { break-after: avoid; } table, figure { break-inside: avoid; } a { color: inherit; } }
"""


def as_markdown(blocks: Sequence[Block], folder: str) -> str:
    """The document as Markdown; its figures are files in `folder`."""
    parts = []
    for block in blocks:
        match block:
            case Heading():
                parts.append(f"{'#' * block.level} {_escape(block.text)}")
            case Paragraph():
                parts.append(_escape(block.text))
            case Code():
                text = plain(block.text).rstrip()
                longest = max((len(run) for run in re.findall("`+", text)), default=0)
                fence = "`" * max(3, longest + 1)  # nothing in the text ends it
                parts.append(f"{fence}\n{text}\n{fence}")
            case Figure():
                parts.append(f"![{_escape(block.caption)}]({folder}/{block.name}.svg)\n\n*{_escape(block.caption)}*")
            case Table():
                rule = [":--" if place in block.words else "--:" for place in range(len(block.head))]
                lines = [_row([_escape(title) for title in block.head]), _row(rule)]
                for place, row in enumerate(block.rows):
                    cells = [_escape(cell) for cell in row]
                    picked = place == block.picked
                    lines.append(_row([f"**{cell}**" if picked and cell.strip() else cell for cell in cells]))
                parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    """One line, and what Markdown would read as its own signs with a backslash."""
    line = _SIGNS.sub(r"\\\g<0>", plain(text).replace("\n", " ").strip())
    return _BEGINNING.sub(lambda found: f"{found[1]}\\{found[2]}", line)


def as_html(blocks: Sequence[Block], figures: Mapping[str, str], title: str) -> str:
    """The document as one HTML file; `figures` are `<svg>` elements by name."""
    parts = []
    for block in blocks:
        match block:
            case Heading():
                parts.append(f"<h{block.level}>{_text(block.text)}</h{block.level}>")
            case Paragraph():
                parts.append(f"<p>{_text(block.text)}</p>")
            case Code():
                parts.append(f"<pre>{_text(block.text.rstrip())}</pre>")
            case Figure():
                drawn = figures[block.name].replace("<svg", f'<svg role="img" aria-label="{_text(block.caption)}"', 1)
                parts.append(f"<figure>{drawn}<figcaption>{_text(block.caption)}</figcaption></figure>")
            case Table():
                parts.append(_html_table(block))
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{_text(title)}</title>\n<style>{_CSS}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _html_table(table: Table) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=w' if place in table.words else ''}>{_text(cell)}</{tag}>"
            for place, cell in enumerate(row)
        )

    lines = [f"<tr>{cells('th', table.head)}</tr>"]
    for place, row in enumerate(table.rows):
        picked = " class=picked" if place == table.picked else ""
        lines.append(f"<tr{picked}>{cells('td', row)}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _text(text: str) -> str:
    return html.escape(plain(text), quote=True)
