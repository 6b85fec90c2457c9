"""The program's own dark and light theme, and the colours of data.

Training is blue, validation orange, what needs attention pink or purple: three hues that people with any of
the common colour deficiencies tell apart (a test simulates them), all of them legible as text on the
theme's backgrounds. Textual's other themes may be chosen too: they are given the same three.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.theme import Theme

_DARK_DATA = {"cae-training": "#4ba9ff", "cae-validation": "#ff9138", "cae-attention": "#ffb3dd"}
_LIGHT_DATA = {"cae-training": "#0a50c8", "cae-validation": "#963d00", "cae-attention": "#7a0f7a"}

_DARK_SERIES = ("#4ba9ff", "#ff9138", "#2fd19d", "#f29ad6", "#f0e442", "#a9b8c9", "#b79cff", "#ff6f61")
_LIGHT_SERIES = ("#0a50c8", "#963d00", "#00705a", "#a3307f", "#7a6400", "#4a5561", "#5a33b0", "#b3201f")
"""Colours of the curves of a study, after Okabe and Ito; each curve has a marker of its own besides."""

DARK = Theme(
    name="cae-dark",
    primary="#62b0ff",
    secondary="#8fa3b8",
    accent="#62b0ff",
    foreground="#dfe6ee",
    background="#10151c",
    surface="#171e27",
    panel="#222c38",
    success="#5fd08a",
    warning="#ff9138",
    error="#ff7a7a",
    dark=True,
    variables={
        **_DARK_DATA,
        "border": "#62b0ff",
        "border-blurred": "#43536a",
        "block-cursor-background": "#1d3a57",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#202935",
        "block-cursor-blurred-foreground": "#dfe6ee",
        "footer-background": "#171e27",
        "footer-key-foreground": "#62b0ff",
        "footer-description-foreground": "#b4c0cd",
        "input-selection-background": "#62b0ff 35%",
        "button-color-foreground": "#10151c",
    },
)

LIGHT = Theme(
    name="cae-light",
    primary="#0a55a5",
    secondary="#4d5f73",
    accent="#0a55a5",
    foreground="#18202a",
    background="#fbfcfd",
    surface="#f1f4f7",
    panel="#e2e8ef",
    success="#116b35",
    warning="#963d00",
    error="#b3201f",
    dark=False,
    variables={
        **_LIGHT_DATA,
        "border": "#0a55a5",
        "border-blurred": "#a9b6c5",
        "block-cursor-background": "#cfe1f6",
        "block-cursor-foreground": "#18202a",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#e8edf3",
        "block-cursor-blurred-foreground": "#18202a",
        "footer-background": "#f1f4f7",
        "footer-key-foreground": "#0a55a5",
        "footer-description-foreground": "#3c4a5a",
        "input-selection-background": "#0a55a5 25%",
        "button-color-foreground": "#ffffff",
    },
)

THEMES = (DARK, LIGHT)

STRONGEST, FAINTEST = 0.7, 0.06
"""How much of the attention colour there is behind what needs it most, and behind what hardly does."""

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class DataColours:
    """The colours of data as red, green, blue, for what cannot read a theme's variables."""

    training: Rgb
    validation: Rgb
    attention: Rgb


def data_variables(dark: bool) -> dict[str, str]:
    """The three variables, for themes that do not have them."""
    return _DARK_DATA if dark else _LIGHT_DATA


def data_colours(app: App[Any]) -> DataColours:
    """The colours of data in the theme that is on."""
    variables = {**data_variables(app.current_theme.dark), **app.theme_variables}
    return DataColours(*(Color.parse(variables[name]).rgb for name in _DARK_DATA))


def attention(variables: Mapping[str, str], background: Color, strength: float) -> Style:
    """Text on a background that draws the eye, the more the nearer `strength` is to 1; legible on all of them."""
    under = background.blend(Color.parse(variables["cae-attention"]), max(STRONGEST * strength, FAINTEST))
    over = under.get_contrast_text(0.95)
    return Style(color=under.blend(over, over.a).rich_color, bgcolor=under.rich_color)


def series_colours(app: App[Any]) -> tuple[Rgb, ...]:
    """The colours of curves that are compared, on the background that is on."""
    return tuple(Color.parse(name).rgb for name in (_DARK_SERIES if app.current_theme.dark else _LIGHT_SERIES))


_DARK_CLASSES = (
    "#4ba9ff", "#ff9138", "#2fd19d", "#f29ad6", "#f0e442", "#b79cff", "#ff6f61", "#a9b8c9", "#7fd6ff", "#b5cf4f",
)  # fmt: skip
_LIGHT_CLASSES = (
    "#0a50c8", "#963d00", "#00705a", "#a3307f", "#7a6400", "#5a33b0", "#b3201f", "#4a5561", "#006b8f", "#4d6600",
)  # fmt: skip


def class_colours(app: App[Any], count: int) -> tuple[Rgb, ...]:
    """A colour for each of so many classes; of more than ten, hues that go round and are told apart by name or sign."""
    dark = app.current_theme.dark
    if count <= len(_DARK_CLASSES):
        return tuple(Color.parse(name).rgb for name in (_DARK_CLASSES if dark else _LIGHT_CLASSES)[:count])
    lightness = (0.72, 0.6) if dark else (0.38, 0.28)
    return tuple(Color.from_hsl(label * 7 % count / count, 0.7, lightness[label % 2]).rgb for label in range(count))
