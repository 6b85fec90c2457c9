"""What a file is that is not what it was named for: told by its first bytes, with a sort that decides what to do.

The readers of images (`idx`), of model files (`checkpoint`) and of JSON that a person names ask here once a file turns
out not to be theirs. Its ending is never looked at: people rename files, and servers send pages in place of them.
"""

import codecs
import re
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

START = 1024
"""Bytes of a file that are looked at."""


class Sort(Enum):
    """Kinds of files for which one thing is to be done."""

    PACKED = auto()  # one or more files within
    NOT_IT = auto()  # sent or left in place of the file that was wanted
    ARRAYS = auto()  # numbers, in a form that has to be converted
    PICTURE = auto()
    MODEL = auto()  # of another program
    OWN_MODEL = auto()
    SAFETENSORS = auto()
    IDX = auto()
    JSON = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: `a web page`."""

    what: str
    sort: Sort


_PACKED = {
    b"\x1f\x8b": "a gzip file",
    b"\x1f\x9d": "a file packed by compress",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\0": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"\x04\x22\x4d\x18": "an lz4 file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
}
_ARRAYS = {
    b"\x93NUMPY": "a NumPy file (.npy)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as h5py, Keras and MATLAB write them",
    b"MATLAB 5.0 MAT-file": "a MATLAB file",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"RDX": "a file of R",
    b"SIMPLE  =": "a FITS file",
    b"SQLite format 3\0": "an SQLite database",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Office document",
}
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"8BPS": "PSD",
    b"\0\0\1\0": "ICO",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
}
_MODELS = {
    b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.": "a PyTorch file",  # the form of before 1.6
    b"GGUF": "a GGUF model",
}
_OTHER = {
    b"%PDF-": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"OggS": "a sound file",
    b"ID3": "a sound file",
    b"fLaC": "a sound file",
}
_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"avif": "AVIF"}
_IDX_TYPES = (0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E)
_LARGEST_HEADER = 100_000_000  # bytes, as safetensors has it
_CELL = re.compile(r"\s*(\"[^\"]*\"|[^\s\",;]*)\s*")


def recognise(start: bytes) -> Found | None:
    """What a file is that begins with `start`, its first `START` bytes or all that it has; None where nobody knows."""
    if not start:
        return Found("an empty file", Sort.NOT_IT)
    if len(start) > 3 and start[:2] == b"\0\0" and start[2] in _IDX_TYPES:
        return Found("an IDX file", Sort.IDX)
    for magics, sort in ((_PACKED, Sort.PACKED), (_ARRAYS, Sort.ARRAYS), (_MODELS, Sort.MODEL), (_OTHER, Sort.OTHER)):
        for magic, what in magics.items():
            if start.startswith(magic) and not (len(magic) < 3 and _text(start)):
                return Found(what, sort)
    return _safetensors(start) or _picture(start) or _zip(start) or _inside(start) or _written(start)


def recognise_file(path: Path) -> Found | None:
    """What the regular file at `path` is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return recognise(file.read(START))


def _safetensors(start: bytes) -> Found | None:
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{" or not 2 <= length <= _LARGEST_HEADER:
        return None
    if b'"cae-tui"' in start:
        return Found("a model file of cae-tui", Sort.OWN_MODEL)
    return Found("a safetensors file", Sort.SAFETENSORS)


def _picture(start: bytes) -> Found | None:
    names = [name for magic, name in _PICTURES.items() if start.startswith(magic)]
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        names.append("WebP")
    if start[:2] == b"BM" and start[6:10] == bytes(4):
        names.append("BMP")
    if re.match(rb"P[1-6]\s+(#[^\n]*\s+)*\d+\s+\d+\s", start):
        names.append("PNM")
    if start[4:8] == b"ftyp" and start[8:12] in _BRANDS:
        names.append(_BRANDS[start[8:12]])
    if start[128:132] == b"DICM":
        names.append("DICOM")
    return Found(f"a picture ({names[0]})", Sort.PICTURE) if names else None


def _zip(start: bytes) -> Found | None:
    """A zip file is what its first member says: several programs save in it."""
    if start[:4] not in (b"PK\3\4", b"PK\5\6"):
        return None
    end = 30 + int.from_bytes(start[26:28], "little")
    name = start[30:end].decode(errors="replace")
    if name.endswith(".npy"):
        return Found("a NumPy file (.npz)", Sort.ARRAYS)
    if name.endswith("/data.pkl") or start[end : end + 2] == b"FB":  # PyTorch's mark, in front of padding
        return Found("a PyTorch file", Sort.MODEL)
    if name in ("metadata.json", "config.json", "model.weights.h5") or name.endswith(".weights.h5"):
        return Found("a Keras model", Sort.MODEL)
    if name == "[Content_Types].xml":
        return Found("an Office document", Sort.ARRAYS)
    return Found("a zip archive", Sort.PACKED)


def _inside(start: bytes) -> Found | None:
    """What has its mark somewhere behind its beginning, or a mark of so few bytes that more has to be looked at."""
    if start[257:262] == b"ustar":
        return Found("a tar archive", Sort.PACKED)
    if start[4:8] == b"TFL3":
        return Found("a TensorFlow Lite model", Sort.MODEL)
    if start[4:8] == b"ftyp" or start[:4] == b"RIFF":
        return Found("a film or sound file", Sort.OTHER)
    if start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and len(start) > 2:
        return Found("a Python pickle", Sort.ARRAYS)
    if (
        start[:1] == b"\x08"
        and start[1:2] in b"\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
        and start[2:3] in b"\x12\x3a"
    ):
        return Found("an ONNX model", Sort.MODEL)
    if start[:3] == b"\x08\1\x12" and (b"serve" in start or b"tensorflow" in start):
        return Found("a TensorFlow model", Sort.MODEL)
    if len(start) >= 64 and not any(start):
        return Found("a file that begins with zeros only, as after a broken download", Sort.NOT_IT)
    return None


def _text(start: bytes) -> str:
    """`start` as text; nothing where it is none."""
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=len(start) < START)
    except UnicodeDecodeError:
        ascii_only = sum(byte < 128 for byte in start)
        if len(start) < 12 or ascii_only < 0.7 * len(start):
            return ""
        text = start.decode("latin-1")
    return text if all(character.isprintable() or character in "\t\n\r\f" for character in text) else ""


def _written(start: bytes) -> Found | None:
    text = _text(start).strip()
    if not text:
        return None
    head = text[:200].casefold()
    if text.startswith("version https://git-lfs.github.com/spec/"):
        return Found("a Git LFS pointer, which stands for the file", Sort.NOT_IT)
    if re.match(r"(<\?xml[^>]*>\s*|<!--.*?-->\s*)*(<!doctype html|<html|<head|<body|<script|<title)", head, re.DOTALL):
        return Found("a web page", Sort.NOT_IT)
    if head.startswith("<svg") or "<svg" in head:
        return Found("a picture (SVG)", Sort.PICTURE)
    if re.match(r"<[a-z?!]", head):
        return Found("an XML file, as a server sends it with an error", Sort.NOT_IT)
    if text[0] in "{[":
        return Found("a Jupyter notebook" if '"cells"' in head else "a JSON file", Sort.JSON)
    if re.match(r"\((dp|lp|i|c)\d*\n", text):
        return Found("a Python pickle", Sort.ARRAYS)
    lines = text.splitlines()
    for separator in ",;\t":
        cells = lines[0].split(separator)
        if len(cells) > 1 and all(_CELL.fullmatch(cell) and not cell.startswith(" ") for cell in cells):
            return Found("a table of text (CSV)", Sort.ARRAYS)
    return Found("a text file", Sort.OTHER)
