"""One file that cannot be opened, as on a failing disk, stops nothing but itself. A folder in its place stands for it:
that fails for root too."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.stand_in.query_log import NOON, all_rows, counted_rows, row, same, wal, write_rows, write_wals

from schoolgate.config.retention import Retention
from schoolgate.querylog import Query, QueryLog, Row
from schoolgate.querylog.erasure import ask_for, pending_in
from schoolgate.querylog.keeper import Keeper
from schoolgate.querylog.layout import LogFolder

DAY = dt.timedelta(days=1)
AFTER = NOON + DAY
CLIENT = "192.0.2.1"


def keeper(state_dir: Path) -> Keeper:
    settings = Retention(min_free_mib=0)
    return Keeper(state_dir / "log", settings, lambda class_, number: True, free=lambda folder: 1 << 40)


def made(count: int, age_days: int = 0) -> list[Row]:
    minute = dt.timedelta(minutes=9)
    times = [NOON - age_days * DAY - minute * (count - number) for number in range(count)]
    return [row(time=time, client=f"192.0.2.{number % 3}") for number, time in enumerate(times)]


def block(path: Path) -> Path:
    """Takes a file away and puts what cannot be read in its place; returns where the file is."""
    aside = path.with_suffix(".aside")
    path.rename(aside)
    path.mkdir()
    return aside


def unblock(path: Path) -> None:
    path.rmdir()
    path.with_suffix(".aside").rename(path)


def test_a_search_leaves_it_out_and_says_so_until_it_can_be_opened(tmp_path: Path) -> None:
    there, lost = made(5), made(5, age_days=1)
    write_rows(tmp_path, wal(2), there)
    (bad,) = write_rows(tmp_path, wal(1), lost)
    block(bad)
    with QueryLog(tmp_path) as log:
        page = log.search(Query())
        assert same(page.rows, there)
        (problem,) = page.problems
        assert str(bad) in problem and "left out" in problem
        assert log.totals(Query()).rows == len(there)
        unblock(bad)
        assert same(log.search(Query()).rows, there + lost)


def test_the_other_days_are_compacted_and_counted(tmp_path: Path) -> None:
    for number, age in ((1, 2), (3, 1), (5, 0)):
        write_rows(tmp_path, wal(number), made(4, age))
        (last,) = write_rows(tmp_path, wal(number + 1), made(4, age))
        if age == 1:
            bad = last
    block(bad)
    report = keeper(tmp_path).tick(AFTER)
    assert any(str(bad) in problem for problem in report.problems)
    log = LogFolder(tmp_path / "log").list()
    assert {file.kind for file in log.files if file.day != bad_day(bad)} == {"day"}
    assert len(log.rollups) == 2
    unblock(bad)
    assert keeper(tmp_path).tick(AFTER + dt.timedelta(hours=1)).problems == []
    log = LogFolder(tmp_path / "log").list()
    assert {file.kind for file in log.files} == {"day"}
    assert len(log.rollups) == 3


def bad_day(path: Path) -> dt.date:
    return dt.date.fromisoformat(path.parent.parent.name.removeprefix("day="))


def test_a_rollup_that_cannot_be_opened_is_not_replaced(tmp_path: Path) -> None:
    write_rows(tmp_path, wal(1), made(4))
    keeper(tmp_path).tick(AFTER)
    rollup = LogFolder(tmp_path / "log").rollup(NOON.date())
    block(rollup)
    report = keeper(tmp_path).tick(AFTER)
    assert any(str(rollup) in problem for problem in report.problems)
    assert rollup.is_dir()


def test_a_wal_that_cannot_be_read_stops_no_other_and_is_taken_in_later(tmp_path: Path) -> None:
    rows = made(30)
    write_wals(tmp_path, rows, each=10)
    bad = LogFolder(tmp_path / "log").list().closed[1].path
    block(bad)
    report = keeper(tmp_path).tick(AFTER)
    assert report.converted == 2
    assert any(str(bad) in problem for problem in report.problems)
    unblock(bad)
    report = keeper(tmp_path).tick(AFTER + dt.timedelta(hours=1))
    assert (report.problems, report.converted) == ([], 1)
    # Compaction did not take the numbers around it for whole.
    assert same(counted_rows(tmp_path), rows)
    keeper(tmp_path).tick(AFTER + dt.timedelta(hours=2))
    assert same(all_rows(tmp_path), rows)
    assert [file.kind for file in LogFolder(tmp_path / "log").list().files] == ["day"]


def test_an_erasure_waits_for_it_and_conversion_does_not(tmp_path: Path) -> None:
    old, new = made(6, age_days=1), made(20)
    (bad,) = write_rows(tmp_path, f"day-{1:020}-{1:020}", old)
    write_wals(tmp_path, new, each=10, first=2)
    block(bad)
    log = LogFolder(tmp_path / "log")
    with log.maintained():
        ask_for(log, [CLIENT], "asked", "dpo", NOON)
    report = keeper(tmp_path).tick(AFTER)
    assert report.converted == 2
    assert any(str(bad) in problem for problem in report.problems)
    assert len(pending_in(log)) == 1
    unblock(bad)
    assert keeper(tmp_path).tick(AFTER).problems == []
    assert pending_in(log) == []
    assert same(all_rows(tmp_path), [one for one in old + new if one.client != CLIENT])


def test_a_damaged_list_of_erasures_does_not_stop_conversion(tmp_path: Path) -> None:
    write_wals(tmp_path, made(20), each=10)
    (tmp_path / "log" / "erasing.json").write_bytes(b"{")
    report = keeper(tmp_path).tick(AFTER)
    assert report.converted == 2
    assert any("erasing.json" in problem for problem in report.problems)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_damaged_file_that_was_restored_counts_again(tmp_path: Path, missing: int) -> None:
    rows = {number: made(4) for number in range(1, 5)}
    paths = {number: write_rows(tmp_path, wal(number), some)[0] for number, some in rows.items()}
    backup = paths[missing].read_bytes()
    paths[missing].write_bytes(b"PAR1" + bytes(500) + b"PAR1")
    with QueryLog(tmp_path) as log:
        assert len(log.search(Query()).rows) == 12
        for hour in range(3):
            keeper(tmp_path).tick(AFTER + hour * dt.timedelta(hours=1))
        assert not paths[missing].exists()
        paths[missing].write_bytes(backup)
        paths[missing].with_name(paths[missing].name + ".damaged").unlink()
        assert len(log.search(Query()).rows) == 16, "a reader that knew it as damaged looks again"
    keeper(tmp_path).tick(AFTER + 4 * dt.timedelta(hours=1))
    assert same(all_rows(tmp_path), [one for some in rows.values() for one in some])
