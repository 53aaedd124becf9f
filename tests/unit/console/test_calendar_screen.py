"""The school's calendar on screen: empty it teaches, a file is looked at before it is taken."""

from __future__ import annotations

import base64
import html
import re

from tests.unit.console.care_school import RoleBrowser, statuses
from tests.unit.governance.test_calendar_import import event, file

from schoolgate.accounts.roles import Role

IT, HEAD, LEAD = Role.network_manager, Role.head, Role.safeguarding_lead


async def test_who_plans_by_it_sees_it_and_who_writes_it_has_the_forms(browser: RoleBrowser) -> None:
    found = await statuses(browser, "/calendar")
    assert found.pop("data_protection_officer") == 404
    assert set(found.values()) == {200}
    for role, writes in ((IT, True), (HEAD, True), (LEAD, False)):
        _, text = await browser.get(role, "/calendar")
        assert "No terms or holidays are known yet." in text
        assert ('name="file"' in text) == writes


async def test_an_entry_is_written_changed_and_removed(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(HEAD, "/calendar", kind="holiday", title="", first="soon", last="")
    assert status == 422
    assert 'id="title-mistake"' in text
    assert 'id="first-mistake"' in text
    given = {"kind": "holiday", "title": "<b>Spring</b>", "first": "2099-02-15", "last": "2099-02-19"}
    status, text, headers = await browser.post(HEAD, "/calendar", **given)
    assert (status, headers["Location"]) == (303, "/calendar?done=kept"), text
    _, text = await browser.get(HEAD, "/calendar")
    assert "&lt;b&gt;Spring&lt;/b&gt;" in text
    number = re.search(r"/calendar/(\d+)/remove", text).group(1)  # type: ignore[union-attr]
    _, text = await browser.get(HEAD, f"/calendar?entry={number}")
    assert "Change an entry" in text
    stale = await browser.post(HEAD, "/calendar", **given, number=number, version="7")
    assert (stale[0], "changed in the meantime" in html.unescape(stale[1])) == (422, True)
    assert (await browser.post(LEAD, f"/calendar/{number}/remove", version="1"))[0] == 404
    status, _, headers = await browser.post(HEAD, f"/calendar/{number}/remove", version="1")
    assert (status, headers["Location"]) == (303, "/calendar?done=removed")


async def test_a_file_is_taken_from_what_was_looked_at(browser: RoleBrowser) -> None:
    text = file(
        event("Summer half term", "20990525", "DTEND;VALUE=DATE:20990530", uid="far"), event("Inset day", "20270105")
    )
    content = base64.b64encode(text.encode()).decode()
    status, _, headers = await browser.post(IT, "/calendar/take", content=content, otherwise="")
    assert (status, headers["Location"]) == (303, "/calendar?done=taken")
    _, shown = await browser.get(IT, "/calendar")
    assert "from a file" in shown
    status, shown, _ = await browser.post(IT, "/calendar/take", content="no base64", otherwise="")
    assert (status, "Choose the file again." in shown) == (422, True)
