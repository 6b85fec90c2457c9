"""What a screen does with sizes that cross each other on the way."""

import pytest
from textual import events
from textual.geometry import Size

from cae_tui.screens.dialogs import ConfirmScreen
from tests.cae_tui.conftest import MakeApp


@pytest.mark.parametrize("dialog", [False, True])
async def test_a_size_that_the_terminal_no_longer_has_is_passed_over(make_app: MakeApp, dialog: bool) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        if dialog:
            app.push_screen(ConfirmScreen("Really?"))
        await pilot.pause()
        stale = Size(60, 16)
        app.screen.post_message(events.Resize(stale, stale, stale))
        app.screen.post_message(events.Resize(app.size, app.size, app.size))
        await pilot.pause()
        assert app.screen.size == (100, 30)
        await pilot.resize_terminal(70, 20)
        await pilot.pause()
        assert app.screen.size == (70, 20)


async def test_two_sizes_on_their_way_at_once_do_not_call_each_other_back(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        seen: list[Size] = []
        screen = app.screen
        original = screen._refresh_layout

        def counted(size: Size | None = None, scroll: bool = False) -> None:
            if size is not None:
                seen.append(size)
            original(size, scroll)

        screen._refresh_layout = counted  # type: ignore[method-assign]  # a stand-in
        for width, height in ((60, 16), (100, 30)):
            size = Size(width, height)
            screen.post_message(events.Resize(size, size, size))
            screen.post_message(events.Callback(lambda: None))  # so that the two are not made one
        for _ in range(20):
            await pilot.pause(0.01)
        assert set(seen) <= {Size(100, 30)}
        assert len(seen) < 5
