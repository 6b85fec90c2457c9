"""Files that were damaged, or cannot be written: what is said of them."""

import errno
import os
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.events import EventFormat
from engine.files import read_json, storage_error
from engine.runs import Home

DEEP = "[" * 200_000


def test_a_file_that_is_nested_too_deeply_is_refused_as_any_other_damage(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(DEEP)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "f")
    run = Home(tmp_path).create_run()
    run.status.write_text(DEEP)
    with pytest.raises(RunError, match="nested too deeply"):
        run.read_status()
    assert Home(tmp_path).list_runs() == []


def test_an_event_that_is_nested_too_deeply_is_passed_over() -> None:
    assert EventFormat.read(DEEP) is None


@pytest.mark.parametrize("found", ["null", '"1"', "0", "true", "1.0"])
def test_a_format_that_no_version_has_is_not_called_newer(tmp_path: Path, found: str) -> None:
    (tmp_path / "f").write_text(f'{{"format": {found}}}')
    with pytest.raises(ValueError, match="carries no format number") as refused:
        read_json(tmp_path / "f")
    assert "newer" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room, or choose another folder, then try again."),
        (errno.EDQUOT, "Make room, or choose another folder, then try again."),
        (errno.EACCES, "Choose another folder, or see to it that this one may be written, then try again."),
        (errno.EROFS, "Choose another folder, or see to it that this one may be written, then try again."),
        (errno.ENOTDIR, "A file is where a folder is needed: choose another folder, then try again."),
        (errno.EEXIST, "A file is where a folder is needed: choose another folder, then try again."),
        (errno.EIO, "Choose another folder, then try again."),
    ],
)
def test_what_to_do_about_a_failed_write_depends_on_why_it_failed(number: int, advice: str) -> None:
    sentence = str(storage_error(Path("/some/file"), OSError(number, os.strerror(number))))
    assert sentence == f"/some/file could not be written: {os.strerror(number)}. {advice}"
