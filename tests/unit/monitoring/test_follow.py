"""Following files that grow, close, vanish and are replaced, with the core's own reader."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.monitoring.conftest import made_row

from schoolgate._core import log_read, log_write_sample
from schoolgate.monitoring import follow
from schoolgate.monitoring.follow import Follower, Position


def write(directory: Path, number: int, *names: str, class_: str = "ordinary") -> None:
    rows = [made_row(name, at=at, client="192.0.2.7") for at, name in enumerate(names)]
    log_write_sample(directory, class_, number, rows)


def names(follower: Follower, most: int = 1000) -> list[str]:
    return [row.qname for row in follower.step(most)]


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path, "ordinary", log_read, Position())


def test_where_there_is_no_log_there_is_nothing(tmp_path: Path) -> None:
    nowhere = Follower(tmp_path / "none", "ordinary", log_read, Position())
    assert names(nowhere) == []
    assert nowhere.is_at_end


def test_files_are_read_in_their_order_and_once(follower: Follower, tmp_path: Path) -> None:
    write(tmp_path, 1, "a.example", "b.example")
    assert names(follower) == ["a.example", "b.example"]
    assert names(follower) == []
    assert follower.is_at_end
    write(tmp_path, 2, "c.example")
    write(tmp_path, 3, "d.example")
    assert names(follower) == ["c.example"]
    assert not follower.is_at_end
    assert names(follower) == ["d.example"]
    assert follower.position.number == 3


def test_the_other_class_is_not_mine(follower: Follower, tmp_path: Path) -> None:
    write(tmp_path, 1, "a.example", class_="safeguarding")
    (tmp_path / "ordinary-1.wal").write_bytes(b"no name of ours")
    assert names(follower) == []


def test_it_goes_on_from_a_saved_place(follower: Follower, tmp_path: Path) -> None:
    write(tmp_path, 4, "a.example", "b.example")
    assert len(names(follower)) == 2
    again = Follower(tmp_path, "ordinary", log_read, follower.position)
    assert names(again) == []


def test_a_closed_file_that_was_removed_is_passed(follower: Follower, tmp_path: Path) -> None:
    write(tmp_path, 1, "a.example")
    names(follower)
    (tmp_path / f"ordinary-{1:020}.wal").unlink()
    write(tmp_path, 5, "b.example")
    assert names(follower) == ["b.example"]


def test_a_log_that_begins_anew_is_read_from_its_beginning(follower: Follower, tmp_path: Path) -> None:
    write(tmp_path, 9, "a.example")
    names(follower)
    (tmp_path / f"ordinary-{9:020}.wal").unlink()
    write(tmp_path, 1, "b.example")
    assert names(follower) == ["b.example"]


def test_a_file_that_was_replaced_by_a_shorter_one_is_read_anew(follower: Follower, tmp_path: Path) -> None:
    write(tmp_path, 1, *(f"n{number}.example" for number in range(500)))
    while names(follower):
        pass
    (tmp_path / f"ordinary-{1:020}.wal").unlink()
    write(tmp_path, 1, "a.example")
    assert names(follower) == ["a.example"]


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
def test_a_damaged_file_is_passed_when_the_next_is_there(content: bytes, follower: Follower, tmp_path: Path) -> None:
    (tmp_path / f"ordinary-{1:020}.wal").write_bytes(content)
    assert names(follower) == []
    write(tmp_path, 2, "b.example")
    assert names(follower) == ["b.example"]


def test_far_behind_ordinary_rows_are_passed_over_and_counted_safeguarding_never(
    follower: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "MOST_FILES_BEHIND", 3)
    for number in range(1, 11):
        write(tmp_path, number, f"n{number}.example")
        write(tmp_path, number, f"s{number}.example", class_="safeguarding")
    safeguarding = Follower(tmp_path, "safeguarding", log_read, Position())
    assert [names(follower) for _ in range(3)] == [["n8.example"], ["n9.example"], ["n10.example"]]
    assert follower.passed_over == 6
    assert [names(safeguarding) for _ in range(10)] == [[f"s{number}.example"] for number in range(1, 11)]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
def test_a_file_that_cannot_be_opened_now_is_not_passed(number: int, tmp_path: Path) -> None:
    """What is not read must not be lost, nor be removed as read."""
    write(tmp_path, 1, "a.example", class_="safeguarding")
    write(tmp_path, 2, "b.example", class_="safeguarding")
    is_well = False

    def read(path: str, offset: int, most: int) -> tuple[list[tuple[Any, ...]], int]:
        if not is_well:
            raise OSError(number, os.strerror(number), path)
        return log_read(path, offset, most)

    follower = Follower(tmp_path, "safeguarding", read, Position())
    assert [names(follower) for _ in range(3)] == [[], [], []]
    assert follower.position.number == 1
    assert not follower.is_at_end
    assert os.strerror(number) in (follower.problem or "")
    is_well = True
    assert [names(follower) for _ in range(3)] == [["a.example"], ["b.example"], []]
    assert (follower.problem, follower.damaged, follower.is_at_end) == (None, 0, True)


def test_a_directory_that_cannot_be_read_now_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    follower = Follower(tmp_path, "safeguarding", log_read, Position(7, 9))
    assert names(follower) == []
    assert (follower.position, follower.is_at_end) == (Position(7, 9), False)
    assert "Permission denied" in (follower.problem or "")


@pytest.mark.parametrize("class_", ["ordinary", "safeguarding"])
def test_the_lost_rest_of_a_file_is_counted(class_: str, tmp_path: Path) -> None:
    write(tmp_path, 1, "a.example", class_=class_)
    with (tmp_path / f"{class_}-{1:020}.wal").open("ab") as file:
        file.write(b"nonsense" * 100)
    follower = Follower(tmp_path, class_, log_read, Position())
    assert names(follower) == ["a.example"]
    assert names(follower) == []
    assert follower.damaged == 0, "it may still be written"
    write(tmp_path, 2, "b.example", class_=class_)
    assert names(follower) == ["b.example"]
    assert follower.damaged == 1
