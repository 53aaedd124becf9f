"""Erasing by itself takes what it must and no more: a full disk, a wrong clock, a folder that will not go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stand_in.query_log import NOON, all_rows, row, wal, write_rows

from schoolgate.config.retention import Retention
from schoolgate.querylog.keeper import Keeper
from schoolgate.querylog.retention import MIB, WAIT_FOR_ROOM

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WANTED = Retention().min_free_mib * MIB


def days_of_a_fortnight(state_dir: Path) -> None:
    write_rows(state_dir, wal(1), [row(time=NOON - DAY * age) for age in range(14)])


def keeper(state_dir: Path, free: Callable[[Path], int], **kept: int) -> Keeper:
    return Keeper(state_dir / "log", Retention(**kept), lambda class_, number: True, free=free)


def ages(state_dir: Path) -> set[int]:
    return {(NOON - one.time) // DAY for one in all_rows(state_dir)}


def test_a_spilling_search_costs_no_day(tmp_path: Path) -> None:
    days_of_a_fortnight(tmp_path)
    spilled = tmp_path / "log" / "tmp" / "a-search" / "spilled"
    spilled.parent.mkdir(parents=True)
    spilled.write_bytes(bytes(100_000))
    one = keeper(tmp_path, lambda folder: WANTED - 100_000)
    # Maintenance sweeps what nobody holds; this search is at it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schoolgate.querylog.keeper.sweep", lambda parent: 0)
        assert one.tick(NOON).erased == []
    assert ages(tmp_path) == set(range(14))


def test_room_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    days_of_a_fortnight(tmp_path)
    # A search holds the files open, or the file system frees them in its own time: nothing seems to help.
    one = keeper(tmp_path, lambda folder: WANTED - 1)
    assert [gone["day"] for gone in one.tick(NOON).erased] == [str((NOON - 13 * DAY).date())]
    assert one.tick(NOON + WAIT_FOR_ROOM / 2).erased == []
    assert [gone["day"] for gone in one.tick(NOON + WAIT_FOR_ROOM).erased] == [str((NOON - 12 * DAY).date())]


def test_a_clock_ahead_for_a_tick_erases_nothing(tmp_path: Path) -> None:
    days_of_a_fortnight(tmp_path)
    one = keeper(tmp_path, lambda folder: 1 << 40)
    assert one.tick(NOON).problems == []
    report = one.tick(NOON + 400 * DAY)
    assert report.erased == []
    assert any("clock" in problem and "not erased" in problem for problem in report.problems)
    assert one.tick(NOON + HOUR).problems == []
    assert ages(tmp_path) == set(range(14))


def test_a_clock_ahead_costs_no_day_of_the_floor(tmp_path: Path) -> None:
    days_of_a_fortnight(tmp_path)
    keeper(tmp_path, lambda folder: 1 << 40).tick(NOON)
    keeper(tmp_path, lambda folder: 0).tick(NOON + 400 * DAY)
    assert ages(tmp_path) == set(range(8))


def test_after_a_day_of_the_new_time_it_is_believed(tmp_path: Path) -> None:
    days_of_a_fortnight(tmp_path)
    keeper(tmp_path, lambda folder: 1 << 40).tick(NOON)
    later = NOON + 400 * DAY
    for hour in range(24):
        # A keeper of its own each time: a restart forgets nothing.
        assert keeper(tmp_path, lambda folder: 1 << 40).tick(later + hour * HOUR).erased == []
    assert len(keeper(tmp_path, lambda folder: 1 << 40).tick(later + DAY).erased) == 14


@pytest.mark.parametrize("content", [b"", b"[]", b'{"trusted": "yesterday"}'])
def test_a_damaged_memory_of_the_clock_erases_nothing(tmp_path: Path, content: bytes) -> None:
    days_of_a_fortnight(tmp_path)
    (tmp_path / "log" / "clock.json").write_bytes(content)
    assert keeper(tmp_path, lambda folder: 1 << 40).tick(NOON + 400 * DAY).erased == []
    assert keeper(tmp_path, lambda folder: 1 << 40).tick(NOON + 400 * DAY + DAY).erased != []


def test_a_folder_that_will_not_go_does_not_keep_the_others(tmp_path: Path) -> None:
    days_of_a_fortnight(tmp_path)
    stuck = tmp_path / "log" / "rows" / f"day={(NOON - 13 * DAY).date()}" / "class=ordinary" / "a folder"
    stuck.mkdir()
    report = keeper(tmp_path, lambda folder: 1 << 40, ordinary_days=5).tick(NOON)
    assert ages(tmp_path) == set(range(6))
    assert any(str(stuck.parent) in problem for problem in report.problems)
