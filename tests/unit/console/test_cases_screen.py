"""Cases on screen: opened from an alert, judged, closed; of safeguarding IT finds no page, and a head reads no note."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest
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


CHAIN = """
[webhooks.cpoms]
url = "https://cases.example.org/in"

[[escalation.steps]]
post = "Deputy safeguarding lead"
to = ["deputy@school.example"]
"""


@pytest.fixture
def chain(browser: RoleBrowser) -> Iterator[None]:
    """Settings with a post and a case system to send a case to."""
    config = browser.school.control.config
    kept = config.read_text(encoding="utf-8")
    config.write_text(kept + CHAIN, encoding="utf-8")
    yield
    config.write_text(kept, encoding="utf-8")


async def test_a_case_is_sent_once_it_was_said_who_gets_what(browser: RoleBrowser, chain: None) -> None:
    number = await opened(browser, text="Seen by a tutor: Sam", severity="urgent")
    path = f"/cases/{number}"
    assert f'href="{path}/send"' in (await browser.get(LEAD, path))[1]
    for role in (IT, HEAD):
        assert f'href="{path}/send"' not in (await browser.get(role, path))[1]
        assert (await browser.get(role, f"{path}/send"))[0] == 404
        assert (await browser.post(role, f"{path}/send", to="system:cpoms"))[0] == 404
    _, text = await browser.get(LEAD, f"{path}/send")
    assert "Next in the chain" in text
    assert 'action="/cases' not in text.replace('method="get" action', ""), "nothing can leave from the first page"
    for to, name, gets in (
        ("post:Deputy safeguarding lead", "Deputy safeguarding lead", "No name, no note, no device and no site"),
        ("system:cpoms", "cpoms", "the whole case"),
    ):
        _, text = await browser.get(LEAD, f"{path}/send?to={to}")
        assert f"Send case {number} to {name}?" in text
        assert gets in text
        version = re.search(r'name="version" value="(\d+)"', text)
        assert version
        status, _, headers = await browser.post(LEAD, f"{path}/send", to=to, version=version[1])
        assert (status, headers["Location"]) == (303, f"{path}?done=send")
        status, text, _ = await browser.post(LEAD, f"{path}/send", to=to, version=version[1])
        assert (status, "changed in the meantime" in text) == (422, True), "a second click sends nothing"
    _, text = await browser.get(LEAD, f"{path}?done=send")
    assert "passed to Deputy safeguarding lead" in text
    assert "sent to the case system cpoms" in text
    status, text, _ = await browser.post(LEAD, f"{path}/send", to="system:elsewhere", version="9")
    assert status == 422


async def test_a_school_that_named_no_one_reads_who_names_them(browser: RoleBrowser) -> None:
    number = await opened(browser, text="x")
    _, text = await browser.get(LEAD, f"/cases/{number}/send")
    assert "Your network manager names them" in text
    assert (await browser.get(LEAD, "/cases/999999/send"))[0] == 404
