"""Which files of the query log count: each row once, whatever was killed in the middle of what."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.querylog.layout import LogFolder, RowFile

DAY = "day=2026-11-17"


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def counting(folder: Path) -> list[str]:
    return [file.path.name for file in LogFolder(folder).list().files]


def wal(number: int) -> str:
    return f"rows/{DAY}/class=ordinary/wal-{number:020}.parquet"


def wide(kind: str, first: int, last: int) -> str:
    return f"rows/{DAY}/class=ordinary/{kind}-{first:020}-{last:020}.parquet"


def test_a_log_nobody_wrote_is_empty(tmp_path: Path) -> None:
    listing = LogFolder(tmp_path / "log").list()
    assert (listing.wals, listing.files, listing.days, listing.closed) == ((), (), (), ())


def test_parquet_counts_only_when_its_wal_is_gone(tmp_path: Path) -> None:
    touch(tmp_path, wal(1), wal(2), "wal/ordinary-00000000000000000002.wal")
    assert counting(tmp_path) == ["wal-00000000000000000001.parquet"]


def test_a_wal_of_the_other_class_with_the_same_number_is_another(tmp_path: Path) -> None:
    touch(tmp_path, wal(2), "wal/safeguarding-00000000000000000002.wal")
    assert counting(tmp_path) == ["wal-00000000000000000002.parquet"]


def test_the_part_after_midnight_counts_beside_the_first(tmp_path: Path) -> None:
    other = "rows/day=2026-11-18/class=ordinary/wal-00000000000000000001-1.parquet"
    touch(tmp_path, wal(1), other)
    assert LogFolder(tmp_path).list().days == (dt.date(2026, 11, 17), dt.date(2026, 11, 18))


def test_a_file_within_a_wider_one_does_not_count(tmp_path: Path) -> None:
    touch(tmp_path, wal(1), wal(2), wal(3), wal(5), wide("hour-09", 1, 3), wide("hour-10", 4, 4))
    listing = LogFolder(tmp_path).list()
    assert [(file.kind, file.first, file.last) for file in listing.files] == [
        ("hour", 1, 3),
        ("hour", 4, 4),
        ("wal", 5, 5),
    ]
    assert {file.first for file in listing.covered} == {1, 2, 3}


def test_a_day_stands_for_its_hours_and_a_later_day_file_for_the_first(tmp_path: Path) -> None:
    touch(tmp_path, wide("hour-09", 1, 3), wide("day", 1, 3), wide("day", 1, 9), wal(9), wal(10))
    assert counting(tmp_path) == [Path(wide("day", 1, 9)).name, Path(wal(10)).name]


def test_an_hour_never_stands_for_a_day() -> None:
    day = RowFile(Path("a"), dt.date(2026, 11, 17), "ordinary", "day", 2, 3)
    hour = RowFile(Path("b"), dt.date(2026, 11, 17), "ordinary", "hour", 1, 9)
    assert not hour.covers(day)


def test_the_highest_wal_of_each_class_is_open(tmp_path: Path) -> None:
    names = [f"wal/ordinary-{number:020}.wal" for number in (4, 5)] + ["wal/safeguarding-00000000000000000009.wal"]
    touch(tmp_path, *names)
    assert [(one.class_, one.number) for one in LogFolder(tmp_path).list().closed] == [("ordinary", 4)]


def test_strange_names_are_passed_over(tmp_path: Path) -> None:
    strange = ["wal-1.parquet", "wal-00000000000000000001.parquet.tmp", "wal-00000000000000000001.parquet.damaged", "x"]
    touch(tmp_path, *(f"rows/{DAY}/class=ordinary/{name}" for name in strange))
    touch(
        tmp_path, "rows/day=2026-13-45/class=ordinary/wal-00000000000000000001.parquet", "wal/ordinary-1.wal", "wal/x"
    )
    listing = LogFolder(tmp_path).list()
    assert (listing.files, listing.wals) == ((), ())
