"""Checks and suggestions on screen, against a real control process."""

from __future__ import annotations

import html

from tests.unit.console.care_school import HOSTILE, MARKUP, RoleBrowser, statuses
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl

from schoolgate.accounts.roles import Role

IT, LEAD, GOVERNOR = Role.network_manager, Role.safeguarding_lead, Role.governor


async def test_who_has_no_right_finds_no_page(browser: RoleBrowser) -> None:
    wanted = {role.value: 404 if role is Role.teacher else 200 for role in Role}
    assert await statuses(browser, "/checks") == wanted
    sees = {"network_manager", "safeguarding_lead", "trust_director", "provider"}
    for path in ("/suggestions", "/suggestions/words"):
        assert await statuses(browser, path) == {role.value: 200 if role in sees else 404 for role in Role}


async def test_the_record_says_what_is_closed_by_whom_and_since_when(browser: RoleBrowser) -> None:
    _, text = await browser.get(GOVERNOR, "/checks")
    assert "1 site that must be open is closed. SafeSearch is in doubt." in text
    assert "Check what must be open" not in text, "who may not run it is not offered to"
    plain = html.unescape(text.replace("<wbr>", ""))
    assert MARKUP in plain
    assert "<script>alert" not in text
    assert "pupil, staff" in text


async def test_a_check_that_cannot_run_says_why_and_the_record_stays(browser: RoleBrowser) -> None:
    assert (await browser.post(GOVERNOR, "/checks/reachability"))[0] == 404
    status, text, _ = await browser.post(IT, "/checks/reachability")
    assert (status, "no lists are built yet" in text) == (422, True)
    assert "1 site that must be open is closed." in text


async def test_a_check_runs_from_here_and_what_was_not_kept_is_said(
    console: RunningConsole, control: FakeControl
) -> None:
    control.answers["checks.record"] = {"reachability": None, "safesearch": None, "history": []}
    control.answers["checks.safesearch"] = {"found": {}, "not_kept": None}
    response, _ = await console.post("/checks/safesearch")
    assert (response.status, response.headers["Location"]) == (303, "/checks?done=safesearch")
    _, text = await console.get("/checks?done=safesearch")
    assert "Nothing was checked yet." in text
    control.answers["checks.safesearch"] = {"found": {}, "not_kept": "the result was not kept: no space"}
    response, text = await console.post("/checks/safesearch")
    assert (response.status, "the result was not kept: no space" in text) == (422, True)


async def test_a_name_is_accepted_or_dismissed_and_nothing_is_closed_by_it(browser: RoleBrowser) -> None:
    _, text = await browser.get(LEAD, "/suggestions")
    assert "It belongs on a list" not in text
    assert "The network manager decides" in text
    assert "<script>alert" not in text
    name = browser.school.suggest()
    status, _, headers = await browser.post(IT, "/suggestions", do="accept", name=name)
    assert (status, headers["Location"]) == (303, f"/suggestions?done=accept&name={name}")
    assert (await browser.post(IT, "/suggestions", do="dismiss", name=browser.school.suggest()))[0] == 303
    status, text, _ = await browser.post(IT, "/suggestions", do="dismiss", name="never.example.org")
    assert (status, "There is a problem" in text) == (422, True), "it was never suggested"
    assert (await browser.post(LEAD, "/suggestions", do="accept", name=HOSTILE[0]))[0] == 404
    assert (await browser.post(IT, "/suggestions", do="erase", name=name))[0] == 400
    _, text = await browser.get(IT, "/suggestions?show=all")
    assert "Accepted" in text


async def test_the_log_is_looked_through_on_request(browser: RoleBrowser) -> None:
    status, _, headers = await browser.post(IT, "/suggestions", do="look")
    assert (status, headers["Location"].partition("=")[0]) == (303, "/suggestions?found")


async def test_a_word_is_tried_added_and_removed(browser: RoleBrowser) -> None:
    form = {
        "word": "zaza",
        "category": "drugs",
        "unless": "",
        "kind": "slang",
        "language": "en",
        "note": "<b>heard</b>",
    }
    status, text, _ = await browser.post(LEAD, "/suggestions/words", do="try", **form)
    assert (status, "fits no name that it should not" in text) == (200, True)
    assert (await browser.post(LEAD, "/suggestions/words", do="add", **form))[0] == 404
    status, _, headers = await browser.post(IT, "/suggestions/words", do="add", **form)
    assert (status, headers["Location"]) == (303, "/suggestions/words?done=add")
    _, text = await browser.get(IT, "/suggestions/words")
    assert "zaza" in text
    assert "&lt;b&gt;heard&lt;/b&gt;" in text
    assert (await browser.post(IT, "/suggestions/words", do="remove", word="zaza"))[0] == 303


async def test_a_word_that_cannot_be_used_says_why(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(IT, "/suggestions/words", do="add", word="two words", category="drugs")
    assert (status, 'id="word-mistake"' in text, 'value="two words"' in text) == (422, True, True)
    status, text, _ = await browser.post(IT, "/suggestions/words", do="try", word="", category="")
    assert (status, "Write a word" in text) == (422, True)
