"""What is said of backups before it matters, and when one is due."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.unit.backup.backed_up import NOW, School

from schoolgate.backup.backup_problems import backup_problems, backup_summary
from schoolgate.backup.due import is_due, scheduled_before
from schoolgate.backup.made_record import Made, Placed, Record, read_record, write_record
from schoolgate.checks.record import CheckRecord
from schoolgate.config import parse

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
LONDON = ZoneInfo("Europe/London")


def made(at: dt.datetime, *placed: Placed, failed: dict[str, str] | None = None) -> Made:
    return Made(f"schoolgate-00000000-{at:%Y%m%dT%H%M%SZ}.tar.age", at, 1, "", False, placed, failed or {})


DISK = Placed("disk", "folder")
PULLED = Placed("pulled", "pulled", is_locked=True)


def proved(school: School, at: dt.datetime, *, is_well: bool = True) -> None:
    row = {"at": at.isoformat(), "ok": is_well}
    CheckRecord(school.state).keep("restore", row, row)


def problems(school: School, *made: Made, failure: str | None = None, now: dt.datetime = NOW) -> list[str]:
    write_record(school.state, Record(made, NOW, failure))
    return backup_problems(school.settings, now)


def test_a_school_without_a_target_is_told_so(tmp_path: Path) -> None:
    settings = parse("", "defaults", environ={"SCHOOLGATE_STATE_DIR": str(tmp_path)})
    (problem,) = backup_problems(settings, NOW)
    assert "there is no backup" in problem
    assert backup_summary(settings, NOW) is None


def test_a_school_without_a_key_is_told_so(school: School) -> None:
    (school.state / "backup" / "recipients.txt").unlink()
    (problem,) = problems(school)
    assert "schoolgate backup key" in problem


def test_all_is_well_when_a_backup_is_young_proved_and_out_of_reach(school: School) -> None:
    proved(school, NOW - 10 * DAY)
    assert problems(school, made(NOW - HOUR, DISK, PULLED)) == []
    summary = backup_summary(school.settings, NOW)
    assert summary is not None
    assert (summary["age_s"], summary["proved_age_s"], summary["targets"]) == (3600, 864_000, ["disk", "pulled"])


def test_the_first_backup_is_asked_for(school: School) -> None:
    (problem,) = problems(school)
    assert "no backup was made yet" in problem


def test_an_old_backup_is_said_with_its_day(school: School) -> None:
    proved(school, NOW)
    (problem,) = problems(school, made(NOW - 31 * HOUR, PULLED))
    assert "the last backup is of 21 November 2026" in problem


def test_a_failure_and_a_target_that_lacks_it_are_said(school: School) -> None:
    proved(school, NOW)
    found = problems(school, made(NOW, PULLED, failed={"nas": "not mounted"}), failure="the disk is full")
    assert len(found) == 2
    assert "the disk is full" in found[0]
    assert "target nas: not mounted" in found[1]


def test_a_key_that_was_never_tried_is_said_before_it_matters(school: School) -> None:
    (problem,) = problems(school, made(NOW, PULLED))
    assert "a lost key would be noticed when it is too late" in problem
    proved(school, NOW - 101 * DAY)
    (problem,) = problems(school, made(NOW, PULLED))
    assert "since 14 August 2026" in problem


def test_a_failed_test_restore_is_said_until_one_succeeds(school: School) -> None:
    proved(school, NOW - 2 * DAY)
    proved(school, NOW - DAY, is_well=False)
    (problem,) = problems(school, made(NOW, PULLED))
    assert "the last test restore failed on 22 November 2026" in problem
    proved(school, NOW)
    assert problems(school, made(NOW, PULLED)) == []


@pytest.mark.parametrize(
    ("placed", "is_apart"),
    [
        (PULLED, True),
        (Placed("s3", "s3", is_locked=True), True),
        (DISK, False),
        (Placed("usb", "medium", "red"), False),
        (Placed("usb", "medium", "blue"), True),
    ],
)
def test_a_copy_counts_where_this_machine_cannot_reach_it(school: School, placed: Placed, is_apart: bool) -> None:
    """The medium that was there last is within reach; another one of the same target was taken away."""
    proved(school, NOW)
    found = problems(school, made(NOW - 2 * DAY, placed), made(NOW, DISK, Placed("usb", "medium", "red")))
    assert any("neither alter nor delete" in one for one in found) is not is_apart
    late = problems(school, made(NOW - 9 * DAY, placed), made(NOW, Placed("usb", "medium", "red")))
    assert any("neither alter nor delete" in one for one in late)


def test_a_record_that_cannot_be_read_is_as_good_as_none(school: School) -> None:
    path = school.state / "backup" / "record.json"
    for octets in (b"", b"{}", b"[1]", b"\xff", b'{"made": [{}], "tried_at": null, "failure": null, "locked": {}}'):
        path.write_bytes(octets)
        assert read_record(school.state) == Record()


def test_what_is_written_is_read(school: School) -> None:
    record = Record((made(NOW, DISK, Placed("usb", "medium", "red"), failed={"nas": "x"}),), NOW, "why", {"s3": 2})
    write_record(school.state, record)
    assert read_record(school.state) == record


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (dt.datetime(2026, 7, 1, 1, 30, tzinfo=dt.UTC), dt.datetime(2026, 7, 1, 1, 30, tzinfo=dt.UTC)),
        (dt.datetime(2026, 7, 1, 1, 29, tzinfo=dt.UTC), dt.datetime(2026, 6, 30, 1, 30, tzinfo=dt.UTC)),
        (dt.datetime(2026, 12, 1, 2, 31, tzinfo=dt.UTC), dt.datetime(2026, 12, 1, 2, 30, tzinfo=dt.UTC)),
    ],
)
def test_the_time_of_day_is_on_the_schools_clock(now: dt.datetime, expected: dt.datetime) -> None:
    assert scheduled_before(now, dt.time(2, 30), LONDON) == expected


def test_one_is_due_once_a_day_again_after_an_hour_where_it_failed_and_at_once_where_none_was_made(
    school: School,
) -> None:
    def due(now: dt.datetime, *made: Made, tried: dt.datetime | None = None) -> bool:
        write_record(school.state, Record(made, tried or (made[-1].at if made else None)))
        return is_due(school.settings, now, LONDON)

    assert due(NOW)
    assert not due(NOW + 23 * HOUR, made(NOW, DISK))
    assert due(NOW + 24 * HOUR, made(NOW, DISK))
    partly = made(NOW, PULLED)
    assert not due(NOW + HOUR / 2, partly), "the disk did not get it"
    assert due(NOW + HOUR, partly)
    assert due(NOW - 5 * DAY, made(NOW, DISK)), "the clock was set back"


def test_without_targets_nothing_is_due(school: School) -> None:
    settings = school.settings
    bare = settings.model_copy(update={"backup": settings.backup.model_copy(update={"targets": {}})})
    assert not is_due(bare, NOW, None)
    assert replace(Record(), tried_at=NOW).made == ()
