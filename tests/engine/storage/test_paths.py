"""Paths as they are pasted: the file that is meant is found, and what really has such a name wins."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.data_files import DataFiles
from engine.storage.paths import given_path, pasted_path, path_of


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A file whose name needs quotes in a shell and escapes in a URL."""
    folder = tmp_path / "my data"
    folder.mkdir()
    path = folder / "Zoë's #1 (50%).idx"
    path.write_bytes(b"")
    return path


def readings(path: Path) -> dict[str, str]:
    text = str(path)
    escaped = "".join(letter if letter.isalnum() or letter in "/._-" else f"\\{letter}" for letter in text)
    return {
        "plain": text,
        "blanks": f"  {text} ",
        "line feed": f"{text}\n",
        "carriage return": f"{text}\r\n",
        "quoted": shlex.quote(text),
        "quoted with a blank": f"{shlex.quote(text)} ",
        "double quotes": f'"{text}"',
        "typographic quotes": f"“{text}”",
        "escaped": escaped,
        "url": path.as_uri(),
        "url of this machine": path.as_uri().replace("file://", "file://localhost"),
        "url with one slash": path.as_uri().replace("file://", "file:"),
        "quoted url": f"'{path.as_uri().replace(chr(39), '%27')}'",
        "url of a line": f"{path.as_uri()}\r\n",
        "capitals": path.as_uri().replace("file:", "FILE:", 1),
    }


@pytest.mark.parametrize("way", readings(Path("/x")))
def test_a_file_is_found_however_its_path_was_pasted(way: str, there: Path) -> None:
    text = readings(there)[way]
    assert pasted_path(text) == str(there)
    assert DataFiles.of({"images": text}).images == there


@pytest.mark.parametrize("way", readings(Path("/x")))
def test_a_file_that_is_yet_to_be_written_is_read_the_same_way(way: str, tmp_path: Path) -> None:
    new = tmp_path / "model 1.safetensors"
    assert pasted_path(readings(new)[way]) == str(new)


def test_the_home_folder_is_known_in_quotes_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("~/images", " '~/images'", "~/images\n"):
        assert pasted_path(text) == str(tmp_path / "images")
    assert given_path("~/images") == str(tmp_path / "images")


@pytest.mark.parametrize("name", ["'a'", '"a"', "a\\ b", " a ", "“a”", "it's", "a%20b", "a\\"])
def test_a_file_that_really_has_such_a_name_wins(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for other in (name.strip("'\"“” "), "a b", "a"):
        (tmp_path / other).write_bytes(b"")
    (tmp_path / name).write_bytes(b"")
    assert pasted_path(name) == name
    assert pasted_path(f"{tmp_path}/{name}") == f"{tmp_path}/{name}"


def test_a_folder_that_really_has_such_a_name_takes_a_new_file(tmp_path: Path) -> None:
    folder = tmp_path / "a\\ b"
    folder.mkdir()
    assert pasted_path(f"{folder}/new.csv") == f"{folder}/new.csv"


def test_a_url_of_another_machine_or_kind_is_left_as_it_is() -> None:
    for text in ("file://elsewhere/a", "https://example.org/a", "file:a", "a:b"):
        assert pasted_path(text) == text


def test_a_url_on_the_command_line_names_a_file(there: Path) -> None:
    assert path_of(there.as_uri()) == there
    assert parse(AutoencoderSpec, {"images": there.as_uri()}).images == there


@pytest.mark.parametrize("way", readings(Path("/x")))
def test_a_path_that_a_script_hands_on_in_quotes_or_with_a_line_feed_names_a_file(way: str, there: Path) -> None:
    word = readings(there)[way]
    assert path_of(word) == there
    assert parse(AutoencoderSpec, {"images": word}).images == there


def test_what_the_command_line_is_to_write_keeps_its_name(tmp_path: Path) -> None:
    for name in ("'a'", "a\\ b", "“a”", "it's"):
        assert given_path(f"{tmp_path}/{name}") == f"{tmp_path}/{name}"
        assert given_path(name) == name


def test_a_blank_field_names_nothing() -> None:
    assert [pasted_path(text) for text in ("", "  ", "\n", " \r\n")] == [""] * 4


@given(st.text() | st.text("'\"\\ ~/:%file\0\n").map(lambda text: f"~{text}"))
def test_whatever_is_pasted_is_read_as_something(text: str) -> None:
    assert isinstance(pasted_path(text), str)
    assert isinstance(given_path(text), str)
