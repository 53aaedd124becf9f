"""A pupil's code: what a teacher sees of it, and that no pupil is in it."""

from __future__ import annotations

import re

import pytest
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl, Refused, whoami
from tests.unit.console.test_public_pages import HOSTILE

from schoolgate.accounts.roles import Role
from schoolgate.operations import rights

ASKED = {
    "name": "games.example.net",
    "segment": "year-9",
    "reason": "kind",
    "kind": "play",
    "until": "2026-11-30T10:00:00+00:00",
}


@pytest.mark.parametrize("role", list(Role))
async def test_the_page_is_for_those_with_the_right(console: RunningConsole, control: FakeControl, role: Role) -> None:
    control.answers["session.show"] = whoami(role)
    response, text = await console.get("/pupil-code")
    assert response.status == (200 if rights.may((role,), "pages.asked") else 404)
    assert ("Type in the code" in text) is (response.status == 200)


async def test_a_code_shows_site_network_and_reason(console: RunningConsole, control: FakeControl) -> None:
    control.answers |= {"session.show": whoami("teacher"), "pages.asked": ASKED}
    response, text = await console.get("/pupil-code?code=bcd+234")
    assert response.status == 200
    assert control.asked("pages.asked")[0]["arguments"] == {"code": "bcd 234"}
    assert "Year 9" in text
    assert "It is of a kind that is closed for this network: games, films, music and stars." in text
    assert "/explain?name=games.example.net&amp;segment=year-9" in text


async def test_the_site_of_a_code_and_of_the_why_page_is_in_the_form_of_a_request(
    console: RunningConsole, control: FakeControl
) -> None:
    control.answers |= {"session.show": whoami("teacher"), "log.choices": {"segments": ["year-9"]}}
    _, text = await console.get("/requests/new?name=games.example.net&segment=year-9")
    assert "games.example.net</textarea>" in text or 'value="games.example.net"' in text


async def test_a_wrong_code_is_said_beside_its_field(console: RunningConsole, control: FakeControl) -> None:
    def none(_request: object) -> object:
        raise Refused("NoSuchCode", "there is no such code, or its hour is over; ask the pupil for a new one")

    control.answers |= {"session.show": whoami("teacher"), "pages.asked": none}
    response, text = await console.get("/pupil-code?code=%3Cb%3E")
    assert response.status == 422
    assert 'href="#code"' in text
    assert "ask the pupil for a new one" in text
    assert "<b>" not in re.sub(r"<b>decides</b>", "", text)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_text_for_the_teacher(console: RunningConsole, control: FakeControl, name: str) -> None:
    control.answers |= {"session.show": whoami("teacher"), "pages.asked": {**ASKED, "name": name}}
    _, text = await console.get("/pupil-code?code=BCD234")
    assert "<script>alert" not in text and "<img src=x" not in text and "\u202e" not in text and "\x07" not in text
