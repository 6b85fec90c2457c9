"""Good documents with a few things wrong in them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

NASTY_TEXTS = (
    "", " ", "x", "0", "-1", "1e400", "nan", "inf", "٣", "１２", "1_0", "0x10", "1\n2", "a\x00b", "\ud800", "[red]x[/]",
    "\x1b]0;owned\x07", "\u202egnp", "../../etc/passwd", "=1+1", "<script>", "| `x` |", "9" * 5000, "x" * 10_000,
    "true", "16-32", "16..64", "finished", "classifier",
)  # fmt: skip
"""What people paste and attackers write."""
_DEEP, _ENDLESS, _BEYOND = "@deep@", "@endless@", "@beyond@"
_RAW = {
    f'"{_DEEP}"': "[" * 100_000 + "]" * 100_000,
    f'"{_ENDLESS}"': "9" * 5000,  # more digits than Python reads
    f'"{_BEYOND}"': "1e400",
}
"""What `json.dumps` would not write."""
_NUMBERS = (
    0,
    -1,
    1,
    2,
    1.5,
    -0.0,
    1e308,
    5e-324,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    float("nan"),
    float("inf"),
    -1e9,
)

nasty_texts = st.sampled_from(NASTY_TEXTS) | st.text(max_size=20)
nasty_numbers = st.sampled_from(_NUMBERS) | st.integers() | st.floats()
nasty_values: st.SearchStrategy[Any] = st.one_of(
    nasty_texts,
    nasty_numbers,
    st.none(),
    st.booleans(),
    st.sampled_from([[], {}, [None], {"x": 1}, [[1]], _DEEP, _ENDLESS, _BEYOND]),
    st.lists(nasty_texts | nasty_numbers, max_size=4),
    st.dictionaries(nasty_texts, nasty_texts | nasty_numbers, max_size=3),
)


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    if isinstance(values, dict | list):
        for key in list(values) if isinstance(values, dict) else range(len(values)):
            yield values, key
            yield from _places(values[key])


def _change(draw: st.DrawFn, values: Any) -> None:
    """One thing wrong, anywhere in a document."""
    places = list(_places(values))
    if not places:
        return
    container, key = places[draw(st.integers(0, len(places) - 1))]
    match draw(st.sampled_from(["value", "value", "value", "drop", "swap", "wrap", "rename", "repeat"])):
        case "value":
            container[key] = copy.deepcopy(draw(nasty_values))  # the next change may be one to it
        case "drop":
            del container[key]
        case "swap":
            other, there = places[draw(st.integers(0, len(places) - 1))]
            container[key], other[there] = copy.deepcopy(other[there]), copy.deepcopy(container[key])
        case "wrap":
            container[key] = [container[key]]
        case "rename" if isinstance(container, dict):
            container[draw(nasty_texts)] = container.pop(key)
        case "repeat" if isinstance(container, list):
            container.append(copy.deepcopy(container[key]))


@st.composite
def mutated(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """`document` with up to so many things wrong in it."""
    values = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, most))):
        _change(draw, values)
    return values


def as_json(values: Any, *, ascii_only: bool = False) -> bytes:
    """The bytes of a document, also of one that no JSON writer would write."""
    text = json.dumps(values, ensure_ascii=ascii_only)
    for mark, raw in _RAW.items():
        text = text.replace(mark, raw)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn, data: bytes, head: int = 1 << 30) -> bytes:
    """`data` after a disk or a transfer did something to it; most of it to the first `head` bytes."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(len(found), head)))
        match draw(st.sampled_from(["flip", "cut", "insert", "drop", "zero", "double"])):
            case "flip" if at < len(found):
                found[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del found[at:]
            case "insert":
                found[at:at] = draw(
                    st.binary(max_size=8) | st.sampled_from([b"\xff\xfe", b"\0", b"\xed\xa0\x80", b"}"])
                )
            case "drop":
                del found[at : at + draw(st.integers(1, 16))]
            case "zero":
                end = min(at + draw(st.integers(1, 64)), len(found))
                found[at:end] = bytes(end - at)
            case "double":
                found[at:at] = found[at : at + draw(st.integers(1, 64))]
    return bytes(found)


def files_of(document: Any, most: int = 3) -> st.SearchStrategy[bytes]:
    """The bytes of a JSON file with something wrong in it: in its values mostly, in its bytes now and then."""
    written = st.builds(lambda values, plain: as_json(values, ascii_only=plain), mutated(document, most), st.booleans())
    return written | written | written | damaged(as_json(document))
