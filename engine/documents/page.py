"""How a document looks as a page: its style sheet, and the colours of its figures there.

A page is light or dark as its reader has it, and light on paper. Figures are drawn in the colours of a light page; in a
page each of these becomes a variable that has another value in the dark. A figure in a file of its own keeps them.
"""

import re

INK, MIDDLE, GRID, PAGE = "#1a1f26", "#7b8794", "#dde2e8", "#ffffff"
"""Text and axes, what stands back, what stands back furthest, and what is behind everything."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d1f")
"""Those of Okabe and Ito, which people with any of the common colour deficiencies tell apart, and a brown."""
_DARK_COLOURS = ("#4aa8e8", "#ff8a4c", "#2fc79a", "#e6a3c8", "#f2bf4a", "#9bd5f8", "#f2f4f7", "#c9aa5c")

_LIGHT = {INK: "ink", MIDDLE: "middle", GRID: "grid", PAGE: "page"} | {
    colour: f"colour-{place}" for place, colour in enumerate(COLOURS)
}
"""What each colour of a figure is called in a page."""
_DARK = {"ink": "#e6ebf1", "middle": "#8593a3", "grid": "#2f3842", "page": "#12161c"} | {
    f"colour-{place}": colour for place, colour in enumerate(_DARK_COLOURS)
}
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")


def in_page_colours(svg: str) -> str:
    """An `<svg>` element, its colours those of the page that it stands in; what it says is left as it is."""

    def variable(found: re.Match[str]) -> str:
        name = _LIGHT.get(found[0])
        return found[0] if name is None else f"var(--{name})"

    # Signs that begin or end an element are escaped in a text, so between these two are no words of anybody.
    return re.sub(r"<[^<>]+>", lambda tag: _COLOUR.sub(variable, tag[0]), svg)


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


CSS = f"""
:root {{ color-scheme: light dark; {_variables({name: colour for colour, name in _LIGHT.items()})}
  --soft: #4d5966; --rule: #cbd3dc; --line: #e4e9ee; --panel: #f4f6f9; --mark: #e8f2fb; --link: #0b5f9e; }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(_DARK)}
  --soft: #a6b2bf; --rule: #3c4753; --line: #28303a; --panel: #1a2028; --mark: #1a2d40; --link: #79bdf5; }} }}
* {{ box-sizing: border-box; }}
body {{ font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: var(--ink);
  background: var(--page); max-width: 54rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: break-word; }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }}
h2 {{ font-size: 1.35rem; line-height: 1.3; margin: 3rem 0 1rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--rule); }}
h3 {{ font-size: 1.05rem; margin: 2rem 0 .5rem; }}
p {{ margin: .75rem 0; }}
.lead {{ font-size: 1.2rem; line-height: 1.4; font-weight: 600; }}
nav {{ display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 1.5rem 0 0; padding: .6rem .9rem; font-size: .9rem;
  background: var(--panel); border-radius: .4rem; }}
a {{ color: var(--link); text-decoration: none; }} a:hover {{ text-decoration: underline; }}
ul {{ padding-left: 1.3rem; }} li {{ margin: .2rem 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .9rem; line-height: 1.4; font-variant-numeric: tabular-nums;
  margin: 1rem 0; }}
th, td {{ padding: .28rem .9rem .28rem 0; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; font-weight: 400; }}
th:not(:first-child), td:not(:first-child) {{ padding-left: .4rem; }}
thead th {{ border-bottom: 2px solid var(--rule); color: var(--soft); font-weight: 600; }}
.w {{ text-align: left; }} td.w {{ white-space: normal; overflow-wrap: anywhere; min-width: 6em; }}
tr.picked > * {{ font-weight: 700; background: var(--mark); }}
tr > *:first-child {{ padding-left: .5rem; }}
tbody th {{ min-width: 5em; }} .facts th {{ color: var(--soft); }} .facts td {{ white-space: normal; width: 100%; }}
pre {{ background: var(--panel); padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.4;
  border-radius: .4rem; }}
figure {{ margin: 1.5rem 0; break-inside: avoid; }}
figure svg {{ max-width: 100%; height: auto; display: block; }}
figcaption {{ font-size: .88rem; line-height: 1.45; color: var(--soft); margin-top: .5rem; }}
@media (max-width: 40rem) {{ body {{ font-size: 15px; padding-top: 1.25rem; }} h1 {{ font-size: 1.6rem; }}
  figure svg {{ max-width: none; }} }}
@page {{ size: A4; margin: 16mm 15mm; }}
@media print {{ body {{ max-width: none; padding: 0; font-size: 10pt; }} nav {{ display: none; }}
  .wide, pre {{ overflow: visible; }} figure svg {{ max-width: 100%; max-height: 240mm; }}
  table {{ font-size: 8.5pt; }} th, td {{ white-space: normal; padding: .6mm 2mm .6mm 0; }}
  .facts th {{ white-space: nowrap; }} thead th {{ overflow-wrap: normal; }}
  pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8pt; }}
  h1, h2, h3 {{ break-after: avoid; }} h2 {{ margin-top: 9mm; }} tr, li, pre {{ break-inside: avoid; }}
  thead {{ display: table-header-group; }} tr.picked > * {{ print-color-adjust: exact; }}
  a {{ color: inherit; }} }}
"""
