"""A file that was cut, changed or is another one is never read as if it were whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

FIELDS = {"text": "a = 1\n", "number": 7}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "folder" / "file.json"
    write_checked(written, "thing", FIELDS)
    return written


def test_what_is_written_is_read_and_only_its_owner_may(path: Path) -> None:
    assert read_checked(path, "thing") == FIELDS
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_any_octet_less_or_other_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckedFileDamaged, match=r"file\.json"):
            read_checked(path, "thing")
    for place in range(len(whole)):
        if whole[place : place + 1].isspace():
            continue  # between the words of the first line any space will do
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        with pytest.raises(CheckedFileDamaged):
            read_checked(path, "thing")


def test_another_kind_a_later_format_and_a_directory_are_refused(path: Path) -> None:
    with pytest.raises(CheckedFileDamaged, match="does not begin"):
        read_checked(path, "other")
    path.write_bytes(path.read_bytes().replace(b" 1 ", b" 2 ", 1))
    with pytest.raises(CheckedFileDamaged, match="format 2"):
        read_checked(path, "thing")
    with pytest.raises(CheckedFileDamaged, match="is a directory"):
        read_checked(path.parent, "thing")
    with pytest.raises(FileNotFoundError):
        read_checked(path.with_name("none"), "thing")
