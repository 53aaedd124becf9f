"""Lists for lessons on screen: proposed by a teacher, agreed to by the lead, opened with a lesson, ended."""

from __future__ import annotations

import datetime as dt
import html
import re
from zoneinfo import ZoneInfo

from tests.unit.console.care_school import RoleBrowser, statuses

from schoolgate.accounts.roles import Role

TEACHER, LEAD = Role.teacher, Role.safeguarding_lead


async def test_a_list_is_proposed_agreed_to_opened_and_ended(browser: RoleBrowser) -> None:
    found = await statuses(browser, "/lessons/lists")
    assert {role for role, status in found.items() if status == 404} == {
        "governor",
        "provider",
        "data_protection_officer",
    }
    _, text = await browser.get(TEACHER, "/lessons/lists")
    assert "No list is there yet." in text
    segment = re.search(r'name="segments" value="([^"]+)"', text).group(1)  # type: ignore[union-attr]
    form = {"title": "<b>Art</b>", "purpose": "Year 9", "names": "art.example.org", "segments": segment, "until": ""}
    status, text, _ = await browser.post(TEACHER, "/lessons/lists", **{**form, "names": "no name at all!"})
    assert (status, 'id="names-mistake"' in text) == (422, True)
    status, text, headers = await browser.post(TEACHER, "/lessons/lists", **form)
    assert (status, headers.get("Location")) == (303, "/lessons/lists?done=proposed"), html.unescape(text)[-3000:]
    _, text = await browser.get(TEACHER, "/lessons/lists")
    assert "&lt;b&gt;Art&lt;/b&gt;" in text
    assert "/agree" not in text
    _, text = await browser.get(LEAD, "/lessons/lists")
    number, version = re.search(r'lists/(\d+)/agree.*?value="(\d+)"', text, re.S).groups()  # type: ignore[union-attr]
    assert (await browser.post(TEACHER, f"/lessons/lists/{number}/agree", version=version))[0] == 404
    status, text, headers = await browser.post(LEAD, f"/lessons/lists/{number}/agree", version=version)
    assert (status, headers.get("Location")) == (303, "/lessons/lists?done=agreed"), html.unescape(text)[-3000:]
    later = (dt.datetime.now(ZoneInfo("Europe/London")) + dt.timedelta(days=3)).date().isoformat()
    lesson = {"topic": "Monet", "starts": "9:05", "ends": "10:00", "day": later, "opens": number}
    status, text, _ = await browser.post(TEACHER, "/lessons", **lesson)
    assert (status, 'id="segments-mistake"' in text) == (422, True)
    status, text, headers = await browser.post(TEACHER, "/lessons", **lesson, segments=segment)
    assert status == 303, html.unescape(text)[-3000:]
    _, text = await browser.get(TEACHER, headers["Location"])
    assert f"opens list {number}" in text
    filed, held = re.search(r'/lessons/(\d+)/withdraw.*?value="(\d+)"', text, re.S).groups()  # type: ignore[union-attr]
    assert (await browser.post(TEACHER, f"/lessons/{filed}/withdraw", version=held))[0] == 303
    _, text = await browser.get(LEAD, "/lessons/lists")
    version = re.search(rf'lists/{number}/end.*?value="(\d+)"', text, re.S).group(1)  # type: ignore[union-attr]
    status, _, headers = await browser.post(LEAD, f"/lessons/lists/{number}/end", version=version)
    assert (status, headers["Location"]) == (303, "/lessons/lists?done=ended")
