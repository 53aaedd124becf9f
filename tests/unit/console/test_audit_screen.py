"""The audit log on screen, against a real control process and its real log."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path

import pytest
from tests.unit.console.care_school import HARM, RoleBrowser, statuses

from schoolgate.accounts.roles import Role
from schoolgate.audit.export_file import verify_export
from schoolgate.console.audit_words import ABOUT, WORDS, details, parts, place, said
from schoolgate.operations.registry import every_operation

IT, LEAD, HEAD, GOVERNOR, PROVIDER = (
    Role.network_manager, Role.safeguarding_lead, Role.head, Role.governor, Role.provider
)  # fmt: skip
SECRET = "spoke with <i>Sam</i>"


async def noted(browser: RoleBrowser) -> str:
    """The page of an entry with personal values: a note that the safeguarding lead wrote."""
    number = browser.school.alert("warning")
    await browser.post(LEAD, f"/alerts/{number}", do="acknowledge", note=SECRET)
    _, text = await browser.get(LEAD, "/audit?about=alerts.acknowledge&outcome=begun")
    path = re.search(r'href="(/audit/\d+/\d+)"', text)
    assert path
    return path[1]


async def test_who_has_no_right_finds_no_page(browser: RoleBrowser) -> None:
    assert await statuses(browser, "/audit") == {role.value: 404 if role is Role.teacher else 200 for role in Role}
    wanted = {role.value: 404 if role in (Role.teacher, PROVIDER) else 200 for role in Role}
    assert await statuses(browser, "/audit/verify") == wanted


async def test_entries_say_who_by_name_and_what_in_words(browser: RoleBrowser) -> None:
    await noted(browser)
    _, text = await browser.get(HEAD, "/audit?about=alerts")
    assert "Safeguarding-Lead" in text
    _, text = await browser.get(GOVERNOR, "/audit?about=alerts")
    assert "Safeguarding-Lead" not in text
    assert "safeguarding lead" in text, "governors see by which role it was done"
    assert "Has seen an alert" in text
    assert SECRET not in html.unescape(text)


async def test_a_provider_sees_what_it_did_and_nothing_else(browser: RoleBrowser) -> None:
    path = await noted(browser)
    _, text = await browser.get(PROVIDER, "/audit")
    assert "This is what you did here." in text
    assert "Safeguarding-Lead" not in text
    assert (await browser.get(PROVIDER, path))[0] == 404


async def test_personal_values_are_for_two_roles_and_a_look_is_an_entry(browser: RoleBrowser) -> None:
    path = await noted(browser)
    _, text = await browser.get(LEAD, path)
    assert "spoke with &lt;i&gt;Sam&lt;/i&gt;" in text
    assert "your look is an entry too" in text
    _, text = await browser.get(HEAD, path)
    assert "Sam" not in text
    assert "Personal. Ask the safeguarding lead" in text
    _, text = await browser.get(LEAD, "/audit?about=audit")
    assert "Looked at personal values of this record" in text


async def test_a_person_sees_who_looked_at_them(browser: RoleBrowser) -> None:
    _, text = await browser.get(Role.governor, "/audit?me=1")
    assert "This is what others did with your account." in text
    assert "Added a person" in text


async def test_filters_that_fit_nothing_or_are_wrong_say_so(browser: RoleBrowser) -> None:
    _, text = await browser.get(HEAD, "/audit?about=nothing-of-this-kind")
    assert "No entry fits these filters." in text
    status, text = await browser.get(HEAD, "/audit?before=%3Cscript%3E&from=yesterday")
    assert status == 422
    assert "<script>" not in text.replace("<script src", "")
    assert (await browser.get(HEAD, "/audit/1/999999999"))[0] == 404


async def test_more_than_a_page_leads_on(browser: RoleBrowser) -> None:
    for _ in range(14):
        await browser.get(LEAD, f"/alerts/{HARM}")
    _, text = await browser.get(HEAD, "/audit")
    more = re.search(r'href="(/audit\?before=[^"]+)"', text)
    assert more
    status, older = await browser.get(HEAD, html.unescape(more[1]))
    numbers = [set(re.findall(r'href="(/audit/1/\d+)"', one)) for one in (text, older)]
    assert status == 200
    assert len(numbers[0]) == 25
    assert not numbers[0] & numbers[1]


async def test_verification_says_in_a_sentence_what_it_found(browser: RoleBrowser) -> None:
    _, text = await browser.get(GOVERNOR, "/audit/verify")
    assert "Find out whether the record is sound." in text
    status, text, _ = await browser.post(GOVERNOR, "/audit/verify", checkpoint="", key="")
    assert (status, "The record agrees with itself." in text) == (200, True)
    status, text, _ = await browser.post(GOVERNOR, "/audit/verify", checkpoint="<b>no note</b>", key="")
    assert "<b>no note" not in text
    assert "The record is sound" not in text


async def test_the_whole_record_can_be_verified_elsewhere(browser: RoleBrowser, tmp_path: Path) -> None:
    await noted(browser)
    status, text, headers = await browser.ask(GOVERNOR, "POST", "/audit/export")
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="audit-export.jsonl"')
    assert "Sam" not in text
    file = tmp_path / "export.jsonl"
    file.write_text(text, encoding="utf-8")
    found = verify_export(file, [], [], None)
    assert not found.problems
    assert found.entries > 10
    assert (await browser.ask(PROVIDER, "POST", "/audit/export"))[0] == 404


async def test_the_list_is_a_table_as_filtered(browser: RoleBrowser) -> None:
    await noted(browser)
    _, text = await browser.get(HEAD, "/audit/table.csv?about=alerts.acknowledge")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row["operation"] for row in rows} == {"alerts.acknowledge"}
    assert rows[0]["who"] == "Safeguarding-Lead"


@pytest.mark.parametrize("path", ["/audit/export"])
async def test_an_export_is_no_link(browser: RoleBrowser, path: str) -> None:
    assert (await browser.get(GOVERNOR, path))[0] in (404, 405)


def test_what_is_on_record_is_said_in_plain_words() -> None:
    known = {name for name, one in every_operation().items() if one.is_change or one.is_disclosure}
    assert known - WORDS.keys() == set()
    assert {name.partition(".")[0] for name in known} - ABOUT.keys() == set()
    for words in WORDS.values():
        assert words[:1].isupper() and "_" not in words and "." not in words
    entry = {"scope": "segment:year-11", "detail": {"role": "safeguarding_lead", "feed": "starter/games", "why": "x"}}
    assert parts(entry) == ["network Year 11", "as safeguarding lead", "list starter list of games"]
    mixed = {"detail": {"role": "safeguarding_lead", "grant": "019a3185-c500-7000-8000-000000000000", "open": 3}}
    assert details(mixed) == (
        [("role", "safeguarding lead"), ("open", "3")], [("grant", "019a3185-c500-7000-8000-000000000000")],
    )  # fmt: skip
    assert (place("trust"), place("segment:year-11")) == ("the whole trust", "network Year 11")
    assert said("lists.unheard_of") == "Built lists: unheard of"
