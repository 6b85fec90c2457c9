"""A document of headings, sentences, tables, figures and code, as Markdown and as one self-contained HTML file."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from engine.documents.page import CSS, in_page_colours
from engine.text import plain


@dataclass(frozen=True, slots=True)
class Heading:
    """Of level 1, 2 or 3."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain sentences; `lead` are those that a reader should see first."""

    text: str
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences, each by itself."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names, each with its words."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Links:
    """Words, each with the path of a file that lies below the document's folder."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be copied, or a table that is aligned by blanks."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words, picked rows bold, numbers to the right; a first column of words names its rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    picked: frozenset[int] = frozenset()
    words: frozenset[int] = frozenset()  # columns that are no numbers


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure by its file's name; `alt` are words for who cannot see it, the caption where there are no others."""

    name: str
    caption: str
    alt: str = ""


_SIGNS = re.compile(r"[\\`*_|<>\[\]~&$]")
_BEGINNING = re.compile(r"^(\d*)(#+(?=\s|$)|[+-](?=[-+\s]*$|\s)|(?<=\d)[.)](?=\s|$))")
"""What makes a heading, a rule or an item of a list of a line."""

Block = Heading | Paragraph | Bullets | Facts | Links | Code | Table | Figure

MOST_LISTED = 3
"""A document with more sections than this begins with a list of them."""


def as_markdown(blocks: Sequence[Block], folder: str) -> str:
    """The document as Markdown; its figures are files in `folder`."""
    parts = []
    for block in blocks:
        match block:
            case Heading():
                parts.append(f"{'#' * block.level} {_escape(block.text)}")
            case Paragraph(text, lead):
                parts.append(f"**{_escape(text)}**" if lead else _escape(text))
            case Bullets():
                parts.append("\n".join(f"- {_escape(text)}" for text in block.texts))
            case Facts():
                parts.append("\n".join(f"- **{_escape(name)}**: {_escape(text)}" for name, text in block.rows))
            case Links():
                parts.append("\n".join(f"- [{_escape(text)}]({path})" for text, path in block.rows))
            case Code():
                text = plain(block.text).rstrip()
                longest = max((len(run) for run in re.findall("`+", text)), default=0)
                fence = "`" * max(3, longest + 1)  # nothing in the text ends it
                parts.append(f"{fence}\n{text}\n{fence}")
            case Figure():
                alt = _escape(block.alt or block.caption)
                parts.append(f"![{alt}]({quote(folder)}/{block.name}.svg)\n\n*{_escape(block.caption)}*")
            case Table():
                rule = [":--" if place in block.words else "--:" for place in range(len(block.head))]
                lines = [_row([_escape(title) for title in block.head]), _row(rule)]
                for place, row in enumerate(block.rows):
                    cells = [_escape(cell) for cell in row]
                    picked = place in block.picked
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
    """The document as one HTML file; `figures` are `<svg>` elements by name, in the colours of light pages."""
    sections = [block.text for block in blocks if isinstance(block, Heading) and block.level == 2]
    listed = len(sections) > MOST_LISTED
    parts = []
    number = 0
    for block in blocks:
        match block:
            case Heading(1, text):
                parts.append(f"<h1>{_text(text)}</h1>")
            case Heading(2, text):
                if listed and not number:
                    parts.append(_contents(sections))
                number += 1
                parts.append(f'<h2 id="section-{number}">{_text(text)}</h2>')
            case Heading(level, text):
                parts.append(f"<h{level}>{_text(text)}</h{level}>")
            case Paragraph(text, lead):
                parts.append(f"<p{' class=lead' if lead else ''}>{_text(text)}</p>")
            case Bullets():
                parts.append("<ul>" + "".join(f"<li>{_text(text)}</li>" for text in block.texts) + "</ul>")
            case Facts():
                parts.append(_html_facts(block))
            case Links():
                lines = (f'<li><a href="{_text(path)}">{_text(text)}</a></li>' for text, path in block.rows)
                parts.append(f"<ul>{''.join(lines)}</ul>")
            case Code():
                parts.append(f"<pre>{_text(block.text.rstrip())}</pre>")
            case Figure():
                alt = _text(block.alt or block.caption)
                drawn = in_page_colours(figures[block.name]).replace("<svg", f'<svg role="img" aria-label="{alt}"', 1)
                parts.append(
                    f'<figure><div class="wide">{drawn}</div><figcaption>{_text(block.caption)}</figcaption></figure>'
                )
            case Table():
                parts.append(_html_table(block))
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="data:,">\n<title>{_text(title)}</title>\n<style>{CSS}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _contents(sections: Sequence[str]) -> str:
    links = (f'<a href="#section-{place}">{_text(name)}</a>' for place, name in enumerate(sections, start=1))
    return f'<nav aria-label="Sections">{" ".join(links)}</nav>'


def _html_facts(facts: Facts) -> str:
    rows = (f'<tr><th scope="row" class=w>{_text(name)}</th><td class=w>{_text(words)}</td></tr>'
            for name, words in facts.rows)  # fmt: skip
    return f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'


def _html_table(table: Table) -> str:
    def cells(row: Sequence[str]) -> str:
        found = ""
        for place, cell in enumerate(row):
            kind = " class=w" if place in table.words else ""
            names_row = place == 0 and bool(kind) and bool(cell)
            found += f'<th scope="row"{kind}>{_text(cell)}</th>' if names_row else f"<td{kind}>{_text(cell)}</td>"
        return found

    head = "".join(
        f'<th scope="col"{" class=w" if place in table.words else ""}>{_text(title)}</th>'
        for place, title in enumerate(table.head)
    )
    lines = (
        f"<tr{' class=picked' if place in table.picked else ''}>{cells(row)}</tr>"
        for place, row in enumerate(table.rows)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _text(text: str) -> str:
    return html.escape(plain(text), quote=True)
