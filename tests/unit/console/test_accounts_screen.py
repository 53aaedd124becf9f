"""Accounts on screen, against a real control process: who manages them, what is shown once, what needs two people."""

from __future__ import annotations

import html
import re
import uuid

from tests.unit.console.care_school import RoleBrowser, statuses
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl

from schoolgate.accounts.roles import Role
from schoolgate.console.session_cookie import SESSION

IT, HEAD, DIRECTOR, LEAD = Role.network_manager, Role.head, Role.trust_director, Role.safeguarding_lead
HOSTILE = "<script>alert(1)</script>"


async def made(browser: RoleBrowser, name: str = "") -> tuple[str, str, str]:
    """A new account: its login, the path of its page, the code that was shown."""
    login = f"one-{uuid.uuid4().hex[:8]}"
    status, text, _ = await browser.post(IT, "/accounts/new", login=login, display_name=name or login, mail="")
    assert status == 200, text
    path = re.search(r'href="(/accounts/[0-9a-f-]{36})', text)
    code = re.search(r'aria-label="Code">([^<]+)<', text)
    assert path and code
    return login, path[1], html.unescape(code[1])


async def test_who_has_no_right_finds_no_page(browser: RoleBrowser) -> None:
    sees = {"network_manager", "head", "trust_director", "data_protection_officer"}
    for path in ("/accounts", "/accounts/review"):
        assert await statuses(browser, path) == {role.value: 200 if role in sees else 404 for role in Role}
    wanted = {role.value: 200 if role in sees | {"safeguarding_lead"} else 404 for role in Role}
    assert await statuses(browser, "/accounts/requests") == wanted
    changes = {"network_manager", "trust_director"}
    wanted = {role.value: 200 if role in changes else 404 for role in Role}
    assert await statuses(browser, "/accounts/new") == wanted
    _, path, _ = await made(browser)
    assert await statuses(browser, f"{path}/disable") == wanted


async def test_the_list_says_who_with_which_role_and_factor_and_filters(browser: RoleBrowser) -> None:
    _, text = await browser.get(HEAD, "/accounts")
    assert "people can sign in." in text
    assert "Safeguarding lead" in text
    _, text = await browser.get(HEAD, "/accounts?role=governor")
    assert "Network-Manager" not in text
    assert "Governor" in text
    _, text = await browser.get(HEAD, "/accounts?name=nobody+has+this+name")
    assert "No one fits these filters." in text


async def test_a_code_is_shown_once_and_works_for_the_person(browser: RoleBrowser) -> None:
    _, path, code = await made(browser)
    _, text = await browser.get(IT, path)
    assert code not in text
    assert "Never signed in yet." in text
    assert "has no role yet." in text
    form = {"token": code, "password": "violet kettle marching seven", "again": "violet kettle marching seven"}
    status, text, _ = await browser.post(IT, "/choose-password", **form)
    assert status == 200, text


async def test_a_hostile_name_is_text_on_every_page(browser: RoleBrowser) -> None:
    _, path, _ = await made(browser, HOSTILE)
    for page in (path, f"{path}/disable", f"{path}/role", "/accounts?name=script", "/accounts/review"):
        status, text = await browser.get(IT, page)
        assert status == 200, page
        assert HOSTILE not in text, page
    assert "&lt;script&gt;" in (await browser.get(IT, path))[1]


async def test_mistakes_stand_beside_their_fields(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(IT, "/accounts/new", login="", display_name="Ada", mail="")
    assert (status, "Write a login name." in text, 'value="Ada"' in text) == (422, True, True)
    login, _, _ = await made(browser)
    status, text, _ = await browser.post(IT, "/accounts/new", login=login, display_name="Ada", mail="")
    assert (status, 'id="login-mistake"' in text) == (422, True)


async def test_a_leaver_is_disabled_and_comes_back(browser: RoleBrowser) -> None:
    _, path, _ = await made(browser)
    _, text = await browser.get(IT, f"{path}/disable")
    assert "At once every session ends" in text
    status, _, headers = await browser.post(IT, f"{path}/disable")
    assert (status, headers["Location"]) == (303, f"{path}?done=disable")
    _, text = await browser.get(IT, f"{path}?done=disable")
    assert "cannot sign in: the account is disabled." in text
    assert (await browser.post(IT, f"{path}/enable"))[0] == 303
    assert (await browser.post(IT, f"{path}/compromised"))[0] == 303
    assert (await browser.post(IT, f"{path}/end-sessions"))[0] == 303
    assert "must change" in (await browser.get(IT, path))[1]


async def test_a_role_that_approves_is_asked_for_and_another_person_decides(browser: RoleBrowser) -> None:
    _, path, _ = await made(browser, "Priya Patel")
    status, _, headers = await browser.post(IT, f"{path}/role", role="teacher", scope="trust")
    assert (status, headers["Location"]) == (303, f"{path}?done=role")
    _, _, headers = await browser.post(IT, f"{path}/role", role="safeguarding_lead", scope="trust")
    assert headers["Location"] == f"{path}?done=role-asked"
    _, text = await browser.get(LEAD, "/accounts/requests")
    assert "Priya Patel" in text
    assert "A head or director decides" in text
    _, text = await browser.get(HEAD, "/accounts/requests")
    grant = re.search(r"Priya Patel.*?name=\"id\" value=\"([0-9a-f-]{36})\"", text, re.DOTALL)
    assert grant
    assert (await browser.post(IT, "/accounts/requests", do="approve", id=grant[1]))[0] == 404
    status, _, headers = await browser.post(HEAD, "/accounts/requests", do="approve", id=grant[1])
    assert (status, headers["Location"]) == (303, "/accounts/requests?done=approve")
    assert "Safeguarding lead" in (await browser.get(HEAD, path))[1]
    assert (await browser.post(IT, f"{path}/end-role", role="teacher", scope="trust"))[0] == 303
    status, text, _ = await browser.post(IT, f"{path}/role", role="teacher", scope="nowhere at all")
    assert (status, "There is a problem" in text) == (422, True)


async def test_a_request_that_does_not_exist_changes_nothing(browser: RoleBrowser) -> None:
    for form in ({"do": "approve", "id": "x"}, {"do": "erase", "id": str(uuid.uuid4())}):
        assert (await browser.post(HEAD, "/accounts/requests", **form))[0] == 400
    assert (await browser.post(HEAD, "/accounts/requests", do="approve", id=str(uuid.uuid4())))[0] == 422
    assert (await browser.get(IT, f"/accounts/{uuid.uuid4()}"))[0] == 404


async def test_a_role_is_confirmed_for_a_quarter_by_another_person(browser: RoleBrowser) -> None:
    _, text = await browser.get(DIRECTOR, "/accounts/review")
    grants = re.findall(r'name="grant" value="([0-9a-f-]{36})"', text)
    assert "Your own: another person confirms" in text
    status, _, headers = await browser.post(DIRECTOR, "/accounts/review", grant=grants[0])
    assert (status, headers["Location"]) == (303, "/accounts/review?done=1")
    _, text = await browser.get(HEAD, "/accounts/review")
    assert "Confirm</button>" not in text


async def test_a_forgotten_password_makes_a_code_and_keeps_the_factor(browser: RoleBrowser) -> None:
    _, path, _ = await made(browser)
    _, text = await browser.get(IT, f"{path}/reset-password")
    assert "The second factor stays." in text
    status, text, _ = await browser.post(IT, f"{path}/reset-password")
    assert status == 200
    assert 'aria-label="Code"' in text


async def test_without_a_fresh_factor_the_code_is_asked_for_and_leads_back(browser: RoleBrowser) -> None:
    _, path, _ = await made(browser)
    with browser.school.stale():
        status, _, headers = await browser.ask(IT, "GET", f"{path}/reset-password")
    assert (status, headers["Location"]) == (303, f"/sign-in/again?next={path.replace('/', '%2F')}%2Freset-password")


async def test_who_makes_or_stops_an_account_gave_a_fresh_factor(browser: RoleBrowser) -> None:
    _, path, _ = await made(browser)
    form = {"login": f"one-{uuid.uuid4().hex[:8]}", "display_name": "Ada", "mail": ""}
    with browser.school.stale():
        for page in ("/accounts/new", f"{path}/disable", f"{path}/compromised", f"{path}/end-sessions"):
            status, _, headers = await browser.ask(IT, "GET", page)
            assert (status, headers["Location"]) == (303, f"/sign-in/again?next={page.replace('/', '%2F')}"), page
            status, _, headers = await browser.post(IT, page, **form)
            assert (status, headers["Location"][:14]) == (303, "/sign-in/again"), page
    assert "cannot sign in" not in (await browser.get(IT, path))[1]
    assert form["login"] not in (await browser.get(IT, "/accounts"))[1]


async def test_the_list_of_people_says_why_it_was_not_read_and_is_read_from_here(
    console: RunningConsole, control: FakeControl
) -> None:
    reading = {"provider": "entra", "tried_us": 2, "read_us": 0, "disabled": 0, "problem": "<b>no</b> token"}
    control.answers |= {
        "account.list": [], "account.requests": {"roles": [], "resets": []}, "account.review": [],
        "account.leavers": [reading], "account.read_leavers": [reading],
    }  # fmt: skip
    _, text = await console.get("/accounts")
    assert "never read" in text
    assert "&lt;b&gt;no&lt;/b&gt; token" in text
    response, _ = await console.post("/accounts/leavers", data={"accept_many": "yes"})
    assert (response.status, response.headers["Location"]) == (303, "/accounts#leavers")
    assert control.asked("account.read_leavers")[0]["arguments"] == {"accept_many": True}


async def test_a_sealed_code_is_made_by_a_head_or_a_director_and_shown_once(browser: RoleBrowser) -> None:
    seal = {"head", "trust_director"}
    path = "/accounts/break-glass"
    assert await statuses(browser, path) == {role.value: 200 if role in seal else 404 for role in Role}
    assert f'href="{path}"' in (await browser.get(HEAD, "/accounts"))[1]
    assert f'href="{path}"' not in (await browser.get(IT, "/accounts"))[1]
    assert (await browser.post(IT, path))[0] == 404
    _, text = await browser.get(HEAD, path)
    assert 'aria-label="Code"' not in text
    assert "A code that was sealed before ends at once" in text
    codes = []
    for _ in range(2):
        status, text, headers = await browser.post(HEAD, path)
        found = re.search(r'aria-label="Code">([^<]+)<', text)
        assert (status, bool(found)) == (200, True)
        assert found
        assert headers["Cache-Control"] == "no-store"
        codes.append(html.unescape(found[1]))
    assert codes[0] != codes[1]
    for code, status in ((codes[0], 422), ("", 422), (codes[1], 303), (codes[1], 422)):
        given, text, headers = await browser.ask(IT, "POST", "/sign-in/sealed-code", data={"code": code})
        assert given == status, (code, text)
        if status == 303:
            assert headers["Location"] == "/accounts"
            assert SESSION in headers["Set-Cookie"]
        else:
            assert "Check what you typed" in text
    for shown in ((await browser.get(HEAD, path))[1], (await browser.get(HEAD, "/accounts"))[1]):
        assert not [one for one in codes if one in shown]
