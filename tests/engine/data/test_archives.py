"""Zips and tars as other programs leave them, and those that are damaged."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.data import cache
from engine.data.datasets import ImageData, load_dataset
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.pictures import picture, write_folder, write_tar, write_zip


@pytest.fixture(autouse=True)
def nothing_in_memory() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


PETS = {f"{name}/{number}.png": picture(number + 50 * place)
        for place, name in enumerate(("cat", "dog")) for number in range(5)}  # fmt: skip


def load(path: Path) -> ImageData:
    return load_dataset(DataFiles(str(path)))


def refusal(path: Path) -> str:
    with pytest.raises(DatasetError) as refused:
        load(path)
    return str(refused.value)


@pytest.mark.parametrize("form", ["./{}", "{}", ".//{}"])
def test_names_that_begin_in_the_folder_itself_are_the_same_without(form: str, tmp_path: Path) -> None:
    files = {form.format(name): content for name, content in PETS.items()}
    whole = load(write_zip(tmp_path / "whole.zip", PETS)).digest
    for path in (write_zip(tmp_path / "some.zip", files), write_tar(tmp_path / "some.tar", files, "w")):
        assert (load(path).digest, load(path).class_names) == (whole, ("cat", "dog"))


def test_backslashes_in_a_zip_are_folders(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "some.zip", {name.replace("/", "\\"): content for name, content in PETS.items()})
    assert load(path).digest == load(write_zip(tmp_path / "whole.zip", PETS)).digest


def test_names_that_lead_out_are_left_out_and_told_also_where_they_look_hidden(tmp_path: Path) -> None:
    outside = {"../evil.png": picture(90), "cat/../../x.png": picture(91), "/abs.png": picture(92)}
    for path in (write_zip(tmp_path / "some.zip", PETS | outside), write_tar(tmp_path / "some.tar", PETS | outside)):
        data = load(path)
        assert (len(data.train), set(data.left_out)) == (10, set(outside))
        assert set(data.left_out.values()) == {"has a name that leads out of the archive"}
    assert "has no pictures in it that can be taken (" in refusal(write_zip(tmp_path / "out.zip", outside))


def test_a_zip_with_a_password_is_told_to_be_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "some.zip", PETS)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the flags of each member, there and in the list
        at = content.find(mark)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(mark, at + 4)
    path.write_bytes(content)
    assert "is encrypted: unpack it with its password, and name the folder" in refusal(path)


def test_a_zip_that_is_cut_short_is_called_so(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "some.zip", PETS)
    os.truncate(path, path.stat().st_size - 300)
    assert "is a zip that is damaged or cut short" in refusal(path)


def test_an_archive_with_nothing_in_it_is_called_so(tmp_path: Path) -> None:
    assert "has nothing in it" in refusal(write_zip(tmp_path / "some.npz", {}))


def test_a_tar_that_ends_between_two_files_is_read_and_called_cut_short(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "some.tar", PETS, "w")
    assert load(path).notes == ()
    os.truncate(path, 1024 * 6)  # a head and a block for each
    data = load(path)
    assert len(data.train) == 6
    assert "some.tar has no end, so it may be cut short and pictures be missing" in data.notes[0]


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_system_that_starts_no_process_is_told_of(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "some", PETS)

    def no(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("engine.data.pictures.subprocess.Popen", no)
    assert refusal(path) == (
        "No process can be started to decode pictures (Resource temporarily unavailable): end other programs, and try "
        "again."
    )
