"""Watching in Chromium, at a school whose server answers: search, live, explain, devices, the one box, and each Home.

Pictures are written to target/console-pictures/watch-*.png.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from tests.browser.demonstration_school import DemonstrationSchool, device
from tests.failures.console_process import ConsoleProcess
from tests.integration.serving import PUPIL
from tests.integration.upstream_thread import UpstreamThread

from schoolgate.accounts.roles import Role
from schoolgate.console.session_cookie import SESSION

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "target" / "console-pictures"
AXE = ROOT / "target" / "console-assets" / "node_modules" / "axe-core" / "axe.min.js"
PATIENT_MS = 60_000
expect.set_options(timeout=PATIENT_MS)
N, D = Role.network_manager, Role.safeguarding_lead
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
SCREENS = (
    ("search", D, "/log?when=hour"),
    ("search-empty", D, "/log?name=nowhere.example"),
    ("search-mistake", D, "/log?since=2026-11-30T10:00&until=2026-11-30T09:00"),
    ("row", D, None),
    ("reveal", D, f"/log/reveal?device={device('pupils', 3)}"),
    ("live", D, "/log/live"),
    ("live-without-devices", N, "/log/live"),
    ("explain", N, "/explain"),
    ("explain-closed", N, "/explain?name=bet365.com&segment=guests"),
    ("explain-every-network", Role.teacher, "/explain?name=www.roblox.com"),
    ("devices", D, "/devices"),
    ("devices-without-identities", N, "/devices"),
    ("device", D, f"/devices/{device('pupils', 1)}"),
    ("device-names", N, "/device-names"),
    ("device-name", D, "/device-names/mac%3A00%3A00%3A5e%3A00%3A53%3A02"),
    ("device-name-of-a-person", D, "/device-names/mac%3A00%3A00%3A5e%3A00%3A53%3A09"),
    ("device-without-identities", N, f"/devices/{device('pupils', 1)}"),
    ("find", D, "/find?q=games"),
    ("requests", Role.trust_director, "/requests"),
    ("request-form", Role.head, "/requests/new?names=arcade.example.net&segment=sixth-form"),
    *((f"home-{role}", role, "/") for role in Role),
)


@dataclass
class Watching:
    """The school, its console, and a browser's page for each role."""

    school: DemonstrationSchool
    console: ConsoleProcess
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    def page(self, role: Role, **more: Any) -> Page:
        context = self.browser.new_context(
            ignore_https_errors=True, viewport={"width": 1280, "height": 900}, reduced_motion="reduce", **more
        )
        context.set_default_timeout(PATIENT_MS)
        cookie = {"name": SESSION, "value": self.school.sessions[role], "url": self.console.address, "secure": True}
        context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])  # type: ignore[list-item]
        if more.get("java_script_enabled", True):
            context.add_init_script(path=str(AXE))
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        return page

    def go(self, page: Page, path: str) -> None:
        page.goto(self.console.address + path)

    def _hear(self, message: Any) -> None:
        # A page with status 422 is an answer; the browser reports each as a failed load.
        if message.type == "error" and "status of 422" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with UpstreamThread() as upstream:
        school = DemonstrationSchool(tmp_path_factory.mktemp("school"), upstream.port)
        console = ConsoleProcess(school.control, is_quick=True)
        # Before Playwright: its loop is that of this thread.
        school.start()
        console.start()
        try:
            with sync_playwright() as playwright:
                # As root in a container there is no sandbox; the pages are ours.
                browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                made = Watching(school, console, browser)
                yield made
                browser.close()
        finally:
            console.end()
            school.stop()
    assert made.complaints == []
    assert "Traceback" not in console.said(), console.said()


@pytest.mark.parametrize(("name", "role", "path"), SCREENS, ids=[one[0] for one in SCREENS])
def test_a_screen_breaks_no_rule_and_fits(watching: Watching, name: str, role: Role, path: str | None) -> None:
    page = watching.page(role)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if path is None:
        watching.go(page, "/log?when=hour&verdict=blocked")
        page.locator(".row-link").first.click()
        expect(page.locator("#panel h2")).to_be_visible()
    else:
        watching.go(page, path)
    assert page.locator("h1").count() == 1
    assert violations(page, _RULES) == []
    picture(page, f"{name}-light-1280")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(page, _CONTRAST) == []
    picture(page, f"{name}-dark-1280")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "it scrolls sideways"
    picture(page, f"{name}-light-360")
    page.context.close()


def test_what_is_asked_is_on_the_live_log_and_pause_holds_it(watching: Watching) -> None:
    page = watching.page(N)
    watching.go(page, "/log/live?name=live.example.org")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    begun = time.monotonic()
    watching.school.serving.ask("one.live.example.org", source=PUPIL)  # type: ignore[union-attr]
    expect(page.locator(".live-row")).to_have_count(1)
    took = time.monotonic() - begun
    print(f"a question was on the screen after {took:.2f} s")
    page.get_by_role("button", name="Pause").click()
    watching.school.serving.ask("two.live.example.org", source=PUPIL)  # type: ignore[union-attr]
    waiting = page.get_by_role("button", name=re.compile(r"Go on \(1 new\)"))
    expect(waiting).to_be_visible()
    assert page.locator(".live-row").count() == 1
    waiting.click()
    expect(page.locator(".live-row")).to_have_count(2)
    expect(page.locator(".live-row").first).to_contain_text("two.live.example.org")
    page.locator(".row-link").first.click()
    expect(page.locator("#panel h2")).to_be_focused()
    page.context.close()


def test_the_live_log_is_live_although_a_script_comes_late(watching: Watching) -> None:
    page = watching.page(N)
    streams: list[str] = []
    page.on("request", lambda one: streams.append(one.url) if "/log/live/stream" in one.url else None)

    def late(route: Route) -> None:
        # Until htmx has looked at the page.
        page.wait_for_timeout(300)
        route.continue_()

    page.route(re.compile(r"/assets/hx-sse-"), late)
    watching.go(page, "/log/live?name=late.example.org")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert len(streams) == 1
    page.context.close()


def test_the_live_log_without_javascript_is_a_page_with_a_link(watching: Watching) -> None:
    watching.school.serving.ask("three.quiet.example.org", source=PUPIL)  # type: ignore[union-attr]
    page = watching.page(N, java_script_enabled=False)
    deadline = time.monotonic() + 30
    watching.go(page, "/log/live?name=quiet.example.org")
    while page.locator(".live-row").count() < 1 and time.monotonic() < deadline:
        page.get_by_role("link", name="Show newer").click()
    assert page.locator(".live-row").count() == 1
    assert not page.get_by_role("button", name="Pause").is_visible()
    page.context.close()


def test_a_search_by_keyboard_is_in_the_address_and_opens_a_row(watching: Watching) -> None:
    page = watching.page(D)
    watching.go(page, "/log?when=hour")
    page.get_by_label("Site", exact=True).focus()
    page.keyboard.type("example")
    page.get_by_label("Match").select_option("contains")
    page.get_by_label("Site", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("name=example&match=contains"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("match")
    page.locator(".row-link").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".row-link").first).to_be_focused()
    page.context.close()


def test_a_devices_blocks_are_found_from_a_question_in_the_box(watching: Watching) -> None:
    page = watching.page(D)
    watching.go(page, "/")
    page.get_by_role("searchbox", name="Find a site").fill("Why is bet365.com closed for guests?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("bet365.com is closed for Guests.")
    page.get_by_role("link", name="Who asked for it this week").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("match(es)? in the last 7 days"))
    page.get_by_role("link", name=re.compile("^p-")).first.click()
    expect(page.get_by_role("heading", name="Blocked just now")).to_be_visible()
    page.context.close()


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe found, each with the elements it is about."""
    found = page.evaluate("options => axe.run(document, options)", options)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]


def picture(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"watch-{name}.png", full_page=True)


def test_a_leader_asks_on_a_phone_and_a_director_decides_by_what_would_open(watching: Watching) -> None:
    """From the form to an answer that names the request."""
    phone = watching.page(Role.head)
    phone.set_viewport_size({"width": 360, "height": 740})
    watching.go(phone, "/requests/new")
    phone.get_by_label("Site, or several").fill("web.snapchat.com")
    phone.get_by_label("Sixth form").check()
    phone.get_by_label("What for").fill("Media studies, year 12")
    phone.get_by_role("button", name="Ask for it").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("waits for a decision")
    assert phone.get_by_role("button", name="Approve").count() == 0
    path = phone.url.removeprefix(watching.console.address).partition("?")[0]
    director = watching.page(Role.trust_director)
    director.set_viewport_size({"width": 360, "height": 740})
    watching.go(director, "/")
    director.get_by_role("link", name=re.compile("^Decide: One request waits for your decision")).click()
    expect(director.get_by_text(re.compile("would open"))).to_be_visible()
    assert violations(director, _RULES) == []
    assert director.evaluate("document.documentElement.scrollWidth") <= 360
    picture(director, "request-decide-light-360")
    director.get_by_label("Conditions").fill("in lessons only")
    director.get_by_role("button", name="Approve").click()
    expect(director.get_by_role("heading", level=1)).to_contain_text("in force")
    expect(director.get_by_text("by the running service")).to_be_visible()
    begun = time.monotonic()
    assert watching.school.serving is not None
    watching.go(phone, "/explain?name=web.snapchat.com&segment=sixth-form")
    expect(phone.get_by_role("heading", level=1)).to_contain_text("is open for Sixth form")
    expect(phone.get_by_role("link", name=f"See request {path.rpartition('/')[2]}")).to_be_visible()
    print(f"and why it is open was on the screen {time.monotonic() - begun:.2f} s later")
    watching.go(phone, "/explain?name=web.snapchat.com&segment=pupils")
    expect(phone.get_by_role("heading", level=1)).to_contain_text("is closed for Pupils")
    for page in (phone, director):
        page.context.close()
