"""The first setup in a browser without JavaScript, as wide as a phone: from a code to a policy and an account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import NARROW, PATIENT_MS, PICTURES, Laboratory
from tests.failures.console_process import ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import PASSWORD

from schoolgate.config import load
from schoolgate.lists.build import build
from schoolgate.policy.active_policy import policy_files

expect.set_options(timeout=PATIENT_MS)


@pytest.fixture
def new_school(laboratory: Laboratory, tmp_path: Path) -> Iterator[tuple[Control, ConsoleProcess]]:
    """With the shipped lists, as `run` leaves them, and without any account."""
    control = Control(tmp_path)
    build(load(control.config))
    console = ConsoleProcess(control)
    control.start()
    console.start()
    yield control, console
    console.end()
    control.end()


@pytest.fixture
def phone(laboratory: Laboratory) -> Iterator[Page]:
    """A narrow browser without JavaScript."""
    context = laboratory.context(java_script_enabled=False, viewport=NARROW)
    yield context.new_page()
    context.close()


def _go_on(page: Page) -> None:
    page.get_by_role("button", name="Keep and go on").click()


def _fits(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= NARROW["width"], f"{page.url} is {wide} wide"


def test_a_network_manager_sets_a_school_up_with_the_code_of_the_first_run(
    new_school: tuple[Control, ConsoleProcess], phone: Page
) -> None:
    control, console = new_school
    assert control.cli("setup", "token").returncode == 0
    token = (control.state / "setup-token").read_text(encoding="utf-8").strip()
    page = phone
    page.goto(f"{console.address}/setup/lists")
    expect(page).to_have_url(f"{console.address}/setup")
    page.get_by_label("Code of the first run").fill("wrong")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be used")
    page.get_by_label("Code of the first run").fill(token)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("note")).to_contain_text("No school is protected yet")
    page.get_by_role("link", name="Begin").click()
    for name in ("school", "addresses", "segments", "lists", "forwarders", "mail", "backups", "accounts"):
        expect(page.get_by_text("Step ")).to_be_visible()
        _fits(page)
        if name == "school":
            page.get_by_role("radio", name="Primary school Pupils").check()
        elif name == "addresses":
            page.get_by_label("Addresses with port").fill("127.0.0.1:0\n192.0.2.7:53")
        elif name == "segments":
            page.get_by_label("Its addresses").nth(0).fill("127.0.0.0/24, 10.1.0.0/33")
            page.get_by_label("Its addresses").nth(1).fill("10.2.0.0/16")
            _go_on(page)
            expect(page.get_by_role("alert")).to_contain_text("10.1.0.0/33")
            expect(page.get_by_label("Its addresses").nth(1)).to_have_value("10.2.0.0/16")
            _fits(page)
            page.screenshot(path=PICTURES / "setup-mistake-360.png", full_page=True)
            page.get_by_label("Its addresses").nth(0).fill("127.0.0.0/24")
        elif name == "lists":
            page.get_by_label("Our school accepts these licences.").check()
        elif name == "forwarders":
            page.get_by_label("Forwarders").fill("127.0.0.1:1")
            page.get_by_role("button", name="Test them from here").click()
            expect(page.get_by_role("status")).to_contain_text("Not usable now")
        elif name == "accounts":
            page.locator("#display_name-0").fill("Nia Webb")
            page.locator("#login-0").fill("nia")
        page.screenshot(path=PICTURES / f"setup-{name}-360.png", full_page=True)
        _go_on(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("This is what will be written.")
    page.screenshot(path=PICTURES / "setup-summary-360.png", full_page=True)
    _fits(page)
    assert policy_files(load(control.config)).store.tail(None) is None, "nothing is written before"
    page.get_by_role("button", name="Write this").click()
    expect(page.get_by_role("heading", name="What is left to do")).to_be_visible()
    page.screenshot(path=PICTURES / "setup-done-360.png", full_page=True)
    _fits(page)
    expect(page.get_by_text("192.0.2.7").first).to_be_visible()
    expect(page.locator("code.key")).to_have_count(1)
    assert "127.0.0.0/24" in control.cli("policy", "show").stdout
    assert len(list((control.state / "setup" / "before").iterdir())) == 1, "the settings of before are kept"
    page.get_by_role("link", name="Make the first account").click()
    expect(page.get_by_label("Code of the first run")).to_have_count(0)
    page.get_by_label("Your name").fill("Margaret Quill")
    page.get_by_label("Name to sign in with").fill("margaret")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your password is set")
    page.goto(f"{console.address}/setup/lists")
    expect(page.get_by_label("Code of the first run")).to_be_visible()
