"""Frames: what passes through the pipes between a driver and a worker, a head of JSON and a body of bytes each.

A frame is two lengths, four bytes each, then head and body. What is torn, or is none, is as the end of the pipe: who
reads it cannot rely on anything that comes after.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

_LENGTHS = struct.Struct(">II")
LARGEST_HEAD = 1 << 20
"""Bytes; a head that says more is none."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One of them: what it is about, by name, and its bytes."""

    head: Mapping[str, Any]
    body: bytes = b""

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.head.get("frame", ""))


def pack(frame: Frame) -> bytes:
    """The bytes of a frame."""
    head = json.dumps(frame.head, separators=(",", ":")).encode()
    return b"".join((_LENGTHS.pack(len(head), len(frame.body)), head, frame.body))


def read_frame(file: IO[bytes]) -> Frame | None:
    """The next frame of a pipe; None at its end, and where what comes is torn or no frame."""
    try:
        lengths = file.read(_LENGTHS.size)
        if len(lengths) < _LENGTHS.size:
            return None
        of_head, of_body = _LENGTHS.unpack(lengths)
        if of_head > LARGEST_HEAD:
            return None
        head, body = file.read(of_head), file.read(of_body)
        if len(head) < of_head or len(body) < of_body:
            return None
        values = json.loads(head)
    except (OSError, ValueError, RecursionError):
        return None
    return Frame(values, body) if isinstance(values, dict) else None
