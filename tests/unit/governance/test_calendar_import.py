"""iCalendar files: what schools publish is read; what is hostile ends within its bound."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolgate.governance.calendar_import import (
    MOST_EVENTS,
    MOST_OCTETS,
    MOST_TIMES,
    ImportedCalendar,
    read_icalendar,
)
from schoolgate.governance.errors import RecordRefused

TODAY = dt.date(2026, 11, 30)
LONDON = ZoneInfo("Europe/London")


def file(*events: str, before: str = "") -> str:
    inner = "".join(f"BEGIN:VEVENT\r\n{one}\r\nEND:VEVENT\r\n" for one in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\n{before}{inner}END:VCALENDAR\r\n"


def event(title: str, first: str, *more: str, uid: str = "a@example.org") -> str:
    return "\r\n".join((f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART;VALUE=DATE:{first}", *more))


def read(text: str, **more: object) -> ImportedCalendar:
    return read_icalendar(text, TODAY, LONDON, **more)  # type: ignore[arg-type]


def only(text: str, **more: object) -> tuple[str, str, dt.date, dt.date]:
    found = read(text, **more)
    assert found.left_out == ()
    (one,) = found.days
    return one.kind, one.title, one.first, one.last


@pytest.mark.parametrize(
    ("title", "more", "wanted"),
    [
        ("Autumn term 1", "DTEND;VALUE=DATE:20270213", ("term", dt.date(2027, 1, 4), dt.date(2027, 2, 12))),
        ("Half-term", "DURATION:P1W", ("holiday", dt.date(2027, 1, 4), dt.date(2027, 1, 10))),
        ("Christmas holidays", "DTEND;VALUE=DATE:20270109", ("holiday", dt.date(2027, 1, 4), dt.date(2027, 1, 8))),
        ("INSET day: staff only", "CLASS:PUBLIC", ("inset", dt.date(2027, 1, 4), dt.date(2027, 1, 4))),
        ("GCSE mocks", "DTEND;VALUE=DATE:20270106", ("exam", dt.date(2027, 1, 4), dt.date(2027, 1, 5))),
        ("Closing early", "CATEGORIES:School closed", ("holiday", dt.date(2027, 1, 4), dt.date(2027, 1, 4))),
    ],
)
def test_a_kind_is_known_by_its_words(title: str, more: str, wanted: tuple[str, dt.date, dt.date]) -> None:
    kind, said, first, last = only(file(event(title, "20270104", more)))
    assert (kind, first, last) == wanted
    assert said == title


def test_events_with_hours_are_days_of_the_schools_clock() -> None:
    text = file("UID:a\r\nSUMMARY:Exams\r\nDTSTART:20270630T230000Z\r\nDTEND:20270701T230000Z")
    assert only(text)[2:] == (dt.date(2027, 7, 1), dt.date(2027, 7, 1))
    text = file("UID:a\r\nSUMMARY:Exams\r\nDTSTART;TZID=No Such Zone:20270630T090000\r\nDTEND;TZID=X:20270630T120000")
    assert only(text)[2] == dt.date(2027, 6, 30)


def test_what_says_no_kind_is_left_out_or_what_the_person_says() -> None:
    text = file(event("Boxing Day", "20261226"))
    assert [one.title for one in read(text).left_out] == ["Boxing Day"]
    assert only(text, otherwise="holiday")[0] == "holiday"


def test_a_day_that_comes_each_year_ends_with_the_years_that_are_kept() -> None:
    yearly = event("Bank holiday", "20100101", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20280101")
    moved = "\r\n".join((event("Bank holiday, moved", "20270104"), "RECURRENCE-ID;VALUE=DATE:20270101"))
    found = read(file(moved, yearly))
    assert [(one.first, one.uid) for one in found.days] == [
        (dt.date(2026, 1, 1), "a@example.org/2026-01-01"),
        (dt.date(2027, 1, 4), "a@example.org/2027-01-01"),
        (dt.date(2029, 1, 1), "a@example.org/2029-01-01"),
        (dt.date(2030, 1, 1), "a@example.org/2030-01-01"),
    ]


@pytest.mark.parametrize(
    ("first", "rule", "days"),
    [
        ("20260504", "FREQ=YEARLY;BYMONTH=5;BYDAY=1MO", ["2026-05-04", "2027-05-03", "2028-05-01", "2029-05-07"]),
        ("20260525", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;COUNT=2", ["2026-05-25", "2027-05-31"]),
        ("20280229", "FREQ=YEARLY", ["2028-02-29"]),
        (
            "20270104",
            "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20270115",
            ["2027-01-04", "2027-01-08", "2027-01-11", "2027-01-15"],
        ),
        ("20270131", "FREQ=MONTHLY;COUNT=3", ["2027-01-31", "2027-03-31", "2027-05-31"]),
    ],
)
def test_rules_of_bank_holidays_are_followed(first: str, rule: str, days: list[str]) -> None:
    found = read(file(event("Bank holiday", first, f"RRULE:{rule}")))
    assert found.left_out == ()
    assert [f"{one.first}" for one in found.days] == days


def test_what_is_cancelled_is_said_and_not_taken() -> None:
    found = read(file(event("Inset day", "20270104"), event("Inset day", "20270104", "STATUS:CANCELLED")))
    assert (found.days, found.cancelled) == ((), ("a@example.org",))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=YEARLY;BYHOUR=1,2,3",
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=999999999",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=1;BYDAY=9MO",
        "FREQ=YEARLY;INTERVAL=99999999999999999999",
        "FREQ=YEARLY;BYMONTHDAY=" + ",".join(map(str, range(1, 40))),
        "FREQ=YEARLY;BYDAY=XX",
        "FREQ=NEVER",
        "",
    ],
)
def test_a_repetition_that_no_school_needs_is_left_out(rule: str) -> None:
    found = read(file(event("Holiday", "20270104", f"RRULE:{rule}"), event("Inset day", "20270105", uid="b")))
    assert [one.uid for one in found.days] == ["b"]
    assert len(found.left_out) == 1
    assert MOST_TIMES == 60


def test_a_zone_with_endless_rules_is_never_read() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Evil\r\nBEGIN:STANDARD\r\nDTSTART:19000101T000000\r\nRRULE:FREQ=SECONDLY\r\n"
        "TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    alarm = "BEGIN:VALARM\r\nSUMMARY:Ring\r\nTRIGGER:-PT15M\r\nEND:VALARM"
    text = file(f"UID:a\r\nSUMMARY:Inset day\r\n{alarm}\r\nDTSTART;TZID=Evil:20270104T090000", before=zone)
    assert only(text)[:2] == ("inset", "Inset day")


@pytest.mark.parametrize("zone", ["Europe", "A" * 3000])
@pytest.mark.parametrize("field", ["DTSTART", "EXDATE"])
def test_a_zone_that_is_a_folder_or_no_name_of_a_file_costs_its_event_alone(zone: str, field: str) -> None:
    start = "DTSTART;VALUE=DATE:20261221\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n" if field == "EXDATE" else ""
    odd = f"UID:b\r\nSUMMARY:holiday\r\n{start}{field};TZID={zone}:20271221T000000"
    found = read(file(odd, event("Christmas holiday", "20261221")))
    assert [(one.title, one.first) for one in found.days] == [("Christmas holiday", dt.date(2026, 12, 21))]
    assert found.left_out_count == 1


def test_files_past_their_bounds_are_refused() -> None:
    with pytest.raises(RecordRefused, match="KiB"):
        read("BEGIN:VCALENDAR\r\n" + "X" * MOST_OCTETS)
    with pytest.raises(RecordRefused, match="2000 events"):
        read("BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\nEND:VEVENT\r\n" * (MOST_EVENTS + 1))
    with pytest.raises(RecordRefused, match="no iCalendar file"):
        read("<html>")


@pytest.mark.parametrize(
    "text",
    [
        event("Holiday", "99991231", "DURATION:P99999W"),
        event("Holiday", "20270104", "DTEND;VALUE=DATE:20271231"),
        event("Holiday", "tomorrow"),
        "SUMMARY:Holiday",
        event("Holiday", "19990104"),
    ],
)
def test_an_event_that_is_no_stretch_of_days_is_left_out(text: str) -> None:
    found = read(file(text))
    assert (found.days, found.left_out_count) == ((), 1)


def test_a_title_holds_nothing_that_is_not_seen() -> None:
    assert only(file(event("Inset\\n day\u202e", "20270104")))[1] == "Inset day"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "RRULE", "EXDATE", "RDATE", "STATUS",
                             "RECURRENCE-ID", "CATEGORIES", "BEGIN", "END"]),
            st.sampled_from(["", ";VALUE=DATE", ";TZID=Europe/London", ";X=\"y"]),
            st.one_of(st.text(max_size=30), st.sampled_from(["20270104", "20270104T090000Z", "P1D", "FREQ=YEARLY",
                                                              "FREQ=DAILY;COUNT=3", "VEVENT", "VALARM"])),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_event_ends_the_reading(lines: list[tuple[str, str, str]]) -> None:
    text = file("\r\n".join(f"{name}{more}:{value}" for name, more, value in lines), event("Inset day", "20270105"))
    read(text)
