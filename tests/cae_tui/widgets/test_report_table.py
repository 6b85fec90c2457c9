import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.style import Style

from cae_tui.cli.output_console import OutputConsole
from cae_tui.widgets.report_table import HEADS, PrintedReport, ReportTable, share
from engine.results.result import ClassificationReport
from engine.storage.typed_json import record_of
from tests.cae_tui.script import scripted_report


def report_of(rows: Sequence[tuple[float, float, float, int]], names: Sequence[str] = ()) -> dict[str, Any]:
    """A report with those precisions, recalls, F1 scores and supports."""
    made: list[dict[str, Any]] = [
        {"name": names[place] if names else f"Class {place}", "precision": precision, "recall": recall, "f1": f1,
         "support": support, "label": place}
        for place, (precision, recall, f1, support) in enumerate(rows)
    ]  # fmt: skip
    total = sum(row[3] for row in rows)
    mean = {
        score: sum(row[place] for row in rows) / len(rows) for place, score in enumerate(("precision", "recall", "f1"))
    }
    return {
        "rows": made,
        "accuracy": mean["recall"],
        "macro": {"name": "macro avg", **mean, "support": total},
        "weighted": {"name": "weighted avg", **mean, "support": total},
    }


def read(report: dict[str, Any]) -> ClassificationReport:
    return record_of(ClassificationReport, {"correct": 0, "incorrect": 0, "text": "", "confusion": [], **report})


def printed(report: dict[str, Any], width: int = 80, **options: Any) -> str:
    out = io.StringIO()
    OutputConsole(file=out, width=width, **options).print(PrintedReport(read(report)), crop=False)
    return out.getvalue()


def plain(level: float) -> Style:
    return Style()


# -- decimals -------------------------------------------------------------------------------------


def test_three_decimals_are_enough_where_they_tell_the_classes_apart() -> None:
    assert ReportTable(read(report_of([(0.9, 0.95, 0.92, 10), (0.8, 0.85, 0.82, 10)]))).decimals == 3


def test_there_are_as_many_decimals_as_tell_two_classes_apart() -> None:
    assert ReportTable(read(report_of([(0.99, 0.99121, 0.99, 10), (0.99, 0.99122, 0.99, 10)]))).decimals == 5


def test_the_lowest_value_looks_like_no_other() -> None:
    rows = [(0.9908, 0.999, 0.995, 10), (0.9911, 0.998, 0.994, 10)]
    table = ReportTable(read(report_of(rows)))
    assert table.decimals == 4
    assert table.weakest == "weakest: 0 (precision 0.9908)"


def test_rows_that_are_the_same_need_no_more_decimals() -> None:
    assert ReportTable(read(report_of([(0.9, 0.9, 0.9, 10)] * 3))).decimals == 3


def test_nothing_is_rounded_up_to_one_or_down_to_nothing() -> None:
    rows = [(0.99996, 1.0, 0.99998, 25_000), (1.0, 1.0, 1.0, 25_000), (1.0, 0.00004, 0.0001, 9)]
    table = ReportTable(read(report_of(rows)))
    cells = [[cell.plain for cell in table.cells(line, plain)] for line in table.lines]
    assert cells[0][1:4] == ["0.99996", "1.00000", "0.99998"]
    assert cells[2][2] == "0.00004"


@pytest.mark.parametrize(
    ("score", "decimals", "text"),
    [(1.0, 3, "1.000"), (0.9999999, 6, "0.999999"), (0.9996, 3, "0.999"), (0.0, 3, "0.000"), (1e-9, 6, "0.000001"),
     (1 - 1e-15, 3, "1.000"), (0.9914, 3, "0.991"), (None, 3, "")],
)  # fmt: skip
def test_a_share_is_written_so(score: float | None, decimals: int, text: str) -> None:
    assert share(score, decimals) == text


# -- the weakest ----------------------------------------------------------------------------------


def test_the_weakest_class_is_told_in_words() -> None:
    assert ReportTable(read(scripted_report())).weakest == "weakest: 4 (recall 0.9908)"


def test_classes_that_are_as_weak_are_named_together() -> None:
    rows = [(1.0, 0.5, 0.66, 2)] * 2 + [(1.0, 1.0, 1.0, 2)]
    assert ReportTable(read(report_of(rows))).weakest == "weakest: 0, 1 (recall 0.500)"
    assert (
        ReportTable(read(report_of([(1.0, 0.5, 0.66, 2)] * 5))).weakest == "weakest: 0, 1, 2 and 2 more (recall 0.500)"
    )


def test_a_class_without_an_image_is_not_the_weakest() -> None:
    rows = [(0.0, 0.0, 0.0, 0), (0.9, 0.8, 0.85, 10), (1.0, 1.0, 1.0, 10)]
    assert ReportTable(read(report_of(rows))).weakest == "weakest: 1 (recall 0.800)"
    perfect = [rows[0], rows[2], rows[2]]
    assert ReportTable(read(report_of(perfect))).weakest == "weakest: none, all classes with images are at 1"


def test_without_a_mistake_no_class_is_weakest_and_none_is_shaded() -> None:
    table = ReportTable(read(report_of([(1.0, 1.0, 1.0, 5)] * 3)))
    assert table.weakest == "weakest: none, every value is 1"
    assert table.level(1.0) == 0


def test_the_lower_a_value_the_more_it_is_shaded_and_the_shorter_its_bar() -> None:
    table = ReportTable(read(report_of([(0.6, 1.0, 0.75, 5), (0.8, 0.9, 0.85, 5), (1.0, 1.0, 1.0, 5)])))
    levels: list[float] = []

    def shade(level: float) -> Style:
        levels.append(level)
        return Style()

    bars = [table.cells(line, shade, 20)[5].plain for line in table.lines]
    assert levels[0] == 1
    assert levels[3] == pytest.approx(0.5)
    assert levels[6:] == [0, 0, 0]
    assert [len(bar) for bar in bars] == sorted({len(bar) for bar in bars})
    assert table.bar_head == "0.5–1"
    assert len(bars[2]) == 20


# -- as it is printed -----------------------------------------------------------------------------


def test_the_printed_table_is_aligned_and_has_whole_supports() -> None:
    lines = printed(scripted_report()).splitlines()
    assert lines[0].split() == [*HEADS, "0.99–1"]
    rows = [line for line in lines if line.startswith("Class ")]
    for place, row in enumerate(scripted_report()["rows"]):
        assert rows[place].split()[1:6] == [
            str(place), *(f"{row[score]:.4f}" for score in ("precision", "recall", "f1")), f"{row['support']:,}",
        ]  # fmt: skip
    averages = [line for line in lines if line.startswith(("accuracy", "macro avg", "weighted avg"))]
    assert averages[0].split() == ["accuracy", "0.9961", "10,000"]
    for head in HEADS[1:]:  # numbers end where their heads do
        end = lines[0].index(head) + len(head)
        assert all(line[end - 1].isdigit() and not line[end : end + 1].strip() for line in (*rows, averages[2]))


@pytest.mark.parametrize("width", [10, 40, 60, 80, 200])
def test_no_width_cuts_a_number_or_a_name(width: int) -> None:
    shown = printed(scripted_report(), width)
    for row in scripted_report()["rows"]:
        assert any(
            line.split()[:5]
            == [*row["name"].split(), *(f"{row[score]:.4f}" for score in ("precision", "recall", "f1"))]
            for line in shown.splitlines()
        )
    assert "…" not in shown


def test_without_colours_nothing_is_lost() -> None:
    coloured = printed(scripted_report(), force_terminal=True, color_system="truecolor")
    assert "\x1b[35m" in coloured
    bare = printed(scripted_report())
    assert "\x1b" not in bare
    assert "weakest: 4 (recall 0.9908)" in bare
    lines = {line.split()[1]: line.count("━") for line in bare.splitlines() if line.startswith("Class ")}
    assert min(lines, key=lambda name: lines[name]) == "4"


def test_two_hundred_classes_are_all_printed() -> None:
    shown = printed(report_of([(0.9, 1 - place / 1000, 0.9, 5) for place in range(200)]))
    assert sum(line.startswith("Class ") for line in shown.splitlines()) == 200


def test_a_long_name_is_cut_with_a_sign() -> None:
    lines = printed(report_of([(0.9, 0.9, 0.9, 5), (0.8, 0.9, 0.9, 5)], ["a" * 60, "b\nc"])).splitlines()
    assert any(line.startswith("a" * 15 + "…" + "a" * 14 + "  ") for line in lines)
    assert any(line.startswith("b c ") for line in lines)
