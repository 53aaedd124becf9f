"""Lessons on screen: announced by a teacher, and shown beside the alerts that they explain."""

from __future__ import annotations

import datetime as dt
import html
import re
from zoneinfo import ZoneInfo

from tests.unit.console.care_school import HARM, RoleBrowser, statuses

from schoolgate.accounts.roles import Role
from schoolgate.console import home_tasks

TEACHER, LEAD, IT = Role.teacher, Role.safeguarding_lead, Role.network_manager
STAFF = {"network_manager", "safeguarding_lead", "head", "trust_director", "teacher"}
NOW = dt.datetime(2026, 11, 30, 9, 0, tzinfo=dt.UTC)


async def test_staff_announce_lessons_and_others_find_no_page(browser: RoleBrowser) -> None:
    assert await statuses(browser, "/lessons") == {role.value: 200 if role.value in STAFF else 404 for role in Role}


async def test_a_lesson_is_announced_shown_and_withdrawn(browser: RoleBrowser) -> None:
    _, text = await browser.get(TEACHER, "/lessons")
    assert 'name="segments"' in text, "a teacher chooses a network"
    form = {"topic": "<b>drugs</b> and the law", "group": "9B", "starts": "9.05", "ends": "10:00"}
    later = (dt.datetime.now(ZoneInfo("Europe/London")) + dt.timedelta(days=3)).date().isoformat()
    status, text, headers = await browser.post(TEACHER, "/lessons", **form, day=later, sites="talktofrank.com")
    assert status == 303, text
    _, text = await browser.get(TEACHER, headers["Location"])
    assert "Announced: &lt;b&gt;drugs&lt;/b&gt; and the law" in text
    assert "/requests/new?name=talktofrank.com" in text
    assert "1 lesson is announced for the next two weeks." in text
    number, version = re.search(r'/lessons/(\d+)/withdraw.*?value="(\d+)"', text, re.S).groups()  # type: ignore[union-attr]
    status, _, headers = await browser.post(LEAD, f"/lessons/{number}/withdraw", version=version)
    assert (status, headers["Location"]) == (303, "/lessons?withdrawn=yes")
    _, text = await browser.get(TEACHER, "/lessons")
    assert "No lesson is announced." in text


async def test_mistakes_stand_beside_their_fields_and_what_was_written_stays(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(TEACHER, "/lessons", topic="the body", starts="noon", ends="25:00", day="x")
    assert status == 422
    for field in ("starts", "ends", "day"):
        assert f'id="{field}-mistake"' in text
    assert 'value="the body"' in text
    status, text, _ = await browser.post(TEACHER, "/lessons", topic="x", starts="11:00", ends="10:00")
    assert (status, "before it begins" in html.unescape(text)) == (422, True)


async def test_an_alert_says_which_lesson_it_may_belong_to(browser: RoleBrowser) -> None:
    alert = browser.school.state_of(HARM)
    zone = ZoneInfo("Europe/London")
    last = dt.datetime.fromisoformat(str(alert.last_at)).astimezone(zone)
    starts, ends = last.replace(minute=0), last.replace(minute=59)
    form = {
        "topic": "self-harm in novels",
        "day": f"{last:%Y-%m-%d}",
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
    }
    status, text, headers = await browser.post(TEACHER, "/lessons", **form)
    assert status == 303, text
    page = headers["Location"].replace("?done=", "/")
    _, text = await browser.get(LEAD, f"/alerts/{HARM}")
    assert f'announced a lesson: <a href="{page}">self-harm in novels</a>' in text
    _, text = await browser.get(LEAD, "/alerts?severity=urgent")
    assert f'expected: <a href="{page}">self-harm in novels</a>' in text
    _, text = await browser.get(LEAD, page)
    assert f'<a href="/alerts/{HARM}">' in text
    for role in (TEACHER, IT):
        status, text = await browser.get(role, page)
        assert (status, f"/alerts/{HARM}" in text) == (200, False), "whose alert it is not"
    assert (await browser.get(LEAD, "/lessons/999999"))[0] == 404


def test_home_expects_the_lessons_of_a_day() -> None:
    def lesson(hours: float, **more: object) -> dict[str, object]:
        begin = NOW + dt.timedelta(hours=hours)
        moments = {"from_us": int(begin.timestamp() * 1e6), "until_us": int(begin.timestamp() * 1e6) + 3600 * 10**6}
        return {"topic": "wars", "teacher": "Tim", "group": "9B", "is_withdrawn": False, **moments, **more}

    rows = [lesson(-2), lesson(-0.5), lesson(2, is_withdrawn=True), lesson(3, group=""), lesson(30)]
    found = home_tasks.expected({"next_change": None}, None, NOW, rows)
    assert [words for _, words, _ in found] == ["A lesson: wars (Tim, 9B).", "A lesson: wars (Tim)."]
