"""TensorBoard's file of events, written and read back with the standard library alone.

It is a sequence of records, each a protocol buffer between its length and two checksums (CRC-32C, masked). Only what is
written here of those messages is known: scalars, images and texts, each under a tag and a step.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_VERSION = "brain.Event:2"
_POLYNOMIAL = 0x82F63B78


def _table() -> list[int]:
    found = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (_POLYNOMIAL if number & 1 else 0)
        found.append(number)
    return found


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """The CRC-32C of `data`, turned and moved as TensorBoard wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def float_bytes(value: float) -> bytes:
    """A number in 32 bits; one too large for them is infinite."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))


# -- protocol buffers ------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, value: int | bytes | str) -> bytes:
    """A field of a message: a count, or bytes, text or another message with its length in front."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + float_bytes(value)


# -- writing -----------------------------------------------------------------------------------------


class EventsWriter:
    """Writes events to an open file; each has a time, in seconds since 1970.

    Args:
        began: when the first was; it says of which version the file is.
    """

    def __init__(self, file: IO[bytes], began: float) -> None:
        self._file = file
        self.records = 0
        self._record(_double(1, began) + _field(3, _VERSION))

    def scalar(self, tag: str, value: float, step: int, at: float) -> None:
        """A number."""
        self._value(_field(1, tag) + _float(2, value), step, at)

    def image(self, tag: str, png: bytes, shape: tuple[int, int, int], step: int, at: float) -> None:
        """A picture as PNG; `shape` is its height, width and channels."""
        height, width, channels = shape
        picture = _field(1, height) + _field(2, width) + _field(3, channels) + _field(4, png)
        self._value(_field(1, tag) + _field(4, picture), step, at)

    def text(self, tag: str, text: str, step: int, at: float) -> None:
        """Markdown."""
        strings = 7  # the type of a tensor's numbers; its shape is one of one
        tensor = _field(1, strings) + _field(2, _field(2, _field(1, 1))) + _field(8, text)
        plugin = _field(1, _field(1, "text"))
        self._value(_field(1, tag) + _field(9, plugin) + _field(8, tensor), step, at)

    def _value(self, value: bytes, step: int, at: float) -> None:
        self._record(_double(1, at) + _field(2, step) + _field(5, _field(1, value)))

    def _record(self, data: bytes) -> None:
        head = struct.pack("<Q", len(data))
        self._file.write(head + struct.pack("<I", masked_crc(head)) + data + struct.pack("<I", masked_crc(data)))
        self.records += 1


# -- reading back ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number as it was written."""

    tag: str
    value: float
    step: int


def read_records(file: IO[bytes]) -> Iterator[bytes]:
    """The content of each record.

    Raises:
        ValueError: one is cut short, or a checksum is not that of what it is for.
    """
    while head := file.read(12):
        if len(head) < 12 or masked_crc(head[:8]) != struct.unpack("<I", head[8:])[0]:
            raise ValueError("a record's length is damaged")
        (length,) = struct.unpack("<Q", head[:8])
        data, tail = file.read(length), file.read(4)
        if len(data) < length or len(tail) < 4 or masked_crc(data) != struct.unpack("<I", tail)[0]:
            raise ValueError("a record is damaged")
        yield data


def scalar_in(record: bytes) -> Scalar | None:
    """The number that a record holds; None where it holds something else."""
    step, tag, value = 0, "", None
    for number, content in _fields(record):
        if number == 2 and isinstance(content, int):
            step = content
        elif number == 5 and isinstance(content, bytes):
            inside = dict(_fields(dict(_fields(content))[1]))  # type: ignore[arg-type]  # a message in a message
            name, found = inside.get(1), inside.get(2)
            if isinstance(name, bytes) and isinstance(found, float):
                tag, value = name.decode(), found
    return None if value is None else Scalar(tag, value, step)


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message, by number."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 1:
                at += 8
                yield key >> 3, struct.unpack("<d", message[at - 8 : at])[0]
            case 5:
                at += 4
                yield key >> 3, struct.unpack("<f", message[at - 4 : at])[0]
            case _:
                length = varint()
                at += length
                yield key >> 3, message[at - length : at]
