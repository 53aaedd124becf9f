"""What kind of day it is, and the file by which other processes know it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from schoolgate.policy.calendar_file import NO_CALENDAR, path_of_calendar, read_calendar, write_calendar
from schoolgate.policy.school_calendar import Kind, SchoolCalendar, SchoolDays, calendar_of


def days(kind: Kind, first: str, last: str, title: str = "") -> SchoolDays:
    return SchoolDays(dt.date.fromisoformat(first), dt.date.fromisoformat(last), kind, title)


AUTUMN = calendar_of(
    [
        days("term", "2026-11-02", "2026-12-18", "Autumn 2"),
        days("term", "2026-09-01", "2026-10-16", "Autumn 1a"),
        days("term", "2026-10-19", "2026-10-23", "Autumn 1b"),
        days("term", "2027-01-04", "2027-02-12", "Spring 1"),
        days("inset", "2026-11-27", "2026-11-27", "Inset day"),
        days("holiday", "2027-02-15", "2027-02-19", "Spring half term"),
    ]
)


@pytest.mark.parametrize(
    ("day", "is_holiday", "is_closed", "words"),
    [
        ("2026-11-30", False, False, "Autumn 2"),
        ("2026-11-28", False, True, "Autumn 2"),  # a Saturday
        ("2026-10-17", False, True, ""),  # the weekend between two halves that follow each other
        ("2026-11-27", False, True, "Inset day"),
        ("2026-10-28", True, True, "holiday"),  # between two terms
        ("2026-10-31", True, True, "holiday"),
        ("2027-02-16", True, True, "Spring half term"),
        ("2027-03-01", False, False, ""),  # beyond what is known
        ("2026-08-31", False, False, ""),
    ],
)
def test_a_day_is_what_the_calendar_says(day: str, is_holiday: bool, is_closed: bool, words: str) -> None:
    one = dt.date.fromisoformat(day)
    assert (AUTUMN.is_holiday(one), AUTUMN.is_closed(one), AUTUMN.words_of(one)) == (is_holiday, is_closed, words)


def test_without_a_calendar_every_day_is_one_of_a_term() -> None:
    for one in (dt.date(2026, 12, 25), dt.date(2026, 11, 28)):
        assert not NO_CALENDAR.is_closed(one)
        assert not NO_CALENDAR.is_holiday(one)


def test_a_week_of_a_holiday_has_no_pupils() -> None:
    assert AUTUMN.is_closed_week(dt.date(2026, 10, 26))
    assert not AUTUMN.is_closed_week(dt.date(2026, 11, 23))
    assert not NO_CALENDAR.is_closed_week(dt.date(2026, 10, 26))


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    assert read_calendar(tmp_path) == (NO_CALENDAR, None)
    assert not write_calendar(tmp_path, SchoolCalendar())
    assert not path_of_calendar(tmp_path).exists()
    assert write_calendar(tmp_path, AUTUMN)
    assert not write_calendar(tmp_path, AUTUMN)
    assert read_calendar(tmp_path) == (AUTUMN, None)
    assert write_calendar(tmp_path, SchoolCalendar())
    assert read_calendar(tmp_path) == (NO_CALENDAR, None)


@pytest.mark.parametrize("spoil", [lambda octets: octets[:-3], lambda octets: octets.replace(b"term", b"tern"), bytes])
def test_a_damaged_calendar_is_none_and_said(tmp_path: Path, spoil: object) -> None:
    write_calendar(tmp_path, AUTUMN)
    path = path_of_calendar(tmp_path)
    path.write_bytes(spoil(path.read_bytes()) if spoil is not bytes else b"")  # type: ignore[operator]
    calendar, problem = read_calendar(tmp_path)
    assert calendar == NO_CALENDAR
    assert problem is not None
    assert "every day counts as one of a term" in problem
    assert write_calendar(tmp_path, AUTUMN)
    assert read_calendar(tmp_path) == (AUTUMN, None)
