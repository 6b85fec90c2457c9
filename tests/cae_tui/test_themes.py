"""Colours that everyone can tell apart and read, computed and not believed."""

import math
from itertools import combinations
from typing import Any

import pytest
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from cae_tui.app.cae_app import CaeApp
from cae_tui.themes import THEMES, data_colours, data_variables
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp

NAMES = ("cae-training", "cae-validation", "cae-attention")

# Linear RGB as people with a full deficiency see it (Machado, Oliveira and Fernandes 2009).
DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> list[float]:
    return [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in Color.parse(colour).normalized
    ]


def lightness(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((lightness(one), lightness(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: list[float]) -> list[float]:
    red, green, blue = (min(max(part, 0), 1) for part in rgb)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def difference(one: str, other: str, deficiency: str | None) -> float:
    seen = []
    for colour in (one, other):
        rgb = linear(colour)
        if deficiency is not None:
            rgb = [sum(w * part for w, part in zip(row, rgb, strict=True)) for row in DEFICIENCIES[deficiency]]
        seen.append(lab(rgb))
    return math.dist(*seen)


def colours_of(theme: Theme) -> dict[str, Any]:
    return {**theme.to_color_system().generate(), **theme.variables}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("deficiency", [None, *DEFICIENCIES])
def test_the_colours_of_data_are_told_apart_by_everyone(theme: Theme, deficiency: str | None) -> None:
    colours = colours_of(theme)
    for one, other in combinations(NAMES, 2):
        assert difference(colours[one], colours[other], deficiency) > 25, (one, other)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_everything_is_legible(theme: Theme) -> None:
    colours = colours_of(theme)
    behind = ("background", "surface", "panel", "block-cursor-background", "block-cursor-blurred-background")
    for name in (*NAMES, "foreground", "success", "warning", "error", "primary"):
        for ground in behind:
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def test_other_themes_have_the_colours_of_data_too(home: Home) -> None:
    app = CaeApp(home)
    for name, theme in app.available_themes.items():
        app._begin_with(name)
        assert set(NAMES) <= set(app.get_css_variables()), name
        wanted = Color.parse(colours_of(theme).get("cae-training", data_variables(theme.dark)["cae-training"]))
        assert data_colours(app).training == wanted.rgb


async def test_the_theme_is_remembered(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test():
        assert app.theme == "cae-dark"
        app.theme = "cae-light"
    again = CaeApp(home)
    assert again.theme == "cae-light"
    assert again.has_class("-light-mode")
    assert not again.has_class("-dark-mode")
    assert isinstance(again, App)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99, "theme": "cae-light"}', "\x00\xff"])
async def test_damaged_settings_are_a_notice(make_app: MakeApp, home: Home, text: str) -> None:
    home.path.mkdir()
    (home.path / "settings.json").write_text(text)
    app = make_app()
    async with app.run_test():
        assert app.theme == "cae-dark"
        assert any("settings.json cannot be read" in notice.message for notice in app._notifications)


async def test_an_unknown_theme_is_the_default(make_app: MakeApp, home: Home) -> None:
    home.path.mkdir()
    (home.path / "settings.json").write_text('{"theme": "gone"}')
    assert make_app().theme == "cae-dark"
