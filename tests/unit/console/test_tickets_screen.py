"""Reports by staff on screen: filed on one short page, answered on another, and each seen by its readers alone."""

from __future__ import annotations

import re

import pytest
from tests.unit.console.care_school import MARKUP, RoleBrowser, statuses

from schoolgate.accounts.roles import Role

TEACHER, LEAD, IT = Role.teacher, Role.safeguarding_lead, Role.network_manager
WORKS = {"network_manager", "safeguarding_lead", "head", "trust_director", "provider", "data_protection_officer"}


async def filed(browser: RoleBrowser, role: str = TEACHER, **form: str) -> int:
    """Its number."""
    status, text, headers = await browser.post(role, "/report", **form)
    assert status == 303, text
    return int(re.fullmatch(r"/report/(\d+)\?done=yes", headers["Location"])[1])  # type: ignore[index]


async def test_everyone_may_report_and_those_who_answer_have_a_list(browser: RoleBrowser) -> None:
    assert set((await statuses(browser, "/report")).values()) == {200}
    assert await statuses(browser, "/tickets") == {role.value: 200 if role in WORKS else 404 for role in Role}


async def test_a_teacher_chooses_fills_two_fields_and_reads_the_answer(browser: RoleBrowser) -> None:
    _, text = await browser.get(TEACHER, "/")
    assert "My reports" in text
    _, text = await browser.get(TEACHER, "/report")
    assert 'href="/report?kind=accessible"' in text
    _, text = await browser.get(TEACHER, "/report?kind=accessible&site=games.example.com")
    assert 'value="games.example.com"' in text
    assert len(re.findall(r"<(?:input|textarea)[^>]* required", text)) == 1, "the site alone must be written"
    number = await filed(browser, kind="accessible", site="https://games.example.com/play", text="chat with strangers")
    status, text = await browser.get(LEAD, "/")
    assert (status, re.search(r"[Rr]eports? of staff waits?", text) is not None) == (200, True)
    _, text = await browser.get(TEACHER, f"/report/{number}?done=yes")
    assert "waits for an answer" in text
    assert (await browser.get(TEACHER, f"/tickets/{number}"))[0] == 404
    _, text = await browser.get(LEAD, f"/tickets/{number}")
    version = re.search(r'name="version" value="(\d+)"', text)[1]  # type: ignore[index]
    assert "Close it for pupils now" in text
    form = {"version": version, "do": "close", "outcome": "changed", "text": "Closed for all. Thank you!"}
    assert (await browser.post(LEAD, f"/tickets/{number}", **form))[0] == 303
    _, text = await browser.get(TEACHER, f"/report/{number}")
    assert "Your report was answered: something was changed." in text
    assert "Closed for all. Thank you!" in text
    status, text, _ = await browser.post(LEAD, f"/tickets/{number}", **form)
    assert (status, "was changed in the meantime" in text) == (422, True)


async def test_a_report_of_what_a_child_saw_is_not_found_by_it(browser: RoleBrowser) -> None:
    number = await filed(browser, kind="accessed", text="in Year 9")
    for path in (f"/tickets/{number}", f"/report/{number}"):
        assert (await browser.get(IT, path))[0] == 404
    _, text = await browser.get(IT, "/tickets?kind=accessed&state=all")
    assert "No report fits these filters." in text


async def test_what_was_written_is_text_and_a_mistake_stands_beside_it(browser: RoleBrowser) -> None:
    number = await filed(browser, kind="wording", word=MARKUP, text='"><b onload=x>', group="<i>")
    for role, path in ((LEAD, f"/tickets/{number}"), (LEAD, "/tickets"), (TEACHER, f"/report/{number}")):
        status, text = await browser.get(role, path)
        assert status == 200, path
        assert "<script>alert" not in text
        assert "<b onload" not in text
    status, text, _ = await browser.post(TEACHER, "/report", kind="restriction", site="no such thing", text="maths")
    assert (status, 'id="site-mistake"' in text, "maths" in text) == (422, True, True)
    status, text, _ = await browser.post(TEACHER, "/report", kind="else", text="x")
    assert (status, "Choose what it is about." in text) == (422, True)
    assert (await browser.post(LEAD, f"/tickets/{number}", do="erase"))[0] == 400
    status, text, _ = await browser.post(LEAD, f"/tickets/{number}", do="block", review="soon")
    assert (status, "Choose the day" in text) == (422, True)


@pytest.mark.parametrize("path", ["/tickets/999999", "/report/999999"])
async def test_a_report_that_is_not_there_is_not_found(browser: RoleBrowser, path: str) -> None:
    assert (await browser.get(LEAD, path))[0] == 404
