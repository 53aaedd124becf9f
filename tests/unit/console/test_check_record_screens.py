"""Checks made, kept, followed up and planned in the console, against a real control process."""

from __future__ import annotations

import html
from typing import Any

from aiohttp import FormData
from tests.unit.console.care_school import MARKUP, RoleBrowser, statuses
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl

from schoolgate.accounts.roles import Role

IT, LEAD, GOVERNOR, TEACHER = Role.network_manager, Role.safeguarding_lead, Role.governor, Role.teacher
FORM = {
    "device_kind": "personal", "result": "failed", "tested": "ten names", "place": "Sixth form", "group": "pupils",
    "system": "Android", "came:gambling.blocked.example.com": "no", "came:games.blocked.example.com": "",
}  # fmt: skip


async def test_who_has_no_right_finds_no_page_of_records(browser: RoleBrowser) -> None:
    for path in ("/checks/records", "/checks/coverage"):
        assert await statuses(browser, path) == {role.value: 404 if role is TEACHER else 200 for role in Role}
    no_device = {"governor", "data_protection_officer"}
    assert await statuses(browser, "/check") == {role.value: 404 if role in no_device else 200 for role in Role}


async def test_each_network_is_shown_in_words_with_what_came_back_wrong(browser: RoleBrowser) -> None:
    _, text = await browser.get(GOVERNOR, "/checks")
    plain = html.unescape(text.replace("<wbr>", ""))
    assert "1 network does not get what the policy says." in plain
    for words in ("As the policy says", "Fails", "Not covered", "this machine has no address there"):
        assert words in plain
    assert MARKUP in plain
    assert "<script>alert" not in text
    assert "Check every network" not in text, "who may not run it is not offered to"


async def test_a_check_of_a_device_is_kept_with_its_action_and_certificate_and_ended(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(LEAD, "/check", **{**FORM, "tested": "", "place": "", "action_what": "call"})
    assert status == 422
    for field in ("tested", "place", "action_owner", "action_due"):
        assert f'id="{field}-mistake"' in text, field
    assert 'value="Android"' in text, "nothing that was written is lost"

    action = {"action_what": "call <b>them</b>", "action_owner": "A. Head", "action_due": "2030-01-01"}
    status, _, headers = await browser.post(LEAD, "/check", **FORM, **action)
    assert status == 303, headers
    path = headers["Location"].partition("?")[0]
    _, text = await browser.get(GOVERNOR, path)
    plain = html.unescape(text.replace("<wbr>", ""))
    assert "call <b>them</b>" in plain
    assert "<b>them</b>" not in text
    assert "gambling.blocked.example.com" in plain
    assert "games.blocked.example.com" not in plain, "what was not tried is not in the record"

    await _a_file_comes_back(browser, path)
    assert (await browser.post(GOVERNOR, f"{path}/finish", action="1"))[0] == 404
    assert (await browser.post(IT, f"{path}/finish", action="1", note="called"))[0] == 303
    status, text, _ = await browser.post(IT, f"{path}/finish", action="1")
    assert (status, "done already" in text) == (422, True)
    _, text = await browser.get(IT, "/checks/records?state=failed&by=people")
    assert path in text
    assert (await browser.get(IT, "/checks/records/9999"))[0] == 404


async def _a_file_comes_back(browser: RoleBrowser, path: str) -> None:
    form = FormData()
    form.add_field("file", b"%PDF of <a tester>", filename='a"<b>.pdf', content_type="text/html")
    assert (await browser.ask(LEAD, "POST", f"{path}/files", data=form))[0] == 303
    _, text = await browser.get(LEAD, path)
    start = text.index(f"{path}/files/")
    file = text[start : text.index('"', start)]
    status, octets, headers = await browser.ask(GOVERNOR, "GET", file)
    assert (status, octets) == (200, "%PDF of <a tester>")
    assert headers["Content-Type"] == "application/octet-stream", "a browser saves it, and shows no page of another's"
    assert headers["Content-Disposition"].startswith("attachment;")
    empty: Any = FormData({"other": "x"}, default_to_multipart=True)
    status, text, _ = await browser.ask(LEAD, "POST", f"{path}/files", data=empty)
    assert (status, "Choose a file first." in text) == (422, True)


async def test_a_teacher_records_a_check_and_is_thanked(browser: RoleBrowser) -> None:
    status, _, headers = await browser.post(TEACHER, "/check", **FORM)
    assert (status, headers["Location"].partition("=")[0]) == (303, "/check?done")


async def test_the_plan_makes_what_is_due(browser: RoleBrowser) -> None:
    _, text = await browser.get(IT, "/checks/coverage")
    assert "No plan was made yet" in text
    status, text, _ = await browser.post(IT, "/checks/coverage", places="Main", groups="pupils", every_days="often")
    assert (status, 'id="every_days-mistake"' in text) == (422, True)
    status, text, _ = await browser.post(IT, "/checks/coverage", lines="Backup\nbackup")
    assert (status, "twice" in text) == (422, True)
    plan = {"places": "Sixth form\n", "groups": "pupils", "lines": "Fibre\nBackup 5G", "every_days": ""}
    assert (await browser.post(GOVERNOR, "/checks/coverage", **plan))[0] == 404
    assert (await browser.post(IT, "/checks/coverage", **plan))[0] == 303
    _, text = await browser.get(GOVERNOR, "/checks/coverage")
    assert "Backup 5G" in text
    assert "Never checked" in text
    _, home = await browser.get(LEAD, "/")
    assert "due." in home
    assert "/checks/coverage" in home


async def test_a_change_of_the_setup_is_named_and_answered_for_with_a_reason(
    console: RunningConsole, control: FakeControl
) -> None:
    drift = {"at": "2026-11-30T12:00:00Z", "since": "2026-11-30T09:00:00Z", "changed": ["settings: <b>"], "number": 3}
    control.answers["checks.record"] = {"reachability": None, "safesearch": None, "history": [], "drift": drift}
    control.answers["checks.accept_drift"] = {**drift, "changed": [], "number": None}
    _, text = await console.get("/checks")
    assert "settings: &lt;b&gt;" in text
    response, text = await console.post("/checks/drift", data={"number": "3", "reason": " "})
    assert (response.status, 'id="reason-mistake"' in text) == (422, True)
    response, _ = await console.post("/checks/drift", data={"number": "3", "reason": "a new line"})
    assert (response.status, response.headers["Location"]) == (303, "/checks?done=drift")
    assert (await console.post("/checks/drift", data={"number": "x"}))[0].status == 400


async def test_who_may_not_answer_for_a_change_is_told_who_may(browser: RoleBrowser) -> None:
    browser.school.keep_drift()
    _, text = await browser.get(GOVERNOR, "/checks")
    assert "settings: forwarders" in text
    assert "A network manager, the head or a trust director" in text
    assert (await browser.post(LEAD, "/checks/drift", number="1", reason="r"))[0] == 404
    status, text, _ = await browser.post(IT, "/checks/drift", number="1", reason="r")
    assert (status, "there is no drift 1" in text) == (422, True)
