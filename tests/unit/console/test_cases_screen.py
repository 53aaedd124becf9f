"""Cases on screen: opened from an alert, judged, closed; of safeguarding IT finds no page, and a head reads no note."""

from __future__ import annotations

import csv
import io
import re

from tests.unit.console.care_school import LAPTOP, MARKUP, RoleBrowser, statuses

from schoolgate.accounts.roles import Role

LEAD, IT, HEAD = Role.safeguarding_lead, Role.network_manager, Role.head
SEES = {"network_manager", "safeguarding_lead", "head", "trust_director", "provider"}


async def opened(browser: RoleBrowser, role: str = LEAD, **form: str) -> int:
    """Its number."""
    status, text, headers = await browser.post(role, "/cases/new", **form)
    assert status == 303, text
    return int(re.fullmatch(r"/cases/(\d+)\?done=open", headers["Location"])[1])  # type: ignore[index]


async def test_each_page_is_for_those_who_follow_up(browser: RoleBrowser) -> None:
    assert await statuses(browser, "/cases") == {role.value: 200 if role in SEES else 404 for role in Role}
    works = SEES - {"head", "trust_director"}
    assert await statuses(browser, "/cases/new") == {role.value: 200 if role in works else 404 for role in Role}
    lead = {role.value: 200 if role is LEAD else 404 for role in Role}
    assert await statuses(browser, "/cases/export") == lead


async def test_an_alert_becomes_a_case_that_is_judged_and_closed(browser: RoleBrowser) -> None:
    alert = browser.school.alert("urgent")
    _, text = await browser.get(LEAD, f"/alerts/{alert}")
    assert f'href="/cases/new?alert={alert}"' in text
    _, text = await browser.get(LEAD, f"/cases/new?alert={alert}")
    assert f'name="alerts" value="{alert}"' in text
    number = await opened(browser, alerts=str(alert), text=MARKUP, expected="yes")
    path = f"/cases/{number}"
    _, text = await browser.get(LEAD, path)
    assert "Talk before you judge." in text
    assert "<script>alert" not in text
    assert "Belongs to a lesson" in text
    assert browser.school.state_of(alert).state == "acknowledged"
    _, home = await browser.get(LEAD, "/")
    assert re.search(r"urgent cases? (is|are) open", home)
    status, text, _ = await browser.post(LEAD, path, do="close", outcome="parents", text="told them")
    assert (status, "has no judgement" in text, "told them" in text) == (422, True, True)
    assert (await browser.post(LEAD, path, do="judge", text="Spoke with the tutor"))[0] == 303
    assert (await browser.post(LEAD, path, do="note", text="", reference="C-9"))[0] == 303
    assert (await browser.post(LEAD, path, do="close", outcome="parents"))[0] == 303
    assert browser.school.state_of(alert).outcome == "concern"
    _, text = await browser.get(LEAD, path)
    assert len(re.findall(r'href="/audit/\d+/\d+">proof', text)) == 4
    proof = re.findall(r'href="(/audit/\d+/\d+)">proof', text)[0]
    _, text = await browser.get(LEAD, proof)
    assert "case.close" in text, "the newest step stands first"


async def test_it_finds_no_case_of_safeguarding_and_a_head_no_note(browser: RoleBrowser) -> None:
    number = await opened(browser, text="Seen by a tutor: Sam", severity="urgent")
    path = f"/cases/{number}"
    assert (await browser.get(IT, path))[0] == 404
    assert (await browser.post(IT, path, do="judge", text="x"))[0] == 404
    assert (await browser.post(IT, path, do="close", outcome="false-alarm"))[0] in (403, 404)
    _, text = await browser.get(HEAD, path)
    assert "A concern that staff reported" in text
    assert "Sam" not in text
    assert LAPTOP not in text
    assert f'action="{path}"' not in text
    _, text = await browser.get(HEAD, "/cases")
    assert "Sam" not in text


async def test_what_may_be_illegal_says_what_not_to_do(browser: RoleBrowser) -> None:
    number = await opened(browser, alerts=str(browser.school.sealed_alert()))
    _, text = await browser.get(LEAD, f"/cases/{number}")
    assert "Do not visit the site" in text
    assert "Preserve:" in text
    assert "Internet Watch Foundation" in text


async def test_an_export_is_a_table_without_formulas(browser: RoleBrowser) -> None:
    number = await opened(browser, text="=1+1", severity="notice")
    status, text, headers = await browser.ask(LEAD, "POST", "/cases/export")
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="cases.csv"')
    (row,) = [one for one in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))) if one["number"] == str(number)]
    assert row["sentence"] == "'=1+1"
    assert "(audit 1/" in row["steps"]


async def test_what_is_no_case_is_not_found_and_a_mistake_stands_beside_the_form(browser: RoleBrowser) -> None:
    for path in ("/cases/999999", "/cases/new?alert=999999", "/cases/new?ticket=999999"):
        assert (await browser.get(LEAD, path))[0] == 404, path
    status, text, _ = await browser.post(LEAD, "/cases/new", text=" ")
    assert (status, 'id="text-mistake"' in text) == (422, True)
    number = await opened(browser, text="x")
    status, text, _ = await browser.post(LEAD, f"/cases/{number}", do="close", outcome="")
    assert (status, "Choose what came of it." in text) == (422, True)
    assert (await browser.post(LEAD, f"/cases/{number}", do="erase"))[0] == 400
    _, text = await browser.get(LEAD, "/cases?severity=%3Cb%3E&state=x&before=y")
    assert "<b>" not in text.partition("Talk before you judge")[2]
