"""Exam mode on screen: set with an end, seen on Home and where a network is looked at, ended by who may loosen."""

from __future__ import annotations

import datetime as dt
import html
import re

from tests.unit.console.care_school import RoleBrowser, statuses

from schoolgate.accounts.roles import Role

LEAD, HEAD, TEACHER = Role.safeguarding_lead, Role.head, Role.teacher


async def test_it_is_set_shown_where_it_counts_and_ended(browser: RoleBrowser) -> None:
    found = await statuses(browser, "/exam-mode")
    assert {role for role, status in found.items() if status == 404} == {"governor", "data_protection_officer"}
    _, text = await browser.get(LEAD, "/exam-mode")
    assert "Exam mode is off." in text
    segment = re.search(r'name="segments" value="([^"]+)"', text).group(1)  # type: ignore[union-attr]
    status, text, _ = await browser.post(LEAD, "/exam-mode", starts="", until="", reason="", policy="")
    assert status == 422
    for field in ("segments", "until", "reason"):
        assert f'id="{field}-mistake"' in text
    until = f"{dt.datetime.now(dt.UTC) + dt.timedelta(hours=20):%Y-%m-%dT%H:%M}"
    form = {"starts": "", "until": until, "reason": "<b>GCSE</b> maths", "policy": "", "segments": segment}
    status, text, headers = await browser.post(LEAD, "/exam-mode", **form)
    assert status == 303, re.findall(r'class="mistake"[^<]*<?[^<]*', html.unescape(text))
    _, text = await browser.get(LEAD, headers["Location"])
    assert "Exam mode is on for one network." in text
    assert 'action="/exam-mode/end"' not in text, "a lead may not loosen"
    for path in ("/", f"/explain?name=www.example.org&segment={segment}"):
        _, text = await browser.get(TEACHER, path)
        assert "ends by itself: &lt;b&gt;GCSE&lt;/b&gt; maths" in text, path
    status, _, headers = await browser.post(HEAD, "/exam-mode/end", segment=segment)
    assert (status, headers["Location"]) == (303, "/exam-mode?done=ended")
    _, text = await browser.get(TEACHER, "/")
    assert "ends by itself" not in text
