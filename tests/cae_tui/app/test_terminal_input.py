"""Any bytes at all from a terminal leave its input thread, and so the app, alive."""

import asyncio
import inspect
import os
import pty
import random
import signal
import threading
import tty
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers.headless_driver import HeadlessDriver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from cae_tui.app import terminal_input
from cae_tui.app.terminal_input import PASTE_SECONDS, PASTED, QUIET_SECONDS, SteadyDriver, SteadyParser, steady

IN_BAND = "\x1b[?2048;2$y"
"""A terminal says that it can report its size with what is typed."""


class Clock:
    """The time as the parser has it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Nothing is over before the test says so."""
    clock = Clock()
    monkeypatch.setattr(terminal_input, "get_time", clock)
    monkeypatch.setattr("textual._parser.get_time", clock)
    return clock


def parsed(parser: SteadyParser, clock: Clock, *texts: str) -> list[Message]:
    """What each of `texts` means; after the last nothing more comes."""
    found = [message for text in texts for message in parser.take(text)]
    clock.now += 0.5
    return [*found, *parser.tick()]


def keys(messages: list[Message]) -> list[str]:
    assert all(isinstance(message, events.Key) for message in messages), messages
    return [message.key for message in messages if isinstance(message, events.Key)]


def key_after(parser: SteadyParser, clock: Clock) -> list[str]:
    """What a key means once a moment has passed."""
    clock.now += 2 * QUIET_SECONDS
    return [message.key for message in parsed(parser, clock, "a") if isinstance(message, events.Key)]


# -- what Textual's parser reads, ours reads too ------------------------------------------------------


def of_textual(clock: Clock, text: str) -> list[Message]:
    parser = XTermParser()
    found = list(parser.feed(text))
    clock.now += 0.5
    return [*found, *parser.tick()]


def described(messages: list[Message]) -> list[Any]:
    names = ("key", "character", "x", "y", "button", "text", "supported", "size")
    return [[type(message).__name__, *(getattr(message, name, None) for name in names)] for message in messages]


KNOWN = [
    *ANSI_SEQUENCES_KEYS, *"aZ1 é", "\x1b", "\x1b\x1b", "\x1ba", "\x1b[I", "\x1b[O", "\x1b[<0;3;4M", "\x1b[<35;3;4m",
    "\x1b[97u", "\x1b[97;5u", "\x1b[97;1;97u", "\x1b[13;2u", "\x1b[57441;2u", "\x1b[?2026;2$y", IN_BAND,
    "\x1b[", "\x1bO", "\x1b[1;5A", "\x1b[M !!", "\x1b[200~pasted\x1b[201~", "\x1b[200~two\nlines\x1b[201~a",
    "\x1b[5;7R",
]  # fmt: skip


def test_what_textual_knows_means_the_same_whole_and_in_pieces(clock: Clock) -> None:
    for text in KNOWN:
        expected = described(of_textual(clock, text))
        assert described(parsed(SteadyParser(), clock, text)) == expected, repr(text)
        assert described(parsed(SteadyParser(), clock, *text)) == expected, repr(text)


# -- what it stumbles over, ours passes over ----------------------------------------------------------

BROKEN = [
    "\x1b[97;5:3u",  # a key is let go
    "\x1b[97;5;1114112u", "\x1b[1114112u", "\x1b[55296u", "\x1b[97;;55296u", "\x1b[99999999999999999999u",
    "\x1b[48;0;0;0;0t", "\x1b[48;99999999;99999999;1;1t", "\x1b[M\N{REPLACEMENT CHARACTER}0", "\x1b[M\n\n\n",
    "\x1b[?62;22c", "\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18q", "\x1b]11;rgb:ffff/ffff/ffff\x07",
    "\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1bP1+r544e=787465726d\x1b\\", "\x1b_Gi=1;OK\x1b\\", "\x1b[<1;2",
    "\x1b[99q", "\x1b[9", "\x1b[1é", "\x1bOz", "\x1b[12\x1b[3",
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_what_nobody_knows_is_passed_over_and_not_typed(text: str, clock: Clock) -> None:
    parser = SteadyParser()
    assert parsed(parser, clock, text) == []
    assert key_after(parser, clock) == ["a"]


def test_an_alt_key_that_another_key_follows_at_once_is_not_typed_without_alt(clock: Clock) -> None:
    assert keys(parsed(SteadyParser(), clock, "\x1bq\x1b[A")) == ["alt+q", "up"]


@pytest.mark.parametrize("sizes", ["\x1b[48;0;0;0;0t", "\x1b[48;40;120;0;0t"])
def test_a_mouse_after_a_size_of_nothing_stands_where_it_says(sizes: str, clock: Clock) -> None:
    parser = SteadyParser()
    list(parser.take(IN_BAND + sizes))
    (moved,) = parser.take("\x1b[<35;7;3M")
    assert isinstance(moved, events.MouseMove)
    assert (moved.x, moved.y) == (6, 2)
    assert key_after(parser, clock) == ["a"]


def test_a_size_counts_only_from_a_terminal_that_reports_sizes(clock: Clock) -> None:
    parser = SteadyParser()
    size = "\x1b[48;30;100;300;1000t"
    assert parsed(parser, clock, size) == []
    assert not parser.mouse_pixels
    (_, resized) = parsed(parser, clock, IN_BAND, size)
    assert isinstance(resized, events.Resize)
    assert resized.size == (100, 30)
    assert parser.mouse_pixels


def test_a_paste_is_text_whatever_is_in_it(clock: Clock) -> None:
    parser = SteadyParser()
    (pasted,) = parsed(parser, clock, "\x1b[200~q\x1b[31m\x1b[48;0;0;0;0t\x00\x11\nnext\x1b[2", "01~")
    assert isinstance(pasted, events.Paste)
    assert pasted.text == "q[31m[48;0;0;0;0t\nnext"


def pasted_texts(messages: list[Message]) -> list[str]:
    """What was pasted; nothing else may have come."""
    assert all(isinstance(message, events.Paste) for message in messages), messages
    return [message.text for message in messages if isinstance(message, events.Paste)]


def test_what_comes_late_of_a_paste_is_no_keys(clock: Clock) -> None:
    parser = SteadyParser()
    assert parsed(parser, clock, "\x1b[200~/data/one.idx") == []
    for part in ("\nq and", " more", "\x1b[20"):
        clock.now += PASTE_SECONDS / 2
        assert parsed(parser, clock, part) == []
    clock.now += PASTE_SECONDS / 2
    assert pasted_texts(parsed(parser, clock, "1~")) == ["/data/one.idx\nq and more"]
    assert key_after(parser, clock) == ["a"]


def test_a_paste_of_which_nothing_more_comes_is_over_and_the_rest_is_never_typed(clock: Clock) -> None:
    parser = SteadyParser()
    assert parsed(parser, clock, "\x1b[200~one") == []
    clock.now += PASTE_SECONDS + 1
    assert pasted_texts(list(parser.tick())) == ["one"]
    for part in ("q", "\n" * 20 + "\N{REPLACEMENT CHARACTER}"):
        clock.now += PASTE_SECONDS + 1
        assert parsed(parser, clock, part, "and more\x1b[2") == []
    assert parsed(parser, clock, "01~") == []
    assert key_after(parser, clock) == ["a"]


@pytest.mark.parametrize(("sent", "key"), [("\x1b[15~", "f5"), ("\x1b[A", "up"), ("\x1bOB", "down")])
def test_a_key_that_cannot_be_pasted_ends_a_paste_without_an_end(sent: str, key: str, clock: Clock) -> None:
    parser = SteadyParser()
    list(parser.take("\x1b[200~of a picture"))
    clock.now += PASTE_SECONDS + 1
    assert pasted_texts(list(parser.tick())) == ["of a picture"]
    assert parsed(parser, clock, "a") == []
    assert keys(parsed(parser, clock, sent)) == [key]
    assert key_after(parser, clock) == ["a"]


@pytest.mark.parametrize(("sent", "key"), [("\x03", "ctrl+c"), ("\x11", "ctrl+q"), ("\x1b[A", "up")])
def test_a_key_after_a_moment_of_quiet_ends_a_paste_that_has_no_end(sent: str, key: str, clock: Clock) -> None:
    for skipping in (False, True):
        parser = SteadyParser()
        list(parser.take("\x1b[200~of a picture"))
        if skipping:
            clock.now += PASTE_SECONDS + 1
            list(parser.tick())
        clock.now += QUIET_SECONDS + 0.1
        found = parsed(parser, clock, sent)
        assert pasted_texts(found[:-1]) == ([] if skipping else ["of a picture"])
        assert keys(found[-1:]) == [key]
        assert key_after(parser, clock) == ["a"]


@pytest.mark.parametrize("skipping", [False, True])
def test_escape_alone_ends_a_paste_that_has_no_end(skipping: bool, clock: Clock) -> None:
    parser = SteadyParser()
    list(parser.take("\x1b[200~AA"))
    if skipping:
        clock.now += PASTE_SECONDS + 1
        list(parser.tick())
    clock.now += QUIET_SECONDS + 0.1
    assert list(parser.take("\x1b")) == []
    found = parsed(parser, clock)
    clock.now += 0.5
    found += parser.tick()
    assert pasted_texts(found[:-1]) == ([] if skipping else ["AA"])
    assert keys(found[-1:]) == ["escape"]
    assert key_after(parser, clock) == ["a"]


def test_an_escape_in_a_paste_that_goes_on_is_part_of_it(clock: Clock) -> None:
    parser = SteadyParser()
    list(parser.take("\x1b[200~one"))
    clock.now += QUIET_SECONDS + 0.1
    assert list(parser.take("\x1b")) == []
    clock.now += 0.1
    assert parsed(parser, clock, "[31m two") == []
    clock.now += QUIET_SECONDS + 0.1
    assert pasted_texts(parsed(parser, clock, "\x1b[201~")) == ["one[31m two"]


def test_a_paste_after_one_without_an_end_is_taken_whole(clock: Clock) -> None:
    parser = SteadyParser()
    list(parser.take("\x1b[200~one"))
    clock.now += PASTE_SECONDS + 1
    assert pasted_texts(parsed(parser, clock, "and\x1b[200~two\x1b[201~")) == ["one", "two"]


def test_many_bytes_that_are_no_text_are_no_keys(clock: Clock) -> None:
    picture = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x11\x03q\x03\x1b[99q\xff\xfe\x00x".decode(errors="replace")
    (pasted,) = parsed(SteadyParser(), clock, picture)
    assert isinstance(pasted, events.Paste)


# -- the fuzz test -------------------------------------------------------------------------------------


def sequences(count: int) -> Iterator[bytes]:
    """Random bytes, sequences of random numbers, and sequences that are known, each often broken off or mutilated."""
    draw = random.Random(0)
    known = [text.encode() for text in [*KNOWN, *BROKEN]]
    for _ in range(count):
        match draw.randrange(5):
            case 0:
                text = draw.randbytes(draw.randrange(1, 20))
            case 1:
                text = b"\x1b" + draw.randbytes(draw.randrange(1, 12))
            case 2:
                numbers = draw.choices(
                    ("0", "1", "5", "48", "97", "255", "55296", "1114112", "1" * 15), k=draw.randrange(6)
                )
                begin, end = (
                    draw.choice(("", "?", "<", ">")),
                    draw.choice(("u", "t", "~", "M", "m", "R", "$y", "A", "q", "")),
                )
                text = f"\x1b[{begin}{draw.choice(';:').join(numbers)}{end}".encode()
            case 3:
                text = draw.choice(known)
            case _:
                whole = draw.choice(known)
                place = draw.randrange(len(whole))
                text = whole[:place] + draw.randbytes(draw.randrange(3)) + whole[place + draw.randrange(2) :]
        yield text


def test_ten_thousand_broken_sequences_are_passed_over(clock: Clock) -> None:
    parser = SteadyParser()
    for text in sequences(10_000):
        clock.now += random.Random(text).choice((0.0, 0.01, 0.2))
        list(parser.take(text.decode(errors="replace")))
        list(parser.tick())
    list(parser.take(PASTED))  # a paste may have begun
    assert key_after(parser, clock) == ["a"]


class App:
    """What a driver knows of an app."""

    def __init__(self) -> None:
        self.came: list[Message] = []
        self.failed: list[BaseException] = []
        self.gone = False

    def terminal_gone(self) -> None:
        self.gone = True

    def input_failed(self, error: BaseException) -> None:
        self.failed.append(error)


class Reading:
    """A driver that reads a pseudo-terminal in its thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = App()
        self.ours, self.theirs = pty.openpty()
        tty.setraw(self.theirs)
        monkeypatch.setattr("textual.drivers.linux_driver.signal.signal", lambda *_: None)
        monkeypatch.setattr(terminal_input, "QUIET_SECONDS", 0.05)
        monkeypatch.setattr(terminal_input, "PASTE_SECONDS", 0.05)
        self.driver = SteadyDriver(self.app)  # type: ignore[arg-type]  # as much of an app as it looks at
        monkeypatch.setattr(self.driver, "send_message", self.app.came.append)
        monkeypatch.setattr(self.driver, "write", lambda _: None)
        self.driver.fileno = self.theirs
        self.thread = threading.Thread(target=self.driver._run_input_thread)
        self.thread.start()

    async def until(self, condition: Callable[[], bool], pause: float = 0.01) -> None:
        for _ in range(6000):
            if condition():
                return
            await asyncio.sleep(pause)
        raise AssertionError(f"it did not come about; the thread: {self.app.failed or self.thread.is_alive()}")

    async def key_comes(self, key: str, sent: bytes) -> None:
        """Until a key comes, which is pressed again and again: what was sent before it may have no end."""

        def press() -> bool:
            if not any(isinstance(message, events.Key) and message.key == key for message in self.app.came):
                os.write(self.ours, sent)
                return False
            return True

        await self.until(press, pause=4 * terminal_input.QUIET_SECONDS)

    def close(self) -> None:
        self.driver.exit_event.set()
        self.thread.join()
        os.close(self.theirs)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Reading]]:
    """Begins to read, and ends it after the test."""
    begun: list[Reading] = []

    def begin() -> Reading:
        begun.append(Reading(monkeypatch))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


async def test_ten_thousand_broken_sequences_leave_the_input_thread_alive(reading: Callable[[], Reading]) -> None:
    one = reading()

    def send() -> None:
        for text in sequences(10_000):
            os.write(one.ours, text)

    sending = threading.Thread(target=send)
    sending.start()
    await one.until(lambda: not sending.is_alive())
    await one.key_comes("f5", b"\x1b[15~")
    assert one.thread.is_alive()
    assert not one.app.failed


@pytest.mark.parametrize(
    "sent", [b"\xe9a", b"\x1bMC\xa00", b"\x1b[MC\xa00", b"\x1b[200~caf\xe9\x1b[201~", b"\x1b[97;5:3u", b"\xff" * 5000]
)
async def test_bytes_that_are_no_utf_8_are_replaced(reading: Callable[[], Reading], sent: bytes) -> None:
    one = reading()
    os.write(one.ours, sent)
    await one.key_comes("f5", b"\x1b[15~")
    assert not one.app.failed
    pasted = [message.text for message in one.app.came if isinstance(message, events.Paste)]
    assert "caf\xe9".encode("latin-1") not in sent or pasted == ["caf\N{REPLACEMENT CHARACTER}"]


async def test_a_terminal_that_goes_is_told_to_the_app(reading: Callable[[], Reading]) -> None:
    one = reading()
    os.close(one.ours)
    await one.until(lambda: one.app.gone)
    assert not one.app.failed


async def test_an_error_of_the_thread_is_told_to_the_app(
    reading: Callable[[], Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SteadyParser, "take", lambda *_: 1 / 0)
    one = reading()
    os.write(one.ours, b"a")
    await one.until(lambda: bool(one.app.failed))
    assert isinstance(one.app.failed[0], ZeroDivisionError)


async def test_the_app_stands_still_when_the_event_loop_comes_round_and_not_amid_a_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stood: list[SteadyDriver] = []
    monkeypatch.setattr(LinuxDriver, "_sigtstp_application", lambda driver, *_: stood.append(driver))
    driver = SteadyDriver.__new__(SteadyDriver)
    driver._loop = asyncio.get_running_loop()
    driver._sigtstp_application(signal.SIGTSTP, None)  # as the signal's handler is called, in the midst of anything
    assert not stood
    await asyncio.sleep(0)
    assert stood == [driver]


# -- what of Textual is private ------------------------------------------------------------------------


def test_only_textuals_own_driver_of_a_terminal_is_replaced() -> None:
    assert steady(LinuxDriver) is SteadyDriver
    assert steady(HeadlessDriver) is HeadlessDriver


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (XTermParser(), ("_tokens", "_gen", "_awaiting", "_timeout_time", "parse", "feed", "tick")),
        (XTermParser(), ("terminal_size", "terminal_pixel_size", "mouse_pixels")),
        (LinuxDriver, ("run_input_thread", "_run_input_thread", "process_message", "_sigtstp_application")),
    ],
)
def test_what_is_used_of_textuals_private_parts_is_there(owner: object, names: tuple[str, ...]) -> None:
    """Where this fails, `cae_tui.app.terminal_input` has to follow a new version of Textual."""
    missing = [name for name in names if not hasattr(owner, name)]
    assert not missing, f"Textual has no {', '.join(missing)} any more in {owner!r}"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (LinuxDriver.start_application_mode, ("self._run_input_thread", "Thread(")),
        (LinuxDriver._run_input_thread, ("self.run_input_thread()",)),
        (LinuxDriver.run_input_thread, ("self.exit_event", "self.fileno", "self.process_message", "XTermParser(")),
        (LinuxDriver.disable_input, ("self.exit_event.set()", "self._key_thread.join()")),
        (XTermParser.parse, ("read1(constants.ESCAPE_DELAY)", "BRACKETED_PASTE_START")),
    ],
)  # fmt: skip
def test_textual_still_reads_the_terminal_as_we_took_it_to(
    function: Callable[..., Any], words: tuple[str, ...]
) -> None:
    """Where this fails, `cae_tui.app.terminal_input` has to follow a new version of Textual."""
    source = inspect.getsource(function)
    missing = [word for word in words if word not in source]
    assert not missing, f"{function.__qualname__} of Textual no longer has {', '.join(missing)}"
