"""The document of a run, read back by parsers that are not ours."""

import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from cae_tui.cli.parser import given_fields, make_parser
from engine.documents.document import Figure, Heading, as_html
from engine.documents.read_page import ReadPage
from engine.documents.run import RunDocument
from engine.documents.run_files import write_folder, write_markdown
from engine.documents.run_pictures import examples
from engine.errors import StorageError
from engine.evaluation.results import read_predictions
from engine.exporters import export
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset, spec_fields
from engine.specs.kinds import spec_from_json
from engine.text import loss, percent
from tests.engine.conftest import small, train
from tests.engine.tiny import tiny, tiny_classifier
from tests.engine.training.test_training import Trained
from tests.pets import pets as pets
from tests.pets import write_pets

NAMES = ("<script>alert(1)</script>", "two\nlines", "a|b", "$x_1^2$", "=SUM(A1)", "猫" * 12, "cat", "cat",
         "the-quick-brown-fox-jumps-over-a-lazy-dog", "[x](https://x)", "\x1b[31mred", "7")  # fmt: skip


@pytest.fixture(scope="module")
def of_autoencoder(trained_home: Home, autoencoder: Trained) -> RunDocument:
    return RunDocument(trained_home, autoencoder[0], lambda *_: None)


@pytest.fixture(scope="module")
def of_classifier(trained_home: Home, classifier: Trained) -> RunDocument:
    return RunDocument(trained_home, classifier[0], lambda *_: None)


class Outline(HTMLParser):
    """The headings of a page by level, the tables by their cells, and the words for who sees no figure."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.tables: list[list[str]] = []
        self.alts: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "table":
            self.tables.append([])
        if tag in ("th", "td"):
            self.tables[-1].append(tag)
        if tag == "svg":
            self.alts.append(dict(attrs).get("aria-label") or "")

    def handle_data(self, data: str) -> None:
        self.words += data


def sections(document: RunDocument) -> list[str]:
    return [block.text for block in document.blocks if isinstance(block, Heading) and block.level == 2]


def words_of(svg: str) -> list[str]:
    """What a person reads in a picture, in its order."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_an_autoencoder_s_document_has_what_is_handed_in(of_autoencoder: RunDocument) -> None:
    assert sections(of_autoencoder) == [
        "What was asked", "Data", "Network", "Training", "Result", "Best and worst images",
        "Reconstructions over the epochs", "Time and machine", "How to repeat it",
    ]  # fmt: skip
    assert list(of_autoencoder.figures) == ["examples", "network", "curves", "best", "worst", "reconstructions"]


def test_a_classifier_s_document_has_its_classes_and_mistakes(of_classifier: RunDocument, classifier: Trained) -> None:
    assert list(of_classifier.figures) == [
        "examples",
        "network",
        "curves",
        "class-errors",
        "confusion",
        "how-sure",
        "predictions",
    ]
    text = of_classifier.as_markdown("x").replace("\\", "")
    report = classifier[1].report
    for row in report.rows:
        assert f"| {row.precision:.4f} | {row.recall:.4f} | {row.f1:.4f} | {row.support} |" in text
    assert f"| macro avg | {report.macro.precision:.4f} " in text
    counts = [count for row in report.confusion for count in row if count]
    assert [int(words) for words in words_of(of_classifier.figures["confusion"])[-len(counts) :]] == counts


@pytest.mark.parametrize("kind", ["of_autoencoder", "of_classifier"])
def test_a_page_is_whole_and_in_order_and_tells_its_figures_in_words(kind: str, request: pytest.FixtureRequest) -> None:
    document: RunDocument = request.getfixturevalue(kind)
    page = document.as_html()
    read, outline = ReadPage(page), Outline(page)
    assert read.whole
    assert read.figures == len(document.figures) == page.count("<figure>")
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False))
    assert all("th" in cells for cells in outline.tables)
    assert all(len(alt) > 20 for alt in outline.alts)
    assert len(set(outline.alts)) == len(document.figures)
    ids = re.findall(r'\bid="([^"]+)"', page)
    # What matplotlib names and nobody refers to.
    parts = re.compile("figure|patch|axes|matplotlib|[xy]tick|line2d|text|legend|LineCollection")
    named = [name for name in ids if not parts.match(name)]
    assert len(named) == len(set(named))  # or a figure would be drawn with another's shapes


@pytest.mark.parametrize("kind", ["of_autoencoder", "of_classifier"])
def test_figures_take_the_colours_of_the_page_that_they_are_in(kind: str, request: pytest.FixtureRequest) -> None:
    document: RunDocument = request.getfixturevalue(kind)
    page = document.as_html()
    dark = re.search(r"prefers-color-scheme: dark\) \{ :root \{(.*?)\}", page, re.DOTALL)
    assert dark is not None
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    light = re.search(r":root \{(.*?)\}", page, re.DOTALL)
    assert light is not None
    assert used <= {name for name in used if f"{name}:" in light[1] and f"{name}:" in dark[1]}
    assert {"--ink", "--page", "--colour-0"} <= used
    assert "var(" not in "".join(document.figures.values())  # which files have, that other programs read


def test_what_differs_from_the_preset_is_marked_with_the_preset_s_value(of_autoencoder: RunDocument) -> None:
    text = of_autoencoder.as_markdown("x")
    assert "The nearest preset is Recommended. In 4 values the run differs from it" in text
    for title, value, usual in (("Epochs", 2, 20), ("Convolutional layers", 6, 10), ("Kernels per layer", 8, 32)):
        assert f"| **{title}** | **{value}** | **{usual}** |" in text
    assert "| Kernel size | 3 pixels |  |" in text


def test_the_best_and_the_worst_are_those_of_lowest_and_highest_error(
    of_autoencoder: RunDocument, autoencoder: Trained
) -> None:
    errors = read_predictions(autoencoder[0]).errors
    assert errors is not None
    ordered = [loss(float(error)) for error in np.sort(errors)]
    labels = ["original", "this run"]
    for name, expected in (("best", ordered[:10]), ("worst", ordered[:-11:-1])):
        found = words_of(of_autoencoder.figures[name])
        assert [word for word in found if word[0].isdigit()] == expected
        assert [word for word in found if word in labels] == labels


def test_a_classifier_s_surest_mistakes_come_first(of_classifier: RunDocument, classifier: Trained) -> None:
    found = read_predictions(classifier[0])
    assert found.probabilities is not None
    said = words_of(of_classifier.figures["predictions"])
    sure = [float(words.split()[-2]) for words in said if words.endswith("%")]
    mistakes = len([words for words in said if "→" in words])
    assert 0 < mistakes <= 10
    true = labels_of(classifier)
    worst = np.sort(found.probabilities.max(1)[found.probabilities.argmax(1) != true])[::-1][:10]
    assert sure[:mistakes] == [float(percent(float(share), 0).split()[0]) for share in worst]
    assert len(sure) == mistakes + 20


def labels_of(classifier: Trained) -> NDArray[np.uint8]:
    """The true classes of its test images."""
    from engine.data.cache import load

    test = load(spec_from_json(classifier[0].read_spec()["spec"]).files).test
    assert test is not None
    assert test.labels is not None
    return test.labels


def test_the_curves_are_told_in_words(of_autoencoder: RunDocument, autoencoder: Trained) -> None:
    epochs = [event for event in autoencoder[2] if isinstance(event, EpochEnded)]
    (figure,) = (block for block in of_autoencoder.blocks if isinstance(block, Figure) and block.name == "curves")
    first, last = (loss(epoch.validation["loss"]) for epoch in (epochs[0], epochs[-1]))
    assert f"The validation loss goes from {first} to {last}" in figure.alt


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_the_last_line_asks_for_the_same_run(kind: str, request: pytest.FixtureRequest) -> None:
    document: RunDocument = request.getfixturevalue(f"of_{kind}")
    run = request.getfixturevalue(kind)[0]
    lines = document.as_markdown("x").rstrip("`\n").splitlines()
    words = shlex.split(lines[-1])
    assert words[:2] == ["cae-tui", kind]
    options = make_parser(kind).parse_args(words[1:])
    spec = spec_from_json(run.read_spec()["spec"])
    asked = preset(type(spec), options.preset, **given_fields(options, kind))
    for field in spec_fields(type(spec)):
        if field.name != "downsamplings":  # written down as a number, and asked for again as auto
            assert getattr(asked, field.name) == getattr(spec, field.name), field.name
    assert lines[-2].startswith("cae-tui autoencoder" if kind == "classifier" else "```")


def test_a_run_that_was_stopped_gets_what_there_is_and_says_so(home: Home, files: dict[str, Path]) -> None:
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    from engine import jobs

    result = jobs.start(home, small(files, epochs=3), stop, flag)
    document = RunDocument(home, home.find(result.id), lambda *_: None)
    text = document.as_markdown("x")
    assert "The run has not finished (stopped, 1 of 3 epochs): this document shows what there is so far." in text
    assert "None yet: a run is measured when it finishes." in text
    assert "**Best validation loss " in text
    assert "Best and worst" not in text
    assert {"network", "curves", "reconstructions"} <= set(document.figures)
    assert ReadPage(document.as_html()).whole


def test_what_is_gone_or_damaged_is_a_sentence_in_its_place(
    trained_home: Home, classifier: Trained, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(trained_home.path, home.path)
    run = home.find(classifier[0].id)
    spec = run.spec.read_text()
    images = str(spec_from_json(run.read_spec()["spec"]).files.images)
    run.spec.write_text(spec.replace(images, str(tmp_path / "gone")))
    document = RunDocument(home, run, lambda *_: None)
    text = document.as_markdown("x").replace("\\", "")
    assert "No examples: The training images of run" in text
    assert "None are shown: The training images of run" in text
    assert {"network", "curves", "class-errors", "confusion", "how-sure"} == set(document.figures)
    assert ReadPage(document.as_html()).whole

    run.spec.write_text("{")
    run.events.write_text("")
    run.predictions.write_bytes(b"x")
    document = RunDocument(home, run, lambda *_: None)
    assert "`spec.json` of the run cannot be read" in document.as_markdown("x").replace("\\", "")
    assert set(document.figures) == {"confusion", "how-sure"}
    assert ReadPage(document.as_html()).whole


def test_names_of_classes_are_words_whatever_signs_are_in_them(pets: None, home: Home, tmp_path: Path) -> None:
    data = str(write_pets(tmp_path / "pets", NAMES, training=240, test=120))
    encoder = train(home, tiny({}, data=data))[0]
    run = train(home, tiny_classifier({}, Path(encoder.id), data=data))[0]
    document = RunDocument(home, run, lambda *_: None)
    page = document.as_html()
    outline = Outline(page)
    assert ReadPage(page).whole
    assert "<script" not in page
    assert "\x1b" not in page
    for name in ("<script>alert(1)</script>", "two lines", "a|b", "$x_1^2$", "=SUM(A1)", "猫" * 12, "[x](https://x)"):
        assert name in outline.words
    for svg in document.figures.values():
        ElementTree.fromstring(svg)


def test_a_set_without_classes_and_one_of_many_show_examples(home: Home, files: dict[str, Path]) -> None:
    from engine.data.datasets import load_dataset
    from engine.specs.data_files import DataFiles

    unlabelled = load_dataset(DataFiles(images=files["images"]))
    figure, _ = examples(unlabelled, np.arange(30))
    assert figure.caption == "The first 20 training images."
    assert examples(unlabelled, np.arange(3))[0].caption == "The first 3 training images."
    labelled = load_dataset(DataFiles(images=files["images"], labels=files["labels"]))
    for noisy, says in ((False, "as the network gets them."), (True, "before noise is put on them.")):
        figure, _ = examples(labelled, np.arange(30), noisy=noisy)
        assert figure.caption.endswith(f"a class in each row, {says}")


def test_a_denoisers_examples_are_told_to_be_without_its_noise(home: Home, files: dict[str, Path]) -> None:
    run = train(home, small(files, noise="gaussian", epochs=1))[0]
    assert "a class in each row, before noise is put on them." in RunDocument(home, run, lambda *_: None).as_html()


# -- files ----------------------------------------------------------------------------------------


def test_a_folder_has_the_page_and_markdown_with_its_figures(
    trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    files = write_folder(trained_home, autoencoder[0], tmp_path / "to hand in", lambda *_: None)
    folder = tmp_path / "to hand in"
    assert files == [folder / "report.html", folder / "report.md"]
    named = re.findall(r"\]\((figures/[\w.-]+)\)", files[1].read_text())
    assert {folder / name for name in named} == set((folder / "figures").iterdir())
    for path in (folder / "figures").iterdir():
        ElementTree.parse(path)
    assert ReadPage(files[0].read_text()).figures == len(named)
    with pytest.raises(StorageError, match="already exists and is not overwritten"):
        write_folder(trained_home, autoencoder[0], folder, lambda *_: None)


def test_markdown_finds_its_figures_beside_it_whatever_it_is_called(
    trained_home: Home, autoencoder: Trained, tmp_path: Path
) -> None:
    text, folder = write_markdown(trained_home, autoencoder[0], tmp_path / "a (b).md", lambda *_: None)
    assert (text.name, folder.name) == ("a (b).md", "a (b)-figures")
    named = re.findall(r"\]\((a%20%28b%29-figures/[\w.-]+)\)", text.read_text())
    assert {tmp_path / name.replace("%20", " ").replace("%28", "(").replace("%29", ")") for name in named} == set(
        folder.iterdir()
    )
    text.unlink()
    with pytest.raises(StorageError, match="a \\(b\\)-figures already exists"):
        write_markdown(trained_home, autoencoder[0], text, lambda *_: None)
    assert not text.exists()


def test_a_document_that_is_given_up_leaves_nothing(trained_home: Home, autoencoder: Trained, tmp_path: Path) -> None:
    def give_up(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    run = autoencoder[0]
    with pytest.raises(KeyboardInterrupt):
        export(trained_home, "document", [run], tmp_path / "a.html", give_up)
    for write, name in ((write_markdown, "a.md"), (write_folder, "a")):
        with pytest.raises(KeyboardInterrupt):
            write(trained_home, run, tmp_path / name, give_up)
    assert list(tmp_path.iterdir()) == []


def test_markdown_that_cannot_be_renamed_takes_its_figures_with_it(
    trained_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    replace = os.replace

    def refuse(old: Path, new: Path) -> None:
        if str(new).endswith(".md"):
            raise PermissionError(13, "Permission denied")
        replace(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        write_markdown(trained_home, autoencoder[0], tmp_path / "a.md", lambda *_: None)
    assert list(tmp_path.iterdir()) == []


# -- reading back ---------------------------------------------------------------------------------

DRAWN = {"p": '<svg viewBox="0 0 1 1"></svg>'}
WHOLE = as_html([Heading(1, "a"), Figure("p", "words")], DRAWN, "t")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</main>", ""),
        ("</main>", "<script>alert(1)</script></main>"),
        ("</main>", '<img src="https://example.org/x.png"></main>'),
        ("</main>", '<a href="other.html">x</a></main>'),
        ("</main>", '<a href="#nowhere">x</a></main>'),
        ("<svg ", "<b "),
        ("<figcaption>words</figcaption>", ""),
        (' aria-label="words"', ""),
    ],
)
def test_a_page_that_is_not_whole_is_recognised(old: str, new: str) -> None:
    assert ReadPage(WHOLE).whole
    assert old in WHOLE
    assert not ReadPage(WHOLE.replace(old, new)).whole


def test_an_autoencoder_spec_is_told_with_all_its_fields(of_autoencoder: RunDocument) -> None:
    text = of_autoencoder.as_markdown("x").replace("\\", "")
    groups = ("Hyperparameters", "Optimisation", "Architecture")
    for field in spec_fields(AutoencoderSpec):
        if field.group in groups and field.name != "seed":
            assert re.search(rf"\| (\*\*)?{re.escape(field.title)}(\*\*)? \|", text), field.name


def test_a_denoiser_s_document_shows_noisy_rebuilt_and_clean_images(tmp_path: Path, files: dict[str, Path]) -> None:
    home = Home(tmp_path)
    run, result, _ = train(home, small(files, noise="masked-squares", latent=16, epochs=2))
    document = RunDocument(home, run, lambda *_: None)
    text = " ".join(document.as_markdown("x").replace("\\", "").split())
    assert "Masked squares 0.25 on training images; what is to be rebuilt is the clean image." in text
    assert f"Of images without noise, the error is {loss(result.clean_input.mse)}." in text
    assert "noisy image itself" in text
    assert "in the last row the clean images" in text
    for name in ("best", "worst"):
        shown = words_of(document.figures[name])
        labels = [
            word for word in shown if word in ("noisy", "this run", "clean", "original") or word.startswith("PCA")
        ]
        assert labels == ["noisy", "this run", "PCA, 16 numbers", "clean"]
    over = [word for word in words_of(document.figures["reconstructions"]) if word]
    assert (over[0], over[-1]) == ("noisy", "clean")
