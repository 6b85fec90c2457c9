"""What comes from the terminal: any bytes at all, of which nothing may end the app.

Textual reads keys in a thread that ends, and the app with it, at the first byte that is not UTF-8 and at sequences that
its parser cannot take. Here bytes that are not UTF-8 are replaced, what the parser stumbles over is passed over, and
control sequences that nobody knows are not typed as if a person had pressed their letters.

All that is private to Textual is used here and nowhere else; `test_terminal_input` says what a new version of it broke.
"""

import logging
import os
import re
import select
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from typing import Protocol, cast

from textual import events
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import InBandWindowResize

log = logging.getLogger("cae_tui")

ESCAPE = "\x1b"
PASTE, PASTED = "\x1b[200~", "\x1b[201~"
OLD_MOUSE = "\x1b[M"
"""What three bytes follow that may be any."""
QUIET_SECONDS = 1.0
"""A string of the terminal of which nothing more comes for so long is over, though its end is missing."""
PASTE_SECONDS = 30.0
"""The same for a paste, which a slow line may bring in pieces: what comes of it later is not typed either."""
ESCAPE_SECONDS = 0.5
"""An Escape that nothing follows for so long was pressed: of one that is pasted, the next byte comes at once."""
BURST = 16
"""So many characters at once, some of them no UTF-8, were not typed: they are text that is pasted."""
MOST_COLUMNS, MOST_ROWS = 4000, 2000
"""No terminal is larger: a report of such a size is damaged."""
LONGEST = 32
"""Characters of a control sequence that Textual reads before it types them."""

_BEGUN = re.compile(r"\x1b(?:\[(?:[0-?]*[ -/]*|M.{0,2}|\[)|O)", re.DOTALL)
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~])")
_STRING = re.compile(r"\x1b(?:\]\d|[P_^X].)", re.DOTALL)  # an answer of the terminal: it ends with BEL or `ESC \`
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class SteadyParser(XTermParser):
    """A parser of what a terminal sends that nothing ends."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._sequence = ""  # the control sequence under way
        self._pasted: list[str] | None = None
        self._skipping = ""  # what is passed over up to its end: a sequence, a string or the rest of a paste
        self._last = get_time()
        self._escaped = False  # whether Escape alone came last, after a moment of quiet in a paste
        self._reports_sizes = False  # whether the terminal has said that it would
        self._told = False

    def take(self, text: str) -> Iterator[Message]:
        """What `text`, which came at once, means."""
        now = get_time()
        yield from self._end_what_has_no_end(now)
        pasting = self._pasted is not None or self._skipping == "paste"
        if pasting and now - self._last >= QUIET_SECONDS and _is_pressed(text):
            if self._pasted is not None:
                yield self._end_paste()
            self._skipping = self._sequence = ""
        self._escaped = pasting and set(text) == {ESCAPE} and (self._escaped or now - self._last >= QUIET_SECONDS)
        self._last = now
        if self._pasted is None and self._skipping != "paste" and _is_no_typing(text):
            yield events.Paste(_NOT_TEXT.sub("", text))
            return
        for character in text:
            yield from self._take_one(character)

    def tick(self) -> Iterable[Message]:
        """What is over because nothing more came for a while."""
        yield from self._end_what_has_no_end(get_time())
        if self._escaped and get_time() - self._last >= ESCAPE_SECONDS:
            yield from self._end_by_escape()
        if self._timeout_time is not None and get_time() >= self._timeout_time:
            yield from self._break_off()

    def _break_off(self) -> Iterator[Message]:
        """Nothing more belongs to the sequence: it is Escape, or a key with Alt; a control sequence is no key."""
        sequence, self._sequence = self._sequence, ""
        if len(sequence) > 2 and _BEGUN.fullmatch(sequence):
            self._begin_again()
            return
        self._timeout_time = 0.0
        yield from self._all_of(super().tick(), sequence)

    def _take_one(self, character: str) -> Iterator[Message]:
        if self._pasted is not None:
            self._pasted.append(character)
            if character == PASTED[-1] and "".join(self._pasted[-len(PASTED) :]) == PASTED:
                del self._pasted[-len(PASTED) :]
                yield self._end_paste()
        elif self._skipping == "paste":
            yield from self._skip_paste(character)
        elif self._skipping:
            self._skip(character)
        else:
            yield from self._parse(character)

    def _skip(self, character: str) -> None:
        self._sequence = self._sequence[-1:] + character
        ended = "@" <= character <= "~" if self._skipping == "sequence" else character in "\x07\x9c"
        if ended or self._sequence == "\x1b\\":
            self._skipping = self._sequence = ""

    def _skip_paste(self, character: str) -> Iterator[Message]:
        """Pass over what comes of a paste too late, up to its end.

        Its end may never come. Terminals take Escape out of what is pasted, so another control sequence is a key.
        """
        if character == ESCAPE or self._sequence:
            self._sequence = ESCAPE if character == ESCAPE else self._sequence + character
        sequence = self._sequence
        if _CONTROL.fullmatch(sequence):
            self._skipping = self._sequence = ""
            if sequence != PASTED:
                for each in sequence:
                    yield from self._parse(each)
        elif sequence not in (ESCAPE, ESCAPE + "O") and not _BEGUN.fullmatch(sequence):
            self._sequence = ""

    def _parse(self, character: str) -> Iterator[Message]:
        begun = self._sequence
        if character == ESCAPE:
            if begun:
                yield from self._break_off()
            self._sequence = ESCAPE
        elif begun:
            self._sequence += character
        sequence = self._sequence
        if sequence == PASTE:
            self._begin_again()
            self._pasted = []
        elif _STRING.fullmatch(sequence):
            self._begin_again()
            self._skipping, self._sequence = "string", sequence
        elif len(sequence) >= LONGEST and _BEGUN.fullmatch(sequence):
            self._begin_again()
            self._skipping = "sequence"
        else:
            yield from self._of_textual(character, sequence)

    def _of_textual(self, character: str, sequence: str) -> Iterator[Message]:
        """What Textual makes of the next character."""
        sizes = self.terminal_size, self.terminal_pixel_size, self.mouse_pixels
        found = self._all_of(super().feed(character), sequence)
        if self._awaiting.timeout is None:
            self._sequence = ""  # it has come to its end
        elif sequence[1:2] in ("[", "O") and not _BEGUN.fullmatch(sequence):
            self._begin_again()  # nobody knows it
        for message in found:
            if isinstance(message, InBandWindowResize):
                self._reports_sizes = self._reports_sizes or message.supported
            if isinstance(message, events.Resize) and not self._is_a_size(message):
                self.terminal_size, self.terminal_pixel_size, self.mouse_pixels = sizes
            elif not (isinstance(message, events.Key) and _is_no_text(message)):
                yield message

    def _is_a_size(self, report: events.Resize) -> bool:
        if report.pixel_size is not None and not all(report.pixel_size):
            self.terminal_pixel_size = None  # it does not know; a mouse's place in pixels could not be read
        width, height = report.size
        return self._reports_sizes and 0 < width <= MOST_COLUMNS and 0 < height <= MOST_ROWS

    def _end_what_has_no_end(self, now: float) -> Iterator[Message]:
        if self._pasted is not None and now - self._last > PASTE_SECONDS:
            yield self._end_paste()
            self._skipping = "paste"
        elif self._skipping != "paste" and now - self._last > QUIET_SECONDS:
            self._skipping = ""

    def _end_by_escape(self) -> Iterator[Message]:
        """A person pressed Escape in a paste that has no end: it ends, and that was the key."""
        self._escaped = False
        if self._pasted is not None:
            while self._pasted[-1:] == [ESCAPE]:
                del self._pasted[-1]
            yield self._end_paste()
        self._skipping = self._sequence = ""
        yield from self._parse(ESCAPE)

    def _end_paste(self) -> events.Paste:
        text, self._pasted = "".join(self._pasted or ()), None
        return events.Paste(_NOT_TEXT.sub("", text))

    def _begin_again(self) -> None:
        self._sequence = ""
        self._tokens.clear()
        self._timeout_time = None
        self._gen = self.parse(self._tokens.append)
        self._awaiting = next(self._gen)

    def _all_of(self, messages: Iterable[Message], sequence: str) -> list[Message]:
        """What Textual makes of `sequence`; nothing where it stumbles, over whatever was not foreseen there."""
        try:
            return list(messages)
        except Exception as error:
            if not self._told:  # once: what a picture sends would fill the log
                self._told = True
                log.info("What the terminal sent was passed over: %r (%r).", sequence, error)
            self._begin_again()
            return []


def _is_pressed(text: str) -> bool:
    """Whether a key or the mouse sent that and no paste: terminals take such characters out of what is pasted."""
    return text in ("\x03", "\x11") or (text != PASTED and _CONTROL.fullmatch(text) is not None)


def _is_no_typing(text: str) -> bool:
    """Whether that much at once, and not in UTF-8, can hardly be keys: a picture, say, or a text in Latin-1."""
    if len(text) <= BURST or "\N{REPLACEMENT CHARACTER}" not in text:
        return False
    return PASTE not in text and OLD_MOUSE not in text


def _is_no_text(key: events.Key) -> bool:
    return key.character is not None and any("\ud800" <= character <= "\udfff" for character in key.character)


class InputApp(Protocol):
    """What the driver tells the app, from its thread."""

    def terminal_gone(self) -> None:
        """Nothing will come any more."""

    def input_failed(self, error: BaseException) -> None:
        """The thread that reads the terminal has ended with an error."""


class SteadyDriver(LinuxDriver):
    """Textual's driver of a terminal, with a thread for the input that whatever bytes come does not end."""

    def run_input_thread(self) -> None:
        """Read until the app ends, in a thread of its own."""
        app = cast("InputApp", self._app)
        try:
            if not self._read():
                app.terminal_gone()
        except BaseException as error:
            app.input_failed(error)

    def _sigtstp_application(self, *_: object) -> None:
        """Stand still when the event loop comes round, and not amid whatever the signal has interrupted.

        Textual hands its last words to a queue; where that was just being written to, its lock would be waited for by
        the one who holds it, for ever.
        """
        self._loop.call_soon_threadsafe(super()._sigtstp_application)

    def _read(self) -> bool:
        """Whether the terminal was there to the end."""
        parser = SteadyParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fileno, 4096)
                except BlockingIOError:  # another program has set the terminal so
                    continue
                except OSError:
                    data = b""
                if not data:
                    if not os.isatty(self.fileno):
                        return False
                    self.exit_event.wait(0.1)
                for message in parser.take(decode(data)):
                    self._pass_on(message)
            for message in parser.tick():
                self._pass_on(message)
        return True

    def _pass_on(self, message: Message) -> None:
        try:
            self.process_message(message)
        except Exception:
            log.exception("A message of the terminal was passed over: %r", message)


def steady(driver: type[Driver]) -> type[Driver]:
    """The driver to use in place of Textual's own for a terminal; another, as the browser's, is used as it is."""
    return SteadyDriver if driver is LinuxDriver else driver
