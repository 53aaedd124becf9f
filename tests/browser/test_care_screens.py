"""Alerts, health, checks, audit, accounts and reports with a school behind them: looked at, and an alert triaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import AXE, NARROW, PATIENT_MS, WIDE, Laboratory, Watched
from tests.browser.test_screens import _CONTRAST, _RULES, _picture, _violations
from tests.failures.console_process import ConsoleProcess
from tests.unit.console.care_school import HARM, STRANGE, CareSchool

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
    ("/lessons", Role.teacher),
    ("/escalation", LEAD), ("/service-report", GOVERNOR), ("/accounts/break-glass", HEAD),
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
