"""Heads stand over their columns, whatever a list is sorted by, and an arrow says which way."""

from dataclasses import replace

import pytest

from cae_tui.screens.runs import RunsScreen
from cae_tui.screens.study import StudyScreen
from cae_tui.widgets.line_table import LineTable
from cae_tui.widgets.run_table import RunTable, run_columns
from cae_tui.widgets.study_table import StudyTable
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, on_top, scripted_events, until, write_run
from tests.cae_tui.script import scripted_status
from tests.cae_tui.study_script import grid, write_study

SIZES = [(80, 24), (120, 40), (200, 60)]


def drawn(table: LineTable, line: int) -> str:
    return "".join(segment.text for segment in table.render_line(line))


def check_heads(table: LineTable) -> None:
    """Each head and each cell lies within its column, on the same side of it."""
    top = round(table.scroll_offset.y)
    lines = [drawn(table, line) for line in range(1 + min(table.row_count - top, 3))]
    left = table.MARGIN
    for place, head in enumerate(table.heads()):
        texts = [head.title, *(table.text_of(top + row)[place] for row in range(len(lines) - 1))]
        for line, text in zip(lines, texts, strict=True):
            cell = line[left : left + head.width]
            text = text if len(text) <= head.width else f"{text[: head.width - 1]}…"
            assert cell == (text.rjust(head.width) if head.right else text.ljust(head.width)), (head, line)
            assert not line[left + head.width : left + head.width + table.PADDING].strip()
        left += head.width + table.PADDING


def write_runs(home: Home) -> None:
    """Five runs, no two of them alike in any column."""
    for place, state in enumerate(["finished", "stopped", "early-stopped", "diverged", "failed"]):
        events = scripted_events("autoencoder", f"{'abcde'[place]}0f0000000", state=state)
        status = replace(
            scripted_status(events), title=f"{4 + 2 * place} × 32, 3×3, b128", data=f"set {12 - place}",
            data_digest=str(place), epoch=place + 1, seconds=100.0 - place,
            measures={"test_accuracy": 0.9 + place / 100}, best_loss=0.01 * (place + 1),
            last_loss=0.02 * (place + 1), started=1.7e9 + 1000 * (place * 2 % 5),
        )  # fmt: skip
        write_run(home, events, status=status)


@pytest.mark.parametrize("size", SIZES)
async def test_the_heads_of_the_runs_stand_over_their_columns(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    write_runs(home)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        table = app.screen.query_one(RunTable)
        await until(pilot, lambda: table.size.width > 0)
        for column in run_columns():
            for backwards in (False, True):
                table.sort_by(column.name, backwards=backwards)
                check_heads(table)


@pytest.mark.parametrize("column", [column.name for column in run_columns()])
async def test_the_arrow_says_whether_the_smallest_run_is_first(make_app: MakeApp, home: Home, column: str) -> None:
    write_runs(home)
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        table = app.screen.query_one(RunTable)
        smallest = {
            "run": "a", "kind": None, "spec": "a", "data": "e", "val loss": "a", "last": "a", "test acc": "a",
            "test auroc": None, "test AP": None,
            "epochs": "a", "time": "e", "state": "d", "age": "c",
        }[column.removeprefix("Δ ")]  # fmt: skip
        for backwards in (False, True):
            table.sort_by(column, backwards=backwards)
            head = next(head for head in table.heads() if head.name == column)
            first, last = table.rows[0].id[0], table.rows[-1].id[0]
            if smallest is not None:
                assert (first if head.title.endswith("▲") else last) == smallest
            assert head.title[-1] in "▲▼"


@pytest.mark.parametrize("size", SIZES)
async def test_the_heads_of_a_study_stand_over_their_columns(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    record = grid()
    write_study(home, record)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        app.study_acts.open(record.id)
        await until(pilot, on_top(app, StudyScreen))
        table = app.screen.query_one(StudyTable)
        await until(pilot, lambda: table.row_count > 0 and table.size.width > 0)
        for name in [head.name for head in table.heads()]:
            for backwards in (False, True):
                table.sort_by(name, backwards=backwards)
                check_heads(table)
                assert next(h for h in table.heads() if h.name == name).title.endswith("▼" if backwards else "▲")
        table.sort_by("best")
        losses = [record.stages[0].points[place].loss for place, _ in table._shown]
        assert losses == sorted(losses)
