"""What retention keeps: the newest of days, weeks and months, never none, and nothing of others."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.backup.backed_up import NOW, School

from schoolgate.backup.errors import NotRemoved
from schoolgate.backup.folder_target import FolderTarget
from schoolgate.backup.keeping import to_remove
from schoolgate.backup.made_record import read_record
from schoolgate.backup.stored import Stored, name_of
from schoolgate.config.backup import Backup

DAY = dt.timedelta(days=1)
FEW = Backup(keep_daily=3, keep_weekly=2, keep_monthly=2)


def at(moment: dt.datetime) -> Stored:
    return Stored(name_of("0" * 32, moment), 1)


def left(moments: list[dt.datetime], settings: Backup) -> list[dt.datetime]:
    stored = [at(one) for one in moments]
    removed = to_remove(stored, settings)
    return sorted(one.at for one in stored if one.name not in removed)


def test_a_year_of_daily_backups_leaves_days_weeks_and_months() -> None:
    year = [NOW - DAY * back for back in range(365)]  # NOW is a Monday
    kept = [(NOW - one).days for one in left(year, FEW)]
    # The last three days, the last day of this week and of the week before, of this month and of the month before.
    assert kept == [23, 2, 1, 0]


def test_of_several_of_one_day_the_newest_stays() -> None:
    hours = [NOW + dt.timedelta(hours=hour) for hour in range(5)]
    assert left(hours, FEW) == [hours[-1]]


@given(
    st.lists(st.integers(0, 3_000_000), max_size=40, unique=True),
    st.builds(Backup, keep_daily=st.integers(1, 9), keep_weekly=st.integers(0, 9), keep_monthly=st.integers(0, 9)),
)
def test_the_newest_always_stays_and_a_second_run_removes_nothing(minutes: list[int], settings: Backup) -> None:
    moments = [NOW - dt.timedelta(minutes=one) for one in minutes]
    kept = left(moments, settings)
    assert kept[-1:] == sorted(moments)[-1:]
    assert left(kept, settings) == kept
    assert len(kept) <= settings.keep_daily + settings.keep_weekly + settings.keep_monthly


def test_old_ones_are_removed_where_the_new_one_is_and_others_are_let_alone(school: School) -> None:
    school.config.write_text(
        school.config.read_text(encoding="utf-8") + "[backup]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n",
        encoding="utf-8",
    )
    foreign = school.disk / name_of("f" * 32, NOW - DAY * 9)
    foreign.write_bytes(b"of another school")
    (school.disk / "holiday.jpg").write_bytes(b"")
    first = school.create(NOW - DAY).made
    done = school.create(NOW)
    assert done.removed == {"disk": (first.name,)}
    assert sorted(one.name for one in school.disk.iterdir()) == sorted([foreign.name, "holiday.jpg", done.made.name])


def test_one_that_was_cut_short_is_not_the_one_that_is_kept(school: School) -> None:
    good = school.create(NOW - DAY * 40).made
    cut = school.create(NOW - DAY * 39).made
    with (school.disk / cut.name).open("rb+") as file:
        file.truncate(100)
    stored = [one for one in school.target().listing() if read_record(school.state).of(one.name).octets == one.octets]  # type: ignore[union-attr]
    assert [one.name for one in stored] == [good.name]
    school.create(NOW)
    assert (school.disk / good.name).exists(), "the newest good one of its month"


class LockedTarget(FolderTarget):
    """Gives nothing up."""

    def remove(self, name: str) -> None:
        raise NotRemoved(name)


def test_what_a_target_will_not_give_up_is_counted(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(School, "target", lambda self: LockedTarget("disk", self.disk))
    school.config.write_text(
        school.config.read_text(encoding="utf-8") + "[backup]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n",
        encoding="utf-8",
    )
    school.create(NOW - DAY)
    done = school.create(NOW)
    assert (done.locked, done.removed, len(school.backups())) == ({"disk": 1}, {"disk": ()}, 2)
    assert read_record(school.state).locked == {"disk": 1}


def test_retention_that_fails_leaves_the_backup(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error", str(self))

    school.create(NOW - DAY * 400)
    monkeypatch.setattr(Path, "unlink", refuse)
    done = school.create(NOW)
    assert any("old backups were not removed" in one for one in done.problems) or done.removed == {"disk": ()}
    assert len(school.backups()) == 2


def test_the_one_just_made_stays_though_the_clock_was_set_back(school: School) -> None:
    school.config.write_text(
        school.config.read_text(encoding="utf-8") + "[backup]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n",
        encoding="utf-8",
    )
    later = school.create(NOW + DAY * 1000).made
    now = school.create(NOW).made
    assert [one.name for one in school.backups()] == sorted([now.name, later.name])
