"""A head signs in with a passkey alone, in Chromium with a software authenticator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import PATIENT_MS, PICTURES, Laboratory
from tests.failures.console_process import ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import PASSWORD

expect.set_options(timeout=PATIENT_MS)


@pytest.fixture
def plain_console(laboratory: Laboratory, tmp_path: Path) -> Iterator[tuple[Control, ConsoleProcess]]:
    """Without TLS, which browsers allow on this machine; they allow no passkeys where a certificate is in doubt."""
    control = Control(tmp_path)
    control.state.mkdir()
    console = ConsoleProcess(control, is_tls=False)
    control.start()
    console.start()
    origin = f'passkey_domain = "localhost"\npasskey_origins = ["{console.address}"]\n'
    with control.config.open("a", encoding="utf-8") as config:
        config.write(f"[accounts]\n{origin}")
    yield control, console
    console.end()
    control.end()


def _with_authenticator(page: Page) -> None:
    """A device that keeps passkeys and knows its owner."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    kind = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": kind})


def test_a_passkey_is_the_first_factor_signs_in_alone_and_cannot_be_removed_as_the_last(
    laboratory: Laboratory, plain_console: tuple[Control, ConsoleProcess]
) -> None:
    control, address = plain_console[0], plain_console[1].address
    assert control.cli("setup", "token").returncode == 0
    token = (control.state / "setup-token").read_text(encoding="utf-8").strip()
    context = laboratory.context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
    _with_authenticator(page)
    page.goto(f"{address}/first-account")
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
    page.get_by_role("link", name="Use a passkey instead").click()
    page.get_by_label("Which device is it?").fill("my <b>phone</b>")
    page.screenshot(path=PICTURES / "passkey-begin.png", full_page=True)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_text("Margaret Quill").first.click()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign in with a passkey").click()
    page.screenshot(path=PICTURES / "passkey.png", full_page=True)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("Margaret Quill").first).to_be_visible()

    page.goto(f"{address}/account")
    expect(page.get_by_role("cell", name="my <b>phone</b>", exact=True)).to_be_visible()
    page.screenshot(path=PICTURES / "passkeys.png", full_page=True)
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("set up another first")).to_be_visible()
    page.goto(f"{address}/sign-in/again?next=/account")
    expect(page.get_by_role("button", name="Use your passkey")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page).to_have_url(f"{address}/account")
    context.close()
    # The answer to a form that was refused is an error to the browser's list, and none of the page.
    assert [one for one in complaints if "422" not in one] == []
