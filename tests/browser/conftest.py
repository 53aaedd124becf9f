"""A laboratory for all browser tests: a real control process, a real console over TLS, and the system's Chromium.

Pictures of each screen are written to target/console-pictures/.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.failures.console_process import ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import account, session

from schoolgate.accounts.roles import Role
from schoolgate.console.session_cookie import SESSION

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "target" / "console-pictures"
AXE = ROOT / "target" / "console-assets" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# On a busy machine; no wait is as long where things work.
PATIENT_MS = 30_000


@dataclass
class Laboratory:
    """The processes, and the token of a session of each role."""

    control: Control
    console: ConsoleProcess
    browser: Browser
    sessions: dict[Role, str]

    def context(self, role: Role | None = None, **more: Any) -> BrowserContext:
        """A browser's profile, signed in as a role; the caller closes it."""
        context = self.browser.new_context(ignore_https_errors=True, viewport=more.pop("viewport", WIDE), **more)
        context.set_default_timeout(PATIENT_MS)
        if role is not None:
            cookie = {"name": SESSION, "value": self.sessions[role], "url": self.console.address, "sameSite": "Lax"}
            context.add_cookies([{**cookie, "secure": True, "httpOnly": True}])  # type: ignore[list-item]
        return context


@dataclass
class Watched:
    """A page, and what its browser complained of: violations of the policy, errors of scripts, failed loads."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda one: self.complaints.append(one.text) if one.type == "error" else None)


Open = Callable[..., Watched]


# Not longer than these tests: while Playwright runs, its loop is the one of this thread, and no other test has one.
@pytest.fixture(scope="package")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Started once for the tests of this folder."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    control = Control(tmp_path_factory.mktemp("laboratory"))
    control.state.mkdir()
    console = ConsoleProcess(control, is_quick=True)
    control.start()
    console.start()
    # Before Playwright: its loop is that of this thread.
    sessions = {role: session(control, account(control, role.replace("_", "-"), role)) for role in Role}
    PICTURES.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            # As root in a container there is no sandbox; the pages are ours.
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            yield Laboratory(control, console, browser, sessions)
            browser.close()
    finally:
        console.end()
        control.end()
    assert "Traceback" not in console.said(), console.said()


@pytest.fixture
def watched(laboratory: Laboratory) -> Iterator[Open]:
    """Opens a path as a role; fails the test where the browser complained."""
    contexts: list[BrowserContext] = []
    opened: list[Watched] = []

    def opening(path: str, role: Role | None = None, *, at: str | None = None, **more: Any) -> Watched:
        contexts.append(laboratory.context(role, **more))
        opened.append(Watched(contexts[-1].new_page()))
        opened[-1].page.goto((at or laboratory.console.address) + path)
        return opened[-1]

    yield opening
    for one in contexts:
        one.close()
    assert [complaint for one in opened for complaint in one.complaints] == []
