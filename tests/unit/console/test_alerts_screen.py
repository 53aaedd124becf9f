"""Alerts on screen, against a real control process: who sees which, what is done, and that nothing becomes markup."""

from __future__ import annotations

import csv
import html
import io

import pytest
from tests.unit.console.care_school import BEACON, CLOSED, HARM, HOSTILE, LAPTOP, STRANGE, RoleBrowser, statuses

from schoolgate.accounts.roles import Role

LEAD, IT, HEAD = Role.safeguarding_lead, Role.network_manager, Role.head
SEES = {"network_manager", "safeguarding_lead", "head", "trust_director", "provider"}
SENTENCE = "A device asked six times in ten minutes"


@pytest.mark.parametrize("path", ["/alerts", f"/alerts/{BEACON}"])
async def test_who_has_no_right_finds_no_page(browser: RoleBrowser, path: str) -> None:
    assert await statuses(browser, path) == {role.value: 200 if role in SEES else 404 for role in Role}


@pytest.mark.parametrize("path", ["/alerts/messages", "/alerts/export"])
async def test_messages_and_exports_are_for_those_who_act(browser: RoleBrowser, path: str) -> None:
    acts = {"network_manager", "safeguarding_lead", "provider"}
    assert await statuses(browser, path) == {role.value: 200 if role in acts else 404 for role in Role}


async def test_the_first_line_is_an_answer_and_the_urgent_stand_first(browser: RoleBrowser) -> None:
    _, text = await browser.get(LEAD, "/alerts")
    assert "One urgent alert waits for someone to look." in text
    assert "never a judgement of a person" in text
    assert text.index(SENTENCE) < text.index("of the category Malware") < text.index("of the category Gambling")
    assert "One message about alerts did not arrive." in text


async def test_it_sees_no_alert_of_safeguarding_and_closes_none(browser: RoleBrowser) -> None:
    _, text = await browser.get(IT, "/alerts")
    assert SENTENCE not in text
    assert "a third of what is usual" in text
    for path in (f"/alerts/{HARM}", f"/alerts/{HARM}/around"):
        assert (await browser.get(IT, path))[0] == 404
    status, _, _ = await browser.post(IT, f"/alerts/{HARM}", do="close", outcome="other")
    assert status in (403, 404)
    assert browser.school.state_of(HARM).state == "new"


async def test_a_head_sees_no_device_and_no_site_and_is_offered_nothing_to_do(browser: RoleBrowser) -> None:
    _, text = await browser.get(HEAD, f"/alerts/{HARM}")
    assert SENTENCE in text
    assert LAPTOP not in text
    assert "harm.example.org" not in text
    assert f'action="/alerts/{HARM}"' not in text
    assert "The safeguarding lead works on this alert." in text
    assert (await browser.get(HEAD, f"/alerts/{HARM}/around"))[0] == 404


async def test_hostile_names_are_text_on_the_case_and_in_the_log_around_it(browser: RoleBrowser) -> None:
    for path in (f"/alerts/{STRANGE}", f"/alerts/{STRANGE}/around"):
        _, text = await browser.get(LEAD, path)
        assert "<script>alert" not in text
        plain = html.unescape(text.replace("<wbr>", ""))
        # What is not seen, or turns a name round, is shown by its number.
        shown = [name.replace("\u202e", "\\u{202e}").replace("\u0007", "\\u{0007}") for name in HOSTILE]
        assert all(name in plain for name in shown), path
        assert "\u202e" not in plain
        assert not any(f'href="http://{name}' in plain for name in HOSTILE)


async def test_ten_minutes_either_side_come_as_a_part_for_htmx(browser: RoleBrowser) -> None:
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    status, text = await browser.get(LEAD, f"/alerts/{HARM}/around", headers=partial)
    assert status == 200
    assert "<html" not in text
    assert "harm." in text
    assert "Your look is on record." in text


async def test_an_alert_is_seen_kept_and_closed_with_what_came_of_it(browser: RoleBrowser) -> None:
    number = browser.school.alert("urgent")
    status, _, headers = await browser.post(LEAD, f"/alerts/{number}", do="acknowledge", note="I speak with <b>Sam</b>")
    assert (status, headers["Location"]) == (303, f"/alerts/{number}?done=acknowledge")
    assert browser.school.state_of(number).state == "acknowledged"
    await browser.post(LEAD, f"/alerts/{number}", do="hold", note="police")
    assert browser.school.state_of(number).hold == "police"
    await browser.post(LEAD, f"/alerts/{number}", do="release")
    assert browser.school.state_of(number).hold is None
    await browser.post(LEAD, f"/alerts/{number}", do="close", outcome="concern", note="")
    assert browser.school.state_of(number).outcome == "concern"
    _, text = await browser.get(LEAD, f"/alerts/{number}?done=close")
    assert "The alert is closed." in text
    assert "I speak with &lt;b&gt;Sam&lt;/b&gt;" in text


async def test_a_mistake_stands_beside_the_form_and_the_note_is_kept(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(LEAD, f"/alerts/{HARM}", do="close", outcome="", note="spoke to her")
    assert status == 422
    assert "Choose what came of it." in text
    assert "spoke to her" in text
    status, text, _ = await browser.post(LEAD, f"/alerts/{HARM}", do="hold", note=" ")
    assert (status, "Say why it is kept" in text) == (422, True)
    assert (await browser.post(LEAD, f"/alerts/{HARM}", do="erase"))[0] == 400


async def test_a_filter_without_a_match_says_so_and_closed_ones_can_be_found(browser: RoleBrowser) -> None:
    _, text = await browser.get(LEAD, "/alerts?segment=nowhere")
    assert "No alert fits these filters." in text
    _, text = await browser.get(LEAD, "/alerts?state=closed")
    assert f'href="/alerts/{CLOSED}"' in text
    assert f'href="/alerts/{HARM}"' not in text
    status, _ = await browser.get(LEAD, "/alerts?state=%3Cb%3E&severity=all&before=x")
    assert status == 200, "what is no filter filters nothing"


async def test_more_than_a_page_leads_on(browser: RoleBrowser) -> None:
    for _ in range(27):
        browser.school.alert("notice", "piracy")
    _, text = await browser.get(LEAD, "/alerts?severity=notice")
    address = html.unescape(text.partition('href="/alerts?severity=notice&amp;before=')[2].partition('"')[0])
    assert address.isdecimal()
    assert text.count('class="cell-main"') == 25
    _, text = await browser.get(LEAD, f"/alerts?severity=notice&before={address}")
    assert f'href="/alerts/{STRANGE}"' in text


async def test_an_export_is_a_table_without_formulas(browser: RoleBrowser) -> None:
    number = browser.school.alert("notice", names=("=cmd.example.com",))
    await browser.post(LEAD, f"/alerts/{number}", do="acknowledge", note="=1+1")
    status, text, headers = await browser.ask(LEAD, "POST", "/alerts/export")
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert headers["Content-Disposition"] == 'attachment; filename="alerts.csv"'
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row["number"] for row in rows} >= {str(HARM), str(CLOSED), str(number)}
    (one,) = [row for row in rows if row["number"] == str(number)]
    assert one["sites"] == "'=cmd.example.com"


async def test_messages_that_did_not_arrive_say_why_and_a_test_needs_a_recipient(browser: RoleBrowser) -> None:
    _, text = await browser.get(LEAD, "/alerts/messages")
    assert "One message did not arrive." in text
    assert "it does not take mail" in text
    status, text, _ = await browser.post(LEAD, "/alerts/messages", recipient="<nobody>")
    assert status == 422
    assert "<nobody>" not in text
    assert 'id="recipient-mistake"' in text


async def test_an_alert_that_is_not_there_is_not_found(browser: RoleBrowser) -> None:
    for path in ("/alerts/999999", "/alerts/x", "/alerts/0"):
        assert (await browser.get(LEAD, path))[0] == 404
