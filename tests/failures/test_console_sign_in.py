"""People sign in at a real console beside a real control process, and what an attacker tries there."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass
from uuid import UUID

import pyotp
import pytest
from tests.failures.console_process import Browser, ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import PASSWORD, account, by, session

from schoolgate.accounts.roles import Role

SESSION = "__Host-session"
KEY = re.compile(r'<code class="key">([A-Z2-7]+)</code>')


@dataclass(frozen=True)
class Head:
    """The first account, the key of its app, and its recovery codes."""

    account_id: UUID
    key: str
    recovery_codes: list[str]


@pytest.fixture(scope="module")
def first_head(control: Control, console: ConsoleProcess) -> Head:
    """Margaret makes the first account and sets up her app."""
    assert control.cli("setup", "token").returncode == 0
    browser = Browser(console)
    token = (control.state / "setup-token").read_text(encoding="utf-8").strip()
    made = {"token": token, "login": "margaret", "display_name": "Margaret Quill", "role": "head"}
    answer = browser.post("/first-account", {**made, "password": PASSWORD, "again": PASSWORD})
    assert "Your password is set, Margaret Quill." in answer.text, answer.text
    begun = browser.post("/sign-in", {"login": "margaret", "password": PASSWORD})
    assert (begun.status, begun.headers["Location"]) == (303, "/sign-in/app")
    unfinished = browser.cookies[SESSION]
    assert browser.get("/").headers["Location"].startswith("/sign-in"), "half a sign-in shows nothing"
    shown = browser.post("/sign-in/app/start")
    assert 'src="data:image/svg+xml;base64,' in shown.text
    (key,) = KEY.findall(shown.text)
    wrong = browser.post("/sign-in/app", {"code": "000000"})
    assert wrong.status == 422 and "That code is not right." in wrong.text
    done = browser.post("/sign-in/app", {"code": pyotp.TOTP(key).now()})
    codes = re.findall(r"<li><code>([^<]+)", done.text)
    assert len(codes) == 10, done.text
    assert browser.cookies[SESSION] != unfinished, "the token is new after each step"
    assert "Margaret Quill" in browser.get("/").text
    shown_account = by(control, browser.cookies[SESSION], "session.show")["result"]["account_id"]
    return Head(UUID(shown_account), str(key), codes)


def signed_in(control: Control, console: ConsoleProcess, login: str, *roles: Role) -> Browser:
    """A browser of a new account."""
    return Browser(console, {SESSION: session(control, account(control, login, *roles))})


def test_the_first_head_signs_in_with_her_app(console: ConsoleProcess, first_head: Head) -> None:
    browser = Browser(console)
    begun = browser.post("/sign-in", {"login": "margaret", "password": PASSWORD, "next": "/account"})
    assert begun.headers["Location"] == "/sign-in/code?next=%2Faccount"
    page = browser.get(begun.headers["Location"])
    assert 'autocomplete="one-time-code"' in page.text
    # Her app's code of now was used up when she set it up: the next one counts too, within its window.
    code = pyotp.TOTP(first_head.key).at(int(time.time()) + 30)
    done = browser.post("/sign-in/code", {"code": code, "next": "/account"})
    assert (done.status, done.headers["Location"]) == (303, "/account"), done.text
    account_page = browser.get("/account")
    assert "You are signed in here and in one other place." in account_page.text
    out = browser.post("/sign-out")
    assert out.headers["Location"] == "/sign-in"
    assert SESSION not in browser.cookies


def test_every_refusal_reads_the_same(console: ConsoleProcess, first_head: Head) -> None:
    def refused(login: str, password: str) -> tuple[int, str]:
        answer = Browser(console).post("/sign-in", {"login": login, "password": password})
        return answer.status, answer.text.replace(login, "LOGIN")

    known = refused("margaret", "not her password")
    assert known[0] == 422
    assert known == refused("nobody-here", "not her password") == refused("x" * 200, "")


def test_no_cookie_of_an_earlier_step_and_none_of_an_attackers_is_a_session(
    console: ConsoleProcess, control: Control
) -> None:
    for token in ("attacker-chose-this", "x" * 500, "0" * 43):
        answer = Browser(console, {SESSION: token}).get("/")
        assert answer.status == 303, "no fixation: a token that we did not make is nothing"
    browser = signed_in(control, console, "fiona", Role.network_manager)
    kept = dict(browser.cookies)
    browser.post("/sign-out")
    assert Browser(console, kept).get("/").status == 303, "no replay after signing out"


def test_a_disabled_account_is_out_at_the_next_click(console: ConsoleProcess, control: Control) -> None:
    browser = signed_in(control, console, "leaver", Role.teacher)
    assert browser.get("/").status == 200
    assert control.cli("account", "disable", "leaver").returncode == 0
    assert browser.get("/").status == 303


def test_a_place_is_signed_out_from_another(console: ConsoleProcess, control: Control) -> None:
    holder = account(control, "two-places", Role.teacher)
    here, there = (Browser(console, {SESSION: session(control, holder)}) for _ in range(2))
    (path,) = re.findall(r'action="(/account/sessions/[0-9a-f-]+/end)"', here.get("/account").text)
    assert here.post(path).status == 303
    assert there.get("/").status == 303
    assert here.get("/").status == 200


def test_what_needs_a_fresh_factor_asks_for_it_and_comes_back(
    console: ConsoleProcess, control: Control, first_head: Head
) -> None:
    browser = Browser(console, {SESSION: session(control, first_head.account_id, is_fresh=False)})
    changed = {"old": PASSWORD, "password": "another five words here", "again": "another five words here"}
    answer = browser.post("/account/password", changed)
    assert (answer.status, answer.headers.get("Location")) == (303, "/sign-in/again?next=%2Faccount"), answer.text
    page = browser.get(answer.headers["Location"])
    assert page.status == 200 and "Show that it is you" in page.text
    given = {"by": "recovery", "code": first_head.recovery_codes[0], "next": "/account"}
    stepped = browser.post("/sign-in/again", given)
    assert (stepped.status, stepped.headers["Location"]) == (303, "/account")
    assert browser.post("/sign-in/again", given).status == 422, "a recovery code works once"
    assert browser.post("/account/password", changed).headers["Location"] == "/account?changed=1"
    assert browser.post("/account/password", {**changed, "old": "wrong"}).status == 422


def test_a_link_chooses_a_password_once_and_says_what_is_wrong_with_one(
    console: ConsoleProcess, control: Control
) -> None:
    made = control.cli("account", "create", "newcomer", "--display-name", "New Comer")
    token = next(line for line in made.stdout.splitlines() if line.strip())
    browser = Browser(console)
    short = browser.post("/choose-password", {"token": token, "password": "short", "again": "short"})
    assert short.status == 422 and 'class="reasons"' in short.text, short.text
    assert 'value="short"' not in short.text, "a password is never written into a page"
    both = {"password": PASSWORD, "again": PASSWORD}
    differing = browser.post("/choose-password", {"token": token, **both, "again": "other"})
    assert "The two are not the same." in differing.text
    assert "Your password is set, New Comer." in browser.post("/choose-password", {"token": token, **both}).text
    again = browser.post("/choose-password", {"token": token, **both})
    assert again.status == 422 and "This code cannot be used" in again.text


def test_a_browser_that_was_left_open_sets_up_no_factor_without_the_password(
    console: ConsoleProcess, control: Control
) -> None:
    made = control.cli("account", "create", "wanda", "--display-name", "Wanda Field")
    token = next(line for line in made.stdout.splitlines() if line.strip())
    browser = Browser(console)
    browser.post("/choose-password", {"token": token, "password": PASSWORD, "again": PASSWORD})
    assert browser.post("/sign-in", {"login": "wanda", "password": PASSWORD}).headers["Location"] == "/"
    assert 'name="password" type="password"' in browser.get("/sign-in/app").text
    for given in ({}, {"password": ""}):
        refused = browser.post("/sign-in/app/start", given)
        assert refused.status == 422 and not KEY.search(refused.text)
    wrong = browser.post("/sign-in/app/start", {"password": "wrong"})
    assert wrong.status == 422 and 'href="#password"' in wrong.text and not KEY.search(wrong.text)
    assert KEY.search(browser.post("/sign-in/app/start", {"password": PASSWORD}).text)


def test_the_console_may_be_killed_and_the_session_lives_on(console: ConsoleProcess, control: Control) -> None:
    browser = signed_in(control, console, "kill", Role.network_manager)
    assert browser.get("/").status == 200
    console.end(signal.SIGKILL)
    console.start()
    assert browser.get("/").status == 200


def test_without_control_the_console_says_so_and_is_back_with_it(console: ConsoleProcess, control: Control) -> None:
    browser = signed_in(control, console, "stay", Role.network_manager)
    control.end()
    answer = browser.get("/")
    assert answer.status == 503 and "Filtering goes on." in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    control.start()
    assert browser.get("/").status == 200
