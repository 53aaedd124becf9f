"""The school's calendar by the operations: written, imported twice, removed, published for other processes."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.unit.governance.test_calendar_import import event, file
from tests.unit.operations.signed_in import School, opened

from schoolgate.accounts.roles import Role
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.operations.errors import NotPermitted
from schoolgate.policy.calendar_file import path_of_calendar, read_calendar

TERMS = file(
    event("Autumn term", "20260901", "DTEND;VALUE=DATE:20261219", uid="t1"),
    event("Autumn half term", "20261026", "DTEND;VALUE=DATE:20261031", uid="h1"),
    event("Year 9 trip", "20261201", uid="x"),
)


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as one:
        yield one


async def test_a_file_is_looked_at_taken_and_taken_again_without_a_change(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    plan = await school.call(head, "calendar.preview", text=TERMS)
    assert [(one.step, one.kind) for one in plan.entries] == [("added", "term"), ("added", "holiday")]
    assert (plan.left_out_count, plan.left_out[0].title, plan.is_taken) == (1, "Year 9 trip", False)
    assert (await school.call(head, "calendar.show")).entries == ()
    await school.call(head, "calendar.import", text=TERMS)
    again = await school.call(head, "calendar.import", text=TERMS)
    assert (again.entries, again.same) == ((), 2)
    shown = await school.call(head, "calendar.show")
    assert [one.title for one in shown.entries] == ["Autumn term", "Autumn half term"]
    assert (shown.today_words, shown.is_closed, shown.next_holiday) == ("Autumn term", False, None)
    calendar, problem = read_calendar(school.state)
    assert problem is None
    assert calendar.is_holiday(dt.date(2026, 10, 27))


async def test_a_newer_file_changes_its_own_entries_and_no_hand_made_one(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    await school.call(head, "calendar.import", text=TERMS)
    half = (await school.call(head, "calendar.show")).entries[1]
    given = {"kind": "holiday", "title": "Half term, two weeks", "first": "2026-10-19", "last": "2026-10-30"}
    await school.call(head, "calendar.set", number=half.number, version=half.version, **given)
    with pytest.raises(RecordChanged):
        await school.call(head, "calendar.set", number=half.number, version=half.version, **given)
    moved = TERMS.replace("DTEND;VALUE=DATE:20261219", "DTEND;VALUE=DATE:20261218")
    plan = await school.call(head, "calendar.import", text=moved)
    assert [(one.step, one.title, one.before) for one in plan.entries] == [
        ("changed", "Autumn term", "2026-09-01 to 2026-12-18")
    ]
    assert "Autumn half term" in {one.title for one in plan.left_out}
    gone = moved.replace("UID:t1", "UID:t1\r\nSTATUS:CANCELLED")
    assert [one.step for one in (await school.call(head, "calendar.import", text=gone)).entries] == ["removed"]


async def test_what_was_removed_stays_so(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    await school.call(head, "calendar.import", text=TERMS)
    for one in (await school.call(head, "calendar.show")).entries:
        await school.call(head, "calendar.remove", number=one.number, version=one.version)
        with pytest.raises(RecordRefused, match="was removed"):
            await school.call(head, "calendar.remove", number=one.number)
    plan = await school.call(head, "calendar.import", text=TERMS)
    assert (plan.entries, plan.left_out_count) == ((), 3)
    assert read_calendar(school.state)[0].stretches == ()


@pytest.mark.parametrize(
    ("first", "last", "title", "said"),
    [
        ("2026-12-20", "2026-12-19", "x", "before it begins"),
        ("2026-01-01", "2026-12-31", "x", "longer than a term"),
        ("0026-12-20", None, "x", "four digits"),
        ("2026-12-20", None, " ", "title"),
    ],
)
async def test_a_mistake_is_named(school: School, first: str, last: str | None, title: str, said: str) -> None:
    head = await school.signed_in("helen", Role.head)
    with pytest.raises(RecordRefused, match=said):
        await school.call(head, "calendar.set", kind="holiday", title=title, first=first, last=last)
    assert not path_of_calendar(school.state).exists()


async def test_a_lead_reads_it_and_writes_nothing(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    assert (await school.call(lead, "calendar.show")).entries == ()
    with pytest.raises(NotPermitted):
        await school.call(lead, "calendar.set", kind="holiday", title="x", first="2026-12-20")


async def test_what_is_due_on_a_day_without_pupils_says_so(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    await school.call(head, "calendar.set", kind="inset", title="Inset day", first="2026-12-04")
    for day in ("2026-12-03", "2026-12-04", "2026-12-05"):
        await school.call(head, "action.add", what=f"by {day}", owner="Ada", due_on=day)
    dues = (await school.call(head, "action.calendar")).dues
    assert [one.day_words for one in dues] == ["", "Inset day", "a weekend"]
