"""A text box of one line, and what is pasted into it."""

from pathlib import Path

import pytest
from textual import events
from textual.app import App, ComposeResult

from cae_tui.widgets.line import Line
from tests.cae_tui.conftest import until


class Host(App[None]):
    def __init__(self, path: bool, value: str = "") -> None:
        super().__init__()
        self._value, self._path = value, path

    def compose(self) -> ComposeResult:
        yield Line(self._value, path=self._path, select_on_focus=False)


async def pasted(text: str, *, path: bool = True, value: str = "") -> tuple[str, list[str]]:
    """What stands in the box afterwards, and what is said."""
    app = Host(path, value)
    async with app.run_test(size=(80, 10)) as pilot:
        app.query_one(Line).focus()
        app.query_one(Line).post_message(events.Paste(text))
        await pilot.pause()
        return app.query_one(Line).value, [notice.message for notice in app._notifications]


@pytest.mark.parametrize("text", ["/a b/c", "/a b/c\n", "/a b/c\r\n", "\n/a b/c\n\n"])
async def test_one_line_is_taken_whatever_blank_lines_are_around_it(text: str) -> None:
    assert await pasted(text) == ("/a b/c", [])


async def test_of_several_paths_the_first_is_taken_and_it_is_said() -> None:
    value, said = await pasted("/a/images\n/a/labels\n\n/a/test\n")
    assert value == "/a/images"
    assert said == ["3 lines were pasted. This field takes one path: the first line is in it."]


async def test_a_path_that_a_terminal_broke_into_lines_is_whole_again(tmp_path: Path) -> None:
    path = tmp_path / "a-name-that-is-long.idx"
    path.write_bytes(b"")
    text = str(path)
    assert await pasted(f"{text[:20]}\n{text[20:]}\n") == (text, [])


async def test_lines_of_a_text_are_joined() -> None:
    assert await pasted("kernels>=32\n  state:finished\n", path=False) == ("kernels>=32 state:finished", [])


async def test_a_paste_goes_where_the_cursor_is_and_nothing_takes_nothing_away() -> None:
    assert await pasted("/c", value="/a/b") == ("/a/b/c", [])
    assert await pasted(" \n", value="/a/b") == ("/a/b", [])


async def test_what_is_typed_fast_is_taken_in_the_order_in_which_it_came() -> None:
    app = Host(path=False, value="20")
    async with app.run_test() as pilot:
        for key in ("end", "8", "backspace", "6", "home", "1"):
            character = key if len(key) == 1 else None
            app.post_message(events.Key(key, character))
        await pilot.pause()
        await until(pilot, lambda: app.query_one(Line).value == "1206")
