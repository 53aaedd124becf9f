"""What people do in the console, in Chromium: with and without JavaScript, by mouse and by keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import NARROW, PATIENT_MS, PICTURES, Laboratory, Open
from tests.failures.console_process import ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import PASSWORD

from schoolgate.accounts.roles import Role

expect.set_options(timeout=PATIENT_MS)


def _picture(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def _sign_in(page: Page, address: str, key: str, shift_s: int = 0) -> None:
    """As a person does: name, password, the code of the app."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill("margaret")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(pyotp.TOTP(key).at(int(time.time()) + shift_s))
    page.get_by_role("button", name="Go on").click()


@pytest.fixture
def new_school(laboratory: Laboratory, tmp_path: Path) -> Iterator[tuple[Control, ConsoleProcess]]:
    """Without any account."""
    control = Control(tmp_path)
    control.state.mkdir()
    console = ConsoleProcess(control, is_quick=True)
    control.start()
    console.start()
    yield control, console
    console.end()
    control.end()


def test_the_first_account_is_made_and_signs_in_with_an_app(
    new_school: tuple[Control, ConsoleProcess], watched: Open
) -> None:
    control, console = new_school
    assert control.cli("setup", "token").returncode == 0
    token = (control.state / "setup-token").read_text(encoding="utf-8").strip()
    page = watched("/first-account", at=console.address).page
    page.get_by_label("Code of the first run").fill(token)
    page.get_by_label("Your name").fill("Margaret Quill")
    page.get_by_label("Name to sign in with").fill("margaret")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill("margaret")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    _picture(page, "app-begin")
    page.get_by_role("button", name="Show the code to scan").click()
    picture = page.get_by_role("img", name="QR code")
    assert picture.evaluate("image => image.naturalWidth") > 100, "the code is really drawn"
    _picture(page, "app-code")
    page.get_by_text("I cannot scan it").click()
    key = page.locator("code.key").inner_text()
    page.get_by_label("Code").fill(pyotp.TOTP(key).now())
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    _picture(page, "recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("filter")
    page.get_by_text("Margaret Quill").first.click()
    page.get_by_role("button", name="Sign out").click()
    # The next code: that of now was used up.
    _sign_in(page, console.address, key, 30)
    expect(page.get_by_text("Margaret Quill").first).to_be_visible()


def test_a_wrong_password_is_refused_in_one_sentence_that_has_the_focus(watched: Open) -> None:
    opened = watched("/sign-in")
    page = opened.page
    page.get_by_label("Name").fill("margaret")
    page.get_by_label("Password").fill("wrong")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("margaret")
    _picture(page, "sign-in-refused")
    # Chromium complains of the answer's status itself.
    opened.complaints[:] = [one for one in opened.complaints if "status of 422" not in one]


def test_a_row_opens_its_panel_in_place_and_escape_closes_it(watched: Open) -> None:
    page = watched("/styleguide", Role.network_manager).page
    page.evaluate("window.isTheSamePage = true")
    row = page.get_by_role("link", name="Laptop 2, Year 7")
    row.click()
    expect(page.locator("#panel h2")).to_be_focused()
    assert page.evaluate("window.isTheSamePage"), "no page was loaded"
    _picture(page, "panel")
    page.keyboard.press("Escape")
    expect(page.locator("#panel h2")).to_have_count(0)
    expect(row).to_be_focused()


def test_a_filter_lives_in_the_address_and_goes_on_without_a_new_page(watched: Open) -> None:
    page = watched("/styleguide", Role.network_manager).page
    page.evaluate("window.isTheSamePage = true")
    page.get_by_label("Verdict").select_option("blocked")
    page.wait_for_url(re.compile(r"verdict=blocked"))
    assert page.evaluate("window.isTheSamePage")
    page.go_back()
    page.wait_for_url(re.compile(r"/styleguide$"))


def test_without_javascript_a_row_is_a_page_and_the_filter_a_form(watched: Open) -> None:
    page = watched("/styleguide", Role.network_manager, java_script_enabled=False).page
    page.get_by_role("link", name="Laptop 2, Year 7").click()
    assert page.url.endswith("/styleguide/row/1")
    expect(page.locator("#panel h2")).to_have_text("Laptop 2, Year 7")
    page.get_by_label("Verdict").select_option("blocked")
    page.get_by_role("button", name="Filter").click()
    assert "verdict=blocked" in page.url


def test_the_keyboard_alone_reaches_the_content_and_the_menu(watched: Open) -> None:
    page = watched("/styleguide", Role.network_manager).page
    page.evaluate("document.activeElement.blur()")
    page.goto(page.url.partition("#")[0])
    page.evaluate("document.activeElement.blur()")
    skip = page.get_by_role("link", name="Skip to content")
    skip.focus()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    menu = page.locator("details.menu summary")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="My account")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="My account")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_switch_of_colours_is_kept(watched: Open) -> None:
    page = watched("/sign-in", color_scheme="light").page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) != light
    page.get_by_role("button", name="As this device").click()
    expect(page.get_by_role("button", name="As this device")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) == light


def test_a_phone_has_its_bar_below_and_no_bar_at_the_side(watched: Open) -> None:
    page = watched("/", Role.network_manager, viewport=NARROW).page
    expect(page.get_by_role("navigation", name="Main, short")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_hidden()


@pytest.fixture
def plain(laboratory: Laboratory, tmp_path: Path) -> Iterator[ConsoleProcess]:
    """A console without a certificate, as `schoolgate run` has it on the first day."""
    control = Control(tmp_path)
    control.state = laboratory.control.state
    control.config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{control.state}"\n', encoding="utf-8")
    one = ConsoleProcess(control, is_tls=False, is_quick=True)
    one.start()
    yield one
    one.end()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_without_a_certificate_a_browser_of_this_machine_keeps_the_cookies(
    laboratory: Laboratory, plain: ConsoleProcess, host: str
) -> None:
    context = laboratory.context()
    page = context.new_page()
    page.goto(f"http://{host}:{plain.port}/sign-in")
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    context.close()
