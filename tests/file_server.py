"""A server of files on this machine, which serves, cuts, stalls, lies, redirects and refuses as a test asks it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Manner:
    """How a file is served; what is left out is honest."""

    cut_after: list[int] = field(default_factory=list)  # bytes of an answer, for each of the next answers
    stall_after: int | None = None  # bytes of an answer after which nothing comes
    says: int | None = None  # the length that is told
    more: bytes = b""  # sent behind the file
    no_length: bool = False
    no_ranges: bool = False
    wrong_range: bool = False
    refuses_ranges: bool = False  # with 416
    refuses: list[int] = field(default_factory=list)  # statuses, for each of the next answers; the last stays
    retry_after: str = ""
    to: str = ""  # another path, to which it redirects


class FileServer:
    """What is served, by path, and how."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.manners: dict[str, Manner] = {}
        self.asked: list[tuple[str, str]] = []  # path and range
        self.go_on = threading.Event()  # for answers that stall
        self.address = ""

    def serve(self, path: str, content: bytes, **manner: Any) -> None:
        """Have a file."""
        self.files[path], self.manners[path] = content, Manner(**manner)


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server, until the end of the test."""
    known = FileServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            asked = self.headers.get("Range", "")
            known.asked.append((path, asked))
            self.close_connection = True
            manner = known.manners.get(path, Manner())
            if manner.refuses or path not in known.files:
                status = 404 if not manner.refuses else manner.refuses[0]
                manner.refuses[:1] = [] if len(manner.refuses) > 1 else manner.refuses[:1]
                if status != 200:
                    self.send_response(status)
                    if manner.retry_after:
                        self.send_header("Retry-After", manner.retry_after)
                    self.send_header("Content-Length", "0")
                    self.send_header("Connection", "close")
                    self.end_headers()
                    return
                manner.refuses.clear()
            if manner.to:
                self.send_response(302)
                self.send_header("Location", manner.to)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()
                return
            content, begin = known.files[path], 0
            if asked and not manner.no_ranges:
                begin = int(asked.removeprefix("bytes=").rstrip("-"))
                if begin >= len(content) or manner.refuses_ranges:
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.send_header("Connection", "close")
                    self.end_headers()
                    return
            self.send_response(206 if begin else 200)
            body = content[begin:] + manner.more
            if begin:
                told = begin + manner.wrong_range
                self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
            if not manner.no_length:
                self.send_header("Content-Length", str(len(body) if manner.says is None else manner.says))
            self.send_header("Connection", "close")
            self.end_headers()
            cut = manner.cut_after.pop(0) if manner.cut_after else len(body)
            if manner.stall_after is not None:
                self.wfile.write(body[: manner.stall_after])
                self.wfile.flush()
                manner.stall_after = 0  # of the answers that follow, nothing comes
                known.go_on.wait(60)
                return
            self.wfile.write(body[:cut])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        known.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
