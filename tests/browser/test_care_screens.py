"""Alerts, health, checks, audit, accounts and reports with a school behind them: looked at, and an alert triaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import AXE, NARROW, PATIENT_MS, WIDE, Laboratory, Watched
from tests.browser.test_screens import _CONTRAST, _RULES, _picture, _violations
from tests.failures.console_process import ConsoleProcess
from tests.unit.console.care_school import HARM, STRANGE, CareSchool
from tests.unit.governance.test_calendar_import import event, file

from schoolgate.accounts.roles import Role
from schoolgate.console.session_cookie import SESSION

LEAD, IT, HEAD, GOVERNOR = Role.safeguarding_lead, Role.network_manager, Role.head, Role.governor
SCREENS = (
    ("/alerts", LEAD), (f"/alerts/{HARM}", LEAD), (f"/alerts/{STRANGE}/around", LEAD), (f"/alerts/{HARM}", HEAD),
    ("/alerts/messages", IT), ("/alerts/export", LEAD), ("/health", IT), ("/checks", IT), ("/check", IT),
    ("/checks/records", IT), ("/checks/coverage", IT), ("/suggestions", IT),
    ("/suggestions/words", IT), ("/audit", LEAD), ("/audit/1/1", LEAD), ("/audit/verify", GOVERNOR), ("/accounts", IT),
    ("/accounts/new", IT), ("/accounts/review", HEAD), ("/accounts/requests", HEAD), ("/reports", LEAD),
    ("/reports/made?kind=weekly&reader=safeguarding", LEAD), ("/reports/numbers", IT),
    ("/reports/numbers?time=week", IT), ("/accounts/PERSON", IT), ("/accounts/PERSON/disable", IT),
    ("/accounts/PERSON/role", IT), ("/report?kind=accessible", Role.teacher), ("/cases", LEAD),
    ("/lessons", Role.teacher), ("/calendar", HEAD), ("/calendar", LEAD), ("/exam-mode", HEAD),
    ("/lessons/lists", Role.teacher), ("/escalation", LEAD), ("/service-report", GOVERNOR),
    ("/accounts/break-glass", HEAD),
)  # fmt: skip


_CHAIN = """
[webhooks.cpoms]
url = "https://cases.example.org/in"

[[escalation.steps]]
post = "Deputy safeguarding lead"
to = ["deputy@school.example"]
"""


@pytest.fixture(scope="module")
def care_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CareSchool]:
    """In a thread of its own: the loop of this one is Playwright's."""
    made = CareSchool(tmp_path_factory.mktemp("care"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(made.start).result()
    yield made
    made.control.end()


@pytest.fixture(scope="module")
def school(laboratory: Laboratory, care_school: CareSchool) -> Iterator[ConsoleProcess]:
    """A console of the demonstration school."""
    console = ConsoleProcess(care_school.control, is_quick=True)
    console.start()
    yield console
    console.end()


@pytest.fixture(scope="module")
def signed_in(laboratory: Laboratory, school: ConsoleProcess, care_school: CareSchool) -> Iterator[Any]:
    """A page of each role, used again."""
    contexts: dict[Role, Any] = {}

    def page_of(role: Role) -> Page:
        if role not in contexts:
            contexts[role] = laboratory.browser.new_context(ignore_https_errors=True, viewport=WIDE)
            contexts[role].set_default_timeout(PATIENT_MS)
            cookie = {"name": SESSION, "value": care_school.tokens[role], "url": school.address, "sameSite": "Lax"}
            contexts[role].add_cookies([{**cookie, "secure": True, "httpOnly": True}])
            contexts[role].add_init_script(path=str(AXE))
        return contexts[role].new_page()  # type: ignore[no-any-return]

    yield page_of
    for one in contexts.values():
        one.close()


@pytest.mark.parametrize(("path", "role"), SCREENS, ids=lambda value: str(value))
def test_a_screen_with_a_school_behind_it_is_readable_and_breaks_no_rule(
    school: ConsoleProcess, care_school: CareSchool, signed_in: Any, path: str, role: Role
) -> None:
    path = path.replace("PERSON", care_school.person)
    watched = Watched(signed_in(role))
    page = watched.page
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    response = page.goto(school.address + path)
    assert response is not None and response.status == 200
    name = "care-" + re.sub(r"[^a-z0-9]+", "-", path.replace(care_school.person, "person").strip("/")) + f"-{role}"
    assert _violations(page, _RULES) == []
    _picture(page, name, "light-1280")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert _violations(page, _CONTRAST) == []
    _picture(page, name, "dark-1280")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], "it scrolls sideways"
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    _picture(page, name, "light-360")
    page.close()
    assert watched.complaints == []


def test_a_calendar_file_is_looked_at_taken_and_changed(school: ConsoleProcess, signed_in: Any) -> None:
    """Without a program in the browser: the file is posted, what it would change is shown, then it is taken."""
    watched = Watched(signed_in(HEAD))
    page = watched.page
    page.goto(f"{school.address}/calendar")
    text = file(
        event("Spring term", "20270104", "DTEND;VALUE=DATE:20270327", uid="t"),
        event("Spring half term", "20270215", "DTEND;VALUE=DATE:20270220", uid="h"),
        event("Choir in the hall, with parents and the band of the town", "20270120", uid="c"),
    )
    given = {"name": "terms.ics", "mimeType": "text/calendar", "buffer": text.encode()}
    page.get_by_label("File (.ics)").set_input_files(given)  # type: ignore[arg-type]
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 entries would change.")
    assert _violations(page, _RULES) == []
    _picture(page, "care-calendar-file", "light-1280")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], "it scrolls sideways"
    _picture(page, "care-calendar-file", "light-360")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#entries")).to_contain_text("Spring half term")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], "it scrolls sideways"
    _picture(page, "care-calendar-filled", "light-360")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    assert _violations(page, _RULES) == []
    _picture(page, "care-calendar-filled", "light-1280")
    page.get_by_role("link", name="Change Spring half term").click()
    expect(page.get_by_label("Title")).to_have_value("Spring half term")
    page.close()
    assert watched.complaints == []


def test_an_alert_is_triaged_by_keyboard_and_mouse(
    school: ConsoleProcess, care_school: CareSchool, signed_in: Any
) -> None:
    number = care_school.alert("urgent")
    watched = Watched(signed_in(LEAD))
    page = watched.page
    page.goto(f"{school.address}/alerts?severity=urgent")
    page.locator(f'a[href="/alerts/{number}"]').focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("A device asked.")
    page.get_by_role("link", name="Show what it asked").click()
    expect(page.locator("#around")).to_contain_text("The log has nothing of this device")
    assert page.url.endswith(f"/alerts/{number}"), "htmx swaps it into the page"
    page.get_by_role("button", name="I have seen it").click()
    expect(page.get_by_role("status")).to_contain_text("You have seen it.")
    page.get_by_label("A concern: we act on it").check()
    page.get_by_role("textbox", name="Note").fill("Spoke with her tutor.")
    page.get_by_role("button", name="Close the alert").click()
    expect(page.get_by_role("status")).to_contain_text("The alert is closed.")
    assert care_school.state_of(number).outcome == "concern"
    page.close()
    assert watched.complaints == []


def test_an_alert_leads_to_its_lesson_and_the_lesson_to_its_alerts(
    school: ConsoleProcess, care_school: CareSchool, signed_in: Any
) -> None:
    last = care_school.state_of(HARM).last_at.astimezone(ZoneInfo("Europe/London"))
    watched = Watched(signed_in(LEAD))
    page = watched.page
    page.goto(f"{school.address}/lessons")
    page.get_by_label("What is it about?").fill("self-harm in novels")
    page.get_by_label("Day").fill(f"{last:%Y-%m-%d}")
    page.get_by_label("From").fill(f"{last:%H}:00")
    page.get_by_label("Until").fill(f"{last:%H}:59")
    page.get_by_role("button", name="Announce it").click()
    page.goto(f"{school.address}/alerts/{HARM}")
    page.get_by_role("link", name="self-harm in novels").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("self-harm in novels")
    expect(page.locator(f'#alerts a[href="/alerts/{HARM}"]')).to_be_visible()
    assert _violations(page, _RULES) == []
    _picture(page, "care-lesson", "light-1280")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert _violations(page, _CONTRAST) == []
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], "it scrolls sideways"
    _picture(page, "care-lesson", "dark-360")
    page.close()


def test_a_case_is_sent_by_keyboard_once_it_was_confirmed(
    school: ConsoleProcess, care_school: CareSchool, signed_in: Any
) -> None:
    config = care_school.control.config
    kept = config.read_text(encoding="utf-8")
    config.write_text(kept + _CHAIN, encoding="utf-8")
    watched = Watched(signed_in(LEAD))
    page = watched.page
    page.goto(f"{school.address}/cases/new?alert={care_school.alert('urgent')}")
    page.get_by_role("button", name="Open the case").click()
    page.get_by_role("link", name="Send this case").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Deputy safeguarding lead")).to_be_checked()
    for width, name in ((WIDE, "light-1280"), (NARROW, "light-360")):
        page.set_viewport_size(width)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= width["width"]
        assert _violations(page, _RULES) == []
        _picture(page, "care-case-send", name)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".confirm")).to_contain_text("deputy@school.example")
    assert _violations(page, _RULES) == []
    _picture(page, "care-case-send-confirm", "light-360")
    page.get_by_role("button", name="Send it to Deputy safeguarding lead").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The case is on its way.")
    expect(page.locator(".timeline")).to_contain_text("passed to Deputy safeguarding lead")
    page.close()
    config.write_text(kept, encoding="utf-8")
    assert watched.complaints == []


def test_a_file_with_a_request_is_kept_and_the_page_does_not_scroll_sideways(
    school: ConsoleProcess, care_school: CareSchool, signed_in: Any
) -> None:
    watched = Watched(signed_in(LEAD))
    page = watched.page
    page.goto(f"{school.address}/requests/new?action=other&wanted=A+larger+cache&purpose=More+devices")
    page.get_by_role("button", name="Ask for it").click()
    page.get_by_text("Add a file").click()
    file = {"name": "a letter of the supplier.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 letter"}
    page.locator("#file").set_input_files([file])  # type: ignore[list-item]
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("status")).to_contain_text("The file is kept.")
    assert _violations(page, _RULES) == []
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], "it scrolls sideways"
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert _violations(page, _CONTRAST) == []
    _picture(page, "care-request-file", "dark-360")
    page.close()
    assert watched.complaints == []
