"""A write-ahead file that is damaged gives its good rows, and is kept beside for whoever wants the rest."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from tests.stand_in.query_log import NOON, all_rows, row, same, write_wals

from schoolgate.config.retention import Retention
from schoolgate.querylog.keeper import Keeper
from schoolgate.querylog.layout import LogFolder

DAY = dt.timedelta(days=1)


def keeper(state_dir: Path) -> Keeper:
    return Keeper(state_dir / "log", Retention(), lambda class_, number: True, free=lambda folder: 1 << 40)


def test_good_frames_behind_a_damaged_one_are_taken_in_and_the_file_is_kept(tmp_path: Path) -> None:
    # Serials differ, so each row has a frame of its own.
    rows = [row(time=NOON - dt.timedelta(seconds=number), policy_serial=number) for number in range(1, 4)]
    write_wals(tmp_path, rows, open_rows=[])
    log = LogFolder(tmp_path / "log")
    (bad,) = log.list().closed
    octets = bytearray(bad.path.read_bytes())
    first = octets.index(b"\x03www\x07example\x03org")
    octets[first] ^= 0x10
    bad.path.write_bytes(octets)
    report = keeper(tmp_path).tick(NOON)
    assert report.rows == 2
    assert any("1 rows at least" in problem and ".wal.damaged" in problem for problem in report.problems)
    assert same(all_rows(tmp_path), rows[1:])
    kept = bad.path.with_name(bad.path.name + ".damaged")
    assert kept.read_bytes() == octets
    assert keeper(tmp_path).tick(NOON).problems == []

    old = (NOON - 91 * DAY).timestamp()
    os.utime(kept, (old, old))
    assert [gone["class"] for gone in keeper(tmp_path).tick(NOON).erased] == ["ordinary"]
    assert not kept.exists()


def test_a_torn_end_is_told_and_the_file_goes(tmp_path: Path) -> None:
    write_wals(tmp_path, [row()], open_rows=[])
    (torn,) = LogFolder(tmp_path / "log").list().closed
    os.truncate(torn.path, torn.path.stat().st_size - 1)
    (problem,) = keeper(tmp_path).tick(NOON).problems
    assert "never whole" in problem
    assert not list(torn.path.parent.glob("*.damaged"))
    assert not torn.path.exists()


def test_a_file_of_another_format_is_kept_and_the_next_one_taken_in(tmp_path: Path) -> None:
    write_wals(tmp_path, [row(), row()], each=1)
    folder = LogFolder(tmp_path / "log")
    other = folder.list().closed[0].path
    other.write_bytes(b"what a later version writes, with a head of its own")
    report = keeper(tmp_path).tick(NOON)
    assert report.converted == 1
    assert any(str(other) in problem and "format" in problem for problem in report.problems)
    assert other.exists()
