"""A log that is switched off ages like any other: its last files are closed, and its key goes in time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tests.stand_in.query_log import NOON, all_rows, row, same, write_wals

from schoolgate.config.retention import Retention
from schoolgate.privacy.pseudonyms import FILE, key_in_force
from schoolgate.querylog.keeper import Keeper
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.switched_off import close_files, retire_overdue_key


def test_the_last_files_are_closed_once_and_become_parquet(tmp_path: Path) -> None:
    rows = [row(time=NOON), row(time=NOON, class_="safeguarding")]
    write_wals(tmp_path, rows, open_rows=rows)
    close_files(tmp_path)
    names = sorted(path.name for path in (tmp_path / "log" / "wal").iterdir())
    close_files(tmp_path)
    assert sorted(path.name for path in (tmp_path / "log" / "wal").iterdir()) == names
    keeper = Keeper(tmp_path / "log", Retention(), lambda class_, number: True, free=lambda folder: 1 << 40)
    report = keeper.tick(NOON)
    assert (report.converted, report.problems) == (4, [])
    assert same(all_rows(tmp_path), rows + rows)
    assert LogFolder(tmp_path / "log").list().closed == ()


def test_where_no_log_ever_was_none_is_begun(tmp_path: Path) -> None:
    close_files(tmp_path)
    retire_overdue_key(tmp_path, 90, NOON)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_nobody_uses_goes_in_time(tmp_path: Path) -> None:
    key_in_force(tmp_path, 90, NOON)
    retire_overdue_key(tmp_path, 90, NOON + dt.timedelta(days=89))
    assert (tmp_path / FILE).exists()
    retire_overdue_key(tmp_path, 90, NOON + dt.timedelta(days=90))
    assert not (tmp_path / FILE).exists()
