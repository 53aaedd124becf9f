"""The pages of the setup: who comes in, by what, and that nothing that was typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl, Refused, whoami

from schoolgate.accounts.roles import Role
from schoolgate.console.session_cookie import SETUP
from schoolgate.console.setup_forms import STEPS, after, mistakes_of, read_form, step_of

ANSWERS: dict[str, Any] = {
    "format": 1,
    "school": "primary-school",
    "time_zone": "Europe/London",
    "listen": ["10.1.0.53:53"],
    "segments": {
        "pupils": {"policy": "pupil", "networks": ["10.1.0.0/16"], "asked": []},
        "staff": {"policy": "staff", "networks": ["10.2.0.0/16"], "asked": ["10.1.0.54"]},
    },
    "other_networks": [],
    "forwarders": ["system"],
    "feeds": {"recommended": False, "accepts_licences": False},
    "mail": {"host": "", "port": 0, "tls": "starttls", "user": "", "password_file": "", "sender": "x@school.example"},
    "backup": {"kind": "none", "folder": "", "name": "backup"},
    "accounts": [],
}
LOOK: dict[str, Any] = {
    "answers": ANSWERS,
    "step": "",
    "has_draft": False,
    "is_configured": False,
    "needs_head": True,
    "addresses": [],
    "resolvers": [],
    "kinds": [{"id": "primary-school", "name": "Primary <b>school</b>", "about": "", "policies": []}],
    "policies": ["pupil", "staff"],
    "feeds": [],
    "settings_file": "/etc/schoolgate/schoolgate.toml",
    "has_settings_file": True,
    "advertised": [],
    "may_open_port_53": True,
    "address": "",
    "device": None,
}


@pytest.mark.parametrize("role", list(Role))
async def test_managers_and_directors_alone_open_it_signed_in(
    console: RunningConsole, control: FakeControl, role: Role
) -> None:
    control.answers |= {"session.show": whoami(role), "setup.look": LOOK}
    may = role in (Role.network_manager, Role.trust_director)
    for path in ("/setup", "/setup/school"):
        response, text = await console.get(path)
        assert response.status == (200 if may else 404)
        assert ("Primary &lt;b&gt;" in text) is (may and path != "/setup")
    response, _ = await console.post("/setup/school", data={"school": "x"})
    assert may or response.status == 404


async def test_without_an_account_the_code_opens_it_and_is_in_no_address(
    console: RunningConsole, control: FakeControl
) -> None:
    def look(request: dict[str, Any]) -> Any:
        if request.get("setup_token") != "good-code":
            raise Refused("TokenRefused", "it is unknown")
        return LOOK

    control.answers["setup.look"] = look
    response, _ = await console.get("/setup/school", signed_in=False)
    assert (response.status, response.headers["Location"]) == (303, "/setup")
    response, text = await console.post("/setup", signed_in=False, data={"token": "bad"})
    assert response.status == 422 and "cannot be used" in text
    response, _ = await console.post("/setup", signed_in=False, data={"token": " good-code\n"})
    cookie = response.cookies[SETUP]
    assert (response.status, response.headers["Location"]) == (303, "/setup")
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Strict"
    sent = {"Cookie": f"{SETUP}={cookie.value}"}
    response, _ = await console.get("/setup/school", signed_in=False, headers=sent)
    assert response.status == 200
    control.answers["setup.look"] = Refused("TokenRefused", "it was used")
    response, text = await console.get("/setup/school", signed_in=False, headers=sent)
    assert response.status == 403 and "cannot be used" in text
    assert response.cookies[SETUP].value == ""


async def test_a_cookie_that_is_no_code_shows_and_begins_no_update(
    console: RunningConsole, control: FakeControl
) -> None:
    control.answers["setup.look"] = Refused("TokenRefused", "it is unknown")
    sent = {"Cookie": f"{SETUP}=made-up"}
    response, text = await console.get("/setup/update", signed_in=False, headers=sent)
    assert response.status == 403 and "update was begun" not in text
    response, _ = await console.post("/setup/update", signed_in=False, headers=sent)
    assert response.status == 403
    assert "lists.update" not in {one["operation"] for one in control.requests}


async def test_a_mistake_stands_beside_its_field_and_what_was_typed_is_kept(
    console: RunningConsole, control: FakeControl
) -> None:
    kept: dict[str, Any] = dict(LOOK)

    def draft(request: dict[str, Any]) -> Any:
        kept["answers"] = request["arguments"]["answers"]
        problem = {"path": "segments.staff.networks[1]", "message": '"10.3" is no network', "remedy": "write it whole"}
        return {"problems": [problem, {"path": "listen[0]", "message": "of another page", "remedy": ""}]}

    control.answers |= {"setup.look": lambda _: kept, "setup.draft": draft}
    form = {
        "name-0": "pupils", "policy-0": "pupil", "networks-0": "10.1.0.0/16",
        "name-1": "staff", "policy-1": "staff", "networks-1": "10.2.0.0/16, 10.3",
        "name-2": "<i>", "policy-2": "staff", "networks-2": "",
    }  # fmt: skip
    response, text = await console.post("/setup/segments", data=form)
    assert response.status == 422
    assert '<a href="#networks-1">' in text and 'id="networks-1-mistake"' in text
    assert "of another page" not in text and "&lt;i&gt;" in text and "<i>" not in text
    assert kept["answers"]["segments"]["staff"]["networks"] == ["10.2.0.0/16", "10.3"]
    assert kept["answers"]["segments"]["staff"]["asked"] == ["10.1.0.54"], "what the page does not ask for stays"


def test_each_page_leads_to_the_next_and_each_answer_has_its_page() -> None:
    assert [after(one.id) for one in STEPS] == [*(one.id for one in STEPS[1:]), "summary"]
    assert {step_of(name).id for name in ANSWERS} == {one.id for one in STEPS}
    assert step_of("accounts[0].login").id == "accounts"


def test_a_page_that_is_sent_as_it_was_shown_changes_no_answer() -> None:
    shown = {
        "school": {"school": "primary-school", "time_zone": "Europe/London"},
        "addresses": {"listen": "10.1.0.53:53\r\n"},
        "segments": {
            "name-0": "pupils", "policy-0": "pupil", "networks-0": "10.1.0.0/16",
            "name-1": "staff", "policy-1": "staff", "networks-1": "10.2.0.0/16", "name-2": "", "other_networks": "",
        },
        "lists": {"recommended": "no"},
        "forwarders": {"forwarders": "system"},
        "mail": {"host": "", "tls": "starttls", "port": "0", "sender": "x@school.example"},
        "backups": {"kind": "none", "folder": ""},
        "accounts": {"login-0": "", "display_name-0": "", "mail-0": "", "role-0": "network_manager"},
    }  # fmt: skip
    for step, form in shown.items():
        assert read_form(step, form, ANSWERS) == ANSWERS, step


@pytest.mark.parametrize(
    ("path", "step", "field"),
    [
        ("segments.pupils.policy", "segments", "policy-0"),
        ("segments.staff.networks[3]", "segments", "networks-1"),
        ('segments."a b"', "segments", ""),
        ("segments.gone.policy", "segments", ""),
        ("accounts[1].display_name", "accounts", "display_name-1"),
        ("accounts[0]", "accounts", "login-0"),
        ("listen[0]", "addresses", "listen"),
        ("backup", "backups", "folder"),
        ("mail.port", "mail", "port"),
        ("feeds", "lists", "accepts"),
    ],
)
def test_a_problem_is_led_to_its_field(path: str, step: str, field: str) -> None:
    page = next(one for one in STEPS if one.id == step)
    problem = {"path": path, "message": "is wrong", "remedy": "mend it"}
    assert mistakes_of([problem], page, ANSWERS) == {field: "Is wrong: mend it."}
    assert step_of(path) == page


async def test_who_leaves_a_page_with_a_mistake_comes_back_to_it(console: RunningConsole, control: FakeControl) -> None:
    control.answers |= {"setup.look": LOOK, "setup.draft": {"problems": []}}
    response, text = await console.post("/setup/lists", data={"recommended": "yes"})
    assert (response.status, "Read the licences" in text) == (422, True)
    assert control.asked("setup.draft")[-1]["arguments"]["step"] == "lists"
    response, _ = await console.post("/setup/lists", data={"recommended": "yes", "accepts": "yes"})
    assert response.status == 303
    assert control.asked("setup.draft")[-1]["arguments"]["step"] == after("lists")
