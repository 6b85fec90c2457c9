"""The document and the CSV of a study, read back by parsers that are not ours."""

import csv
import io
import json
import re
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from cae_tui.cli.parser import make_parser
from cae_tui.cli.study_cli import study_asked
from engine.documents.document import Block, Code, Figure, Heading, Paragraph, Table, as_html, as_markdown
from engine.documents.read_page import ReadPage
from engine.documents.study import trials_csv, write_report
from engine.documents.study_figures import stage_figures
from engine.documents.style import svg
from engine.errors import StorageError
from engine.protocol.control import Flag
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset, spec_fields
from engine.studies.chart_data import axis_of, pareto
from engine.studies.command import as_command
from engine.studies.planning import create
from engine.studies.records import PointRecord, StageRecord, StudyDirectory, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study, study_from_json
from engine.studies.tables import time_column
from engine.text import plain
from tests.cae_tui.study_script import grid, repeated
from tests.engine.conftest import small_classifier, train
from tests.engine.studies.conftest import do, study

Done = tuple[Home, StudyDirectory, StudyRecord]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Done:
    """A guided study with repeats, and a classifier on its last encoder; look, but do not touch."""
    home = Home(tmp_path_factory.mktemp("reported"))
    values = {"kernels": "4,8", "epochs": "2"}
    directory, record = do(home, study(files, "guided", values, schedule="constant", epochs=1, repeats=2))
    train(home, small_classifier(files, record.trials[-1].run))
    return home, directory, record


class Page(HTMLParser):
    """Counts tags, and fails on one that is closed wrongly or that would fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href"):
                assert value is not None
                assert value.startswith(("#", "data:", "runs/")), value
                self.links += [value] * value.startswith("runs/")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "link", "br"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_document_holds_what_people_write_by_hand(done: Done, tmp_path: Path) -> None:
    home, directory, record = done
    files = write_report(home, directory, record, tmp_path / "to" / "there")
    assert [path.name for path in files] == ["report.md", "report.html", "trials.csv"]
    markdown, page = files[0].read_text(), Page()
    page.feed(files[1].read_text())
    assert page.open == []
    assert "script" not in page.tags
    for text in (markdown.replace("\\", ""), page.text):
        assert "Stage 1: kernels" in text
        assert "Stage 2: epochs" in text
        assert all(stage.reason in text for stage in record.stages)
        assert "Each seed" in text
        assert "Final hyperparameters" in text
        assert "macro avg" in text
        assert as_command(study_from_json(record.spec)) in text
        assert record.device in text
        assert f"torch {record.versions['torch']}" in text
    pictures = re.findall(r"\]\((figures/[\w.-]+)\)", markdown)
    assert len(pictures) == page.tags.count("figure") > 5
    assert {"figures/confusion.svg", "figures/predictions.svg", "figures/reconstructions.svg"} <= set(pictures)
    for name in pictures:
        ElementTree.parse(files[0].parent / name)
    # In one page every id is there once, so that no figure is drawn with another's shapes.
    ids = re.findall(r'<(?:path|clipPath|image)[^>]* id="([^"]+)"', files[1].read_text())
    assert len(ids) == len(set(ids))


def test_the_documents_of_the_runs_that_were_picked_are_beside_it_and_it_leads_to_them(
    done: Done, tmp_path: Path
) -> None:
    home, directory, record = done
    steps: list[tuple[int, int]] = []
    files = write_report(home, directory, record, tmp_path, lambda *step: steps.append(step))
    page = Page()
    page.feed(files[1].read_text())
    picked = [stage.points[stage.pick].trials[0].run for stage in record.stages if stage.pick is not None]
    (classifier,) = (run.id for run in home.list_runs() if run.kind == "classifier")
    expected = list(dict.fromkeys([*picked, classifier]))
    assert page.links == [f"runs/{name}.html" for name in expected]
    assert all(f"]({link})" in files[0].read_text() for link in page.links)
    assert {path.stem for path in (tmp_path / "runs").iterdir()} == set(expected)
    assert all(ReadPage((tmp_path / link).read_text()).whole for link in page.links)
    assert {step[1] for step in steps} == {len(expected)}

    gone = StudyDirectory(directory.path)
    alone = write_report(Home(tmp_path / "empty"), gone, record, tmp_path / "alone")[1].read_text()
    assert "Documents of its runs" not in alone  # which would lead nowhere


def test_nothing_is_written_of_a_document_that_is_given_up(done: Done, tmp_path: Path) -> None:
    def give_up(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(*done, tmp_path / "none", give_up)
    assert not (tmp_path / "none").exists()


def test_the_document_is_the_same_each_time_and_goes_beside_the_study(done: Done) -> None:
    home, directory, record = done
    first = [path.read_bytes() for path in write_report(home, directory, record)]
    again = write_report(home, directory, record)
    assert again[0].parent == directory.report
    assert [path.read_bytes() for path in again] == first


def test_a_document_says_what_it_could_not_read_of_the_runs(done: Done, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(done[0].path, home.path)
    directory, record = StudyDirectory(home.path / done[1].path.relative_to(done[0].path)), done[2]
    for run in map(home.find, home.ids()):
        for path in (*run.samples.iterdir(), run.predictions):
            path.write_bytes(path.read_bytes()[:200])
    markdown = write_report(home, directory, record, tmp_path / "first")[0].read_text()
    assert "No reconstructions: " in markdown
    assert "No sample predictions: " in markdown
    assert "macro avg" in markdown
    for run in map(home.find, home.ids()):
        run.result.write_text('{"id": 3}')
    assert "No classifier: " in write_report(home, directory, record, tmp_path / "second")[0].read_text()


def test_the_csv_has_every_trial_with_every_field_and_metric(done: Done, tmp_path: Path) -> None:
    home, directory, record = done
    rows = list(csv.DictReader(io.StringIO(write_report(home, directory, record, tmp_path)[2].read_text())))
    assert len(rows) == len(record.trials)
    names = {field.name for field in spec_fields(AutoencoderSpec)} - {"data"} | {"spec_data"}
    assert names <= set(rows[0])
    for row, trial in zip(rows, record.trials, strict=True):
        assert float(row["best_validation_loss"]) == trial.best_loss
        assert int(row["seed"]) == trial.seed
        assert row["run"] == trial.run
        assert (row["best_stage"], int(row["best_epoch"])) == ("autoencoder", trial.best_epoch)
        assert (row["data"], row["data_digest"]) == (record.data["name"], record.data["digest"])
    assert [row["kernels"] for row in rows[:4]] == ["4", "4", "8", "8"]


def test_what_the_document_says_to_type_is_the_same_study(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    home, _, record = done
    spec = study_from_json(record.spec)
    words = shlex.split(as_command(spec))
    assert words[:2] == ["cae-tui", "study"]
    asked = study_asked(make_parser("study").parse_args(words[1:]), home, "autoencoder")
    assert asked == spec
    for mode, values in (("one", {"layers": "8,10"}), ("search", {"kernels": "8..32"}), ("guided", {})):
        wanted = make_study(
            mode, preset(AutoencoderSpec, "report", epochs=20), values, repeats=3, prune="no", rule="lowest"
        )
        words = shlex.split(as_command(wanted))
        assert study_asked(make_parser("study").parse_args(words[1:]), home, "autoencoder") == wanted


def test_a_grid_has_importances_and_parallel_coordinates(home: Home, files: dict[str, Path]) -> None:
    spec = study(files, "grid", {"kernels": "2,4", "learning_rate": "0.001,0.01"}, epochs=1)
    directory, record = do(home, spec)
    markdown = write_report(home, directory, record)[0].read_text()
    assert "figures/importance.svg" in markdown
    assert "figures/stage-1-parallel.svg" in markdown


def test_a_study_that_was_stopped_is_written_as_far_as_it_came(home: Home, files: dict[str, Path]) -> None:
    from engine.protocol.control import Asked
    from tests.engine.studies.test_scheduler import Stopper

    flag = Flag()
    directory = create(home, study(files))
    record = work_on(home, directory, Stopper(flag, 3, Asked.STOP), flag)
    text = write_report(home, directory, record)[0].read_text()
    assert "The study is stopped, so these are its results so far." in text


def test_a_folder_that_cannot_be_written_is_one_sentence(done: Done, tmp_path: Path) -> None:
    home, directory, record = done
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="could not be written"):
        write_report(home, directory, record, tmp_path / "file")


def test_signs_of_markdown_and_html_in_names_are_words() -> None:
    blocks: list[Block] = [Heading(1, "a*b <i>"), Paragraph("x | y_z & “q”"), Code("a < b"), Table(["h|"], [["<b>"]])]
    markdown = as_markdown(blocks, "figures")
    assert "a\\*b \\<i\\>" in markdown
    assert "x \\| y\\_z" in markdown
    page = Page()
    page.feed(as_html(blocks, {}, "<t>"))
    assert "i" not in page.tags
    assert "b" not in page.tags


def test_the_pareto_front_is_what_none_beats_in_both() -> None:
    assert pareto([(2.0, 1.0), (1.0, 3.0), (3.0, 2.0), (2.0, 0.5), (4.0, 0.4)]) == [1, 3, 4]
    assert pareto([]) == []


def test_an_axis_of_a_search_is_its_range(files: dict[str, Path]) -> None:
    spec = study(files, "search", {"learning_rate": "0.001..0.1", "kernels": "4..8"})
    point = PointRecord(values={"learning_rate": "0.01", "kernels": "6"}, trials=[Trial(number=1, seed=0)])
    stage = StageRecord(names=["learning_rate", "kernels"], points=[point])
    heights, labels = axis_of(spec, stage, "learning_rate")
    assert heights["0.01"] == pytest.approx(0.5)
    assert labels == [(0.0, "0.001"), (1.0, "0.1")]
    assert axis_of(spec, stage, "kernels")[0]["6"] == pytest.approx(0.5)


NASTY = (
    "# x", "---", "- x", "1. x", "a | b", "**x**", "<script>alert(1)</script>", "[x](https://x)", "![x](y)", "`x`",
    "~~x~~", "$x$", "&lt;", "a\nb", "a\n\n# b", "```\nx", "\x1b]0;owned\x07", "\u202ex", "\ud800", "=1+1",
    "'\" onload=x", "\\",
)  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_nothing_of_a_file_or_a_person_is_read_as_a_sign_of_markdown_or_html(text: str) -> None:
    blocks: list[Block] = [
        Heading(2, text), Paragraph(text), Table([text, "b"], [[text, text]], picked=frozenset({0})), Code(text),
        Figure("p", text),
    ]  # fmt: skip
    markdown = as_markdown(blocks, "figures")
    markdown.encode()
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown)
    kinds = [token.type for token in tokens if token.nesting >= 0 and token.type != "inline"]
    assert kinds == KINDS
    for token in tokens:
        for child in token.children or ():
            assert child.type in ("text", "strong_open", "strong_close", "em_open", "em_close", "image"), (text, child)
            assert child.type != "image" or child.attrGet("src") == "figures/p.svg"
    assert "\x1b" not in markdown

    page = as_html(blocks, {"p": "<svg></svg>"}, text)
    page.encode()
    reader = Page()
    reader.feed(page)
    assert not reader.open
    assert "script" not in reader.tags
    assert reader.tags.count("h2") == reader.tags.count("pre") == 1
    assert plain(text) in reader.text


KINDS = [
    "heading_open", "paragraph_open", "table_open", "thead_open", "tr_open", "th_open", "th_open", "tbody_open",
    "tr_open", "td_open", "td_open", "fence", "paragraph_open", "paragraph_open",
]  # fmt: skip


def words_of(svg: str) -> list[str]:
    """What a person reads in a picture."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("low", "high", "label"),
    [
        (0.0012, 0.09, "0.01"),
        (0.021, 0.048, "0.03"),
        (0.0701, 0.0709, "0.0705"),
        (3e-7, 4e-5, "1e-06"),
        (2, 900, "100"),
    ],
)
def test_axes_are_told_in_plain_numbers_whatever_the_losses_are(low: float, high: float, label: str) -> None:
    record = grid(points=4)
    stage = record.stages[0]
    for place, point in enumerate(stage.points):
        trial = point.trials[0]
        trial.train = trial.validation = [high, (low * high) ** 0.5, low * (1 + 0.001 * place)]
        trial.best_loss = trial.validation[-1]
    drawn = stage_figures(study_from_json(record.spec), stage, time_column("autoencoder", stage))
    said = {name: words_of(svg(figure, name)) for name, figure in drawn.items()}
    assert label in said["curves"]
    assert label in said["each"]
    for words in said.values():
        assert not [text for text in words if "$" in text or "\\" in text or "{" in text]


def test_no_picture_of_a_document_holds_signs_of_mathematics(done: Done, tmp_path: Path) -> None:
    home, directory, record = done
    write_report(home, directory, record, tmp_path)
    pictures = sorted((tmp_path / "figures").glob("*.svg"))
    assert len(pictures) > 5
    for picture in pictures:
        assert words_of(picture.read_text())
        assert not [text for text in words_of(picture.read_text()) if "$" in text or "\\" in text]


def test_a_name_with_a_dollar_is_drawn_as_it_is() -> None:
    record = grid(points=4)
    point = record.stages[0].points[0]
    point.values = {"kernels": "$\\frac{$", "learning_rate": "1"}  # which mathematics could not be read from
    stage = record.stages[0]
    drawn = stage_figures(study_from_json(record.spec), stage, time_column("autoencoder", stage))
    assert "$\\frac{$" in svg(drawn["curves"], "x")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", " =1", "＝1"])
def test_no_cell_of_the_trials_is_run_by_a_spreadsheet(name: str) -> None:
    record = repeated()
    record.spec["baseline"]["encoder"] = name
    table = csv.DictReader(io.StringIO(trials_csv(record, study_from_json(record.spec))))
    assert {row["encoder"] for row in table} == {f"'{name}"}


def test_a_document_tells_why_a_trial_failed_and_writes_sampled_numbers_short(home: Home, tmp_path: Path) -> None:
    record = grid(points=4)
    for place, point in enumerate(record.stages[0].points):
        point.values = {**point.values, "learning_rate": repr(0.00123456789012345 * (place + 1))}
    record.stages[0].picked = record.stages[0].points[2].values
    failed = record.stages[0].points[0].trials[0]
    failed.state, failed.message, failed.best_loss = "failed", "No memory was left:\ntry fewer kernels.", None
    markdown, _, table = write_report(home, StudyDirectory(home.path), record, tmp_path)
    text = markdown.read_text().replace("\\", "")
    assert "Not trained to the end: 8 kernels, learning_rate 0.001235. No memory was left: try fewer kernels." in text
    without_commands = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "0.003704" in without_commands
    assert "0.00370370367" not in without_commands
    for picture in (tmp_path / "figures").glob("*.svg"):
        assert not [words for words in words_of(picture.read_text()) if re.search(r"\d{7}", words)]
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert float(rows[2]["learning_rate"]) == 0.00370370367037035  # which is what was trained
    assert [row["reason"] for row in rows] == ["No memory was left: try fewer kernels.", "", "", rows[3]["reason"]]


def test_a_study_that_failed_says_why_in_its_document(home: Home, tmp_path: Path) -> None:
    record = grid(points=4)
    record.state, record.message = "failed", "The disk is full."
    text = write_report(home, StudyDirectory(home.path), record, tmp_path)[0].read_text()
    assert "The study is failed, so these are its results so far. The disk is full." in text


def test_what_was_remarked_on_the_images_is_once_near_the_top_of_the_document(home: Home, tmp_path: Path) -> None:
    record = grid(points=4)
    record.data["remarks"] = ["The images are dark.", "All images are the same."]
    text = write_report(home, StudyDirectory(home.path), record, tmp_path)[0].read_text().replace("\\", "")
    for sentence in record.data["remarks"]:
        assert text.count(sentence) == 1
        assert text.index(sentence) < text.index("| hyperparameter")


@pytest.mark.parametrize("data", ["plankton", ""])  # the one that is shown may be of other images than the study
def test_the_document_says_which_data_its_classifier_was_trained_on(done: Done, tmp_path: Path, data: str) -> None:
    home, directory, record = done
    (run,) = (home.find(status.id) for status in home.list_runs() if status.kind == "classifier")
    before = run.result.read_bytes()
    result = json.loads(before)
    run.result.write_text(json.dumps({**result, "data": data}))
    try:
        markdown = write_report(home, directory, record, tmp_path)[0].read_text()
    finally:
        run.result.write_bytes(before)
    trained = f", trained on {data}: test accuracy" if data else ": test accuracy"
    assert f"Run {run.id}, {result['title']}{trained}" in markdown.replace("\\", "")


def test_what_was_remarked_on_a_classifier_is_in_the_document(done: Done, tmp_path: Path) -> None:
    home, directory, record = done
    (run,) = (home.find(status.id) for status in home.list_runs() if status.kind == "classifier")
    before = run.result.read_bytes()
    run.result.write_text(
        json.dumps({**json.loads(before), "remarks": ["Class 3 is never recognised.", "Images are dark."]})
    )
    known = replace(record, data={**record.data, "remarks": ["Images are dark."]})
    try:
        markdown = write_report(home, directory, known, tmp_path)[0].read_text()
    finally:
        run.result.write_bytes(before)
    assert "Class 3 is never recognised." in markdown
    assert markdown.count("Images are dark.") == 1
