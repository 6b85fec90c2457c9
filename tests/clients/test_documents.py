"""Documents in a real browser: light and dark, on a screen, a telephone and A4."""

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.documents.page import INK
from engine.documents.run_files import write_folder
from engine.documents.study import write_report
from engine.runs.directory import Home
from tests.engine.conftest import small, small_classifier, train
from tests.engine.studies.conftest import do, study
from tests.engine.tiny import tiny, tiny_classifier
from tests.idx import first_of_mnist
from tests.pets import write_pets

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")

NAMES = [f"{name} with a name that has no end in sight" for name in "abcdefghijkl"]
A4_WIDTH = round(180 / 25.4 * 96)
"""Pixels between the margins of a printed page."""
KINDS = ("autoencoder", "classifier", "long names", "study")

LOOK = """
<script>
addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")].filter(
    (one) => !one.closest(".wide, pre, svg, table") && one.getBoundingClientRect().right > innerWidth + 1);
  document.documentElement.dataset.found = JSON.stringify({
    asked: performance.getEntriesByType("resource").map((one) => one.name).filter((name) => !name.startsWith("data:")),
    figures: [...document.querySelectorAll("figure > .wide > svg")].map((one) => {
      const box = one.getBoundingClientRect(); return [box.width, box.height]; }),
    images: [...document.querySelectorAll("svg image")].map((one) => {
      const box = one.getBoundingClientRect(); return [box.width, box.height]; }),
    page: document.documentElement.scrollWidth, room: innerWidth, wide: wide.map((one) => one.outerHTML.slice(0, 200)),
    background: getComputedStyle(document.body).backgroundColor,
    text: getComputedStyle(document.querySelector("figure svg text")).fill,
  });
});
</script>
"""
"""What the browser made of the page, told in an attribute that `--dump-dom` writes down; the document has no script."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of two runs on digits, of one with many long names, and of a study."""
    from engine.data.sources import SOURCES

    folder = tmp_path_factory.mktemp("browser")
    home = Home(folder / "home")
    files = first_of_mnist(folder, 600, 200)
    encoder = train(home, small(files, latent=16))[0]
    runs = {"autoencoder": encoder, "classifier": train(home, small_classifier(files, encoder.id))[0]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(SOURCES, "pets", "tests.pets")
        data = str(write_pets(folder / "pets", NAMES, training=240, test=120))
        of_names = train(home, tiny({}, data=data))[0]
        runs["long names"] = train(home, tiny_classifier({}, Path(of_names.id), data=data))[0]
        found = {name: write_folder(home, run, folder / name, lambda *_: None)[0] for name, run in runs.items()}
    directory, record = do(home, study(files, "grid", {"kernels": "2,4", "learning_rate": "0.001,0.01"}, epochs=2))
    found["study"] = write_report(home, directory, record, folder / "study")[1]
    return found


def browse(tmp_path: Path, page: Path, *flags: str, dark: bool = False) -> str:
    """What the browser prints of the page."""
    assert BROWSER is not None
    words = [BROWSER, "--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             *(["--no-sandbox"] if os.geteuid() == 0 else []),
             *(["--blink-settings=preferredColorScheme=0"] if dark else []), *flags, page.as_uri()]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def looked_at(
    tmp_path: Path, page: Path, width: int, *, dark: bool = False, printed: bool = False
) -> dict[str, object]:
    """What the browser made of a copy of the page with `LOOK` in it; `printed`: by the rules for paper."""
    text = page.read_text().replace("</main>", f"{LOOK}</main>")
    if printed:
        assert text.count("@media print") == 1
        text = text.replace("@media print", "@media all")
    copy = tmp_path / "copy.html"
    copy.write_text(text)
    dom = browse(tmp_path, copy, "--dump-dom", f"--window-size={width},1000", dark=dark)
    told = re.search(r'data-found="([^"]*)"', dom)
    assert told is not None
    found: dict[str, object] = json.loads(unescape(told[1]))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_asks_for_nothing_and_has_all_its_figures_in_its_colours(
    kind: str, dark: bool, pages: dict[str, Path], tmp_path: Path
) -> None:
    found = looked_at(tmp_path, pages[kind], 1200, dark=dark)
    assert found["asked"] == []
    assert found["background"] == ("rgb(18, 22, 28)" if dark else "rgb(255, 255, 255)")
    ink = tuple(int(INK[at : at + 2], 16) for at in (1, 3, 5))
    assert found["text"] == ("rgb(230, 235, 241)" if dark else f"rgb{ink}")
    figures, images = found["figures"], found["images"]
    assert isinstance(figures, list)
    assert isinstance(images, list)
    assert len(figures) == pages[kind].read_text().count("<figure>") > 4
    assert all(width > 100 and height > 50 for width, height in figures)
    assert images
    assert all(min(size) > 20 for size in images)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "printed"), [(1200, False), (500, False), (A4_WIDTH, True)])
def test_nothing_is_wider_than_the_page(
    kind: str, width: int, printed: bool, pages: dict[str, Path], tmp_path: Path
) -> None:
    found = looked_at(tmp_path, pages[kind], width, printed=printed)
    assert found["room"] == width
    assert found["wide"] == []
    assert found["page"] == width


@pytest.mark.parametrize("kind", KINDS)
def test_a_screenshot_shows_text_and_figures_on_the_page_s_ground(
    kind: str, pages: dict[str, Path], tmp_path: Path
) -> None:
    for dark, ground in ((False, (255, 255, 255)), (True, (18, 22, 28))):
        picture = tmp_path / "page.png"
        browse(tmp_path, pages[kind], f"--screenshot={picture}", "--window-size=1200,4000", dark=dark)
        pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
        assert pixels.shape == (4000, 1200, 3)
        assert tuple(pixels[5, 5]) == ground
        differs = np.abs(pixels - ground).sum(2) > 60
        assert 0.02 < differs.mean() < 0.5
        assert differs[:400].any()
        coloured = pixels.max(2) - pixels.min(2) > 60
        assert coloured.sum() > 500  # curves, layers


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_printed_on_a4(kind: str, pages: dict[str, Path], tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(tmp_path, pages[kind], "--no-pdf-header-footer", f"--print-to-pdf={paper}", dark=True)
    content = paper.read_bytes()
    sizes = {tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[([\d. ]+)\]", content)}
    (size,) = sizes
    assert size[2] == pytest.approx(595, abs=1.5)
    assert size[3] == pytest.approx(842, abs=1.5)
    assert 2 <= len(re.findall(rb"/Type /Page\b(?!s)", content)) <= 12
