"""Lesson notices: announced by staff, of one day, and what an alert's moment is expected by."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operations.signed_in import School, opened

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.governance.lesson_notice import MARGIN_US, MOST_A_DAY, LessonNotice
from schoolgate.operations.errors import ArgumentsRefused, NotPermitted
from schoolgate.policy.monitoring import AlertRule

LONDON = ZoneInfo("Europe/London")


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


def today(school: School) -> dt.date:
    return school.clock.now().astimezone(LONDON).date()


def at(day: dt.date, clock: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.fromisoformat(clock), LONDON)


async def announced(school: School, token: str, **more: Any) -> Any:
    given = {"topic": "drugs and the law", "starts": "10:00", "ends": "11:00", "day": today(school).isoformat()}
    return await school.call(token, "lesson.file", **{**given, **more})


@pytest.mark.asyncio
async def test_an_alert_in_a_lesson_of_its_network_is_expected_and_no_other(school: School) -> None:
    tim = await school.signed_in("tim", Role.teacher)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    day = today(school)
    made = await announced(school, tim, group="9B", sites=["https://www.talktofrank.com/drugs", "talktofrank.com"])
    assert made.sites == ("www.talktofrank.com", "talktofrank.com")
    assert (made.teacher, made.may_withdraw) == ("Tim", True)

    async def expected(begin: str, end: str, segment: str | None = None, on: dt.date = day) -> list[int]:
        span = {"since": at(on, begin).isoformat(), "until": at(on, end).isoformat()}
        return [one.number for one in await school.call(lead, "lesson.expected", segment=segment, **span)]

    assert await expected("10:30", "10:40", "pupils") == [1], "the whole school"
    assert await expected("09:50", "09:54") == []
    assert await expected("09:50", "09:56") == [1], "pupils begin before the bell"
    assert await expected("11:04", "11:30") == [1]
    assert await expected("11:06", "11:30") == []
    assert await expected("10:30", "10:40", on=day + dt.timedelta(days=1)) == []
    assert [one.number for one in await school.call(lead, "lesson.list")] == [1]
    done = await school.call(lead, "lesson.withdraw", number=1, version=made.version)
    assert done.is_withdrawn
    assert await expected("10:30", "10:40") == []
    with pytest.raises(RecordRefused, match="already"):
        await school.call(tim, "lesson.withdraw", number=1)
    with pytest.raises(RecordChanged):
        await school.call(tim, "lesson.withdraw", number=1, version=made.version)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"topic": " "}, "what the lesson is about"),
        ({"ends": "09:00"}, "before it begins"),
        ({"starts": "00:00", "ends": "23:59"}, "eight hours"),
        ({"sites": ["not a site!"]}, "write the site alone"),
        ({"segments": ["no-such"]}, "there is no network"),
        ({"day": "2020-01-01"}, "has passed"),
        ({"day": "2099-01-01"}, "days ahead"),
    ],
)
async def test_what_is_no_lesson_is_refused_and_nothing_is_kept(
    school: School, wrong: dict[str, Any], said: str
) -> None:
    tim = await school.signed_in("tim", Role.teacher)
    with pytest.raises(RecordRefused, match=said):
        await announced(school, tim, **wrong)
    with pytest.raises(ArgumentsRefused):
        await announced(school, tim, starts="25:00")
    assert await school.call(tim, "lesson.list", days=60) == ()


@pytest.mark.asyncio
async def test_another_teachers_lesson_stays_and_a_script_is_stopped(school: School) -> None:
    tim, ann = await school.signed_in("tim", Role.teacher), await school.signed_in("ann", Role.teacher)
    await announced(school, tim)
    with pytest.raises(NotPermitted, match="another person"):
        await school.call(ann, "lesson.withdraw", number=1)
    governor = await school.signed_in("grace", Role.governor)
    with pytest.raises(NotPermitted):
        await school.call(governor, "lesson.list")
    for _ in range(MOST_A_DAY - 1):
        await announced(school, tim)
    with pytest.raises(RecordRefused, match="within a day"):
        await announced(school, tim)
    await announced(school, ann)


@pytest.mark.asyncio
async def test_a_lesson_lists_the_alerts_that_belong_to_it_and_an_alert_its_lessons(school: School) -> None:
    day = today(school)
    school.clock.us = int(at(day, "12:00").timestamp() * 1e6)
    tim = await school.signed_in("tim", Role.teacher)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    it = await school.signed_in("nia", Role.network_manager)
    inside, rhythm, malware, before, elsewhere = (
        raised(school, at(day, clock), detector, category, segment)
        for clock, detector, category, segment in (
            ("10:30", "attempt", "drugs", "pupils"), ("10:31", "rhythm", None, "pupils"),
            ("10:32", "attempt", "malware", "pupils"), ("08:30", "attempt", "drugs", "pupils"),
            ("10:33", "attempt", "drugs", "staff"),
        )
    )  # fmt: skip
    await announced(school, tim)
    await school.call(lead, "lesson.withdraw", number=1)
    made = await announced(school, tim)
    again = await announced(school, tim, topic="another class", starts="10:25", ends="10:40")

    shown = await school.call(lead, "lesson.show", number=made.number)
    assert [one.number for one in shown.alerts] == [elsewhere, inside], "neither software nor what came before"
    assert (shown.lesson.topic, shown.is_more) == ("drugs and the law", False)
    assert (await school.call(lead, "lesson.show", number=1)).alerts == (), "it was withdrawn"
    assert (await school.call(it, "lesson.show", number=made.number)).alerts == (), "not IT's to see"
    assert (await school.call(tim, "lesson.show", number=made.number)).alerts is None
    with pytest.raises(NoSuchRecord):
        await school.call(lead, "lesson.show", number=99)

    both = [made.number, again.number]
    alert = await school.call(lead, "alerts.show", number=inside)
    assert [one.number for one in alert.lessons] == both
    for number in (rhythm, malware, before):
        assert (await school.call(lead, "alerts.show", number=number)).lessons == ()
    listed = await school.call(lead, "lesson.of_alerts", alerts=[inside, rhythm, malware, before, elsewhere, 10**6])
    assert {one.alert: [lesson.number for lesson in one.lessons] for one in listed} == {inside: both, elsewhere: both}
    assert await school.call(it, "lesson.of_alerts", alerts=[inside, elsewhere]) == ()
    with pytest.raises(NotPermitted):
        await school.call(tim, "lesson.of_alerts", alerts=[inside])


def raised(school: School, moment: dt.datetime, detector: str, category: str | None, segment: str) -> int:
    """The number of an alert of a device of its own."""
    folder = school.state / "monitor"
    folder.mkdir(mode=0o700, exist_ok=True, parents=True)
    rules = AlertRules({"all": AlertRule(categories=("*",), detectors=("*",))}, ZoneInfo("UTC"))
    one = Finding(
        detector, "warning", segment, f"p-{moment:%H%M}{segment}", int(moment.timestamp() * 1e6), 0, "A device asked.",
        category, {}, (), questions=1,
    )  # fmt: skip
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
        rules.apply([one], store, Outbox(store), moment)
        return max(alert.id for alert in store.alerts(("new",), 1000))


@given(
    begin=st.integers(0, 10**12), length=st.integers(1, 10**11), first=st.integers(0, 10**12),
    lasted=st.integers(0, 10**11), segments=st.sets(st.sampled_from("abc")), segment=st.sampled_from([None, *"abcd"]),
)  # fmt: skip
def test_a_lesson_covers_what_meets_it_in_time_and_place(
    begin: int, length: int, first: int, lasted: int, segments: set[str], segment: str | None
) -> None:
    notice = LessonNotice(topic="x", segments=tuple(segments), from_us=begin, until_us=begin + length)
    lesson = range(begin - MARGIN_US, begin + length + MARGIN_US + 1)
    meets = first in lesson or first + lasted in lesson or (first < lesson.start and first + lasted >= lesson.stop)
    assert notice.covers(segment, first, first + lasted) == (meets and (not segments or segment in segments))
